"""Fields for a training's settings, which read and refuse themselves what is written there."""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping
from typing import Any, Literal, Union, get_args, get_origin

import annotated_types
from nicegui import ui
from nicegui.elements.mixins.validation_element import ValidationElement
from pydantic import ValidationError
from pydantic.fields import FieldInfo

from deepracer_inference.action_space import ActionSpaceError, DiscreteActionSpace
from deepracer_sim.console.create.setting_texts import ABOUT, CHOICES, LABELS, UNITS
from deepracer_sim.console.frame import Info
from deepracer_sim.settings import ActionSettings, TrainSettings, messages

Faults = dict[str, str]
"""What is wrong, by the path of a setting as `ppo.lr`."""
ACTION_FIELDS = {
    "max_steering_angle": "actions.max_steering_angle",
    "steering_granularity": "actions.steering_granularity",
    "speed_granularity": "actions.speed_granularity",
    "lowest speed": "actions.speed_granularity",
    "max_speed": "actions.max_speed",
}
"""How a fault of an action space begins, and the setting to change."""


def field_of(path: str) -> FieldInfo:
    """Return the definition of a setting: of a model field, or of one of its groups."""
    group, _, name = path.rpartition(".")
    model: Any = TrainSettings.model_fields[group].annotation if group else TrainSettings
    field: FieldInfo = model.model_fields[name]
    return field


def value_of(settings: TrainSettings, path: str) -> Any:
    """Return a setting's value."""
    value: Any = settings
    for name in path.split("."):
        value = getattr(value, name)
    return value


def text_of(value: Any) -> Any:
    """Return a value as it stands in a field: numbers as text, nothing as an empty one."""
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.10g}"
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def label_of(path: str) -> str:
    """Return what people call a setting."""
    return LABELS.get(path) or path.rpartition(".")[2].replace("_", " ").capitalize()


def range_text(field: FieldInfo) -> str:
    """Return between what a number must lie, in words; empty if it may be any."""
    least = most = above = below = ""
    for limit in field.metadata:
        if isinstance(limit, annotated_types.Ge):
            least = text_of(limit.ge)
        elif isinstance(limit, annotated_types.Le):
            most = text_of(limit.le)
        elif isinstance(limit, annotated_types.Gt):
            above = f"above {text_of(limit.gt)}"
        elif isinstance(limit, annotated_types.Lt):
            below = f"below {text_of(limit.lt)}"
    if least and most:
        return f"{least} to {most}"
    parts = (above, f"at least {least}" if least else "", below, f"at most {most}" if most else "")
    return ", ".join(part for part in parts if part)


def read_settings(base: TrainSettings, values: Mapping[str, Any]) -> tuple[TrainSettings | None, Faults]:
    """Read what stands in the fields.

    Args:
        base: has the settings that no field shows.
        values: by path, as they stand in the fields.

    Returns:
        The settings, None if they are refused; and why, by path.
    """
    content: dict[str, Any] = base.model_dump()
    for path, value in values.items():
        group, _, name = path.rpartition(".")
        if isinstance(value, str):
            value = value.strip() or (None if type(None) in get_args(field_of(path).annotation) else "")
        (content[group] if group else content)[name] = value
    try:
        settings = TrainSettings(**content)
    except ValidationError as error:
        return None, {path: text.split(", unable to parse")[0] for path, text in messages(error).items()}
    faults = action_faults(settings.actions)
    return (None, faults) if faults else (settings, {})


def action_faults(actions: ActionSettings) -> Faults:
    """Return why four numbers make no action space."""
    if actions.file is not None:
        return {}
    try:
        action_grid(actions)
    except ActionSpaceError as error:
        found = next(
            (path for begin, path in ACTION_FIELDS.items() if str(error).startswith(begin)), "actions"
        )
        return {found: str(error).partition(": ")[2]}
    return {}


def action_grid(actions: ActionSettings) -> DiscreteActionSpace:
    """Return the actions that the four numbers describe.

    Raises:
        ActionSpaceError: they describe none.
    """
    return DiscreteActionSpace.from_grid(
        actions.max_steering_angle,
        actions.steering_granularity,
        actions.max_speed,
        actions.speed_granularity,
    )


class SettingsForm:
    """The fields of a page, with what stands in them.

    Args:
        base: what the fields begin with, and all settings that have none.
        info: of the page.
        on_change: called when something else stands in a field.
        check: returns what else is wrong with settings that would do.

    Attributes:
        settings: what stands in the fields; None while it is refused.
        faults: why, by path.
    """

    def __init__(
        self,
        base: TrainSettings,
        info: Info,
        on_change: Callable[[], None],
        check: Callable[[TrainSettings], Faults] = lambda settings: {},
    ) -> None:
        self.base = base
        self.settings: TrainSettings | None = base
        self.faults: Faults = {}
        self._info, self._on_change, self._also_check = info, on_change, check
        self._values: dict[str, Any] = {}
        self._fields: dict[str, ui.input | ui.select | ui.switch] = {}
        self._notes: dict[str, ui.label] = {}

    def put(self, path: str, value: Any) -> None:
        """Set a setting that has no field of these."""
        self._values[path] = value
        self.check()

    def value(self, path: str) -> Any:
        """Return what stands in a field."""
        return self._values[path]

    def add(self, *paths: str) -> None:
        """Add the fields of some settings."""
        for path in paths:
            self._values[path] = text_of(value_of(self.base, path))
            with ui.element("div").classes("setting"):
                field = self._made(path)
                field.on_value_change(lambda event, path=path: self._changed(path, event.value))
                field.props(f'data-setting="{path}"')
                if path in ABOUT:
                    self._add_info(path)
            self._fields[path] = field

    def rebase(self, base: TrainSettings) -> None:
        """Take over other defaults wherever the user has left the former ones."""
        for path, field in self._fields.items():
            if self._values[path] == text_of(value_of(self.base, path)):
                self._values[path] = text_of(value_of(base, path))
                field.value = self._values[path]
        self.base = base
        self.check()

    def focus_fault(self) -> None:
        """Bring the first field with a fault into view."""
        for path, field in self._fields.items():
            if path in self.faults:
                field.run_method("focus")
                return

    def check(self) -> None:
        """Read what stands in the fields, and show at each what is wrong with it."""
        self.settings, faults = read_settings(self.base, self._values)
        self.refuse(faults or (self._also_check(self.settings) if self.settings else {}))

    def refuse(self, faults: Faults) -> None:
        """Show what is wrong, until something is changed."""
        self.faults = faults
        if faults:
            self.settings = None
        for path, field in self._fields.items():
            fault = faults.get(path)
            if isinstance(field, ValidationElement):
                field.error = fault
            else:
                self._notes[path].text = fault or field_of(path).description or ""
                self._notes[path].classes(replace="bad" if fault else "soft")
        self._on_change()

    def _made(self, path: str) -> ui.input | ui.select | ui.switch:
        field, label, value = field_of(path), label_of(path), self._values[path]
        made: ui.input | ui.select | ui.switch
        if field.annotation is bool:
            with ui.column().classes("setting-switch"):
                made = ui.switch(label, value=value)
                self._notes[path] = ui.label(field.description or "").classes("soft")
            return made
        if get_origin(field.annotation) is Literal:
            names = [
                name
                for name in get_args(field.annotation)
                if (path, name) != ("world", "ros") or value == name
            ]
            made = ui.select({name: CHOICES.get(name, name) for name in names}, label=label, value=value)
        else:
            made = ui.input(label, value=value).props("inputmode=decimal autocomplete=off spellcheck=false")
        made.without_auto_validation().props("outlined dense hide-bottom-space stack-label")
        made.props["hint"] = self._hint(path)
        made.props["suffix"] = UNITS.get(path)
        return made

    def _hint(self, path: str) -> str:
        field = field_of(path)
        parts = [range_text(field), "may be empty" if _is_optional(field) else "", field.description or ""]
        return " · ".join(part for part in parts if part)

    def _add_info(self, path: str) -> None:
        label, limits = label_of(path), range_text(field_of(path))

        def show() -> None:
            default = text_of(value_of(self.base, path)) or "none"  # of the profile that is chosen now
            figures = f"Default: **{default}**." + (f" Range: **{limits}**." if limits else "")
            self._info.show(label, f"{ABOUT[path]}\n\n{figures}")

        button = ui.button(icon="info_outline", on_click=show)
        button.props(f"flat round dense size=sm aria-label='About: {label}'")

    def _changed(self, path: str, value: Any) -> None:
        self._values[path] = value
        self.check()


def _is_optional(field: FieldInfo) -> bool:
    return get_origin(field.annotation) in (Union, types.UnionType) and type(None) in get_args(
        field.annotation
    )
