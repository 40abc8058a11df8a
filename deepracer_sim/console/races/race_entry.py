"""Entering a race from its page: the dialog, and the drives that are under way."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from nicegui import ui

from deepracer_sim.console.garage import Garage
from deepracer_sim.console.jobs import Job
from deepracer_sim.errors import DeepRacerError, RaceError
from deepracer_sim.garage.model_store import ModelStore
from deepracer_sim.garage.stored_model import Status
from deepracer_sim.races.entry import LONGEST_NAME, shown_name
from deepracer_sim.races.race import Race

KIND = "race"
"""Of jobs: a drive's subject is RACE/MODEL, a video's RACE."""
UNDRIVABLE = (Status.CREATED, Status.DAMAGED)
OLD = 600.0
"""Seconds before a page was opened; how a job ended that was begun earlier is no news there."""
MOST_SHOWN = 4
"""Jobs on the page."""


class EntryDialog:
    """Asks which model is to drive, and under which name."""

    def __init__(self, garage: Garage, race: Race) -> None:
        self.garage, self.race = garage, race
        with ui.dialog() as self.dialog, ui.card().classes("race-form"):
            ui.label("Enter a model").classes("text-h6").props("role=heading aria-level=2")
            self.nothing = ui.label("None of your models can drive yet: train one first.").classes("soft")
            self.model = (
                ui.select([], label="Model", with_input=True).props("outlined dense").classes("race-wide")
            )
            self.racer = ui.input("Racer", validation={}).classes("race-wide")
            self.racer.props(
                f"outlined dense maxlength={LONGEST_NAME} hint='by default the name of the model'"
            )
            self.racer.on("keydown.enter", self._enter)
            with ui.row().classes("w-full justify-end"):
                ui.button("Cancel", on_click=self.dialog.close).props("flat no-caps")
                self.button = ui.button("Drive", on_click=self._enter).props("unelevated no-caps")

    async def open(self) -> None:
        """Show it."""
        names = await asyncio.to_thread(_drivable, self.garage.store)
        chosen = self.model.value if self.model.value in names else names[0] if len(names) == 1 else None
        self.model.set_options(names, value=chosen)
        self.model.set_visibility(bool(names))
        self.racer.set_visibility(bool(names))
        self.nothing.set_visibility(not names)
        self.button.set_enabled(bool(names))
        self.dialog.open()

    async def _enter(self) -> None:
        model, racer = self.model.value, (self.racer.value or "").strip()
        self.model.error = None if model else "choose one"
        try:
            racer = shown_name(racer) if racer else model
            self.racer.error = None
        except RaceError as error:
            self.racer.error = str(error).partition("; choose")[0]
        if not model or self.racer.error:
            return
        words = ["race", "enter", self.race.name, model, f"--racer={racer}"]
        try:
            await asyncio.to_thread(self.garage.jobs.start, KIND, subject_of(self.race, model), words)
        except DeepRacerError as error:
            self.model.error = str(error)
        else:
            self.dialog.close()


def subject_of(race: Race, model: str) -> str:
    """Return what a drive's job is called: several models may drive at a time, each once."""
    return f"{race.name}/{model}"


def _drivable(store: ModelStore) -> list[str]:
    return [row.name for row in store.rows() if row.status not in UNDRIVABLE]


class JobList:
    """The last drives and videos of a race: those under way, and how others have ended."""

    def __init__(self, garage: Garage, race: Race, entry: EntryDialog) -> None:
        self.garage, self.race = garage, race
        self.place = ui.column().classes("race-jobs")
        self.shown: list[tuple[str, str]] = []
        self.dismissed: set[str] = set()
        self.opened = time.time()
        entry.dialog.on("hide", self.look)

    async def look(self) -> None:
        """Show them as they are now."""
        jobs = await asyncio.to_thread(self._read)
        if [(job["name"], job["state"]) for job in jobs] == self.shown:
            return
        self.shown = [(job["name"], job["state"]) for job in jobs]
        self.place.clear()
        with self.place:
            for job in jobs:
                self._show(job)

    def _read(self) -> list[dict[str, Any]]:
        found = []
        for job in self.garage.jobs.all():
            race, _, model = job.subject.partition("/")
            if (job.kind, race) != (KIND, self.race.name) or job.folder.name in self.dismissed:
                continue
            is_running = job.is_running
            if not is_running and job.started < self.opened - OLD:
                continue
            found.append(self._row(job, bool(model), is_running))
            if len(found) == MOST_SHOWN:
                break
        return found

    def _row(self, job: Job, is_drive: bool, is_running: bool) -> dict[str, Any]:
        title = job.subject.partition("/")[2] if is_drive else "Video"
        racer = next((word[8:] for word in job.words if word.startswith("--racer=")), "")
        title = f"{title} as {racer}" if racer not in ("", title) else title
        if is_running:
            state, text = "running", "drives ..." if is_drive else "is being made ..."
        elif job.fault:
            state, text = "failed", job.fault
        elif job.code == 0:
            lines = [line for line in job.output.splitlines() if line.startswith(("entry ", "its entry "))]
            state, text = "done", "; ".join(lines) if is_drive else "is made"
        else:
            state, text = "stopped", "was stopped"
        return {"name": job.folder.name, "state": state, "title": title, "text": text, "job": job}

    def _show(self, row: dict[str, Any]) -> None:
        job: Job = row["job"]
        with ui.row().classes(f"race-job is-{row['state']}").props("role=status"):
            if row["state"] == "running":
                ui.spinner(size="1.2rem")
            else:
                icons = {"failed": ("error_outline", "bad"), "done": ("check_circle", "good")}
                name, colour = icons.get(row["state"], ("stop_circle", "soft"))
                ui.icon(name, size="1.3rem").classes(colour)
            with ui.element("div").classes("race-job-words"):
                ui.label(row["title"]).classes("race-job-title")
                ui.label(row["text"]).classes("race-job-text")
            if row["state"] == "running":
                ui.button("Stop", on_click=job.stop).props("flat dense no-caps")
            else:
                close = ui.button(icon="close", on_click=lambda: self._dismiss(row["name"]))
                close.props("flat round dense size=sm aria-label='Dismiss'")

    async def _dismiss(self, name: str) -> None:
        self.dismissed.add(name)
        await self.look()
