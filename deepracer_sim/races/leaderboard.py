"""Who stands where in a race, as a table in plain text and as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from deepracer_sim.races.entry import Entry
from deepracer_sim.races.race import Race
from deepracer_sim.races.record_file import now
from deepracer_sim.races.rules import RaceRules, points


@dataclass(frozen=True)
class Standing:
    """A racer's best entry.

    Attributes:
        place: from 1 on; None for one that did not finish.
        entry: the best one; earlier of equals.
        result: what it counts as, seconds; None if it did not finish.
        gap: to the first place, seconds.
        entries: how many the racer has made.
    """

    place: int | None
    entry: Entry
    result: float | None
    gap: float | None
    entries: int

    @property
    def points(self) -> float:
        """What it counts in a season."""
        return points(self.result)


@dataclass(frozen=True)
class Leaderboard:
    """A race's standings, the first place first.

    Attributes:
        race: whose.
        standings: one for each racer.
        problems: what is wrong with entries that cannot be read; they are not among the standings.
    """

    race: Race
    standings: tuple[Standing, ...]
    problems: tuple[str, ...]

    @classmethod
    def of(cls, race: Race) -> Leaderboard:
        """Read a race's entries."""
        entries, problems = race.entries()
        return cls(race, tuple(ranked(entries, race.rules)), tuple(problems))

    def standing_of(self, racer: str) -> Standing | None:
        """Return where a racer stands; None for one without a readable entry."""
        return next((standing for standing in self.standings if standing.entry.racer == racer), None)


def ranked(entries: Sequence[Entry], rules: RaceRules) -> list[Standing]:
    """Put the best entry of each racer in order.

    The lower result is ahead; of equal ones the one with fewer resets, then the earlier one. Those who did
    not finish come last, the farther driven first.
    """

    def order(entry: Entry) -> tuple[float, ...]:
        result = rules.result(entry.drive.times)
        if result is None:
            return 1, -entry.drive.distance, entry.drive.resets, entry.number
        return 0, result, entry.drive.resets, entry.number

    best: dict[str, Entry] = {}
    for entry in sorted(entries, key=order):
        best.setdefault(entry.racer, entry)
    standings: list[Standing] = []
    for place, entry in enumerate(best.values(), 1):
        result = rules.result(entry.drive.times)
        leader = standings[0].result if standings else result
        count = sum(other.racer == entry.racer for other in entries)
        finished = result is not None and leader is not None
        gap = round(result - leader, 3) if finished else None  # type: ignore[operator]
        standings.append(Standing(place if finished else None, entry, result, gap, count))
    return standings


HEADER = ("place", "racer", "model", "result s", "gap s", "laps s", "resets", "entries", "ended")


def format_leaderboard(board: Leaderboard) -> str:
    """Lay a leaderboard out as plain text."""
    rows = [_cells(standing) for standing in board.standings]
    race = board.race
    state = "open" if race.is_open else f"closed {race.record.closed}"
    lines = [f"{race.name}: {race.track_name}, {state}", race.rules.sentence(), ""]
    lines += format_table(HEADER, rows, texts={1, 2, 5, 8}) if rows else ["no entries yet"]
    if any("*" in row[5] for row in rows):
        lines.append("* with the penalties of its resets")
    if race.record.commitment:
        lines += ["", f"commitment to the track: {race.record.commitment}"]
    if secret := race.record.revealed:
        lines += [f"track and nonce:         {secret.text}"]
    return "\n".join([*lines, *(f"left out: {problem}" for problem in board.problems)])


def format_table(header: Sequence[str], rows: Sequence[Sequence[str]], texts: set[int]) -> list[str]:
    """Lay rows out in columns, those in `texts` to the left, and a rule below the header."""
    table = [header, *rows]
    widths = [max(len(row[column]) for row in table) for column in range(len(header))]
    lines = [
        "  ".join(
            cell.ljust(width) if column in texts else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in table
    ]
    return [lines[0], "-" * max(map(len, lines)), *lines[1:]]


def _cells(standing: Standing) -> tuple[str, ...]:
    drive = standing.entry.drive
    laps = " ".join(f"{lap.time:.3f}{'*' if lap.resets else ''}" for lap in drive.laps)
    return (
        "-" if standing.place is None else str(standing.place),
        standing.entry.racer,
        standing.entry.model,
        "DNF" if standing.result is None else f"{standing.result:.3f}",
        "-" if standing.gap is None else f"{standing.gap:.3f}",
        laps or "-",
        str(drive.resets),
        str(standing.entries),
        drive.ending.replace("_", " "),
    )


def leaderboard_json(board: Leaderboard) -> bytes:
    """Return the leaderboard for programs; there is nothing secret in it."""
    record = board.race.record
    content = {
        "race": {
            "name": board.race.name,
            "track": board.race.track_name,
            "open": board.race.is_open,
            "created": record.created,
            "closed": record.closed,
            "rules": record.rules.model_dump(mode="json"),
            "commitment": record.commitment,
            "revealed": record.revealed and record.revealed.model_dump(mode="json"),
        },
        "written": now(),
        "standings": [_standing_json(standing) for standing in board.standings],
        "left_out": list(board.problems),
    }
    return (json.dumps(content, indent=2, allow_nan=False) + "\n").encode()


def _standing_json(standing: Standing) -> dict[str, Any]:
    entry = standing.entry
    return {
        "place": standing.place,
        "racer": entry.racer,
        "model": entry.model,
        "result": standing.result,
        "gap": standing.gap,
        "points": standing.points,
        "laps": [lap.model_dump() for lap in entry.drive.laps],
        "resets": entry.drive.resets,
        "distance": entry.drive.distance,
        "ending": entry.drive.ending,
        "submitted": entry.submitted,
        "entry": entry.number,
        "entries": standing.entries,
        "sha256": entry.sha256,
    }
