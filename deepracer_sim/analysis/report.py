"""The report: one HTML page with its figures, their data and all that draws them."""

from __future__ import annotations

import json
import os
from importlib import resources
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd
import plotly.graph_objects as go
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from deepracer_sim.analysis import action_figures, tables, track_figures, training_figures
from deepracer_sim.analysis.record_files import read_records
from deepracer_sim.analysis.records import Records
from deepracer_sim.analysis.replay import replay_data
from deepracer_sim.analysis.summary import seconds, summary
from deepracer_sim.errors import RunError
from deepracer_sim.file_replacement import replacing
from deepracer_sim.run_files import LOG, REWARD

REPORT = "report.html"
MOST_TRACKS = 4
"""That are shown, the most driven ones: maps and replays of a track take up to a megabyte."""
MOST_ROWS = 10
"""Of a table."""
PRINTED_LINES, PRINTED_CHARACTERS, SOURCE_CHARACTERS = 200, 20_000, 50_000
"""Of the reward function's prints (the last ones) and of its source that are shown."""
MOST_BYTES = 4_000_000
"""Of a log that is looked through for prints, its end."""
WORST_STRETCHES = 3


def write_report(path: Path, output: Path | None = None) -> Path:
    """Write the report of a run or an evaluation; return its path.

    Args:
        path: run folder, or folder of an evaluation.
        output: .html file; by default report.html in the folder. It appears there only when it is complete.

    Raises:
        RunError: the folder is neither, or the file cannot be written.
    """
    page = render(read_records(path))
    output = output or Path(path) / REPORT
    with replacing(output, RunError) as temporary:
        temporary.write_text(page, encoding="utf-8")
    return output


def render(records: Records) -> str:
    """Return the page."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("deepracer_sim.analysis", "page"), autoescape=True, trim_blocks=True
    )
    shown = list(tables.share_of_tracks(records.steps))
    hidden = shown[MOST_TRACKS:]
    notes = list(records.notes)
    if hidden:
        notes.append(f"only the {MOST_TRACKS} most driven tracks are drawn; not {', '.join(hidden)}")
    figures = _figures(records, shown[:MOST_TRACKS])
    data = {
        "figures": {name: json.loads(chart.to_json()) for name, chart in figures.items()},
        "replays": [replay_data(records, track) for track in shown[:MOST_TRACKS]],
    }
    return environment.get_template("report.html").render(
        records=records,
        title=records.path.resolve().name,
        tiles=summary(records),
        notes=notes,
        tracks=[_track_facts(records, track) for track in shown[:MOST_TRACKS]],
        parts=_parts(records, shown[:MOST_TRACKS]),
        map_part=track_figures.map_part,
        exit_part=track_figures.exit_part,
        figures=set(figures),
        laps=_lap_rows(records),
        evaluations=records.evaluations.iloc[::-1].to_dict("records"),
        unused=_unused(records),
        texts=_texts(records),
        seconds=seconds,
        plotly=Markup(get_plotlyjs()),
        style=_page_file("report.css"),
        scripts=[_page_file("replay.js"), _page_file("report.js")],
        data=_embedded(data),
    )


def _page_file(name: str) -> Markup:
    return Markup((resources.files("deepracer_sim.analysis") / "page" / name).read_text(encoding="utf-8"))


def _embedded(data: Any) -> Markup:
    """Return JSON that cannot end the script element that it stands in."""
    text = json.dumps(data, separators=(",", ":"), allow_nan=False)
    for sign in "<>&\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return Markup(text)


def _figures(records: Records, tracks: list[str]) -> dict[str, go.Figure]:
    """Draw all that there is data for; on the track, a name ends in the track's number."""
    figures: dict[str, go.Figure] = {}
    if records.kind == "training" and len(records.iterations):
        figures["learning"] = training_figures.learning_figure(records)
        if len(records.reward_terms.columns):
            figures["terms"] = training_figures.reward_terms_figure(records)
    if training_figures.has_laps(records):
        figures["laps"] = training_figures.lap_figure(records)
    if not len(records.own_steps):
        return figures
    if records.kind == "training":
        figures["rewards"] = training_figures.reward_figure(records)
    figures["actions"] = action_figures.action_space_figure(records)
    if len(records.action_shares) > 1:
        figures["shares"] = action_figures.action_shares_figure(records)
    for number, track in enumerate(tracks):
        maps = track_figures.map_figures(records, track)
        figures |= {f"{name}-{number}": chart for name, chart in maps.items()}
        if (records.exits["track"] == track).any():
            figures[f"exits-{number}"] = track_figures.exit_figure(records, track)
            if track in records.tracks:
                figures[f"exit-shares-{number}"] = track_figures.exit_share_figure(records, track)
    return figures


def _parts(records: Records, tracks: list[str]) -> list[str]:
    """Return the parts of the steps that a map of any track can show."""
    return list(dict.fromkeys(part for track in tracks for part in track_figures.parts_of(records, track)))


def _track_facts(records: Records, name: str) -> dict[str, Any]:
    """Return what the page says about a track in words: its name, size, and where cars leave the road."""
    steps = records.steps[records.steps["track"] == name]
    facts: dict[str, Any] = {
        "name": name or "track",
        "length": float(steps["track_len"].median()),
        "worst": [],
    }
    facts["exits"] = int((records.exits["track"] == name).sum())
    width, height = (float(steps[axis].max() - steps[axis].min()) for axis in ("X", "Y"))
    facts["aspect"] = f"{min(max((width + 0.9) / (height + 0.9), 0.8), 2.6):.2f}"
    if name in records.tracks:
        table = records.stretches(name)
        table = table[table["exits"] > 0].sort_values(["exits", "exit_share"], ascending=False)
        facts["worst"] = table.head(WORST_STRETCHES).to_dict("records")
    return facts


def _lap_rows(records: Records) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = records.laps.head(MOST_ROWS).to_dict("records")
    return rows


def _unused(records: Records) -> dict[str, list[str]]:
    """Name the actions that were never chosen, and those that were given up."""
    use = records.action_use
    names = pd.Series(action_figures.action_names(use), index=use.index, dtype=object)
    labels = names.index.astype(str) + " (" + names + ")"
    given_up = use["is_used"] & (use["late_count"] == 0)
    return {"never": list(labels[~use["is_used"]]), "given_up": list(labels[given_up])}


def _texts(records: Records) -> dict[str, str]:
    """Return what users wrote and their functions printed, as far as it is there."""
    source = _text(records.path / REWARD)
    printed = _text(records.path / LOG)
    lines = [line for line in printed.splitlines() if "SIM_TRACE_LOG:" not in line][-PRINTED_LINES:]
    return {
        "settings": json.dumps(records.settings, indent=2),
        "reward": source[:SOURCE_CHARACTERS],
        "printed": "\n".join(lines)[-PRINTED_CHARACTERS:],
    }


def _text(file: Path) -> str:
    """Return the end of a file, from the beginning of a line on; an empty text if there is none."""
    try:
        with file.open("rb") as stream:
            size = stream.seek(0, os.SEEK_END)
            stream.seek(max(0, size - MOST_BYTES))
            content = stream.read()
    except OSError:
        return ""
    if size > MOST_BYTES:
        content = content[content.find(b"\n") + 1 :]
    return content.decode("utf-8", errors="replace")
