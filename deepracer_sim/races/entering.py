"""Entering a race: take in a model, drive it, keep it with its laps."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from deepracer_sim.errors import RaceError
from deepracer_sim.races.driven_line import LINE, DrivenLine
from deepracer_sim.races.driving import drive, judged, load_entry
from deepracer_sim.races.entry import LONGEST_NAME, Entry, shown_name
from deepracer_sim.races.model_source import copy_bundle
from deepracer_sim.races.race import Race


def enter(race: Race, model: str, racer: str | None = None, store: Path | None = None) -> Entry:
    """Drive a model in a race, and keep it there with its laps.

    Other programs may enter meanwhile; the race is locked only while the entry is written.

    Args:
        race: an open one.
        model: see `copy_bundle`.
        racer: under which name it drives; by default the model's.
        store: folder of the models.

    Raises:
        DeepRacerError: the race is closed, there is no such model, it does not fit the car, or the entry
            cannot be written. The race is then as it was.
    """
    race.check_open()
    racer = None if racer is None else shown_name(racer)
    try:
        with TemporaryDirectory(prefix="deepracer_race_") as folder:
            bundle = Path(folder).resolve()
            called = shown_name(copy_bundle(model, bundle, store)[:LONGEST_NAME])
            loaded = load_entry(bundle)
            evaluation = drive(loaded, race.rules, race.course())
            (bundle / LINE).write_text(DrivenLine.of(evaluation).model_dump_json())
            return race.add(bundle, racer or called, called, judged(evaluation))
    except OSError as error:
        raise RaceError(f"no room for a copy of {model}: {error.strerror or error}; set TMPDIR") from error
