"""The one live line that a sweep shows."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Mapping
from typing import TextIO

QUIET_SECONDS = 10.0
"""Where the output is no terminal, a line is printed this often instead of one that changes."""


class SweepLine:
    """Shows how a sweep goes: how many trials have ended, and how far those have got that are trained.

    Args:
        total: how many trials there are.
        stream: a terminal gets one line that changes, a file or pipe a line now and then. Standard error if
            absent.
    """

    def __init__(self, total: int, stream: TextIO | None = None) -> None:
        self.total = total
        self.stream = stream or sys.stderr
        self._is_live = self.stream.isatty()
        self._printed = time.monotonic()
        self._shown = ""

    def show(self, ended: int, rows: Mapping[str, Mapping[str, float] | None]) -> None:
        """Show the state.

        Args:
            ended: how many trials have.
            rows: of metrics, the last one of each trial that is trained, by its name; None at its beginning.
        """
        going = [f"{name} iteration {row['iteration'] if row else 0:.0f}" for name, row in rows.items()]
        waiting = "waiting for cores" if ended < self.total else ""
        text = f"{ended}/{self.total} trials: {', '.join(going) or waiting}"
        if self._is_live:
            # A line that is too long would be continued on the next one and stay there.
            text = text[: shutil.get_terminal_size().columns - 1]
            if text != self._shown:
                self._write(f"\r\x1b[K{text}", text)
        elif time.monotonic() - self._printed >= QUIET_SECONDS:
            self._printed = time.monotonic()
            self._write(f"{text}\n", "")

    def note(self, text: str) -> None:
        """Show a line that stays."""
        clear = "\r\x1b[K" if self._is_live else ""
        self._write(f"{clear}deepracer: {text}\n", "")

    def close(self) -> None:
        """Remove the line that changes."""
        if self._shown:
            self._write("\r\x1b[K", "")

    def _write(self, text: str, shown: str) -> None:
        self._shown = shown
        self.stream.write(text)
        self.stream.flush()
