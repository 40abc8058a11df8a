"""Making a race: its folder appears complete or not at all, and keeps the secret of an unseen track."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from deepracer_sim.errors import RaceError
from deepracer_sim.races.race import (
    ENTRIES,
    PUBLISHED,
    RECORD,
    SECRET,
    TRACK,
    Race,
    RaceRecord,
    checked_name,
)
from deepracer_sim.races.record_file import locked, now, record_bytes
from deepracer_sim.races.rules import UNSEEN, RaceRules
from deepracer_sim.races.secret_track import SecretTrack

if TYPE_CHECKING:
    from deepracer_sim.track import Track

UNFINISHED = ".unfinished"
"""A race that is being made."""


def create_race(path: Path, rules: RaceRules) -> Race:
    """Make a race.

    Args:
        path: of its folder, whose name is the race's.
        rules: of the race; a track's file is copied, and may go afterwards.

    Raises:
        DeepRacerError: the name is none, there is such a race, there is no such track, or the folder cannot
            be written.
    """
    from deepracer_sim.track_library import load_track

    checked_name(path.name)
    if rules.season is not None:
        checked_name(rules.season)
    if path.exists():
        raise _taken(path)
    secret = SecretTrack.drawn() if rules.track == UNSEEN else None
    track = load_track(secret.track if secret else rules.track)
    name = Path(rules.track).stem if Path(rules.track).suffix else rules.track
    commitment = secret and secret.commitment
    record = RaceRecord(rules=rules.replaced(track=name), created=now(), commitment=commitment)
    try:
        _build(path, record, track, secret)
    except OSError as error:
        raise RaceError(
            f"cannot make {path}: {error.strerror or error}; free some space or choose another folder"
        ) from error
    return Race(path, record)


def _build(path: Path, record: RaceRecord, track: Track, secret: SecretTrack | None) -> None:
    """Make a race's folder where nobody else can look, then give it its name."""
    from deepracer_sim.track_library import save_track

    path.parent.mkdir(parents=True, exist_ok=True)
    with locked(path.parent):
        if path.exists():
            raise _taken(path)
        private = path.with_name(UNFINISHED)
        shutil.rmtree(private, ignore_errors=True)  # left by a program that was killed: we have the lock
        private.mkdir(mode=0o700)
        try:
            race = private / path.name
            (race / ENTRIES).mkdir(parents=True)
            (race / PUBLISHED).mkdir()
            save_track(track, race / TRACK)
            if secret:
                (race / SECRET).write_bytes(record_bytes(secret))
                for name in (SECRET, TRACK):
                    (race / name).chmod(0o600)
            (race / RECORD).write_bytes(record_bytes(record))
            race.rename(path)
        finally:
            shutil.rmtree(private, ignore_errors=True)


def _taken(path: Path) -> RaceError:
    return RaceError(f"there is a race {path.name} in {path.parent} already: choose another name")
