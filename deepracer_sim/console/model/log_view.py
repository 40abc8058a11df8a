"""The log of a training on the page of a model: its end, as it grows, searched."""

from __future__ import annotations

import os
from asyncio import to_thread
from contextlib import suppress
from pathlib import Path

from nicegui import ui

from deepracer_sim.console.frame import Info
from deepracer_sim.console.model.model_state import ModelState
from deepracer_sim.garage.definition import shown
from deepracer_sim.run_files import LOG

TAIL = 512_000
"""Bytes of the log that are looked at."""
MOST_LINES, LONGEST_LINE = 200, 400
LAST = 6
"""Lines that a failed training shows of each."""
TRACE = "SIM_TRACE_LOG:"
PROGRESS, PRINTS, STEPS = "Progress", "Prints", "Steps"
NOTHING = {
    PROGRESS: "No training was begun from the console yet.",
    PRINTS: "The reward function has printed nothing.",
    STEPS: "No episode was written yet.",
}
ABOUT = f"""
**Progress** is what the training says of itself.

**Prints** is what your reward function has printed. Prints of an episode come when it has ended.

**Steps** are lines for AWS's log analysis, one a step of a recorded episode: `SIM_TRACE_LOG:` episode,
step, x, y, heading, steering angle, speed, action, reward, done, all wheels on track, progress, closest
waypoint, track length, time, status.

Only the end is shown: {MOST_LINES} lines of the last {TAIL // 1000} kB. All of it is in the run folder's
`training.log`.
"""


class LogView:
    """The card with the log.

    Args:
        info: the page's pane.
    """

    def __init__(self, info: Info) -> None:
        self._shown: tuple[object, ...] = ()
        self._state: ModelState | None = None
        with ui.element("div").classes("card w-full"):
            with ui.row().classes("model-card-head"):
                ui.label("Log").classes("model-card-title")
                with ui.row().classes("model-log-tools"):
                    self._kind = ui.toggle([PROGRESS, PRINTS, STEPS], value=PROGRESS, on_change=self._changed)
                    self._kind.props("dense no-caps flat")
                    self._search = ui.input(placeholder="Search", on_change=self._changed)
                    self._search.props(
                        "dense outlined clearable type=search debounce=200 aria-label='Search the log'"
                    )
                    info.button("The log", ABOUT)
            with ui.element("div").classes("model-log").props("tabindex=0 role=log aria-label=Log"):
                self._text = ui.label().classes("model-log-text")

    async def show(self, state: ModelState) -> None:
        """Show the end of the log if it has grown."""
        self._state = state
        await self._changed()

    async def _changed(self) -> None:
        if self._state is None:
            return
        kind, search = str(self._kind.value), (self._search.value or "").strip()
        text = await to_thread(log_text, self._state, kind, search)
        if text != self._text.text:
            self._text.text = text


def log_text(state: ModelState, kind: str, search: str) -> str:
    """Return the last lines of a log, as may be shown.

    Args:
        state: of the model.
        kind: PROGRESS, PRINTS or STEPS.
        search: only lines that have this text in them, whatever its case.
    """
    if kind == PROGRESS:
        job = state.jobs.get("train")
        lines = job.output.splitlines() if job else []
    else:
        lines = [line for line in _tail(state.run_path) if line.startswith(TRACE) == (kind == STEPS)]
    if not lines:
        return NOTHING[kind]
    found = [line for line in lines if search.lower() in line.lower()]
    if not found:
        return f"No line has “{search[:LONGEST_LINE]}” in it."
    return "\n".join(shown(line[:LONGEST_LINE]) for line in found[-MOST_LINES:])


def last_lines(state: ModelState) -> list[str]:
    """Return the last lines of a training that has failed: what it said, then what the log has last."""
    job = state.jobs.get("train")
    said = [line for line in job.output.splitlines() if line.strip()][-LAST:] if job else []
    logged = [shown(line[:LONGEST_LINE]) for line in _tail(state.run_path)[-LAST:]]
    return [*said, *logged]


def _tail(run_path: Path | None) -> list[str]:
    if run_path is None:
        return []
    with suppress(OSError), (run_path / LOG).open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - TAIL))
        lines = file.read().decode("utf-8", "replace").split("\n")
        return [line for line in lines[1 if size > TAIL else 0 :] if line]
    return []
