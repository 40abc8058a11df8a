"""The form that begins a comparison of iterations."""

from __future__ import annotations

from asyncio import to_thread
from pathlib import Path

from nicegui import ui
from pydantic import ValidationError

from deepracer_sim.comparison_settings import ComparisonSettings
from deepracer_sim.console.frame import Info
from deepracer_sim.console.garage import Garage
from deepracer_sim.console.model.evaluation_form import CLEAN, RANDOMISED
from deepracer_sim.console.model.job_bar import JobBar
from deepracer_sim.console.model.model_state import ModelState, ModelStates
from deepracer_sim.console.tracks.track_select import TrackSelect
from deepracer_sim.errors import DeepRacerError
from deepracer_sim.settings import messages

KIND = "compare"
ABOUT = """
At most 20 iterations, evenly spread over the training, drive the same laps: 16 cars that begin at different
places, in both directions. A car that leaves the road has ended.

What each one did is kept, so that nothing is driven twice. It takes about two seconds an iteration.
"""


class ComparisonForm:
    """The form, and the job that it begins.

    Args:
        garage: of the model.
        states: of models.
        info: the page's pane.
        state: of it, now.
    """

    def __init__(self, garage: Garage, states: ModelStates, info: Info, state: ModelState) -> None:
        self._garage, self._states, self._name = garage, states, state.model.name
        with ui.row().classes("model-card-head no-wrap"):
            ui.label("Compare iterations").classes("model-card-title")
            info.button("Compare iterations", ABOUT)
        with ui.element("form").classes("w-full") as form, ui.element("div").classes("model-form"):
            self._track = TrackSelect(garage, state.settings.track)
            self._laps = ui.number("Laps", value=ComparisonSettings().laps, precision=0)
            self._manner = ui.select([CLEAN, RANDOMISED], value=CLEAN, label="Car and pictures")
            for field in (self._laps, self._manner):
                field.props("outlined dense options-dense").classes("w-full")
        self._bar = JobBar(garage.jobs, KIND, self._name, self._begin, form)
        self._bar.button.set_text("Compare")
        self._bar.button.set_icon("insights")
        self._bar.complain("")

    async def fill(self) -> None:
        """Offer all tracks."""
        await self._track.fill()

    def show(self, state: ModelState) -> None:
        """Show whether a comparison is at work, and what went wrong in the last one."""
        self._bar.show(state.jobs.get(KIND), bool(state.rows), "", lambda job: _last_line(job.output))

    async def _begin(self) -> None:
        self._laps.error, fault = None, ""
        try:
            manner = self._manner.value == RANDOMISED
            settings = ComparisonSettings(track=self._track.value, laps=self._laps.value, randomised=manner)
            state = await self._states.of(self._name, is_fresh=True)
            if state.run_path is not None:
                words = compare_words(state.run_path, settings)
                await to_thread(self._garage.jobs.start, KIND, self._name, words)
        except ValidationError as error:
            faults = messages(error)
            self._laps.error, fault = faults.get("laps"), faults.get("track", "")
        except DeepRacerError as error:
            fault = str(error)
        self._bar.complain(fault)


def compare_words(run: Path, settings: ComparisonSettings) -> list[str]:
    """Return the words of the `deepracer` command that compares a run's iterations."""
    flag = "--randomised" if settings.randomised else "--no-randomised"
    return ["compare", str(run), "--track", f"{settings.track}", "--laps", f"{settings.laps}", flag]


def _last_line(output: str) -> str:
    last = output.rpartition("\n")[2]
    return last.removeprefix("deepracer: ") or "It begins ..."
