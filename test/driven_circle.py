"""A circle of radius 1 m and cars that are moved along it by hand: every lap time is 2 pi over the speed."""

from __future__ import annotations

import math

import numpy as np
import torch

from deepracer_sim.evaluation import CarRun, Ending, Evaluation, Lap, Trace
from deepracer_sim.racing_env import RacingEnv, Status
from deepracer_sim.reward import ProgressReward
from deepracer_sim.settings import CameraSettings, EpisodeSettings
from deepracer_sim.track import Track
from deepracer_sim.world import STEP_TIME, CarState

LAP = 2 * math.pi  # metres, and seconds at 1 m/s
DRIVE, LEAVE, STAND, BACK, CREEP = range(5)
ACTIONS = torch.tensor(((0.0, 1.0), (0.5, 1.0), (0.0, 0.0), (0.0, -1.0), (0.0, 0.2)))
"""Drive along the circle at 1 m/s; jump 2 m outwards; stand; drive backwards; creep."""


def circle(name: str = "circle", points: int = 400) -> Track:
    """Return a circle of radius 1 m around the origin, 1 m wide, counter-clockwise from (1, 0)."""
    angle = torch.arange(points, dtype=torch.float64) * (2 * math.pi / points)
    line = torch.stack((angle.cos(), angle.sin()), 1)
    return Track(name, line.float(), 0.5 * line.float(), 1.5 * line.float())


class RailWorld:
    """A `World` without dynamics: speed moves a car along the circle, steering throws it off."""

    camera = CameraSettings(width=16, height=12)

    def __init__(self, num_cars: int) -> None:
        self.num_cars = num_cars
        self.device = torch.device("cpu")
        self.angle, self.radius, self.sense, self.speed = (torch.zeros(num_cars) for _ in range(4))
        self.steps = 0

    def respawn(self, mask: torch.Tensor, pose: torch.Tensor) -> None:
        angle = torch.atan2(pose[:, 1], pose[:, 0])
        sense = torch.sign(torch.sin(pose[:, 2] - angle))
        self.angle = torch.where(mask, angle, self.angle)
        self.sense = torch.where(mask, sense, self.sense)
        self.radius = torch.where(mask, 1.0, self.radius)
        self.speed = torch.where(mask, 0.0, self.speed)

    def step(self, command: torch.Tensor) -> None:
        leaves = command[:, 0] > 0
        self.radius = torch.where(leaves, 3.0, self.radius)
        self.speed = torch.where(leaves, 0.0, command[:, 1])
        self.angle = self.angle + self.sense * self.speed * STEP_TIME
        self.steps += 1

    def state(self) -> CarState:
        x, y = self.radius * self.angle.cos(), self.radius * self.angle.sin()
        zero = torch.zeros_like(x)
        return CarState(x, y, self.angle + self.sense * math.pi / 2, self.speed, zero, zero, zero)

    def images(self) -> torch.Tensor:
        return torch.full((self.num_cars, 12, 16, 1), self.steps % 256, dtype=torch.uint8)

    def seed(self, seed: int) -> None: ...

    def snapshot(self) -> None: ...

    def restore(self, snapshot: dict) -> None: ...

    def close(self) -> None: ...


def rail_env(num_cars: int = 1, tracks: tuple[Track, ...] = ()) -> RacingEnv:
    """Return cars that stand on the start line; several tracks are dealt out in turn."""
    tracks = tracks or (circle(),)
    index = torch.arange(num_cars) % len(tracks)
    settings = EpisodeSettings(laps=1000, max_steps=100_000, start="line", direction="forward")
    settings = settings.replaced(start_offset=0, start_heading=0)
    env = RacingEnv(RailWorld(num_cars), tracks, index, ACTIONS, ProgressReward(1.0, STEP_TIME), settings)
    env.reset()
    return env


def circle_evaluation(steps: int = 200, images: bool = True, left_at: int | None = None) -> Evaluation:
    """Return two laps of the circle by hand, 1/15 m a step, as `evaluate` would judge them.

    The speed that it tells is 1 m/s in the east and 0.5 m/s in the west.

    Args:
        steps: driven; two laps take 189.
        images: keep grey 16x12 ones that get brighter with each step.
        left_at: the step that led off the road, after which the car was put back.
    """
    travelled = (np.arange(1, steps + 1, dtype=np.float32) * np.float32(STEP_TIME))[:, None]
    fault = np.zeros((steps, 1), np.int64)
    radius = np.ones((steps, 1), np.float32)
    if left_at is not None:
        fault[left_at], radius[left_at] = Status.OFF_TRACK, 2.0
    frames = np.broadcast_to(np.arange(steps)[:, None, None, None] % 256, (steps, 12, 16, 1)).astype(np.uint8)
    trace = Trace(
        x=radius * np.cos(travelled),
        y=radius * np.sin(travelled),
        yaw=travelled + np.float32(math.pi / 2),
        speed=np.where(np.cos(travelled) > 0, 1.0, 0.5).astype(np.float32),
        action=np.zeros((steps, 1), np.int64),
        travelled=travelled,
        alive=travelled < 2 * LAP + STEP_TIME,
        fault=fault,
        images=frames if images else None,
    )
    resets = int(left_at is not None)
    laps = [Lap(LAP + 5 * resets, resets), Lap(LAP, 0)][: int(travelled[-1, 0] / LAP)]
    run = CarRun(
        track="circle",
        start=0.0,
        reversed=False,
        wanted_laps=2,
        distance=min(2.0, float(travelled[-1, 0]) / LAP),
        laps=tuple(laps),
        faults=(Status.OFF_TRACK,) * resets,
        ending=Ending.FINISHED if len(laps) == 2 else Ending.TIME_UP,
    )
    return Evaluation((run,), trace)
