"""Page: one model: its training, its evaluations, its iterations."""

from __future__ import annotations

from asyncio import to_thread

from nicegui import ui

from deepracer_sim.console.frame import Info, frame
from deepracer_sim.console.garage import Garage
from deepracer_sim.console.model import live_feed, model_files
from deepracer_sim.console.model.evaluation_view import EvaluationView
from deepracer_sim.console.model.iterations_view import IterationsView
from deepracer_sim.console.model.log_view import LogView
from deepracer_sim.console.model.model_exports import ModelExports
from deepracer_sim.console.model.model_head import ModelHead
from deepracer_sim.console.model.model_state import ModelState, ModelStates
from deepracer_sim.console.model.model_training import Trainings
from deepracer_sim.console.model.training_view import TrainingView
from deepracer_sim.errors import DeepRacerError
from deepracer_sim.garage.model_name import LONGEST

REFRESH = 1.0
"""Seconds between two looks at the model."""
HEAD = '<link rel="stylesheet" href="/static/model.css"><script src="/static/model.js" defer></script>'
TRAINING, EVALUATION, ITERATIONS = "Training", "Evaluation", "Iterations"


def add(garage: Garage) -> None:
    """Register the page, and what it shows."""
    states = ModelStates(garage)
    trainings = Trainings(garage, states)
    live_feed.add(garage)
    model_files.add(garage)

    @ui.page("/models/{name}")
    async def page(name: str) -> None:
        with frame(name[:LONGEST], "Models") as info:
            ui.add_head_html(HEAD)
            try:
                state = await states.of(name)
            except DeepRacerError as error:
                if not await to_thread(garage.store.has, name):
                    ui.context.client.status_code = 404
                ui.label(str(error)).classes("model-words")
                ui.link("All models", "/")
                return
            ModelPage(garage, states, trainings, info, name).build(state)


class ModelPage:
    """The page in one browser.

    Args:
        garage: of the model.
        states: of models.
        trainings: that its buttons begin and end.
        info: its pane.
        name: of the model.
    """

    def __init__(
        self, garage: Garage, states: ModelStates, trainings: Trainings, info: Info, name: str
    ) -> None:
        self._garage, self._states, self._trainings = garage, states, trainings
        self._info, self._name = info, name
        self._is_busy = False

    def build(self, state: ModelState) -> None:
        """Lay out the page; what takes longer is filled in afterwards."""
        garage, states, info, name = self._garage, self._states, self._info, self._name
        self._exports = ModelExports(garage, name)
        with ui.element("div").classes("model-page model-panel"):
            self._head = ModelHead(self._trainings, info, name, self.refresh, self._exports.add_menu)
            with (
                ui.tabs()
                .classes("model-tabs")
                .props("no-caps align=left active-color=primary dense") as self._tabs
            ):
                for tab in (TRAINING, EVALUATION, ITERATIONS):
                    ui.tab(tab)
            with ui.tab_panels(self._tabs, value=TRAINING, animated=False, keep_alive=True):
                with ui.tab_panel(TRAINING).classes("model-panel"):
                    self._training = TrainingView(garage, info, name)
                    self._log = LogView(info)
                with ui.tab_panel(EVALUATION).classes("model-panel"):
                    self._evaluation = EvaluationView(garage, states, info, state)
                with ui.tab_panel(ITERATIONS).classes("model-panel"):
                    self._iterations = IterationsView(garage, states, info, state)
        self._gone = ui.label().classes("bad model-words").props("role=alert")
        self._head.show(state)
        self._training.show(state)
        ui.timer(0.0, lambda: self._fill(state), once=True)
        ui.timer(REFRESH, self.refresh, immediate=False)

    async def _fill(self, state: ModelState) -> None:
        await self._training.draw_track(state)
        await self._evaluation.fill()
        await self._iterations.fill()
        await self.refresh()

    async def refresh(self) -> None:
        """Show how the model stands now."""
        if self._is_busy:
            return
        self._is_busy = True
        try:
            state = await self._states.of(self._name)
            self._head.show(state)
            await self._exports.show(state)
            if self._tabs.value == TRAINING:
                self._training.show(state)
                await self._log.show(state)
            elif self._tabs.value == EVALUATION:
                await self._evaluation.show(state)
            else:
                await self._iterations.show(state)
            self._gone.text = ""
        except DeepRacerError as error:
            self._gone.text = str(error)
        finally:
            self._is_busy = False
