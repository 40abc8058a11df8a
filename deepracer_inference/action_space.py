"""Action spaces: what the network's outputs mean in steering (rad) and speed (m/s).

Degrees occur only in AWS's JSON, which `from_json` reads and `to_json` writes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Mapping, Union

import numpy as np

MAX_STEERING_ANGLE_DEGREES = 30.0
"""The car's steering stop to either side; AWS's simulator clips at the same angle."""
MIN_SPEED = 0.1
MAX_SPEED = 4.0
"""Speeds in m/s that AWS's simulator accepts."""
STEERING_GRANULARITIES = range(3, 16, 2)
SPEED_GRANULARITIES = range(1, 11)

# A degree value goes to radians and back with an error near 1e-15; this rounding removes it.
_JSON_DECIMALS = 6


class ActionSpaceError(ValueError):
    """An action space that is malformed or outside the car's limits."""


@dataclass(frozen=True, eq=False)
class DiscreteActionSpace:
    """A list of actions; the network's output i is the probability of action i.

    Attributes:
        steering_angles: (A,) float64, rad, positive to the left.
        speeds: (A,) float64, m/s.
    """

    steering_angles: np.ndarray
    speeds: np.ndarray

    def __post_init__(self) -> None:
        """Copy the arrays, make them read-only and check each entry."""
        angles = np.array(self.steering_angles, dtype=np.float64)
        speeds = np.array(self.speeds, dtype=np.float64)
        if angles.ndim != 1 or angles.shape != speeds.shape or len(angles) == 0:
            raise ActionSpaceError(
                f"steering angles {angles.shape} and speeds {speeds.shape}: "
                "must be two lists of the same length, at least 1"
            )
        for index, (angle, speed) in enumerate(zip(angles, speeds)):
            _check_steering_angle(math.degrees(angle), f"action {index}")
            _check_speed(float(speed), f"action {index}")
        for name, array in (("steering_angles", angles), ("speeds", speeds)):
            array.setflags(write=False)
            object.__setattr__(self, name, array)

    @classmethod
    def from_grid(
        cls,
        max_steering_angle_degrees: float = 30.0,
        steering_granularity: int = 5,
        max_speed: float = 2.0,
        speed_granularity: int = 2,
    ) -> DiscreteActionSpace:
        """Build every combination of evenly spaced steering angles and speeds.

        The rule of AWS's console: angles from -max to +max, speeds max/granularity, 2 max/granularity
        to max. Steering runs from right to left, and within one angle the speed rises.

        Args:
            max_steering_angle_degrees: 1 to 30.
            steering_granularity: number of angles, odd so that straight ahead is one of them, 3 to 15
                (AWS offers 3, 5 and 7).
            max_speed: m/s, at most 4; the lowest speed must not fall below 0.1.
            speed_granularity: number of speeds, 1 to 10 (AWS offers 1, 2 and 3).

        Raises:
            ActionSpaceError: a value is outside its range.
        """
        _check_grid(max_steering_angle_degrees, steering_granularity, max_speed, speed_granularity)
        half = steering_granularity // 2
        # Counted from the middle: straight ahead is exactly 0 and both sides are mirror images.
        angles = math.radians(max_steering_angle_degrees) / half * np.arange(-half, half + 1)
        speeds = max_speed / speed_granularity * np.arange(1, speed_granularity + 1)
        return cls(np.repeat(angles, speed_granularity), np.tile(speeds, steering_granularity))

    @classmethod
    def from_json(cls, entries: Any) -> DiscreteActionSpace:
        """Read AWS's list `[{"steering_angle": degrees, "speed": m/s}, ...]`, its order kept.

        An entry may carry the older files' `"index"`, which must then be its position.

        Raises:
            ActionSpaceError: the list is malformed or an entry is outside the car's limits.
        """
        if not isinstance(entries, list) or not entries:
            raise ActionSpaceError(
                f"action_space is {_shown(entries)}: a discrete one must be a list of entries "
                '{"steering_angle": degrees, "speed": m/s}'
            )
        angles, speeds = [], []
        for position, entry in enumerate(entries):
            where = f"action {position}"
            index = entry.get("index", position) if isinstance(entry, Mapping) else position
            if isinstance(index, bool) or index != position:
                raise ActionSpaceError(
                    f"{where}: index is {index!r} but the entry's position in the list is {position}; "
                    "sort the list by index, or leave the index out"
                )
            angles.append(math.radians(_number(entry, "steering_angle", where)))
            speeds.append(_number(entry, "speed", where))
        return cls(np.array(angles), np.array(speeds))

    def to_json(self) -> list[dict[str, float]]:
        """Write AWS's list of entries, angles in degrees, speeds in m/s."""
        return [
            {"steering_angle": _degrees(angle), "speed": _rounded(speed)}
            for angle, speed in zip(self.steering_angles, self.speeds)
        ]

    @property
    def table(self) -> np.ndarray:
        """(A, 2) float32: a row is steering angle in rad and speed in m/s."""
        return np.stack([self.steering_angles, self.speeds], axis=1).astype(np.float32)

    @property
    def max_speed(self) -> float:
        """The highest speed in m/s."""
        return float(self.speeds.max())

    @property
    def max_steering_angle(self) -> float:
        """The largest steering angle to either side in rad."""
        return float(np.abs(self.steering_angles).max())

    def __len__(self) -> int:
        """Count the actions."""
        return len(self.speeds)

    def __eq__(self, other: object) -> bool:
        """Compare what `to_json` writes: two spaces with the same file are the same."""
        return isinstance(other, DiscreteActionSpace) and self.to_json() == other.to_json()

    __hash__ = None  # type: ignore[assignment]  # holds arrays


@dataclass(frozen=True)
class ContinuousActionSpace:
    """A range of steering angles (rad, positive to the left) and one of speeds (m/s).

    The network gives two numbers in [-1, 1], steering first, which are mapped linearly to the ranges.
    """

    steering_low: float
    steering_high: float
    speed_low: float
    speed_high: float

    def __post_init__(self) -> None:
        """Check order and limits."""
        for name in ("steering_low", "steering_high"):
            _check_steering_angle(math.degrees(getattr(self, name)), name)
        for name in ("speed_low", "speed_high"):
            _check_speed(getattr(self, name), name)
        if self.steering_low >= self.steering_high or self.speed_low > self.speed_high:
            raise ActionSpaceError(
                f"steering {_degrees(self.steering_low)} to {_degrees(self.steering_high)} degrees, speed "
                f"{self.speed_low} to {self.speed_high} m/s: low must be below high"
            )

    @classmethod
    def from_json(cls, ranges: Any) -> ContinuousActionSpace:
        """Read AWS's `{"steering_angle": {"low": degrees, "high": degrees}, "speed": {"low": ...}}`.

        Raises:
            ActionSpaceError: a key is missing, a range is empty or outside the car's limits.
        """
        if not isinstance(ranges, Mapping) or not {"steering_angle", "speed"} <= set(ranges):
            raise ActionSpaceError(
                f"action_space is {_shown(ranges)}: a continuous one must have steering_angle and speed, "
                'each {"low": ..., "high": ...}'
            )
        steering, speed = ranges["steering_angle"], ranges["speed"]
        return cls(
            steering_low=math.radians(_number(steering, "low", "steering_angle")),
            steering_high=math.radians(_number(steering, "high", "steering_angle")),
            speed_low=_number(speed, "low", "speed"),
            speed_high=_number(speed, "high", "speed"),
        )

    def to_json(self) -> dict[str, dict[str, float]]:
        """Write AWS's form, angles in degrees, speeds in m/s."""
        return {
            "steering_angle": {"high": _degrees(self.steering_high), "low": _degrees(self.steering_low)},
            "speed": {"high": _rounded(self.speed_high), "low": _rounded(self.speed_low)},
        }

    def from_normalised(self, values: np.ndarray) -> np.ndarray:
        """Map (..., 2) network outputs, clipped to [-1, 1], to float32 steering (rad) and speed (m/s)."""
        low = np.array([self.steering_low, self.speed_low])
        high = np.array([self.steering_high, self.speed_high])
        share = (np.clip(values, -1.0, 1.0) + 1.0) / 2.0
        return (low + share * (high - low)).astype(np.float32)

    @property
    def max_speed(self) -> float:
        """The highest speed in m/s."""
        return self.speed_high

    @property
    def max_steering_angle(self) -> float:
        """The largest steering angle to either side in rad."""
        return max(abs(self.steering_low), abs(self.steering_high))


ActionSpace = Union[DiscreteActionSpace, ContinuousActionSpace]


def load_action_space(metadata: Mapping[str, Any]) -> ActionSpace:
    """Read the action space of a model_metadata.json.

    Args:
        metadata: the file's content; `action_space_type` is discrete when it is absent.

    Raises:
        ActionSpaceError: no action space, an unknown type, or an invalid one.
    """
    if not isinstance(metadata, Mapping) or "action_space" not in metadata:
        raise ActionSpaceError("no action_space in the model's metadata")
    kind = metadata.get("action_space_type", "discrete")
    if kind == "discrete":
        return DiscreteActionSpace.from_json(metadata["action_space"])
    if kind == "continuous":
        return ContinuousActionSpace.from_json(metadata["action_space"])
    raise ActionSpaceError(f"action_space_type={kind!r}: must be discrete or continuous")


def _check_grid(
    max_steering_angle_degrees: float, steering_granularity: int, max_speed: float, speed_granularity: int
) -> None:
    if not 1 <= max_steering_angle_degrees <= MAX_STEERING_ANGLE_DEGREES:
        raise ActionSpaceError(
            f"max_steering_angle_degrees={max_steering_angle_degrees}: "
            f"must be 1 to {MAX_STEERING_ANGLE_DEGREES:g} degrees"
        )
    if steering_granularity not in STEERING_GRANULARITIES:
        raise ActionSpaceError(
            f"steering_granularity={steering_granularity}: must be odd, so that the car can drive "
            f"straight ahead, and 3 to {STEERING_GRANULARITIES[-1]}"
        )
    if speed_granularity not in SPEED_GRANULARITIES:
        raise ActionSpaceError(
            f"speed_granularity={speed_granularity}: must be a whole number, 1 to {SPEED_GRANULARITIES[-1]}"
        )
    _check_speed(max_speed, "max_speed")
    _check_speed(max_speed / speed_granularity, "lowest speed, max_speed / speed_granularity")


def _check_steering_angle(degrees: float, where: str) -> None:
    # 1e-6 degrees of room, because 30 degrees in float radians may come back slightly larger.
    if not abs(degrees) <= MAX_STEERING_ANGLE_DEGREES + 1e-6:
        raise ActionSpaceError(
            f"{where}: steering angle {degrees:g} degrees, must be within +-{MAX_STEERING_ANGLE_DEGREES:g}"
        )


def _check_speed(speed: float, where: str) -> None:
    if not MIN_SPEED - 1e-9 <= speed <= MAX_SPEED + 1e-9:
        raise ActionSpaceError(f"{where}: speed {speed:g} m/s, must be {MIN_SPEED:g} to {MAX_SPEED:g}")


def _number(entry: Any, key: str, where: str) -> float:
    """Read a finite number; AWS's files also write numbers as strings."""
    if not isinstance(entry, Mapping) or key not in entry:
        raise ActionSpaceError(f"{where}: {_shown(entry)} has no {key}")
    value = entry[key]
    try:
        number = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number):
        raise ActionSpaceError(f"{where}: {key} is {_shown(value)}, must be a finite number")
    return number


def _degrees(radians: float) -> float:
    return _rounded(math.degrees(radians))


def _rounded(value: float) -> float:
    return round(float(value), _JSON_DECIMALS)


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
