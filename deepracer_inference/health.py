"""How the driving goes: frames a second, time to a command, frames that were lost or refused."""

from __future__ import annotations

from collections import deque

import numpy as np

WINDOW = 300
"""Frames that are looked back on: 10 to 20 seconds."""


class Health:
    """Figures of the last frames."""

    def __init__(self) -> None:
        self._arrivals: deque[float] = deque(maxlen=WINDOW)
        self._latencies: deque[float] = deque(maxlen=WINDOW)
        self.frames = self.refused = 0

    def count(self, arrived: float, done: float, is_refused: bool) -> None:
        """Note a frame: monotonic seconds of its arrival and its command, and whether it was of no use."""
        self._arrivals.append(arrived)
        self._latencies.append(done - arrived)
        self.frames += 1
        self.refused += is_refused

    def rate(self) -> float:
        """Return frames a second; 0 before the second frame."""
        times = self._arrivals
        span = times[-1] - times[0] if times else 0.0
        return (len(times) - 1) / span if span > 0 else 0.0

    def lost(self) -> int:
        """Return how many frames seem to be missing in the window: gaps of several times the usual pause."""
        pauses = np.diff(self._arrivals)
        if not len(pauses):
            return 0
        usual = max(float(np.median(pauses)), 1e-6)
        return int(np.maximum(np.round(pauses / usual) - 1.0, 0.0).sum())

    def latency(self, percentile: float) -> float:
        """Return the milliseconds from arrival to command; 0 without frames."""
        return 1000.0 * float(np.percentile(self._latencies, percentile)) if self._latencies else 0.0

    def figures(self) -> dict[str, str]:
        """Return all of it as texts, by name."""
        return {
            "frames": str(self.frames),
            "rate (1/s)": f"{self.rate():.1f}",
            "latency median (ms)": f"{self.latency(50):.1f}",
            "latency p99 (ms)": f"{self.latency(99):.1f}",
            "lost frames": str(self.lost()),
            "refused frames": str(self.refused),
        }
