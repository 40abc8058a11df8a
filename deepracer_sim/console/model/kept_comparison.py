"""What `deepracer compare` has kept in a run, read without torch."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deepracer_sim.comparison_results import RESULTS, Result, result_of
from deepracer_sim.errors import ModelError
from deepracer_sim.run_files import CHECKPOINTS, WEIGHTS
from deepracer_sim.weights_folder import numbered_files

LARGEST = 20_000_000
"""Bytes of the results."""


@dataclass(frozen=True)
class KeptComparison:
    """Results of iterations that drove the same laps.

    Attributes:
        settings: of the laps, as JSON.
        results: by iteration.
    """

    settings: dict[str, Any]
    results: tuple[Result, ...]

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
            KeptComparison(dict(entry["settings"]), tuple(result_of(one) for one in entry["results"]))
            for entry in entries
        ]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{file} is damaged: {error}") from error


def kept_iterations(run: Path) -> list[int]:
    """Return the iterations of a run whose policies are kept, oldest first."""
    return sorted({*numbered_files(run / CHECKPOINTS), *numbered_files(run / WEIGHTS)})
