"""The reward graph of a training, as small as a stamp."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

WIDTH, HEIGHT, EDGE = 120.0, 36.0, 2.0
MOST_POINTS = 60
"""Of a line; there are no more pixels worth drawing."""
REWARD, COMPLETION = "mean_reward", "evaluation_completion"

Point = tuple[float, float]


def thumbnail(metrics: Path) -> str:
    """Draw mean reward and completion in evaluation over the iterations, as SVG; empty with nothing to draw.

    Args:
        metrics: metrics.csv of a run; the colours are the page's, see models.css.
    """
    try:
        header, *lines = metrics.read_text(encoding="utf-8").split("\n")[:-1]  # the last one is empty or half
        names = header.split(",")
        rows = [line.split(",") for line in lines]
        reward = _column(rows, names.index(REWARD))
        completion = _column(rows, names.index(COMPLETION))
    except (OSError, ValueError, IndexError):  # the table says what is wrong with a damaged one
        return ""
    if len(rows) < 2 or not reward:
        return ""
    drawn = _line("graph-reward", _scaled(_thinned(reward), len(rows), *_range(reward)))
    drawn += _line("graph-completion", _scaled(_thinned(completion), len(rows), 0.0, 1.0))
    return (
        f'<svg class="graph" viewBox="0 0 {WIDTH:g} {HEIGHT:g}" role="img" preserveAspectRatio="none" '
        f'aria-label="Mean reward and completion over {len(rows)} iterations">{drawn}</svg>'
    )


def _column(rows: Sequence[Sequence[str]], column: int) -> list[Point]:
    values = ((number, float(row[column] or "nan")) for number, row in enumerate(rows))
    return [(float(number), value) for number, value in values if math.isfinite(value)]


def _range(points: Sequence[Point]) -> Point:
    low, high = min(value for _, value in points), max(value for _, value in points)
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def _thinned(points: list[Point]) -> list[Point]:
    """Replace neighbours by their mean where there are too many."""
    share = math.ceil(len(points) / MOST_POINTS)
    groups = [points[start : start + share] for start in range(0, len(points), max(1, share))]
    return [
        (sum(x for x, _ in group) / len(group), sum(y for _, y in group) / len(group)) for group in groups
    ]


def _scaled(points: Sequence[Point], count: int, low: float, high: float) -> list[Point]:
    inner = HEIGHT - 2.0 * EDGE
    return [
        (EDGE + (WIDTH - 2.0 * EDGE) * x / (count - 1), HEIGHT - EDGE - inner * (y - low) / (high - low))
        for x, y in points
    ]


def _line(name: str, points: Sequence[Point]) -> str:
    places = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polyline class="{name}" points="{places}"/>' if len(points) > 1 else ""
