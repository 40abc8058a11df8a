"""What the race pages read of a race, and what they have done to it; all of it plain values.

Functions that load torch are for the workshop, as it says with them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deepracer_sim.errors import RaceError
from deepracer_sim.races.driven_line import DrivenLine
from deepracer_sim.races.leaderboard import Leaderboard, Standing
from deepracer_sim.races.race import ENTRIES, PUBLISHED, RECORD, Race, checked_name
from deepracer_sim.races.season import read_races

MOST_GHOSTS = 20
"""Cars in a replay."""
MOST_ROWS = 20_000
"""Of a car in a replay, 22 minutes: of a longer drive only the best lap is shown."""


@dataclass(frozen=True)
class RaceRow:
    """What a list of races says about one of them.

    Attributes:
        race: itself.
        racers: how many have entered.
        leader: who leads it; None while nobody has finished.
        problems: entries that cannot be read.
    """

    race: Race
    racers: int
    leader: Standing | None
    problems: tuple[str, ...]


def race_rows(folder: Path) -> tuple[list[RaceRow], list[str]]:
    """Return the races of a folder, the newest first, and what is wrong with those that cannot be read."""
    races, problems = read_races(folder)
    rows = []
    for race in reversed(races):
        board = Leaderboard.of(race)
        first = board.standings[0] if board.standings else None
        leader = first if first and first.result is not None else None
        rows.append(RaceRow(race, len(board.standings), leader, board.problems))
    return rows, problems


def open_race(folder: Path, name: str) -> Race:
    """Open a race by a name that anybody may have thought up.

    Raises:
        RaceError: there is no such race, or it is damaged.
    """
    path = folder / checked_name(name)
    if not path.is_dir():
        raise RaceError(f"there is no race {name}")
    return Race.open(path)


def stamp(path: Path) -> tuple[int, ...]:
    """Return numbers that change when a race does: its record, its entries, its published files."""
    stamps = []
    for part in (RECORD, ENTRIES, PUBLISHED):
        try:
            stamps.append((path / part).stat().st_mtime_ns)
        except OSError:
            stamps.append(0)
    return tuple(stamps)


def create(folder: str, name: str, values: Mapping[str, Any]) -> None:
    """Make a race; for the workshop.

    Raises:
        DeepRacerError: as `create_race`.
    """
    from deepracer_sim.races.leaderboard_page import publish
    from deepracer_sim.races.race_creation import create_race
    from deepracer_sim.races.rules import RaceRules

    publish(create_race(Path(folder) / checked_name(name), RaceRules(**values)))


def close(path: str) -> None:
    """Close a race and publish its leaderboard; for the workshop.

    Raises:
        RaceError: it is closed already, damaged, or cannot be written.
    """
    from deepracer_sim.races.leaderboard_page import publish

    race = Race.open(Path(path))
    race.close()
    publish(race)


def leaderboard_html(path: str) -> bytes:
    """Return a race's leaderboard as a page of its own; for the workshop."""
    from deepracer_sim.races.leaderboard_page import leaderboard_page

    return leaderboard_page(Leaderboard.of(Race.open(Path(path))))


def replay(race: Race) -> dict[str, Any]:
    """Return the drives of a race for its replay: seconds, metres and radians.

    Raises:
        RaceError: the track is secret still.
    """
    if race.is_secret:
        raise RaceError(f"the drives would show the track of {race.name}: it is secret until the end")
    cars: list[dict[str, Any]] = []
    missing: list[str] = []
    for standing in Leaderboard.of(race).standings:
        if len(cars) == MOST_GHOSTS:
            break
        try:
            line = DrivenLine.load(race.bundle_path(standing.entry))
        except RaceError:
            line = None  # damaged: as good as none, for this
        if line is None:
            missing.append(standing.entry.racer)
        else:
            cars.append(_car(standing, line, race.rules.off_track_penalty))
    return {"penalty": race.rules.off_track_penalty, "cars": cars, "missing": missing}


def _car(standing: Standing, line: DrivenLine, penalty: float) -> dict[str, Any]:
    """Return one car's drive; `first` is the number of its first row where not all are sent."""
    drive = standing.entry.drive
    laps, begin = [], 0.0
    for lap in drive.laps:
        end = begin + lap.time - penalty * lap.resets
        laps.append({"begin": begin, "end": end, "time": lap.time, "resets": lap.resets})
        begin = end
    best = min(range(len(laps)), key=lambda number: laps[number]["time"], default=None)
    first, last = 0, len(line.x)
    if last > MOST_ROWS and best is not None:
        first = int(laps[best]["begin"] / line.step)
        last = min(last, int(laps[best]["end"] / line.step) + 2)
    last = min(last, first + MOST_ROWS)
    return {
        "racer": standing.entry.racer,
        "place": standing.place,
        "result": standing.result,
        "ending": drive.ending,
        "step": line.step,
        "laps": laps,
        "best": best,
        "isWhole": last - first == len(line.x),
        "first": first,
        "resets": [row - first for row in line.resets if first <= row < last - 1],
        "x": line.x[first:last],
        "y": line.y[first:last],
        "yaw": line.yaw[first:last],
    }
