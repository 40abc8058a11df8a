"""Reading AWS's simtrace files as they lie there: also those that a training is writing, or was killed in."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pandas as pd

from deepracer_sim.simulation_trace import NO_ACTION

NUMBERS = (
    "episode",
    "steps",
    "X",
    "Y",
    "yaw",
    "steer",
    "throttle",
    "action",
    "reward",
    "progress",
    "closest_waypoint",
    "track_len",
    "tstamp",
    "pause_duration",
)
TRUTHS = ("done", "all_wheels_on_track")
STATUS = "episode_status"
COLUMNS = (*NUMBERS, *TRUTHS, STATUS)
"""What is read of the 19 columns."""
NEEDED = ("episode", "steps", "X", "Y", "reward", "progress", "tstamp")
"""A row in which one of these is no number is left out."""
FAULTS = ("off_track", "crashed", "immobilized", "reversed")
"""Statuses after which a car stands still, or is put back."""


def read_trace(file: Path) -> tuple[pd.DataFrame, str | None]:
    """Read a simtrace file.

    Args:
        file: .csv with AWS's header; a last line without an end is left out.

    Returns:
        A row a step with the columns `COLUMNS`, and what is wrong with the file in words, if anything is.
    """
    try:
        content = file.read_bytes()
    except OSError as error:
        return empty_trace(), f"{file.name} cannot be read: {error.strerror or error}"
    content = content[: content.rfind(b"\n") + 1]
    if not content.strip():
        return empty_trace(), None
    try:
        # A line with too many fields is skipped only if all columns are read.
        rows = pd.read_csv(
            io.BytesIO(content), encoding_errors="replace", on_bad_lines="skip", low_memory=False
        )
    except ValueError as error:
        return empty_trace(), f"{file.name} cannot be read: {error}"
    missing = [name for name in COLUMNS if name not in rows]
    if missing:
        return empty_trace(), f"{file.name} cannot be read: it has no column {', '.join(missing)}"
    lines = content.count(b"\n") - 1
    return _cleaned(rows, lines, file.name)


def _cleaned(rows: pd.DataFrame, lines: int, name: str) -> tuple[pd.DataFrame, str | None]:
    for column in NUMBERS:
        rows[column] = pd.to_numeric(rows[column], errors="coerce").astype(np.float64)
    for column in TRUTHS:
        rows[column] = rows[column].astype(str).str.lower() == "true"
    rows = rows[np.isfinite(rows[list(NEEDED)]).all(axis=1)].copy()
    rows[STATUS] = rows[STATUS].astype(str)
    rows["action"] = rows["action"].fillna(NO_ACTION)
    for column in ("closest_waypoint", "pause_duration"):
        rows[column] = rows[column].fillna(0)
    for column in ("episode", "steps", "action", "closest_waypoint"):
        rows[column] = rows[column].astype(np.int64)
    lost = lines - len(rows)
    problem = f"{lost} damaged {'line' if lost == 1 else 'lines'} of {name} left out" if lost else None
    return rows[list(COLUMNS)].reset_index(drop=True), problem


def empty_trace() -> pd.DataFrame:
    """Return a trace without rows."""
    types: dict[str, type] = dict.fromkeys(NUMBERS, np.float64) | dict.fromkeys(TRUTHS, bool)
    types |= dict.fromkeys(("episode", "steps", "action", "closest_waypoint"), np.int64)
    frame = pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in types.items()})
    return frame.assign(**{STATUS: pd.Series(dtype=str)})[list(COLUMNS)]
