"""What the trace does not say of each step: the attempt it is of, the true speed, the place on the track."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
import torch

from deepracer_sim.analysis.trace_file import FAULTS, STATUS
from deepracer_sim.track import Track

LONGEST_STEP = 0.5
"""Seconds; between rows farther apart than this, the car was put back or the trace has a gap."""
ROWS_AT_ONCE = 20_000
"""Of a projection onto the track: a chunk's tables stay around 100 MB on the longest tracks."""


def complete(steps: pd.DataFrame, tracks: Mapping[str, Track]) -> pd.DataFrame:
    """Add `attempt`, `time`, `speed`, `distance` and `offset` to the rows of traces.

    Args:
        steps: rows with `source`, `episode` and `track` besides AWS's columns, each episode's in order.
        tracks: by name; on others, distance and offset are NaN.
    """
    keys = [steps["source"], steps["episode"]]
    attempt = steps.groupby(keys, sort=False).ngroup() if len(steps) else pd.Series(dtype=np.int64)
    steps = steps.assign(attempt=attempt.astype(np.int64))
    begin = steps.groupby("attempt")["tstamp"].transform("first")
    steps = steps.assign(time=steps["tstamp"] - begin, speed=_speed(steps))
    return _placed(steps, tracks)


def _speed(steps: pd.DataFrame) -> pd.Series:
    """Return metres a second from the row before to this one; NaN where the car was put there."""
    before = steps.groupby("attempt")[["X", "Y", "tstamp"]].shift(1)
    seconds = steps["tstamp"] - before["tstamp"]
    was_put_back = steps.groupby("attempt")[STATUS].shift(1).isin(FAULTS)
    drove = (seconds > 0) & (seconds <= LONGEST_STEP) & ~was_put_back
    metres = np.hypot(steps["X"] - before["X"], steps["Y"] - before["Y"])
    return (metres / seconds).where(drove)


def _placed(steps: pd.DataFrame, tracks: Mapping[str, Track]) -> pd.DataFrame:
    distance, offset = np.full(len(steps), np.nan), np.full(len(steps), np.nan)
    points = steps[["X", "Y"]].to_numpy(np.float32)
    for name, track in tracks.items():
        rows = np.flatnonzero(steps["track"].to_numpy() == name)
        for chunk in np.array_split(rows, max(1, len(rows) // ROWS_AT_ONCE)):
            forward = torch.zeros(len(chunk), dtype=torch.bool)
            place = track.project(torch.from_numpy(points[chunk]), forward)
            distance[chunk], offset[chunk] = place.distance.numpy(), place.offset.numpy()
    return steps.assign(distance=distance, offset=offset)
