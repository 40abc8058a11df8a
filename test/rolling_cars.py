"""Cars that roll straight ahead, and commands that are held for a while."""

from __future__ import annotations

import math
from dataclasses import replace

import torch
from torch import Tensor

from deepracer_sim.car import CarMotion, CarParameters, Substep, advance
from deepracer_sim.embedded_world import SUBSTEPS
from deepracer_sim.settings import CarSettings
from deepracer_sim.world import STEP_TIME

SUBSTEP = STEP_TIME / SUBSTEPS


def nominal(count: int, **settings: float) -> CarParameters:
    return CarParameters.nominal(CarSettings(**settings), count)


def rolling(speeds: list[float] | Tensor, heading: float = 0.0) -> CarMotion:
    """Cars at the origin that roll straight ahead, in float64."""
    speed = torch.as_tensor(speeds, dtype=torch.float64)
    pose = torch.zeros(len(speed), 3, dtype=torch.float64)
    pose[:, 2] = heading
    return replace(CarMotion.at_rest(pose), forward_speed=speed)


def drive(
    motion: CarMotion, command: Tensor, car: CarParameters, seconds: float, substep: float = SUBSTEP
) -> list[CarMotion]:
    """Hold a command (N, 2); return the motion after every substep, the one at the start first."""
    path = [motion]
    constants = Substep.of(car, substep)
    for _ in range(round(seconds / substep)):
        path.append(advance(path[-1], command, constants))
    return path


def degrees(angles: list[float], speeds: list[float]) -> Tensor:
    return torch.tensor([(math.radians(angle), speed) for angle, speed in zip(angles, speeds, strict=True)])


def speed_of(motion: CarMotion) -> Tensor:
    return torch.hypot(motion.forward_speed, motion.lateral_speed)


def place_of(motion: CarMotion) -> Tensor:
    return torch.stack((motion.x, motion.y), 1)


def random_commands(count: int, steps: int) -> Tensor:
    """A new command for each of `steps` steps, (steps, count, 2)."""
    generator = torch.Generator().manual_seed(5)
    unit = torch.rand(steps, count, 2, generator=generator)
    return unit * torch.tensor([1.2, 4.0]) - torch.tensor([0.6, 0.0])
