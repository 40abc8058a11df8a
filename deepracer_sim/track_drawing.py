"""A track as its .yaml file describes it: a width and a centre line in a few readable numbers."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from deepracer_sim import track_shape
from deepracer_sim.errors import TrackError
from deepracer_sim.shared_folder import shared_folder
from deepracer_sim.track_shape import Line

RANDOM = "random:"  # in front of the seed of a track that is made up
FARTHEST = 1000.0  # metres from the origin: there float32 still resolves 0.06 mm
NARROWEST = 0.3  # metres between the borders: the car is 0.2 m wide with its wheels
CLOSEST_POINTS = 0.05  # metres between control points


class Start(BaseModel):
    """Where the first segment of a track begins."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)
    x: float = Field(ge=-FARTHEST, le=FARTHEST, description="metres")
    y: float = Field(ge=-FARTHEST, le=FARTHEST, description="metres")
    heading: float = Field(ge=-360.0, le=360.0, description="degrees, counter-clockwise from the x axis")


class Segment(BaseModel):
    """A straight of a length, or a turn through an angle at a radius."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)
    straight: float = Field(0.0, gt=0.0, le=FARTHEST, description="length in metres")
    turn: float = Field(0.0, ge=-360.0, le=360.0, description="degrees, positive to the left")
    radius: float = Field(0.0, gt=0.0, le=FARTHEST, description="of the turn in metres")

    @model_validator(mode="after")
    def _is_straight_or_turn(self) -> Segment:
        if self.model_fields_set not in ({"straight"}, {"turn", "radius"}):
            raise ValueError("a segment is either `straight: METRES` or `turn: DEGREES, radius: METRES`")
        return self

    def measure(self) -> tuple[float, float]:
        """Give the length in metres and the turn in radians."""
        turn = math.radians(self.turn)
        return self.straight + abs(turn) * self.radius, turn


class Drawing(BaseModel):
    """A centre line, as control points or as straights and turns, and a width."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)
    title: str
    description: str = ""
    width: float = Field(0.76, ge=NARROWEST, le=5.0, description="between the borders, metres")
    spacing: float = Field(0.15, ge=0.02, le=0.5, description="between waypoints, metres")
    points: list[tuple[float, float]] = Field([], min_length=4, description="x and y of each, metres")
    start: Start = Start(x=0.0, y=0.0, heading=0.0)
    segments: list[Segment] = Field([], min_length=2)

    @model_validator(mode="after")
    def _has_one_line(self) -> Drawing:
        given = self.model_fields_set & {"points", "start", "segments"}
        if given not in ({"points"}, {"segments"}, {"start", "segments"}):
            raise ValueError("give either `points`, or `segments` with their `start`")
        return self

    @field_validator("points")
    @classmethod
    def _are_apart(cls, points: list[tuple[float, float]]) -> list[tuple[float, float]]:
        for number, (point, following) in enumerate(zip(points, points[1:] + points[:1], strict=True)):
            if max(abs(point[0]), abs(point[1])) > FARTHEST:
                raise ValueError(f"point {number} is {point}: must be within {FARTHEST} m of the origin")
            if math.dist(point, following) < CLOSEST_POINTS:
                raise ValueError(
                    f"point {number} and the one after it are {math.dist(point, following):.3f} m apart: "
                    f"must be at least {CLOSEST_POINTS} m; the first point is not repeated at the end"
                )
        return points

    def draw(self) -> Line:
        """Draw the centre line, `(M, 2)` in metres.

        Raises:
            TrackError: the segments do not lead back to the start.
        """
        if self.points:
            line = track_shape.line_through(np.array(self.points, dtype=np.float64))
        else:
            start = (self.start.x, self.start.y, math.radians(self.start.heading))
            line = track_shape.line_along(start, [segment.measure() for segment in self.segments])
        return track_shape.resample(line, self.spacing)


def read_drawing(path: Path) -> Drawing:
    """Read a track's .yaml file.

    Raises:
        TrackError: it cannot be read, or does not describe a track.
    """
    try:
        return Drawing.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError) as error:
        raise TrackError(f"track file {path} cannot be read: {error}") from error
    except yaml.YAMLError as error:
        raise TrackError(f"track file {path} is not YAML: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise TrackError(f"track file {path}: {where}: {first['msg']}") from error


def worlds_folder() -> Path:
    """Find the folder of the built-in tracks: in a checkout beside the package, else where pip puts it.

    Raises:
        TrackError: there is none.
    """
    if folder := shared_folder("worlds", "*.yaml"):
        return folder
    raise TrackError(
        f"no built-in tracks: neither {Path(__file__).resolve().parents[1] / 'worlds'} nor "
        "share/deepracer_sim/worlds in a folder above it holds any .yaml file: install the package again"
    )


def builtin_names() -> list[str]:
    """Name the built-in tracks in alphabetical order."""
    return sorted(path.stem for path in worlds_folder().glob("*.yaml"))
