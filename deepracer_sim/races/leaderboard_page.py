"""A race's leaderboard as a web page, and the files that are handed to others."""

from __future__ import annotations

from html import escape
from pathlib import Path

from deepracer_sim.errors import RaceError
from deepracer_sim.file_replacement import replacing
from deepracer_sim.races.entry import Drive
from deepracer_sim.races.leaderboard import Leaderboard, Standing, leaderboard_json
from deepracer_sim.races.race import PUBLISHED, Race
from deepracer_sim.races.record_file import locked, time_of
from deepracer_sim.races.web_page import name_cell, page, place_cell, table, track_picture

PAGE, DATA, VIDEO = "leaderboard.html", "leaderboard.json", "head_to_head.mp4"
MOST_SHOWN = 3
"""Racers in the video."""
COLUMNS = (
    ("", ""),
    ("Racer", "text"),
    ("Result", "result"),
    ("Gap", ""),
    ("Laps", "text"),
    ("Resets", ""),
    ("Entries", ""),
    ("Submitted", "faint"),
)


def publish(race: Race) -> tuple[Leaderboard, list[Path]]:
    """Write a race's page and JSON; return its leaderboard and their paths.

    Raises:
        RaceError: they cannot be written; older ones are intact.
    """
    folder = race.path / PUBLISHED
    with locked(race.path):
        board = Leaderboard.of(race)
        files = {folder / PAGE: leaderboard_page(board), folder / DATA: leaderboard_json(board)}
        write_files(files)
    return board, list(files)


def write_files(files: dict[Path, bytes]) -> None:
    """Write files, each as a whole.

    Raises:
        RaceError: one cannot be written; an older one of its name is intact.
    """
    for file, content in files.items():
        try:
            file.parent.mkdir(exist_ok=True)
        except OSError as error:
            raise RaceError(f"cannot make {file.parent}: {error.strerror or error}") from error
        with replacing(file, RaceError) as temporary:
            temporary.write_bytes(content)


def leaderboard_page(board: Leaderboard) -> bytes:
    """Return the page; it shows nothing that is still secret."""
    race = board.race
    state = '<span class="state open">open</span>' if race.is_open else '<span class="state">closed</span>'
    rows = [_row(standing) for standing in board.standings]
    body = [
        f"<h1>{escape(race.name)}{state}</h1>",
        f"<p>Track: {escape(race.track_name)}</p>",
        f'<p class="faint">{escape(_capital(race.rules.sentence()))}.</p>',
        "<h2>Standings</h2>",
        *(table(COLUMNS, rows) if rows else ["<p>No entries yet.</p>"]),
        *_problems(board),
        *_track(race),
        *_commitment(race),
        *_video(board),
        f'<p class="faint">Created {_time(race.record.created)}'
        f"{f', closed {_time(race.record.closed)}' if race.record.closed else ''}.</p>",
    ]
    return page(race.name, body)


def _row(standing: Standing) -> list[str]:
    entry, drive = standing.entry, standing.entry.drive
    return [
        place_cell(standing.place),
        name_cell(entry.racer, entry.model if entry.model != entry.racer else ""),
        "DNF" if standing.result is None else f"{standing.result:.3f}",
        "" if not standing.gap else f"+{standing.gap:.3f}",
        _laps(drive),
        f'<span class="reset">{drive.resets}</span>' if drive.resets else "0",
        str(standing.entries),
        _time(entry.submitted),
    ]


def _laps(drive: Drive) -> str:
    best = min(drive.times, default=0.0)
    cells = []
    for lap in drive.laps:
        marks = f"{lap.time:.3f}{_star(lap.resets)}"
        kind = "lap best" if lap.time == best else "lap"
        cells.append(f'<span class="{kind}{" reset" if lap.resets else ""}">{marks}</span>')
    if not drive.is_finished:
        cells.append(f'<span class="faint">{escape(_end(drive))}</span>')
    return " ".join(cells)


def _star(resets: int) -> str:
    return f"<sup>*{resets if resets > 1 else ''}</sup>" if resets else ""


def _end(drive: Drive) -> str:
    return f"{drive.ending.replace('_', ' ')} after {drive.distance:.2f} laps"


def _problems(board: Leaderboard) -> list[str]:
    note = '<p class="faint">* resets, whose penalties are in the time</p>'
    resets = any(lap.resets for standing in board.standings for lap in standing.entry.drive.laps)
    left_out = [f'<p class="reset">Left out: {escape(problem)}</p>' for problem in board.problems]
    return [*([note] if resets else []), *left_out]


def _track(race: Race) -> list[str]:
    if race.is_secret:
        return ["<h2>Track</h2>", "<p>It is not shown before the race is closed.</p>"]
    try:
        return ["<h2>Track</h2>", f'<div class="card">{track_picture(race.track())}</div>']
    except RaceError as error:
        return ["<h2>Track</h2>", f'<p class="reset">{escape(str(error).replace(f"{race.path}/", ""))}</p>']


def _commitment(race: Race) -> list[str]:
    record = race.record
    if record.commitment is None:
        return []
    about = (
        "The track was chosen before the race began: this number was published then. "
        "When the race is closed, so are the track and a nonce, whose SHA-256 it is."
    )
    lines = [f"<p>{about}</p>", f"<dl><dt>commitment</dt><dd><code>{record.commitment}</code></dd>"]
    if secret := record.revealed:
        check = f"printf %s '{secret.text}' | sha256sum"
        lines += [
            f"<dt>track</dt><dd><code>{secret.track}</code></dd>",
            f"<dt>nonce</dt><dd><code>{secret.nonce}</code></dd>",
            f"<dt>check it</dt><dd><code>{escape(check)}</code><br>",
            f"<code>deepracer tracks show {secret.track}</code></dd>",
        ]
    return [*lines, "</dl>"]


def _video(board: Leaderboard) -> list[str]:
    """Link to the video, unless others are ahead by now."""
    file = board.race.path / PUBLISHED / VIDEO
    shown = [standing.entry.submitted for standing in board.standings[:MOST_SHOWN]]
    if not (file.exists() and all(time_of(file.stat().st_mtime) >= entered for entered in shown)):
        return []
    return [f'<h2>Head to head</h2><p><a href="{VIDEO}">The first three on one track</a></p>']


def _time(text: str) -> str:
    return text.replace("T", " ").replace("Z", " UTC")


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
