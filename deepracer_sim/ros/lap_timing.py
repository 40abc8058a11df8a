"""Laps from where a car is seen, or from the steps of an evaluation; nothing here is ROS."""

from __future__ import annotations

import math
from collections.abc import Sequence
from enum import Enum
from typing import NamedTuple

import torch

from deepracer_sim.car import reference_point
from deepracer_sim.evaluation import Lap
from deepracer_sim.racing_env import Outcome, Status
from deepracer_sim.ros.simulator import NANOSECONDS, off_track
from deepracer_sim.settings import EvaluateSettings
from deepracer_sim.track import Track
from deepracer_sim.world import STEP_TIME, CarState

FASTEST, FASTEST_TURN = 6.0, 15.0
"""Motion that a car cannot surpass, m/s and rad/s: whatever moved further was put there."""
FARTHEST, FARTHEST_TURN = 0.03, 0.3
"""Metres and radians added to that: a car is put down where it is, or wobbles."""
STANDING = 0.001
"""Metres; until a car has driven so far its first lap has not begun."""
TURNED_ROUND = 1.0
"""Metres that a car drives back before its lap starts anew in the other direction."""


class Moment(NamedTuple):
    """Where a car was: simulated time in nanoseconds, base_link in metres, radians, and m/s."""

    time: int
    x: float
    y: float
    yaw: float
    speed: float


class Change(Enum):
    """What lies between two moments of a car."""

    DRIVEN = "driven"
    PUT_ELSEWHERE = "put elsewhere"
    TIME_SET_BACK = "time set back"


def change(before: Moment, after: Moment) -> Change:
    """Tell how a car came from one moment to the next one."""
    if after.time < before.time:
        return Change.TIME_SET_BACK
    duration = (after.time - before.time) / NANOSECONDS
    moved = math.hypot(after.x - before.x, after.y - before.y)
    turned = abs(math.remainder(after.yaw - before.yaw, math.tau))
    # A place that is no number is none that the car drove to.
    if moved <= FARTHEST + FASTEST * duration and turned <= FARTHEST_TURN + FASTEST_TURN * duration:
        return Change.DRIVEN
    return Change.PUT_ELSEWHERE


class LapTimer:
    """Counts and times the laps of a car that is watched.

    As in an evaluation, a lap leads once around the track from where the car was put, in the direction that
    it looked there, and the first one begins when the car moves. A car that is put elsewhere begins anew, and
    so does one that turned round and drives the other way; all counts begin anew when the time is set back.

    Args:
        track: a single one.

    Attributes:
        reversed: drives against the waypoints.
        laps: finished since the car was put somewhere.
        off_tracks: how often no wheel was on the road any more.
    """

    def __init__(self, track: Track) -> None:
        self.track, self.length = track, float(track.length)
        self.reversed = False
        self.laps = self.off_tracks = 0
        self._last: Moment | None = None
        self._distance = self._travelled = self._farthest = 0.0
        self._began = 0.0
        self._was_off = False

    @property
    def progress(self) -> float:
        """Share of the present lap that is driven, 0 to 1."""
        return min(max(self._travelled / self.length - self.laps, 0.0), 1.0)

    def add(self, moments: Sequence[Moment]) -> list[float]:
        """Follow the car; return the times of the laps that it finished, seconds."""
        if not moments:
            return []
        _, x, y, yaw, speed = zip(*moments, strict=True)
        zero = torch.zeros(len(moments))
        car = CarState(torch.tensor(x), torch.tensor(y), torch.tensor(yaw), torch.tensor(speed), *[zero] * 3)
        place = self.track.project(reference_point(car), zero.bool())
        off = off_track(self.track, car)
        finished: list[float] = []
        rows = zip(moments, place.distance.tolist(), place.heading.tolist(), off.tolist(), strict=True)
        for moment, distance, heading, is_off in rows:
            against = math.cos(moment.yaw - heading) < 0
            how = None if self._last is None else change(self._last, moment)
            if how is not Change.DRIVEN:
                if how is Change.TIME_SET_BACK:
                    self.off_tracks = 0
                self._begin(moment, distance, against)
            elif (time := self._drive(moment, distance, against)) is not None:
                finished.append(time)
            self.off_tracks += is_off and not self._was_off
            self._was_off, self._last = is_off, moment
        return finished

    def _begin(self, moment: Moment, distance: float, reversed: bool) -> None:
        self.reversed, self.laps = reversed, 0
        self._distance, self._travelled, self._farthest = distance, 0.0, 0.0
        self._began = moment.time / NANOSECONDS

    def _drive(self, moment: Moment, distance: float, against: bool) -> float | None:
        assert self._last is not None
        forwards = math.remainder(distance - self._distance, self.length)
        before, self._distance = self._travelled, distance
        self._travelled += -forwards if self.reversed else forwards
        self._farthest = max(self._farthest, self._travelled)
        start, end = self._last.time / NANOSECONDS, moment.time / NANOSECONDS
        if against != self.reversed and self._farthest - self._travelled > TURNED_ROUND:
            self._begin(moment, distance, against)
        elif self.laps == 0 and abs(self._travelled) < STANDING:
            self._began = end
        elif self._travelled >= (self.laps + 1) * self.length:
            share = ((self.laps + 1) * self.length - before) / (self._travelled - before)
            crossed = start + share * (end - start)
            time = crossed - self._began
            self.laps, self._began = self.laps + 1, crossed
            return time
        return None


class EvaluationLaps:
    """The laps of one car of an evaluation as its table will have them, while it is going on.

    Args:
        settings: of the evaluation.
        length: of the track, metres.
        car: index of the car.

    Attributes:
        laps: finished.
        faults: that ended a stint; `off_tracks` is how many of them left the road.
        is_over: all laps are driven, or a fault ended the run.
    """

    def __init__(self, settings: EvaluateSettings, length: float, car: int) -> None:
        self.settings, self.length, self.car = settings, length, car
        self.laps: list[Lap] = []
        self.faults = self.off_tracks = 0
        self.is_over = False
        self._travelled = self._shown = self._last = 0.0
        self._steps = self._counted_faults = 0

    @property
    def progress(self) -> float:
        """Share of the present lap that is driven, 0 to 1."""
        return min(max(self._shown / self.length - len(self.laps), 0.0), 1.0)

    def add(self, outcome: Outcome) -> Lap | None:
        """Count a step; return the lap that it finished."""
        if self.is_over:
            return None
        before, self._shown = self._shown, self._travelled + float(outcome.state.step_distance[self.car])
        self._steps += 1
        goal = (len(self.laps) + 1) * self.length
        lap = None
        if self._shown >= goal:
            time = (self._steps - 1 + (goal - before) / max(self._shown - before, 1e-9)) * STEP_TIME
            resets, self._counted_faults = self.faults - self._counted_faults, self.faults
            lap = Lap(time - self._last + self.settings.reset_penalty * resets, resets)
            self.laps.append(lap)
            self._last = time
        if len(self.laps) == self.settings.laps:
            self.is_over = True
        elif bool(outcome.terminated[self.car]):
            # Put back where it left the road, the car has to drive this step again.
            self.faults += 1
            self.off_tracks += int(outcome.status[self.car]) == Status.OFF_TRACK
            self.is_over = self.faults > self.settings.max_resets
        else:
            self._travelled = self._shown
        return lap
