"""The grid of a track's places over which a reward function is drawn."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import torch

from deepracer_sim.reward import ProgressReward, RewardState, aws_params
from deepracer_sim.reward_validation import trial_request, try_params
from deepracer_sim.track import Track
from deepracer_sim.world import STEP_TIME

ROAD_LANES = 11
"""An odd number: one is in the middle."""
BESIDE = (0.08, 0.3)
"""Metres from the border: up to the first some wheels are still on the road, beyond it none is."""
STATIONS = 0.15
"""Metres of a track to one cell, if that makes neither too few nor too many."""
FEWEST_STATIONS, MOST_STATIONS = 60, 140
MOST_STEPS = 400
"""Of a lap along one lane; a slow car on a long track takes longer ones."""


class RewardGrid:
    """Lanes across the road and beside it, stations along it, and a car that drives along each lane.

    Args:
        track: one track, not a stack.
        speed: of the car, m/s.

    Attributes:
        on_road: for each lane, whether it is on the road.
    """

    def __init__(self, track: Track, speed: float) -> None:
        self.track, self.speed = track, speed
        self.length = float(track.length)
        self.stations = min(max(round(self.length / STATIONS), FEWEST_STATIONS), MOST_STATIONS)
        self.steps = min(max(round(self.length / (speed * STEP_TIME)), self.stations), MOST_STEPS)
        beside = len(BESIDE)
        self.on_road = (*[False] * beside, *[True] * ROAD_LANES, *[False] * beside)

    def corners(self) -> tuple[tuple[tuple[float, float], ...], ...]:
        """Return the corners of all cells, by station's edge, then by lane's edge."""
        shares = torch.linspace(1.0, -1.0, ROAD_LANES + 1)
        beside = torch.tensor(BESIDE)
        share = torch.cat((torch.ones(len(BESIDE)), shares, -torch.ones(len(BESIDE))))
        extra = torch.cat((beside.flip(0), torch.zeros(len(shares)), -beside))
        distance = torch.linspace(0.0, self.length, self.stations + 1)
        points = self._poses(distance, share, extra)[:, :2].double()
        rows = points.reshape(len(distance), len(share), 2).tolist()
        rows[-1] = rows[0]  # the same place, but in the direction of the last segment
        return tuple(tuple((round(x, 3), round(y, 3)) for x, y in row) for row in rows)

    def states(self) -> RewardState:
        """Return the state at each step along each lane, lane by lane."""
        lanes = torch.linspace(1.0, -1.0, 2 * ROAD_LANES + 1)[1::2]
        edges = (0.0, *BESIDE)
        beside = torch.tensor([(low + high) / 2 for low, high in pairwise(edges)])
        share = torch.cat((torch.ones(len(BESIDE)), lanes, -torch.ones(len(BESIDE))))
        extra = torch.cat((beside.flip(0), torch.zeros(len(lanes)), -beside))
        progress = (torch.arange(self.steps) + 0.5) / self.steps
        pose = self._poses(progress * self.length, share, extra)
        pose = pose.reshape(self.steps, len(share), 3).transpose(0, 1).reshape(-1, 3)
        count, step = len(pose), torch.arange(self.steps).repeat(len(share)) + 1
        forward = torch.zeros(count, dtype=torch.bool)
        projection = self.track.project(pose[:, :2], forward)
        from_border = projection.half_width - projection.offset.abs()
        return RewardState(
            position=pose[:, :2],
            heading=pose[:, 2],
            projection=projection,
            progress=100.0 * progress.repeat(len(share)),
            steps=step,
            speed=torch.full((count,), self.speed),
            steering_angle=torch.zeros(count),
            step_distance=torch.full((count,), self.speed * STEP_TIME),
            reversed=forward,
            all_wheels_on_track=from_border > BESIDE[0],
            is_offtrack=from_border < -BESIDE[0],
            is_crashed=forward,
            track_length=self.track.length.expand(count),
            sim_time=step * STEP_TIME,
        )

    def rewards_of(self, source: str, name: str) -> tuple[Sequence[float | None], str]:
        """Return what a source pays in each of the states, and why some are missing.

        Args:
            source: of a user; it runs in a child process.
            name: of its file, for messages.
        """
        params = aws_params(self.states(), self.track)
        request = trial_request(name, source.encode("utf-8", "replace").decode(), params)
        report = try_params(request, self.track.name, params)
        first = report.errors[0] if report.errors else None
        place = f"line {first.line}: " if first and first.line else ""
        return report.rewards, f"{place}{first.message}" if first else ""

    def builtin_rewards(self, max_speed: float) -> tuple[Sequence[float | None], str]:
        """Return what the built-in reward pays in each of the states."""
        rewards, _ = ProgressReward(max_speed, STEP_TIME)(self.states())
        return rewards.tolist(), ""

    def cells(self, rewards: Sequence[float | None]) -> tuple[tuple[float | None, ...], ...]:
        """Return the mean reward of each cell, by station, then by lane.

        Args:
            rewards: of the states in order; where there are fewer, the rest has none.
        """
        lanes = len(self.on_road)
        found: list[list[list[float]]] = [[[] for _ in range(lanes)] for _ in range(self.stations)]
        for index, reward in enumerate(rewards):
            lane, step = divmod(index, self.steps)
            if reward is not None:
                found[math.floor((step + 0.5) / self.steps * self.stations)][lane].append(reward)
        return tuple(tuple(sum(cell) / len(cell) if cell else None for cell in station) for station in found)

    def _poses(self, distance: torch.Tensor, share: torch.Tensor, extra: torch.Tensor) -> torch.Tensor:
        """Give the poses at each distance and, for each of them, each place across the road.

        Args:
            distance: along the centre line, metres, `(D,)`.
            share: of half the road's width, 1 at the left border, `(L,)`.
            extra: metres further to the left, `(L,)`.

        Returns:
            `(D * L, 3)`.
        """
        forward = torch.zeros(len(distance), dtype=torch.bool)
        distance = distance.clamp(max=self.length * (1.0 - 1e-6))
        on_line = self.track.pose_at(distance, forward, torch.zeros_like(distance))
        half_width = self.track.project(on_line[:, :2], forward).half_width
        offset = (half_width[:, None] * share + extra).reshape(-1)
        count = len(share)
        return self.track.pose_at(distance.repeat_interleave(count), forward.repeat_interleave(count), offset)
