"""What a run has come to, from its files alone and without torch: a thousand take less than a second."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from pydantic import ValidationError

from deepracer_sim.errors import ModelError
from deepracer_sim.run_files import CHECKPOINTS, CONFIG, METRICS
from deepracer_sim.settings import TrainSettings, describe

COLUMNS = ("iteration", "seconds", "evaluation_completion", "evaluation_clean_runs", "evaluation_lap_time")


@dataclass(frozen=True)
class Judged:
    """What an evaluation during a training has found.

    Attributes:
        completion: of the laps, 0 to 1.
        clean_runs: cars that drove all laps without a fault.
        lap_time: median clean lap in seconds; NaN without one.
    """

    iteration: int
    completion: float
    clean_runs: float
    lap_time: float

    @property
    def score(self) -> tuple[float, ...]:
        """What better ones have more of."""
        return self.completion, self.clean_runs, -self.lap_time if self.lap_time > 0 else -math.inf


@dataclass(frozen=True)
class RunSummary:
    """A run's figures.

    Attributes:
        number: of the run in its model.
        iterations: that are in its metrics.
        seconds: of training.
        judged: its evaluations, in order.
    """

    number: int
    iterations: int
    seconds: float
    judged: tuple[Judged, ...]

    @cached_property
    def best(self) -> Judged | None:
        """The best evaluation; of equals, the later policy has learnt longer."""
        return max(reversed(self.judged), key=lambda entry: entry.score, default=None)

    @property
    def best_lap(self) -> float:
        """The shortest median lap of an evaluation, seconds; NaN without one."""
        return min((entry.lap_time for entry in self.judged if entry.lap_time > 0), default=math.nan)


def is_half_made(run: Path) -> bool:
    """Tell whether a training was killed before it had made its folder; there is nothing in it to lose."""
    return not (run / METRICS).exists() and not any((run / CHECKPOINTS).glob("*.pt"))


def summary_of(run: Path) -> RunSummary:
    """Read a run.

    Raises:
        ModelError: its config.json or metrics.csv is missing or damaged.
    """
    run_settings(run)
    file = run / METRICS
    try:
        text = file.read_text(encoding="utf-8") if file.exists() else ""
    except (OSError, UnicodeDecodeError) as error:
        raise ModelError(f"{file} cannot be read: {error}") from error
    header, *rows = [line.split(",") for line in text.split("\n")[:-1]] or [[]]  # the last is empty or half
    try:
        return _summary(int(run.name), header, rows)
    except (ValueError, IndexError) as error:
        raise ModelError(f"{file} is damaged: {error}") from error


def _summary(number: int, header: list[str], rows: list[list[str]]) -> RunSummary:
    if not rows:
        return RunSummary(number, 0, 0.0, ())
    iteration, seconds, *columns = map(header.index, COLUMNS)
    judged = tuple(
        Judged(int(row[iteration]), *(float(row[column] or "nan") for column in columns))
        for row in rows
        if row[columns[0]]
    )
    if any(len(row) != len(header) for row in rows):
        raise ValueError("a row is too short or too long")
    return RunSummary(number, int(rows[-1][iteration]), float(rows[-1][seconds]), judged)


def run_settings(run: Path) -> TrainSettings:
    """Return the settings of a run.

    Raises:
        ModelError: its config.json is missing or damaged.
    """
    file = run / CONFIG
    try:
        return TrainSettings(**json.loads(file.read_text(encoding="utf-8")))
    except ValidationError as error:
        raise ModelError(f"{file} cannot be used: {describe(error)}") from error
    except OSError as error:
        raise ModelError(f"{file} cannot be read: {error.strerror or error}") from error
    except (ValueError, TypeError) as error:
        raise ModelError(f"{file} is damaged: {error}") from error
