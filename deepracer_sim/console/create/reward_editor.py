"""The editor of a reward function: code, examples to begin with, and faults at their lines."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Sequence

from nicegui import ui

from deepracer_sim.console.create.parameter_reference import parameter_text
from deepracer_sim.console.create.reward_check import RewardCheck
from deepracer_sim.console.create.reward_examples import RewardExample
from deepracer_sim.console.frame import Info

LONGEST_MARK = 90
"""Characters of a fault behind its line; all of it is in the list."""
ARRIVAL_TRIES, ARRIVAL_PAUSE, ARRIVAL_LIMIT = 4, 0.3, 10.0
"""For what has just been typed to arrive: how often is looked, and seconds between and for an answer."""
OWN, BUILT_IN = "Your own function", "Built-in reward"
THEMES = {True: "githubDark", False: "githubLight"}
ABOUT_BUILT_IN = """Pays for speed along the centre line, twice as much in the middle of the road as at its
borders, and takes 5 for leaving it. It needs no code, and is the quickest to learn."""
KEYS = "Tab indents; Esc, then Tab leaves the editor; Ctrl-Enter validates."


class RewardEditor:
    """The code of a reward function.

    Args:
        info: of the page.
        source: to begin with; None for the built-in reward.
        examples: to choose from.
        on_change: called when the reward is another one.
        on_validate: called when it shall be tried.
    """

    def __init__(
        self,
        info: Info,
        source: str | None,
        examples: Sequence[RewardExample],
        on_change: Callable[[], None],
        on_validate: Callable[[], Awaitable[object]],
    ) -> None:
        self._examples, self._on_change, self._on_validate = examples, on_change, on_validate
        text = source if source is not None else examples[0].source if examples else ""
        with ui.row().classes("items-center gap-2 reward-bar"):
            self._kind = ui.toggle([OWN, BUILT_IN], value=BUILT_IN if source is None else OWN)
            self._kind.props("no-caps unelevated dense padding='4px 12px'").classes("choice")
            self._kind.on_value_change(self._choose_kind)
            ui.space()
            self._own_buttons = ui.row().classes("gap-2")
        with self._own_buttons:
            choose = ui.button("Examples", icon="expand_more").props("flat dense no-caps")
            with choose, ui.menu().props("auto-close"):
                for example in examples:
                    self._add_example(example)
            ui.button("Parameters", on_click=lambda: info.show("Parameters", parameter_text())).props(
                "flat dense no-caps icon=menu_book"
            )
        self._about = ui.label(ABOUT_BUILT_IN).classes("soft")
        with ui.column().classes("w-full gap-1") as self._own:
            self._code = ui.codemirror(
                text.replace("\r\n", "\n").replace("\r", "\n"),
                language="Python",
                theme="githubLight",
                on_change=lambda: self._changed(),
                keymap={"Mod-Enter": lambda: on_validate()},
            ).classes("reward-code")
            ui.label(KEYS).classes("soft reward-keys")
        with ui.row().classes("items-center gap-3"):
            self.validate = ui.button("Validate", icon="rule", on_click=on_validate)
            self.validate.props("outline no-caps")
            self._status = ui.label().classes("reward-status").props("role=status")
        self._faults = ui.column().classes("w-full reward-faults")
        with ui.expansion("It printed").classes("w-full reward-output") as self._printed:
            self._output = ui.label().classes("reward-prints")
        ui.on("theme", lambda event: self._code.set_theme(THEMES[event.args is True]))  # type: ignore[arg-type]
        self._printed.set_visibility(False)
        self._show_kind()

    @property
    def source(self) -> str | None:
        """The code; None for the built-in reward."""
        return None if self._kind.value == BUILT_IN else (self._code.value or "")

    @property
    def is_gone(self) -> bool:
        """Whether its page has been left."""
        return self._code.is_deleted

    async def has_arrived(self) -> bool:
        """Tell whether the code here is as long as in the browser, which does not send huge changes."""
        for _ in range(ARRIVAL_TRIES):
            try:
                there = await self._code.client.run_javascript(
                    f"getElement({self._code.id}).editor.state.doc.length", timeout=ARRIVAL_LIMIT
                )
            except TimeoutError:
                return False
            if there == len((self._code.value or "").encode("utf-16-le", "surrogatepass")) // 2:
                return True
            await asyncio.sleep(ARRIVAL_PAUSE)
        return False

    def say(self, text: str, kind: str = "soft") -> None:
        """Say how it stands: `soft`, `good` or `bad`."""
        self._status.text = text
        self._status.classes(replace=f"reward-status {kind}")

    def forget(self) -> None:
        """Take away what was said about another source."""
        self._code.decorations = []
        self._code.line_tooltips = {}
        self._faults.clear()
        self._printed.set_visibility(False)

    def show(self, check: RewardCheck) -> None:
        """Show what came of a trial of the code as it stands."""
        self.forget()
        self._mark_lines(check)
        self._list_faults(check)
        self._output.text = check.output
        self._printed.set_visibility(bool(check.output))
        if check.faults:
            count = "1 fault" if len(check.faults) == 1 else f"{len(check.faults)} faults"
            self.say(f"{count} on {check.track.rpartition('/')[2]}", "bad")
        else:
            time = "" if math.isnan(check.seconds_per_call) else f" of {1e6 * check.seconds_per_call:.1f} µs"
            self.say(
                f"No faults: {check.num_calls} calls{time}, reward from {check.minimum:.3g} to "
                f"{check.maximum:.3g}",
                "good",
            )

    def _mark_lines(self, check: RewardCheck) -> None:
        lines = (self._code.value or "").split("\n")
        ends = [sum(len(line) + 1 for line in lines[: number + 1]) - 1 for number in range(len(lines))]
        decorations: list[dict[str, object]] = []
        tooltips = {}
        for fault in check.faults:
            if fault.line is not None:
                number = min(max(fault.line, 1), len(lines))  # the end of the file may be meant
                mark = fault.message[:LONGEST_MARK] + ("…" if len(fault.message) > LONGEST_MARK else "")
                decorations.append({"kind": "line", "line": number, "class": "fault-line"})
                decorations.append(
                    {"kind": "widget", "position": ends[number - 1], "text": mark, "class": "fault-mark"}
                )
                tooltips[number] = fault.message
        self._code.decorations = decorations
        self._code.line_tooltips = tooltips

    def _list_faults(self, check: RewardCheck) -> None:
        with self._faults:
            for fault in check.faults:
                with ui.row().classes("w-full items-start no-wrap gap-3 reward-fault"):
                    if fault.line is not None:
                        button = ui.button(f"Line {fault.line}", color=None).classes("reward-line bad")
                        button.props("flat dense no-caps")
                        button.on_click(lambda line=fault.line: self._go_to(line))
                    with ui.column().classes("gap-0 reward-words"):
                        ui.label(fault.message).classes("bad")
                        for line in fault.details:
                            ui.label(line).classes("soft reward-detail")

    def _go_to(self, line: int) -> None:
        ui.run_javascript(f"goToLine({self._code.id}, {int(line)})")

    def _add_example(self, example: RewardExample) -> None:
        with ui.menu_item(on_click=lambda: self._take(example)), ui.column().classes("gap-0 example"):
            ui.label(example.title)
            ui.label(example.about).classes("soft")

    async def _take(self, example: RewardExample) -> None:
        known = {"", *(other.source for other in self._examples)}
        if self._code.value not in known and not await self._may_replace(example):
            return
        self._code.value = example.source
        await self._on_validate()

    async def _may_replace(self, example: RewardExample) -> bool:
        with ui.dialog() as dialog, ui.card().classes("card"):
            ui.label("Replace your code?").classes("text-h6")
            ui.label(f"“{example.title}” takes the place of what you have written.").classes("soft")
            with ui.row().classes("w-full justify-end"):
                ui.button("Keep mine", on_click=lambda: dialog.submit(False)).props("flat no-caps autofocus")
                ui.button("Replace", on_click=lambda: dialog.submit(True)).props("unelevated no-caps")
        answer = await dialog
        dialog.delete()
        return bool(answer)

    def _choose_kind(self) -> None:
        self._show_kind()
        self.forget()
        self._changed()

    def _show_kind(self) -> None:
        is_own = self._kind.value == OWN
        for element in (self._own, self._own_buttons, self.validate):
            element.set_visibility(is_own)
        self._about.set_visibility(not is_own)

    def _changed(self) -> None:
        self._on_change()
