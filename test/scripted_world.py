"""Tracks and a world in which every pose is put by hand.

The square: 4 m, corners at (0, 0) and (4, 4), driven counter-clockwise from (2, 0), borders 0.5 m to each
side, 16 m long. Distances are measured at AWS's reference point, 0.14 m ahead of base_link.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from deepracer_sim.racing_env import Outcome, RacingEnv
from deepracer_sim.reward import RewardState
from deepracer_sim.settings import CameraSettings, EpisodeSettings
from deepracer_sim.track import Track
from deepracer_sim.world import CarState

SQUARE = [(2, 0), (3, 0), (4, 0), (4, 1), (4, 2), (4, 3), (4, 4), (3, 4),
          (2, 4), (1, 4), (0, 4), (0, 3), (0, 2), (0, 1), (0, 0), (1, 0)]  # fmt: skip

ACTIONS = torch.tensor([(0.0, 1.0), (0.3, 2.0), (0.0, 0.0)])

CENTRE = {"start_offset": 0.0, "start_heading": 0.0, "direction": "forward"}


def square() -> Track:
    def beside(distance: float) -> Tensor:
        def inwards(value: int) -> float:
            return distance * ((value == 0) - (value == 4))

        return torch.tensor([(x + inwards(x), y + inwards(y)) for x, y in SQUARE])

    return Track("square", torch.tensor(SQUARE, dtype=torch.float32), beside(0.5), beside(-0.5))


def circle(radius: float = 2.0) -> Track:
    """From (radius, 0) counter-clockwise, 0.8 m wide."""
    angle = torch.arange(720) * math.tau / 720
    ring = torch.stack((angle.cos(), angle.sin()), 1)
    return Track("circle", radius * ring, (radius - 0.4) * ring, (radius + 0.4) * ring)


class ScriptedWorld:
    """A world whose cars are moved by hand: each step takes the next poses (N, 3) of `path`."""

    def __init__(self, num_cars: int) -> None:
        self.num_cars = num_cars
        self.device = torch.device("cpu")
        self.camera = CameraSettings()
        self.pose = torch.zeros(num_cars, 3)
        self.path: list[Tensor] = []
        self.commands: list[Tensor] = []

    def respawn(self, mask: Tensor, pose: Tensor) -> None:
        self.pose = torch.where(mask[:, None], pose, self.pose)

    def step(self, command: Tensor) -> None:
        self.commands.append(command)
        if self.path:
            self.pose = self.path.pop(0)

    def state(self) -> CarState:
        zero = torch.zeros(self.num_cars)
        return CarState(*self.pose.unbind(1), zero, zero, zero, zero)

    def images(self) -> Tensor:
        return torch.full((self.num_cars, 2, 2, 1), len(self.commands), dtype=torch.uint8)

    def hidden(self) -> Tensor:
        return torch.zeros(self.num_cars, 0)

    def seed(self, seed: int) -> None:
        self.seeded = seed

    def snapshot(self) -> dict[str, Tensor] | None:
        return {"pose": self.pose}

    def restore(self, snapshot: dict[str, Tensor]) -> None:
        self.pose = snapshot["pose"]

    def close(self) -> None:
        pass


class Gain:
    """A reward that can be told from others: metres gained, less a tenth a step."""

    term_names = ("gain", "time")

    def __call__(self, state: RewardState) -> tuple[Tensor, dict[str, Tensor]]:
        time = torch.full_like(state.step_distance, -0.1)
        return state.step_distance + time, {"gain": state.step_distance, "time": time}


def env_of(num_cars: int = 1, tracks: list[Track] | None = None, seed: int = 0, **settings) -> RacingEnv:
    tracks = tracks or [square()]
    index = torch.arange(num_cars) % len(tracks)
    episode = EpisodeSettings(**{**CENTRE, **settings})
    return RacingEnv(ScriptedWorld(num_cars), tracks, index, ACTIONS, Gain(), episode, seed)


def started(env: RacingEnv, distance: float = 0.0, reversed: bool = False) -> RacingEnv:
    """Put all cars at one place."""
    everyone = torch.ones(env.num_cars, dtype=torch.bool)
    env.place(everyone, torch.full((env.num_cars,), distance), everyone & reversed)
    return env


def move(env: RacingEnv, *poses: tuple[float, float, float], action: int = 0) -> Outcome:
    """Step the cars to the given poses, one for each."""
    env.world.path = [torch.tensor(poses)]
    return env.step(torch.full((env.num_cars,), action))


def drive_along(env: RacingEnv, distances: list[float], reversed: bool = False) -> list[Outcome]:
    """Step base_link of all cars to places on the centre line."""
    count = env.num_cars
    backwards, zero = torch.full((count,), reversed), torch.zeros(count)
    outcomes = []
    for distance in distances:
        env.world.path = [env.track.pose_at(torch.full((count,), distance), backwards, zero)]
        outcomes.append(env.step(torch.zeros(count, dtype=torch.long)))
    return outcomes
