"""A model of the store: what defines it, what has become of it, and how it stands now."""

from __future__ import annotations

import json
import math
import os
import re
from enum import Enum
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal, TypeVar

from pydantic import AfterValidator, Field, ValidationError

from deepracer_sim.errors import ModelError
from deepracer_sim.file_replacement import replacing
from deepracer_sim.garage.definition import (
    ModelDefinition,
    file_names,
    json_bytes,
    located,
    shown,
    text_fault,
)
from deepracer_sim.garage.model_lock import is_held
from deepracer_sim.garage.model_name import check_name
from deepracer_sim.garage.run_summary import RunSummary, is_half_made, summary_of
from deepracer_sim.run_files import CHECKPOINTS, CONFIG, LOG
from deepracer_sim.settings import Settings, TrainSettings, describe

RECORD, TRAINING, RUNS, POLICY, START = "model.json", "training.json", "runs", "model", "start.pt"
POLICY_FILE = "model.onnx"
MOST_BYTES = 1_000_000
"""Of a record."""
LOG_TAIL = 4096
"""Bytes of a log of which the last lines are shown."""


class Status(Enum):
    """How a model stands."""

    CREATED = "created"
    TRAINING = "training"
    STOPPED = "stopped"
    READY = "ready"
    FAILED = "failed"
    DAMAGED = "damaged"


def _plain(text: str) -> str:
    if fault := text_fault(text):
        raise ValueError(fault)
    return text


Text = Annotated[str, AfterValidator(_plain)]


class ModelRecord(Settings):
    """What model.json holds; the settings name files of the model's folder."""

    description: Text = ""
    created: Text = Field(description="time, ISO 8601")
    parent: Text | None = Field(None, description="the model that it was cloned from")
    notes: tuple[Text, ...] = Field((), description="what an import left out")
    run: int | None = Field(None, ge=1, description="that drives, where its owner has chosen one")
    settings: TrainSettings


TrainingState = Literal["training", "stopped", "ready", "failed"]


class TrainingRecord(Settings):
    """What training.json holds: the last training by the store, and how it ended."""

    run: int = Field(ge=1)
    state: TrainingState
    iterations: int = Field(0, ge=0)
    message: Text = ""
    process: int = Field(0, ge=0, description="that trains; it means something only while the model is held")


Record = TypeVar("Record", ModelRecord, TrainingRecord)


class StoredModel:
    """One model's folder.

    ```
    model.json             description, settings, which run drives
    reward_function.py     the files that the settings name, if they do
    actions.json
    tracks/
    start.pt               the weights that a clone begins with
    training.json          how the last training ended
    runs/1/                the trainings, see `RunFolder`
    model/                 an ONNX policy that was imported
    evaluations/
    ```

    Args:
        path: the folder; its name is the model's.
        record: what its model.json holds.
    """

    def __init__(self, path: Path, record: ModelRecord) -> None:
        self.path = path
        self.record = record

    @classmethod
    def open(cls, path: Path) -> StoredModel:
        """Open a model's folder.

        Raises:
            ModelError: its model.json, or a file that it names, is missing or damaged.
        """
        check_name(path.name)
        record = read_record(path / RECORD, ModelRecord)
        for name in file_names(record.settings):
            if not (path / name).is_file():
                raise ModelError(f"{path / name}: is missing, but {RECORD} names it")
        return cls(path, record)

    @property
    def name(self) -> str:
        """The model's name."""
        return self.path.name

    @property
    def settings(self) -> TrainSettings:
        """Its settings, with the paths of its files."""
        return located(self.record.settings, self.path)

    @property
    def definition(self) -> ModelDefinition:
        """Its definition, with the content of its files.

        Raises:
            ModelError: a file cannot be read.
        """
        return ModelDefinition.packed(self.settings, self.record.description)

    def run_path(self, number: int) -> Path:
        """Return where a run is, or would be."""
        return self.path / RUNS / str(number)

    def run_numbers(self) -> list[int]:
        """Return the numbers of its runs in order, without those that a kill left half made."""
        runs = [self.run_path(number) for number in self._numbered()]
        return [int(run.name) for run in runs if (run / CONFIG).exists() or not is_half_made(run)]

    def _numbered(self) -> list[int]:
        try:
            names = os.listdir(self.path / RUNS)
        except FileNotFoundError:
            return []
        except OSError as error:
            raise ModelError(f"{self.path / RUNS} cannot be read: {error.strerror}") from error
        return sorted(int(name) for name in names if re.fullmatch("[1-9][0-9]{0,8}", name))

    @cached_property
    def summaries(self) -> tuple[RunSummary, ...]:
        """The figures of its runs, as they were when this was first asked for.

        Raises:
            ModelError: a run is damaged.
        """
        return tuple(summary_of(self.run_path(number)) for number in self.run_numbers())

    @property
    def best_run(self) -> RunSummary | None:
        """The run with the best evaluated policy, or else the last one that has trained at all."""
        judged = [(run.best.score, run) for run in self.summaries if run.best]
        if judged:
            return max(judged, key=lambda pair: pair[0])[1]
        return next((run for run in reversed(self.summaries) if run.iterations), None)

    @property
    def completion(self) -> float:
        """The best completion in an evaluation, 0 to 1; NaN without one."""
        return max((run.best.completion for run in self.summaries if run.best), default=math.nan)

    @property
    def best_lap(self) -> float:
        """The shortest median lap of an evaluation, seconds; NaN without one."""
        laps = [run.best_lap for run in self.summaries]
        return min((lap for lap in laps if lap > 0), default=math.nan)

    @property
    def seconds(self) -> float:
        """Time of training, of all runs together."""
        return sum(run.seconds for run in self.summaries)

    @property
    def last_training(self) -> TrainingRecord | None:
        """How the store's last training of it ended; None before the first.

        Raises:
            ModelError: training.json is damaged.
        """
        file = self.path / TRAINING
        return read_record(file, TrainingRecord) if file.exists() else None

    @property
    def status(self) -> Status:
        """How it stands; only a living program makes it training.

        Raises:
            ModelError: a run or training.json is damaged.
        """
        if self.is_training:
            return Status.TRAINING
        runs = {run.number: run.iterations for run in self.summaries}
        last = self.last_training
        # What was trained since by the run's folder, the store does not know.
        is_newest = last and runs.get(last.run, 0) == last.iterations and last.run >= max(runs, default=0)
        if last and is_newest and (last.state == "failed" or (last.state == "ready" and last.iterations)):
            return Status(last.state)
        if any(runs.values()):
            return Status.STOPPED
        return Status.READY if self.has_policy else Status.CREATED

    @property
    def is_training(self) -> bool:
        """Whether a living program has the model, or one of its runs, for itself."""
        return is_held(self.path) or any(is_held(self.run_path(number) / LOG) for number in self._numbered())

    @property
    def has_policy(self) -> bool:
        """Whether an ONNX policy was imported."""
        return (self.path / POLICY / POLICY_FILE).exists()

    def log_lines(self, most: int = 10) -> list[str]:
        """Return the last lines of the last run's training.log."""
        numbers = self.run_numbers()
        file = self.run_path(numbers[-1]) / LOG if numbers else None
        if file is None or not file.exists():
            return []
        with file.open("rb") as stream:
            stream.seek(max(0, file.stat().st_size - LOG_TAIL))
            lines = stream.read().decode("utf-8", "replace").splitlines()
            return [shown(line) for line in lines[-most:]]

    def policy_path(self) -> Path:
        """Return what drives: the run that was chosen, else the best one, else the folder of an ONNX policy.

        Raises:
            ModelError: there is none yet.
        """
        number = self.record.run or (self.best_run.number if self.best_run else None)
        if number and any((self.run_path(number) / CHECKPOINTS).glob("*.pt")):
            return self.run_path(number)
        if self.has_policy:
            return self.path / POLICY
        raise ModelError(f"{self.name} has nothing that drives yet: deepracer models train {self.name}")


def read_record(file: Path, kind: type[Record]) -> Record:
    """Read a record.

    Raises:
        ModelError: it is missing or damaged.
    """
    try:
        if file.stat().st_size > MOST_BYTES:
            raise ModelError(f"{file} is damaged: larger than {MOST_BYTES} bytes")
        return kind(**json.loads(file.read_text(encoding="utf-8")))
    except ValidationError as error:
        raise ModelError(f"{file} cannot be used: {describe(error)}") from error
    except FileNotFoundError as error:
        raise ModelError(f"{file} is missing") from error
    except OSError as error:
        raise ModelError(f"{file} cannot be read: {error.strerror or error}") from error
    except (ValueError, TypeError, RecursionError) as error:
        raise ModelError(f"{file} is damaged: {error}") from error


def write_record(file: Path, record: ModelRecord | TrainingRecord) -> None:
    """Write a record as a whole.

    Raises:
        OSError: the disk is full or the folder cannot be written.
    """
    with replacing(file) as temporary:
        temporary.write_bytes(json_bytes(record.model_dump(mode="json")))
