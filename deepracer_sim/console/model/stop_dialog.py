"""Asks when a training is to end, and whether it goes on or begins anew."""

from __future__ import annotations

from nicegui import ui
from pydantic import ValidationError

from deepracer_sim.console.model.model_state import ModelState
from deepracer_sim.console.models.model_actions import answer
from deepracer_sim.settings import StopSettings, messages

GO_ON, ANEW = "Go on where it stopped", "Begin anew, with other luck"


async def ask_for_rules(state: ModelState) -> tuple[StopSettings, bool] | None:
    """Return the stop rules and whether to begin anew; None if nothing is to be done.

    Args:
        state: of the model, whose rules are proposed.
    """
    stop = state.settings.stop
    with ui.dialog() as dialog, ui.card().classes("card w-96"):
        ui.label("When does it end?").classes("text-h6")
        way = ui.radio([GO_ON, ANEW], value=GO_ON).props("dense")
        way.set_visibility(bool(state.rows))
        ui.label("Minutes and iterations count from the run's beginning.").classes("soft")
        minutes = ui.number("Minutes at most", value=stop.minutes, step=1).props("clearable outlined dense")
        iterations = ui.number("Iterations at most", value=stop.iterations, step=1, precision=0)
        iterations.props("clearable outlined dense")
        target = ui.switch("End when every lap is clean twice in a row", value=stop.target)
        for field in (minutes, iterations):
            field.classes("w-full")

        def submit() -> None:
            values = {
                "minutes": minutes.value,
                "iterations": None if iterations.value is None else int(iterations.value),
                "target": bool(target.value),
            }
            try:
                rules = stop.replaced(**values)
            except ValidationError as error:
                faults = messages(error)
                minutes.error, iterations.error = faults.get("minutes"), faults.get("iterations")
                return
            dialog.submit((rules, way.value == ANEW))

        with ui.row().classes("w-full justify-end"):
            ui.button("Cancel", on_click=lambda: dialog.submit(None)).props("flat no-caps")
            ui.button("Train", on_click=submit).props("unelevated no-caps")
    answered = await answer(dialog)
    return answered if isinstance(answered, tuple) else None
