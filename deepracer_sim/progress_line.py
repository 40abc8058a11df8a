"""The one live line that a training shows."""

from __future__ import annotations

import shutil
import sys
import time
from typing import TextIO

from deepracer_sim.settings import TrainSettings
from deepracer_sim.trainer import Row

QUIET_SECONDS = 5.0
"""Where the output is no terminal, a line is printed this often instead of one that changes."""


class ProgressLine:
    """Shows how a training goes.

    Time, iteration, steps per second, mean reward and completion of the lap, cars that drove all laps of the
    last evaluation cleanly, and the longest time left: a target may end the training before. Written to fit
    into 80 columns.

    Args:
        settings: of the run; its stop rules give the time left.
        stream: a terminal gets one line that changes, a file or pipe a line now and then.
    """

    def __init__(self, settings: TrainSettings, stream: TextIO = sys.stderr) -> None:
        self.settings = settings
        self.stream = stream
        self._is_live = stream.isatty()
        self._evaluated = "-"
        self._printed = float("-inf")
        self._has_shown = False

    def __call__(self, row: Row) -> None:
        """Show a row of metrics."""
        if row["evaluation_clean_runs"] == row["evaluation_clean_runs"]:
            runs = 2 * self.settings.evaluation.starts * len(self.settings.track)
            self._evaluated = f"{row['evaluation_clean_runs']:.0f}/{runs}"
        now = time.monotonic()
        if not self._is_live and now - self._printed < QUIET_SECONDS:
            return
        self._printed, self._has_shown = now, True
        text = self._text(row)
        if self._is_live:
            # A line that is too long would be continued on the next one and stay there.
            text = f"\r\x1b[K{text[: shutil.get_terminal_size().columns - 1]}"
        self.stream.write(text if self._is_live else f"{text}\n")
        self.stream.flush()

    def __enter__(self) -> ProgressLine:
        """Start with nothing shown."""
        return self

    def __exit__(self, *_: object) -> None:
        """Leave the last line standing."""
        if self._is_live and self._has_shown:
            self.stream.write("\n")

    def _text(self, row: Row) -> str:
        return (
            f"{_clock(row['seconds'])}  iteration {row['iteration']:.0f}  "
            f"{row['samples'] / max(row['seconds'], 1e-9):,.0f} steps/s  "
            f"reward {_number(row['mean_reward'], '.1f')}  lap {_number(100 * row['completion'], '.0f')} %  "
            f"clean {self._evaluated}  ETA {self._left(row)}"
        )

    def _left(self, row: Row) -> str:
        stop, seconds = self.settings.stop, row["seconds"]
        limits = []
        if stop.minutes is not None:
            limits.append(60 * stop.minutes - seconds)
        if stop.iterations is not None:
            limits.append((stop.iterations - row["iteration"]) * seconds / row["iteration"])
        return _clock(max(0.0, min(limits))) if limits else "?"


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


def _number(value: float, style: str) -> str:
    return format(value, style) if value == value else "-"
