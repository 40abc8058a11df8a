"""A run on disk: a folder of plain files that a crash or a full disk cannot spoil."""

from __future__ import annotations

import csv
import json
import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch

from deepracer_sim.errors import RunError
from deepracer_sim.settings import TrainSettings

CONFIG, METRICS, LOG = "config.json", "metrics.csv", "training.log"
CHECKPOINTS, MODEL, TENSORBOARD = "checkpoints", "model", "tensorboard"
BEST = "best.pt"
KEPT_CHECKPOINTS = 3
"""Newest iterations whose checkpoints stay; the best one stays besides."""
CHECKPOINT_VERSION = 1


class RunFolder:
    """One training's folder.

    ```
    config.json            the settings
    metrics.csv            a row an iteration
    training.log           what the reward function printed
    checkpoints/           iteration_00012.pt (the newest few), best.pt
    model/                 model.onnx and model_metadata.json of the best checkpoint
    tensorboard/           the same numbers as event files
    ```
    """

    def __init__(self, path: Path, settings: TrainSettings) -> None:
        self.path = path
        self.settings = settings

    @classmethod
    def create(cls, path: Path, settings: TrainSettings) -> RunFolder:
        """Make a new folder.

        Raises:
            RunError: the folder holds something already, or cannot be written.
        """
        try:
            path.mkdir(parents=True, exist_ok=True)
            if any(path.iterdir()):
                raise RunError(
                    f"{path} is not empty: choose another folder, or go on in it with --resume {path}"
                )
            (path / CHECKPOINTS).mkdir()
        except OSError as error:
            raise RunError(f"cannot create the run folder {path}: {error.strerror}") from error
        run = cls(path, settings)
        run.change_settings(settings)
        return run

    @classmethod
    def open(cls, path: Path) -> RunFolder:
        """Open an existing folder.

        Raises:
            RunError: there is none, or its config.json is missing or damaged.
        """
        file = path / CONFIG
        try:
            values = json.loads(file.read_text(encoding="utf-8"))
            return cls(path, TrainSettings(**values))
        except FileNotFoundError as error:
            raise RunError(f"{path} is no run folder: it has no {CONFIG}") from error
        except (OSError, ValueError, TypeError) as error:
            raise RunError(f"{file} cannot be used: {error}") from error

    def change_settings(self, settings: TrainSettings) -> None:
        """Replace config.json."""
        self.settings = settings
        self.write(CONFIG, (json.dumps(settings.model_dump(mode="json"), indent=2) + "\n").encode())

    def write(self, name: str, content: bytes) -> Path:
        """Write a file under a temporary name, then rename it.

        Raises:
            RunError: the disk is full or the folder cannot be written; an older file of this name is intact.
        """
        return self._replace(name, lambda temporary: temporary.write_bytes(content))

    def _replace(self, name: str, write: Callable[[Path], Any]) -> Path:
        target = self.path / name
        temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
        try:
            write(temporary)
            os.replace(temporary, target)
        except (OSError, RuntimeError) as error:  # torch reports a full disk as RuntimeError
            reason = getattr(error, "strerror", None) or str(error).splitlines()[0]
            raise RunError(
                f"cannot write {target}: {reason}; free some space or fix the rights, then --resume"
            ) from error
        finally:
            temporary.unlink(missing_ok=True)
        return target

    def append_metrics(self, row: Mapping[str, Any]) -> None:
        """Add a row to metrics.csv; the first one gives the columns."""
        file = self.path / METRICS
        is_new = not file.exists()
        try:
            with file.open("a", newline="", encoding="utf-8") as stream:
                writer = csv.DictWriter(stream, fieldnames=list(row), lineterminator="\n")
                if is_new:
                    writer.writeheader()
                writer.writerow({name: _shortened(value) for name, value in row.items()})
        except OSError as error:
            raise RunError(
                f"cannot write {file}: {error.strerror}; free some space, then --resume"
            ) from error

    def metrics(self) -> list[dict[str, float]]:
        """Return the rows of metrics.csv; an empty cell is NaN, and a half-written last row is left out."""
        file = self.path / METRICS
        if not file.exists():
            return []
        with file.open(newline="", encoding="utf-8") as stream:
            rows = list(csv.DictReader(stream))
        try:
            return [
                {name: float(value or "nan") for name, value in row.items()}
                for row in rows
                if None not in row and None not in row.values()
            ]
        except ValueError as error:
            raise RunError(f"{file} is damaged: {error}") from error

    def drop_metrics_after(self, iteration: int) -> None:
        """Remove the rows of iterations whose checkpoint was lost, so that a resumed run writes them again."""
        rows = [row for row in self.metrics() if row["iteration"] <= iteration]
        (self.path / METRICS).unlink(missing_ok=True)
        for row in rows:
            self.append_metrics(row)

    def save_checkpoint(self, iteration: int, checkpoint: dict[str, Any], is_best: bool) -> None:
        """Save an iteration, then remove those that are too old."""
        content = {"version": CHECKPOINT_VERSION, "iteration": iteration, **checkpoint}
        if is_best:
            self._replace(f"{CHECKPOINTS}/{BEST}", lambda temporary: torch.save(content, temporary))
        self._replace(
            f"{CHECKPOINTS}/{_file_name(iteration)}", lambda temporary: torch.save(content, temporary)
        )
        for old in self.iterations()[:-KEPT_CHECKPOINTS]:
            (self.path / CHECKPOINTS / _file_name(old)).unlink(missing_ok=True)

    def iterations(self) -> list[int]:
        """Return the iterations whose checkpoints are kept, oldest first."""
        names = (
            re.fullmatch(r"iteration_(\d+)\.pt", file.name) for file in (self.path / CHECKPOINTS).glob("*.pt")
        )
        return sorted(int(match.group(1)) for match in names if match)

    def load_last(self) -> dict[str, Any]:
        """Return the newest checkpoint that can be read.

        Raises:
            RunError: there is none.
        """
        problems = []
        for iteration in reversed(self.iterations()):
            try:
                return load_checkpoint(self.path / CHECKPOINTS / _file_name(iteration))
            except RunError as error:
                problems.append(str(error))
        raise RunError("; ".join(problems) or f"{self.path} has no checkpoint yet: nothing to go on from")

    def best_or_last(self) -> Path:
        """Return the best checkpoint's file, or the newest one's where none was evaluated yet."""
        best = self.path / CHECKPOINTS / BEST
        if best.exists():
            return best
        if not self.iterations():
            raise RunError(f"{self.path} has no checkpoint yet: train for at least one iteration")
        return self.path / CHECKPOINTS / _file_name(self.iterations()[-1])


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Read a checkpoint: tensors and plain values only, no pickled code.

    Raises:
        RunError: missing, damaged or of another version.
    """
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise RunError(f"{path}: no such checkpoint") from error
    except Exception as error:  # torch raises whatever the damaged bytes lead it to
        raise RunError(
            f"{path} is damaged or no checkpoint of this program: {str(error).splitlines()[0]}"
        ) from error
    if not isinstance(content, dict) or content.get("version") != CHECKPOINT_VERSION:
        raise RunError(f"{path} is no checkpoint of this program (version {CHECKPOINT_VERSION})")
    return content


def _file_name(iteration: int) -> str:
    return f"iteration_{iteration:05d}.pt"


def _shortened(value: Any) -> Any:
    if isinstance(value, float):
        return "" if value != value else f"{value:.6g}"
    return value
