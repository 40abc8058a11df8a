"""What a training or an evaluation left on record, as tables."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from deepracer_sim.analysis import tables
from deepracer_sim.errors import TrackError
from deepracer_sim.track import Track

TRAINING = "training"
"""`source` of what was driven in training; that of an evaluation is its folder's name."""


@dataclass(frozen=True)
class Records:
    """A training with its evaluations, or one evaluation, as tables.

    Attributes:
        path: of the folder.
        kind: which of the two.
        settings: of the run or the evaluation, as its JSON has them.
        tracks: those that could be loaded, by name.
        actions: the action space: `steering_angle` (degrees), `speed` (m/s); its index is the action.
        iterations: metrics.csv.
        steps: every driven step that was traced.
        evaluated_laps: laps of the evaluations during a training.
        evaluations: a row a folder of an evaluation.
        notes: what is missing or damaged, in sentences.
    """

    path: Path
    kind: Literal["training", "evaluation"]
    settings: dict[str, Any]
    tracks: dict[str, Track]
    actions: pd.DataFrame
    iterations: pd.DataFrame
    steps: pd.DataFrame
    evaluated_laps: pd.DataFrame
    evaluations: pd.DataFrame
    notes: tuple[str, ...] = field(default=())

    @cached_property
    def episodes(self) -> pd.DataFrame:
        """A row a traced episode; of an evaluation, a lap that was begun is one."""
        return tables.episodes(self.steps)

    @cached_property
    def laps(self) -> pd.DataFrame:
        """A row a finished lap, the fastest first."""
        return tables.laps(self.steps, self.episodes)

    @cached_property
    def exits(self) -> pd.DataFrame:
        """A row for each time that a car left the road."""
        return tables.exits(self.steps)

    @cached_property
    def action_use(self) -> pd.DataFrame:
        """How often each entry of the action space was chosen."""
        return tables.action_use(self.own_steps, self.actions)

    @cached_property
    def action_shares(self) -> pd.DataFrame:
        """Share of each action in each traced iteration."""
        return tables.action_shares(self.own_steps, self.actions)

    @cached_property
    def reward_terms(self) -> pd.DataFrame:
        """Mean of each term of the reward a step, in each iteration."""
        return tables.reward_terms(self.iterations)

    @property
    def own_steps(self) -> pd.DataFrame:
        """Of a training, what was driven in it; of an evaluation, all steps."""
        return self.steps[self.steps["source"] == TRAINING] if self.kind == "training" else self.steps

    @property
    def best_evaluation(self) -> pd.Series | None:
        """The row of `iterations` whose evaluation came farthest, of equals the last; None without one."""
        rows = self.iterations
        if "evaluation_completion" not in rows or not rows["evaluation_completion"].notna().any():
            return None
        completion = rows["evaluation_completion"]
        return rows[completion == completion.max()].iloc[-1]

    def stretches(self, track: str) -> pd.DataFrame:
        """Return a row a stretch of a track: how often cars passed it, and how often they left the road.

        Raises:
            TrackError: the track is not known.
        """
        if track not in self.tracks:
            known = ", ".join(self.tracks) or "none"
            raise TrackError(f"no track {track!r} in {self.path} that could be loaded: there is {known}")
        return tables.stretches(self.own_steps, self.tracks[track])
