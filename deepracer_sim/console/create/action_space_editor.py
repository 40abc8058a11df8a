"""The action space: four numbers, the list that they make, and its points of steering and speed."""

from __future__ import annotations

import json
from pathlib import Path

from nicegui import ui
from nicegui.events import ValueChangeEventArguments

from deepracer_inference.action_space import ActionSpaceError, DiscreteActionSpace, load_action_space
from deepracer_sim.console.create.settings_form import SettingsForm, action_grid
from deepracer_sim.settings import TrainSettings

INPUTS = (
    "actions.max_steering_angle",
    "actions.steering_granularity",
    "actions.max_speed",
    "actions.speed_granularity",
)
WIDTH, HEIGHT = 340.0, 220.0
LEFT, RIGHT, TOP, BOTTOM = 54.0, 12.0, 12.0, 40.0
"""Of the drawing, and its margins."""
COLUMNS = [
    {"name": name, "label": label, "field": name, "align": "right"}
    for name, label in (("number", "No."), ("steering", "Steering, degrees"), ("speed", "Speed, m/s"))
]


def actions_of(settings: TrainSettings) -> DiscreteActionSpace:
    """Return a training's actions; those of a file are read, without what loads torch.

    Raises:
        ActionSpaceError: there are none, or the file is damaged.
    """
    file = settings.actions.file
    if file is None:
        return action_grid(settings.actions)
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ActionSpaceError(f"{file.name}: cannot be read: {error}") from error
    space = load_action_space({"action_space": content} if isinstance(content, list) else content)
    if not isinstance(space, DiscreteActionSpace):
        raise ActionSpaceError("is a continuous action space: training needs a list")
    return space


def middle_speed(space: DiscreteActionSpace) -> float:
    """Return the speed in the middle of all that there are, the lower one of two."""
    speeds = sorted({round(float(speed), 6) for speed in space.speeds})
    return speeds[(len(speeds) - 1) // 2]


def draw_actions(space: DiscreteActionSpace) -> str:
    """Draw the actions as points: left is left, up is faster."""
    most_angle, most_speed = 30.0, max(1.0, space.max_speed)
    entries = space.to_json()

    def across(angle: float) -> float:
        return LEFT + (most_angle - angle) / (2 * most_angle) * (WIDTH - LEFT - RIGHT)

    def down(speed: float) -> float:
        return HEIGHT - BOTTOM - speed / most_speed * (HEIGHT - TOP - BOTTOM)

    grid = "".join(
        f'<line class="grid" x1="{across(angle):.1f}" x2="{across(angle):.1f}" y1="{TOP}" '
        f'y2="{HEIGHT - BOTTOM}"/><text x="{across(angle):.1f}" y="{HEIGHT - BOTTOM + 14}" '
        f'text-anchor="middle">{angle:g}</text>'
        for angle in (30, 15, 0, -15, -30)
    )
    grid += "".join(
        f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{down(speed):.1f}" y2="{down(speed):.1f}"/>'
        f'<text x="{LEFT - 10}" y="{down(speed) + 4:.1f}" text-anchor="end">{speed:g}</text>'
        for speed in (0.0, most_speed / 2, most_speed)
    )
    points = "".join(
        f'<circle cx="{across(entry["steering_angle"]):.1f}" cy="{down(entry["speed"]):.1f}" r="5">'
        f"<title>{entry['steering_angle']:g} degrees, {entry['speed']:g} m/s</title></circle>"
        for entry in entries
    )
    return (
        f'<svg class="actions-drawing" viewBox="0 0 {WIDTH:g} {HEIGHT:g}" role="img" '
        f'aria-label="{len(entries)} actions">{grid}'
        f'<text x="{(WIDTH + LEFT - RIGHT) / 2}" y="{HEIGHT - 6}" text-anchor="middle">'
        f"steering, degrees: left of straight ahead is positive</text>"
        f'<text transform="translate(11 {(HEIGHT - BOTTOM) / 2 + TOP / 2}) rotate(-90)" text-anchor="middle">'
        f"speed, m/s</text>{points}</svg>"
    )


class ActionSpaceEditor:
    """The section of the action space.

    Args:
        form: that has the settings.
        owner: whose list it is where a model begins with one; empty where it begins with four numbers.
    """

    def __init__(self, form: SettingsForm, owner: str = "") -> None:
        self._form = form
        self._file: Path | None = form.base.actions.file
        if self._file is not None:
            ui.switch(f"Keep the list of {owner}", value=True, on_change=self._keep).props(
                "data-setting=actions.file"
            )
        with ui.element("div").classes("settings is-narrow") as self._inputs:
            form.add(*INPUTS)
        self._inputs.set_visibility(self._file is None)
        self._fault = ui.label().classes("bad")
        with ui.element("div").classes("actions-result"):
            with ui.column().classes("gap-1"):
                self._drawing = ui.html("", sanitize=False)
            with ui.column().classes("actions-list"):
                self._count = ui.label().classes("soft")
                self._table = ui.table(columns=COLUMNS, rows=[], row_key="number")
                self._table.props("dense flat virtual-scroll hide-bottom")
        self.show()

    def show(self) -> None:
        """Show the list of what stands in the fields; the last good one while that is refused."""
        faults = self._form.faults
        self._fault.text = faults.get("actions.file", "") or faults.get("actions", "")
        if self._form.settings is None:
            return
        try:
            space = actions_of(self._form.settings)
        except ActionSpaceError as error:
            self._count.text = str(error)
            return
        entries = space.to_json()
        self._drawing.content = draw_actions(space)
        self._count.text = f"{len(entries)} actions"
        self._table.rows = [
            {"number": number, "steering": f"{entry['steering_angle']:g}", "speed": f"{entry['speed']:.3g}"}
            for number, entry in enumerate(entries)
        ]

    def _keep(self, event: ValueChangeEventArguments) -> None:
        self._inputs.set_visibility(not event.value)
        self._form.put("actions.file", self._file if event.value else None)
