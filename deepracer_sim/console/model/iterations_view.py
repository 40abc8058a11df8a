"""What the page of a model shows of its iterations: how they compare, and which one drives."""

from __future__ import annotations

import asyncio
import math
from asyncio import to_thread
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

from nicegui import ui

from deepracer_sim.comparison_results import Result
from deepracer_sim.console.frame import Info, show_fault
from deepracer_sim.console.garage import Garage
from deepracer_sim.console.model.comparison_form import ComparisonForm
from deepracer_sim.console.model.kept_comparison import (
    KeptComparison,
    kept_comparisons,
    kept_iterations,
)
from deepracer_sim.console.model.learning_chart import EVALUATION, GRID, INK, REWARD, mark
from deepracer_sim.console.model.model_state import ModelState, ModelStates
from deepracer_sim.console.model.plain_table import Cell, plain_table
from deepracer_sim.console.model.run_metrics import judged
from deepracer_sim.console.model.training_view import NONE
from deepracer_sim.errors import DeepRacerError
from deepracer_sim.garage.model_store import ModelStore
from deepracer_sim.garage.model_table import percent
from deepracer_sim.garage.run_summary import RunSummary
from deepracer_sim.garage.stored_model import Status

ABOUT_CHOICE = """
After each evaluation that is better than all before, its iteration's policy becomes the one that
**drives**: in evaluations, in races and on the car.

The best one in training is not always the best one in a comparison, and the fastest not always the safest.
You can choose any iteration that is kept; a training that goes on leaves it chosen until you go back to the
best.
"""


class IterationsView:
    """The iterations of a model's last run on its page.

    Args:
        garage: of the model.
        states: of models.
        info: the page's pane.
        state: of it, now.
    """

    def __init__(self, garage: Garage, states: ModelStates, info: Info, state: ModelState) -> None:
        self._garage, self._states, self._name = garage, states, state.model.name
        self._shown: tuple[Any, ...] = ()
        self._state = state
        self._comparisons: list[KeptComparison] = []
        self._iterations: list[int] = []
        with ui.element("div").classes("model-columns is-even"):
            with ui.element("div").classes("card"):
                with ui.row().classes("model-card-head no-wrap"):
                    ui.label("Which policy drives").classes("model-card-title")
                    info.button("Which policy drives", ABOUT_CHOICE)
                self._drives = ui.label().classes("model-words").props("aria-label='Which policy drives'")
                with ui.row().classes("items-center gap-3 mt-3"):
                    self._any = ui.select([], label="Iteration", with_input=True).props(
                        "outlined dense options-dense"
                    )
                    self._any.classes("w-36")
                    self._choose = ui.button("Choose", on_click=lambda: self._do_choose(self._any.value))
                    self._choose.props("outline no-caps")
                    self._best = ui.button("Back to the best", on_click=lambda: self._do_choose(None))
                    self._best.props("flat no-caps")
                    self._spinner = ui.spinner(size="1.4em")
                    self._spinner.set_visibility(False)
                self._refused = ui.label("While it trains, nothing can be chosen.").classes("soft mt-2")
            with ui.element("div").classes("card"):
                self._form = ComparisonForm(garage, states, info, state)
        with ui.element("div").classes("card w-full") as self._card:
            with ui.row().classes("model-card-head"):
                ui.label("Comparison").classes("model-card-title")
                self._which = ui.select([], on_change=self._draw).props("dense outlined options-dense")
                self._which.props("aria-label=Comparison").classes("max-w-full")
            self._chart = ui.echart(_chart_options()).classes("iterations-chart")
            self._table = ui.element("div").classes("comparison-table")

    async def fill(self) -> None:
        """Offer what can be chosen."""
        await self._form.fill()

    async def show(self, state: ModelState) -> None:
        """Show what there is."""
        self._state = state
        self._form.show(state)
        try:
            found = await to_thread(_read, state)
        except DeepRacerError as error:
            self._drives.text = str(error)
            return
        is_free = state.status is not Status.TRAINING and not state.is_starting
        shown = (*found, state.drives, is_free)
        if shown == self._shown or self._table.is_deleted:
            return
        self._shown = shown
        self._comparisons, self._iterations = found
        self._drives.text = words_of(state)
        self._refused.set_visibility(not is_free)
        can_choose = is_free and bool(state.rows)
        for element in (self._any, self._choose, self._best):
            element.set_enabled(can_choose)
            element.set_visibility(bool(state.rows))
        self._best.set_visibility(bool(state.drives and state.drives.is_chosen))
        self._any.set_options(self._iterations, value=self._any.value)
        self._card.set_visibility(bool(self._comparisons))
        titles = {index: one.title for index, one in enumerate(self._comparisons)}
        newest = max(titles, default=None)
        is_more = len(titles) != len(self._which.options)
        self._which.set_options(titles, value=newest if is_more else self._which.value)
        self._draw()

    def _draw(self) -> None:
        index = self._which.value
        if index is None or index >= len(self._comparisons):
            return
        results, state = self._comparisons[index].results, self._state
        drives = state.drives
        is_here = drives is not None and state.runs and drives.run == state.runs[-1]
        driving = drives.iteration if drives and is_here else None
        for series, points in zip(self._chart.options["series"], _curves(results, driving), strict=True):
            series["data"] = points
        self._chart.update()
        best = RunSummary(1, 0, 0.0, tuple(judged(state.rows))).best
        rows = [self._row(one, driving, best.iteration if best else None) for one in results]
        self._table.clear()
        with self._table:
            header = ("Iteration", "Completion", "Clean cars", "Median lap", "Best lap", "")
            plain_table(header, rows, range(5))

    def _row(self, one: Result, driving: int | None, best: int | None) -> list[Cell]:
        def marks() -> None:
            with ui.row().classes("items-center no-wrap gap-1"):
                if one.iteration == driving:
                    ui.label("drives").classes("model-choice is-driving")
                if one.iteration == best:
                    ui.label("best in training").classes("model-choice")
                if one.iteration != driving and self._choose.enabled:
                    button = ui.button("Choose", on_click=lambda: self._do_choose(one.iteration))
                    button.props(
                        f"flat dense no-caps padding='0 8px' aria-label='Choose iteration {one.iteration}'"
                    )

        lap, best_lap = (_seconds(time) for time in (one.lap_time, one.best_lap_time))
        clean = f"{one.clean_runs} of {one.cars}"
        return [f"{one.iteration}", percent(one.completion), clean, lap, best_lap, marks]

    async def _do_choose(self, iteration: int | None) -> None:
        if not self._state.runs:
            return
        number = None if iteration is None else int(iteration)
        self._spinner.set_visibility(True)
        store, run_number = str(self._garage.store.path), self._state.runs[-1]
        self._states.choosing.add(self._name)
        try:
            await self._garage.workshop.run(choose, store, self._name, number, run_number)
        except (DeepRacerError, OSError, BrokenProcessPool) as error:
            show_fault(error)
        finally:
            self._states.choosing.discard(self._name)
            self._spinner.set_visibility(False)
        await asyncio.sleep(0)
        await self.show(await self._states.of(self._name, is_fresh=True))


def choose(store: str, name: str, iteration: int | None, run_number: int) -> None:
    """Choose an iteration; for the workshop."""
    ModelStore(Path(store)).choose(name, iteration, run_number)


def words_of(state: ModelState) -> str:
    """Say which policy drives, and why."""
    drives = state.drives
    if drives is None:
        return "An imported ONNX model." if state.model.has_policy else "Nothing drives yet: train it first."
    place = f" of run {drives.run}" if len(state.runs) > 1 else ""
    why = "you have chosen it" if drives.is_chosen else "the best one so far"
    return f"Iteration {drives.iteration}{place}: {why}."


def _read(state: ModelState) -> tuple[list[KeptComparison], list[int]]:
    path = state.run_path
    return (kept_comparisons(path), kept_iterations(path)) if path else ([], [])


def _curves(results: tuple[Result, ...], driving: int | None) -> list[list[list[float]]]:
    completion = [[one.iteration, math.floor(1000 * one.completion + 1e-6) / 10] for one in results]
    laps = [[one.iteration, round(one.lap_time, 3)] for one in results if not math.isnan(one.lap_time)]
    return [completion, laps, [point for point in completion if point[0] == driving]]


def _chart_options() -> dict[str, Any]:
    text = {"color": INK, "fontSize": 12}
    value = {"type": "value", "axisLabel": text, "nameTextStyle": text, "alignTicks": True}
    value |= {"splitLine": {"lineStyle": {"color": GRID}}}
    line = {"type": "line", "data": [], "symbol": "circle", "symbolSize": 6}
    place = {"type": "value", "min": "dataMin", "max": "dataMax", "minInterval": 1, "axisLabel": text}
    place |= {"name": "iteration", "nameLocation": "middle", "nameGap": 26, "nameTextStyle": text}
    place |= {"splitLine": {"show": False}, "axisLine": {"lineStyle": {"color": GRID}}}
    return {
        "animation": False,
        "grid": {"left": 52, "right": 56, "top": 56, "bottom": 44},
        "legend": {"top": 0, "textStyle": text, "itemWidth": 16, "itemHeight": 10},
        "tooltip": {"trigger": "axis"},
        "xAxis": place,
        "yAxis": [
            {**value, "name": "completion, %", "min": 0, "max": 100},
            {**value, "name": "median lap, s", "scale": True, "splitLine": {"show": False}},
        ],
        "series": [
            {**line, "name": "Completion", "itemStyle": {"color": EVALUATION}},
            {**line, "name": "Median lap", "yAxisIndex": 1, "itemStyle": {"color": REWARD}},
            mark("drives"),
        ],
    }


def _seconds(time: float) -> str:
    return NONE if math.isnan(time) else f"{time:.2f} s"
