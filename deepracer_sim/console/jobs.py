"""The console's jobs: `deepracer` commands as processes of their own, which outlive it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from deepracer_sim.console.job_process import CODE
from deepracer_sim.errors import RunError
from deepracer_sim.file_replacement import replacing
from deepracer_sim.garage.definition import shown
from deepracer_sim.garage.model_lock import is_held

RECORD, OUTPUT = "job.json", "output.txt"
MOST_KEPT = 200
"""Ended jobs whose output is kept."""
TAIL = 64_000
"""Bytes of the output that are looked at."""
START_LIMIT = 10.0
"""Seconds within which a job's process has its lock."""
REFUSED, INTERRUPTED = 2, 130
"""Exit codes of the program, see cli.py."""


@dataclass(frozen=True)
class Job:
    """One job.

    Attributes:
        folder: with its record and output.
        kind: what is done, as train or evaluate.
        subject: to what, as a model's name.
        words: of the `deepracer` command.
        process: number of its process; it means nothing once the job has ended.
        started: seconds since 1970.
    """

    folder: Path
    kind: str
    subject: str
    words: tuple[str, ...]
    process: int
    started: float

    @property
    def is_running(self) -> bool:
        """Whether its process lives."""
        return is_held(self.folder)

    @property
    def code(self) -> int | None:
        """The exit code; None while it runs, and for one that was killed."""
        with suppress(OSError, ValueError):
            return int((self.folder / CODE).read_text(encoding="utf-8"))
        return None

    @property
    def output(self) -> str:
        """The last of what it has printed, as may be shown: no control characters, one line a line."""
        with suppress(OSError), (self.folder / OUTPUT).open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - TAIL))
            text = file.read().decode("utf-8", "replace")
            lines = [line.rpartition("\r")[2] for line in text.split("\n")]
            return "\n".join(shown(line) for line in lines).strip()
        return ""

    @property
    def fault(self) -> str:
        """Why it failed, in words; empty if it has not."""
        if self.is_running or self.code in (0, INTERRUPTED):
            return ""
        last = next((line for line in reversed(self.output.splitlines()) if line.strip()), "")
        if self.code is None:
            return f"its process was killed{f'; its last words: {last}' if last else ''}"
        faults = [line for line in self.output.splitlines() if line.startswith("deepracer: ")]
        return (faults[-1] if faults else last).removeprefix("deepracer: ") or f"exit code {self.code}"

    def stop(self) -> None:
        """Ask it to end, as Ctrl-C does: a training keeps all finished iterations."""
        if self.is_running:
            with suppress(ProcessLookupError):
                os.kill(self.process, signal.SIGINT)


class Jobs:
    """All jobs of a console; their records outlive it.

    Args:
        folder: for the records.
        environment: variables that the jobs get besides the console's own.
    """

    def __init__(self, folder: Path, environment: dict[str, str] | None = None) -> None:
        self.folder = folder
        self._environment = {**os.environ, **(environment or {})}
        self._lock = threading.Lock()
        self._known: dict[str, Job] = {}

    def start(self, kind: str, subject: str, words: Sequence[str]) -> Job:
        """Start a job.

        Args:
            kind: what is done.
            subject: to what.
            words: of the `deepracer` command.

        Raises:
            RunError: it is done already, or the record cannot be written.
        """
        with self._lock:
            if self.running(kind, subject):
                raise RunError(f"{kind} {subject}: is at work already")
            self._forget_old()
            try:
                return self._start(kind, subject, words)
            except OSError as error:
                raise RunError(f"{self.folder} cannot be written: {error.strerror or error}") from error

    def all(self) -> list[Job]:
        """Return the jobs, the newest first."""
        try:
            names = sorted(os.listdir(self.folder), reverse=True)
        except FileNotFoundError:
            return []
        # What a record says does not change.
        known = {name: self._known.get(name) or self._read(name) for name in names}
        self._known = {name: job for name, job in known.items() if job}
        return list(self._known.values())

    def last(self, kind: str, subject: str) -> Job | None:
        """Return the newest job of a kind for a subject."""
        return next((job for job in self.all() if (job.kind, job.subject) == (kind, subject)), None)

    def running(self, kind: str, subject: str) -> Job | None:
        """Return the job of a kind for a subject if it is at work."""
        job = self.last(kind, subject)
        return job if job and job.is_running else None

    def _read(self, name: str) -> Job | None:
        with suppress(OSError, ValueError, TypeError, KeyError):
            content = json.loads((self.folder / name / RECORD).read_text(encoding="utf-8"))
            content["words"] = tuple(content["words"])
            return Job(folder=self.folder / name, **content)
        return None  # half made, or not ours

    def _start(self, kind: str, subject: str, words: Sequence[str]) -> Job:
        started = time.time()
        folder = self.folder / f"{time.strftime('%Y%m%d-%H%M%S')}-{time.time_ns() % 10**9:09d}"
        folder.mkdir(parents=True)
        with (folder / OUTPUT).open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "deepracer_sim.console.job_process", str(folder), *words],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                cwd=folder,  # where no file has a model's name
                env=self._environment,
            )
        threading.Thread(target=process.wait, daemon=True).start()  # so that it leaves no zombie
        record = {
            "kind": kind,
            "subject": subject,
            "words": list(words),
            "process": process.pid,
            "started": started,
        }
        try:
            with replacing(folder / RECORD) as temporary:
                temporary.write_text(json.dumps(record), encoding="utf-8")
        except OSError:  # nobody could stop it, nor see how it ends
            process.kill()
            shutil.rmtree(folder, ignore_errors=True)
            raise
        deadline = time.monotonic() + START_LIMIT
        while not is_held(folder) and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.005)
        return Job(folder, kind, subject, tuple(words), process.pid, started)

    def _forget_old(self) -> None:
        for job in self.all()[MOST_KEPT:]:
            if not job.is_running:
                shutil.rmtree(job.folder, ignore_errors=True)
