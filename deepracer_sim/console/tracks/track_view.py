"""One track: its drawing, its figures, and what can be done with it."""

from __future__ import annotations

from asyncio import to_thread
from concurrent.futures.process import BrokenProcessPool
from urllib.parse import quote

from nicegui import ui

from deepracer_sim.console.frame import show_fault
from deepracer_sim.console.garage import Garage
from deepracer_sim.console.models.model_actions import answer
from deepracer_sim.console.tracks.kept_tracks import ENDING, forget, track_key
from deepracer_sim.console.tracks.track_card import show_facts
from deepracer_sim.console.tracks.track_drawing_view import large_drawing, show_part
from deepracer_sim.console.tracks.track_shapes import MARGIN, TrackShape
from deepracer_sim.errors import TrackError


class TrackView:
    """What a track's page shows.

    Args:
        garage: that has it.
        name: of the track, as settings have it.
    """

    def __init__(self, garage: Garage, name: str) -> None:
        self.garage, self.name = garage, name
        self.key = track_key(name)

    def lay_out(self) -> None:
        """Add it to the page; the drawing follows as soon as the track is loaded."""
        with ui.element("div").classes("tracks-bar"):
            ui.link("All tracks", "/tracks").classes("tracks-back")
            ui.space()
            if self.key.endswith(ENDING):
                delete = ui.button("Delete", icon="delete_outline", on_click=self._delete)
                delete.props("outline no-caps")
            train = ui.button("Train on this track", icon="trending_up").props("unelevated no-caps")
            train.props["href"] = f"/create?track={quote(self.key, safe='')}"
        with ui.element("div").classes("card track-sheet") as self.sheet:
            ui.skeleton("rect").classes("track-large")
        ui.timer(0.0, self._fill, once=True)

    async def _fill(self) -> None:
        try:
            shape = await self.garage.shapes.of(self.name)
        except (TrackError, BrokenProcessPool) as error:
            if not self.sheet.is_deleted:
                self.sheet.clear()
                with self.sheet:
                    ui.label(str(error)).classes("bad track-fault")
            return
        if not self.sheet.is_deleted:
            self.sheet.clear()
            with self.sheet:
                self._show(shape)

    def _show(self, shape: TrackShape) -> None:
        with ui.element("div").classes("track-sheet-facts"):
            width, height = (side - 2.0 * MARGIN for side in shape.box[2:])
            room = ("Room it takes", f"{width:.1f} m by {height:.1f} m")
            show_facts(shape, [("Waypoints", str(len(shape.center))), room])
            with ui.element("div").classes("track-switches"):
                numbers = ui.switch("Waypoint numbers", value=True)
                grid = ui.switch("Grid in metres", value=True)
        box = large_drawing(shape)
        numbers.on_value_change(lambda event: show_part(box, "numbers", event.value))
        grid.on_value_change(lambda event: show_part(box, "grid", event.value))

    async def _delete(self) -> None:
        title = self.key.removesuffix(ENDING)
        with ui.dialog() as dialog, ui.card().classes("dialog-card"):
            ui.label(f"Delete {title}?").classes("text-h6")
            ui.label("This cannot be undone. Models and races that drive on it keep their own copy.")
            with ui.row().classes("dialog-buttons"):
                ui.button("Cancel", on_click=lambda: dialog.submit(False)).props("flat no-caps")
                delete = ui.button("Delete", on_click=lambda: dialog.submit(True))
                delete.props("unelevated no-caps color=negative autofocus")
        if await answer(dialog):
            try:
                await to_thread(forget, self.garage.tracks, self.key)
            except TrackError as error:
                show_fault(error)
            else:
                ui.navigate.to("/tracks")
