"""What the critic is told in training: the car's state as the simulator knows it, in numbers near 1."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from deepracer_sim.racing_env import RacingEnv

LOOK_AHEAD = (0.2, 0.4, 0.7, 1.0, 1.4, 1.9, 2.5, 3.2)
"""Distances at which the critic is told how the track turns, metres."""
GRID = 512
"""Places along a lap at which the track's direction is tabulated."""


class CriticState:
    """Describes the cars of an environment.

    Place on the road, motion, how the track turns ahead, the last two commands, and whatever the world drew
    for each car and can tell (`World.hidden`).

    Args:
        env: whose cars.
    """

    def __init__(self, env: RacingEnv) -> None:
        self.env = env
        self._ahead = torch.tensor(LOOK_AHEAD, device=env.device)
        never = torch.zeros(env.num_cars, dtype=torch.bool, device=env.device)
        zero = torch.zeros(env.num_cars, device=env.device)
        places = [env.track.pose_at(env.track_length * k / GRID, never, zero)[:, 2] for k in range(GRID)]
        self._headings = torch.stack(places, 1)
        self.size = self.describe().shape[1]

    def describe(self) -> Tensor:
        """Return the present state of each car, (N, size)."""
        env = self.env
        car, projection, reversed = env.world.state(), env.projection, env.episode.reversed
        turn = car.yaw - projection.heading
        commands = env.recent_commands.permute(1, 0, 2).flatten(1)
        columns = (
            projection.offset / projection.half_width,
            2 * torch.sin(turn),
            torch.cos(turn),
            car.forward_speed / 2,
            car.lateral_speed * 3,
            car.yaw_rate / 4,
            car.steering_angle * 2,
        )
        ahead = self._turn_ahead(projection.distance, projection.heading, reversed)
        return torch.cat((torch.stack(columns, 1), ahead, commands, env.world.hidden()), 1)

    def _turn_ahead(self, distance: Tensor, heading: Tensor, reversed: Tensor) -> Tensor:
        """Return the angles between the track's direction ahead and here, (N, len(LOOK_AHEAD)), radians."""
        length = self.env.track_length[:, None]
        place = (distance[:, None] + self._ahead) / length
        index = (torch.where(reversed[:, None], -place, place) * GRID).round().long().remainder(GRID)
        there = self._headings.gather(1, index) + math.pi * reversed[:, None]
        difference = there - heading[:, None]
        return torch.atan2(torch.sin(difference), torch.cos(difference))
