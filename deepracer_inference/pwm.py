"""The car's servo and motor as Linux has them: PWM channels in sysfs, and the line that powers them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Mapping

from deepracer_inference.limits import STAND, Command

PERIOD = 20_000_000
"""Nanoseconds: 50 pulses a second, as servos have them."""
DEVICE = "0000:00:17.0"
"""The PWM controller of the stock car's board."""
POWER_LINE = 436
"""GPIO that powers servo and motor where it is 0."""
THROTTLE_CHANNEL, STEERING_CHANNEL = 0, 1
DUTY_RANGE = (500_000, 2_500_000)
"""Nanoseconds: no servo takes pulses outside of this."""
MAX_CALIBRATION_BYTES = 64 * 1024


class PwmError(ValueError):
    """A PWM that is not there, or a calibration that would send pulses no servo takes."""


@dataclass(frozen=True)
class Pulses:
    """The calibration of a channel.

    Attributes:
        low: nanoseconds of the pulse at one end.
        middle: at rest.
        high: at the other end.
        polarity: 1, or -1 where positive values go towards `low`.
    """

    low: int
    middle: int
    high: int
    polarity: int

    def __post_init__(self) -> None:
        """Check order and range."""
        rises = DUTY_RANGE[0] <= self.low < self.middle < self.high <= DUTY_RANGE[1]
        if not rises or self.polarity not in (-1, 1):
            raise PwmError(
                f"min {self.low}, mid {self.middle}, max {self.high}, polarity {self.polarity}: must rise "
                f"between {DUTY_RANGE[0]} and {DUTY_RANGE[1]} ns, polarity 1 or -1"
            )

    def duty(self, value: float) -> int:
        """Return the nanoseconds of the pulse for a value of -1 to 1.

        Raises:
            PwmError: it is outside, or not a number.
        """
        if not -1.0 <= value <= 1.0:
            raise PwmError(f"value {value:g}: must be -1 to 1")
        turned = value * self.polarity
        side = self.middle - self.low if turned < 0 else self.high - self.middle
        return round(self.middle + turned * side)


STEERING = Pulses(1_200_000, 1_450_000, 1_700_000, 1)
MOTOR = Pulses(1_311_000, 1_446_000, 1_603_500, -1)
"""The stock car's, until it is calibrated."""


def load_calibration(path: str | Path) -> tuple[Pulses, Pulses]:
    """Read the car's calibration.json, in AWS's form; return those of the steering and of the motor.

    Raises:
        PwmError: it cannot be read or is not valid.
    """
    file = Path(path)
    try:
        if file.stat().st_size > MAX_CALIBRATION_BYTES:
            raise PwmError(f"larger than {MAX_CALIBRATION_BYTES} bytes")
        parts = json.loads(file.read_text(encoding="utf-8"))["Calibration"]
        return _pulses(parts["Servo"]), _pulses(parts["Motor"])
    except OSError as error:
        raise PwmError(f"{file}: cannot be read: {error.strerror}") from error
    except (KeyError, TypeError, ValueError) as error:
        raise PwmError(f"{file}: not a calibration: {error!r}") from error


class Wheels:
    """Steering and motor.

    Args:
        steering: calibration of the servo.
        motor: calibration of the motor.
        sysfs: where Linux shows its devices.

    Raises:
        PwmError: there is no PWM controller, or it cannot be used.
    """

    def __init__(
        self, steering: Pulses = STEERING, motor: Pulses = MOTOR, sysfs: str | Path = "/sys"
    ) -> None:
        self._sysfs = Path(sysfs)
        chip = _chip(self._sysfs / "class" / "pwm")
        try:
            self._steering = _Channel(chip, STEERING_CHANNEL, steering)
            self._motor = _Channel(chip, THROTTLE_CHANNEL, motor)
            self._power(True)
        except OSError as error:
            raise PwmError(f"{error.filename}: {error.strerror}; only root may drive the PWM") from error

    def turn(self, command: Command) -> None:
        """Send a command; a value out of range is refused with PwmError, and neither channel changes."""
        duties = self._steering.pulses.duty(command.angle), self._motor.pulses.duty(command.throttle)
        self._steering.write(duties[0])
        self._motor.write(duties[1])

    def release(self) -> None:
        """Stop, and take the power away."""
        self.turn(STAND)
        self._power(False)

    def _power(self, is_on: bool) -> None:
        gpio = self._sysfs / "class" / "gpio"
        line = gpio / f"gpio{POWER_LINE}"
        if not gpio.is_dir():
            # Other boards power their servos always.
            return
        if not line.is_dir():
            (gpio / "export").write_text(str(POWER_LINE))
        (line / "direction").write_text("out")
        (line / "value").write_text("0" if is_on else "1")


class _Channel:
    def __init__(self, chip: Path, number: int, pulses: Pulses) -> None:
        self.pulses = pulses
        folder = chip / f"pwm{number}"
        if not folder.is_dir():
            (chip / "export").write_text(str(number))
        # At rest before it is on; a period below the duty is refused, so it comes first.
        (folder / "period").write_text(str(PERIOD))
        self._duty = folder / "duty_cycle"
        self.write(pulses.middle)
        (folder / "enable").write_text("1")

    def write(self, duty: int) -> None:
        self._duty.write_text(str(duty))


def _chip(folder: Path) -> Path:
    """Return the controller: the stock board's by its address, else the only one there is."""
    chips = sorted(folder.glob("pwmchip*")) if folder.is_dir() else []
    stock = [chip for chip in chips if DEVICE in str(chip.resolve())]
    if len(stock or chips) != 1:
        names = ", ".join(chip.name for chip in chips) or "none"
        raise PwmError(f"{folder} has the PWM controllers {names}: must be {DEVICE}, or one in all")
    return (stock or chips)[0]


def _pulses(part: Mapping[str, Any]) -> Pulses:
    return Pulses(*(int(part[key]) for key in ("min", "mid", "max", "polarity")))
