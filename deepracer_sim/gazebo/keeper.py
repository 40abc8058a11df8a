"""A process that starts programs for its parent, and ends them with it, however that ends.

Run as `python keeper.py PARENT SCRATCH`: PARENT is a file descriptor (pidfd) of the parent, SCRATCH a folder
to remove with them. Each line of its input is a program to start, as JSON; one of its output is the end of a
program, after which all others end too. They also end when the input does, when the parent has ended, and at
a signal. If this process is killed, the kernel sends them a signal.

It loads nothing but the standard library, and has a session of its own: Ctrl-C at a terminal is for the
parent to deal with.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import selectors
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PATIENCE = 3.0
"""Seconds that a program gets to end before it is killed."""
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
"""Of prctl(2)."""
PARENT_ENDED = "parent"


@dataclass(frozen=True)
class Program:
    """A program to start.

    Args:
        name: for the report of its end.
        words: of its command line.
        environment: variables.
        log: file for its output.
        ending: number of the signal that ends it in order.
        on_death: number of the signal that it gets when the keeper is killed.
        is_needed: whether all end with it.
        shared: file descriptors that it gets too.
    """

    name: str
    words: list[str]
    environment: dict[str, str]
    log: str
    ending: int = signal.SIGINT
    on_death: int = signal.SIGKILL
    is_needed: bool = True
    shared: list[int] = field(default_factory=list)


class Keeper:
    """Programs that end together."""

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        # What a program starts and leaves behind becomes a child of this process, and ends with it.
        self._libc.prctl(PR_SET_CHILD_SUBREAPER, 1)
        self._selector = selectors.DefaultSelector()
        self._running: list[tuple[Program, subprocess.Popen[bytes]]] = []
        self._input = b""

    def run(self, parent: int) -> bool:
        """Start what the input says, until something ends; return whether that was the parent or its wish."""
        self._selector.register(parent, selectors.EVENT_READ, PARENT_ENDED)
        self._selector.register(sys.stdin.fileno(), selectors.EVENT_READ)
        while True:
            for key, _ in self._selector.select():
                if key.data == PARENT_ENDED or (key.data is None and not self._read_input(key.fd)):
                    return True
                if isinstance(key.data, tuple) and not self._has_ended(key.fd, *key.data):
                    return False

    def _read_input(self, descriptor: int) -> bool:
        chunk = os.read(descriptor, 1 << 16)
        *lines, self._input = (self._input + chunk).split(b"\n")
        for line in lines:
            self._start(Program(**json.loads(line)))
        return bool(chunk)

    def _start(self, program: Program) -> None:
        keeper = os.getpid()

        def tie() -> None:
            self._libc.prctl(PR_SET_PDEATHSIG, program.on_death)
            if os.getppid() != keeper:  # it died before the kernel knew
                os._exit(1)

        with open(program.log, "ab") as log:
            process = subprocess.Popen(
                program.words,
                env=program.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=program.shared,
                preexec_fn=tie,
            )
        self._running.append((program, process))
        self._selector.register(os.pidfd_open(process.pid), selectors.EVENT_READ, (program, process))

    def _has_ended(self, descriptor: int, program: Program, process: subprocess.Popen[bytes]) -> bool:
        """Take note of a program's end; return whether the others go on."""
        self._selector.unregister(descriptor)
        os.close(descriptor)
        code = process.wait()
        self._running.remove((program, process))
        if program.is_needed:
            _tell({"name": program.name, "code": code})
        return not program.is_needed

    def close(self) -> None:
        """End all programs, the last one first."""
        for program, process in reversed(self._running):
            process.send_signal(program.ending)
            try:
                process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        with contextlib.suppress(OSError):
            for pid in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split():
                os.kill(int(pid), signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            while True:
                os.wait()


def _tell(message: dict[str, Any]) -> None:
    with contextlib.suppress(BrokenPipeError):
        print(json.dumps(message), flush=True)


def _stop(*_: object) -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    raise SystemExit


def main(parent: int, scratch: str) -> None:
    """Keep programs until the end."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _stop)
    keeper, is_done = Keeper(), False
    try:
        is_done = keeper.run(parent)
    except OSError as error:  # a program that cannot be started
        _tell({"name": error.filename or "a program", "reason": error.strerror or str(error)})
    finally:
        keeper.close()
        if is_done:  # else the parent still has to read there why a program ended
            shutil.rmtree(scratch, ignore_errors=True)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
