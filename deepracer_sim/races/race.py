"""A race on disk: its rules, its track, and every entry, in a folder that a crash cannot spoil."""

from __future__ import annotations

import shutil
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from deepracer_sim.errors import DeepRacerError, ModelError, RaceError
from deepracer_sim.file_replacement import replacing
from deepracer_sim.garage.model_name import check_name
from deepracer_sim.races.driven_line import LINE
from deepracer_sim.races.entry import Drive, Entry
from deepracer_sim.races.record_file import Sha256, Time, locked, now, read_record, record_bytes
from deepracer_sim.races.rules import RaceRules
from deepracer_sim.races.secret_track import SecretTrack
from deepracer_sim.settings import Settings

if TYPE_CHECKING:
    from deepracer_sim.simulation import Course
    from deepracer_sim.track import Track

RECORD, SECRET, TRACK, ENTRIES, PUBLISHED = "race.json", "secret.json", "track.npy", "entries", "published"
ENTRY = "entry.json"


class RaceRecord(Settings):
    """What race.json holds; nothing in it is secret.

    Attributes:
        rules: of the race; the track is a name only, its file is in the race's folder.
        created, closed: times, ISO 8601, UTC.
        commitment: to an unseen track, see `SecretTrack`; None for one that everybody knows.
        revealed: that track, once the race is closed.
    """

    rules: RaceRules
    created: Time
    closed: Time | None = None
    commitment: Sha256 | None = None
    revealed: SecretTrack | None = None


class Race:
    """One race's folder.

    ```
    race.json        rules and state
    track.npy        what is driven on; an unseen one only its owner may read
    secret.json      seed and nonce of an unseen track, until the race is closed
    entries/00001/   model.onnx, model_metadata.json, entry.json, driven_line.json
    published/       the leaderboard: the only part to hand to others
    ```

    Args:
        path: the folder; its name is the race's.
        record: what its race.json holds.
    """

    def __init__(self, path: Path, record: RaceRecord) -> None:
        self.path = path
        self.record = record

    @classmethod
    def open(cls, path: Path) -> Race:
        """Open a race.

        Raises:
            RaceError: there is none, or its race.json is damaged.
        """
        checked_name(path.name)
        if not path.is_dir():
            others = ", ".join(race_names(path.parent)) or "none"
            raise RaceError(f"no race {path.name} in {path.parent}: there is {others}")
        return cls(path, read_record(path / RECORD, RaceRecord))

    @property
    def name(self) -> str:
        """The race's name."""
        return self.path.name

    @property
    def rules(self) -> RaceRules:
        """How it is driven and decided."""
        return self.record.rules

    @property
    def is_open(self) -> bool:
        """Models can still enter."""
        return self.record.closed is None

    @property
    def is_secret(self) -> bool:
        """Nobody may see the track yet."""
        return self.record.commitment is not None and self.is_open

    @property
    def track_name(self) -> str:
        """What the track is called."""
        return self.record.revealed.track if self.record.revealed else self.rules.track

    def course(self) -> Course:
        """Return the track with its ground.

        Raises:
            RaceError: track.npy is missing or damaged.
        """
        from deepracer_sim.ground import paint
        from deepracer_sim.simulation import Course

        track = self.track()
        return Course((track,), (paint(track),))

    def track(self) -> Track:
        """Return the track under the race's name for it.

        Raises:
            RaceError: track.npy is missing or damaged.
        """
        import numpy as np

        from deepracer_sim.track_library import track_from_rows

        file = self.path / TRACK
        try:
            return track_from_rows(self.track_name, np.load(file, allow_pickle=False))
        except (OSError, ValueError, EOFError, DeepRacerError) as error:
            reason = "is missing" if isinstance(error, FileNotFoundError) else f"cannot be used: {error}"
            raise RaceError(f"{file} {reason}: put back the file that the race was made with") from error

    def entries(self) -> tuple[list[Entry], list[str]]:
        """Return all entries in the order of arrival, and what is wrong with those that cannot be read."""
        entries, problems = [], []
        for number in self._numbers():
            try:
                entry = read_record(self._entry_path(number) / ENTRY, Entry)
                if entry.number != number or len(entry.drive.laps) > self.rules.laps:
                    raise RaceError("is of another race or entry")
                entries.append(entry)
            except RaceError as error:
                reason = str(error).replace(f"{self.path}/", "")  # others will read it, too
                problems.append(f"entry {number}: {reason}")
        return entries, problems

    def bundle_path(self, entry: Entry) -> Path:
        """Return the folder with the model of an entry."""
        return self._entry_path(entry.number)

    def add(self, bundle: Path, racer: str, model: str, drive: Drive) -> Entry:
        """Keep an entry that was driven; it is in the race completely or not at all.

        Args:
            bundle: folder with its model.onnx and model_metadata.json, and the driven line, if it is kept.
            racer: under which name it drives.
            model: what its owner calls it.
            drive: its laps.

        Raises:
            RaceError: the race was closed meanwhile, or the folder cannot be written.
        """
        from deepracer_sim.races.driving import digest
        from deepracer_sim.races.model_source import BUNDLE

        with locked(self.path):
            self.check_open()
            number = max(self._numbers(), default=0) + 1
            entry = Entry(
                number=number, racer=racer, model=model, submitted=now(), sha256=digest(bundle), drive=drive
            )
            target = self._entry_path(number)
            temporary = target.with_name(f".{target.name}")
            try:
                # Whatever has such a name was left by a program that was killed: we have the lock.
                for leftover in target.parent.glob(".[0-9]*"):
                    shutil.rmtree(leftover, ignore_errors=True)
                temporary.mkdir(parents=True)
                for name in BUNDLE:
                    shutil.copyfile(bundle / name, temporary / name)
                if (bundle / LINE).exists():
                    shutil.copyfile(bundle / LINE, temporary / LINE)
                    if self.is_secret:  # it shows the track
                        (temporary / LINE).chmod(0o600)
                (temporary / ENTRY).write_bytes(record_bytes(entry))
                temporary.rename(target)
            except OSError as error:
                shutil.rmtree(temporary, ignore_errors=True)
                raise RaceError(
                    f"{racer} is not in the race: {target} cannot be written: {error.strerror or error}; "
                    "free some space or fix the rights, and enter again"
                ) from error
        return entry

    def close(self) -> None:
        """Let no more models enter, and reveal an unseen track.

        Raises:
            RaceError: it is closed, cannot be written, or the secret is not the one that was committed to.
        """
        with locked(self.path):
            self.check_open()
            secret = self._checked_secret() if self.record.commitment else None
            record = self.record.replaced(closed=now(), revealed=secret)
            try:
                with replacing(self.path / RECORD) as temporary:
                    temporary.write_bytes(record_bytes(record))
            except OSError as error:
                raise RaceError(f"{self.name} stays open: {RECORD}: {error.strerror or error}") from error
            self.record = record
            with suppress(OSError):
                (self.path / SECRET).unlink(missing_ok=True)

    def check_open(self) -> None:
        """Look again whether models can enter.

        Raises:
            RaceError: the race is closed or damaged.
        """
        self.record = read_record(self.path / RECORD, RaceRecord)
        if not self.is_open:
            raise RaceError(f"the race {self.name} is closed since {self.record.closed}")

    def _numbers(self) -> list[int]:
        folder = self.path / ENTRIES
        return sorted(int(entry.name) for entry in folder.glob("[0-9]*") if entry.name.isdecimal())

    def _entry_path(self, number: int) -> Path:
        return self.path / ENTRIES / f"{number:05d}"

    def _checked_secret(self) -> SecretTrack:
        secret = read_record(self.path / SECRET, SecretTrack)
        if secret.commitment != self.record.commitment:
            raise RaceError(f"{self.path / SECRET} is not what {self.name} has committed to: put it back")
        if not secret.is_of(self.track()):
            raise RaceError(f"{self.path / TRACK} is not the track {secret.track} that it has committed to")
        return secret


def checked_name(name: str) -> str:
    """Return the name of a race or season.

    Raises:
        RaceError: none may be called so.
    """
    try:
        return check_name(name)
    except ModelError as error:
        raise RaceError(str(error)) from error


def race_names(folder: Path) -> list[str]:
    """Name the races in a folder, damaged ones too."""
    return sorted(race.parent.name for race in folder.glob(f"[!.]*/{RECORD}"))
