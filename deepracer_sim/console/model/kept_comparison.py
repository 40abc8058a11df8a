"""What `deepracer compare` has kept in a run, read without torch."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deepracer_sim.errors import ModelError
from deepracer_sim.run_files import CHECKPOINTS, WEIGHTS
from deepracer_sim.weights_folder import numbered_files

RESULTS = "comparison.json"
LARGEST = 20_000_000
"""Bytes of the results."""


@dataclass(frozen=True)
class Compared:
    """What an iteration did.

    Attributes:
        iteration: whose policy.
        completion: mean share of the laps, 0 to 1.
        clean_runs: cars that drove all their laps.
        cars: that drove.
        lap_time: median of the clean laps, seconds; NaN without one.
        best_lap_time: seconds; NaN without one.
    """

    iteration: int
    completion: float
    clean_runs: int
    cars: int
    lap_time: float
    best_lap_time: float


@dataclass(frozen=True)
class KeptComparison:
    """Results of iterations that drove the same laps.

    Attributes:
        settings: of the laps, as JSON.
        results: by iteration.
    """

    settings: dict[str, Any]
    results: tuple[Compared, ...]

    @property
    def title(self) -> str:
        """What was driven, in words."""
        track, laps = Path(f"{self.settings.get('track')}").stem, self.settings.get("laps")
        cars = self.settings.get("cars")
        manner = "drawn at random" if self.settings.get("randomised") else "all alike"
        return f"{track}: {cars} cars, {laps} laps, {manner}"


def kept_comparisons(run: Path) -> list[KeptComparison]:
    """Return the comparisons of a run, oldest first.

    Raises:
        ModelError: the file is damaged.
    """
    file = run / RESULTS
    try:
        if file.stat().st_size > LARGEST:
            raise ModelError(f"{file}: larger than {LARGEST} bytes")
        entries = json.loads(file.read_text(encoding="utf-8"))
        return [
            KeptComparison(dict(entry["settings"]), tuple(_compared(one) for one in entry["results"]))
            for entry in entries
        ]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{file} is damaged: {error}") from error


def _compared(entry: dict[str, Any]) -> Compared:
    times = [
        math.nan if entry[name] is None else float(entry[name]) for name in ("lap_time", "best_lap_time")
    ]
    counts = int(entry["clean_runs"]), int(entry["cars"])
    return Compared(int(entry["iteration"]), float(entry["completion"]), *counts, *times)


def kept_iterations(run: Path) -> list[int]:
    """Return the iterations of a run whose policies are kept, oldest first."""
    return sorted({*numbered_files(run / CHECKPOINTS), *numbered_files(run / WEIGHTS)})
