"""Tracks as the pages show them: figures and borders as plain numbers, drawn as SVG in metres."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from deepracer_sim.console.workshop import Workshop

Points = tuple[tuple[float, float], ...]
MARGIN = 0.35
"""Metres around a track in its drawing."""


@dataclass(frozen=True)
class TrackShape:
    """A track's figures and lines.

    Attributes:
        name: as settings name it.
        title: for people; empty if it has none.
        length: of the centre line, metres.
        width: of the road, metres, mean.
        direction: of its waypoints, as `deepracer tracks list` has it.
        center: waypoints, metres.
        inner: the border at their left or right, metres.
        outer: the other border.
    """

    name: str
    title: str
    length: float
    width: float
    direction: str
    center: Points
    inner: Points
    outer: Points

    @property
    def box(self) -> tuple[float, float, float, float]:
        """Left, top, width and height of what a drawing shows; metres, y downwards."""
        points = [*self.inner, *self.outer]
        left, right = min(x for x, _ in points) - MARGIN, max(x for x, _ in points) + MARGIN
        low, high = min(y for _, y in points) - MARGIN, max(y for _, y in points) + MARGIN
        return left, -high, right - left, high - low


class TrackShapes:
    """Looks tracks up in the workshop, each once."""

    def __init__(self, workshop: Workshop) -> None:
        self._workshop = workshop
        self._found: dict[str, TrackShape] = {}

    async def of(self, name: str) -> TrackShape:
        """Return a track's shape.

        Args:
            name: as settings have it: of a built-in track, a file, or random:SEED.

        Raises:
            TrackError: there is no such track, or it is damaged.
        """
        is_fixed = not name.endswith((".npy", ".yaml", ".yml"))  # a file may change
        if name not in self._found:
            shape = await self._workshop.run(shape_of, name)
            if not is_fixed:
                return shape
            self._found[name] = shape
        return self._found[name]


def shape_of(name: str) -> TrackShape:
    """Load a track's shape; for the workshop, as it loads torch."""
    from deepracer_sim.track_library import describe, load_track

    track = load_track(name)
    row = describe(track)
    lines = [
        tuple((round(x, 4), round(y, 4)) for x, y in line.tolist())
        for line in (track.center, track.inner, track.outer)
    ]
    return TrackShape(name, row.title, row.length, row.width, row.direction, *lines)


def svg(shape: TrackShape, content: str = "", label: str = "") -> str:
    """Draw a track: road, borders, centre line, start line; colours are the page's, see console.css.

    Args:
        shape: of the track.
        content: further SVG, over the road; metres, y downwards.
        label: for who cannot see it.
    """
    left, top, width, height = shape.box
    road = f"M{_line(shape.outer)}ZM{_line(shape.inner)}Z"
    (x0, y0), (x1, y1) = shape.inner[0], shape.outer[0]
    return (
        f'<svg class="track" viewBox="{left:.3f} {top:.3f} {width:.3f} {height:.3f}" role="img" '
        f'aria-label="{label or "track"}" preserveAspectRatio="xMidYMid meet">'
        f'<path class="track-road" d="{road}" fill-rule="evenodd"/>'
        f'<path class="track-line" d="M{_line(shape.center)}Z"/>'
        f'<line class="track-start" x1="{x0}" y1="{-y0}" x2="{x1}" y2="{-y1}"/>{content}</svg>'
    )


def _line(points: Sequence[tuple[float, float]]) -> str:
    return "L".join(f"{x:.3f},{-y:.3f}" for x, y in points)
