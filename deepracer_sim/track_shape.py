"""Plane geometry that draws tracks: centre lines, borders and the checks that they do not cross.

NumPy, float64. A line here is closed: `(M, 2)` in metres, its first point not repeated at the end.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from deepracer_sim.errors import TrackError

Line = NDArray[np.float64]

FINE_STEP = 0.005  # metres between the points of a line before it is resampled
LARGEST_GAP = 0.01  # metres by which segments may miss their start; it is spread over the whole line
LARGEST_MISALIGNMENT = 0.5  # degrees


class TrackRow(NamedTuple):
    """What a list of tracks says about one of them; metres."""

    name: str
    title: str
    length: float
    width: float
    direction: str
    min_radius: float


def line_through(points: Line) -> Line:
    """Draw a smooth closed curve through control points.

    A periodic cubic spline over the chord length: position, direction and curvature are continuous. The
    second derivatives at the points solve the cyclic form of the tridiagonal system in Press et al.,
    "Numerical Recipes", section 3.3.

    Args:
        points: at least 3 distinct control points, `(K, 2)`; the curve starts at the first.

    Returns:
        Points about 5 mm apart, `(M, 2)`.
    """
    following = np.roll(points, -1, axis=0)
    chords = np.linalg.norm(following - points, axis=1)
    before = np.roll(chords, 1)
    slopes = (following - points) / chords[:, None]
    row = np.arange(len(points))
    system = np.zeros((len(points), len(points)))
    system[row, row - 1] += before
    system[row, row] += 2.0 * (before + chords)
    system[row, (row + 1) % len(points)] += chords
    bends = np.linalg.solve(system, 6.0 * (slopes - np.roll(slopes, 1, axis=0)))

    ends = np.cumsum(chords)
    place = np.linspace(0.0, ends[-1], round(ends[-1] / FINE_STEP), endpoint=False)
    piece = np.searchsorted(ends, place, side="right")
    chord = chords[piece, None]
    along = place[:, None] - (ends - chords)[piece, None]
    bend, next_bend = bends[piece], np.roll(bends, -1, axis=0)[piece]
    slope = slopes[piece] - chord * (2.0 * bend + next_bend) / 6.0
    cubic = (next_bend - bend) / (6.0 * chord)
    line: Line = points[piece] + along * (slope + along * (bend / 2.0 + along * cubic))
    return line


def line_along(start: tuple[float, float, float], segments: Sequence[tuple[float, float]]) -> Line:
    """Draw straights and arcs one after the other, back to the start.

    Args:
        start: x, y in metres and the first direction in radians.
        segments: length in metres and turn in radians of each, positive to the left, 0 for a straight.

    Returns:
        Points about 5 mm apart, `(M, 2)`.

    Raises:
        TrackError: the last segment does not lead back into the first.
    """
    x, y, heading = start
    pieces = []
    for length, turn in segments:
        share = np.linspace(0.0, 1.0, max(2, round(length / FINE_STEP)), endpoint=False)
        chord = share * length * np.sinc(share * turn / (2.0 * np.pi))  # an arc's chord is 2 R sin(turn / 2)
        direction = heading + share * turn / 2.0
        pieces.append(np.stack((x + chord * np.cos(direction), y + chord * np.sin(direction)), axis=1))
        reach = length * float(np.sinc(turn / (2.0 * np.pi)))
        x, y = x + reach * math.cos(heading + turn / 2.0), y + reach * math.sin(heading + turn / 2.0)
        heading += turn
    gap = math.hypot(x - start[0], y - start[1])
    astray = math.degrees(abs(math.remainder(heading - start[2], math.tau)))
    if gap > LARGEST_GAP or astray > LARGEST_MISALIGNMENT:
        raise TrackError(
            f"the segments end at ({x:.3f}, {y:.3f}), {gap:.3f} m and {astray:.2f} degrees off their start: "
            f"must be within {LARGEST_GAP} m and {LARGEST_MISALIGNMENT} degrees"
        )
    line = np.concatenate(pieces)
    line -= np.array([x - start[0], y - start[1]]) * np.linspace(0.0, 1.0, len(line))[:, None]
    return line


def resample(line: Line, spacing: float) -> Line:
    """Place points at equal distances along a line, as near to `spacing` metres as a whole number allows."""
    closed = np.concatenate((line, line[:1]))
    distances = np.concatenate(([0.0], np.cumsum(np.linalg.norm(np.diff(closed, axis=0), axis=1))))
    count = max(3, round(distances[-1] / spacing))
    places = np.linspace(0.0, distances[-1], count, endpoint=False)
    return np.stack([np.interp(places, distances, closed[:, axis]) for axis in (0, 1)], axis=1)


def length_of(line: Line) -> float:
    """Measure a closed line in metres."""
    return float(np.linalg.norm(np.roll(line, -1, axis=0) - line, axis=1).sum())


def area_of(line: Line) -> float:
    """Measure what a closed line encloses in square metres, positive if it runs counter-clockwise."""
    following = np.roll(line, -1, axis=0)
    return float((line[:, 0] * following[:, 1] - line[:, 1] * following[:, 0]).sum() / 2.0)


def radii_of(line: Line) -> NDArray[np.float64]:
    """Measure the radius of the bend at every point in metres, `(M,)`: mean step over turn."""
    steps = np.roll(line, -1, axis=0) - line
    before = np.roll(steps, 1, axis=0)
    turns = np.arctan2(before[:, 0] * steps[:, 1] - before[:, 1] * steps[:, 0], (before * steps).sum(axis=1))
    sizes = np.linalg.norm(steps, axis=1)
    radii: NDArray[np.float64] = (sizes + np.roll(sizes, 1)) / 2.0 / np.maximum(np.abs(turns), 1e-9)
    return radii


def borders_of(center: Line, width: float) -> tuple[Line, Line]:
    """Offset a centre line by half a width to both sides.

    Returns:
        Inner and outer border, `(M, 2)` each, row by row beside the centre line. Where a bend is tighter than
        half the width the border has a corner instead of a fold.
    """
    steps = np.roll(center, -1, axis=0) - center
    directions = steps / np.linalg.norm(steps, axis=1, keepdims=True)
    tangents = directions + np.roll(directions, 1, axis=0)
    tangents /= np.linalg.norm(tangents, axis=1, keepdims=True)
    left = np.stack((-tangents[:, 1], tangents[:, 0]), axis=1) * (width / 2.0)
    inward = left if area_of(center) > 0.0 else -left
    return untangled(center + inward, 2.0 * width), untangled(center - inward, 2.0 * width)


def crossings(line: Line, other: Line | None = None) -> list[tuple[int, int, Line]]:
    """Find where the segments of a line cross those of another one, or of itself.

    Returns:
        For each crossing: the row at which the line's segment starts, that of the other's, and the point
        `(2,)`. Neighbouring segments of one line do not cross.
    """
    second = line if other is None else other
    step, second_step = np.roll(line, -1, axis=0) - line, np.roll(second, -1, axis=0) - second
    apart = second[None] - line[:, None]
    cross = step[:, None, 0] * second_step[None, :, 1] - step[:, None, 1] * second_step[None, :, 0]
    # Parallel to rounding, or of zero length: no single point in common.
    sizes = np.linalg.norm(step, axis=1)[:, None] * np.linalg.norm(second_step, axis=1)
    cross[np.abs(cross) <= 1e-12 * sizes] = np.nan
    along = (apart[..., 0] * second_step[None, :, 1] - apart[..., 1] * second_step[None, :, 0]) / cross
    along_second = (apart[..., 0] * step[:, None, 1] - apart[..., 1] * step[:, None, 0]) / cross
    # A segment has its start but not its end, so that neighbours do not meet and a vertex counts once.
    low, high = -1e-9, 1.0 - 1e-9
    meets = (along >= low) & (along < high) & (along_second >= low) & (along_second < high)
    if other is None:
        meets = np.triu(meets)
    return [(int(i), int(j), line[i] + along[i, j] * step[i]) for i, j in np.argwhere(meets)]


def untangled(line: Line, reach: float) -> Line:
    """Replace every fold of a border by a corner.

    Args:
        line: a border, `(M, 2)`.
        reach: folds up to this length in metres are taken out; a longer loop is left for `check_borders`.

    Returns:
        A line with as many rows, those of a fold all at the point where it closes.
    """
    line = line.copy()
    for _ in range(len(line)):
        steps = np.linalg.norm(np.roll(line, -1, axis=0) - line, axis=1)
        folds = []
        for first, second, point in crossings(line):
            inside = np.arange(first + 1, second + 1)
            if 2 * len(inside) > len(line):  # the fold lies around the first row
                inside = np.arange(second + 1, len(line) + first + 1) % len(line)
            folds.append((float(steps[inside].sum()), inside, point))
        if not folds or min(folds, key=lambda fold: fold[0])[0] > reach:
            break
        _, inside, point = min(folds, key=lambda fold: fold[0])
        line[inside] = point
    return line


def check_borders(name: str, center: Line, inner: Line, outer: Line) -> None:
    """Check that lines make a closed track: none crosses itself or another, and they enclose each other.

    Raises:
        TrackError: naming the lines and the place.
    """
    lines = {"centre line": center, "inner border": inner, "outer border": outer}
    names = list(lines)
    for index, first in enumerate(names):
        for second in names[index:]:
            found = crossings(lines[first], None if first == second else lines[second])
            if found:
                row, other_row, (x, y) = found[0]
                whom = "itself" if first == second else f"the {second}"
                raise TrackError(
                    f"track {name!r}: the {first} crosses {whom} at ({x:.2f}, {y:.2f}), rows {row} and "
                    f"{other_row}: the borders of a closed track must not cross"
                )
    areas = [abs(area_of(line)) for line in (inner, center, outer)]
    if not areas[0] < areas[1] < areas[2]:
        raise TrackError(
            f"track {name!r}: inner border, centre line and outer border enclose {areas[0]:.2f}, "
            f"{areas[1]:.2f} and {areas[2]:.2f} square metres: each must enclose more than the one before"
        )


def row_of(name: str, title: str, center: Line, inner: Line, outer: Line) -> TrackRow:
    """Describe a track by its lines."""
    return TrackRow(
        name=name,
        title=title or name,
        length=length_of(center),
        width=float(np.linalg.norm(outer - inner, axis=1).mean()),
        direction="counter-clockwise" if area_of(center) > 0.0 else "clockwise",
        min_radius=float(radii_of(center).min()),
    )
