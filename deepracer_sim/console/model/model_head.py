"""The head of a model's page: how it stands, and what can be done with it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from nicegui import ui

from deepracer_sim.console.frame import Info, show_fault
from deepracer_sim.console.model.log_view import last_lines
from deepracer_sim.console.model.model_state import ModelState
from deepracer_sim.console.model.model_training import Trainings
from deepracer_sim.errors import DeepRacerError
from deepracer_sim.garage.stored_model import Status

STARTING, STOPPING = "starting", "stopping"
ABOUT = """
**Train** begins where the last training stopped, or from scratch. It goes on when you close the browser or
end the console.

**Stop** ends a training as soon as the iteration is through; all finished iterations are kept, and the best
model is exported. **Resume** goes on as if it had never stopped.

**Clone** makes a new model that begins with this one's weights; you can change its reward function, track
or hyperparameters. What cannot be changed in a model that has trained, can be in its clone.
"""


class ModelHead:
    """Status, buttons, and what went wrong.

    Args:
        trainings: that the buttons begin and end.
        info: the page's pane.
        name: of the model.
        refresh: called after a button.
        extra: adds further buttons.
    """

    def __init__(
        self,
        trainings: Trainings,
        info: Info,
        name: str,
        refresh: Callable[[], Awaitable[None]],
        extra: Callable[[], None],
    ) -> None:
        self._trainings, self._name, self._refresh = trainings, name, refresh
        self._state: ModelState | None = None
        with ui.row().classes("model-head"):
            self._status = ui.label().classes("model-state").props("role=status aria-label=Status")
            ui.space()
            with ui.row().classes("model-buttons"):
                self._train = ui.button("Train", icon="play_arrow", on_click=self._begin).props(
                    "unelevated no-caps"
                )
                self._options = ui.button(icon="tune", on_click=self._ask).props("flat round")
                self._options.props("aria-label='Train with other stop rules'")
                self._stop = ui.button("Stop", icon="stop", on_click=self._end)
                self._stop.props("unelevated no-caps color=negative")
                ui.button("Clone", icon="content_copy", on_click=self._clone).props("outline no-caps")
                extra()
                info.button("A model", ABOUT)
        self._about = ui.label().classes("model-about")
        with ui.element("div").classes("card model-fault w-full").props("role=alert") as self._fault:
            self._fault_title = ui.label().classes("bad model-words")
            self._fault_lines = ui.label().classes("model-fault-lines")
        self._fault.set_visibility(False)

    def show(self, state: ModelState) -> None:
        """Show how the model stands."""
        self._state = state
        word = self._word(state)
        self._status.text = word
        self._status.classes(replace=f"model-state is-{word}")
        self._about.text = state.model.record.description
        self._about.set_visibility(bool(self._about.text))
        is_busy = state.status is Status.TRAINING or state.is_starting
        self._stop.set_visibility(is_busy)
        self._stop.set_enabled(word != STOPPING)
        self._stop.text = "Stopping ..." if word == STOPPING else "Stop"
        self._train.set_visibility(state.can_train)
        self._options.set_visibility(state.can_train)
        self._train.text = "Resume" if state.status in (Status.STOPPED, Status.FAILED) else "Train"
        if state.status is Status.READY:
            self._train.text = "Train on"
        self._show_fault(state)

    def _word(self, state: ModelState) -> str:
        if self._trainings.is_ending(state):
            return STOPPING
        return STARTING if state.is_starting else state.status.value

    def _show_fault(self, state: ModelState) -> None:
        is_over = state.status is not Status.TRAINING and not state.is_starting
        fault = state.fault if is_over else ""
        self._fault.set_visibility(bool(fault))
        if fault:
            self._fault_title.text = f"The training failed: {fault}"
            lines = last_lines(state)
            self._fault_lines.text = "\n".join(lines)
            self._fault_lines.set_visibility(bool(lines))

    async def _begin(self) -> None:
        if self._state and self._state.status is Status.READY and self._state.runs:
            await self._ask()  # its stop rules hold already
        else:
            await self.attempt(self._trainings.begin(self._name))

    async def _end(self) -> None:
        await self.attempt(self._trainings.end(self._name))

    async def _ask(self) -> None:
        from deepracer_sim.console.model.stop_dialog import ask_for_rules

        if self._state is None:
            return
        answer = await ask_for_rules(self._state)
        if answer is not None:
            await self.attempt(self._trainings.begin(self._name, *answer))

    def _clone(self) -> None:
        ui.navigate.to(f"/models/{self._name}/clone")

    async def attempt(self, work: Awaitable[None]) -> None:
        """Do what a button says; what goes wrong is told."""
        try:
            await work
        except DeepRacerError as error:
            show_fault(error)
        await asyncio.sleep(0)
        await self._refresh()
