"""The dialog in which a race is made; its fields come from `RaceRules`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures.process import BrokenProcessPool
from typing import Any

from annotated_types import Ge, Le
from nicegui import ui
from pydantic import ValidationError

from deepracer_sim.console.frame import show_fault
from deepracer_sim.console.garage import Garage
from deepracer_sim.console.races.race_board import create
from deepracer_sim.console.tracks.kept_tracks import kept_tracks
from deepracer_sim.errors import DeepRacerError, RaceError, TrackError
from deepracer_sim.races.race import checked_name
from deepracer_sim.races.rules import UNSEEN, RaceRules

RANDOM = "random:"
TITLES = {
    "track": "Track",
    "laps": "Laps",
    "rule": "What counts",
    "off_track_penalty": "Penalty (s)",
    "max_resets": "Most resets",
    "reversed": "Against the waypoints",
    "randomised": "Cars and pictures drawn at random",
    "seed": "Seed of the draws",
    "season": "Season",
}
HINTS = {
    "track": "what is driven on",
    "rule": "average and total need all laps",
    "season": "name; empty for a race of its own",
}
"""In place of the command line's help."""
RULES = {"best-lap": "The best lap", "average": "The average of all laps", "total": "All laps together"}


class RaceForm:
    """A dialog with a field for each rule."""

    def __init__(self, garage: Garage) -> None:
        self.garage = garage
        self.fields: dict[str, Any] = {}
        with ui.dialog() as self.dialog, ui.card().classes("race-form"):
            ui.label("Create a race").classes("text-h6").props("role=heading aria-level=2")
            self._fill()
            with ui.row().classes("w-full justify-end"):
                ui.button("Cancel", on_click=self.dialog.close).props("flat no-caps")
                self.button = ui.button("Create", on_click=self._create).props("unelevated no-caps")

    async def open(self) -> None:
        """Show it."""
        builtin = await self.garage.shapes.builtin()
        own = await asyncio.to_thread(kept_tracks, self.garage.tracks)
        options = {UNSEEN: "Unseen: made up, secret until the end", RANDOM: "Made up from a seed"}
        options |= {name: name for name in builtin} | {str(path): f"{path.stem} (yours)" for path in own}
        track = self.fields["track"]
        track.set_options(options, value=track.value if track.value in options else builtin[0])
        self.dialog.open()

    def _fill(self) -> None:
        name = ui.input("Name", validation={}).props(
            "outlined dense autofocus hint='letters, digits, - or _'"
        )
        self.fields["name"] = name.classes("race-wide").on("keydown.enter", self._create)
        default = RaceRules.model_fields["track"].default
        track = ui.select({default: default}, value=default, label=TITLES["track"], with_input=True)
        self.fields["track"] = track.props(f"outlined dense hint='{HINTS['track']}'").classes("race-wide")
        seed = self._number("track_seed", "Seed of the track", 1, 0, 10**18 - 1, "each makes another track")
        seed.bind_visibility_from(track, "value", lambda value: value == RANDOM)
        with ui.element("div").classes("race-fields"):
            for field, about in RaceRules.model_fields.items():
                if field != "track":
                    self._add(field, about)

    def _add(self, field: str, about: Any) -> None:
        help_text = HINTS.get(field, about.description)
        limits = {type(rule): rule for rule in about.metadata}
        if field == "rule":
            made = ui.select(RULES, value=about.default, label=TITLES[field])
            self.fields[field] = made.props(f"outlined dense hint='{help_text}'")
        elif isinstance(about.default, bool):
            with ui.element("div").classes("race-switch"):
                self.fields[field] = ui.switch(TITLES[field], value=about.default)
                ui.label(help_text).classes("soft race-hint")
        elif field == "season":
            self.fields[field] = ui.input(TITLES[field], validation={}).props(
                f"outlined dense hint='{help_text}'"
            )
            self.fields[field].on("keydown.enter", self._create)
        else:
            low, high = limits[Ge].ge, limits[Le].le
            self._number(field, TITLES[field], about.default, low, high, help_text)

    def _number(self, field: str, title: str, value: float, low: float, high: float, about: str) -> ui.number:
        hint = f"{low:g} to {high:g}: {about}" if high < 10**6 else about
        made = ui.number(title, value=value, min=None, max=None, validation={}).props(
            f'outlined dense hint="{hint}"'
        )
        self.fields[field] = made.on("keydown.enter", self._create)
        return made

    def _values(self) -> dict[str, Any]:
        values = {field: self.fields[field].value for field in RaceRules.model_fields}
        for field, about in RaceRules.model_fields.items():
            if (
                isinstance(about.default, int)
                and isinstance(values[field], float)
                and values[field].is_integer()
            ):
                values[field] = int(values[field])
        values["season"] = (values["season"] or "").strip() or None
        if values["track"] == RANDOM:
            seed = self.fields["track_seed"].value
            values["track"] = f"{RANDOM}{int(seed)}" if seed is not None and seed >= 0 else f"{RANDOM}{seed}"
        return values

    def _faults(self, name: str, values: dict[str, Any]) -> dict[str, str]:
        """Return what is wrong, by field."""
        faults: dict[str, str] = {}
        checks: list[tuple[str, Callable[[], Any]]] = [("name", lambda: checked_name(name))]
        if values["season"] is not None:
            checks.append(("season", lambda: checked_name(values["season"])))
        for field, check in checks:
            try:
                check()
            except RaceError as error:
                faults[field] = str(error)
        try:
            RaceRules(**values)
        except ValidationError as error:
            for item in error.errors():
                faults[str(item["loc"][0])] = item["msg"].replace("Input should be", "must be")
        return faults

    async def _create(self) -> None:
        name, values = (self.fields["name"].value or "").strip(), self._values()
        faults = self._faults(name, values)
        for field, made in self.fields.items():
            if isinstance(made, (ui.input, ui.number, ui.select)):
                made.error = faults.get(field)
        if faults or not self.button.enabled:
            return
        self.button.disable()
        try:
            await self.garage.workshop.run(create, str(self.garage.races), name, values)
        except TrackError as error:
            is_random = self.fields["track"].value == RANDOM
            self.fields["track_seed" if is_random else "track"].error = str(error)
        except RaceError as error:
            self.fields["name"].error = str(error)
        except (DeepRacerError, BrokenProcessPool) as error:
            show_fault(error)
        else:
            ui.navigate.to(f"/races/{name}")
        finally:
            self.button.enable()
