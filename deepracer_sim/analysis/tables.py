"""The tables that are made of driven steps; `deepracer_sim.analysis` lists their columns and units."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from deepracer_sim.analysis.trace_file import FAULTS, STATUS
from deepracer_sim.simulation_trace import PREPARE
from deepracer_sim.track import Track

STRETCH = 0.5
"""Metres of track, about, that exits are counted together on."""
LATE_SHARE = 1 / 3
"""Of the traced iterations: what the last ones did is what the training has led to."""
OFF_TRACK = "off_track"
WHOLE_LAP = 100.0
"""Percent."""


def episodes(steps: pd.DataFrame) -> pd.DataFrame:
    """Return a row an episode of `steps`, in their order."""
    groups = steps.groupby("attempt", sort=True)
    last = groups[["source", "iteration", "episode", "track", "reversed", STATUS, "X", "Y"]].last()
    driven = steps[steps[STATUS] != PREPARE].groupby("attempt")
    table = last.rename(columns={STATUS: "status", "X": "x", "Y": "y"}).assign(
        steps=driven.size(),
        time=groups["exact_time"].first().fillna(groups["time"].max()),
        reward=groups["reward"].sum(),
        completion=_on_road(steps).groupby(steps["attempt"]).max().clip(0, WHOLE_LAP),
        resets=_resets(steps),
        mean_speed=groups["speed"].mean(),
    )
    table["steps"] = table["steps"].fillna(0).astype(np.int64)
    return table.reset_index()


def _on_road(steps: pd.DataFrame) -> pd.Series:
    """Return the progress of each step, 0 where the car was off the road.

    There the nearest piece of road may be one that comes much later, or was long ago.
    """
    return steps["progress"].where(steps[STATUS] != OFF_TRACK, 0.0)


def _resets(steps: pd.DataFrame) -> pd.Series:
    """Count the faults of each attempt after which it went on."""
    attempts = steps["attempt"]
    goes_on = attempts.duplicated(keep="last")
    return (steps[STATUS].isin(FAULTS) & goes_on).groupby(attempts).sum().astype(np.int64)


def laps(steps: pd.DataFrame, episodes: pd.DataFrame) -> pd.DataFrame:
    """Return a row a finished lap, the fastest first.

    Of a training, a lap is the first one of an episode, and its time is known to a step; of an evaluation,
    the time is that of its summary.
    """
    whole = steps[steps["progress"] >= WHOLE_LAP].groupby("attempt")[["exact_time", "time"]].first()
    done = whole["exact_time"].fillna(whole["time"])
    table = episodes[episodes["completion"] >= WHOLE_LAP].copy()
    table.insert(0, "lap_time", table["attempt"].map(done))
    names = ["lap_time", "source", "iteration", "episode", "attempt", "track", "reversed", "resets"]
    table = table[[*names, "mean_speed", "reward"]]
    return table.sort_values("lap_time", kind="stable").reset_index(drop=True)


def exits(steps: pd.DataFrame) -> pd.DataFrame:
    """Return a row for each time that a car left the road."""
    rows = steps[steps[STATUS] == OFF_TRACK]
    left = rows["offset"] * np.where(rows["reversed"], -1.0, 1.0) > 0
    side = np.where(rows["offset"].isna(), "", np.where(left, "left", "right"))
    names = ["source", "iteration", "episode", "attempt", "track", "reversed", "time"]
    table = rows[names].assign(x=rows["X"], y=rows["Y"], distance=rows["distance"], side=side)
    return table.assign(speed=rows["throttle"], steering_angle=rows["steer"]).reset_index(drop=True)


def stretches(steps: pd.DataFrame, track: Track) -> pd.DataFrame:
    """Return a row a stretch of one track, from the start line on in the direction of its waypoints."""
    length = float(track.length)
    count = max(1, round(length / STRETCH))
    rows = steps[(steps["track"] == track.name) & steps["distance"].notna()]
    place = np.minimum((rows["distance"] / length * count).astype(np.int64), count - 1)
    edges = np.linspace(0.0, length, count + 1)
    table = pd.DataFrame({"start": edges[:-1], "end": edges[1:]})
    table["passes"] = rows.groupby(place)["attempt"].nunique()
    table["exits"] = (rows[STATUS] == OFF_TRACK).groupby(place).sum()
    table[["passes", "exits"]] = table[["passes", "exits"]].fillna(0).astype(np.int64)
    table["exit_share"] = table["exits"] / table["passes"].where(table["passes"] > 0)
    table["mean_speed"] = rows.groupby(place)["speed"].mean()
    return table


def action_use(steps: pd.DataFrame, actions: pd.DataFrame) -> pd.DataFrame:
    """Return how often each entry of the action space was chosen, in all of `steps` and in the last."""
    driven = steps[steps["action"] >= 0]
    counts, late = driven["action"].value_counts(), driven[is_late(driven)]["action"].value_counts()
    table = actions.copy()
    table["count"] = counts.reindex(table.index, fill_value=0)
    table["share"] = table["count"] / max(1, int(table["count"].sum()))
    table["late_count"] = late.reindex(table.index, fill_value=0)
    table["late_share"] = table["late_count"] / max(1, int(table["late_count"].sum()))
    table["is_used"] = table["count"] > 0
    return table


def action_shares(steps: pd.DataFrame, actions: pd.DataFrame) -> pd.DataFrame:
    """Return the share of each action (columns) in each traced iteration (rows), 0 to 1."""
    driven = steps[(steps["action"] >= 0) & steps["iteration"].notna()]
    shares = pd.crosstab(driven["iteration"], driven["action"], normalize="index")
    return shares.reindex(columns=actions.index, fill_value=0.0)


def observed_actions(steps: pd.DataFrame) -> pd.DataFrame:
    """Return the action space as far as `steps` show it, where no file tells of it."""
    driven = steps[steps["action"] >= 0].groupby("action")
    table = driven[["steer", "throttle"]].median()
    return table.rename(columns={"steer": "steering_angle", "throttle": "speed"})


def reward_terms(iterations: pd.DataFrame) -> pd.DataFrame:
    """Return the mean of each term of the reward a step (columns) in each iteration (rows)."""
    prefix = "term_"
    names = [name for name in iterations.columns if name.startswith(prefix)]
    table = iterations[names].rename(columns=lambda name: name.removeprefix(prefix))
    return table.set_index(iterations["iteration"].astype(np.int64)) if len(iterations) else table


def traced_iterations(steps: pd.DataFrame) -> list[float]:
    """Return the iterations that training episodes were traced of, ascending."""
    return sorted(steps["iteration"].dropna().unique())


def is_late(steps: pd.DataFrame) -> pd.Series:
    """Tell which steps are of the last third of the traced iterations; all, where there are no iterations."""
    known = traced_iterations(steps)
    if not known:
        return pd.Series(True, index=steps.index)
    kept = max(1, round(LATE_SHARE * len(known)))
    return steps["iteration"] >= known[-kept]


def is_early(steps: pd.DataFrame) -> pd.Series:
    """Tell which steps are of the first third of the traced iterations."""
    known = traced_iterations(steps)
    if not known:
        return pd.Series(False, index=steps.index)
    return steps["iteration"] <= known[max(1, round(LATE_SHARE * len(known))) - 1]


def share_of_tracks(steps: pd.DataFrame) -> Mapping[str, int]:
    """Return the tracks that were driven on with their steps, the most driven one first."""
    return {str(name): int(count) for name, count in steps["track"].value_counts().items()}
