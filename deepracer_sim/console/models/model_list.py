"""What the table of models shows, read anew only where a file has changed; all watchers share it."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from deepracer_sim.console.models.reward_thumbnail import thumbnail
from deepracer_sim.errors import ModelError
from deepracer_sim.garage.model_store import ModelRow, ModelStore
from deepracer_sim.garage.stored_model import RECORD, RUNS, TRAINING, Status, StoredModel
from deepracer_sim.run_files import CONFIG, METRICS

KILLED = "its process was killed; what it had finished is kept"


@dataclass(frozen=True)
class ModelEntry:
    """A model in the table.

    Attributes:
        row: its figures.
        graph: of its last training, SVG; empty before the second iteration.
    """

    row: ModelRow
    graph: str = ""


@dataclass(frozen=True)
class _Known:
    versions: tuple[tuple[int, int], ...]
    model: StoredModel | None
    entry: ModelEntry


class ModelList:
    """Reads the models of a store for the table.

    Args:
        store: that has them.
    """

    def __init__(self, store: ModelStore) -> None:
        self.store = store
        self._known: dict[str, _Known] = {}
        self._lock = threading.Lock()

    def names(self, search: str = "") -> list[str]:
        """Name the models that have a text in their name, the last touched first.

        Raises:
            ModelError: the store cannot be read.
        """
        every = self.store.names()
        with self._lock:
            for gone in self._known.keys() - set(every):
                del self._known[gone]
        found = [name for name in every if search.lower() in name.lower()]
        return sorted(found, key=lambda name: _touched(self.store.path / name), reverse=True)

    def entries(self, names: Iterable[str]) -> list[ModelEntry]:
        """Return what the table shows of models; one that is gone is left out."""
        with self._lock:
            found = [self._entry(name) for name in names]
        return [entry for entry in found if entry is not None]

    def _entry(self, name: str) -> ModelEntry | None:
        folder = self.store.path / name
        known, versions = self._known.get(name), _versions(folder)
        if known is None or known.versions != versions or _has_begun_or_ended(known):
            if not folder.is_dir():
                return None
            known = _Known(versions, *_read(folder))
            self._known[name] = known
        return known.entry


def _has_begun_or_ended(known: _Known) -> bool:
    was_training = known.entry.row.status is Status.TRAINING
    return known.model is not None and known.model.is_training != was_training


def _read(folder: Path) -> tuple[StoredModel | None, ModelEntry]:
    name = folder.name
    try:
        model = StoredModel.open(folder)
        status, fault = status_of(model)
        figures = model.completion, model.best_lap, model.seconds
        numbers = model.run_numbers()
    except ModelError as error:
        fault = str(error).replace(f"{folder}{os.sep}", "")
        return None, ModelEntry(ModelRow(name, Status.DAMAGED, fault=fault))
    graph = thumbnail(model.run_path(numbers[-1]) / METRICS) if numbers else ""
    return model, ModelEntry(ModelRow(name, status, model.record.settings.track, *figures, fault), graph)


def status_of(model: StoredModel) -> tuple[Status, str]:
    """Return how a model stands and what went wrong; a training that was killed has failed.

    Raises:
        ModelError: a run or training.json is damaged.
    """
    status, last = model.status, model.last_training
    if status is Status.FAILED and last is not None:
        return status, last.message
    if status is not Status.TRAINING and last is not None and last.state == "training":
        return Status.FAILED, KILLED
    return status, ""


def _touched(folder: Path) -> int:
    """Return when a model was made, or trained last; nanoseconds."""
    files = [folder / RECORD, folder / TRAINING, *(run / METRICS for run in _runs(folder))]
    return max(_version(file)[0] for file in files) or _version(folder)[0]


def _versions(folder: Path) -> tuple[tuple[int, int], ...]:
    """Tell one state of a model's files from another."""
    runs = _runs(folder)
    own = [folder, folder / RECORD, folder / TRAINING, folder / "tracks", folder / RUNS]
    return tuple(map(_version, [*own, *(run / name for run in runs for name in (METRICS, CONFIG))]))


def _runs(folder: Path) -> Sequence[Path]:
    try:
        return [folder / RUNS / name for name in sorted(os.listdir(folder / RUNS))]
    except OSError:
        return []


def _version(file: Path) -> tuple[int, int]:
    try:
        status = file.stat()
    except OSError:
        return 0, 0
    return status.st_mtime_ns, status.st_size
