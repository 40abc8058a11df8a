"""From radians and metres a second to what the servo takes: -1 to 1 for each channel."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from deepracer_inference.action_space import ActionSpace
from deepracer_inference.limits import Command
from deepracer_inference.policy import Action

HALF_SPEED_THROTTLE = 0.8
"""AWS's navigation node gives this throttle at half the model's highest speed, and 1 at the highest."""
MAX_CALIBRATION_BYTES = 64 * 1024


class CalibrationError(ValueError):
    """A calibration file that is damaged or cannot be written, or one that nothing may be driven by."""


@dataclass(frozen=True)
class ThrottleCurve:
    """AWS's: a parabola through 0, 0.8 at half and 1 at the highest speed of the model.

    The metres a second do not count, only their share of the highest. The whole curve is scaled by the cap,
    as the car's own `navigation_throttle` does, so that fast and slow actions stay apart under a low cap.
    """

    max_speed: float

    def throttle(self, speed: float, cap: float) -> float:
        """Return the throttle, 0 to `cap`, at a speed in m/s."""
        share = min(speed / self.max_speed, 1.0)
        # Through (1/2, 0.8) and (1, 1): 2.2 r - 1.2 r^2.
        linear = 4.0 * HALF_SPEED_THROTTLE - 1.0
        return cap * min(1.0, max(0.0, linear * share + (1.0 - linear) * share * share))


@dataclass(frozen=True)
class ThrottleTable:
    """Measured on one car: the throttle at which it drives at each speed, straight between the points.

    It honours metres a second, so the cap does not scale it but cuts it off.

    Attributes:
        speeds: m/s, rising from more than 0.
        throttles: of each speed, rising, at most 1.
    """

    speeds: tuple[float, ...]
    throttles: tuple[float, ...]

    def __post_init__(self) -> None:
        """Check it: both lists rise together."""
        for name, values, highest in (("speeds", self.speeds, 20.0), ("throttles", self.throttles, 1.0)):
            limits_hold = all(0.0 < value <= highest for value in values)
            rises = all(low < high for low, high in zip(values, values[1:]))
            if not (values and limits_hold and rises):
                raise CalibrationError(f"{name} {list(values)}: must rise, above 0 and up to {highest:g}")
        if len(self.speeds) != len(self.throttles):
            raise CalibrationError(
                f"{len(self.speeds)} speeds and {len(self.throttles)} throttles: must be as many"
            )

    @classmethod
    def load(cls, path: str | Path) -> ThrottleTable:
        """Read a YAML file with the lists `speeds`, in m/s, and `throttles`, 0 to 1.

        Raises:
            CalibrationError: it cannot be read or is not such a table.
        """
        file = Path(path)
        try:
            if file.stat().st_size > MAX_CALIBRATION_BYTES:
                raise ValueError(f"larger than {MAX_CALIBRATION_BYTES} bytes")
            content = yaml.safe_load(file.read_text(encoding="utf-8"))
            return cls(_numbers(content, "speeds"), _numbers(content, "throttles"))
        except OSError as error:
            raise CalibrationError(f"{file}: cannot be read: {error.strerror}") from error
        except (ValueError, OverflowError, RecursionError, yaml.YAMLError) as error:
            text = " ".join(str(error).split())
            raise CalibrationError(
                f"{file}: not a table of speeds and throttles: {text}; deepracer-calibrate measures one"
            ) from error

    def text(self) -> str:
        """Return the file that `load` reads."""
        return (
            "# The throttle at which this car drives at each speed, m/s.\n"
            f"speeds: {list(map(float, self.speeds))}\nthrottles: {list(map(float, self.throttles))}\n"
        )

    def save(self, path: str | Path) -> None:
        """Write the file; until it is complete, an older one stays.

        Raises:
            CalibrationError: the disk refuses.
        """
        file = Path(path)
        temporary = file.with_name(f".{file.name}.{os.getpid()}.tmp")
        try:
            try:
                with temporary.open("w", encoding="utf-8") as stream:
                    stream.write(self.text())
                    stream.flush()
                    # A car may lose its power at any time.
                    os.fsync(stream.fileno())
                os.replace(temporary, file)
            finally:
                if temporary.exists():
                    temporary.unlink()
        except OSError as error:
            raise CalibrationError(f"{file}: cannot be written: {error.strerror}") from error

    def throttle(self, speed: float, cap: float) -> float:
        """Return the throttle, 0 to `cap`, at a speed in m/s.

        Below the slowest measured speed it goes straight down to 0, above the fastest it stays.
        """
        if speed <= 0.0:
            return 0.0
        return min(cap, float(np.interp(speed, (0.0, *self.speeds), (0.0, *self.throttles))))


class ServoMapping:
    """Turns actions into commands.

    Args:
        space: of the model; its largest steering angle is the full lock, its highest speed the curve's end.
        table: of the car; without one AWS's curve counts.
        max_speed: m/s; faster actions are slowed down to it.
    """

    def __init__(
        self, space: ActionSpace, table: ThrottleTable | None = None, max_speed: float = 4.0
    ) -> None:
        # A model that only drives straight ahead still divides by something.
        self._full_lock = space.max_steering_angle or math.inf
        self._top_speed = space.max_speed
        self._throttle = table or ThrottleCurve(space.max_speed)
        self.max_speed = max_speed

    def command(self, action: Action, cap: float) -> Command:
        """Return the command for an action under a throttle cap of 0 to 1."""
        speed = min(action.speed, self.max_speed)
        return Command(action.steering_angle / self._full_lock, self._throttle.throttle(speed, cap))

    def highest_throttle(self, cap: float) -> float:
        """Return the largest throttle that a command can have under a cap."""
        return self._throttle.throttle(min(self.max_speed, self._top_speed), cap)


def _numbers(content: Any, name: str) -> tuple[float, ...]:
    values = content.get(name) if isinstance(content, dict) else None
    if not isinstance(values, list) or not all(type(value) in (int, float) for value in values):
        raise CalibrationError(f"{name} {values!r}: must be a list of numbers, such as [0.5, 1.0]")
    return tuple(map(float, values))
