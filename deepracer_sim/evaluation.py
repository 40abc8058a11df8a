"""Driving a policy for laps and judging the laps; the same code for every world and every policy."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from deepracer_sim.car import REFERENCE_POINT
from deepracer_sim.lap_attempts import Attempt, Judged, lap_attempts
from deepracer_sim.racing_env import RacingEnv, Status
from deepracer_sim.world import STEP_TIME

Policy = Callable[[Tensor], Tensor]
"""Images (N, H, W, C) uint8 to action indices (N,)."""

SLOWEST_SPEED = 0.3
"""A run ends as `TIME_UP` when the car is slower than this on average, m/s."""
CHECK_EVERY = 15
"""Steps between looks at whether all cars are through: a look is a host synchronisation."""


class Ending(Enum):
    """How a car's run ended."""

    FINISHED = "finished"
    OFF_TRACK = "off_track"
    IMMOBILIZED = "immobilized"
    REVERSED = "reversed"
    TIME_UP = "time_up"


@dataclass(frozen=True)
class Lap:
    """One full lap.

    Attributes:
        time: seconds, with the penalties of its resets.
        resets: how often the car was put back on the track.
    """

    time: float
    resets: int

    @property
    def is_clean(self) -> bool:
        """No reset."""
        return self.resets == 0


@dataclass(frozen=True)
class CarRun:
    """One car's laps.

    Attributes:
        track: name of its track.
        start: distance from the start line, metres, in the driving direction.
        reversed: drove against the waypoints.
        wanted_laps: how many it was to drive.
        distance: laps driven, with the fraction of the unfinished one, at most `wanted_laps`.
        laps: the finished ones.
        faults: the statuses that ended a stint: one for each reset, and the last one if it ended the run.
        ending: how the run ended.
        attempts: the laps that were begun, finished or not.
    """

    track: str
    start: float
    reversed: bool
    wanted_laps: int
    distance: float
    laps: tuple[Lap, ...]
    faults: tuple[Status, ...]
    ending: Ending
    attempts: tuple[Attempt, ...] = ()

    @property
    def completion(self) -> float:
        """Share of the wanted laps that was driven, 0 to 1."""
        return self.distance / self.wanted_laps

    @property
    def begun_laps(self) -> int:
        """Full laps, and the one in which the run ended."""
        return min(self.wanted_laps, int(self.distance) + 1)

    @property
    def is_clean(self) -> bool:
        """All laps, none with a reset."""
        return self.ending is Ending.FINISHED and not self.faults


@dataclass(frozen=True)
class Trace:
    """Where the cars were after each step, time first; (T, N) arrays.

    Attributes:
        x, y, yaw: base_link, metres and radians.
        speed: forward speed, m/s.
        action: index that was chosen.
        travelled: metres along the centre line since the start, resets not counted as motion.
        alive: the run was still going on.
        fault: the `Status` of the fault that ended a stint with this step, 0 elsewhere.
        images: (T, H, W, C) uint8 seen by the first car before each step, if asked for.
        judged: what the environment said of the steps; an `evaluate` always knows it.
    """

    x: NDArray[np.float32]
    y: NDArray[np.float32]
    yaw: NDArray[np.float32]
    speed: NDArray[np.float32]
    action: NDArray[np.int64]
    travelled: NDArray[np.float32]
    alive: NDArray[np.bool_]
    fault: NDArray[np.int64]
    images: NDArray[np.uint8] | None = None
    judged: Judged | None = None


@dataclass(frozen=True)
class Evaluation:
    """The runs of all cars and what they did."""

    runs: tuple[CarRun, ...]
    trace: Trace = field(repr=False)

    @property
    def completion(self) -> float:
        """Mean share of the wanted laps, 0 to 1."""
        return float(np.mean([run.completion for run in self.runs]))

    @property
    def clean_runs(self) -> int:
        """Cars that drove all their laps without a fault."""
        return sum(run.is_clean for run in self.runs)

    @property
    def is_clean(self) -> bool:
        """Every lap of every car was clean."""
        return self.clean_runs == len(self.runs)

    @property
    def clean_lap_share(self) -> float:
        """Clean laps over laps begun, 0 to 1: a fault spoils the lap in which it happens."""
        clean = sum(lap.is_clean for run in self.runs for lap in run.laps)
        begun = sum(run.begun_laps for run in self.runs)
        return clean / begun

    @property
    def lap_time(self) -> float:
        """Median time of the clean laps in seconds, NaN if there is none."""
        times = [lap.time for run in self.runs for lap in run.laps if lap.is_clean]
        return float(np.median(times)) if times else float("nan")


def evaluate(
    env: RacingEnv,
    policy: Policy,
    laps: int,
    max_resets: int = 0,
    reset_penalty: float = 5.0,
    keep_images: bool = False,
) -> Evaluation:
    """Drive every car from where it stands for `laps` laps.

    Args:
        env: cars just placed; its own episode limits must not end an episode before `laps` laps.
        policy: chooses the actions.
        laps: full laps for each car, counted from its start.
        max_resets: how often a car that leaves the road is put back where it left it; 0 ends its run.
        reset_penalty: seconds added to the lap for each reset (AWS: 5).
        keep_images: keep what the first car saw.
    """
    drive = _Drive(env, laps, max_resets)
    images = []
    with torch.inference_mode():
        for step in range(drive.max_steps):
            seen = env.images()
            if keep_images:
                images.append(seen[0].cpu().numpy())
            drive.step(policy(seen))
            if step % CHECK_EVERY == 0 and not bool(drive.alive.any()):
                break
    return drive.judge(reset_penalty, np.stack(images) if images else None)


class _Drive:
    """The state of one evaluation: who still drives, how far each car came, what it did."""

    def __init__(self, env: RacingEnv, laps: int, max_resets: int) -> None:
        self.env, self.laps, self.max_resets = env, laps, max_resets
        self.goal = laps * env.track_length
        self.max_steps = int(float(self.goal.max()) / SLOWEST_SPEED / STEP_TIME)
        self.alive = torch.ones(env.num_cars, dtype=torch.bool, device=env.device)
        self._before = torch.zeros(env.num_cars, device=env.device)  # metres driven in earlier stints
        self._resets = torch.zeros(env.num_cars, dtype=torch.long, device=env.device)
        self._start = env.episode.distance
        self._reversed = env.episode.reversed.clone()
        car = env.world.state()
        self._start_pose = torch.stack((car.x, car.y, car.yaw))
        self._rows: list[tuple[Tensor, ...]] = []
        self._clock: list[float] = []

    def step(self, action: Tensor) -> None:
        env = self.env
        previous, was_alive = env.episode.distance, self.alive
        driven_before = self._before + env.episode.travelled
        outcome = env.step(action)
        travelled = self._before + env.episode.travelled
        failed = was_alive & outcome.terminated & (travelled < self.goal)
        put_back = failed & (self._resets < self.max_resets)
        self.alive = was_alive & (travelled < self.goal) & ~(failed & ~put_back)
        car = env.world.state()
        status = torch.where(failed, outcome.status, torch.zeros_like(outcome.status))
        pose = (car.x, car.y, car.yaw, car.forward_speed)
        told = outcome.state
        judged = (outcome.reward, told.all_wheels_on_track, told.projection.closest_waypoints[:, 0])
        self._rows.append((*pose, action, travelled, was_alive, status, *judged))
        self._clock.append(time.time())
        if self.max_resets:
            self._before = torch.where(put_back, driven_before, self._before)
            self._resets = self._resets + put_back
            env.place(put_back, previous - REFERENCE_POINT, self._reversed)

    def judge(self, reset_penalty: float, images: NDArray[np.uint8] | None) -> Evaluation:
        columns = [torch.stack(column).cpu().numpy() for column in zip(*self._rows, strict=True)]
        travelled, alive, status, reward, wheels, waypoint = columns[5:]
        lengths = self.env.track_length.cpu().numpy()
        runs = []
        for car in range(self.env.num_cars):
            steps, length = alive[:, car], lengths[car]
            run = self._run(car, travelled[steps, car], status[steps, car], length, reset_penalty)
            laps = lap_attempts(run, travelled[steps, car], reward[steps, car], length, reset_penalty)
            runs.append(replace(run, attempts=laps))
        judged = Judged(self._start_pose.cpu().numpy(), reward, wheels, waypoint, np.array(self._clock))
        x, y, yaw, speed, action = columns[:5]
        trace = Trace(x, y, yaw, speed, action, travelled, alive, status, images, judged)
        return Evaluation(tuple(runs), trace)

    def _run(
        self,
        car: int,
        travelled: NDArray[np.float32],
        status: NDArray[np.int64],
        length: float,
        penalty: float,
    ) -> CarRun:
        faults = np.flatnonzero(status)
        crossings = [crossing_time(travelled, number * length) for number in range(1, self.laps + 1)]
        finished = [crossing for crossing in crossings if crossing is not None]
        laps, last = [], 0.0
        for crossing in finished:
            ends = (faults + 1) * STEP_TIME
            resets = int((ends > last).sum() - (ends > crossing).sum())
            laps.append(Lap(crossing - last + penalty * resets, resets))
            last = crossing
        if len(finished) == self.laps:
            ending = Ending.FINISHED
        elif len(faults) > self.max_resets:
            ending = Ending[Status(int(status[faults[-1]])).name]
        else:
            ending = Ending.TIME_UP
        return CarRun(
            track=self.env.track_names[car],
            start=float(self._start[car]),
            reversed=bool(self._reversed[car]),
            wanted_laps=self.laps,
            distance=float(np.clip(travelled.max(initial=0.0) / length, 0, self.laps)),
            laps=tuple(laps),
            faults=tuple(Status(int(status[fault])) for fault in faults),
            ending=ending,
        )


def crossing_time(travelled: NDArray[np.float32], goal: float) -> float | None:
    """Return when a car first reached `goal` metres, seconds, between two steps by linear interpolation.

    Args:
        travelled: (T,) metres after each step.
        goal: metres from the start; None is returned if it was not reached.
    """
    reached = np.flatnonzero(travelled >= goal)
    if not len(reached):
        return None
    after = int(reached[0])
    before = float(travelled[after - 1]) if after else 0.0
    share = (goal - before) / max(float(travelled[after]) - before, 1e-9)
    return float(after + share) * STEP_TIME


def joined(parts: Sequence[Evaluation]) -> Evaluation:
    """Return the runs of several evaluations as one, with the trace of the last."""
    return Evaluation(tuple(run for part in parts for run in part.runs), parts[-1].trace)


def place_evenly(env: RacingEnv, starts: int = 8, first: int = 0) -> None:
    """Spread the cars over `starts` places along their track, and over both directions of each place.

    Cars on the same track take the places in turn: first all places forwards, then all against the waypoints.

    Args:
        env: whose cars.
        starts: places along each track.
        first: place of the first car, where there are fewer cars than places.
    """
    order = env.order_on_track.to(env.device) + first
    share = (order % starts) / starts
    everyone = torch.ones(env.num_cars, dtype=torch.bool, device=env.device)
    env.place(everyone, share * env.track_length, (order // starts) % 2 == 1)
