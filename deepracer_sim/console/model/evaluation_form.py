"""The form that begins an evaluation."""

from __future__ import annotations

from asyncio import to_thread

from nicegui import ui
from pydantic import ValidationError

from deepracer_sim.console.frame import Info
from deepracer_sim.console.garage import Garage
from deepracer_sim.console.model.job_bar import JobBar
from deepracer_sim.console.model.model_state import ModelState, ModelStates
from deepracer_sim.console.model.past_evaluations import new_evaluation
from deepracer_sim.console.tracks.track_select import TrackSelect
from deepracer_sim.errors import DeepRacerError
from deepracer_sim.garage.stored_model import POLICY
from deepracer_sim.settings import EvaluateSettings, messages

KIND = "evaluate"
CLEAN, RANDOMISED = "as they are", "drawn at random"
ABOUT = """
The policy drives as well as it can: the most probable action each time, nothing is tried out.

**Laps** are driven one after another. Where the car leaves the road it is put back and pays 5 seconds;
after 20 times the evaluation ends.

**Car and pictures**: as they are, every evaluation is the same. Drawn at random, as in training, each has a
car and light of its own: what drives well there will rather drive in reality.

**Iteration**: which policy; empty for the one that drives.
"""


class EvaluationForm:
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
            ui.label("Evaluate").classes("model-card-title")
            info.button("Evaluate", ABOUT)
        with ui.element("form").classes("w-full") as form, ui.element("div").classes("model-form"):
            self._track = TrackSelect(garage, state.settings.track)
            defaults = EvaluateSettings()
            self._laps = ui.number("Laps", value=defaults.laps, precision=0)
            self._manner = ui.select([CLEAN, RANDOMISED], value=CLEAN, label="Car and pictures")
            self._seed = ui.number("Seed of the draws", value=0, precision=0)
            self._seed.bind_visibility_from(self._manner, "value", value=RANDOMISED)
            self._way = ui.select(["forwards", "backwards"], value="forwards", label="Direction")
            self._iteration = ui.number("Iteration", placeholder="the one that drives", precision=0)
            self._iteration.props("clearable stack-label")
            for field in (self._laps, self._manner, self._seed, self._way, self._iteration):
                field.props("outlined dense options-dense").classes("w-full")
        self._bar = JobBar(garage.jobs, KIND, self._name, self._begin, form)
        self._bar.button.set_text("Evaluate")
        self._bar.button.set_icon("flag")
        self._bar.complain("")

    async def fill(self) -> None:
        """Offer all tracks."""
        await self._track.fill()

    def show(self, state: ModelState) -> None:
        """Show whether an evaluation is at work, and what went wrong in the last one."""
        is_able = bool(state.rows) or state.model.has_policy
        self._iteration.set_visibility(not state.model.has_policy)
        idle = "" if is_able else "Nothing drives yet: train it first."
        self._bar.show(state.jobs.get(KIND), is_able, idle, lambda job: "It drives ...")

    async def _begin(self) -> None:
        fault = ""
        for field in (self._laps, self._seed, self._iteration):
            field.error = None
        try:
            settings = EvaluateSettings(
                track=self._track.value,
                laps=self._laps.value,
                randomised=self._manner.value == RANDOMISED,
                reversed=self._way.value == "backwards",
                seed=self._seed.value or 0,
            )
            state = await self._states.of(self._name, is_fresh=True)
            words = evaluate_words(state, settings, self._iteration.value)
            await to_thread(self._garage.jobs.start, KIND, self._name, words)
        except ValidationError as error:
            faults = messages(error)
            self._laps.error, self._seed.error = faults.get("laps"), faults.get("seed")
            fault = faults.get("track", "")
        except DeepRacerError as error:
            fault = str(error)
        self._bar.complain(fault)


def evaluate_words(state: ModelState, settings: EvaluateSettings, iteration: float | None) -> list[str]:
    """Return the words of the `deepracer` command that evaluates a model.

    Args:
        state: of the model.
        settings: of the evaluation.
        iteration: None for what drives; an imported policy has none.

    Raises:
        ModelError: nothing does.
    """
    policy = state.model.policy_path()
    has_iterations = policy != state.model.path / POLICY
    return [
        "evaluate", str(policy), "--track", settings.track, "--laps", f"{settings.laps}",
        "--randomised" if settings.randomised else "--no-randomised",
        "--reversed" if settings.reversed else "--no-reversed",
        "--seed", f"{settings.seed}", "--output", str(new_evaluation(state.model, policy)),
        *(["--iteration", f"{int(iteration)}"] if has_iterations and iteration is not None else []),
    ]  # fmt: skip
