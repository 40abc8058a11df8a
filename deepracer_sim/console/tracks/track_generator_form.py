"""The form that makes up tracks: a seed, a width, and what comes of them."""

from __future__ import annotations

import asyncio
import secrets
from concurrent.futures.process import BrokenProcessPool

from nicegui import ui

from deepracer_sim.console.garage import Garage
from deepracer_sim.console.tracks.kept_tracks import ENDING, keep_generated
from deepracer_sim.console.tracks.track_card import show_facts
from deepracer_sim.console.tracks.track_drawing_view import large_drawing
from deepracer_sim.console.tracks.track_shapes import generated_shape
from deepracer_sim.errors import TrackError

HIGHEST_SEED = 999
"""On the slider; the field takes any."""
LARGEST_SEED = 10**9
WIDTHS = (0.4, 1.6)
USUAL_WIDTH = 0.76
PAUSE = 0.12
"""Seconds without a change after which the track is drawn."""


class TrackGeneratorForm:
    """The form.

    Args:
        garage: that keeps the tracks.
    """

    def __init__(self, garage: Garage) -> None:
        self.garage = garage
        self.changes = 0

    def lay_out(self) -> None:
        """Add it to the page."""
        with ui.element("div").classes("generator"):
            with ui.element("div").classes("card generator-fields"):
                self._add_fields()
            with ui.element("div").classes("card generator-picture") as self.picture:
                ui.skeleton("rect").classes("track-large")
        ui.timer(0.0, self._draw, once=True)

    def _add_fields(self) -> None:
        ui.label("Seed").classes("generator-label")
        with ui.element("div").classes("generator-line"):
            self.slider = ui.slider(min=0, max=HIGHEST_SEED, value=7, on_change=self._slide)
            self.slider.props("aria-label=Seed")
            self.seed = ui.number(value=7, min=0, max=LARGEST_SEED, precision=0, on_change=self._change)
            self.seed.props("outlined dense aria-label='Seed as a number'").classes("generator-number")
        ui.button("Another one", icon="casino", on_click=self._roll).props("outline no-caps")
        ui.label("Width of the road").classes("generator-label")
        with ui.element("div").classes("generator-line"):
            self.width = ui.slider(
                min=WIDTHS[0], max=WIDTHS[1], step=0.01, value=USUAL_WIDTH, on_change=self._change
            ).props("aria-label='Width in metres'")
            ui.label().bind_text_from(self.width, "value", lambda value: f"{value:.2f} m").classes(
                "generator-value"
            )
        self.facts = ui.element("div").classes("generator-facts")
        self.fault = ui.label().classes("bad").props("role=alert")
        self.fault.set_visibility(False)
        ui.separator()
        self.name = ui.input("Name").props("outlined dense maxlength=64").classes("w-full")
        self.name.on("keydown.enter", self._keep)
        self.button = ui.button("Keep this track", icon="bookmark_add", on_click=self._keep)
        self.button.props("unelevated no-caps").classes("w-full")
        ui.label("The same seed and width always give the same track.").classes("soft generator-note")

    @property
    def _chosen_seed(self) -> int:
        return int(self.seed.value or 0)

    def _roll(self) -> None:
        self.slider.value = secrets.randbelow(HIGHEST_SEED + 1)

    async def _slide(self) -> None:
        self.seed.value = int(self.slider.value)

    async def _change(self) -> None:
        if 0 <= self._chosen_seed <= HIGHEST_SEED:
            self.slider.value = self._chosen_seed
        self.changes += 1
        change = self.changes
        await asyncio.sleep(PAUSE)
        if change == self.changes:
            await self._draw()

    async def _draw(self) -> None:
        change, seed, width = self.changes, self._chosen_seed, float(self.width.value)
        try:
            shape = await self.garage.workshop.run(generated_shape, seed, width)
        except (TrackError, BrokenProcessPool) as error:
            if change == self.changes and not self.picture.is_deleted:
                self.fault.text = str(error)
                self.fault.set_visibility(True)
                self.button.disable()
            return
        if change != self.changes or self.picture.is_deleted:
            return  # it has been changed meanwhile
        self.fault.set_visibility(False)
        self.button.enable()
        self.picture.clear()
        with self.picture:
            large_drawing(shape)
        self.facts.clear()
        with self.facts:
            show_facts(shape)
        if not self.name.value or self.name.value.startswith("random-"):
            self.name.value = f"random-{seed}"

    async def _keep(self) -> None:
        name, folder = (self.name.value or "").strip(), str(self.garage.tracks)
        self.name.error = None
        try:
            await self.garage.workshop.run(
                keep_generated, self._chosen_seed, float(self.width.value), name, folder
            )
        except (TrackError, BrokenProcessPool) as error:
            self.name.error = str(error)
        else:
            ui.navigate.to(f"/tracks/view?name={name}{ENDING}")
