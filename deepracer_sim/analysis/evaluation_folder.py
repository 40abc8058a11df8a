"""The folder of an evaluation: its summary, and the trace of its laps."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from deepracer_sim.analysis.trace_file import empty_trace, read_trace

REPORT, TRACES = "evaluation.json", "evaluation-simtrace"


def is_evaluation(folder: Path) -> bool:
    """Tell whether an evaluation was written to a folder."""
    return (folder / REPORT).is_file()


@dataclass(frozen=True)
class EvaluationFolder:
    """One evaluation.

    Attributes:
        name: of the folder.
        settings: of the evaluation.
        row: what a table of evaluations says about it.
        steps: of its traced laps.
    """

    COLUMNS: ClassVar[tuple[str, ...]] = (
        "name",
        "track",
        "iteration",
        "laps",
        "begun_laps",
        "clean_laps",
        "completion",
        "best_lap_time",
        "median_lap_time",
        "resets",
        "randomised",
    )

    name: str
    settings: dict[str, Any]
    row: dict[str, Any]
    steps: pd.DataFrame

    @property
    def track(self) -> str:
        """Name or file of its track, as `load_track` takes it."""
        return str(self.settings["track"])

    @classmethod
    def read(cls, folder: Path, notes: list[str]) -> EvaluationFolder | None:
        """Read a folder; return None, with a note, if it cannot be read."""
        try:
            report = json.loads((folder / REPORT).read_text(encoding="utf-8"))
            row = _row(folder.name, report)
            laps = _laps(report["runs"])
            settings = dict(report["settings"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            notes.append(f"{folder.name}/{REPORT} cannot be read: {error!r}")
            return None
        parts = []
        for file in sorted((folder / TRACES).glob("*-iteration.csv")):
            rows, problem = read_trace(file)
            if problem:
                notes.append(f"{folder.name}: {problem}")
            parts.append(rows)
        steps = pd.concat(parts or [empty_trace()], ignore_index=True)
        steps = steps.assign(source=folder.name, iteration=np.nan, track=row["track"])
        return cls(folder.name, settings, row, _with_direction(steps, laps))


def _row(name: str, report: dict[str, Any]) -> dict[str, Any]:
    summary, runs = report["summary"], report["runs"]
    iteration = re.search(r"iteration (\d+)$", str(report.get("model", "")))
    finished = [lap for run in runs for lap in run["laps"]]
    return {
        "name": name,
        "track": str(runs[0]["track"]),
        "iteration": float(iteration[1]) if iteration else np.nan,
        "laps": len(finished),
        "begun_laps": int(summary["begun_laps"]),
        "clean_laps": sum(bool(lap["is_clean"]) for lap in finished),
        "completion": 100 * float(summary["completion"]),
        "best_lap_time": _number(summary["best_lap_time"]),
        "median_lap_time": _number(summary["median_clean_lap_time"]),
        "resets": sum(int(run["resets"]) for run in runs),
        "randomised": bool(report["settings"]["randomised"]),
    }


def _number(value: float | None) -> float:
    return np.nan if value is None else float(value)


def _laps(runs: list[dict[str, Any]]) -> pd.DataFrame:
    """Return direction and exact time of the laps that were begun, numbered as in the trace."""
    rows = []
    for run in runs:
        times = [float(lap["time"]) for lap in run["laps"]]
        begun = min(int(run["wanted_laps"]), int(float(run["laps_driven"])) + 1)
        times += [np.nan] * (begun - len(times))
        rows += [{"reversed": run["direction"] == "reversed", "exact_time": time} for time in times]
    return pd.DataFrame(rows, columns=["reversed", "exact_time"]).rename_axis("episode")


def _with_direction(steps: pd.DataFrame, laps: pd.DataFrame) -> pd.DataFrame:
    steps = steps.join(laps, on="episode")
    return steps.assign(reversed=steps["reversed"].eq(True))
