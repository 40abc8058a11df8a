"""A track as a card: its picture, its title, its figures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from nicegui import ui

from deepracer_sim.console.tracks.track_shapes import TrackShape, svg

STYLE = '<link rel="stylesheet" href="/static/tracks.css">'


def track_facts(shape: TrackShape) -> list[tuple[str, str]]:
    """Return a track's figures, each with its name."""
    return [
        ("Length", f"{shape.length:.2f} m"),
        ("Width", f"{shape.width:.2f} m"),
        ("Direction", shape.direction),
        ("Tightest radius", f"{shape.min_radius:.2f} m"),
    ]


def show_facts(shape: TrackShape, more: Sequence[tuple[str, str]] = ()) -> None:
    """Lay out a track's figures, and perhaps more of them."""
    with ui.element("dl").classes("track-facts"):
        for name, value in (*track_facts(shape), *more):
            with ui.element("div"):
                with ui.element("dt").classes("soft"):
                    ui.label(name)
                with ui.element("dd"):
                    ui.label(value)


def fill_card(card: ui.element, shape: TrackShape, note: str = "") -> None:
    """Show a track in a card.

    Args:
        card: whose content this becomes.
        shape: of the track.
        note: what sort of track it is, where that matters.
    """
    card.clear()
    with card:
        with ui.element("div").classes("track-picture"):
            ui.html(svg(shape, arrow(shape), f"Track {shape.title}"), sanitize=False).classes("track-drawing")
        with ui.element("div").classes("track-name"):
            ui.label(shape.title).classes("track-title")
            if note:
                ui.label(note).classes("track-note")
        show_facts(shape)


def fill_card_with_fault(card: ui.element, name: str, error: Exception) -> None:
    """Say in a card what is wrong with a track; it is named as settings name it."""
    path = Path(name)
    title, fault = path.stem, str(error).replace(name, path.name)
    card.clear()
    with card:
        with ui.element("div").classes("track-picture"):
            ui.icon("broken_image", size="2.5rem").classes("soft")
        ui.label(title).classes("track-title")
        ui.label(fault).classes("bad track-fault")


def fill_card_with_skeleton(card: ui.element) -> None:
    """Hold the place of a track that is being looked up."""
    with card:
        ui.skeleton("rect").classes("track-picture")
        ui.skeleton("text", width="60%")
        ui.skeleton("text", width="90%")
        ui.skeleton("text", width="80%")


def arrow(shape: TrackShape, size: float = 1.0) -> str:
    """Draw an arrow from the start line in the driving direction, as SVG over the road.

    Args:
        shape: of the track.
        size: over that of the arrow in a small drawing.
    """
    (x0, y0), (x1, y1) = shape.center[0], shape.center[1]
    step = ((x1 - x0) ** 2 + (y1 - y0) ** 2) ** 0.5
    east, north = (x1 - x0) / step, (y1 - y0) / step
    half = 0.3 * shape.width * size
    points = [
        (x0 + ahead * half * east - side * half * north, y0 + ahead * half * north + side * half * east)
        for ahead, side in ((0.5, 0.8), (2.2, 0.0), (0.5, -0.8))
    ]
    corners = " ".join(f"{x:.3f},{-y:.3f}" for x, y in points)
    return f'<polygon class="track-arrow" points="{corners}"/>'
