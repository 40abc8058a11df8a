"""The seam between learning and simulation: what a simulator must offer, embedded, over ROS or in Gazebo."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from deepracer_sim.errors import DeepRacerError
from deepracer_sim.settings import CameraSettings

STEP_TIME = 1 / 15
"""Seconds a step: one camera frame, as on AWS and in every world here."""


class WorldInterrupted(DeepRacerError):
    """A simulator was lost and is back: what was going on in it is gone, and all cars must be respawned."""


@dataclass(frozen=True)
class CarState:
    """Where the cars are and how they move; every tensor has shape (N,), SI units, REP-103 axes.

    Attributes:
        x, y: base_link, the point on the ground between the axles, metres.
        yaw: heading, radians, -pi to pi.
        forward_speed, lateral_speed: velocity in the car's frame, m/s.
        yaw_rate: rad/s.
        steering_angle: angle of the front wheels, radians, left positive.
    """

    x: Tensor
    y: Tensor
    yaw: Tensor
    forward_speed: Tensor
    lateral_speed: Tensor
    yaw_rate: Tensor
    steering_angle: Tensor


def wrapped(angle: Tensor) -> Tensor:
    """Return the same angles between -pi and pi, radians."""
    return (angle + math.pi).remainder(2 * math.pi) - math.pi


class World(Protocol):
    """A simulator of N cars that moves in steps of `STEP_TIME`.

    Everything above it (reward, progress, episodes, training, evaluation) is written once for all worlds.
    """

    num_cars: int
    device: torch.device
    camera: CameraSettings

    def respawn(self, mask: Tensor, pose: Tensor) -> None:
        """Put the cars in `mask` (N,) at rest at `pose` (N, 3): x, y in metres, yaw in radians."""
        ...

    def step(self, command: Tensor) -> None:
        """Drive for one step towards `command` (N, 2): steering angle in radians, speed in m/s."""
        ...

    def state(self) -> CarState:
        """Return the state at the end of the last step."""
        ...

    def images(self) -> Tensor:
        """Return what the cameras see in that state, (N, height, width, channels) uint8."""
        ...

    def hidden(self) -> Tensor:
        """Return what the world drew for each car and nobody on the car can see, (N, K), numbers near 1.

        Only the critic is told, in training; a world that cannot know returns K = 0.
        """
        ...

    def pause(self) -> None:
        """Let time stand still until the next step; a world that moves only in steps does nothing."""
        ...

    def seed(self, seed: int) -> None:
        """Restart the world's random draws; a world without any does nothing."""
        ...

    def snapshot(self) -> dict[str, Any] | None:
        """Return all that changes from step to step; None where the world cannot be put back."""
        ...

    def restore(self, snapshot: dict[str, Any]) -> None:
        """Go back to a `snapshot` of a world with the same settings."""
        ...

    def close(self) -> None:
        """Let go of processes and connections; the world cannot be used afterwards."""
        ...
