"""Sweeps of trainings that take a second."""

from __future__ import annotations

import yaml
from small_runs import small_settings

from deepracer_sim.sweep.sweep_file import read_sweep
from deepracer_sim.sweep.trial import trials_of


def small_base(track, iterations, **changes):
    """What the trials of a sweep have in common, as its file has it."""
    base = small_settings(track, iterations, **changes).model_dump(mode="json", exclude_none=True)
    for name in ("seed", "threads"):
        del base[name]
    return base


def write_sweep(folder, **content):
    """Write a sweep's file."""
    path = folder / "sweep.yaml"
    path.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    return path


def trials(folder, **content):
    """Return the trials of a sweep."""
    path = write_sweep(folder, **content)
    return trials_of(path, read_sweep(path)[1])
