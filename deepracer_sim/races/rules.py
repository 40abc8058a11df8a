"""What a race is decided by: its rules, and the result that a drive has under them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from pydantic import Field

from deepracer_sim.settings import EvaluateSettings, Settings

UNSEEN = "unseen"
"""Stands for a track that is made up, and shown to nobody until the race is closed."""
MOST_POINTS = 1000.0
"""Of a race in a season; see `points`."""


class RaceRules(Settings):
    """How a race is driven and decided."""

    track: str = Field(
        "reinvent_2018", description=f"name, file, random:SEED, or {UNSEEN}: made up, secret until the end"
    )
    laps: int = Field(3, ge=1, le=100, description="laps to drive, from rest at the start line")
    rule: Literal["best-lap", "average", "total"] = Field(
        "best-lap", description="what counts; average and total need all laps"
    )
    off_track_penalty: float = Field(
        2.0, ge=0, le=1000, description="seconds added to a lap whenever the car is put back on the road"
    )
    max_resets: int = Field(
        20, ge=0, le=1000, description="how often a car is put back; one fault more ends its drive"
    )
    reversed: bool = Field(False, description="drive against the waypoints")
    randomised: bool = Field(False, description="draw car and pictures from the ranges of the training")
    seed: int = Field(0, ge=0, le=2**31 - 1, description="of these draws, the same for every entry")
    season: str | None = Field(None, description="name of the season that the race counts for")

    def evaluation(self) -> EvaluateSettings:
        """Return the same as settings of an evaluation."""
        return EvaluateSettings(
            track=self.track,
            laps=self.laps,
            reversed=self.reversed,
            randomised=self.randomised,
            max_resets=self.max_resets,
            reset_penalty=self.off_track_penalty,
            seed=self.seed,
            video=False,
        )

    def result(self, laps: Sequence[float]) -> float | None:
        """Return what a drive counts as, in whole milliseconds.

        Args:
            laps: times of its finished laps with their penalties, seconds.

        Returns:
            Seconds; None for a drive that did not come far enough: to one lap where the best one counts, else
            to all.
        """
        if not laps or (self.rule != "best-lap" and len(laps) < self.laps):
            return None
        counted = {"best-lap": min(laps), "average": sum(laps) / len(laps), "total": sum(laps)}
        return round(counted[self.rule], 3)

    def sentence(self) -> str:
        """Say the rules in words."""
        laps = "1 lap" if self.laps == 1 else f"{self.laps} laps"
        counts = {
            "best-lap": "the best lap counts",
            "average": "the average of all laps counts",
            "total": "the time of all laps together counts",
        }
        times = {0: "the first fault ends the drive", 1: "once"}.get(
            self.max_resets, f"up to {self.max_resets} times"
        )
        put_back = f"a car that leaves the road is put back {times}, for {self.off_track_penalty:g} s each"
        parts = [
            f"{laps}{' against the waypoints' if self.reversed else ''}: {counts[self.rule]}",
            put_back if self.max_resets else times,
        ]
        if self.randomised:
            parts.append("cars and pictures are drawn at random, alike for all entries")
        return "; ".join(parts)


def points(result: float | None) -> float:
    """Return the season's points for a result.

    A thousand less the seconds, as in the lab's league of 2019; nothing for those who did not finish.
    """
    return 0.0 if result is None else round(max(0.0, MOST_POINTS - result), 3)
