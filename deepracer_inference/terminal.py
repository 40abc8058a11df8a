"""A terminal that a car is driven from: a key, a signal and the terminal's loss are noticed at once."""

from __future__ import annotations

import os
import select
import signal
import sys
import termios
from contextlib import contextmanager, suppress
from typing import Any, Iterator, TextIO

ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGTSTP)
"""Ctrl-C, kill, a lost terminal, Ctrl-\\ and Ctrl-Z: a program that is suspended no longer stops its car."""
LOOK = 0.05
"""Seconds after which a signal is seen while nothing is typed."""


class Ended(Exception):
    """Nobody answers any more: a signal came, or the input is over."""


class Terminal:
    """Asks for lines, and tells of keys that are pressed meanwhile.

    Args:
        source: file descriptor of a terminal, or of a pipe that somebody writes lines to.
        sink: where questions go; by default the process's output.

    Attributes:
        end: why nobody answers any more; None as long as somebody may.
    """

    def __init__(self, source: int = 0, sink: TextIO | None = None) -> None:
        self._source, self._sink = source, sink or sys.stdout
        self._typed = b""
        self.end: str | None = None

    def catch_signals(self) -> None:
        """From now on signals do not end the process, but `ask` and `is_pressed` tell of them."""
        for number in ENDINGS:
            signal.signal(number, self._on_signal)

    def say(self, text: str) -> None:
        """Write a line."""
        self._write(f"{text}\n")

    def ask(self, prompt: str) -> str:
        """Return the line that is typed.

        Raises:
            Ended: none will be.
        """
        self._write(f"{prompt} > ")
        while self.end is None and b"\n" not in self._typed:
            if self._is_ready(LOOK):
                self._read()
        if self.end is not None:
            raise Ended(self.end)
        line, _, self._typed = self._typed.partition(b"\n")
        return line.decode("utf-8", "replace").strip()

    def is_pressed(self, seconds: float) -> bool:
        """Wait for so long at most; tell whether a key was pressed or nobody can any more."""
        return bool(self._typed) or self.end is not None or self._is_ready(seconds) or self.end is not None

    @contextmanager
    def keys(self) -> Iterator[None]:
        """Tell of every key at once, not only after Enter; none is an answer to what is asked later."""
        before = None
        with suppress(termios.error):
            before = termios.tcgetattr(self._source)
            mode = termios.tcgetattr(self._source)
            # Ctrl-S, too, is a key then and does not stop the output.
            mode[0] &= ~termios.IXON
            mode[3] &= ~(termios.ICANON | termios.ECHO)
            termios.tcsetattr(self._source, termios.TCSANOW, mode)
        try:
            yield
        finally:
            if before is not None:
                with suppress(termios.error):
                    termios.tcsetattr(self._source, termios.TCSAFLUSH, before)
            if self._is_ready(0.0):
                self._read()
            self._typed = b""

    def _is_ready(self, seconds: float) -> bool:
        return bool(select.select([self._source], [], [], seconds)[0])

    def _read(self) -> None:
        try:
            read = os.read(self._source, 4096)
        except OSError:
            # A terminal that has gone.
            read = b""
        self._typed += read
        if not read:
            self.end = self.end or "the input has ended"

    def _write(self, text: str) -> None:
        try:
            self._sink.write(text)
            self._sink.flush()
        except OSError:
            self.end = self.end or "the terminal is lost"

    def _on_signal(self, number: int, frame: Any) -> None:
        self.end = signal.Signals(number).name
