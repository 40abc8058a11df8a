"""A run on disk: a folder of plain files that a crash or a full disk cannot spoil."""

from __future__ import annotations

import fcntl
import json
import shlex
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any, TextIO

from pydantic import ValidationError

from deepracer_inference.action_space import DiscreteActionSpace
from deepracer_sim.checkpoint import Checkpoint
from deepracer_sim.errors import RunError
from deepracer_sim.file_replacement import LEFTOVERS
from deepracer_sim.hyperparameters import aws_hyperparameters
from deepracer_sim.metrics_table import MetricsTable
from deepracer_sim.run_files import (
    ACTIONS,
    BEST,
    CHECKPOINTS,
    CONFIG,
    HYPERPARAMETERS,
    LOG,
    METRICS,
    MODEL,
    REWARD,
    TRACES,
    WEIGHTS,
)
from deepracer_sim.settings import TrainSettings, describe
from deepracer_sim.simulation import load_actions
from deepracer_sim.weights_folder import WeightsFolder, checkpoint_name, numbered_files
from deepracer_sim.writable_folder import WritableFolder

KEPT_CHECKPOINTS = 3
"""Newest iterations whose checkpoints stay; the best one stays besides."""
TRACED_EPISODES = 20
"""In a file of the simulation trace, where the settings name no number for an iteration; AWS's default."""
MOST_RUNS_LISTED = 10


class RunFolder(WritableFolder):
    """One training's folder.

    ```
    config.json            the settings
    actions.json           the action space, as AWS writes it
    reward_function.py     a copy of the user's, if there is one
    metrics.csv            a row an iteration
    training.log           what the reward function printed, and SIM_TRACE_LOG lines
    training-simtrace/     0-iteration.csv, ...: the steps of some episodes; episodes.csv: a row for each
    metrics/               TrainingMetrics.json: these episodes and the evaluations, as AWS writes them
    ip/                    hyperparameters.json, as AWS writes it
    checkpoints/           iteration_00012.pt (the newest few), best.pt
    weights/               iteration_00012.pt: the networks alone, of all iterations
    model/                 model.onnx and model_metadata.json of best.pt
    tensorboard/           the same numbers as event files
    training_graph.png
    live                   what is driven just now, see `live_file.py`; only while a training is at work
    ```

    best.pt is of the best evaluated iteration, or of one that the user chose; then it stays that one.
    """

    def __init__(self, path: Path, settings: TrainSettings, actions: DiscreteActionSpace) -> None:
        super().__init__(path)
        self.settings = settings
        self.actions = actions
        self.weights = WeightsFolder(path / WEIGHTS, settings.evaluation.every)
        self._metrics = MetricsTable(path / METRICS)

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
            for folder in (CHECKPOINTS, WEIGHTS, TRACES):
                (self.path / folder).mkdir()
            self._replace(ACTIONS, _json_bytes(self.actions.to_json()))
            if self.settings.reward is not None:
                self._replace(REWARD, self.settings.reward.read_bytes())
            hyperparameters = aws_hyperparameters(self.settings.ppo, self.traced_episodes)
            self._replace(HYPERPARAMETERS, _json_bytes(hyperparameters))
            self._replace(CONFIG, _json_bytes(self.settings.model_dump(mode="json")))
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

    @property
    def traced_episodes(self) -> int:
        """Return how many episodes a file of the simulation trace has: AWS's episodes of an iteration."""
        return self.settings.ppo.num_episodes_between_training or TRACED_EPISODES

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
            self.__dict__.pop("chosen", None)  # before now, somebody may have chosen
            # Of a training that was killed; an evaluation may be writing in its own folder just now.
            own = (CHECKPOINTS, WEIGHTS, TRACES, MODEL, "metrics")
            for folder in (self.path, *(self.path / name for name in own)):
                for leftover in folder.glob(LEFTOVERS):
                    leftover.unlink(missing_ok=True)
            yield log

    def change_settings(self, settings: TrainSettings) -> None:
        """Replace config.json."""
        self.write(CONFIG, _json_bytes(settings.model_dump(mode="json")))
        self.settings = settings

    def append_metrics(self, row: Mapping[str, Any]) -> None:
        """Add a row to metrics.csv; the first one gives the columns.

        Raises:
            RunError: the disk is full or the folder cannot be written.
        """
        self.append(METRICS, self._metrics.lines_for(row))

    def metrics(self) -> list[dict[str, float]]:
        """Return the rows of metrics.csv; an empty cell is NaN, and a half-written last row is left out.

        Raises:
            RunError: it holds something other than numbers.
        """
        return self._metrics.rows()

    def drop_after(self, iteration: int) -> None:
        """Remove the metrics and weights of iterations that were lost: a resumed run makes them again."""
        if self._metrics.path.exists():
            self.write(METRICS, self._metrics.text_until(iteration).encode())
        self.weights.drop_after(iteration)

    def save_checkpoint(self, iteration: int, state: Mapping[str, Any], is_best: bool) -> None:
        """Save what `Trainer.checkpoint` gave, then remove checkpoints that are too old.

        Raises:
            RunError: the disk is full or the folder cannot be written; the older checkpoints are intact.
        """
        checkpoint = Checkpoint(iteration, self.settings, self.actions, state)
        content = checkpoint.to_bytes()
        if is_best and self.chosen is None:
            self.write(f"{CHECKPOINTS}/{BEST}", content)
        self.write(f"{WEIGHTS}/{checkpoint_name(iteration)}", checkpoint.weights().to_bytes())
        self.write(f"{CHECKPOINTS}/{checkpoint_name(iteration)}", content)
        for old in self.iterations()[:-KEPT_CHECKPOINTS]:
            (self.path / CHECKPOINTS / checkpoint_name(old)).unlink(missing_ok=True)
        best = state.get("best", {}).get("iteration", -1)
        self.weights.thin_out({best, -1 if self.chosen is None else self.chosen})

    def iterations(self) -> list[int]:
        """Return the iterations whose checkpoints are kept, oldest first; `weights` has more."""
        return numbered_files(self.path / CHECKPOINTS)

    def load_last(self) -> tuple[Checkpoint, list[str]]:
        """Return the newest checkpoint that can be read, and what is wrong with the newer ones.

        Raises:
            RunError: there is none.
        """
        problems: list[str] = []
        for iteration in reversed(self.iterations()):
            try:
                return Checkpoint.load(self.path / CHECKPOINTS / checkpoint_name(iteration)), problems
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
            names = ", ".join(
                str(best.with_name(checkpoint_name(iteration))) for iteration in self.iterations()
            )
            raise RunError(f"{error}; other checkpoints of this run: {names or 'none'}") from error

    def load_iteration(self, iteration: int) -> Checkpoint:
        """Return the checkpoint of an iteration, or what is kept of it: its network.

        Raises:
            RunError: the iteration is not kept, or its file is damaged.
        """
        for file in (self.path / CHECKPOINTS / checkpoint_name(iteration), self.weights.file(iteration)):
            if file.exists():
                return Checkpoint.load(file)
        there = sorted({*self.iterations(), *self.weights.iterations()})
        nearest = sorted(sorted(there, key=lambda number: abs(number - iteration))[:2])
        raise RunError(
            f"{self.path} has no iteration {iteration}: "
            + (f"the nearest are {', '.join(map(str, nearest))}" if there else "nothing was trained yet")
        )

    @cached_property
    def chosen(self) -> int | None:
        """The iteration that the user chose; None where best.pt is of the best evaluated one."""
        best = self.path / CHECKPOINTS / BEST
        if not best.exists():
            return None
        try:
            checkpoint = Checkpoint.load(best)
        except RunError:
            return None
        return checkpoint.iteration if checkpoint.state.get("chosen") else None


def listed_runs(path: Path) -> str:
    """List the run folders around `path` for an error message; an empty string if there is none."""
    folders = dict.fromkeys((path, path.parent, Path("runs")))
    runs = [file.parent for folder in folders for file in folder.glob(f"*/{CONFIG}")]
    newest = sorted(runs, key=lambda run: (run / CONFIG).stat().st_mtime, reverse=True)[:MOST_RUNS_LISTED]
    return f"; there is {', '.join(map(str, newest))}" if newest else ""


def _json_bytes(value: Any) -> bytes:
    return (json.dumps(value, indent=2) + "\n").encode()
