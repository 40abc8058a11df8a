"""Reading what a training or an evaluation left, from the files of its folder alone."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from deepracer_sim.analysis import tables
from deepracer_sim.analysis.driven import complete
from deepracer_sim.analysis.evaluation_folder import EvaluationFolder, is_evaluation
from deepracer_sim.analysis.records import TRAINING, Records
from deepracer_sim.analysis.trace_file import empty_trace, read_trace
from deepracer_sim.errors import DeepRacerError, RunError, TrackError
from deepracer_sim.run_files import CONFIG, EPISODES, TRACES, TRAINING_METRICS
from deepracer_sim.run_folder import RunFolder, listed_runs
from deepracer_sim.track import Track
from deepracer_sim.track_library import load_track

MOST_EVALUATIONS = 20
"""Evaluations of a run that are read, the newest ones."""
LENGTH_TOLERANCE = 0.01
"""A track whose length is off by more than this share has been changed since."""


def read_records(path: Path) -> Records:
    """Read a run folder or the folder of an evaluation; a training may be at work in it.

    Raises:
        RunError: it is neither, or its settings are damaged.
    """
    path = Path(path)
    if (path / CONFIG).is_file():
        return _read_run(path)
    if is_evaluation(path):
        return _read_evaluation(path)
    what = (
        f"is neither a run folder (with {CONFIG}) nor an evaluation's"
        if path.is_dir()
        else ": no such folder"
    )
    raise RunError(f"{path} {what}{listed_runs(path)}".replace(" :", ":"))


def _read_run(path: Path) -> Records:
    run = RunFolder.open(path)
    notes: list[str] = []
    folders = sorted((one for one in path.iterdir() if is_evaluation(one)), key=lambda one: one.name)
    if len(folders) > MOST_EVALUATIONS:
        notes.append(f"only the newest {MOST_EVALUATIONS} of {len(folders)} evaluations are shown")
    evaluations = [EvaluationFolder.read(one, notes) for one in folders[-MOST_EVALUATIONS:]]
    known = [one for one in evaluations if one is not None]
    names = [*run.settings.track, *(one.track for one in known)]
    traced = _training_steps(path, notes)
    steps = pd.concat([traced, *(one.steps for one in known)], ignore_index=True)
    records = Records(
        path=path,
        kind="training",
        settings=run.settings.model_dump(mode="json"),
        tracks=_load_tracks(names, notes),
        actions=_action_table(run.actions.to_json()),
        iterations=_iterations(run, notes),
        steps=steps,
        evaluated_laps=_evaluated_laps(path / TRAINING_METRICS, notes),
        evaluations=_evaluation_table(known),
    )
    return _completed(records, notes)


def _read_evaluation(path: Path) -> Records:
    notes: list[str] = []
    evaluation = EvaluationFolder.read(path, notes)
    if evaluation is None:
        raise RunError(f"{path}: {'; '.join(notes)}")
    actions = tables.observed_actions(evaluation.steps)
    if (path.parent / CONFIG).is_file():
        try:
            actions = _action_table(RunFolder.open(path.parent).actions.to_json())
        except RunError as error:
            notes.append(f"the action space is the one that was driven: {error}")
    records = Records(
        path=path,
        kind="evaluation",
        settings=evaluation.settings,
        tracks=_load_tracks([evaluation.track], notes),
        actions=actions,
        iterations=pd.DataFrame({"iteration": pd.Series(dtype=np.int64)}),
        steps=evaluation.steps,
        evaluated_laps=_lap_table([]),
        evaluations=_evaluation_table([evaluation]),
    )
    return _completed(records, notes)


def _completed(records: Records, notes: list[str]) -> Records:
    if not len(records.steps):
        notes.append("nothing was traced yet: all that is of single steps and laps is missing")
    tracks = _unchanged(records.tracks, records.steps, notes)
    steps = complete(_named(records.steps, tracks), tracks)
    return replace(records, tracks=tracks, steps=steps, notes=tuple(notes))


def _training_steps(path: Path, notes: list[str]) -> pd.DataFrame:
    """Read all training traces; `track` is empty where episodes.csv does not tell it."""
    files = {int(name[1]): file for file in (path / TRACES).glob("*.csv") if (name := _number(file))}
    parts = [empty_trace().assign(iteration=0.0)]
    for iteration, file in sorted(files.items()):
        rows, problem = read_trace(file)
        if problem:
            notes.append(problem)
        parts.append(rows.assign(iteration=float(iteration)))
    steps = pd.concat(parts, ignore_index=True).assign(source=TRAINING, exact_time=np.nan)
    steps = steps.join(_episode_table(path / EPISODES, notes), on="episode")
    return steps.assign(track=steps["track"].fillna(""), reversed=steps["reversed"].eq(True))


def _number(file: Path) -> re.Match[str] | None:
    return re.fullmatch(r"(\d+)-iteration\.csv", file.name)


def _episode_table(file: Path, notes: list[str]) -> pd.DataFrame:
    """Return track and direction of each traced episode, by its number."""
    table = pd.DataFrame({"episode": [], "track": [], "reversed": []})
    if file.exists():
        try:
            table = pd.read_csv(file, dtype=str, on_bad_lines="skip", encoding_errors="replace")
            table = table[["episode", "track", "reversed"]].dropna()
        except (OSError, ValueError, KeyError) as error:
            notes.append(f"{file.name} cannot be read: {error}")
    number = pd.to_numeric(table["episode"], errors="coerce")
    table = table.assign(episode=number, reversed=table["reversed"] == "True").dropna(subset="episode")
    return table.drop_duplicates("episode", keep="last").set_index("episode").astype({"track": object})


def _iterations(run: RunFolder, notes: list[str]) -> pd.DataFrame:
    try:
        rows = run.metrics()
    except DeepRacerError as error:
        notes.append(str(error))
        rows = []
    table = pd.DataFrame(rows)
    return table if len(table) else pd.DataFrame({"iteration": pd.Series(dtype=np.float64)})


def _evaluated_laps(file: Path, notes: list[str]) -> pd.DataFrame:
    if not file.exists():
        return _lap_table([])
    try:
        entries = json.loads(file.read_text(encoding="utf-8"))["metrics"]
        return _lap_table([entry for entry in entries if entry["phase"] == "evaluation"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        notes.append(f"{file.name} cannot be read: {error!r}")
        return _lap_table([])


def _lap_table(entries: list[dict[str, Any]]) -> pd.DataFrame:
    rows = [
        {
            "lap_time": entry["elapsed_time_in_milliseconds"] / 1000,
            "completion": float(entry["completion_percentage"]),
            "reward": float(entry["reward_score"]),
            "status": str(entry["episode_status"]),
        }
        for entry in entries
    ]
    return pd.DataFrame(rows, columns=["lap_time", "completion", "reward", "status"])


def _action_table(entries: list[dict[str, float]]) -> pd.DataFrame:
    return pd.DataFrame(entries, columns=["steering_angle", "speed"]).rename_axis("action")


def _evaluation_table(evaluations: Iterable[EvaluationFolder]) -> pd.DataFrame:
    return pd.DataFrame([one.row for one in evaluations], columns=list(EvaluationFolder.COLUMNS))


def _load_tracks(names: Iterable[str], notes: list[str]) -> dict[str, Track]:
    tracks: dict[str, Track] = {}
    for name in dict.fromkeys(names):
        try:
            track = load_track(name)
        except TrackError as error:
            notes.append(f"no road is drawn: {error}")
        else:
            tracks[track.name] = track
    return tracks


def _unchanged(tracks: dict[str, Track], steps: pd.DataFrame, notes: list[str]) -> dict[str, Track]:
    """Leave out tracks whose files have changed since they were driven on."""
    kept = {}
    lengths = steps.groupby("track")["track_len"].median()
    for name, track in tracks.items():
        driven, now = float(lengths.get(name, np.nan)), float(track.length)
        if abs(driven - now) > LENGTH_TOLERANCE * now:
            notes.append(
                f"no road is drawn: track {name} was {driven:.2f} m long when it was driven, now {now:.2f} m"
            )
        else:
            kept[name] = track
    return kept


def _named(steps: pd.DataFrame, tracks: dict[str, Track]) -> pd.DataFrame:
    """Fill in tracks that no file names: the one whose length the trace has."""
    names = steps["track"].to_numpy(object).copy()
    unnamed = names == ""
    if tracks and unnamed.any():
        lengths = np.array([float(track.length) for track in tracks.values()])
        driven = steps["track_len"].to_numpy()[unnamed]
        names[unnamed] = np.array(list(tracks), object)[np.abs(driven[:, None] - lengths).argmin(1)]
    return steps.assign(track=names)
