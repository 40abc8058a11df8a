"""The buttons that begin and end a job of a model, with how it goes beside them."""

from __future__ import annotations

from asyncio import to_thread
from collections.abc import Callable, Coroutine
from typing import Any

from nicegui import ui

from deepracer_sim.console.jobs import Job, Jobs


class JobBar:
    """Buttons, a spinner and words, under a form.

    Args:
        jobs: of the console.
        kind: of the job.
        name: of the model.
        begin: called by the first button and by Enter in the form.
        form: whose Enter is meant.

    Attributes:
        button: the first one.
    """

    def __init__(
        self,
        jobs: Jobs,
        kind: str,
        name: str,
        begin: Callable[[], Coroutine[Any, Any, None]],
        form: ui.element,
    ) -> None:
        self._jobs, self._kind, self._name = jobs, kind, name
        form.on("submit.prevent", begin)
        with form:
            ui.element("button").props("type=submit hidden aria-hidden=true tabindex=-1")
        self._fault = ui.label().classes("bad model-words").props("role=alert")
        with ui.row().classes("items-center mt-3 gap-3"):
            self.button = ui.button(on_click=begin).props("unelevated no-caps")
            self._stop = ui.button("Stop", on_click=self._end).props("outline no-caps")
            self._spinner = ui.spinner(size="1.4em")
            self._words = ui.label().classes("soft model-words")

    def show(self, job: Job | None, is_able: bool, idle: str, busy: Callable[[Job], str]) -> None:
        """Show whether the job is at work, and what went wrong in the last one.

        Args:
            job: the newest one.
            is_able: whether there is something to begin it with.
            idle: words while it is not at work.
            busy: words while it is.
        """
        is_running = job is not None and job.is_running
        for element in (self._stop, self._spinner):
            element.set_visibility(is_running)
        self.button.set_enabled(is_able and not is_running)
        self._words.text = busy(job) if job is not None and is_running else idle
        if job is not None and not is_running:
            self.complain(job.fault)

    def complain(self, fault: str) -> None:
        """Show what is wrong; nothing if the words are empty."""
        self._fault.text = fault
        self._fault.set_visibility(bool(fault))

    async def _end(self) -> None:
        job = await to_thread(self._jobs.running, self._kind, self._name)
        if job:
            job.stop()
