"""What a user's reward function prints, sorted by the car whose step it was called for."""

from __future__ import annotations

import io
from collections import defaultdict
from collections.abc import Callable
from typing import TextIO


class HeldPrints(io.TextIOBase):
    """Stands between a reward function and the log: what it prints for some cars is held until asked for.

    Args:
        log: where the rest goes at once.

    Attributes:
        car: tells which car the reward function is called for just now, None while it is not.
        cars: what is printed for the first so many is held.
    """

    def __init__(self, log: TextIO) -> None:
        super().__init__()
        self.log = log
        self.car: Callable[[], int | None] = lambda: None
        self.cars = 0
        self._held: defaultdict[int, list[str]] = defaultdict(list)

    def write(self, text: str) -> int:
        """Hold or pass on."""
        car = self.car()
        if car is not None and car < self.cars:
            self._held[car].append(text)
        else:
            self.log.write(text)
        return len(text)

    def writable(self) -> bool:
        """Return True."""
        return True

    def take(self) -> dict[int, str]:
        """Return what was held since the last call, by car."""
        if not self._held:
            return {}
        taken = {car: "".join(texts) for car, texts in self._held.items()}
        self._held.clear()
        return taken
