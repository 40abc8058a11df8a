"""A race's leaderboard as a table of the page."""

from __future__ import annotations

from typing import Any

from nicegui import ui

from deepracer_sim.races.entry import Drive
from deepracer_sim.races.leaderboard import Leaderboard, Standing

COLUMNS = (
    ("place", "Place", "left", ""),
    ("racer", "Racer", "left", ""),
    ("result", "Result", "right", ""),
    ("gap", "Gap", "right", ""),
    ("laps", "Laps", "left", "gt-sm"),
    ("resets", "Resets", "right", "gt-xs"),
    ("entries", "Entries", "right", "gt-xs"),
    ("entered", "Entered (UTC)", "left", "gt-sm"),
)
"""Name, title, side and class of each; the last ones go first where there is little room."""
RACER = """<q-td :props="props"><div class="board-racer">{{ props.row.racer }}</div>
<div class="soft board-model" v-if="props.row.model">{{ props.row.model }}</div></q-td>"""
PLACE = """<q-td :props="props">
<span :class="'board-place place-' + props.row.place">{{ props.row.place }}</span></q-td>"""
LAPS = """<q-td :props="props"><div class="board-laps">
<span v-for="lap in props.row.laps" :class="lap.kind">{{ lap.text }}</span></div></q-td>"""
RESETS = """<q-td :props="props">
<span :class="props.row.resets ? 'bad' : ''">{{ props.row.resets }}</span></q-td>"""


class LeaderboardView:
    """The table; `show` fills it anew."""

    def __init__(self) -> None:
        columns = [
            {
                "name": name,
                "label": title,
                "field": name,
                "align": side,
                "classes": kind,
                "headerClasses": kind,
            }
            for name, title, side, kind in COLUMNS
        ]
        self.table = ui.table(columns=columns, rows=[], row_key="racer").classes("board w-full")
        self.table.props("flat hide-pagination :rows-per-page-options='[0]'")
        for name, slot in (("racer", RACER), ("place", PLACE), ("laps", LAPS), ("resets", RESETS)):
            self.table.add_slot(f"body-cell-{name}", slot)
        self.nobody = ui.label("No entries yet: enter one of your models.").classes("soft")
        self.note = ui.label("* with the penalties of its resets").classes("soft gt-sm")  # as the laps
        self.problems = ui.column().classes("w-full gap-1")

    def show(self, board: Leaderboard) -> None:
        """Show a race as it stands now."""
        self.table.rows = [_row(standing) for standing in board.standings]
        self.table.set_visibility(bool(board.standings))
        self.nobody.set_visibility(not board.standings)
        self.nobody.text = (
            "No entries yet: enter one of your models." if board.race.is_open else "Nobody has entered."
        )
        self.note.set_visibility(any(standing.entry.drive.resets for standing in board.standings))
        self.problems.clear()
        with self.problems:
            for problem in board.problems:
                ui.label(f"Left out: {problem}").classes("bad")


def _row(standing: Standing) -> dict[str, Any]:
    entry = standing.entry
    return {
        "place": standing.place or "-",
        "racer": entry.racer,
        "model": entry.model if entry.model != entry.racer else "",
        "result": "DNF" if standing.result is None else f"{standing.result:.3f} s",
        "gap": "" if not standing.gap else f"+{standing.gap:.3f}",
        "laps": _laps(entry.drive),
        "resets": entry.drive.resets,
        "entries": standing.entries,
        "entered": entry.submitted[:16].replace("T", " "),
    }


def _laps(drive: Drive) -> list[dict[str, str]]:
    best = min(drive.times, default=0.0)
    laps = [
        {"text": f"{lap.time:.3f}{'*' if lap.resets else ''}", "kind": "best" if lap.time == best else ""}
        for lap in drive.laps
    ]
    if not drive.is_finished:
        end = f"{drive.ending.replace('_', ' ')} after {drive.distance:.2f} laps"
        laps.append({"text": end, "kind": "soft"})
    return laps
