"""How fast a simulation runs against the wall clock."""

from __future__ import annotations

from collections import deque

from deepracer_sim.world import STEP_TIME

WINDOW = 75
"""Frames that are looked back on: five seconds in real time."""
TOLERANCE = 0.01
"""Share by which a simulation may be slow before it says so."""


class Pace:
    """Counts frames.

    Args:
        wanted: simulated seconds a second; 0: as many as the machine can.
    """

    def __init__(self, wanted: float) -> None:
        self.wanted = wanted
        self._times: deque[float] = deque(maxlen=WINDOW + 1)

    def restart(self) -> None:
        """Forget all frames, after a pause."""
        self._times.clear()

    def count(self, now: float) -> None:
        """Note a frame at the wall time `now`, seconds."""
        self._times.append(now)

    @property
    def factor(self) -> float | None:
        """Simulated seconds a second over the last frames; None before there are enough of them."""
        times = self._times
        if len(times) <= WINDOW or times[-1] <= times[0]:
            return None
        return WINDOW * STEP_TIME / (times[-1] - times[0])

    @property
    def complaint(self) -> str | None:
        """Say by how much the simulation falls behind, if it does."""
        factor = self.factor
        if not self.wanted or factor is None or factor >= (1 - TOLERANCE) * self.wanted:
            return None
        return (
            f"the simulation runs at {factor:.2f} of real time instead of {self.wanted:g}: it falls "
            f"{1000 * (self.wanted - factor):.0f} simulated ms behind each second; ask for smaller pictures, "
            "fewer cars or a lower real_time_factor"
        )
