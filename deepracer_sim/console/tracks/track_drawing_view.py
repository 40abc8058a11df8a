"""A track drawn large: numbered waypoints, a grid in metres."""

from __future__ import annotations

import math

from nicegui import ui

from deepracer_sim.console.tracks.track_card import arrow
from deepracer_sim.console.tracks.track_shapes import TrackShape, svg

NUMBERED_EVERY = 5
"""As in the lab."""
WIDE_GRID = 5
"""Metres between the lines that have a number."""
TEXT_SHARE = 1 / 75
"""Height of the numbers over that of the drawing's longer side."""


def large_drawing(shape: TrackShape) -> ui.element:
    """Add the drawing; `show_part` changes it, tracks.js zooms it."""
    _, _, width, height = shape.box
    content = _grid(shape) + _waypoints(shape) + arrow(shape, 0.6)
    with ui.element("div").classes("track-large").style(f"aspect-ratio: {width / height:.3f}") as box:
        ui.html(svg(shape, content, f"Track {shape.title}"), sanitize=False).classes("track-drawing")
    return box


def show_part(box: ui.element, part: str, is_shown: bool) -> None:
    """Show or hide the waypoints' numbers or the grid.

    Args:
        box: the drawing.
        part: numbers or grid.
        is_shown: whether it is seen.
    """
    if is_shown:
        box.classes(remove=f"no-{part}")
    else:
        box.classes(add=f"no-{part}")


def _text_size(shape: TrackShape) -> float:
    return max(shape.box[2:]) * TEXT_SHARE


def _waypoints(shape: TrackShape) -> str:
    size = _text_size(shape)
    marks, last = [], len(shape.center) - NUMBERED_EVERY // 2  # those after it would hide 0
    for index, ((x, y), (side_x, side_y)) in enumerate(zip(shape.center, shape.inner, strict=True)):
        marks.append(f'<circle class="track-waypoint" cx="{x:.3f}" cy="{-y:.3f}" r="{size / 6:.3f}"/>')
        if index % NUMBERED_EVERY == 0 and index < last:
            place = f'x="{x + 0.55 * (side_x - x):.3f}" y="{-y - 0.55 * (side_y - y):.3f}"'
            marks.append(f'<text class="track-number" {place}>{index}</text>')
    return f'<g class="track-waypoints" font-size="{size:.3f}">{"".join(marks)}</g>'


def _grid(shape: TrackShape) -> str:
    left, top, width, height = shape.box
    size, lines = _text_size(shape), []
    step = 1 if max(width, height) < 40 else WIDE_GRID
    for metre in _multiples(left, left + width, step):
        kind = "track-grid is-wide" if metre % WIDE_GRID == 0 else "track-grid"
        lines.append(
            f'<line class="{kind}" x1="{metre}" x2="{metre}" y1="{top:.3f}" y2="{top + height:.3f}"/>'
        )
        if metre % WIDE_GRID == 0:
            place = f'x="{metre + size / 3:.3f}" y="{top + height - size / 3:.3f}"'
            lines.append(f'<text class="track-metre" {place}>{metre} m</text>')
    for metre in _multiples(-top - height, -top, step):
        kind = "track-grid is-wide" if metre % WIDE_GRID == 0 else "track-grid"
        lines.append(
            f'<line class="{kind}" y1="{-metre}" y2="{-metre}" x1="{left:.3f}" x2="{left + width:.3f}"/>'
        )
        if metre % WIDE_GRID == 0 and metre != 0:
            place = f'x="{left + size / 3:.3f}" y="{-metre - size / 3:.3f}"'
            lines.append(f'<text class="track-metre" {place}>{metre} m</text>')
    return f'<g class="track-grids" font-size="{size:.3f}">{"".join(lines)}</g>'


def _multiples(low: float, high: float, step: int) -> range:
    return range(math.ceil(low / step) * step, math.floor(high) + 1, step)
