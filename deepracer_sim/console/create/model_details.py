"""What a model is called, and what it begins with."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from nicegui import run, ui

from deepracer_sim.console.create.model_making import Parent
from deepracer_sim.console.garage import Garage
from deepracer_sim.errors import ModelError
from deepracer_sim.garage.definition import LONGEST_TEXT, text_fault
from deepracer_sim.garage.model_name import LONGEST, suggested_name

PAUSE = 0.25
"""Seconds without a key after which the name is looked up."""


class ModelDetails:
    """Name, description, and a clone's weights.

    Args:
        garage: of the console.
        parent: the model that is to be cloned.
        on_change: called when something is changed, or found good or bad.
        on_enter: called when Enter is pressed in the name.
    """

    def __init__(
        self,
        garage: Garage,
        parent: Parent | None,
        on_change: Callable[[], None],
        on_enter: Callable[[], Awaitable[None]],
    ) -> None:
        self._garage, self._on_change = garage, on_change
        name = suggested_name(f"{parent.name[: LONGEST - 6]}-clone") if parent else ""
        self._name = ui.input("Name", value=name or "", on_change=self._check_later).classes("create-name")
        self._name.without_auto_validation().on("keydown.enter", on_enter)
        self._name.props("outlined dense hide-bottom-space stack-label autocomplete=off")
        self._name.props(f"maxlength={2 * LONGEST} spellcheck=false")
        self._name.props["hint"] = f"Letters, digits, - and _, at most {LONGEST}"
        self._description = ui.textarea(
            "Description", value=parent.description if parent else "", on_change=self._check_description
        ).classes("create-description")
        self._description.without_auto_validation().props(
            "outlined dense autogrow hide-bottom-space stack-label"
        )
        self._description.props["hint"] = f"In your own words, at most {LONGEST_TEXT} characters"
        self._weights: ui.switch | None = None
        if parent is not None:
            self._show_weights(parent)

    @property
    def name(self) -> str:
        """As it stands in the field."""
        return (self._name.value or "").strip()

    @property
    def description(self) -> str:
        """As it stands in the field."""
        return (self._description.value or "").strip()

    @property
    def from_scratch(self) -> bool:
        """Whether a clone takes over no weights."""
        return self._weights is not None and not self._weights.value

    @property
    def is_faulty(self) -> bool:
        """Whether something in the fields is refused."""
        return bool(self._name.error or self._description.error)

    async def check(self) -> None:
        """Look the name up in the store."""
        name = self.name
        try:
            if not name:
                raise ModelError("A model needs a name.")
            await run.io_bound(self._garage.store.refuse_taken, name)
            fault = None
        except ModelError as error:
            fault = str(error).removeprefix(f"name={name!r}: ")
        if name == self.name and not self._name.is_deleted:  # else it is being looked up again
            self._name.error = fault
            self._on_change()

    def focus(self) -> None:
        """Go to the first field with a fault."""
        (self._name if self._name.error else self._description).run_method("focus")

    async def _check_later(self) -> None:
        name = self.name
        await asyncio.sleep(PAUSE)
        if name == self.name and not self._name.is_deleted:
            await self.check()

    def _check_description(self) -> None:
        self._description.error = text_fault(self.description)
        self._on_change()

    def _show_weights(self, parent: Parent) -> None:
        with ui.column().classes("setting-switch"):
            self._weights = ui.switch(f"Begin with what {parent.name} has learned", value=parent.has_weights)
            self._weights.on_value_change(self._on_change)
            self._weights.set_enabled(parent.has_weights)
            if parent.has_weights:
                note = "Network, action space and picture must then stay as they are."
            elif parent.is_policy:
                note = f"{parent.name} is a finished policy: it drives, but cannot be trained on."
            else:
                note = f"{parent.name} has not trained yet: its settings are taken over."
            ui.label(note).classes("soft")
