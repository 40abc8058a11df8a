"""Comparing the iterations of a run: each drives the same laps, and what it did is kept in the run."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from deepracer_sim.checkpoint import Checkpoint
from deepracer_sim.checkpoint_choice import best_iteration
from deepracer_sim.comparison_results import RESULTS, Result, result_of
from deepracer_sim.comparison_settings import ComparisonSettings
from deepracer_sim.errors import RunError
from deepracer_sim.evaluation_report import best_lap
from deepracer_sim.run_folder import RunFolder
from deepracer_sim.settings import EvaluateSettings
from deepracer_sim.simulation import Course

PICTURE = "comparison.png"
MOST_ITERATIONS = 20
"""That are compared where nobody says which; each takes about two seconds."""


@dataclass(frozen=True)
class Comparison:
    """The results of iterations that drove the same laps, oldest first.

    Attributes:
        results: of them.
        best: the best one of the training's own evaluations; None if there were none.
        model: whose model the run has: the best one's, or the chosen one's; None if it has none.
        settings: of the evaluation.
    """

    results: tuple[Result, ...]
    best: int | None
    model: int | None
    settings: EvaluateSettings


def compare(
    path: Path,
    settings: ComparisonSettings = ComparisonSettings(),  # noqa: B008
    iterations: Sequence[int] = (),
    report: Callable[[Result], None] = lambda result: None,
) -> Comparison:
    """Evaluate iterations of a run, those that were not evaluated like this yet, and draw comparison.png.

    Args:
        path: run folder.
        settings: of the evaluation.
        iterations: to compare; by default at most `MOST_ITERATIONS`, evaluated in the training if possible.
        report: called with each new result.

    Raises:
        RunError: an iteration is not kept or damaged, or the folder cannot be written.
        TrackError: there is no such track.
    """
    from deepracer_sim.comparison_picture import save_comparison

    run = RunFolder.open(path)
    evaluation = settings.evaluation(run.settings.track[0])
    best = _best(run)
    model = run.load_best().iteration if run.iterations() else None
    chosen = sorted({*iterations}) or _usual(run, [number for number in (best, model) if number is not None])
    kept = KeptResults(run, evaluation)
    results = []
    course: Course | None = None
    for iteration in chosen:
        checkpoint = run.load_iteration(iteration)
        result = kept.find(checkpoint)
        if result is None:
            course = course or Course.load((evaluation.track,))
            result = _drive(path, checkpoint, evaluation, course)
            kept.add(checkpoint, result)
            report(result)
        results.append(result)
    comparison = Comparison(tuple(results), best, model, evaluation)
    save_comparison(comparison, run.metrics(), run.path / PICTURE)
    return comparison


def _drive(path: Path, checkpoint: Checkpoint, settings: EvaluateSettings, course: Course) -> Result:
    from deepracer_sim.evaluation_run import evaluate_model, from_checkpoint

    evaluation = evaluate_model(from_checkpoint(path, checkpoint), settings, course)
    return Result(
        checkpoint.iteration,
        evaluation.completion,
        evaluation.clean_runs,
        len(evaluation.runs),
        evaluation.lap_time,
        best_lap(evaluation.runs),
    )


def _best(run: RunFolder) -> int | None:
    try:
        return best_iteration(run)
    except RunError:
        return None


def _usual(run: RunFolder, wanted: Iterable[int]) -> list[int]:
    """Return which iterations are compared: evenly spaced evaluated ones, the newest and `wanted`."""
    kept = {*run.iterations(), *run.weights.iterations()}
    if not kept:
        raise RunError(f"{run.path} has no iteration to compare: nothing was trained yet")
    evaluated = {
        int(row["iteration"]) for row in run.metrics() if not math.isnan(row["evaluation_completion"])
    }
    needed = {max(kept), *wanted} & kept
    others = sorted((kept & evaluated or kept) - needed)
    room = max(0, MOST_ITERATIONS - len(needed))
    count = min(room, len(others))
    return sorted({*needed, *(others[index * len(others) // count] for index in range(count))})


class KeptResults:
    """comparison.json: the results of a run's iterations, by the settings of their evaluation.

    Args:
        run: whose.
        settings: of the evaluation whose results are looked for.

    Raises:
        RunError: the file is damaged.
    """

    def __init__(self, run: RunFolder, settings: EvaluateSettings) -> None:
        self._run = run
        self._settings = settings.model_dump(mode="json")
        self._all = self._read()
        self._own = next((entry for entry in self._all if entry["settings"] == self._settings), None)

    def _read(self) -> list[dict[str, Any]]:
        file = self._run.path / RESULTS
        if not file.exists():
            return []
        try:
            entries = json.loads(file.read_text(encoding="utf-8"))
            for entry in entries:
                for result in entry["results"]:
                    result_of(result)
                    result["weights"]
                entry["settings"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise RunError(
                f"{file} cannot be used: {error}; remove it, and all is evaluated again"
            ) from error
        return list(entries)

    def find(self, checkpoint: Checkpoint) -> Result | None:
        """Return what these very weights did; a run that went on otherwise has others at that iteration."""
        digest = weights_digest(checkpoint)
        for entry in self._own["results"] if self._own else ():
            if (entry["iteration"], entry["weights"]) == (checkpoint.iteration, digest):
                return result_of(entry)
        return None

    def add(self, checkpoint: Checkpoint, result: Result) -> None:
        """Keep a result.

        Raises:
            RunError: the folder cannot be written.
        """
        if self._own is None:
            self._own = {"settings": self._settings, "results": []}
            self._all.append(self._own)
        plain = {name: None if value != value else value for name, value in asdict(result).items()}
        others = [entry for entry in self._own["results"] if entry["iteration"] != result.iteration]
        entry = {**plain, "weights": weights_digest(checkpoint)}
        self._own["results"] = sorted([*others, entry], key=lambda item: int(item["iteration"]))
        self._run.write(RESULTS, (json.dumps(self._all, indent=1) + "\n").encode())


def weights_digest(checkpoint: Checkpoint) -> str:
    """Return what tells a network's weights from others."""
    digest = hashlib.sha256()
    for name, values in checkpoint.network().state_dict().items():
        digest.update(name.encode() + values.numpy().tobytes())
    return digest.hexdigest()[:16]


def format_comparison(comparison: Comparison) -> str:
    """Lay the results out as plain text: a row an iteration."""
    lines = ["iteration  completion  clean runs  lap time s  best lap s"]
    for result in comparison.results:
        marks = [
            name
            for name, iteration in (("best in training", comparison.best), ("model", comparison.model))
            if iteration == result.iteration
        ]
        lines.append(
            f"{result.iteration:9}  {percent(result.completion):>10}  "
            f"{result.clean_runs:>6}/{result.cars:<3}  {_seconds(result.lap_time):>10}  "
            f"{_seconds(result.best_lap_time):>10}  {', '.join(marks)}".rstrip()
        )
    return "\n".join(lines)


def percent(share: float) -> str:
    """Round down: 99.9 % must not read as all."""
    return f"{math.floor(100 * share + 1e-9)} %"


def _seconds(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.2f}"
