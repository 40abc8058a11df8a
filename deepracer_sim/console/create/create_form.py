"""The form that a model is made with: sections one below the other, and a bar that makes it."""

from __future__ import annotations

from asyncio import to_thread
from collections.abc import Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager

from nicegui import ui

from deepracer_sim.console.create.action_space_editor import ActionSpaceEditor, actions_of, middle_speed
from deepracer_sim.console.create.model_details import ModelDetails
from deepracer_sim.console.create.model_making import ModelPlan, Parent, changed_meaning, lacking, make_model
from deepracer_sim.console.create.reward_examples import reward_examples
from deepracer_sim.console.create.reward_section import RewardSection, RewardTrials
from deepracer_sim.console.create.setting_texts import (
    ACTIONS,
    ADVANCED,
    HYPERPARAMETERS,
    PROFILE,
    REWARD,
    STOP,
    TRACKS,
)
from deepracer_sim.console.create.settings_form import SettingsForm
from deepracer_sim.console.frame import Info
from deepracer_sim.console.garage import Garage
from deepracer_sim.console.tracks.track_gallery import track_gallery
from deepracer_sim.errors import DeepRacerError, ModelError
from deepracer_sim.profiles import PROFILES, fast_profile, for_gazebo
from deepracer_sim.settings import TrainSettings

HYPERPARAMETER_FIELDS = (
    "ppo.batch_size", "ppo.num_epochs", "ppo.lr", "ppo.beta_entropy", "ppo.discount_factor", "ppo.loss_type",
    "ppo.num_episodes_between_training", "ppo.rollout_steps", "ppo.gae_lambda", "ppo.clip",
)  # fmt: skip
STOP_FIELDS = ("stop.minutes", "stop.iterations", "stop.target", "stop.target_evaluations")
ADVANCED_FIELDS = (
    "world", "num_cars", "threads", "device", "seed", "network", "critic", "camera.width", "camera.height",
    "camera.colour", "episode.start", "episode.direction", "episode.max_steps", "evaluation.every",
    "evaluation.laps", "evaluation.starts", "randomisation.enabled", "evaluation.randomised",
)  # fmt: skip
SECTIONS = (
    ("details", "Details", ""),
    ("track", "Tracks", TRACKS),
    ("actions", "Action space", ACTIONS),
    ("reward", "Reward function", REWARD),
    ("ppo", "Hyperparameters", HYPERPARAMETERS),
    ("stop", "Stop condition", STOP),
    ("advanced", "Advanced", ADVANCED),
)
"""Each one's name in the page's address, its title, and what its info pane says."""


class CreateForm:
    """The form of one page.

    Args:
        garage: of the console.
        trials: of reward functions.
        info: of the page.
        parent: the model that is to be cloned.
        track: that is chosen at first, in place of the default or the parent's.
    """

    def __init__(
        self,
        garage: Garage,
        trials: RewardTrials,
        info: Info,
        parent: Parent | None = None,
        track: str | None = None,
    ) -> None:
        self._garage, self._trials, self._info, self._parent = garage, trials, info, parent
        base = parent.settings if parent else fast_profile()
        self._tracks: list[str] = [track] if track else list(base.track)
        self._form = SettingsForm(base, info, self._changed, self._clone_faults)
        self._steps: dict[str, ui.link] = {}
        self._world = base.world
        self._is_ready = self._is_making = False

    async def show(self) -> None:
        """Lay out the form."""
        with ui.element("div").classes("create") as self._root:
            with ui.element("nav").classes("create-steps").props("aria-label=Sections"):
                for name, title, _ in SECTIONS:
                    self._steps[name] = ui.link(title, f"#{name}")
            with ui.element("div").classes("create-sections"):
                await self._show_sections()
                self._show_bar()
        self._is_ready = True
        ui.context.client.on_connect(self._drive)

    async def _show_sections(self) -> None:
        examples = await to_thread(reward_examples)
        with self._section(0):
            self._details = ModelDetails(self._garage, self._parent, self._details_changed, self._create_only)
            if self._parent is None:
                self._show_profiles()
        with self._section(1):
            await track_gallery(self._garage, self._tracks, self._choose_tracks)
            self._track_fault = ui.label().classes("bad")
        with self._section(2):
            self._actions = ActionSpaceEditor(self._form, self._parent.name if self._parent else "")
        with self._section(3):
            source = self._parent.source if self._parent else examples[0].source if examples else None
            self._reward = RewardSection(self._trials, self._info, source, examples, self._reward_changed)
        with self._section(4), ui.element("div").classes("settings"):
            self._form.add(*HYPERPARAMETER_FIELDS)
        with self._section(5), ui.element("div").classes("settings"):
            self._form.add(*STOP_FIELDS)
        with self._section(6):
            self._advanced = ui.expansion("Simulator, network, picture, episodes").classes("w-full")
        with self._advanced, ui.element("div").classes("settings"):
            self._form.add(*ADVANCED_FIELDS)

    @contextmanager
    def _section(self, number: int) -> Iterator[None]:
        name, title, text = SECTIONS[number]
        with ui.column().classes("card create-section").props(f"id={name}"):
            with ui.row().classes("items-center gap-1"):
                ui.label(title).classes("section-title").props("role=heading aria-level=2")
                if text:
                    self._info.button(title, text)
            yield

    def _show_profiles(self) -> None:
        with ui.row().classes("items-center gap-2"):
            ui.label("Defaults").classes("soft")
            self._profile = ui.toggle({"fast": "Fast", "aws": "AWS"}, value="fast", on_change=self._rebase)
            self._profile.props("no-caps unelevated dense padding='4px 14px'").classes("choice")
            self._info.button("Defaults", PROFILE)

    def _show_bar(self) -> None:
        with ui.element("div").classes("create-bar"):
            self._words = ui.label().classes("create-words soft").props("role=status")
            self._create = ui.button("Create", on_click=self._create_only).props("outline no-caps")
            self._train = ui.button("Create and train", on_click=self._create_and_train)
            self._train.props("unelevated no-caps")

    def _rebase(self) -> None:
        """Take the defaults of the profile, as they are for the simulator."""
        base = PROFILES[self._profile.value]() if self._parent is None else self._parent.settings
        if self._world == "gazebo" and base.world != "gazebo":
            base = for_gazebo(base)
        self._form.rebase(base)

    def _choose_tracks(self, names: Sequence[str]) -> None:
        self._tracks = list(names)
        self._form.put("track", tuple(names))

    def _changed(self) -> None:
        if not self._is_ready:
            return
        self._root.classes(add="has-changes")
        if self._world != (world := self._form.value("world")):
            self._world = world
            self._rebase()
        self._say_faults()
        self._actions.show()
        self._drive()

    def _reward_changed(self, by_user: bool) -> None:
        if by_user:
            self._changed()
        else:
            self._say_faults()

    def _details_changed(self) -> None:
        if self._parent is None:
            self._changed()
        else:
            self._form.check()  # whether weights are taken over plays a part

    def _clone_faults(self, settings: TrainSettings) -> dict[str, str]:
        if self._parent is None or not self._is_ready or self._details.from_scratch:
            return {}
        words = f"must stay as in {self._parent.name}, whose weights it begins with"
        return dict.fromkeys(changed_meaning(self._parent.settings, settings), words)

    def _drive(self) -> None:
        """Try the reward on what is chosen now."""
        if self._form.settings is not None and self._tracks:
            space = actions_of(self._form.settings)
            self._reward.drive(self._tracks, middle_speed(space), space.max_speed)

    def _faulty_sections(self) -> list[str]:
        """Name the sections with something wrong in them, from top to bottom."""
        known = [name for name, _, _ in SECTIONS]
        faulty = {path.partition(".")[0] for path in self._form.faults}
        faulty = {name if name in known else "advanced" for name in faulty}
        if self._details.is_faulty:
            faulty.add("details")
        if self._reward.is_tried and self._reward.is_faulty:
            faulty.add("reward")
        return [name for name in known if name in faulty]

    def _say_faults(self) -> None:
        faulty = self._faulty_sections()
        for name, link in self._steps.items():
            link.classes(add="is-faulty") if name in faulty else link.classes(remove="is-faulty")
        track_fault = self._form.faults.get("track", "")
        self._track_fault.text = track_fault if self._tracks else "Choose at least one track."
        titles = [title for name, title, _ in SECTIONS if name in faulty]
        self._say(f"Please look at: {', '.join(titles)}" if titles else "", "bad")

    def _say(self, text: str, kind: str = "soft") -> None:
        self._words.text = text
        self._words.classes(replace=f"create-words {kind}")

    async def _create_only(self) -> None:
        await self._make(train=False)

    async def _create_and_train(self) -> None:
        await self._make(train=True)

    async def _make(self, train: bool) -> None:
        if self._is_making:
            return
        self._is_making = True
        button = self._train if train else self._create
        button.props("loading")
        try:
            if await self._is_valid(train) and await self._is_made():
                await self._leave(train)
        finally:
            self._is_making = False
            button.props(remove="loading")

    async def _is_valid(self, train: bool) -> bool:
        """Tell whether all is right; if not, show where it is not."""
        await self._details.check()
        self._say_faults()
        if not self._faulty_sections():
            self._say("Trying the reward function…")
            if not await self._reward.is_sound() and not self._reward.is_faulty:
                self._say("The reward function could not be tried, see there.", "bad")
                self._go_to("reward")
                return False
            self._say_faults()
        settings = self._form.settings
        if train and settings is not None and not self._faulty_sections():
            self._form.refuse(await self._garage.workshop.run(lacking, settings))
        if faulty := self._faulty_sections():
            self._go_to(faulty[0])
        return not faulty

    def _go_to(self, section: str) -> None:
        """Bring a section with a fault into view, and its field."""
        into_view = "scrollIntoView({behavior: 'smooth'})"
        ui.run_javascript(f"document.getElementById('{section}').{into_view}")
        if section == "details":
            self._details.focus()
        elif section != "reward":
            self._advanced.set_value(section == "advanced" or self._advanced.value)
            self._form.focus_fault()

    async def _is_made(self) -> bool:
        settings = self._form.settings
        if settings is None or not self._reward.is_tried:
            self._say("Something was changed meanwhile: once more, please.", "bad")
            return False
        self._say("Making it…")
        parent = self._parent.name if self._parent else None
        details = self._details
        plan = ModelPlan(
            details.name, details.description, settings, self._reward.source, parent, details.from_scratch
        )
        try:
            await self._garage.workshop.run(make_model, self._garage.store.path, plan)
        except (DeepRacerError, BrokenProcessPool) as error:
            await details.check()
            if isinstance(error, ModelError) and details.is_faulty:  # somebody was quicker
                self._say_faults()
            else:
                self._say(str(error), "bad")
            return False
        return True

    async def _leave(self, train: bool) -> None:
        name = self._details.name
        self._root.classes(remove="has-changes")
        if train:
            words = ["models", "train", name]
            try:
                await to_thread(self._garage.jobs.start, "train", name, words)
            except DeepRacerError as error:
                self._say(f"{name} is made, but its training has not started: {error}", "bad")
                return
        ui.navigate.to(f"/models/{name}")
