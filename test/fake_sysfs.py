"""A folder that looks like Linux's PWM and GPIO; what is exported is there from the start."""

from __future__ import annotations

from pathlib import Path

CHIP = "devices/pci0000:00/0000:00:17.0/pwm/pwmchip0"


class FakeSysfs:
    """The stock board's PWM controller with two channels, and the line that powers the servos."""

    def __init__(self, root: Path) -> None:
        self._chip, self._line = root / CHIP, root / "class" / "gpio" / "gpio436"
        for number in (0, 1):
            (self._chip / f"pwm{number}").mkdir(parents=True)
        self._line.mkdir(parents=True)
        (root / "class" / "pwm").mkdir()
        (root / "class" / "pwm" / "pwmchip0").symlink_to(self._chip)

    def file(self, channel: int, name: str) -> str:
        return (self._chip / f"pwm{channel}" / name).read_text()

    def read(self) -> dict[str, int | bool]:
        """What the wheels get: pulses in ns, and whether they have power."""
        return {
            "angle": int(self.file(1, "duty_cycle") or 0),
            "throttle": int(self.file(0, "duty_cycle") or 0),
            "power": (self._line / "value").read_text() == "0",
        }
