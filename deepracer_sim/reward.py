"""Rewards: the default one in named terms, and a user's `reward_function(params)` with AWS's params."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TextIO

import torch
from torch import Tensor

from deepracer_sim.errors import RewardError
from deepracer_sim.reward_function import (
    RewardFault,
    RewardFunction,
    UserOutput,
    call_function,
    capture,
    compile_source,
    new_function,
    read_source,
)
from deepracer_sim.reward_memory import Memory, changes, memory_of, recall
from deepracer_sim.track import Projection, Track


@dataclass
class RewardState:
    """What the episode rules know of N cars after a step; every tensor is `(N,)` unless it says otherwise.

    Attributes:
        position: AWS's reference point at the front of the car in metres, `(N, 2)`.
        heading: the car's yaw in radians.
        projection: where that point is along the centre line, in the driving direction.
        progress: percent of a lap since the episode's start, 0..100.
        steps: steps of the episode, long, 1 after the first.
        speed: commanded speed in m/s.
        steering_angle: commanded angle in radians, positive to the left.
        step_distance: metres gained along the centre line in this step.
        reversed: drives against the waypoints, bool.
        all_wheels_on_track: all four wheels are on the road, bool.
        is_offtrack: no wheel is on the road, bool.
        is_crashed: hit an object, bool.
        track_length: of the centre line in metres.
        sim_time: seconds since the episode's start.
    """

    position: Tensor
    heading: Tensor
    projection: Projection
    progress: Tensor
    steps: Tensor
    speed: Tensor
    steering_angle: Tensor
    step_distance: Tensor
    reversed: Tensor
    all_wheels_on_track: Tensor
    is_offtrack: Tensor
    is_crashed: Tensor
    track_length: Tensor
    sim_time: Tensor


class Reward(Protocol):
    """What `RacingEnv` calls once a step."""

    term_names: tuple[str, ...]

    def __call__(self, state: RewardState) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the reward of each car `(N,)` and the named terms that it is the sum of, each `(N,)`."""
        ...


OFF_TRACK = -5.0
"""Default reward for leaving the road: what five steps at full speed earn."""


class ProgressReward:
    """The default reward: speed along the centre line, more in the middle of the road, a penalty off it.

    Paid by the root, the second half of the speed is worth less than the first: a car first learns to stay
    on the road and then to be fast. Paid in proportion, it learns to be fast and to leave the road at times.

    Terms:
        progress: square root of the metres gained in the step over those gained at full speed, cut at +-1.5
            before the root is taken, negative for metres lost; times 1 - (offset / half width)^2 / 2.
        off_track: -5 in the step in which the car leaves the road, in place of `progress`.

    Args:
        max_speed: the fastest speed of the action space in m/s.
        step_time: seconds a step.
    """

    term_names: tuple[str, ...] = ("progress", "off_track")

    def __init__(self, max_speed: float, step_time: float) -> None:
        self.full_step = max_speed * step_time

    def __call__(self, state: RewardState) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the total and the terms, each `(N,)`."""
        gained = (state.step_distance / self.full_step).clamp(-1.5, 1.5)
        centring = 1.0 - 0.5 * (state.projection.offset / state.projection.half_width).square()
        paid = gained.sign() * gained.abs().sqrt()
        progress = (paid * centring).masked_fill(state.is_offtrack, 0.0)
        off_track = OFF_TRACK * state.is_offtrack.to(progress.dtype)
        return progress + off_track, {"progress": progress, "off_track": off_track}


class Waypoints:
    """A track's centre line as AWS hands it to a reward function: lists of (x, y), made once.

    On a closed track AWS repeats the first waypoint as the last, so M points make a list of M + 1. A car that
    drives against the waypoints gets the list in its own direction, from the start line on.

    Args:
        track: one track or a stack of one for each car; padding is left out.
    """

    def __init__(self, track: Track) -> None:
        lines = track.center.cpu().double()
        counts = torch.as_tensor(track.num_waypoints).reshape(-1).tolist()
        known: dict[bytes, tuple[list, list]] = {}
        self._of_car: list[tuple[list, list]] = []
        for line, count in zip(lines.reshape(-1, *lines.shape[-2:]), counts, strict=True):
            key = line.numpy().tobytes()
            if key not in known:
                points = [(x, y) for x, y in line[:count].tolist()]
                forward = [*points, points[0]]
                known[key] = (forward, forward[::-1])
            self._of_car.append(known[key])
        self._is_shared = track.center.dim() == 2

    def of_car(self, car: int, reversed: bool) -> list[tuple[float, float]]:
        """Return a new list for one car: the user may change it, the points in it are tuples."""
        return list(self._of_car[0 if self._is_shared else car][reversed])


def aws_params(state: RewardState, track: Track, waypoints: Waypoints | None = None) -> list[dict[str, Any]]:
    """Write the state as AWS's params: one dict a car, plain Python values, degrees and percent.

    Keys, meaning and the values of the keys about objects in a time trial are those of deepracer-simapp
    (`RewardParam`, `set_reward_and_metrics`). Each dict is new and the caller's to change.

    Args:
        state: of N cars.
        track: the track that the state was projected onto.
        waypoints: of that track, so that they are not made again in each step.
    """
    waypoints = waypoints or Waypoints(track)
    return [
        {
            "all_wheels_on_track": all_wheels_on,
            "x": x,
            "y": y,
            "heading": heading,
            "distance_from_center": abs(offset),
            "projection_distance": distance,
            "progress": progress,
            "steps": steps,
            "speed": speed,
            "steering_angle": steering_angle,
            "track_width": width,
            "track_length": length,
            "waypoints": waypoints.of_car(car, reversed),
            "closest_waypoints": [behind, behind + 1],  # after the last waypoint comes the repeated first one
            "is_left_of_center": offset > 0.0,
            "is_reversed": reversed,
            "closest_objects": [0, 0],
            "objects_location": [],
            "objects_left_of_center": [],
            "object_in_camera": False,
            "objects_speed": [],
            "objects_heading": [],
            "objects_distance_from_center": [],
            "objects_distance": [],
            "is_crashed": crashed,
            "is_offtrack": offtrack,
            "sim_time": sim_time,
        }
        for car, (
            (x, y, heading, offset, distance, width, progress, length, sim_time, speed, steering_angle),
            (reversed, all_wheels_on, offtrack, crashed),
            (steps, behind),
        ) in enumerate(_rows(state))
    ]


def _rows(state: RewardState) -> Iterator[tuple[tuple, tuple, tuple]]:
    """Give each car's numbers, flags and counters as Python values, in AWS's units.

    One copy from the device for each of the three types, not one for each field.
    """
    projection = state.projection
    heading = state.heading.double()
    numbers = torch.stack(
        (
            *state.position.unbind(dim=1),
            torch.atan2(heading.sin(), heading.cos()).rad2deg(),
            projection.offset,
            projection.distance,
            2.0 * projection.half_width,
            state.progress,
            state.track_length.expand_as(heading),
            state.sim_time,
            # People compare commands with what their action space says: 1.4, not float32's 1.39999998.
            state.speed.double().round(decimals=4),
            state.steering_angle.double().rad2deg().round(decimals=4),
        )
    )
    flags = torch.stack((state.reversed, state.all_wheels_on_track, state.is_offtrack, state.is_crashed))
    counters = torch.stack((state.steps, projection.closest_waypoints[:, 0]))
    return zip(*(zip(*rows.tolist(), strict=True) for rows in (numbers, flags, counters)), strict=True)


class PythonReward:
    """A user's `reward_function(params)`, called once for each car and step.

    Each car has a function with global variables of its own, see `new_function`. What the functions print
    goes to the log, never to the terminal.

    Args:
        make_function: gives one car's function; `lambda: f` lets all cars share `f`.
        track: the track of the states that it will be called with.
        path: the user's file, to name lines of it; by default the file that defines the function.
        log: what the functions print is written here, at most 10 million characters; None drops it.

    Attributes:
        car: whose function is running just now; None while none is.

    Raises:
        RewardError: the file does not run or has no usable `reward_function`.
    """

    term_names: tuple[str, ...] = ("reward_function",)
    car: int | None = None

    def __init__(
        self,
        make_function: Callable[[], RewardFunction],
        track: Track,
        *,
        path: str | None = None,
        log: TextIO | None = None,
    ) -> None:
        self._make_function = make_function
        self._track = track
        self._waypoints = Waypoints(track)
        self._output = UserOutput(log)
        self._functions: list[RewardFunction] = []
        self._grow(1, self._output)
        self._loaded = memory_of(self._functions[0])
        code = getattr(self._functions[0], "__code__", None)
        self._path = path or (code.co_filename if code else "<function>")

    def __call__(self, state: RewardState) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the rewards `(N,)`, also as the term `reward_function`.

        Raises:
            RewardError: a function raises or returns no finite number within +-1e5: file, line and params.
        """
        all_params = aws_params(state, self._track, self._waypoints)
        self._grow(len(all_params), UserOutput(None))  # what the file prints is in the log already
        values = []
        try:
            with capture(self._output):
                for car, (function, params) in enumerate(zip(self._functions, all_params, strict=False)):
                    self.car = car
                    values.append(call_function(function, params, self._path))
        except RewardFault as fault:
            raise RewardError(str(fault)) from fault
        finally:
            self.car = None
        rewards = torch.tensor(values, dtype=torch.float32, device=state.heading.device)
        return rewards, {"reward_function": rewards}

    def snapshot(self) -> list[Memory]:
        """Return what each car's function remembers that was not so when it was loaded."""
        return [changes(memory_of(function), self._loaded) for function in self._functions]

    def restore(self, memories: Sequence[Memory]) -> None:
        """Give each car's function its memory back."""
        self._grow(len(memories), UserOutput(None))
        for function, memory in zip(self._functions, memories, strict=False):
            recall(function, memory)

    def _grow(self, count: int, output: UserOutput) -> None:
        if len(self._functions) >= count:
            return
        try:
            with capture(output):
                while len(self._functions) < count:
                    self._functions.append(self._make_function())
        except RewardFault as fault:
            raise RewardError(str(fault)) from fault


def load_reward(path: str | Path, track: Track, log: TextIO | None = None) -> PythonReward:
    """Load a user's file into this process; validate it first (`reward_validation.validate_reward`).

    Args:
        path: file that defines `reward_function(params)`.
        track: the track of the states that it will be called with.
        log: where its output goes; None drops it.

    Raises:
        RewardError: the file cannot be read, compiled or run, or has no usable `reward_function`.
    """
    name = str(path)
    try:
        code = compile_source(read_source(path), name)
    except RewardFault as fault:
        raise RewardError(str(fault)) from fault
    return PythonReward(lambda: new_function(code, name), track, path=name, log=log)
