"""What AWS's metrics and traces tell of an evaluation beside the laps: each lap that was begun, each step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from deepracer_sim.racing_env import Status
from deepracer_sim.world import STEP_TIME

if TYPE_CHECKING:
    from deepracer_sim.evaluation import CarRun


@dataclass(frozen=True)
class Attempt:
    """A lap that was begun.

    Attributes:
        begin, end: its steps in the car's run, from 0, without `end`.
        completion: share of the lap, 0 to 1.
        time: seconds that it took, or took until the run ended, with the penalties of its resets.
        reward: sum over its steps.
        faults: what led to a reset in it, or ended it.
        status: how it ended.
    """

    begin: int
    end: int
    completion: float
    time: float
    reward: float
    faults: tuple[Status, ...]
    status: Status


@dataclass(frozen=True)
class Judged:
    """What a simulation trace has of each step beside the driving; (T, N) arrays unless it says otherwise.

    Attributes:
        start: (3, N) x, y and yaw before the first step.
        reward: the environment's.
        all_wheels_on_track: bool.
        waypoint: the one behind the car, as a reward function is told.
        wall_clock: (T,) Unix time.
    """

    start: NDArray[np.float32]
    reward: NDArray[np.float32]
    all_wheels_on_track: NDArray[np.bool_]
    waypoint: NDArray[np.int64]
    wall_clock: NDArray[np.float64]


def lap_attempts(
    run: CarRun, travelled: NDArray[np.float32], reward: NDArray[np.float32], length: float, penalty: float
) -> tuple[Attempt, ...]:
    """Return the laps that a car began, in order.

    Args:
        run: the car's.
        travelled: (T,) metres after each of its steps.
        reward: (T,) of its steps.
        length: of a lap, metres.
        penalty: seconds that a reset costs.
    """
    faults = list(run.faults)
    attempts: list[Attempt] = []
    begin = 0
    for number, lap in enumerate(run.laps, start=1):
        end = int(np.flatnonzero(travelled >= number * length)[0]) + 1
        own, faults = faults[: lap.resets], faults[lap.resets :]
        total = float(reward[begin:end].sum())
        attempts.append(Attempt(begin, end, 1.0, lap.time, total, tuple(own), Status.LAP_COMPLETE))
        begin = end
    if len(run.laps) < run.wanted_laps:
        status = Status[run.ending.name]
        resets = len(faults) - (status is not Status.TIME_UP)
        finished = sum(lap.time - penalty * lap.resets for lap in run.laps)
        attempts.append(
            Attempt(
                begin,
                len(travelled),
                max(0.0, run.distance - len(run.laps)),
                len(travelled) * STEP_TIME - finished + penalty * resets,
                float(reward[begin:].sum()),
                tuple(faults),
                status,
            )
        )
    return tuple(attempts)
