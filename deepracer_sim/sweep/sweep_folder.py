"""A sweep's folder: its trials are ordinary run folders; what is known of them beside is in one file."""

from __future__ import annotations

import json
import os
import secrets
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Literal

from pydantic import Field, ValidationError

from deepracer_sim.errors import RunError
from deepracer_sim.garage.definition import TRACKS, json_bytes, located, with_files
from deepracer_sim.garage.model_archive import unpack
from deepracer_sim.garage.model_lock import held
from deepracer_sim.garage.relocation import relocate_run, relocated
from deepracer_sim.garage.run_summary import run_settings
from deepracer_sim.garage.store_folder import remove_dead_leftovers
from deepracer_sim.run_files import CHECKPOINTS, CONFIG
from deepracer_sim.settings import Settings, TrainSettings, describe
from deepracer_sim.sweep.trial import Trial
from deepracer_sim.writable_folder import WritableFolder

RECORDS, RESULTS, PICTURE = "sweep.json", "results.csv", "parallel_coordinates.png"
TRIALS, FILES = "trials", "files"
MARKER = ".reached"
NEW, OLD = ".new-", ".old-"
"""How the names of folders begin that are about to become a trial's, or were one's."""


class TrialRecord(Settings):
    """How a trial ended."""

    state: Literal["finished", "failed"]
    best: int | None = Field(None, description="iteration of its model")
    message: str = ""
    again: bool = Field(False, description="whether it may end otherwise next time")


class SweepRecords(Settings):
    """What sweep.json holds."""

    trials: dict[str, TrialRecord] = Field({}, description="those that have ended")


class SweepFolder(WritableFolder):
    """One sweep's folder.

    ```
    trials/NAME/               run folders, see `RunFolder`
    files/NAME/                reward function, action space and tracks that NAME's settings name
    sweep.json                 how the trials ended
    results.csv                a row a trial
    parallel_coordinates.png
    ```
    """

    @classmethod
    @contextmanager
    def opened(cls, path: Path) -> Iterator[SweepFolder]:
        """Make or open a folder, and keep other sweeps out of it.

        Raises:
            DeepRacerError: another sweep is at work there, or it is no sweep's, damaged or cannot be written.
        """
        folder = cls(path.expanduser().resolve())
        try:
            folder.path.mkdir(parents=True, exist_ok=True)
            if any(folder.path.iterdir()) and not (folder.path / TRIALS).is_dir():
                raise RunError(
                    f"{path} holds something else than a sweep: choose another folder with --folder"
                )
            with held(folder.path):
                for name in (TRIALS, FILES):
                    (folder.path / name).mkdir(exist_ok=True)
                folder._tidy()
                yield folder
        except OSError as error:
            raise RunError(
                f"cannot write {error.filename or path}: {error.strerror or error}; free some space, fix the "
                "rights, or choose another folder with --folder"
            ) from error

    def run(self, trial: Trial) -> Path:
        """Return where a trial's run folder is, or would be."""
        return self.path / TRIALS / trial.name

    def files(self, trial: Trial) -> Path:
        """Return where the files are that a trial's settings name."""
        return self.path / FILES / trial.name

    def has_begun(self, trial: Trial) -> bool:
        """Tell whether there is something of a trial to go on from."""
        return any((self.run(trial) / CHECKPOINTS).glob("*.pt"))

    def records(self) -> dict[str, TrialRecord]:
        """Return how trials ended, by their names; one whose folder is gone has not.

        Raises:
            RunError: sweep.json is damaged.
        """
        file = self.path / RECORDS
        try:
            content = SweepRecords(**json.loads(file.read_text(encoding="utf-8"))) if file.exists() else None
        except ValidationError as error:
            raise RunError(f"{file} cannot be used: {describe(error)}; {_WAY_OUT}") from error
        except (ValueError, TypeError) as error:
            raise RunError(f"{file} is damaged: {error}; {_WAY_OUT}") from error
        return {
            name: record
            for name, record in (content.trials if content else {}).items()
            if record.state == "failed" or (self.path / TRIALS / name / CONFIG).exists()
        }

    def record(self, trial: Trial, record: TrialRecord) -> None:
        """Keep how a trial ended."""
        content = SweepRecords(trials={**self.records(), trial.name: record})
        self.write(RECORDS, json_bytes(content.model_dump(mode="json")))

    def unfinished(self, trials: Sequence[Trial]) -> list[Trial]:
        """Return the trials that are to be trained, or trained on."""
        records = self.records()
        return [trial for trial in trials if trial.name not in records or records[trial.name].again]

    def refuse_changed(self, trials: Sequence[Trial]) -> None:
        """Refuse trials that had other settings or files when they began.

        Raises:
            DeepRacerError: it names what differs.
        """
        for trial in trials:
            if self.has_begun(trial):
                self._refuse_changed(trial)

    def _refuse_changed(self, trial: Trial) -> None:
        from deepracer_sim.checkpoint import differences

        before = with_files(run_settings(self.run(trial)), lambda path, name: name)
        after = with_files(trial.definition.settings, lambda path, name: name)
        found = differences(before.model_dump(mode="json"), after.model_dump(mode="json"))
        for name, content in trial.definition.files.items():
            file = self.files(trial) / name
            if not file.exists() or file.read_bytes() != content:
                found.append(f"{trial.definition.origins.get(name, name)}: its content")
        if found:
            raise RunError(
                f"trial {trial.name} began with other settings than the file has now: {'; '.join(found)} "
                f"(there: {self.run(trial)}). Put them back, or choose another folder with --folder"
            )

    def prepare(self, trial: Trial) -> TrainSettings:
        """Write the files that a trial's settings name; return the settings with their paths."""
        files = self.files(trial)
        settings = located(trial.definition.settings, files)
        for name, content in trial.definition.files.items():
            if not (files / name).exists():
                (files / (TRACKS if name.startswith(TRACKS) else "")).mkdir(parents=True, exist_ok=True)
                self.write(f"{FILES}/{trial.name}/{name}", content)
        run = self.run(trial)
        if self.has_begun(trial) and relocated(run_settings(run), files) != run_settings(run):
            relocate_run(run, files)  # the sweep's folder has moved
        return settings

    def take_in(self, trial: Trial, archive: bytes) -> None:
        """Put a trial in its place that was trained where this folder cannot be reached.

        Raises:
            DeepRacerError: it is damaged.
        """
        run = self.run(trial)
        new, old = (run.with_name(f"{prefix}{trial.name}") for prefix in (NEW, OLD))
        new.mkdir()
        with NamedTemporaryFile(prefix=".", suffix=".tar.gz", dir=self.path) as file:
            file.write(archive)
            file.flush()
            unpack(Path(file.name), new)
        relocate_run(new, self.files(trial))
        if run.exists():
            os.replace(run, old)
        os.replace(new, run)
        shutil.rmtree(old, ignore_errors=True)

    def mark(self) -> str:
        """Leave a secret word in the folder; who can read it, reaches the folder."""
        word = secrets.token_hex(16)
        self.write(MARKER, word.encode())
        return word

    def _tidy(self) -> None:
        """Remove what a killed program left half made, and bring back what it had put aside."""
        remove_dead_leftovers(self.path)
        for old in (self.path / TRIALS).glob(f"{OLD}*"):
            run = old.with_name(old.name.removeprefix(OLD))
            if run.exists():
                shutil.rmtree(old, ignore_errors=True)
            else:
                os.replace(old, run)
        for new in (self.path / TRIALS).glob(f"{NEW}*"):
            shutil.rmtree(new, ignore_errors=True)
        for file in self.path.glob(".*.tar.gz"):
            file.unlink(missing_ok=True)


_WAY_OUT = "without it, trials are looked at again: remove it"
