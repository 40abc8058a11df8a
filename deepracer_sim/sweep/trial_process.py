"""The process that trains one trial, so that nothing of one training is left for the next.

Its first line of input says what to train; a further line stops it as Ctrl-C would; when its input ends, its
parent has, and so does it. Each line of its output is a message, as JSON: what an iteration has brought, and
at last how it ended.
"""

from __future__ import annotations

import _thread
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any, TextIO

PATIENCE = 60.0
"""Seconds until a training that has lost its parent must have ended on another machine."""
TOLD = ("iteration", "seconds", "completion", "evaluation_completion", "evaluation_lap_time")
"""Columns of metrics.csv that are passed on."""


def train(job: dict[str, Any], output: TextIO) -> int:
    """Train where the run has stopped, or anew; return the iteration of its model.

    Args:
        job: `run`, the folder, and its `settings`; if an `archive` has what was trained elsewhere, also where
            the `files` are that the settings name.
        output: for messages.
    """
    from deepracer_sim import training_run
    from deepracer_sim.garage.run_summary import is_half_made
    from deepracer_sim.settings import TrainSettings

    def report(row: dict[str, float]) -> None:
        tell(output, {"row": {name: row[name] for name in TOLD}})

    run = Path(job["run"])
    if "archive" in job:
        _unpack(run, Path(job["archive"]), Path(job["files"]))
    _wait_for_others(run)
    if run.exists() and is_half_made(run):
        shutil.rmtree(run)
    if run.exists():
        trained = training_run.resume(run, report=report)
    else:
        trained = training_run.start(TrainSettings(**job["settings"]), run, report=report)
    return trained.load_best().iteration


def _unpack(run: Path, archive: Path, files: Path) -> None:
    from deepracer_sim.garage.model_archive import unpack
    from deepracer_sim.garage.relocation import relocate_run

    run.mkdir()
    unpack(archive, run)
    archive.unlink()
    relocate_run(run, files)


def _wait_for_others(run: Path) -> None:
    """Wait for a training whose worker was lost: on a machine that is cut off, it takes a moment to end."""
    from deepracer_sim.garage.model_lock import is_held
    from deepracer_sim.run_files import LOG

    deadline = time.monotonic() + PATIENCE
    while is_held(run / LOG) and time.monotonic() < deadline:
        time.sleep(0.1)


def tell(output: TextIO, message: dict[str, Any]) -> None:
    """Write a message."""
    output.write(json.dumps(message) + "\n")
    output.flush()


def _obey(scratch: str | None, is_over: threading.Event) -> None:
    """Stop when a line comes, end when no more can come."""
    for _ in sys.stdin:
        if not is_over.is_set():
            _thread.interrupt_main()
    if is_over.is_set():
        return
    if scratch:  # the training writes there until it ends
        subprocess.Popen(["rm", "-rf", scratch], start_new_session=True)
    os._exit(1)  # what is on disk must do


def main() -> None:
    """Train what the first line of the input says."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    output = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # for whatever else is printed
    job = json.loads(sys.stdin.readline())
    is_over = threading.Event()
    threading.Thread(target=_obey, args=(job.get("scratch"), is_over), daemon=True).start()
    try:
        from deepracer_sim.errors import DeepRacerError, DivergenceError

        try:
            end = {"end": "finished", "best": train(job, output)}
        except (DeepRacerError, OSError) as error:
            end = {"end": "failed", "message": str(error), "again": not isinstance(error, DivergenceError)}
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    except KeyboardInterrupt:
        end = {"end": "stopped"}
    is_over.set()
    tell(output, end)


if __name__ == "__main__":
    main()
