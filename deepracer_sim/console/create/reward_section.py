"""The section of the reward function: the editor, and beside it what the reward pays where."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

from nicegui import background_tasks, ui

from deepracer_sim.console.create.reward_check import RewardCheck, RewardMap, check_reward, map_reward
from deepracer_sim.console.create.reward_editor import RewardEditor
from deepracer_sim.console.create.reward_examples import RewardExample
from deepracer_sim.console.create.reward_map_view import RewardMapView
from deepracer_sim.console.frame import Info
from deepracer_sim.console.garage import Garage
from deepracer_sim.errors import TrackError

NOT_ARRIVED = (
    "The code has not arrived here as your browser shows it: a change was larger than a page can send (about "
    "a megabyte), or the connection was lost. Copy it, load the page anew, and put a shorter one in."
)
PAUSE = 0.7
"""Seconds without a change of tracks or actions after which the map is drawn anew."""
Course = tuple[tuple[str, ...], float, float]
"""Tracks, the speed that is drawn, and the highest one of the action space."""


class RewardTrials:
    """Tries rewards in the workshop, one at a time: an endless one must not keep it from all else."""

    def __init__(self, garage: Garage) -> None:
        self.garage = garage
        self._trying = asyncio.Lock()

    async def check(self, source: str, tracks: tuple[str, ...]) -> RewardCheck:
        """Return the faults of a source, see `check_reward`."""
        async with self._trying:
            return await self.garage.workshop.run(check_reward, source, tracks)

    async def map(self, source: str | None, track: str, course: Course) -> RewardMap:
        """Return what a source pays where, see `map_reward`."""
        async with self._trying:
            return await self.garage.workshop.run(map_reward, source, track, *course[1:])


class RewardSection:
    """A reward function, tried on the tracks that are chosen.

    Args:
        trials: of all pages.
        info: of the page.
        source: to begin with; None for the built-in reward.
        examples: to choose from.
        on_change: called with True when the reward is another one, with False when it is found good or bad.
    """

    def __init__(
        self,
        trials: RewardTrials,
        info: Info,
        source: str | None,
        examples: Sequence[RewardExample],
        on_change: Callable[[bool], None],
    ) -> None:
        self._trials, self._on_change = trials, on_change
        self._course: Course = ((), 1.0, 1.0)
        self._tried: tuple[str | None, Course] | None = None
        self.is_faulty = False
        with ui.element("div").classes("reward-parts"):
            with ui.column().classes("gap-3 reward-part"):
                self._editor = RewardEditor(info, source, examples, self._changed, self.check)
            with ui.column().classes("gap-2 reward-part"):
                ui.label("What it pays where").classes("part-title").props("role=heading aria-level=3")
                self._track = ui.select([], on_change=self._choose_track).props("outlined dense")
                self._track.props("aria-label='Track of the picture'")
                self._view = RewardMapView()

    @property
    def source(self) -> str | None:
        """The code; None for the built-in reward."""
        return self._editor.source

    @property
    def is_tried(self) -> bool:
        """Whether the reward has been tried as it stands, on the tracks that are chosen now."""
        return (
            self._tried is not None and self._tried[0] == self.source and self._tried[1][0] == self._course[0]
        )

    def drive(self, tracks: Sequence[str], speed: float, max_speed: float) -> None:
        """Take over what the reward is tried on.

        Args:
            tracks: that are chosen.
            speed: that is drawn, m/s.
            max_speed: of the action space, m/s.
        """
        course = (tuple(tracks), speed, max_speed)
        if course == self._course:
            return
        self._course = course
        self._track.set_options({name: Path(name).stem for name in tracks})
        if self._track.value not in tracks:
            self._track.value = tracks[0] if tracks else None
        self._track.set_visibility(len(tracks) > 1)
        self._view.say("")
        background_tasks.create(self._check_later(course), name="try the reward")

    async def is_sound(self) -> bool:
        """Tell whether the reward may be used as it stands in the browser; try it if that was not done."""
        is_known = self.is_tried and not self.is_faulty
        if is_known and (self.source is None or await self._editor.has_arrived()):
            return True
        return await self.check()

    async def check(self) -> bool:
        """Try the reward as it stands; return whether it may be used."""
        if not self._course[0]:
            self._editor.say("Choose a track first.", "bad")
            return False
        self._editor.validate.props("loading")
        self._editor.say("Trying it…")
        try:
            fault = await self._try()
        except (TrackError, BrokenProcessPool) as error:
            fault = str(error)
        if self._editor.is_gone:
            return False
        self._editor.validate.props(remove="loading")
        if fault:
            self._editor.say(fault, "bad")
            return False
        self._on_change(False)
        if self.is_faulty:
            self._view.say("The picture is drawn once the function has no fault.")
        else:
            background_tasks.create(self._draw(), name="draw the reward")
        return not self.is_faulty

    async def _try(self) -> str:
        """Try the reward, show what came of it; return why that was not possible, empty if it was."""
        if self.source is not None and not await self._editor.has_arrived():
            return NOT_ARRIVED
        source, course = self.source, self._course
        if source is None:
            self._editor.say("")
            self.is_faulty = False
        else:
            check = await self._trials.check(source, course[0])
            if self._is_other(source, course):
                return "Changed while it was tried."
            self._editor.show(check)
            self.is_faulty = bool(check.faults)
        self._tried = (source, course)
        return ""

    async def _check_later(self, course: Course) -> None:
        """Try the reward, unless tracks or actions change again within a moment."""
        await asyncio.sleep(PAUSE)
        if course == self._course and not self._editor.is_gone:
            await self.check()

    async def _draw(self) -> None:
        source, course, track = self.source, self._course, self._track.value
        if track is None:
            return
        try:
            shape = await self._trials.garage.shapes.of(track)
            found = await self._trials.map(source, track, course)
        except (TrackError, BrokenProcessPool) as error:
            if not self._editor.is_gone:
                self._view.say(str(error))
            return
        if not self._is_other(source, course) and self._track.value == track:
            self._view.show(shape, found)

    def _is_other(self, source: str | None, course: Course) -> bool:
        return self._editor.is_gone or (self.source, self._course) != (source, course)

    def _choose_track(self) -> None:
        if self._tried is not None and not self.is_faulty:
            background_tasks.create(self._draw(), name="draw the reward")

    def _changed(self) -> None:
        if self.source is None:
            background_tasks.create(self.check(), name="try the reward")
        elif self._tried is not None and not self.is_tried:
            self._editor.say("Changed since it was tried.")
            self._view.say("Validate to draw it anew.")
        self._on_change(True)
