"""The tools of an installation: their output goes to a log, their progress to the screen."""

from __future__ import annotations

import os
import re
import select
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TextIO

from deepracer_sim.errors import GazeboError
from deepracer_sim.gazebo.apt_sources import ARCHIVE

STATUS_FD = "STATUS_FD"
"""Stands in a tool's words for the number of the pipe that it reports its progress to."""
NO_SPACE = re.compile("No space left on device|enough free space")
NOT_THERE = re.compile(r"\b40\d  ?[A-Z]|does not have a Release file")
FULL = 5e6
"""Free bytes below which a disk is full; the tool's words about it may not have found a place in the log."""
STATUS = re.compile(rb"(?:dl|pm)status:[^:]*(?::[a-z]\w*)?:([\d.]+):")
"""A line there: kind, package (which may have a colon and its architecture), percent, and what is done."""
TICK, PATIENCE = 0.5, 10.0
"""Seconds between two looks at a tool, and until one that was asked to end is killed."""
NETWORK = re.compile(
    r"Temporary failure resolving|Could not resolve|Could not connect|Unable to connect|"
    r"Connection (failed|refused|timed out)|Network is unreachable|Name or service not known",
    re.IGNORECASE,
)
FAULT = re.compile(r"^\s*(E:|Err:|dpkg: error|CMake Error|.*\b(fatal )?error:|mmdebstrap:|.*failed)")


class Progress:
    """Shows the stages of an installation, each in a line of its own.

    Args:
        stream: a terminal gets a line that changes, a file or pipe one that does not; by default standard
            output.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self.stream = stream or sys.stdout
        self._is_live = self.stream.isatty()
        self._title, self._start, self._percent = "", 0.0, ""

    def begin(self, title: str) -> None:
        """Start the next stage."""
        self.end()
        self._title, self._start, self._percent = title, time.monotonic(), ""
        if not self._is_live:
            self._write(f"{title}\n")
        self.show()

    def show(self, percent: str = "") -> None:
        """Show how far a stage is; without a number, that time goes by."""
        self._percent = percent or self._percent
        if self._is_live:
            share = f"  {float(self._percent):.0f} %" if self._percent else ""
            seconds = int(time.monotonic() - self._start)
            self._write(f"\r\x1b[K{self._title}{share}  {seconds // 60}:{seconds % 60:02d}")

    def end(self) -> None:
        """Leave the line of a stage standing."""
        if self._is_live and self._title:
            self._write("\n")
        self._title = ""

    def _write(self, text: str) -> None:
        self.stream.write(text)
        self.stream.flush()


class Tools:
    """Runs one tool after the other.

    Args:
        log: file that their output is added to.
        held: a file descriptor that they keep open: as long as one of them runs, its lock holds.
        progress: where apt's percentages go.
    """

    def __init__(self, log: Path, held: int, progress: Progress) -> None:
        self.log, self.held, self.progress = log, held, progress

    def run(self, words: Sequence[str | Path], doing: str) -> None:
        """Run a tool to its end.

        Args:
            words: of its command line; STATUS_FD stands for a pipe that takes apt's progress.
            doing: what it does, for the error.

        Raises:
            GazeboError: it failed; the reason, the log and the way out.
        """
        reader, writer = os.pipe()
        line = [str(word).replace(STATUS_FD, str(writer)) for word in words]
        with self.log.open("ab") as log, open(reader, "rb", buffering=0) as status:
            log.write(f"\n$ {shlex.join(line)}\n".encode())
            log.flush()
            begin = log.tell()
            try:
                process = subprocess.Popen(
                    # Ended with us if we are killed; Ctrl-C at the terminal is for us to handle.
                    ["setpriv", "--pdeathsig", "TERM", *line],
                    env=_environment(),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    pass_fds=(self.held, writer),
                    start_new_session=True,
                )
            except OSError as error:
                raise GazeboError(f"cannot start {line[0]}: {error.strerror}") from error
            finally:
                os.close(writer)
            try:
                code = self._follow(process, status.fileno())
            except BaseException:
                _end(process)
                raise
        if code != 0:
            raise GazeboError(self._explain(doing, begin, code))

    def _follow(self, process: subprocess.Popen[bytes], status: int) -> int:
        """Show what a tool says of its progress until it ends; return its exit code."""
        text = b""
        with open(os.pidfd_open(process.pid), "rb", buffering=0) as ended:
            waiting = [ended.fileno(), status]
            while process.poll() is None:
                ready = select.select(waiting, [], [], TICK)[0]
                chunk = os.read(status, 1 << 16) if status in ready else b""
                if status in ready and not chunk:  # closed before the end, by a tool that does not report
                    waiting.remove(status)
                *lines, text = (text + chunk).split(b"\n")
                found = [STATUS.match(line) for line in lines]
                percents = [match.group(1).decode() for match in found if match]
                self.progress.show(percents[-1] if percents else "")
        return process.returncode

    def _explain(self, doing: str, begin: int, code: int) -> str:
        with self.log.open("rb") as log:
            log.seek(begin)
            text = log.read().decode(errors="replace")
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        faults = [index for index, line in enumerate(lines) if FAULT.match(line)]
        reason = " ".join(lines[faults[0] : faults[0] + 2] if faults else lines[-1:]) or f"exit code {code}"
        full = next((line for line in lines if NO_SPACE.search(line)), "")
        if full or shutil.disk_usage(self.log.parent).free < FULL:
            reason = full or f"{reason} (the disk is full)"
            hint = (
                "; free some space, or choose another folder with --prefix; then run it again, and it goes on"
            )
        elif NOT_THERE.search(text):
            hint = f"; {ARCHIVE} keeps what mirrors have dropped: name it with --mirror"
        elif NETWORK.search(text):
            reason = next(line for line in lines if NETWORK.search(line))
            hint = (
                "; is there a network? Run it again, and it goes on where it stopped; --mirror names another"
            )
        else:
            hint = "; run it again, and it goes on where it stopped"
        reason = reason.removeprefix("E: ").rstrip(".")
        return f"{doing} failed: {reason}{hint}. All that was said is in {self.log}"


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a tool and all that it has started, after some time to tidy up."""
    _signal(process, signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        process.wait(PATIENCE)
    _signal(process, signal.SIGKILL)
    process.wait()


def _signal(process: subprocess.Popen[bytes], number: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)


def _environment() -> dict[str, str]:
    """Return what tools need; the network's proxy is that of the user, or of the host's apt."""
    proxies = {name: value for name, value in os.environ.items() if name.lower().endswith("_proxy")}
    if "http_proxy" not in proxies and shutil.which("apt-config"):
        words = ["apt-config", "shell", "proxy", "Acquire::http::Proxy"]
        answer = subprocess.run(words, capture_output=True, text=True)
        if answer.stdout.startswith("proxy="):
            proxies["http_proxy"] = shlex.split(answer.stdout.partition("=")[2])[0]
    return {
        **proxies,
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "HOME": "/root",
        "LC_ALL": "C",
        "DEBIAN_FRONTEND": "noninteractive",
    }
