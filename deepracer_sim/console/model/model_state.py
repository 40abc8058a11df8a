"""How a model stands, as its page shows it: read from its files once for all who watch."""

from __future__ import annotations

import asyncio
import os
import time
from asyncio import to_thread
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from pathlib import Path

from nicegui import background_tasks

from deepracer_sim.console.garage import Garage
from deepracer_sim.console.jobs import Job
from deepracer_sim.console.model.run_metrics import Row, RunMetrics
from deepracer_sim.console.models.model_list import status_of
from deepracer_sim.errors import DeepRacerError
from deepracer_sim.garage.stored_model import TRAINING, Status, StoredModel, TrainingRecord
from deepracer_sim.run_files import BEST, CHECKPOINTS
from deepracer_sim.settings import TrainSettings

FRESH = 0.7
"""Seconds for which what was read is good enough."""


@dataclass(frozen=True)
class Choice:
    """Which policy a run has.

    Attributes:
        run: number of the run.
        iteration: whose policy drives.
        is_chosen: by its owner, in place of the best one.
    """

    run: int
    iteration: int
    is_chosen: bool


@dataclass(frozen=True)
class ModelState:
    """How a model stands.

    Attributes:
        model: as its files say.
        status: of it; a training that was killed has failed.
        fault: what went wrong in the last training; empty if nothing did.
        runs: numbers of its trainings.
        rows: metrics of the last one, a row an iteration.
        settings: of the last training, or of the first one that is to come.
        last: how the last training by the store ended, or that it began.
        jobs: the newest one of each kind.
        drives: whose policy drives; None where none does, or an imported one.
    """

    model: StoredModel
    status: Status
    fault: str
    runs: tuple[int, ...]
    rows: list[Row]
    settings: TrainSettings
    last: TrainingRecord | None
    jobs: dict[str, Job]
    drives: Choice | None

    def running(self, kind: str) -> Job | None:
        """Return the job of a kind if it is at work."""
        job = self.jobs.get(kind)
        return job if job and job.is_running else None

    @property
    def run_path(self) -> Path | None:
        """The folder of the last run; None before the first."""
        return self.model.run_path(self.runs[-1]) if self.runs else None

    @property
    def is_starting(self) -> bool:
        """Whether a training was begun that has not driven yet."""
        return self.status is not Status.TRAINING and self.running("train") is not None

    @property
    def can_train(self) -> bool:
        """Whether it is one that learns, and nobody trains it just now."""
        return not (self.model.has_policy or self.status is Status.TRAINING or self.is_starting)


class ModelStates:
    """Reads models' states for any number of pages.

    Args:
        garage: of the models.

    Attributes:
        choosing: models of which an iteration is being chosen; that locks them as a training does.
    """

    def __init__(self, garage: Garage) -> None:
        self._garage = garage
        self.choosing: set[str] = set()
        self._metrics: dict[Path, RunMetrics] = {}
        self._found: dict[str, tuple[float, ModelState]] = {}
        self._locks: dict[str, asyncio.Lock] = {}
        self._choices: dict[Path, tuple[int, Choice | None]] = {}
        self._asked: dict[Path, asyncio.Task[None]] = {}

    async def of(self, name: str, is_fresh: bool = False) -> ModelState:
        """Return how a model stands.

        Args:
            name: of the model.
            is_fresh: read it anew, after a change.

        Raises:
            DeepRacerError: there is no such model, or it is damaged.
        """
        if name not in self._locks and not await to_thread(self._garage.store.has, name):
            self._garage.store.open(name)  # says which there are
        async with self._locks.setdefault(name, asyncio.Lock()):
            if name in self._found and not is_fresh and time.monotonic() - self._found[name][0] < FRESH:
                return self._found[name][1]
            _, before = self._found.pop(name, (0.0, None))
            model = await to_thread(self._garage.store.open, name)
            state = await to_thread(self._read, model)
            state = replace(state, drives=self._choice(model))
            if before and name in self.choosing:
                state = replace(state, status=before.status, fault=before.fault)
            self._found[name] = time.monotonic(), state
            return state

    def _read(self, model: StoredModel) -> ModelState:
        runs = tuple(model.run_numbers())
        path = model.run_path(runs[-1]) if runs else None
        rows = self._metrics.setdefault(path, RunMetrics(path)).rows() if path else []
        jobs: dict[str, Job] = {}
        for one in self._garage.jobs.all():
            if one.subject == model.name:
                jobs.setdefault(one.kind, one)
        status, fault = status_of(model)
        if status is not Status.TRAINING and (job := jobs.get("train")):
            fault = _fault_of(job, model) or fault
        return ModelState(model, status, fault, runs, rows, model.settings, model.last_training, jobs, None)

    def _choice(self, model: StoredModel) -> Choice | None:
        """Return what the workshop has said of best.pt: checkpoints are torch's."""
        path, stamp = _best_file(model)
        if path is None:
            return None
        known, choice = self._choices.get(path, (0, None))
        if known != stamp and path not in self._asked:
            self._asked[path] = background_tasks.create(self._ask(path, stamp))
        return choice

    async def _ask(self, path: Path, stamp: int) -> None:
        try:
            self._choices[path] = stamp, Choice(*await self._garage.workshop.run(choice_of, str(path)))
        except (DeepRacerError, OSError, BrokenProcessPool):  # replaced just now: the next look asks again
            pass
        finally:
            del self._asked[path]


def _fault_of(job: Job, model: StoredModel) -> str:
    """Return why a training has not even begun; what goes wrong later, training.json says."""
    try:
        return "" if (model.path / TRAINING).stat().st_mtime > job.started else job.fault
    except OSError:
        return job.fault


def _best_file(model: StoredModel) -> tuple[Path | None, int]:
    """Return the run that drives, and a number that changes with its best.pt."""
    try:
        path = model.policy_path()
        return path, os.stat(path / CHECKPOINTS / BEST).st_mtime_ns
    except (DeepRacerError, OSError):
        return None, 0


def choice_of(path: str) -> tuple[int, int, bool]:
    """Return a run's number, whose policy it has, and whether that was chosen; for the workshop."""
    from deepracer_sim.run_folder import RunFolder

    folder = RunFolder.open(Path(path))
    return int(folder.path.name), folder.load_best().iteration, folder.chosen is not None
