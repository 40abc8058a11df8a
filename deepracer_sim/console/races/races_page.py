"""Page: Races."""

from __future__ import annotations

import asyncio
from pathlib import Path

from nicegui import ui

from deepracer_sim.console.frame import Info, frame
from deepracer_sim.console.garage import Garage
from deepracer_sim.console.races.race_board import RaceRow, race_rows
from deepracer_sim.console.races.race_form import RaceForm
from deepracer_sim.console.tracks.track_shapes import svg
from deepracer_sim.errors import DeepRacerError
from deepracer_sim.races.race import TRACK, Race

STYLE = '<link rel="stylesheet" href="/static/races.css">'
ABOUT = """
A race is a track and rules under which models drive. Each car drives **alone**, from rest at the start
line, in the embedded simulator; the same model always drives the same laps. What counts is the best entry
of each racer.

A car that leaves the road is put back, and its lap costs some seconds more.

**Unseen tracks** are made up when the race is made, and nobody sees them before the race is closed: a model
has to drive on what it has never met.

Races that name the same **season** add up: each gives a thousand points less the seconds of the result.
"""


def add(garage: Garage) -> None:
    """Register the page."""

    @ui.page("/races")
    async def races() -> None:
        ui.add_head_html(STYLE)
        with frame("Races", "Races") as info:
            await _RaceList(garage, info).show()


async def race_picture(garage: Garage, race: Race, label: str) -> None:
    """Draw a race's track, or say why it is not shown."""
    if race.is_secret:
        ui.icon("lock", size="2rem").classes("soft")
        ui.label("The track is secret until the race is closed.").classes("soft")
        return
    try:
        shape = await garage.shapes.of(str(race.path / TRACK))
    except DeepRacerError:
        ui.label(f"{TRACK} of this race is missing or damaged: put back the file.").classes("bad")
        return
    ui.html(svg(shape, "", label), sanitize=False).classes("race-drawing")


class _RaceList:
    def __init__(self, garage: Garage, info: Info) -> None:
        self.garage, self.info = garage, info
        self.form = RaceForm(garage)

    async def show(self) -> None:
        with ui.row().classes("race-bar"):
            self.sort = ui.toggle({"open": "Open", "closed": "Closed", "all": "All"}, value="open")
            self.sort.props("no-caps unelevated toggle-color=primary dense").classes("race-sort")
            self.sort.on_value_change(self._filter)
            self.info.button("Races", ABOUT)
            ui.space()
            ui.button("Create race", icon="add", on_click=self.form.open).props("no-caps unelevated")
        self.seasons = ui.row().classes("race-seasons")
        self.list = ui.element("div").classes("race-list")
        self.nothing = ui.label().classes("soft")
        self.cards: list[tuple[Race, ui.element]] = []
        rows, problems = await asyncio.to_thread(race_rows, self.garage.races)
        if rows and not any(row.race.is_open for row in rows):
            self.sort.value = "all"
        with self.list:
            pictures = [self._card(row) for row in rows]
        for problem in problems:
            ui.label(f"Left out: {problem}").classes("bad")
        self._list_seasons(rows)
        self._filter()
        ui.timer(0.0, lambda: self._draw(pictures), once=True)

    def _list_seasons(self, rows: list[RaceRow]) -> None:
        names = dict.fromkeys(row.race.rules.season for row in rows if row.race.rules.season)
        with self.seasons:
            if names:
                ui.label("Seasons").classes("soft")
            for name in names:
                ui.link(str(name), f"/seasons/{name}").classes("race-chip")
        self.seasons.set_visibility(bool(names))

    def _card(self, row: RaceRow) -> tuple[Race, ui.element]:
        race = row.race
        with ui.link(target=f"/races/{race.name}").classes("card race-card") as card:
            with ui.element("div").classes("race-picture") as picture:
                ui.skeleton("rect").classes("race-drawing")
            with ui.row().classes("race-head"):
                ui.label(race.name).classes("race-name")
                state_chip(race)
            ui.label(capital(race.rules.sentence())).classes("soft race-rule")
            with ui.element("dl").classes("race-facts"):
                for name, value in _facts(row):
                    with ui.element("div"):
                        ui.label(name).classes("soft")
                        ui.label(value)
            if row.problems:
                ui.label(f"{len(row.problems)} entries cannot be read").classes("bad")
        self.cards.append((race, card))
        return race, picture

    async def _draw(self, pictures: list[tuple[Race, ui.element]]) -> None:
        for race, picture in pictures:
            if picture.is_deleted:
                return
            picture.clear()
            with picture:
                await race_picture(self.garage, race, f"Track of {race.name}")

    def _filter(self) -> None:
        shown = 0
        for race, card in self.cards:
            fits = self.sort.value == "all" or race.is_open == (self.sort.value == "open")
            card.set_visibility(fits)
            shown += fits
        if not self.cards:
            self.nothing.text = "No races yet. Make one, and let your models enter it."
        else:
            self.nothing.text = f"No {self.sort.value} races."
        self.nothing.set_visibility(not shown)


def state_chip(race: Race) -> None:
    """Say whether a race is open."""
    ui.label("Open" if race.is_open else "Closed").classes("race-chip" + (" is-open" if race.is_open else ""))


def capital(text: str) -> str:
    """Return a text as a sentence begins."""
    return text[:1].upper() + text[1:]


def shown_track(race: Race) -> str:
    """Return what a race's track is called, for people."""
    return "secret" if race.is_secret else Path(race.track_name).stem


def _facts(row: RaceRow) -> list[tuple[str, str]]:
    leader = row.leader
    facts = [
        ("Track", shown_track(row.race)),
        ("Laps", str(row.race.rules.laps)),
        ("Racers", str(row.racers)),
        ("Leader", f"{leader.entry.racer}, {leader.result:.3f} s" if leader else "nobody yet"),
    ]
    return facts + ([("Season", row.race.rules.season)] if row.race.rules.season else [])
