"""What trains a trial on a node of the cluster: a Ray actor that keeps a process, and tells of it."""

from __future__ import annotations

import io
import json
import os
import shutil
import socket
import subprocess
import sys
import tarfile
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from deepracer_sim.file_replacement import LEFTOVERS
from deepracer_sim.run_files import BEST, CHECKPOINTS, TENSORBOARD, WEIGHTS
from deepracer_sim.settings import TrainSettings
from deepracer_sim.weights_folder import checkpoint_name, numbered_files

ROOT = Path(__file__).resolve().parent.parent.parent
RUN, FILES = "run", "files"
"""Folders of a trial on a node that does not reach the sweep's folder."""
LEVEL = 1  # of compression; weights hardly shrink
TAIL = 2000
"""Characters of what a process has said that are told when it ends by itself."""


@dataclass(frozen=True)
class Job:
    """What a worker is to train.

    Attributes:
        run: folder, as the program that sweeps names it.
        marker: file in the sweep's folder.
        word: that is in it.
        settings: with the paths that files have there.
        files: their content, by their names.
    """

    run: str
    marker: str
    word: str
    settings: TrainSettings
    files: dict[str, bytes] = field(default_factory=dict)


class TrialWorker:
    """Trains one trial; `stop` may be called meanwhile."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._is_stopped = False
        self._process: subprocess.Popen[str] | None = None

    def run(self, job: Job, archive: bytes | None = None) -> Iterator[dict[str, Any]]:
        """Train; give messages.

        The first one says on which `node` and in which `process`, and whether that `reaches` the sweep's
        folder; then there is a `row` an iteration; the last one has its `end`: finished, stopped or failed,
        and an `archive` of the run from a node that does not reach the folder.

        Args:
            job: what to train.
            archive: of the run as far as it has got, for a node that does not reach its folder.
        """
        reaches = _reaches(job)
        yield {"node": socket.gethostname(), "process": os.getpid(), "reaches": reaches}
        if reaches:
            yield from self._trained({"run": job.run}, job.settings)
            return
        folder = Path(tempfile.mkdtemp(prefix="deepracer-trial-"))
        try:
            order, settings = _unpacked(job, archive, folder)
            message: dict[str, Any] = {}
            for message in self._trained(order, settings):
                if "end" not in message:
                    yield message
            if (folder / RUN).exists():
                message["archive"] = pack(folder / RUN)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        yield message  # who has it may end this process at once

    def stop(self) -> None:
        """End the training with its finished iterations saved."""
        with self._lock:
            self._is_stopped = True
            if self._process is not None:
                _say(self._process, "stop")

    def _trained(self, order: dict[str, str], settings: TrainSettings) -> Iterator[dict[str, Any]]:
        line = json.dumps({**order, "settings": settings.model_dump(mode="json")})
        with tempfile.TemporaryFile() as said:
            with _started(settings.threads, said) as process:
                with self._lock:
                    self._process = process
                    _say(process, line)
                    if self._is_stopped:
                        _say(process, "stop")
                assert process.stdout is not None
                end = None
                for line in process.stdout:
                    message = json.loads(line)
                    if "end" in message:
                        end = message
                        break
                    yield message
            yield end or {"end": "failed", "message": _last_words(said, process.returncode), "again": True}


def _started(threads: int, errors: IO[bytes]) -> subprocess.Popen[str]:
    """Start a process that learns on so many threads."""
    environment = {
        # As the program has it, see cli.py; and no threads of which the settings do not know.
        "GOMP_SPINCOUNT": "20000",
        **os.environ,
        "OMP_NUM_THREADS": str(threads),
        "PYTHONPATH": os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH")))),
    }
    words = [sys.executable, "-m", "deepracer_sim.sweep.trial_process"]
    return subprocess.Popen(
        words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True, env=environment
    )


def _say(process: subprocess.Popen[str], line: str) -> None:
    assert process.stdin is not None
    try:
        process.stdin.write(line + "\n")
        process.stdin.flush()
    except OSError:  # it has ended: its output says how
        pass


def _last_words(said: IO[bytes], code: int) -> str:
    said.seek(0)
    text = said.read().decode("utf-8", "replace")[-TAIL:].strip()
    return f"its process ended with code {code}{': ' if text else ''}{text}"


def _reaches(job: Job) -> bool:
    """Tell whether this node sees the sweep's folder and may write there."""
    marker = Path(job.marker)
    try:
        if marker.read_text() != job.word:
            return False
        with tempfile.TemporaryFile(dir=Path(job.run).parent):
            return True
    except OSError:
        return False


def _unpacked(job: Job, archive: bytes | None, folder: Path) -> tuple[dict[str, str], TrainSettings]:
    """Write what a trial needs to a folder; return the order for its process, and its settings there."""
    from deepracer_sim.garage.definition import ModelDefinition, with_files

    files = folder / FILES
    files.mkdir()
    settings = with_files(job.settings, lambda path, name: name)
    located = ModelDefinition(settings, files=job.files).write_files(files)
    order = {"run": str(folder / RUN), "files": str(files), "scratch": str(folder)}
    if archive is not None:
        packed = folder / "run.tar.gz"
        packed.write_bytes(archive)
        order["archive"] = str(packed)
    return order, located


def pack(run: Path) -> bytes:
    """Return a .tar.gz of a run: all but the networks of every iteration, older checkpoints, event files."""
    newest = [checkpoint_name(number) for number in numbered_files(run / CHECKPOINTS)[-1:]]
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz", compresslevel=LEVEL) as tar:
        for file in sorted(run.rglob("*")):
            name = file.relative_to(run)
            is_left_out = name.parts[0] in (WEIGHTS, TENSORBOARD) or file.match(LEFTOVERS)
            is_old = name.parts[0] == CHECKPOINTS and file.name not in (BEST, *newest)
            if file.is_file() and not file.is_symlink() and not is_left_out and not is_old:
                tar.add(file, name.as_posix())
    return buffer.getvalue()
