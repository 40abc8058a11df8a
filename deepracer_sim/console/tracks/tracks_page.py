"""Pages: all tracks, one of them, and new ones that are made up."""

from __future__ import annotations

from asyncio import to_thread
from collections.abc import Sequence
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from urllib.parse import quote

from fastapi import Request, Response
from nicegui import ui

from deepracer_sim.console.frame import frame
from deepracer_sim.console.garage import Garage
from deepracer_sim.console.tracks.kept_tracks import ENDING, kept_tracks, track_key, track_named
from deepracer_sim.console.tracks.track_card import (
    STYLE,
    fill_card,
    fill_card_with_fault,
    fill_card_with_skeleton,
)
from deepracer_sim.console.tracks.track_generator_form import TrackGeneratorForm
from deepracer_sim.console.tracks.track_upload import ask_for_track
from deepracer_sim.console.tracks.track_view import TrackView
from deepracer_sim.errors import TrackError

PLACE = "Tracks"
STYLES = STYLE + '<link rel="stylesheet" href="/static/models.css">'
"""The dialogs are those of the models' pages."""
SCRIPT = '<script src="/static/tracks.js" defer></script>'
ABOUT = """
A track is a closed line of **waypoints** with a border on each side. A car drives in the direction of the
arrow, from the start line on; a reward function gets the waypoints' numbers as `closest_waypoints`.

* The **tightest radius** is that of the sharpest bend of the centre line.
* **Import** takes the .npy files of tracks that the community has published.
* **Make one up** draws random tracks: a car that trains on several learns to drive, rather than one track.
"""


def track_url(name: str) -> str:
    """Return the address of a track's page; the track is named as settings name it."""
    return f"/tracks/view?name={quote(track_key(name), safe='')}"


def add(garage: Garage) -> None:
    """Register the pages."""

    @ui.page("/tracks")
    async def all_tracks() -> None:
        ui.add_head_html(STYLES)
        own = [str(path) for path in await to_thread(kept_tracks, garage.tracks)]
        builtin = await garage.shapes.builtin()
        with frame("Tracks", PLACE) as info:
            with ui.element("div").classes("tracks-bar"):
                _heading("Yours" if own else "Built in")
                info.button("Tracks", ABOUT)
                ui.space()
                ui.button("Import", icon="upload", on_click=lambda: _import(garage)).props("outline no-caps")
                make = ui.button("Make one up", icon="auto_awesome")
                make.props("unelevated no-caps href=/tracks/generate")
            if own:
                await _add_cards(garage, own)
                _heading("Built in")
            await _add_cards(garage, builtin)

    @ui.page("/tracks/view")
    async def one_track(request: Request, name: str = "") -> Response | None:
        ui.add_head_html(STYLES + SCRIPT)
        found = await to_thread(track_named, garage.tracks, name)
        if found is None:
            with frame("No such track", PLACE):
                ui.label(f"There is no track {name[:100]!r}.")
                ui.link("All tracks", "/tracks").classes("tracks-back")
            return ui.context.client.build_response(request, 404)
        is_own = found.endswith(ENDING)
        with frame(Path(found).stem if is_own else (await garage.shapes.of(found)).title, PLACE):
            TrackView(garage, found).lay_out()
        return None

    @ui.page("/tracks/generate")
    async def generate() -> None:
        ui.add_head_html(STYLES + SCRIPT)
        with frame("Make up a track", PLACE):
            with ui.element("div").classes("tracks-bar"):
                ui.link("All tracks", "/tracks").classes("tracks-back")
            TrackGeneratorForm(garage).lay_out()


def _heading(title: str) -> None:
    ui.label(title).classes("tracks-heading").props("role=heading aria-level=2")


async def _add_cards(garage: Garage, names: Sequence[str]) -> None:
    """Lay out tracks as cards that lead to their pages; those that take time are filled in later."""
    cards = {}
    with ui.element("div").classes("track-gallery"):
        for name in names:
            with ui.link(target=track_url(name)).classes("track-card is-link") as cards[name]:
                fill_card_with_skeleton(cards[name])

    async def fill() -> None:
        for name, card in cards.items():
            try:
                shape = await garage.shapes.of(name)
            except (TrackError, BrokenProcessPool) as error:
                if not card.is_deleted:
                    fill_card_with_fault(card, name, error)
            else:
                if not card.is_deleted:
                    fill_card(card, shape)

    if any(name.endswith(ENDING) for name in names):
        ui.timer(0.0, fill, once=True)
    else:
        await fill()


async def _import(garage: Garage) -> None:
    if name := await ask_for_track(garage):
        ui.navigate.to(track_url(name + ENDING))
