"""The graph of a training: mean reward, completion in training and in evaluation, the best model."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

from deepracer_sim.errors import RunError
from deepracer_sim.file_replacement import replacing

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Column: TypeAlias = NDArray[np.float64]

REWARD, TRAINING, EVALUATION = "#2ca02c", "#1f77b4", "#d62728"
"""Green, blue and red, as in AWS's console."""
INK, GRID = "#24292f", "#e4e7eb"
WIDTH, HEIGHT, DPI = 12.0, 6.0, 130
SMOOTHED_SHARE = 1 / 20
"""Iterations that a smoothed point is the mean of, over all of them."""
TIME_STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 28800, 86400)
"""Seconds between two marks of the time axis."""
MOST_TIME_MARKS = 12
"""On a training whose iterations take equally long."""
LEAST_TIME_GAP = 1 / 16
"""Between the middles of two labels of the time axis, over its length; a label is 0.05 wide at the most."""


def save_training_graph(
    rows: Sequence[Mapping[str, float]], path: str | os.PathLike[str], best_iteration: int | None
) -> None:
    """Write a .png of a training.

    Args:
        rows: of metrics.csv, each with iteration, seconds, mean_reward, completion and evaluation_completion
            (shares of a lap, 0 to 1), NaN where there was none.
        path: of the graph; the file appears under its name only when it is complete.
        best_iteration: whose model is the best; None, or one without a row, if there is none yet.

    Raises:
        RunError: there are no rows, or the file cannot be written.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    if not rows:
        raise RunError("no training graph: metrics.csv has no rows; train for at least one iteration")
    columns = {
        name: np.array([row[name] for row in rows], dtype=np.float64)
        for name in ("iteration", "seconds", "mean_reward", "completion", "evaluation_completion")
    }
    figure = Figure(figsize=(WIDTH, HEIGHT), dpi=DPI, layout="constrained")
    FigureCanvasAgg(figure)
    rewards = figure.add_subplot()
    shares = rewards.twinx()
    _draw_curves(rewards, shares, columns)
    _mark_best(shares, columns, best_iteration)
    _lay_out(rewards, shares, columns["iteration"])
    _add_time_axis(rewards, columns["iteration"], columns["seconds"])
    handles = [handle for axes in (rewards, shares) for handle in axes.get_legend_handles_labels()[0]]
    figure.legend(
        handles=handles, loc="outside lower center", ncols=len(handles), frameon=False, labelcolor=INK
    )
    with replacing(path, RunError) as temporary:
        figure.savefig(temporary)


def _draw_curves(rewards: Axes, shares: Axes, columns: Mapping[str, Column]) -> None:
    """Draw the two curves of the training, smoothed over the raw ones, and the points of the evaluations."""
    iteration = columns["iteration"]
    for axes, values, colour, label in (
        (rewards, columns["mean_reward"], REWARD, "mean reward of an episode"),
        (shares, 100 * columns["completion"], TRAINING, "completion in training"),
    ):
        smooth = _smoothed(values, max(1, round(SMOOTHED_SHARE * len(values))))
        axes.plot(iteration, values, color=colour, linewidth=0.8, alpha=0.35)
        axes.plot(
            iteration,
            smooth,
            color=colour,
            linewidth=2.2,
            marker="." if len(values) == 1 else "",
            label=label,
        )
    judged = np.isfinite(columns["evaluation_completion"])
    percent = 100 * columns["evaluation_completion"][judged]
    label = "completion in evaluation"
    shares.plot(
        iteration[judged], percent, color=EVALUATION, linewidth=1.5, marker="o", markersize=5.0, label=label
    )


def _smoothed(values: Column, width: int) -> Column:
    """Return the mean of the last `width` values at each place, NaN left out; NaN where there is none."""
    known = np.isfinite(values)
    sums = np.cumsum(np.where(known, values, 0.0))
    counts = np.cumsum(known)
    sums[width:] = sums[width:] - sums[:-width]
    counts[width:] = counts[width:] - counts[:-width]
    return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)


def _mark_best(shares: Axes, columns: Mapping[str, Column], best_iteration: int | None) -> None:
    found = np.flatnonzero(columns["iteration"] == best_iteration)
    if not len(found) or not np.isfinite(columns["evaluation_completion"][found[0]]):
        return
    iteration, percent = columns["iteration"][found[0]], 100 * columns["evaluation_completion"][found[0]]
    shares.axvline(iteration, color=INK, linewidth=1.0, linestyle=(0, (4, 4)), zorder=1)
    shares.plot(
        [iteration],
        [percent],
        color=EVALUATION,
        marker="*",
        markersize=20.0,
        markeredgecolor="white",
        linestyle="",
        label=f"best model, iteration {iteration:.0f}",
        zorder=5,
    )


def _lay_out(rewards: Axes, shares: Axes, iteration: Column) -> None:
    from matplotlib.ticker import MaxNLocator

    first, last = float(iteration[0]), float(iteration[-1])
    rewards.set_xlim(first - 0.5 if first == last else first, last + max(0.5, 0.015 * (last - first)))
    rewards.set_xlabel("iteration", color=INK, fontsize=12)
    rewards.set_ylabel("mean reward", color=REWARD, fontsize=12)
    shares.set_ylabel("completion of the lap, %", color=INK, fontsize=12)
    shares.set_ylim(0, 105)
    shares.set_yticks(range(0, 101, 20))
    shares.grid(axis="y", color=GRID)
    for axes in (rewards, shares):
        axes.tick_params(colors=INK, length=0)
        axes.spines[:].set_visible(False)
    rewards.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    rewards.spines["bottom"].set(visible=True, color=INK)
    # The grid belongs to the right axis, whose curves are drawn above it: the left axis must not hide it.
    rewards.set_zorder(shares.get_zorder() + 1)
    rewards.patch.set_visible(False)


def _add_time_axis(rewards: Axes, iteration: Column, seconds: Column) -> None:
    """Write the wall time along the upper edge: iterations do not all take equally long."""
    elapsed = np.maximum.accumulate(np.nan_to_num(seconds))
    # Some iterations may take far longer than others: the finest step suits the faster quarter of the axis.
    edges = np.linspace(iteration[0], iteration[-1], MOST_TIME_MARKS + 1)
    pace = np.quantile(np.diff(np.interp(edges, iteration, elapsed)), 0.25)
    steps = [step for step in TIME_STEPS if step >= pace] or [TIME_STEPS[-1]]
    marks = _time_marks(iteration, elapsed, steps)
    above = rewards.twiny()
    above.set_xlim(rewards.get_xlim())
    above.set_xticks(list(marks.values()), [_clock(mark, steps[0]) for mark in marks])
    above.set_xlabel("time", color=INK, fontsize=12)
    above.tick_params(colors=INK, length=4)
    above.spines[:].set_visible(False)


def _time_marks(iteration: Column, elapsed: Column, steps: Sequence[int]) -> dict[float, float]:
    """Return times and their places on the axis of iterations, the roundest times first, none too close."""
    least = LEAST_TIME_GAP * (iteration[-1] - iteration[0])
    places: dict[float, float] = {}
    for step in reversed(steps):
        for mark in np.arange(step, elapsed[-1], step):
            place = float(np.interp(mark, elapsed, iteration))
            if mark >= elapsed[0] and all(abs(place - other) >= least for other in places.values()):
                places[float(mark)] = place
    return places


def _clock(seconds: float, step: int) -> str:
    whole = round(seconds)
    hours, minutes = divmod(whole // 60, 60)
    if step < 60 and whole < 60:
        return f"{whole} s"
    if step < 60:
        return f"{hours}:{minutes:02d}:{whole % 60:02d}" if hours else f"{minutes}:{whole % 60:02d}"
    return f"{hours}:{minutes:02d} h" if hours else f"{minutes} min"
