"""Tracks to choose from, each with its picture and figures."""

from __future__ import annotations

from asyncio import to_thread
from collections.abc import Callable
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

from nicegui import ui

from deepracer_sim.console.garage import Garage
from deepracer_sim.console.tracks.kept_tracks import kept_tracks
from deepracer_sim.console.tracks.track_card import (
    STYLE,
    fill_card,
    fill_card_with_fault,
    fill_card_with_skeleton,
)
from deepracer_sim.errors import TrackError

MANY = 12
"""From so many tracks on, one can search."""


async def track_gallery(garage: Garage, chosen: list[str], on_change: Callable[[list[str]], None]) -> None:
    """Lay out all tracks as cards of which several can be chosen.

    The built-in ones are there at once, the others as soon as they are looked up.

    Args:
        garage: that has them.
        chosen: names of the chosen ones, as settings have them; others than the garage's are shown too.
        on_change: called with the names that are chosen now, in the order of choosing.
    """
    await _Gallery(garage, chosen, on_change).show()


class _Gallery:
    def __init__(self, garage: Garage, chosen: list[str], on_change: Callable[[list[str]], None]) -> None:
        self.garage, self.on_change = garage, on_change
        self.chosen = list(chosen)
        self.cards: dict[str, ui.element] = {}
        self.titles: dict[str, str] = {}

    async def show(self) -> None:
        builtin = await self.garage.shapes.builtin()
        own = [str(path) for path in await to_thread(kept_tracks, self.garage.tracks)]
        others = [name for name in self.chosen if name not in (*builtin, *own)]
        names = [*others, *builtin, *own]
        ui.add_head_html(STYLE)
        if len(names) > MANY:
            search = ui.input("Search", on_change=lambda event: self._search(event.value or ""))
            search.props("outlined dense clearable type=search").classes("track-search")
        notes = {**dict.fromkeys(own, "yours"), **dict.fromkeys(others, "this model's")}
        with ui.element("div").classes("track-gallery").props("role=group aria-label=Tracks"):
            for name in names:
                self._add_card(name)
        for name in builtin:
            await self._fill(name, "")
        if slow := [name for name in names if name not in builtin]:

            async def fill_slow() -> None:
                for name in slow:
                    await self._fill(name, notes[name])

            ui.timer(0.0, fill_slow, once=True)

    def _add_card(self, name: str) -> None:
        self.titles[name] = Path(name).stem
        card = ui.element("div").classes("track-card is-choice").props("role=checkbox tabindex=0")
        fill_card_with_skeleton(card)
        self.cards[name] = card
        self._mark(name)
        card.on("click", lambda: self._toggle(name))
        card.on("keydown.enter.prevent", lambda: self._toggle(name))
        card.on("keydown.space.prevent", lambda: self._toggle(name))

    async def _fill(self, name: str, note: str) -> None:
        card = self.cards[name]
        try:
            shape = await self.garage.shapes.of(name)
        except (TrackError, BrokenProcessPool) as error:
            if not card.is_deleted:
                fill_card_with_fault(card, name, error)
            return
        if not card.is_deleted:  # its page may have been left meanwhile
            self.titles[name] = shape.title
            fill_card(card, shape, note)
            self._mark(name)

    def _toggle(self, name: str) -> None:
        if name in self.chosen:
            self.chosen.remove(name)
        else:
            self.chosen.append(name)
        self._mark(name)
        self.on_change(list(self.chosen))

    def _mark(self, name: str) -> None:
        card, is_chosen = self.cards[name], name in self.chosen
        card.props["aria-checked"] = "true" if is_chosen else "false"
        card.props["aria-label"] = self.titles[name]
        card.classes(add="is-chosen") if is_chosen else card.classes(remove="is-chosen")
        card.update()

    def _search(self, text: str) -> None:
        for name, card in self.cards.items():
            card.set_visibility(text.lower() in f"{self.titles[name]} {Path(name).stem}".lower())
