"""What the trials of a sweep have come to: a row each, the best one, and tables to read."""

from __future__ import annotations

import csv
import io
import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deepracer_sim.errors import DeepRacerError
from deepracer_sim.metrics_table import MetricsTable
from deepracer_sim.run_files import METRICS
from deepracer_sim.settings import TrainSettings
from deepracer_sim.sweep.sweep_folder import SweepFolder, TrialRecord
from deepracer_sim.sweep.trial import Trial

MOST_ROWS = 30
"""Of a table in the terminal; results.csv has all."""
LONGEST_MESSAGE = 300
OUTCOMES = ("iterations", "samples", "seconds", "model_iteration", "completion", "clean_runs", "lap_time")


@dataclass(frozen=True)
class Result:
    """What a trial has come to.

    Attributes:
        trial: which one.
        state: finished, failed, stopped or waiting.
        outcomes: `iterations`, `samples` and `seconds` that it has trained; `model_iteration`, whose network
            its model has; and what the training's evaluation found of that one: `completion` of the laps and
            `clean_runs`, cars that drove all laps without a fault, both 0 to 1, and the median clean
            `lap_time` in seconds. NaN where there is none.
        message: why it failed.
    """

    trial: Trial
    state: str
    outcomes: Mapping[str, float]
    message: str = ""

    @property
    def score(self) -> tuple[float, ...]:
        """What better ones have more of."""
        completion, clean_runs, lap_time = (self.outcomes[name] for name in OUTCOMES[4:])
        if math.isnan(completion):
            return (-1.0,)
        return completion, clean_runs, -lap_time if lap_time > 0 else -math.inf


def read_results(folder: SweepFolder, trials: Sequence[Trial]) -> list[Result]:
    """Read what trials have come to, in their order.

    Raises:
        RunError: sweep.json is damaged.
    """
    records = folder.records()
    return [read_result(folder, trial, records.get(trial.name)) for trial in trials]


def read_result(folder: SweepFolder, trial: Trial, record: TrialRecord | None) -> Result:
    """Read what a trial has come to.

    Args:
        folder: of the sweep.
        trial: which one.
        record: how it ended, None if it has not.
    """
    message = record.message if record else ""
    try:
        rows = MetricsTable(folder.run(trial) / METRICS).rows()
        outcomes = _outcomes(rows, trial.definition.settings, record)
    except (DeepRacerError, KeyError) as error:
        rows, message = [], f"its {METRICS} cannot be used: {error}"
        outcomes = _outcomes([], trial.definition.settings, record)
    state = record.state if record else "stopped" if rows else "waiting"
    return Result(trial, state, outcomes, " ".join(message.split())[:LONGEST_MESSAGE])


def _outcomes(
    rows: Sequence[Mapping[str, float]], settings: TrainSettings, record: TrialRecord | None
) -> dict[str, float]:
    model = record.best if record and record.best is not None else math.nan
    last = rows[-1] if rows else dict.fromkeys(OUTCOMES, math.nan)
    row = next((row for row in rows if row["iteration"] == model), {})
    runs = settings.evaluation.cars_per_track * len(settings.track)
    return {
        "iterations": last["iteration"] if rows else 0.0,
        "samples": last["samples"] if rows else 0.0,
        "seconds": last["seconds"] if rows else 0.0,
        "model_iteration": model,
        "completion": row.get("evaluation_completion", math.nan),
        "clean_runs": row.get("evaluation_clean_runs", math.nan) / runs,
        "lap_time": row.get("evaluation_lap_time", math.nan),
    }


def ranked(results: Sequence[Result]) -> list[Result]:
    """Put results in order, the best one first; of equals, the earlier one."""
    return sorted(results, key=lambda result: result.score, reverse=True)


def best_of(results: Sequence[Result]) -> Result | None:
    """Return the finished trial whose model drives best, None if none was evaluated."""
    judged = [result for result in results if result.state == "finished" and len(result.score) > 1]
    return ranked(judged)[0] if judged else None


def results_csv(results: Sequence[Result], path: Path) -> bytes:
    """Return the rows as CSV: name, state, what varies by its dotted name, seed, outcomes, folder, message.

    Args:
        results: in the trials' order.
        path: of the sweep's folder.
    """
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    settings = list(results[0].trial.values)
    writer.writerow(["trial", "state", *settings, "seed", *OUTCOMES, "run", "message"])
    for result in results:
        trial = result.trial
        values = [_cell(trial.values[setting].raw) for setting in settings]
        outcomes = ["" if math.isnan(value) else f"{value:.6g}" for value in result.outcomes.values()]
        run = str(path / "trials" / trial.name)
        writer.writerow([trial.name, result.state, *values, trial.seed, *outcomes, run, result.message])
    return stream.getvalue().encode()


def _cell(value: Any) -> str:
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return " ".join(value)
    return str(value)


def format_results(results: Sequence[Result]) -> str:
    """Lay results out as plain text, the best ones first; several seeds also together."""
    settings = list(results[0].trial.values)
    has_seeds = len({result.trial.seed for result in results}) > 1
    words = [_short(setting, settings) for setting in settings]
    header = [*words, *(["seed"] if has_seeds else []), *_HEADER, "state"]
    rows = [
        [
            *(result.trial.values[setting].label for setting in settings),
            *([str(result.trial.seed)] if has_seeds else []),
            *_cells(result.outcomes),
            result.state,
        ]
        for result in ranked(results)
    ]
    lines = _table(header, rows[:MOST_ROWS])
    if len(rows) > MOST_ROWS:
        lines.append(f"and {len(rows) - MOST_ROWS} more in results.csv")
    if has_seeds and settings:
        lines += ["", *_table([*words, "trials", *_HEADER[2:]], _variants(results, settings)[:MOST_ROWS])]
    lines += [f"{result.trial.name}: {result.message}" for result in results if result.message]
    return "\n".join(lines)


_HEADER = ("iterations", "minutes", "completion %", "clean %", "lap s")


def _short(setting: str, settings: Sequence[str]) -> str:
    word = setting.rpartition(".")[2]
    return setting if [other.rpartition(".")[2] for other in settings].count(word) > 1 else word


def _cells(outcomes: Mapping[str, float]) -> list[str]:
    return [
        f"{outcomes['iterations']:.0f}",
        f"{outcomes['seconds'] / 60:.1f}",
        *_judgement(outcomes["completion"], outcomes["clean_runs"], outcomes["lap_time"]),
    ]


def _judgement(completion: float, clean_runs: float, lap_time: float) -> list[str]:
    return [_percent(completion), _percent(clean_runs), "-" if math.isnan(lap_time) else f"{lap_time:.2f}"]


def _percent(share: float) -> str:
    """Round down: 99.99 % must not read as all."""
    return "-" if math.isnan(share) else f"{math.floor(1000 * share + 1e-9) / 10:.1f}"


def _variants(results: Sequence[Result], settings: Sequence[str]) -> list[list[str]]:
    """Put the seeds of each variant together: means of completion and clean runs, the median lap."""
    groups: dict[tuple[str, ...], list[Result]] = {}
    for result in results:
        key = tuple(result.trial.values[setting].label for setting in settings)
        groups.setdefault(key, []).append(result)
    found: list[tuple[tuple[float, ...], list[str]]] = []
    for labels, members in groups.items():
        judged = [result.outcomes for result in members if not math.isnan(result.outcomes["completion"])]
        laps = [outcomes["lap_time"] for outcomes in judged if outcomes["lap_time"] > 0]
        completion, clean_runs = (
            statistics.fmean(outcomes[name] for outcomes in judged) if judged else math.nan
            for name in ("completion", "clean_runs")
        )
        lap = statistics.median(laps) if laps else math.nan
        order = (completion, clean_runs, -lap if laps else -math.inf) if judged else (-1.0,)
        cells = [*labels, f"{len(judged)} of {len(members)}", *_judgement(completion, clean_runs, lap)]
        found.append((order, cells))
    return [row for _, row in sorted(found, key=lambda entry: entry[0], reverse=True)]


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    table = [header, *rows]
    widths = [max(len(row[column]) for row in table) for column in range(len(header))]
    lines = [
        "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in table
    ]
    return [lines[0], "-" * max(map(len, lines)), *lines[1:]]
