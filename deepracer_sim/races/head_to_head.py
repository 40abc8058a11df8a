"""The first three of a race on one track: their drives again, side by side, as a video."""

from __future__ import annotations

from pathlib import Path

from deepracer_sim.errors import RaceError
from deepracer_sim.evaluation import Evaluation
from deepracer_sim.evaluation_video import HOLD, save_frames
from deepracer_sim.races.driving import digest, drive, judged, load_entry
from deepracer_sim.races.entry import Entry
from deepracer_sim.races.head_to_head_screen import HeadToHeadScreen, Racer
from deepracer_sim.races.leaderboard import Leaderboard, Standing
from deepracer_sim.races.leaderboard_page import MOST_SHOWN, VIDEO
from deepracer_sim.races.race import PUBLISHED, Race
from deepracer_sim.simulation import Course


def save_head_to_head(race: Race) -> Path:
    """Drive a race's first three again and write their video; return its path.

    Raises:
        DeepRacerError: the track is still secret, there is no entry, one does not drive its laps again, or
            the video cannot be written.
    """
    if race.is_secret:
        raise RaceError(
            f"a video would show the track of {race.name}; close the race first: "
            f"deepracer race close {race.name}"
        )
    standings = Leaderboard.of(race).standings[:MOST_SHOWN]
    if not standings:
        raise RaceError(f"{race.name} has no entries yet: there is nothing to show")
    course = race.course()
    racers = [_racer(standing, drive_again(race, standing.entry, course)) for standing in standings]
    screen = HeadToHeadScreen(racers, course, race.rules, race.name)
    path = race.path / PUBLISHED / VIDEO
    save_frames(screen.frames(HOLD), path)
    return path


def drive_again(race: Race, entry: Entry, course: Course) -> Evaluation:
    """Drive an entry from its bundle, as when it entered.

    Raises:
        DeepRacerError: its bundle is damaged, or its laps are others than it had.
    """
    folder = race.bundle_path(entry)
    model = load_entry(folder)
    if digest(folder) != entry.sha256:
        raise RaceError(f"entry {entry.number} of {race.name}: its model is not the one that was driven")
    evaluation = drive(model, race.rules, course)
    if judged(evaluation) != entry.drive:
        raise RaceError(
            f"entry {entry.number} of {race.name} drives other laps than when it entered; only the same "
            "version of this program with the same libraries on the same kind of processor drives the same"
        )
    return evaluation


def _racer(standing: Standing, evaluation: Evaluation) -> Racer:
    ending = standing.entry.drive.ending.replace("_", " ").upper()
    result = "DNF" if standing.result is None else f"{standing.result:.3f} s"
    return Racer(standing.entry.racer, f"{ending}   {result}", evaluation)
