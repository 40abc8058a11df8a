"""The picture of a comparison: completion and lap time over a run's iterations."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from deepracer_sim.errors import RunError
from deepracer_sim.file_replacement import replacing
from deepracer_sim.training_graph import EVALUATION, GRID, INK

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from deepracer_sim.checkpoint_comparison import Comparison

WIDTH, HEIGHT, DPI = 12.0, 7.0, 130
COMPARED, MODEL = "#1f77b4", "#2ca02c"


def save_comparison(
    comparison: Comparison, rows: Sequence[Mapping[str, float]], path: str | os.PathLike[str]
) -> None:
    """Write a .png of a comparison.

    Args:
        comparison: what to draw.
        rows: of metrics.csv; what the training's own evaluations said is drawn, too.
        path: of the picture; it appears under its name only when it is complete.

    Raises:
        RunError: the file cannot be written.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH, HEIGHT), dpi=DPI, layout="constrained")
    FigureCanvasAgg(figure)
    upper, lower = figure.subplots(2, 1, sharex=True)
    results = comparison.results
    iterations = [result.iteration for result in results]
    _draw(upper, iterations, [100 * result.completion for result in results], "compared here")
    _draw(lower, iterations, [result.lap_time for result in results], "compared here: median")
    lower.plot(
        iterations,
        [result.best_lap_time for result in results],
        "v",
        markersize=4,
        color=COMPARED,
        alpha=0.6,
        label="compared here: best",
    )
    _draw_training(upper, rows, "evaluation_completion", 100)
    _draw_training(lower, rows, "evaluation_lap_time", 1)
    upper.set_ylabel("completion, %")
    upper.set_ylim(-3, 103)
    lower.set_ylabel("clean lap, s")
    lower.set_xlabel("iteration")
    for axes in (upper, lower):
        _lay_out(axes, comparison)
    settings = comparison.settings
    figure.suptitle(
        f"{Path(settings.track).stem}: {settings.cars} car{'s' * (settings.cars > 1)}, {settings.laps} "
        f"lap{'s' * (settings.laps > 1)} each, {'randomised' if settings.randomised else 'as built'}",
        color=INK,
    )
    with replacing(path, RunError) as temporary:
        figure.savefig(temporary)


def _draw(axes: Axes, iterations: Sequence[int], values: Sequence[float], label: str) -> None:
    axes.plot(iterations, values, "o-", color=COMPARED, markersize=5, linewidth=1.5, label=label)


def _draw_training(axes: Axes, rows: Sequence[Mapping[str, float]], name: str, factor: float) -> None:
    known = [row for row in rows if not math.isnan(row[name])]
    axes.plot(
        [row["iteration"] for row in known],
        [factor * row[name] for row in known],
        ".",
        color=EVALUATION,
        alpha=0.7,
        label="in training",
    )


def _lay_out(axes: Axes, comparison: Comparison) -> None:
    from matplotlib.ticker import MaxNLocator

    if comparison.model is not None:
        axes.axvline(comparison.model, color=MODEL, linestyle="--", linewidth=1.2, label="the run's model")
    axes.grid(color=GRID)
    axes.tick_params(colors=INK)
    axes.legend(frameon=False, labelcolor=INK)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
