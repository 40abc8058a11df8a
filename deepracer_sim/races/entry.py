"""What is kept of a model that was driven in a race."""

from __future__ import annotations

import unicodedata
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from deepracer_sim.errors import RaceError
from deepracer_sim.races.record_file import Sha256, Time
from deepracer_sim.settings import Settings

LONGEST_NAME = 64
FINISHED = "finished"


def shown_name(name: str) -> str:
    """Return a racer's or model's name as it is shown; two that look alike in most fonts become one.

    Raises:
        RaceError: it is empty, too long, or has characters that cannot be seen.
    """
    tidy = " ".join(unicodedata.normalize("NFKC", name).split())
    if not tidy or len(tidy) > LONGEST_NAME or not tidy.isprintable():
        raise RaceError(
            f"name {name[:100]!a}: must be 1 to {LONGEST_NAME} characters that can be seen; "
            "choose one with --racer"
        )
    return tidy


def _unchanged(name: str) -> str:
    try:
        if shown_name(name) == name:
            return name
    except RaceError as error:
        raise ValueError(str(error)) from error
    raise ValueError("is not a name as it is shown")


ShownName = Annotated[str, AfterValidator(_unchanged)]


class DrivenLap(Settings):
    """One full lap: seconds with its penalties, and how often the car was put back."""

    time: float = Field(gt=0)
    resets: int = Field(ge=0)


class Drive(Settings):
    """One car's laps, as a race counts them.

    Attributes:
        laps: the finished ones.
        resets: how often the car was put back, in the unfinished lap too.
        distance: laps driven, with the fraction of the unfinished one.
        ending: how it ended; the names of `evaluation.Ending`.
    """

    laps: tuple[DrivenLap, ...]
    resets: int = Field(ge=0)
    distance: float = Field(ge=0)
    ending: Literal["finished", "off_track", "immobilized", "reversed", "time_up"]

    @property
    def times(self) -> list[float]:
        """Lap times with their penalties, seconds."""
        return [lap.time for lap in self.laps]

    @property
    def is_finished(self) -> bool:
        """All laps were driven."""
        return self.ending == FINISHED


class Entry(Settings):
    """A model in a race.

    Attributes:
        number: of the entry, in the order of arrival.
        racer: under which name it drives.
        model: what its owner calls it.
        submitted: time, ISO 8601, UTC.
        sha256: of the content of model.onnx followed by that of model_metadata.json.
        drive: its laps.
    """

    number: int = Field(ge=1)
    racer: ShownName
    model: ShownName
    submitted: Time
    sha256: Sha256
    drive: Drive
