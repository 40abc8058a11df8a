"""The headline of a report: a few figures, each with what it is of."""

from __future__ import annotations

import math
from typing import NamedTuple

from deepracer_sim.analysis.records import TRAINING, Records
from deepracer_sim.analysis.tables import WHOLE_LAP
from deepracer_sim.world import STEP_TIME

UNKNOWN = "-"


class Tile(NamedTuple):
    """One figure of the headline.

    Attributes:
        value: as it is shown, with its unit.
        name: what it is.
        detail: a few words more.
    """

    value: str
    name: str
    detail: str


def summary(records: Records) -> list[Tile]:
    """Return the headline of a training or an evaluation."""
    if records.kind == "evaluation":
        return _of_evaluation(records)
    return [_best_lap(records), _completion(records), *_effort(records), _actions(records)]


def _of_evaluation(records: Records) -> list[Tile]:
    row = records.evaluations.iloc[0]
    cars = f"{records.settings.get('cars', 1)} car{'s' if records.settings.get('cars', 1) != 1 else ''}"
    looks = "randomised" if row["randomised"] else "not randomised"
    resets = int(row["resets"])
    return [
        Tile(seconds(row["best_lap_time"]), "best lap", "penalties included"),
        Tile(seconds(row["median_lap_time"]), "median clean lap", ""),
        Tile(f"{int(row['clean_laps'])} of {int(row['begun_laps'])}", "laps clean", f"{cars}, {looks}"),
        Tile(f"{math.floor(row['completion'] + 1e-9)} %", "completion", "of the laps wanted"),
        Tile(str(resets), "reset" if resets == 1 else "resets", "put back on the road"),
        _actions(records),
    ]


def _best_lap(records: Records) -> Tile:
    laps = records.laps[records.laps["source"] == TRAINING]
    judged = records.evaluated_laps[records.evaluated_laps["completion"] >= WHOLE_LAP]
    found = [
        (time, where)
        for time, where in (
            (laps["lap_time"].min(), "in training"),
            (judged["lap_time"].min(), "in an evaluation of the training"),
            (records.evaluations["best_lap_time"].min(), "in an evaluation afterwards"),
        )
        if not math.isnan(time)
    ]
    if not found:
        return Tile(UNKNOWN, "best lap", "no lap was finished")
    time, where = min(found)
    return Tile(seconds(time), "best lap", where)


def _completion(records: Records) -> Tile:
    rows = records.iterations
    if (best := records.best_evaluation) is not None:
        return Tile(
            _percent(best["evaluation_completion"]),
            "completion",
            f"best evaluation, iteration {best['iteration']:g}",
        )
    if "completion" in rows and rows["completion"].notna().any():
        return Tile(_percent(rows["completion"].dropna().iloc[-1]), "completion", "at last, in training")
    return Tile(UNKNOWN, "completion", "no iteration is complete")


def _effort(records: Records) -> list[Tile]:
    rows = records.iterations
    if not len(rows):
        return [Tile(UNKNOWN, "steps", ""), Tile(UNKNOWN, "time", "")]
    last = rows.iloc[-1]
    samples, iterations = int(last["samples"]), int(last["iteration"])
    driven = duration(samples * STEP_TIME)
    count = f"{iterations:,} iteration{'' if iterations == 1 else 's'}"
    return [
        Tile(f"{samples:,}", "steps", f"{driven} of driving"),
        Tile(duration(last["seconds"]), "training time", count),
    ]


def _actions(records: Records) -> Tile:
    use = records.action_use
    if not use["is_used"].any():
        return Tile(UNKNOWN, "actions used", "nothing was traced")
    used = int(use["is_used"].sum())
    never = len(use) - used
    return Tile(f"{used} of {len(use)}", "actions used", f"{never} never" if never else "none left out")


def seconds(value: float) -> str:
    """Write a lap time."""
    return UNKNOWN if math.isnan(value) else f"{value:.2f} s"


def duration(value: float) -> str:
    """Write seconds in two units that suit them."""
    whole = round(value)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def _percent(share: float) -> str:
    """Round down: 99.9 % must not read as all."""
    return f"{math.floor(100 * share + 1e-9)} %"
