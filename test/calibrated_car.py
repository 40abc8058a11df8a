"""A car that takes time to speed up and rolls out, and a racer who measures it."""

from __future__ import annotations

import math
import re
from collections.abc import Callable

SPEEDING_UP, ROLLING_OUT = 0.2, 0.35
"""Time constants, seconds."""


def speed_at(throttle: float) -> float:
    """The steady speed: it stands up to 0.15, then 6 m/s more a unit, less so at high throttles."""
    above = max(0.0, throttle - 0.15)
    return 6.0 * above - 4.0 * above * above


class RollingCar:
    """Rolls by the last command.

    Attributes:
        throttle: of it.
        metres: since it was put down.
    """

    def __init__(self) -> None:
        self.throttle = self.speed = self.metres = 0.0

    def roll(self, seconds: float) -> None:
        """Go on for a while."""
        target = speed_at(self.throttle)
        time = SPEEDING_UP if target > self.speed else ROLLING_OUT
        left = math.exp(-seconds / time)
        # The integral of an exponential approach.
        self.metres += target * seconds + (self.speed - target) * time * (1.0 - left)
        self.speed = target + (self.speed - target) * left

    def drive(self, throttle: float, seconds: float) -> tuple[float, str]:
        """Put it down, drive it, let it roll out."""
        self.metres = 0.0
        self.throttle = throttle
        self.roll(seconds)
        self.throttle = 0.0
        self.roll(20.0)
        return seconds, ""


class Racer:
    """Answers what is asked: first what it was told to, then as somebody with a tape measure, on 3 m.

    Args:
        distance: of the car.
        answers: in turn, each to the next question that its words, a pattern, are in.
    """

    def __init__(self, distance: Callable[[], float], *answers: tuple[str, str]) -> None:
        self._distance, self._answers = distance, list(answers)
        self.said: list[str] = []
        self.asked: list[str] = []

    def say(self, text: str) -> None:
        self.said.append(text)

    def ask(self, prompt: str) -> str:
        self.asked.append(prompt)
        if self._answers and re.search(self._answers[0][0], prompt):
            return self._answers.pop(0)[1]
        if "free straight" in prompt:
            return "3"
        # To the nearest centimetre.
        return f"{self._distance():.2f}" if "Metres from" in prompt else ""

    @property
    def text(self) -> str:
        return "\n".join(self.said)
