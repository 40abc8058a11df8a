"""A Gazebo with a track and cars, its world built for the time that it runs."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from deepracer_sim.errors import GazeboError
from deepracer_sim.gazebo.car_model import Fleet
from deepracer_sim.gazebo.gazebo_world import GazeboWorld
from deepracer_sim.gazebo.installation import find
from deepracer_sim.gazebo.server import GazeboServer
from deepracer_sim.gazebo.world_file import build
from deepracer_sim.simulation import Course


class TrackServer:
    """A Gazebo that runs, and the folder of its world, which goes with it.

    Args:
        course: the track.
        fleet: the cars.
        gui: show Gazebo's window.
        port: of the lock-step plugin, as `GazeboServer` has it.

    Attributes:
        world: the file of its world.
        server: the Gazebo.

    Raises:
        GazeboError: Gazebo is not installed, does not start, or cannot have such cars, or several tracks.
    """

    def __init__(self, course: Course, fleet: Fleet, gui: bool = False, port: int = 0) -> None:
        if len(course.tracks) != 1:
            names = ", ".join(track.name for track in course.tracks)
            raise GazeboError(f"tracks {names}: Gazebo has one at a time; choose one, or the embedded world")
        installation = find()
        self._folder = TemporaryDirectory(prefix="deepracer-gazebo-")
        try:
            self.world = build(course.tracks[0], course.grounds[0], Path(self._folder.name), fleet)
            self.server = GazeboServer(self.world, gui=gui, installation=installation, port=port)
        except BaseException:
            self._folder.cleanup()
            raise

    @property
    def port(self) -> int:
        """Of the lock-step plugin."""
        return self.server.port

    def restart(self) -> None:
        """End what is left of it and start it again; its port may be another one."""
        self.server.restart()

    def close(self) -> None:
        """End it and remove its world."""
        try:
            self.server.close()
        finally:
            self._folder.cleanup()


def open_world(course: Course, fleet: Fleet, gui: bool = False) -> GazeboWorld:
    """Return the cars of a Gazebo that is started for them and ends with the world.

    Args:
        course: its track.
        fleet: the cars; of how they drive, Gazebo takes the servo's lag, acceleration, braking and latency.
        gui: show Gazebo's window.

    Raises:
        GazeboError: as `TrackServer`.
    """
    server = TrackServer(course, fleet, gui)
    try:
        return GazeboWorld(server, fleet.camera, fleet.car.latency)
    except BaseException:
        server.close()
        raise
