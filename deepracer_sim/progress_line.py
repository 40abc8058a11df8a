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
        stream: a terminal gets one line that changes, a file or pipe a line now and then. Standard error if
            absent.
    """

    def __init__(self, settings: TrainSettings, stream: TextIO | None = None) -> None:
        self.settings = settings
        self.stream = stream or sys.stderr
        self._is_live = self.stream.isatty()
        self._evaluated = "-"
        self._printed = float("-inf")
        self._waiting = ""

    def __call__(self, row: Row) -> None:
        """Show a row of metrics."""
        if row["evaluation_clean_runs"] == row["evaluation_clean_runs"]:
            runs = self.settings.evaluation.cars_per_track * len(self.settings.track)
            self._evaluated = f"{row['evaluation_clean_runs']:.0f}/{runs}"
        text = self._text(row)
        if self._is_live:
            # A line that is too long would be continued on the next one and stay there.
            self._write(f"\r\x1b[K{text[: shutil.get_terminal_size().columns - 1]}", waiting="\n")
        elif time.monotonic() - self._printed < QUIET_SECONDS:
            self._waiting = f"{text}\n"
        else:
            self._printed = time.monotonic()
            self._write(f"{text}\n", waiting="")

    def note(self, text: str) -> None:
        """Show a line that stays."""
        if self._is_live:
            self._write(f"\r\x1b[Kdeepracer: {text}\n", waiting="")
        else:
            self._write(f"deepracer: {text}\n", waiting=self._waiting)

    def _write(self, text: str, waiting: str) -> None:
        self._waiting = waiting
        self.stream.write(text)
        self.stream.flush()

    def __enter__(self) -> ProgressLine:
        """Start with nothing shown."""
        return self

    def __exit__(self, *_: object) -> None:
        """Show the last row, and leave its line standing."""
        self._write(self._waiting, waiting="")

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
        if not limits:
            return "?"
        # Nobody knows when the target will be reached; these limits hold at the latest.
        return f"{'<' if stop.target else ''}{_clock(max(0.0, min(limits)))}"


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


def _number(value: float, style: str) -> str:
    return format(value, style) if value == value else "-"
