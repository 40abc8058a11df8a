"""A world as ROS knows a simulator: a clock that can be held, entities with names, commands that go stale."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from deepracer_sim.car import WHEEL_POINTS, points_in_world
from deepracer_sim.embedded_world import EmbeddedWorld
from deepracer_sim.errors import SettingError
from deepracer_sim.ros.world_settings import WorldSettings
from deepracer_sim.simulation import Course
from deepracer_sim.starting_grid import car_names, start_poses
from deepracer_sim.track import Track
from deepracer_sim.world import STEP_TIME, CarState, World, WorldInterrupted

NANOSECONDS = 1_000_000_000
FRAMES_A_SECOND = round(1 / STEP_TIME)
COMMAND_TIMEOUT = 0.5
"""Simulated seconds without a command after which a car gets no throttle."""
PLACEMENT_TIME = 1_000_000
"""Nanoseconds by which the clock goes on when cars are put elsewhere."""
FURTHEST = 1000.0
"""Metres from the origin, along each axis, beyond which no car is put."""


def off_track(track: Track, cars: CarState) -> Tensor:
    """Tell for each of N cars, (N,), whether none of its wheels is on the road."""
    return ~track.is_on_road(points_in_world(cars, torch.tensor(WHEEL_POINTS))).any(1)


class Motion(NamedTuple):
    """One car's state in plain numbers; see `CarState`."""

    x: float
    y: float
    yaw: float
    forward_speed: float
    lateral_speed: float
    yaw_rate: float
    steering_angle: float


class Simulator:
    """Cars on a track with a clock; nothing here is ROS.

    The clock counts frames of 1/15 s, and a millisecond for each time that cars are put elsewhere: no two
    states ever have the same time, so a picture's stamp tells which one it shows. When the world was lost and
    is back, the clock begins at 0 again: by that, whoever drives the cars knows.

    Args:
        world: the cars.
        track: that they are on; they start spread evenly along it.

    Attributes:
        is_paused: time stands still.
        is_stopped: it was paused and put back to its start by a client that calls that stopped.
    """

    def __init__(self, world: World, track: Track) -> None:
        self.world, self.track = world, track
        self.names = car_names(world.num_cars)
        self.is_paused = False
        self.is_stopped = False
        self.command = torch.zeros(world.num_cars, 2)
        self.travelled = [0.0] * world.num_cars
        self._motions: list[Motion] | None = None
        self._commanded = [0] * world.num_cars
        self._frame = 0
        self._placements = 0
        self.reset_cars()

    @property
    def time(self) -> int:
        """Simulated time in nanoseconds."""
        return self._frame * NANOSECONDS // FRAMES_A_SECOND + self._placements * PLACEMENT_TIME

    def advance(self) -> None:
        """Drive for a frame; a car whose last command is older than `COMMAND_TIMEOUT` rolls out."""
        for car, since in enumerate(self._commanded):
            if self.time - since > COMMAND_TIMEOUT * NANOSECONDS:
                self.command[car, 1] = 0.0
        try:
            self.world.step(self.command.clone())
        except WorldInterrupted:
            self._start_anew()
            return
        self._frame += 1
        self._motions = None
        for car in range(self.world.num_cars):
            self.travelled[car] += self.motion(car).forward_speed * STEP_TIME

    def drive(self, car: int, steering_angle: float, speed: float) -> None:
        """Give a car (its index) a command that holds until the next one: radians and m/s."""
        self.command[car, 0] = steering_angle
        self.command[car, 1] = speed
        self._commanded[car] = self.time

    def place(self, cars: Sequence[int], poses: Tensor) -> None:
        """Put cars (their indices) at rest at poses (len(cars), 3): x, y in metres, yaw in radians.

        Raises:
            SettingError: a pose is not finite or beyond `FURTHEST`.
        """
        if not bool((poses[:, :2].abs() <= FURTHEST).all() and poses.isfinite().all()):
            raise SettingError(
                f"pose x, y, yaw = {poses.tolist()}: must be finite, within {FURTHEST:g} m from the origin"
            )
        mask = torch.zeros(self.world.num_cars, dtype=torch.bool)
        mask[list(cars)] = True
        everyone = torch.zeros(self.world.num_cars, 3)
        everyone[list(cars)] = poses
        self.command[mask] = 0.0
        for car in cars:
            self.travelled[car] = 0.0
        try:
            self.world.respawn(mask, everyone)
        except WorldInterrupted:
            self._start_anew()
            self.world.respawn(mask, everyone)
        self._motions = None
        self._placements += 1

    def index(self, name: str) -> int:
        """Return the index of the car of that name.

        Raises:
            SettingError: there is none.
        """
        if name not in self.names:
            raise SettingError(f"no car {name!r}: there are {', '.join(self.names)}")
        return self.names.index(name)

    def reset_time(self) -> None:
        """Set the clock back to 0."""
        self._frame = self._placements = 0
        self._commanded = [0] * self.world.num_cars

    def reset_cars(self) -> None:
        """Put all cars back to where they started."""
        count = self.world.num_cars
        self.place(range(count), start_poses(self.track, count))

    def _start_anew(self) -> None:
        self.reset_time()
        self.reset_cars()

    def state(self) -> CarState:
        """Return the state of all cars now."""
        return self.world.state()

    def motion(self, car: int) -> Motion:
        """Return the state of a car (its index) now."""
        if self._motions is None:
            state = self.state()
            columns = torch.stack([getattr(state, name) for name in Motion._fields], 1)
            self._motions = [Motion(*row) for row in columns.tolist()]
        return self._motions[car]

    def off_track(self) -> Tensor:
        """Tell for each car, (N,), whether none of its wheels is on the road."""
        return off_track(self.track, self.state())


def simulator_of(settings: WorldSettings, note: Callable[[str], None] = lambda text: None) -> Simulator:
    """Return the simulator that the settings describe, its cars on the track.

    Args:
        settings: of the node.
        note: told when Gazebo was lost and is started again.

    Raises:
        SettingError: a simulator without a window is to show one.
        TrackError: the track is unknown or no valid one.
        GazeboError: Gazebo is not installed, or does not start.
    """
    torch.set_num_threads(1)
    course = Course.load([settings.track])
    if settings.simulator == "gazebo":
        from deepracer_sim.gazebo.car_model import Fleet
        from deepracer_sim.gazebo.track_server import open_world

        gazebo = open_world(course, Fleet(settings.num_cars, settings.camera, settings.car), settings.gui)
        gazebo.note = note
        gazebo.seed(settings.seed)
        return Simulator(gazebo, course.tracks[0])
    if settings.gui:
        raise SettingError("parameter gui=True: the embedded simulator has no window; Gazebo has one")
    world = EmbeddedWorld(
        course.grounds,
        torch.zeros(settings.num_cars, dtype=torch.long),
        settings.camera,
        settings.car,
        settings.randomisation,
        seed=settings.seed,
    )
    return Simulator(world, course.tracks[0])
