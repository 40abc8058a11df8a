"""The picture of a sweep: an axis for each setting that varies and for each outcome, a line a trial."""

from __future__ import annotations

import itertools
import math
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from deepracer_sim.errors import RunError
from deepracer_sim.file_replacement import replacing
from deepracer_sim.sweep.results import Result, best_of, ranked
from deepracer_sim.training_graph import INK

if TYPE_CHECKING:
    from matplotlib.axes import Axes

HEIGHT, DPI = 6.0, 130
AXIS_WIDTH = 1.9
MARGIN = 0.4
TICKS = 5
MOST_VALUES = 8
"""Of numbers that are written at an axis each; more get even ticks."""
LOG_RATIO = 10.0
"""Numbers that lie farther apart are drawn on a logarithmic axis."""
SPREAD = 0.03
"""Share of an axis over which lines that share a value are spread, so that all can be seen."""
UNKNOWN = "#b0b0b0"
BEST = "#d62728"
COLOURS = "viridis_r"


@dataclass(frozen=True)
class Axis:
    """An upright axis.

    Attributes:
        title: above it.
        heights: of each trial on it, 0 to 1; NaN where there is nothing.
        ticks: height and text of what is written at it.
    """

    title: str
    heights: Sequence[float]
    ticks: Sequence[tuple[float, str]]


def save_parallel_coordinates(results: Sequence[Result], path: str | os.PathLike[str]) -> None:
    """Write a .png of a sweep's results.

    Args:
        results: in any order.
        path: of the picture; it appears under its name only when it is complete.

    Raises:
        RunError: the file cannot be written.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    ordered = ranked(results)[::-1]  # the best ones are drawn last
    axes = make_axes(ordered)
    figure = Figure(figsize=(AXIS_WIDTH * len(axes) + MARGIN, HEIGHT), dpi=DPI, layout="constrained")
    FigureCanvasAgg(figure)
    plot = figure.subplots()
    _draw_lines(plot, axes, ordered)
    for place, axis in enumerate(axes):
        _draw_axis(plot, place, axis)
    plot.set_xlim(-0.35, len(axes) - 0.65)
    plot.set_ylim(-0.06, 1.1)
    plot.axis("off")
    with replacing(path, RunError) as temporary:
        figure.savefig(temporary)


def make_axes(results: Sequence[Result]) -> list[Axis]:
    """Return the axes: what trials differ in, from left to right as in the file, then what came of it.

    Args:
        results: in the order of the heights.
    """
    settings = list(results[0].trial.values)
    axes = []
    for setting in settings:
        values = [result.trial.values[setting] for result in results]
        raw = [value.raw for value in values]
        if all(isinstance(number, (int, float)) and not isinstance(number, bool) for number in raw):
            axes.append(_number_axis(setting, raw, MOST_VALUES))
        else:
            axes.append(_word_axis(setting, [value.label for value in values]))
    seeds = [result.trial.seed for result in results]
    if len(set(seeds)) > 1 and not settings:
        axes.append(_number_axis("seed", seeds, MOST_VALUES))
    for title, name, factor in (
        ("completion, %", "completion", 100.0),
        ("clean cars, %", "clean_runs", 100.0),
        ("lap, s", "lap_time", 1.0),
        ("training, minutes", "seconds", 1 / 60),
    ):
        numbers = [factor * result.outcomes[name] for result in results]
        if not all(map(math.isnan, numbers)):
            axes.append(_number_axis(title, numbers))
    return axes


def _word_axis(title: str, labels: Sequence[str]) -> Axis:
    words = list(dict.fromkeys(sorted(labels)))
    places = {word: _share(number, 0, len(words) - 1) for number, word in enumerate(words)}
    return Axis(title, [places[label] for label in labels], [(place, word) for word, place in places.items()])


def _number_axis(title: str, numbers: Sequence[float], most_values: int = 1) -> Axis:
    """Return an axis with its values written at it if they are few, else even ticks."""
    known = sorted({number for number in numbers if not math.isnan(number)})
    low, high = known[0], known[-1]
    is_log = low > 0 and high / low > LOG_RATIO
    scale: Callable[[float], float] = math.log if is_log else float
    heights = [_share(scale(number), scale(low), scale(high)) for number in numbers]
    if len(known) > most_values:
        known = _even(low, high, is_log)
    digits = 6 if len(known) <= most_values else 3
    ticks = [(_share(scale(number), scale(low), scale(high)), f"{number:.{digits}g}") for number in known]
    return Axis(title, heights, ticks)


def _even(low: float, high: float, is_log: bool) -> list[float]:
    shares = [number / (TICKS - 1) for number in range(TICKS)]
    if is_log:
        return [float(f"{low * (high / low) ** share:.3g}") for share in shares]
    return [low + share * (high - low) for share in shares]


def _share(number: float, low: float, high: float) -> float:
    if low == high:
        return math.nan if math.isnan(number) else 0.5
    return (number - low) / (high - low)


def _draw_lines(plot: Axes, axes: Sequence[Axis], results: Sequence[Result]) -> None:
    """Draw a curve a trial, the better the darker; it ends where a trial has no outcome."""
    import matplotlib

    colours: Any = matplotlib.colormaps[COLOURS]
    best = best_of(results)
    for number, result in enumerate(results):
        shift = SPREAD * (number / max(1, len(results) - 1) - 0.5)
        heights = itertools.takewhile(math.isfinite, (axis.heights[number] for axis in axes))
        points = [(place, height + shift) for place, height in enumerate(heights)]
        is_judged = len(result.score) > 1
        colour = colours(number / max(1, len(results) - 1)) if is_judged else UNKNOWN
        x, y = _curve(points)
        if result is best:
            plot.plot(x, y, color=BEST, linewidth=2.8, zorder=4, label=f"best: {result.trial.name}")
        else:
            plot.plot(x, y, color=colour, linewidth=1.3, alpha=0.85, zorder=2 + is_judged)
    if best is not None:
        title = "the darker, the better; grey: not evaluated"
        plot.legend(loc="upper center", bbox_to_anchor=(0.5, 0.0), frameon=False, title=title, labelcolor=INK)


def _curve(points: Sequence[tuple[float, float]], steps: int = 24) -> tuple[list[float], list[float]]:
    """Go from point to point, level at each of them, so that a line can be followed through an axis."""
    x, y = [points[0][0]], [points[0][1]]
    for (left, start), (right, end) in itertools.pairwise(points):
        for step in range(1, steps + 1):
            share = step / steps
            x.append(left + share * (right - left))
            y.append(start + (3 - 2 * share) * share**2 * (end - start))
    return x, y


def _draw_axis(plot: Axes, place: int, axis: Axis) -> None:
    plot.plot([place, place], [-0.02, 1.02], color=INK, linewidth=1.2, zorder=5)
    plot.text(place, 1.06, axis.title, ha="center", va="bottom", color=INK, fontsize=10, fontweight="bold")
    for height, text in axis.ticks:
        plot.text(
            place - 0.03,
            height,
            text,
            ha="right",
            va="center",
            color=INK,
            fontsize=9,
            zorder=6,
            bbox={"facecolor": "white", "alpha": 0.75, "edgecolor": "none", "pad": 1.0},
        )
