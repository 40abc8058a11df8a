"""Models that are made in no time, and one that has trained."""

from __future__ import annotations

import hashlib
from pathlib import Path

from deepracer_sim.garage.definition import ModelDefinition
from deepracer_sim.settings import TrainSettings

SOURCE = b"def reward_function(params):\n    return params['speed']\n"


def definition(**changes):
    """Speed is rewarded, on a built-in track."""
    settings = TrainSettings(track=("oval",), reward=Path("reward_function.py")).replaced(**changes)
    return ModelDefinition(settings, "drives fast", {"reward_function.py": SOURCE})


def contents(folder):
    """A hash of each file below a folder, by its name there."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def leftovers(store):
    """What a program that was killed has left in a store; a run's own files are tidied by its training."""
    found = [*store.path.glob(".new-*"), *store.path.glob(".*.tmp*"), *store.path.glob("*/.*.tmp*")]
    return [str(path.relative_to(store.path)) for path in found]
