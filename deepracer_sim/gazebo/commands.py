"""The `deepracer gazebo` subcommands."""

from __future__ import annotations

import time
from contextlib import closing
from pathlib import Path

from deepracer_sim.command_options import Command
from deepracer_sim.errors import GazeboError

LOOK = 0.2
"""Seconds between two looks at whether gzserver still runs."""
DEFAULT_TRACK = "reinvent_2018"


def install_gazebo(prefix: Path | None = None, mirror: str | None = None) -> None:
    """Set up Gazebo Classic 11, or compile the lock-step plugin for the one that the machine has.

    Where the machine has none, it comes from Debian 11, in a folder of its own. An installation that was
    interrupted goes on where it stopped.

    Args:
        prefix: folder of the installation; by default $DEEPRACER_GAZEBO or ~/.cache/deepracer/gazebo.
        mirror: address of a Debian mirror; by default that of this machine's own packages.
    """
    from deepracer_sim.gazebo.install import install

    install(prefix, mirror)


def run_gazebo(track: str = DEFAULT_TRACK, cars: int = 1, gui: bool = False, port: int = 0) -> None:
    """Start Gazebo with a track and cars, until Ctrl-C.

    Args:
        track: name, file, or random:SEED.
        cars: how many.
        gui: show Gazebo's window.
        port: of the lock-step plugin; 0 for $DEEPRACER_LOCKSTEP_PORT or a free one.
    """
    from deepracer_sim.gazebo.car_model import Fleet
    from deepracer_sim.gazebo.track_server import TrackServer
    from deepracer_sim.simulation import Course

    with closing(TrackServer(Course.load([track]), Fleet(num_cars=cars), gui, port)) as running:
        server = running.server
        print(f"lock-step plugin  127.0.0.1:{server.port}")
        print(f"GAZEBO_MASTER_URI {server.master_uri}")
        print(f"log               {server.log}")
        print("Ctrl-C ends it", flush=True)
        while server.is_running():
            time.sleep(LOOK)
        raise GazeboError(server.end_reason())


def build_worlds(track: str | None = None, output: Path = Path("gazebo"), cars: int = 1) -> None:
    """Write worlds and models for Gazebo Classic 11 and the new Gazebo.

    Args:
        track: name, file, or random:SEED; all built-in tracks if absent.
        output: folder to write.
        cars: how many on the track.
    """
    from deepracer_sim.gazebo.car_model import Fleet
    from deepracer_sim.gazebo.world_file import build
    from deepracer_sim.simulation import Course
    from deepracer_sim.track_library import list_tracks

    for name in [track] if track else [row.name for row in list_tracks()]:
        course = Course.load([name])
        print(build(course.tracks[0], course.grounds[0], output, Fleet(num_cars=cars)), flush=True)


COMMANDS: dict[str, Command] = {"install": install_gazebo, "run": run_gazebo, "build": build_worlds}
