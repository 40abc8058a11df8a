"""Recording the steps of some cars while they collect experience, and cutting them into episodes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from deepracer_sim.car import reference_point
from deepracer_sim.held_prints import HeldPrints
from deepracer_sim.racing_env import Outcome, RacingEnv
from deepracer_sim.reward import PythonReward
from deepracer_sim.world import STEP_TIME

RECORDED_CARS = 64
"""At most; so many end about 20 episodes between two evaluations of a training with the default settings."""
FIELDS = (
    "steps",
    "x",
    "y",
    "heading",
    "steering_angle",
    "speed",
    "action",
    "reward",
    "done",
    "all_wheels_on_track",
    "progress",
    "waypoint",
    "status",
    "reversed",
    "start_x",
    "start_y",
    "start_heading",
    "start_waypoint",
)
"""Columns of a recording; those that begin with `start` are from before the step."""


@dataclass(frozen=True)
class Recording:
    """A car's steps.

    Attributes:
        car: whose.
        rows: (T, len(FIELDS)) float32, SI units.
        time: (T,) simulated seconds at the end of each step.
        wall_clock: (T,) Unix time.
        prints: what the reward function printed in each step.
    """

    car: int
    rows: NDArray[np.float32]
    time: NDArray[np.float64]
    wall_clock: NDArray[np.float64]
    prints: list[str]

    def __getitem__(self, name: str) -> NDArray[np.float32]:
        """Return a column."""
        return self.rows[:, FIELDS.index(name)]

    @property
    def is_whole(self) -> bool:
        """It begins with the first step of an episode: a resumed training is in the middle of some."""
        return bool(self["steps"][0] == 1)

    def part(self, begin: int, end: int) -> Recording:
        """Return some of the steps."""
        steps = slice(begin, end)
        return Recording(
            self.car, self.rows[steps], self.time[steps], self.wall_clock[steps], self.prints[steps]
        )


class StepRecorder:
    """Records the first cars of an environment; nothing is moved off its device before `take`.

    Args:
        env: whose cars.
        prints: what its reward function prints; what it prints for the recorded cars is held.
    """

    def __init__(self, env: RacingEnv, prints: HeldPrints) -> None:
        self._env, self._prints = env, prints
        self.cars = min(env.num_cars, RECORDED_CARS)
        reward = env.reward
        if isinstance(reward, PythonReward):
            prints.car = lambda: reward.car
        self._before: tuple[Tensor, ...] = ()
        self._rows: list[Tensor] = []
        self._clock: list[float] = []
        self._printed: list[dict[int, str]] = []
        self._unfinished: dict[int, list[Recording]] = {}
        prints.cars = self.cars

    def look(self) -> None:
        """Note where the cars are before a step."""
        car = self._env.world.state()
        waypoint = self._env.projection.closest_waypoints[:, 0]
        self._before = (*reference_point(car).unbind(1), car.yaw, waypoint)

    def record(self, actions: Tensor, outcome: Outcome) -> None:
        """Note what a step brought; actions are (N,)."""
        state = outcome.state
        values = (
            state.steps,
            *state.position.unbind(1),
            state.heading,
            state.steering_angle,
            state.speed,
            actions,
            outcome.reward,
            outcome.terminated | outcome.truncated,
            state.all_wheels_on_track,
            state.progress,
            state.projection.closest_waypoints[:, 0],
            outcome.status,
            state.reversed,
            *self._before,
        )
        self._rows.append(torch.stack([value[: self.cars].float() for value in values]))
        self._clock.append(time.time())
        self._printed.append(self._prints.take())

    def take(self, steps_before: int) -> list[Recording]:
        """Return the episodes that ended since the last call, car by car.

        Args:
            steps_before: steps that the simulator had done before those since the last call.
        """
        if not self._rows:
            return []
        ended = [
            episode for recording in self._recordings(steps_before) for episode in self._episodes(recording)
        ]
        self._rows, self._clock, self._printed = [], [], []
        return ended

    def _recordings(self, steps_before: int) -> Iterator[Recording]:
        rows = torch.stack(self._rows).cpu().numpy()
        seconds = np.arange(steps_before + 1, steps_before + 1 + len(rows), dtype=np.float64) * STEP_TIME
        clock = np.array(self._clock)
        for car in range(self.cars):
            prints = [printed.get(car, "") for printed in self._printed]
            yield Recording(car, rows[:, :, car], seconds, clock, prints)

    def _episodes(self, recording: Recording) -> Iterator[Recording]:
        """Give the episodes that end in a recording; keep what begins in it and goes on."""
        pieces = self._unfinished.pop(recording.car, [])
        begin = 0
        for end in (np.flatnonzero(recording["done"]) + 1).tolist():
            yield _joined([*pieces, recording.part(begin, end)])
            pieces, begin = [], end
        if begin < len(recording.rows):
            self._unfinished[recording.car] = [*pieces, recording.part(begin, len(recording.rows))]

    def drop(self) -> str:
        """Forget the episodes under way; return what was printed in them."""
        earlier = [text for pieces in self._unfinished.values() for piece in pieces for text in piece.prints]
        now = [text for printed in (*self._printed, self._prints.take()) for text in printed.values()]
        self._rows, self._clock, self._printed, self._unfinished = [], [], [], {}
        return "".join(earlier + now)


def _joined(pieces: list[Recording]) -> Recording:
    if len(pieces) == 1:
        return pieces[0]
    rows, seconds, clock = (
        np.concatenate([getattr(piece, name) for piece in pieces]) for name in ("rows", "time", "wall_clock")
    )
    return Recording(pieces[0].car, rows, seconds, clock, [text for piece in pieces for text in piece.prints])
