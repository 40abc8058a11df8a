"""A season: the points of all its races added up."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from deepracer_sim.errors import RaceError
from deepracer_sim.races.leaderboard import Leaderboard, format_table
from deepracer_sim.races.leaderboard_page import write_files
from deepracer_sim.races.race import Race, checked_name, race_names
from deepracer_sim.races.record_file import now
from deepracer_sim.races.web_page import name_cell, page, place_cell, table


@dataclass(frozen=True)
class SeasonStanding:
    """A racer in a season.

    Attributes:
        place: from 1 on; those with equal points share it.
        racer: the name, the same in all races.
        points: of all races together.
        by_race: of each race, in the season's order; None where the racer has not entered.
    """

    place: int
    racer: str
    points: float
    by_race: tuple[float | None, ...]


@dataclass(frozen=True)
class Season:
    """All races of one season, in the order in which they were made.

    Attributes:
        name: of the season.
        boards: the races' leaderboards; those of open races may still change.
        problems: what is wrong with races and entries that cannot be read.
    """

    name: str
    boards: tuple[Leaderboard, ...]
    problems: tuple[str, ...]

    @classmethod
    def of(cls, folder: Path, name: str) -> Season:
        """Read a season's races.

        Raises:
            RaceError: no race counts for it.
        """
        checked_name(name)
        races, problems = read_races(folder)
        mine = [race for race in races if race.rules.season == name]
        if not mine:
            others = sorted({race.rules.season for race in races if race.rules.season})
            raise RaceError(
                f"no race counts for the season {name}: there is {', '.join(others) or 'no season'}; "
                f"deepracer race create NAME --season {name} makes one"
            )
        boards = tuple(Leaderboard.of(race) for race in mine)
        left_out = [f"{board.race.name}, {problem}" for board in boards for problem in board.problems]
        return cls(name, boards, (*problems, *left_out))

    @property
    def standings(self) -> tuple[SeasonStanding, ...]:
        """All racers, the one with the most points first."""
        by_race: dict[str, list[float | None]] = {}
        for index, board in enumerate(self.boards):
            for standing in board.standings:
                row = by_race.setdefault(standing.entry.racer, [None] * len(self.boards))
                row[index] = standing.points
        totals = {racer: round(sum(filter(None, row)), 3) for racer, row in by_race.items()}
        return tuple(
            SeasonStanding(
                1 + sum(other > totals[racer] for other in totals.values()),
                racer,
                totals[racer],
                tuple(by_race[racer]),
            )
            for racer in sorted(totals, key=lambda racer: (-totals[racer], racer))
        )


def read_races(folder: Path) -> tuple[list[Race], list[str]]:
    """Return the races of a folder, oldest first, and what is wrong with those that cannot be read."""
    races, problems = [], []
    for name in race_names(folder):
        try:
            races.append(Race.open(folder / name))
        except RaceError as error:
            problems.append(f"race {name}: {str(error).replace(f'{folder}/', '')}")
    return sorted(races, key=lambda race: (race.record.created, race.name)), problems


def publish_season(folder: Path, season: Season) -> list[Path]:
    """Write a season's page and JSON into the folder of the races; return their paths.

    Raises:
        RaceError: they cannot be written; older ones are intact.
    """
    name = folder / f"season_{season.name}"
    files = {name.with_suffix(".html"): season_page(season), name.with_suffix(".json"): season_json(season)}
    write_files(files)
    return list(files)


def format_season(season: Season) -> str:
    """Lay a season out as plain text."""
    header = ("place", "racer", "points", *(_label(board.race) for board in season.boards))
    rows = [
        (str(row.place), row.racer, f"{row.points:.3f}", *(_points(value) for value in row.by_race))
        for row in season.standings
    ]
    notes = ["* open: may still change"] if any(board.race.is_open for board in season.boards) else []
    lines = format_table(header, rows, texts={1}) if rows else ["no entries yet"]
    left_out = (f"left out: {problem}" for problem in season.problems)
    return "\n".join([f"season {season.name}", "", *lines, *notes, *left_out])


def season_json(season: Season) -> bytes:
    """Return a season for programs."""
    races = [
        {"name": board.race.name, "track": board.race.track_name, "open": board.race.is_open}
        for board in season.boards
    ]
    standings = [
        {"place": row.place, "racer": row.racer, "points": row.points, "by_race": row.by_race}
        for row in season.standings
    ]
    content = {
        "season": season.name,
        "written": now(),
        "races": races,
        "standings": standings,
        "left_out": list(season.problems),
    }
    return (json.dumps(content, indent=2, allow_nan=False) + "\n").encode()


def season_page(season: Season) -> bytes:
    """Return a season as a web page."""
    columns = [("", ""), ("Racer", "text"), ("Points", "result")]
    columns += [(_label(board.race), "") for board in season.boards]
    rows = [
        [place_cell(row.place), name_cell(row.racer), f"{row.points:.3f}", *map(_points, row.by_race)]
        for row in season.standings
    ]
    body = [
        f"<h1>Season {escape(season.name)}</h1>",
        '<p class="faint">A race gives a thousand points less the seconds of the result, '
        "and none to those who did not finish.</p>",
        "<h2>Standings</h2>",
        *(table(columns, rows) if rows else ["<p>No entries yet.</p>"]),
        *_open_note(season.boards),
        *(f'<p class="reset">Left out: {escape(problem)}</p>' for problem in season.problems),
    ]
    return page(f"Season {season.name}", body)


def _open_note(boards: Sequence[Leaderboard]) -> list[str]:
    is_open = any(board.race.is_open for board in boards)
    return ['<p class="faint">* open: may still change</p>'] if is_open else []


def _label(race: Race) -> str:
    return f"{race.name}{'*' if race.is_open else ''}"


def _points(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
