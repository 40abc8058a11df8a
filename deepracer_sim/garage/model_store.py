"""The folder that keeps all models; whatever happens to a program, it holds whole models only."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timezone
from pathlib import Path
from typing import NamedTuple

from deepracer_sim.errors import ModelError
from deepracer_sim.garage.definition import ModelDefinition
from deepracer_sim.garage.model_lock import held
from deepracer_sim.garage.model_name import LONGEST, check_name
from deepracer_sim.garage.store_folder import StoreFolder
from deepracer_sim.garage.stored_model import RECORD, START, ModelRecord, Status, StoredModel, write_record

TRASH = ".trash"


class ModelRow(NamedTuple):
    """What a list of models says about one of them.

    Attributes:
        name: of the model.
        status: how it stands.
        track: that it trains on; empty for a damaged model.
        completion: the best one of an evaluation, 0 to 1; NaN without one.
        best_lap: the shortest median lap of an evaluation, seconds; NaN without one.
        seconds: of training.
        fault: why it cannot be used, if it is damaged.
    """

    name: str
    status: Status
    track: tuple[str, ...] = ()
    completion: float = math.nan
    best_lap: float = math.nan
    seconds: float = 0.0
    fault: str = ""


class ModelStore(StoreFolder):
    """A folder of models.

    Each change is one renaming of a complete folder or file, and what a killed program leaves half made goes
    with the next change.

    Args:
        path: the folder; `default_store` if absent. It need not exist.
    """

    def rows(self) -> list[ModelRow]:
        """Return what a list says about each model, damaged ones among them."""
        rows: list[ModelRow] = []
        for name in self.names():
            try:
                model = StoredModel.open(self.path / name)
                figures = model.completion, model.best_lap, model.seconds
                rows.append(ModelRow(name, model.status, model.record.settings.track, *figures))
            except ModelError as error:
                if (self.path / name).exists():  # nobody has renamed or deleted it just now
                    rows.append(ModelRow(name, Status.DAMAGED, fault=str(error)))
        return rows

    def open(self, name: str) -> StoredModel:
        """Open a model.

        Raises:
            ModelError: there is none of this name, or it is damaged.
        """
        return StoredModel.open(self._existing(name))

    def has(self, name: str) -> bool:
        """Tell whether there is a model of this name."""
        return name in self.names()

    def create(
        self,
        name: str,
        definition: ModelDefinition,
        parent: str | None = None,
        notes: tuple[str, ...] = (),
        fill: Callable[[Path], None] = lambda folder: None,
    ) -> StoredModel:
        """Make a model.

        Args:
            name: that no other model has.
            definition: of the model; `ModelDefinition.check` tells whether it can be trained.
            parent: the model that it was cloned from.
            notes: what its owner should know.
            fill: adds further files to the folder before anybody sees it.

        Raises:
            ModelError: the name is taken or not allowed, or the store cannot be written.
        """
        self.refuse_taken(name)
        created = datetime.now(timezone.utc).isoformat(timespec="seconds")
        record = ModelRecord(
            description=definition.description,
            created=created,
            parent=parent,
            notes=notes,
            settings=definition.settings,
        )
        with self.staging() as staging:
            folder = staging / name
            folder.mkdir()
            definition.write_files(folder)
            fill(folder)
            write_record(folder / RECORD, record)
            return self.publish(folder)

    def clone(
        self, source: str, name: str, definition: ModelDefinition, from_scratch: bool = False
    ) -> StoredModel:
        """Make a model that begins with the weights of another one.

        Args:
            source: the other model; what it has chosen, or its best checkpoint.
            name: of the new one.
            definition: of the new one.
            from_scratch: take over no weights.

        Raises:
            DeepRacerError: as `create`; or the weights mean something else under the new definition.
        """
        from deepracer_sim.garage.weights import weights_for

        model = self.open(source)
        self.refuse_taken(name)
        with held(model.path, shared=True):
            weights = None if from_scratch else weights_for(model, definition)

        def fill(folder: Path) -> None:
            if weights is not None:
                (folder / START).write_bytes(weights)

        return self.create(name, definition, parent=source, fill=fill)

    def rename(self, old: str, new: str) -> Path:
        """Give a model, which may be damaged, another name; return where it is now.

        Raises:
            ModelError: there is no such model, it is being trained, or the new name is taken.
        """
        from deepracer_sim.garage.relocation import relocate_runs

        path = self._existing(old)
        with self.changing(), held(path):
            self.refuse_taken(new, besides=old)
            os.rename(path, self.path / new)
        with self.complaining(), suppress(ModelError):  # a damaged one stays as it is
            model = self.open(new)
            with held(model.path, shared=True):
                relocate_runs(model)
        return self.path / new

    def choose(self, name: str, iteration: int | None, run: int | None = None) -> StoredModel:
        """Make an iteration the one that drives, in place of the best one.

        Args:
            name: of the model.
            iteration: None goes back to the best one.
            run: that it is of; by default the last one.

        Raises:
            DeepRacerError: there is no such model, run or iteration, or it is being trained.
        """
        from deepracer_sim.checkpoint_choice import choose
        from deepracer_sim.garage.relocation import relocate_runs

        model = self.open(name)
        numbers = model.run_numbers()
        number = run or max(numbers, default=1)
        if number not in numbers:
            there = ", ".join(map(str, numbers)) or "none"
            raise ModelError(f"{name} has no run {number}: there is {there}")
        with self.complaining(), held(model.path, shared=True):
            relocate_runs(model)
            choose(model.run_path(number), iteration)
        with self.changing():
            model = self.open(name)
            record = model.record.replaced(run=None if iteration is None else number)
            write_record(model.path / RECORD, record)
        return self.open(name)

    def delete(self, name: str) -> Path:
        """Move a model to the trash; return where it is there.

        Raises:
            ModelError: there is no such model, or it is being trained.
        """
        path = self._existing(name)
        now = datetime.now(timezone.utc).strftime("%Y-%m-%d_%H-%M-%S_%f")
        target = self.path / TRASH / f"{name}~{now}"
        with self.changing(), held(path):
            target.parent.mkdir(exist_ok=True)
            os.rename(path, target)
        return target

    def restore(self, name: str) -> Path:
        """Take a model out of the trash: of several of one name, the one that was deleted last.

        Raises:
            ModelError: there is none, or the name is taken again.
        """
        entries = sorted((self.path / TRASH).glob("*~*"))
        found = [entry for entry in entries if entry.name.rpartition("~")[0] == name]
        if not found:
            names = sorted({entry.name.rpartition("~")[0] for entry in entries})
            raise ModelError(f"no model {name!r} in the trash: there is {', '.join(names) or 'none'}")
        with self.changing():
            self.refuse_taken(name)
            os.rename(found[-1], self.path / name)
        return self.path / name

    def refuse_taken(self, name: str, besides: str = "") -> None:
        """Refuse a name that a model has, or may not have; file systems may not tell `a` from `A`.

        Raises:
            ModelError: it cannot be used.
        """
        check_name(name)
        taken = {other.lower(): other for other in self.names() if other != besides}
        if found := taken.get(name.lower()):
            raise ModelError(f"there is a model {found!r} already: choose another name")

    def publish(self, folder: Path) -> StoredModel:
        """Let a complete model's folder appear in the store under its own name.

        Raises:
            ModelError: it is no model, or the name was taken meanwhile.
        """
        StoredModel.open(folder)
        with self.changing():
            self.refuse_taken(folder.name)
            os.rename(folder, self.path / folder.name)
        return self.open(folder.name)

    def _existing(self, name: str) -> Path:
        names = self.names()
        if name not in names:
            shown = ", ".join(names[:20]) + (", ..." if len(names) > 20 else "") if names else "none"
            raise ModelError(f"no model {name[:LONGEST]!r} in {self.path}: there is {shown}")
        return self.path / name


def find_policy(word: str | os.PathLike[str], store: Path | None = None) -> Path:
    """Return what drives: the path itself where there is one, else that of the model of this name.

    Raises:
        ModelError: the word is a model's name, but nothing of it drives yet.
    """
    path, models = Path(word), ModelStore(store)
    return models.open(str(word)).policy_path() if not path.exists() and models.has(str(word)) else path
