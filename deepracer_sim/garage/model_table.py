"""The store's models in words: a table of all of them, and a page on one."""

from __future__ import annotations

import math
from collections.abc import Sequence

from deepracer_sim.errors import DeepRacerError
from deepracer_sim.garage.definition_file import format_definition
from deepracer_sim.garage.model_store import ModelRow
from deepracer_sim.garage.run_summary import RunSummary
from deepracer_sim.garage.stored_model import Status, StoredModel

HEADER = ("name", "status", "track", "completion", "best lap s", "trained")
RIGHT = (3, 4, 5)
"""Columns of numbers."""
LONGEST_TRACKS = 30


def format_list(models: Sequence[ModelRow]) -> str:
    """Lay models out as plain text: a row each, and what is wrong with damaged ones below."""
    lines = _aligned([HEADER, *map(_row, models)], RIGHT)
    faults = [f"{model.name}: {model.fault}" for model in models if model.fault]
    return "\n".join([lines[0], "-" * max(map(len, lines)), *lines[1:], *([""] if faults else []), *faults])


def format_model(model: StoredModel) -> str:
    """Write all about a model: how it stands, its runs, and its definition as YAML."""
    record, status = model.record, model.status
    rows = [
        ("model", f"{model.name}, {status.value}"),
        ("folder", str(model.path)),
        ("created", record.created),
        *([("cloned from", record.parent)] if record.parent else []),
        ("completion", percent(model.completion)),
        ("best lap", lap_seconds(model.best_lap, " s")),
        ("trained", duration(model.seconds)),
        ("drives", what_drives(model)),
    ]
    parts = ["\n".join(_aligned(rows, ()))]
    if model.summaries:
        header = ("run", "iterations", "trained", "best iteration", "completion", "lap s")
        parts.append("\n".join(_aligned([header, *map(_run_row, model.summaries)], range(6))))
    last = model.last_training
    if status is Status.FAILED and last:
        parts.append("\n".join([f"The training failed: {last.message}", *model.log_lines()]))
    if record.notes:
        parts.append("\n".join(f"note: {note}" for note in record.notes))
    parts.append(format_definition(model.name, model.definition, model.path).rstrip())
    return "\n\n".join(parts)


def _row(model: ModelRow) -> tuple[str, ...]:
    tracks = ", ".join(name.rsplit("/", 1)[-1] for name in model.track)
    if len(tracks) > LONGEST_TRACKS:
        tracks = f"{tracks[: LONGEST_TRACKS - 3]}..."
    return (
        model.name,
        model.status.value,
        tracks or "-",
        percent(model.completion),
        lap_seconds(model.best_lap),
        duration(model.seconds),
    )


def _run_row(run: RunSummary) -> tuple[str, ...]:
    best = run.best
    return (
        str(run.number),
        str(run.iterations),
        duration(run.seconds),
        str(best.iteration) if best else "-",
        percent(best.completion if best else math.nan),
        lap_seconds(best.lap_time if best else math.nan),
    )


def what_drives(model: StoredModel) -> str:
    """Say which iteration drives a model, and why."""
    if model.best_run is None:
        return "an imported ONNX model" if model.has_policy else "nothing yet"
    from deepracer_sim.run_folder import RunFolder

    try:
        run = RunFolder.open(model.policy_path())
        iteration = run.load_best().iteration
    except DeepRacerError as error:
        return f"nothing: {error}"
    return f"iteration {iteration} of run {run.path.name}, {'chosen' if run.chosen else 'the best'}"


def _aligned(rows: Sequence[Sequence[str]], right: Sequence[int]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return [
        "  ".join(
            cell.rjust(width) if column in right else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def percent(share: float) -> str:
    """Write a share of 1, rounded down: 99.9 % must not read as all; NaN is none."""
    return "-" if math.isnan(share) else f"{math.floor(100 * share + 1e-9)} %"


def lap_seconds(time: float, unit: str = "") -> str:
    """Write a lap time; NaN is none."""
    return "-" if math.isnan(time) else f"{time:.2f}{unit}"


def duration(seconds: float) -> str:
    """Write a time of training as hours, minutes and seconds; 0 is none."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if seconds else "-"
