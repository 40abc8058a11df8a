"""A run's metrics.csv, read as it grows."""

from __future__ import annotations

import math
import os
from pathlib import Path

from deepracer_sim.errors import ModelError
from deepracer_sim.garage.run_summary import Judged
from deepracer_sim.run_files import METRICS
from deepracer_sim.settings import StopSettings

Row = dict[str, float]
RECENT = 10
"""Iterations over which the speed is measured."""


class RunMetrics:
    """The rows of a run, of which only new ones are read.

    Args:
        run: its folder.
    """

    def __init__(self, run: Path) -> None:
        self._file = run / METRICS
        self._forget()

    def _forget(self) -> None:
        self._identity, self._read, self._names = 0, 0, [""]
        self._rows: list[Row] = []

    def rows(self) -> list[Row]:
        """Return the rows so far; a half-written last one is left out.

        Raises:
            ModelError: the file is damaged.
        """
        try:
            with self._file.open("rb") as file:
                status = os.fstat(file.fileno())
                if status.st_ino != self._identity or status.st_size < self._read:  # a resumed run cuts it
                    self._forget()
                    self._identity = status.st_ino
                file.seek(self._read)
                text = file.read()
            whole = text[: text.rfind(b"\n") + 1]
            self._read += len(whole)
            for line in whole.decode("utf-8").splitlines():
                self._add(line.split(","))
        except FileNotFoundError:
            self._forget()
        except (OSError, ValueError) as error:
            self._forget()
            raise ModelError(f"{self._file} is damaged: {error}") from error
        return list(self._rows)

    def _add(self, cells: list[str]) -> None:
        if self._names == [""]:
            self._names = cells
        else:
            numbers = (float(cell or "nan") for cell in cells)
            self._rows.append(dict(zip(self._names, numbers, strict=True)))


def speed(rows: list[Row]) -> float:
    """Return the steps a second of the last iterations, all cars together; NaN before there are some."""
    if len(rows) < 2:
        return rows[0]["samples"] / rows[0]["seconds"] if rows and rows[0]["seconds"] > 0 else math.nan
    first, last = rows[-min(RECENT, len(rows))], rows[-1]
    seconds = last["seconds"] - first["seconds"]
    return (last["samples"] - first["samples"]) / seconds if seconds > 0 else math.nan


def seconds_left(stop: StopSettings, rows: list[Row]) -> float:
    """Return how long a training goes on at the longest; NaN where nobody knows."""
    if not rows:
        return math.nan if stop.minutes is None else 60 * stop.minutes
    last, limits = rows[-1], []
    if stop.minutes is not None:
        limits.append(60 * stop.minutes - last["seconds"])
    if stop.iterations is not None:
        limits.append((stop.iterations - last["iteration"]) * last["seconds"] / last["iteration"])
    return max(0.0, min(limits)) if limits else math.nan


def judged(rows: list[Row]) -> list[Judged]:
    """Return the evaluations among the rows."""
    return [
        Judged(int(row["iteration"]), *(row[f"evaluation_{name}"] for name in NAMES))
        for row in rows
        if not math.isnan(row["evaluation_completion"])
    ]


NAMES = ("completion", "clean_runs", "lap_time")
