"""The attempts that a report replays: of every part of the training the best and the worst, made small."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from deepracer_sim.analysis.records import TRAINING, Records
from deepracer_sim.analysis.tables import WHOLE_LAP
from deepracer_sim.analysis.trace_file import FAULTS, STATUS
from deepracer_sim.car import REFERENCE_POINT
from deepracer_sim.evaluation_map import BODY, WINDSCREEN
from deepracer_sim.track import Track

MOST_ITERATIONS, MOST_EVALUATIONS, MOST_LAPS = 10, 5, 12
"""Traced iterations and evaluations of a training, and best and worst laps of an evaluation."""
MOST_STEPS = 400
"""Of an attempt: of a longer one, not every step is kept."""
ENDINGS = {
    "off_track": "left the road",
    "immobilized": "got stuck",
    "reversed": "turned round",
    "time_up": "ran out of time",
    "crashed": "crashed",
    "lap_complete": "",
}


def replay_data(records: Records, track: str) -> dict[str, Any]:
    """Return the road, the car's outline and the chosen attempts on a track, as plain values for JSON.

    Distances are millimetres, times hundredths of a second, speeds mm/s and angles degrees: whole numbers.
    """
    chosen = _chosen(records, records.episodes[records.episodes["track"] == track])
    by_attempt = dict(
        list(records.steps[records.steps["attempt"].isin(chosen["attempt"])].groupby("attempt"))
    )
    attempts = [
        {"label": _label(row), **_columns(by_attempt[row["attempt"]])} for row in chosen.to_dict("records")
    ]
    best = int(chosen["rank"].to_numpy().argmin()) if len(chosen) else 0
    rival = _rival(chosen, best)
    shift = np.array((REFERENCE_POINT, 0.0))
    shapes = {"body": _whole(np.array(BODY) - shift), "windscreen": _whole(np.array(WINDSCREEN) - shift)}
    return {"road": _road(records.tracks.get(track)), **shapes, "attempts": attempts, "first": [best, rival]}


def _chosen(records: Records, episodes: pd.DataFrame) -> pd.DataFrame:
    """Return the attempts to show with `group` and `rank`, those of a group together, the best one first."""
    ordered = episodes.sort_values(["completion", "time"], ascending=[False, True], kind="stable")
    ordered = ordered.assign(rank=np.arange(len(ordered)))
    if records.kind == "evaluation":
        ends = [ordered.head(MOST_LAPS), ordered.tail(MOST_LAPS)]
        return pd.concat(ends).drop_duplicates("attempt").assign(group="evaluation")
    own, judged = ordered[ordered["source"] == TRAINING], ordered[ordered["source"] != TRAINING]
    parts = [ordered.head(0).assign(group="")]
    for name in sorted(judged["source"].unique(), reverse=True)[:MOST_EVALUATIONS]:
        parts.append(_ends(judged[judged["source"] == name]).assign(group=name))
    for iteration in _kept(own):
        group = "untrained" if iteration == 0 else f"iteration {iteration:g}"
        parts.append(_ends(own[own["iteration"] == iteration]).assign(group=group))
    return pd.concat(parts, ignore_index=True)


def _ends(ordered: pd.DataFrame) -> pd.DataFrame:
    return ordered.iloc[sorted({0, len(ordered) - 1})]


def _kept(ordered: pd.DataFrame) -> list[float]:
    """Return some of the traced iterations, newest first: evenly spread, with that of the best attempt."""
    known = np.array(sorted(ordered["iteration"].unique()))
    if not len(known):
        return []
    places = np.linspace(0, len(known) - 1, min(MOST_ITERATIONS, len(known))).round().astype(int)
    return sorted({*known[places].tolist(), float(ordered["iteration"].iloc[0])}, reverse=True)


def _rival(chosen: pd.DataFrame, best: int) -> int | None:
    """Return the place of the worst attempt of the best one's group; None if it is alone."""
    if not len(chosen):
        return None
    same = np.flatnonzero(chosen["group"] == chosen["group"].iloc[best])
    worst = int(same[chosen["rank"].to_numpy()[same].argmax()])
    return None if worst == best else worst


def _label(row: dict[str, Any]) -> str:
    where = f"{row['group']}, episode {row['episode']}"
    if row["completion"] >= WHOLE_LAP:
        count = row["resets"]
        resets = f" with {count} reset{'s' if count > 1 else ''}" if count else ""
        return f"lap of {row['time']:.2f} s{resets}: {where}"
    ending = ENDINGS.get(row["status"], "cut off")
    return f"{row['completion']:.0f} %, {ending} after {row['time']:.1f} s: {where}"


def _columns(steps: pd.DataFrame) -> dict[str, list[int] | list[float]]:
    """Return one attempt's columns; `jumps` are the rows after which the car was put back."""
    fault = steps[STATUS].isin(FAULTS).to_numpy()
    kept = np.unique(np.linspace(0, len(steps) - 1, min(len(steps), MOST_STEPS)).round().astype(int))
    kept = np.union1d(kept, np.flatnonzero(fault))
    rows = steps.iloc[kept]
    reward = np.cumsum(steps["reward"].to_numpy())[kept]
    whole = {
        "time": 100 * rows["time"],
        "x": 1000 * rows["X"],
        "y": 1000 * rows["Y"],
        "yaw": rows["yaw"],
        "speed": 1000 * rows["speed"].bfill().fillna(0),
        "steering": rows["steer"],
        "progress": 10 * rows["progress"],
    }
    columns = {
        name: np.rint(np.nan_to_num(values.to_numpy())).astype(int).tolist() for name, values in whole.items()
    }
    return {
        **columns,
        "reward": [float(f"{value:.5g}") for value in reward],
        "jumps": np.flatnonzero(fault[kept]).tolist(),
    }


def _road(track: Track | None) -> dict[str, list[list[int]]] | None:
    if track is None:
        return None
    return {
        name: _whole(getattr(track, name).double().cpu().numpy()) for name in ("inner", "outer", "center")
    }


def _whole(points: Any) -> list[list[int]]:
    whole: list[list[int]] = np.rint(1000 * np.asarray(points)).astype(int).tolist()
    return whole
