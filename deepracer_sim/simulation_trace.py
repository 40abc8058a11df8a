"""The simulation trace as AWS writes it: 19 fields a step, in CSV files and in SIM_TRACE_LOG lines."""

from __future__ import annotations

from dataclasses import dataclass, fields
from itertools import chain, repeat

import numpy as np
import torch
from numpy.typing import NDArray

from deepracer_sim.car import REFERENCE_POINT, WHEEL_POINTS
from deepracer_sim.racing_env import Status
from deepracer_sim.track import Track

COLUMNS = (
    "episode",
    "steps",
    "X",
    "Y",
    "yaw",
    "steer",
    "throttle",
    "action",
    "reward",
    "done",
    "all_wheels_on_track",
    "progress",
    "closest_waypoint",
    "track_len",
    "tstamp",
    "episode_status",
    "pause_duration",
    "obstacle_crash_counter",
    "wall_clock",
)
"""AWS's names in AWS's order (deepracer-simapp, `StepMetrics`)."""
HEADER = ",".join(COLUMNS) + "\n"
LOG_TAG = "SIM_TRACE_LOG:"
PREPARE, NO_ACTION = "prepare", -1
"""Status and action of the first row of an episode, before anything was driven."""
# AWS rounds the reward to four decimals, which leaves nothing of a small one.
_ROW = "%d,%d,%.4f,%.4f,%.4f,%.2f,%.2f,%d,%.7g,%s,%s,%.4f,%d,%.2f,%.4f,%s,%.2f,0,%.4f\n"

Column = NDArray[np.generic]


@dataclass
class EpisodeTrace:
    """A whole episode, a row a step; every array is (T,).

    Attributes:
        steps: 0 in the row before the first step.
        x, y: AWS's reference point at the front of the car, metres.
        yaw: degrees.
        steer: commanded angle, degrees, positive to the left.
        throttle: commanded speed, m/s.
        action: index into the action space; -1 before the first step.
        reward: of the step.
        done: bool, the last row.
        all_wheels_on_track: bool.
        progress: percent.
        closest_waypoint: index into the waypoints that a reward function is given.
        track_length: metres.
        time: simulated seconds.
        status: AWS's `episode_status`.
        pause: seconds that a reset cost.
        wall_clock: Unix time, seconds.
    """

    steps: Column
    x: Column
    y: Column
    yaw: Column
    steer: Column
    throttle: Column
    action: Column
    reward: Column
    done: Column
    all_wheels_on_track: Column
    progress: Column
    closest_waypoint: Column
    track_length: Column
    time: Column
    status: Column
    pause: Column
    wall_clock: Column

    def __len__(self) -> int:
        """Count the rows."""
        return len(self.steps)

    def text(self, episode: int) -> str:
        """Return the rows as lines of CSV, all at once: a line at a time takes several times as long."""
        columns = [getattr(self, field.name).tolist() for field in fields(self)]
        values = chain.from_iterable(zip(repeat(episode), *columns, strict=False))
        return _ROW * len(self) % tuple(values)


def status_names(status: Column) -> Column:
    """Return AWS's names of `Status` values (T,)."""
    return np.array([name.lower() for name in Status.__members__])[status.astype(np.int64)]


def closest_waypoints(track: Track, behind: Column, x: Column, y: Column, reversed: bool) -> Column:
    """Return the nearer one of the waypoint behind and the one ahead, as AWS's trace has it; all (T,).

    Args:
        track: a single one.
        behind: first of the params' `closest_waypoints`.
        x, y: reference point, metres.
        reversed: the car drives against the waypoints, and its list of them is the other way round.
    """
    center = track.center.cpu().numpy()
    count = len(center)
    indices = behind.astype(np.int64)[:, None] + (0, 1)
    rows = (count - indices if reversed else indices) % count
    distances = np.hypot(center[rows, 0] - x[:, None], center[rows, 1] - y[:, None])
    return indices[np.arange(len(indices)), distances.argmin(1)]


def all_wheels_on_track(track: Track, x: float, y: float, yaw: float) -> bool:
    """Tell whether a car whose reference point is at x, y (metres) has all wheels on the road.

    Args:
        track: a single one.
        x, y: reference point, metres.
        yaw: heading, radians.
    """
    ahead, left = (torch.tensor(WHEEL_POINTS) - torch.tensor([REFERENCE_POINT, 0.0])).unbind(1)
    cos, sin = float(np.cos(yaw)), float(np.sin(yaw))
    points = torch.stack((x + cos * ahead - sin * left, y + sin * ahead + cos * left), 1)
    return bool(track.is_on_road(points[None]).all())


def single_track(track: Track, car: int, name: str) -> Track:
    """Return a car's own track on the CPU: a stack holds one for each car."""
    if track.center.dim() == 2:
        return track.to("cpu")
    count = int(track.num_waypoints[car])
    return Track(name, *(getattr(track, line)[car, :count].cpu() for line in ("center", "inner", "outer")))
