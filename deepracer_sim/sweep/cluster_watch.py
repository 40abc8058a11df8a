"""A process that ends what is left of a local Ray cluster, however the program ends that has started it.

Run as `python -I -S cluster_watch.py SCRATCH`. When its input ends, it kills the processes that have a file
open in SCRATCH, where Ray keeps its logs, and removes the folder. Without it, some of Ray's helpers live on
for a minute after a program that was killed.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sys
import time
from collections.abc import Iterator

PATIENCE = 10.0
"""Seconds; the killed are gone after a moment."""


def processes_in(folder: str) -> Iterator[int]:
    """Give the processes that have a file open in a folder, as far as the system tells: Linux does.

    The program itself, if it still lives, is none of them.
    """
    others = {str(os.getpid()), str(os.getppid())}
    for process in filter(str.isdecimal, os.listdir("/proc") if os.path.isdir("/proc") else ()):
        try:
            if process not in others and any(
                os.readlink(f"/proc/{process}/fd/{number}").startswith(f"{folder}/")
                for number in os.listdir(f"/proc/{process}/fd")
            ):
                yield int(process)
        except OSError:  # it has ended meanwhile, or is another user's
            continue


def main(scratch: str) -> None:
    """Wait for the program's end, then clean up."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    sys.stdin.buffer.read()
    deadline = time.monotonic() + PATIENCE
    while (found := list(processes_in(scratch))) and time.monotonic() < deadline:
        for process in found:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        time.sleep(0.05)
    shutil.rmtree(scratch, ignore_errors=True)


if __name__ == "__main__":
    main(sys.argv[1])
