"""What the page of a model shows of its evaluations: a form, those of the past, laps, picture, video."""

from __future__ import annotations

import re
from asyncio import to_thread
from pathlib import Path
from typing import Any

from nicegui import ui

from deepracer_sim.console.frame import Info
from deepracer_sim.console.garage import Garage
from deepracer_sim.console.model.evaluation_form import EvaluationForm
from deepracer_sim.console.model.model_state import ModelState, ModelStates
from deepracer_sim.console.model.past_evaluations import PICTURE, VIDEO, PastEvaluation, past_evaluations
from deepracer_sim.console.model.plain_table import plain_table
from deepracer_sim.console.model.training_view import NONE
from deepracer_sim.errors import ModelError
from deepracer_sim.garage.definition import shown
from deepracer_sim.garage.model_table import percent

MOST_LISTED = 50


class EvaluationView:
    """The evaluations of a model's page.

    Args:
        garage: of the model.
        states: of models.
        info: the page's pane.
        state: of it, now.
    """

    def __init__(self, garage: Garage, states: ModelStates, info: Info, state: ModelState) -> None:
        self._name = state.model.name
        self._listed: list[PastEvaluation] = []
        self._shown: PastEvaluation | None = None
        with ui.element("div").classes("card w-full"):
            self._form = EvaluationForm(garage, states, info, state)
        self._empty = ui.label("No evaluation yet.").classes("model-empty")
        with ui.element("div").classes("card w-full") as self._past:
            with ui.row().classes("model-card-head"):
                ui.label("Evaluations").classes("model-card-title")
                self._choice = ui.select([], on_change=self._choose).props("dense outlined options-dense")
                self._choice.props("aria-label=Evaluation").classes("max-w-full")
            self._details = ui.element("div").classes("model-panel mt-3")
        self._past.set_visibility(False)

    async def fill(self) -> None:
        """Offer what can be chosen."""
        await self._form.fill()

    async def show(self, state: ModelState) -> None:
        """Show what there is; a new evaluation comes to the front."""
        self._form.show(state)
        listed = (await to_thread(past_evaluations, state.model))[:MOST_LISTED]
        if listed == self._listed or self._choice.is_deleted:
            return
        self._listed = listed
        self._empty.set_visibility(not listed)
        self._past.set_visibility(bool(listed))
        titles = await to_thread(lambda: {one.key: _title(one) for one in listed})
        newest = listed[0].key if listed else None
        is_new = newest not in self._choice.options
        self._choice.set_options(titles, value=newest if is_new else self._choice.value)
        await self._choose()

    async def _choose(self) -> None:
        key = self._choice.value
        found = next((one for one in self._listed if one.key == key), None)
        if found is None or found == self._shown:
            return
        self._shown = found
        try:
            report, fault = await to_thread(found.report), ""
        except ModelError as error:
            report, fault = {}, str(error)
        if self._details.is_deleted:
            return
        self._details.clear()
        with self._details:
            if fault:
                ui.label(fault).classes("bad model-words")
            else:
                self._show_details(found, report)

    def _show_details(self, found: PastEvaluation, report: dict[str, Any]) -> None:
        runs = report["runs"]
        with ui.element("div").classes("model-figures"):
            for name, text in _figures(report).items():
                with ui.element("div").classes("model-figure"):
                    ui.label(name).classes("model-figure-name")
                    ui.label(text).classes("model-figure-value")
        place = f"/models/{self._name}/evaluations/{found.key}"
        with ui.element("div").classes("model-columns is-even"):
            with ui.element("div").classes("model-column"):
                if found.file(VIDEO):
                    video = ui.video(f"{place}/{VIDEO}", autoplay=False).classes("model-video")
                    video.props("playsinline preload=metadata aria-label='Video of the evaluation'")
                plain_table(("Lap", "Time", "Resets"), _laps(runs), (0, 1, 2))
            if found.file(PICTURE):
                ui.image(f"{place}/{PICTURE}").classes("model-picture").props(
                    "alt='Driven lines' no-transition"
                )


def _title(one: PastEvaluation) -> str:
    try:
        settings = one.report()["settings"]
        track = Path(f"{settings['track']}").stem
        return shown(f"{one.when}, {track}{', drawn at random' if settings.get('randomised') else ''}")
    except (ModelError, KeyError, TypeError):
        return one.when


def _figures(report: dict[str, Any]) -> dict[str, str]:
    summary = report["summary"]
    best, median = (summary.get(name) for name in ("best_lap_time", "median_clean_lap_time"))
    iteration = re.search(r"iteration (\d+)$", f"{report.get('model', '')}")
    return {
        "Iteration": iteration[1] if iteration else NONE,
        "Completion": percent(float(summary["completion"])),
        "Clean laps": percent(float(summary["clean_lap_share"])),
        "Best lap": _seconds(best),
        "Median clean lap": _seconds(median),
    }


def _laps(runs: list[dict[str, Any]]) -> list[tuple[str, str, str]]:
    rows: list[tuple[str, str, str]] = []
    for one in runs:
        for lap in one["laps"]:
            rows.append((f"{len(rows) + 1}", _seconds(lap["time"]), f"{lap['resets']}"))
        if one["ending"] != "finished":
            share = float(one["laps_driven"]) % 1
            rows.append((f"{len(rows) + 1}", f"{percent(share)}, {one['ending']}".replace("_", " "), ""))
    return rows


def _seconds(time: float | None) -> str:
    return NONE if time is None else f"{time:.2f} s"
