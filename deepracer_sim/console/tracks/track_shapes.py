"""Tracks as the pages show them: figures and borders as plain numbers, drawn as SVG in metres."""

from __future__ import annotations

import html
from asyncio import to_thread
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from deepracer_sim.console.workshop import Workshop
from deepracer_sim.errors import TrackError

if TYPE_CHECKING:
    from deepracer_sim.track import Track
    from deepracer_sim.track_shape import Line

Points = tuple[tuple[float, float], ...]
MARGIN = 0.35
"""Metres around a track in its drawing."""
FILES = (".npy", ".yaml", ".yml")


@dataclass(frozen=True)
class TrackShape:
    """A track's figures and lines.

    Attributes:
        name: as settings name it.
        title: for people; its short name if it has none.
        length: of the centre line, metres.
        width: of the road, metres, mean.
        direction: of its waypoints, as `deepracer tracks list` has it.
        min_radius: of the tightest bend of the centre line, metres.
        center: waypoints, metres.
        inner: the border at their left or right, metres.
        outer: the other border.
    """

    name: str
    title: str
    length: float
    width: float
    direction: str
    min_radius: float
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
    """Looks tracks up, each once.

    The built-in ones need no torch, and so no workshop: a console that has just been started shows them.
    """

    def __init__(self, workshop: Workshop) -> None:
        self._workshop = workshop
        self._found: dict[tuple[str, int, int], TrackShape] = {}

    async def of(self, name: str) -> TrackShape:
        """Return a track's shape.

        Args:
            name: as settings have it: of a built-in track, a file, or random:SEED.

        Raises:
            TrackError: there is no such track, or it is damaged.
        """
        key = (name, *_version(name))
        if key not in self._found:
            if name in await self.builtin():
                self._found[key] = await to_thread(builtin_shape, name)
            else:
                self._found[key] = await self._workshop.run(shape_of, name)
        return self._found[key]

    async def builtin(self) -> list[str]:
        """Name the built-in tracks."""
        return await to_thread(_builtin_names)


def _version(name: str) -> tuple[int, int]:
    """Tell one content of a file from another; what is no file never changes."""
    if not name.endswith(FILES):
        return 0, 0
    try:
        status = Path(name).stat()
    except OSError as error:
        raise TrackError(f"track file {name} cannot be read: {error.strerror or error}") from error
    return status.st_mtime_ns, status.st_size


def _builtin_names() -> list[str]:
    from deepracer_sim.track_drawing import builtin_names

    return builtin_names()


def builtin_shape(name: str) -> TrackShape:
    """Draw the shape of a built-in track."""
    from deepracer_sim.track_drawing import read_drawing, worlds_folder
    from deepracer_sim.track_shape import borders_of

    drawing = read_drawing(worlds_folder() / f"{name}.yaml")
    center = drawing.draw()
    return _shape(name, name, drawing.title, (center, *borders_of(center, drawing.width)))


def shape_of(name: str) -> TrackShape:
    """Load a track's shape; for the workshop, as it loads torch."""
    from deepracer_sim.track_drawing import RANDOM
    from deepracer_sim.track_library import load_track

    track = load_track(name)
    title = f"Random track {name.removeprefix(RANDOM)}" if name.startswith(RANDOM) else track.name
    return shape_of_track(track, name, title)


def generated_shape(seed: int, width: float) -> TrackShape:
    """Make up a track and return its shape; for the workshop."""
    from deepracer_sim.track_generator import generate_track

    track = generate_track(seed, width)
    return shape_of_track(track, track.name, f"Random track {seed}")


def shape_of_track(track: Track, name: str, title: str) -> TrackShape:
    """Return the shape of a track that was loaded."""
    lines = tuple(line.double().numpy() for line in (track.center, track.inner, track.outer))
    return _shape(name, track.name, title, lines)


def _shape(name: str, short_name: str, title: str, lines: Sequence[Line]) -> TrackShape:
    from deepracer_sim.track_shape import row_of

    row = row_of(short_name, title, *lines)
    points = [tuple((round(x, 4), round(y, 4)) for x, y in line.tolist()) for line in lines]
    return TrackShape(name, row.title, row.length, row.width, row.direction, row.min_radius, *points)


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
        f'aria-label="{html.escape(label or "track")}" preserveAspectRatio="xMidYMid meet">'
        f'<path class="track-road" d="{road}" fill-rule="evenodd"/>'
        f'<path class="track-line" d="M{_line(shape.center)}Z"/>'
        f'<line class="track-start" x1="{x0}" y1="{-y0}" x2="{x1}" y2="{-y1}"/>{content}</svg>'
    )


def _line(points: Sequence[tuple[float, float]]) -> str:
    return "L".join(f"{x:.3f},{-y:.3f}" for x, y in points)
