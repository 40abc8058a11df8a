"""What the iterations of a run did on the same laps, as comparison.json keeps it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

RESULTS = "comparison.json"


@dataclass(frozen=True)
class Result:
    """What an iteration did.

    Attributes:
        iteration: whose policy.
        completion: mean share of the wanted laps, 0 to 1.
        clean_runs: cars that drove all their laps.
        cars: that drove.
        lap_time: median of the clean laps, seconds, NaN if there is none.
        best_lap_time: seconds, NaN if there is none.
    """

    iteration: int
    completion: float
    clean_runs: int
    cars: int
    lap_time: float
    best_lap_time: float


def result_of(entry: Mapping[str, Any]) -> Result:
    """Return the result that an entry of comparison.json holds.

    Raises:
        KeyError: a lap time is missing.
        TypeError: anything else is missing, unknown or no number.
        ValueError: something is no number.
    """
    plain: dict[str, Any] = {name: value for name, value in entry.items() if name != "weights"}
    times = {name: math.nan for name in ("lap_time", "best_lap_time") if plain[name] is None}
    found = Result(**{**plain, **times})
    return Result(
        iteration=int(found.iteration),
        completion=float(found.completion),
        clean_runs=int(found.clean_runs),
        cars=int(found.cars),
        lap_time=float(found.lap_time),
        best_lap_time=float(found.best_lap_time),
    )
