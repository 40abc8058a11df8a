"""What an evaluation says in words and numbers: a plain text table, and JSON."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Any

import numpy as np

from deepracer_sim.evaluation import CarRun, Ending, Evaluation, Lap
from deepracer_sim.racing_env import Status

MOST_LAPS_SHOWN = 6
"""Lap times of a run in the table; the best lap has a column of its own."""


def best_lap(runs: Sequence[CarRun]) -> float:
    """Return the shortest lap, penalties included, in seconds; NaN if no lap was finished."""
    return min((lap.time for run in runs for lap in run.laps), default=math.nan)


def format_table(evaluation: Evaluation) -> str:
    """Lay the runs out as plain text: a row a car, and a summary below."""
    header = (
        "track",
        "start m",
        "direction",
        "laps",
        "done",
        "lap times s",
        "best s",
        "off",
        "resets",
        "ended",
    )
    rows = [header, *(_table_row(run) for run in evaluation.runs)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(header))]
    text_columns = {0, 2, 5, 9}
    lines = [
        "  ".join(
            cell.ljust(width) if column in text_columns else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
    notes = ["* with the penalty of a reset"] if any("*" in row[5] for row in rows) else []
    return "\n".join(
        [lines[0], "-" * max(map(len, lines)), *lines[1:], *notes, "", _summary_line(evaluation)]
    )


def _table_row(run: CarRun) -> tuple[str, ...]:
    times = [f"{lap.time:5.2f}{' ' if lap.is_clean else '*'}" for lap in run.laps]
    if len(times) > MOST_LAPS_SHOWN:
        times = [*times[: MOST_LAPS_SHOWN - 1], f"... {len(times) - MOST_LAPS_SHOWN + 1} more"]
    return (
        run.track,
        f"{run.start:.2f}",
        _direction(run),
        f"{len(run.laps)}/{run.wanted_laps}",
        _percent(run.completion),
        " ".join(times).rstrip() or "-",
        _seconds(best_lap([run])),
        str(run.faults.count(Status.OFF_TRACK)),
        str(_resets(run)),
        run.ending.value.replace("_", " "),
    )


def _summary_line(evaluation: Evaluation) -> str:
    clean = sum(lap.is_clean for run in evaluation.runs for lap in run.laps)
    begun = sum(run.begun_laps for run in evaluation.runs)
    parts = (
        f"clean laps {clean} of {begun} ({_percent(evaluation.clean_lap_share)})",
        f"clean runs {evaluation.clean_runs} of {len(evaluation.runs)}",
        f"completion {_percent(evaluation.completion)}",
        f"best lap {_seconds(best_lap(evaluation.runs))} s",
        f"median clean lap {_seconds(evaluation.lap_time)} s",
    )
    return "   ".join(parts)


def _direction(run: CarRun) -> str:
    return "reversed" if run.reversed else "forward"


def _resets(run: CarRun) -> int:
    """Count how often a car was put back; the fault that ended its run did not put it back."""
    ended_by_fault = run.ending not in (Ending.FINISHED, Ending.TIME_UP)
    return len(run.faults) - ended_by_fault


def _seconds(time: float) -> str:
    return "-" if math.isnan(time) else f"{time:.2f}"


def _percent(share: float) -> str:
    """Round down: 99.9 % must not read as all."""
    return f"{math.floor(100 * share + 1e-9)} %"


def to_json(evaluation: Evaluation, **context: Any) -> dict[str, Any]:
    """Return the evaluation as plain values for `json`: no NaN, no NumPy types.

    Args:
        evaluation: what to describe.
        context: what it was of (model, settings, ...); put in front.
    """
    summary = {
        "completion": evaluation.completion,
        "clean_lap_share": evaluation.clean_lap_share,
        "begun_laps": sum(run.begun_laps for run in evaluation.runs),
        "runs": len(evaluation.runs),
        "clean_runs": evaluation.clean_runs,
        "best_lap_time": best_lap(evaluation.runs),
        "median_clean_lap_time": evaluation.lap_time,
    }
    runs = [_run_to_json(run) for run in evaluation.runs]
    plain: dict[str, Any] = _plain({**context, "summary": summary, "runs": runs})
    return plain


def _run_to_json(run: CarRun) -> dict[str, Any]:
    return {
        "track": run.track,
        "start": run.start,
        "direction": _direction(run),
        "wanted_laps": run.wanted_laps,
        "laps_driven": run.distance,
        "completion": run.completion,
        "is_clean": run.is_clean,
        "best_lap_time": best_lap([run]),
        "off_tracks": run.faults.count(Status.OFF_TRACK),
        "resets": _resets(run),
        "faults": [fault.name.lower() for fault in run.faults],
        "ending": run.ending,
        "laps": [_lap_to_json(lap) for lap in run.laps],
    }


def _lap_to_json(lap: Lap) -> dict[str, Any]:
    return {"time": lap.time, "resets": lap.resets, "is_clean": lap.is_clean}


def _plain(value: Any) -> Any:
    """Turn a value into what JSON knows; what is not finite becomes None."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, Enum):
        return _plain(value.value)
    if isinstance(value, (np.ndarray, np.generic)):
        return _plain(value.tolist())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, (bool, int, str)):
        return value
    return str(value)
