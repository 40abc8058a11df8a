"""The evaluations of a model that there are, as their folders say."""

from __future__ import annotations

import json
import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deepracer_sim.errors import ModelError
from deepracer_sim.garage.stored_model import StoredModel

FOLDER = "evaluations"
"""Of those that belong to no run, in a model's folder."""
REPORT, PICTURE, VIDEO = "evaluation.json", "driven_lines.png", "video.mp4"
NAME = re.compile(r"evaluation-(\d{14})")
LARGEST = 20_000_000
"""Bytes of a report; a thousand cars' laps have less."""


@dataclass(frozen=True)
class PastEvaluation:
    """One evaluation.

    Attributes:
        key: what the page calls it, unique among those of the model.
        path: its folder.
        when: time of its beginning, as in its name.
        files: pictures and videos that there are; one that has just driven gets them one after the other.
    """

    key: str
    path: Path
    when: str
    files: tuple[str, ...]

    def file(self, name: str) -> Path | None:
        """Return a file of it; None if there is none of this name."""
        return self.path / name if name in self.files else None

    def report(self) -> dict[str, Any]:
        """Return what evaluation.json holds.

        Raises:
            ModelError: it is damaged.
        """
        file = self.path / REPORT
        try:
            if file.stat().st_size > LARGEST:
                raise ModelError(f"{file}: larger than {LARGEST} bytes")
            content = json.loads(file.read_text(encoding="utf-8"))
            for name in ("summary", "settings", "runs"):
                content[name]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ModelError(f"{file} is damaged: {error}") from error
        return dict(content)


def past_evaluations(model: StoredModel) -> list[PastEvaluation]:
    """Return the evaluations that have driven, the newest first."""
    places = {f"{number}": model.run_path(number) for number in model.run_numbers()}
    places["0"] = model.path / FOLDER
    found = []
    for place, folder in places.items():
        for path in folder.glob("evaluation-*"):
            if match := NAME.fullmatch(path.name):
                digits = match[1]
                when = f"{digits[:4]}-{digits[4:6]}-{digits[6:8]} {digits[8:10]}:{digits[10:12]}"
                files = tuple(name for name in (PICTURE, VIDEO) if _is_file(path / name))
                if _is_file(path / REPORT):
                    found.append(PastEvaluation(f"{place}-{digits}", path, when, files))
    return sorted(found, key=lambda one: one.path.name, reverse=True)


def _is_file(path: Path) -> bool:
    return path.is_file() and not path.is_symlink()


def new_evaluation(model: StoredModel, policy: Path) -> Path:
    """Return where an evaluation that begins now is kept: in the run that it is of, or else in the model."""
    base = policy if policy.parent.parent == model.path else model.path / FOLDER
    now = time.time()
    while (folder := base / time.strftime("evaluation-%Y%m%d%H%M%S", time.localtime(now))).exists():
        now += 1
    return folder
