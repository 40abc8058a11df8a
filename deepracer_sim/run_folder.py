"""A run on disk: a folder of plain files that a crash or a full disk cannot spoil."""

from __future__ import annotations

import fcntl
import json
import re
import shlex
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from pydantic import ValidationError

from deepracer_inference.action_space import DiscreteActionSpace
from deepracer_sim.checkpoint import Checkpoint
from deepracer_sim.errors import RunError
from deepracer_sim.file_replacement import LEFTOVERS, replacing
from deepracer_sim.settings import TrainSettings, describe
from deepracer_sim.simulation import load_actions

CONFIG, ACTIONS, METRICS, LOG = "config.json", "actions.json", "metrics.csv", "training.log"
CHECKPOINTS, MODEL, TENSORBOARD, GRAPH = "checkpoints", "model", "tensorboard", "training_graph.png"
REWARD = "reward_function.py"
BEST = "best.pt"
KEPT_CHECKPOINTS = 3
"""Newest iterations whose checkpoints stay; the best one stays besides."""
MOST_RUNS_LISTED = 10


class RunFolder:
    """One training's folder.

    ```
    config.json            the settings
    actions.json           the action space, as AWS writes it
    reward_function.py     a copy of the user's, if there is one
    metrics.csv            a row an iteration
    training.log           what the reward function printed
    checkpoints/           iteration_00012.pt (the newest few), best.pt
    model/                 model.onnx and model_metadata.json of the best checkpoint
    tensorboard/           the same numbers as event files
    training_graph.png
    ```
    """

    def __init__(self, path: Path, settings: TrainSettings, actions: DiscreteActionSpace) -> None:
        self.path = path
        self.settings = settings
        self.actions = actions

    @classmethod
    def create(cls, path: Path, settings: TrainSettings) -> RunFolder:
        """Make a new folder.

        Raises:
            RunError: the folder holds something already, or cannot be written.
            SettingError: there is no valid action space.
        """
        run = cls(path, settings, load_actions(settings.actions))
        try:
            path.mkdir(parents=True, exist_ok=True)
            if any(path.iterdir()):
                way_out = f", or go on in it: {run.resume_command}" if (path / CONFIG).exists() else ""
                raise RunError(f"{path} is not empty: choose another folder{way_out}")
            run._fill()
        except OSError as error:
            raise RunError(
                f"cannot make the run folder {path}: {error.strerror or error}; choose another with --run"
            ) from error
        return run

    def _fill(self) -> None:
        try:
            (self.path / CHECKPOINTS).mkdir()
            _replace(self.path / ACTIONS, _json_bytes(self.actions.to_json()))
            if self.settings.reward is not None:
                _replace(self.path / REWARD, self.settings.reward.read_bytes())
            _replace(self.path / CONFIG, _json_bytes(self.settings.model_dump(mode="json")))
        except OSError:
            self.remove()  # it was empty
            raise

    @classmethod
    def open(cls, path: Path) -> RunFolder:
        """Open an existing folder.

        Raises:
            RunError: there is none, or its config.json or actions.json is missing or damaged.
        """
        if not (path / CONFIG).is_file():
            raise RunError(
                f"{path} is no run folder: it has no {CONFIG}{listed_runs(path)}"
                if path.is_dir()
                else f"{path}: no such run folder{listed_runs(path)}"
            )
        try:
            file = path / CONFIG
            settings = TrainSettings(**json.loads(file.read_text(encoding="utf-8")))
            file = path / ACTIONS
            actions = DiscreteActionSpace.from_json(json.loads(file.read_text(encoding="utf-8")))
        except ValidationError as error:
            raise RunError(f"{file} cannot be used: {describe(error)}") from error
        except (OSError, ValueError, TypeError) as error:
            raise RunError(f"{file} cannot be used: {error}") from error
        return cls(path, settings, actions)

    @property
    def resume_command(self) -> str:
        """The command that goes on with this run."""
        path = shlex.quote(str(self.path))
        if self.settings.world == "ros":
            return f"ros2 launch deepracer_sim train.launch.py resume:=true run:={path}"
        return f"deepracer train --resume {path}"

    @property
    def clone_command(self) -> str:
        """The command that trains on from this run's model with other settings; these are to be added."""
        return f"deepracer train --from {shlex.quote(str(self.path))}"

    def remove(self) -> None:
        """Remove the folder with all that is in it."""
        shutil.rmtree(self.path, ignore_errors=True)

    @contextmanager
    def training(self) -> Iterator[TextIO]:
        """Keep other trainings out of this folder; give training.log to append to.

        Raises:
            RunError: another training is at work in this folder, or it cannot be written.
        """
        try:
            log = (self.path / LOG).open("a", encoding="utf-8")
        except OSError as error:
            raise RunError(f"cannot write {self.path / LOG}: {error.strerror}") from error
        with log:
            try:
                fcntl.flock(log, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise RunError(
                    f"another training is at work in {self.path}: wait for it, or end it"
                ) from error
            except OSError:
                pass  # a file system without locks, as some network drives are
            # Of a training that was killed; an evaluation may be writing in its own folder just now.
            for folder in (self.path, self.path / CHECKPOINTS, self.path / MODEL):
                for leftover in folder.glob(LEFTOVERS):
                    leftover.unlink(missing_ok=True)
            yield log

    def change_settings(self, settings: TrainSettings) -> None:
        """Replace config.json."""
        self.write(CONFIG, _json_bytes(settings.model_dump(mode="json")))
        self.settings = settings

    def write(self, name: str, content: bytes) -> Path:
        """Write a file as a whole.

        Raises:
            RunError: the disk is full or the folder cannot be written; an older file of this name is intact.
        """
        target = self.path / name
        try:
            _replace(target, content)
        except OSError as error:
            raise RunError(self._complaint(target, error)) from error
        return target

    @staticmethod
    def _complaint(file: Path, error: OSError) -> str:
        return f"cannot write {file}: {error.strerror or error}; free some space or fix the rights"

    def append_metrics(self, row: Mapping[str, Any]) -> None:
        """Add a row to metrics.csv; the first one gives the columns.

        Raises:
            RunError: the disk is full or the folder cannot be written.
        """
        file = self.path / METRICS
        try:
            with file.open("a", encoding="utf-8") as stream:
                if not stream.tell():
                    stream.write(",".join(row) + "\n")
                stream.write(",".join(_cell(value) for value in row.values()) + "\n")
        except OSError as error:
            raise RunError(self._complaint(file, error)) from error

    def metrics(self) -> list[dict[str, float]]:
        """Return the rows of metrics.csv; an empty cell is NaN, and a half-written last row is left out.

        Raises:
            RunError: it holds something other than numbers.
        """
        header, *rows = self._metrics_lines() or [""]
        names = header.strip().split(",")
        try:
            return [
                {name: float(cell or "nan") for name, cell in zip(names, row.strip().split(","), strict=True)}
                for row in rows
            ]
        except ValueError as error:
            raise RunError(f"{self.path / METRICS} is damaged: {error}") from error

    def _metrics_lines(self) -> list[str]:
        """Return the complete lines, the header first, each with its end."""
        file = self.path / METRICS
        try:
            text = file.read_text(encoding="utf-8") if file.exists() else ""
        except (OSError, UnicodeDecodeError) as error:
            raise RunError(f"{file} cannot be read: {error}") from error
        return [line for line in text.splitlines(keepends=True) if line.endswith("\n")]

    def drop_metrics_after(self, iteration: int) -> None:
        """Remove the rows of iterations that were lost, so that a resumed run writes them again."""
        kept = len([row for row in self.metrics() if row["iteration"] <= iteration])
        if (self.path / METRICS).exists():
            self.write(METRICS, "".join(self._metrics_lines()[: kept + 1]).encode())

    def save_checkpoint(self, iteration: int, state: Mapping[str, Any], is_best: bool) -> None:
        """Save what `Trainer.checkpoint` gave, then remove checkpoints that are too old.

        Raises:
            RunError: the disk is full or the folder cannot be written; the older checkpoints are intact.
        """
        content = Checkpoint(iteration, self.settings, self.actions, state).to_bytes()
        if is_best:
            self.write(f"{CHECKPOINTS}/{BEST}", content)
        self.write(f"{CHECKPOINTS}/{_file_name(iteration)}", content)
        for old in self.iterations()[:-KEPT_CHECKPOINTS]:
            (self.path / CHECKPOINTS / _file_name(old)).unlink(missing_ok=True)

    def iterations(self) -> list[int]:
        """Return the iterations whose checkpoints are kept, oldest first."""
        names = (
            re.fullmatch(r"iteration_(\d+)\.pt", file.name) for file in (self.path / CHECKPOINTS).glob("*.pt")
        )
        return sorted(int(match.group(1)) for match in names if match)

    def load_last(self) -> tuple[Checkpoint, list[str]]:
        """Return the newest checkpoint that can be read, and what is wrong with the newer ones.

        Raises:
            RunError: there is none.
        """
        problems: list[str] = []
        for iteration in reversed(self.iterations()):
            try:
                return Checkpoint.load(self.path / CHECKPOINTS / _file_name(iteration)), problems
            except RunError as error:
                problems.append(str(error))
        raise RunError("; ".join(problems) or f"{self.path} has no checkpoint: start anew in another folder")

    def load_best(self) -> Checkpoint:
        """Return the best checkpoint, or the newest one where none was evaluated yet.

        Raises:
            RunError: there is none, or the best one is damaged.
        """
        best = self.path / CHECKPOINTS / BEST
        if not best.exists():
            return self.load_last()[0]
        try:
            return Checkpoint.load(best)
        except RunError as error:
            names = ", ".join(str(best.with_name(_file_name(iteration))) for iteration in self.iterations())
            raise RunError(f"{error}; other checkpoints of this run: {names or 'none'}") from error


def listed_runs(path: Path) -> str:
    """List the run folders around `path` for an error message; an empty string if there is none."""
    folders = dict.fromkeys((path, path.parent, Path("runs")))
    runs = [file.parent for folder in folders for file in folder.glob(f"*/{CONFIG}")]
    newest = sorted(runs, key=lambda run: (run / CONFIG).stat().st_mtime, reverse=True)[:MOST_RUNS_LISTED]
    return f"; there is {', '.join(map(str, newest))}" if newest else ""


def _replace(target: Path, content: bytes) -> None:
    with replacing(target) as temporary:
        temporary.write_bytes(content)


def _file_name(iteration: int) -> str:
    return f"iteration_{iteration:05d}.pt"


def _json_bytes(value: Any) -> bytes:
    return (json.dumps(value, indent=2) + "\n").encode()


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return "" if value != value else f"{value:.6g}"
    return str(value)
