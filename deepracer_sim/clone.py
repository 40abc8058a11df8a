"""Starting a training with the weights of another one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from deepracer_sim.checkpoint import Checkpoint, differences
from deepracer_sim.errors import RunError
from deepracer_sim.run_folder import RunFolder, listed_runs
from deepracer_sim.settings import TrainSettings
from deepracer_sim.simulation import load_actions


def load_clone(source: Path, settings: TrainSettings) -> dict[str, Any]:
    """Return the weights of the networks of a run or checkpoint, by the trainer's names for them.

    Args:
        source: run folder (its best checkpoint) or checkpoint.
        settings: of the new training.

    Raises:
        RunError: there is no such run, or its weights mean something else than the new settings say.
    """
    if not source.exists():
        raise RunError(f"{source}: no such run folder or checkpoint{listed_runs(source)}")
    checkpoint = RunFolder.open(source).load_best() if source.is_dir() else Checkpoint.load(source)
    theirs, ours = (
        {
            "actions": entry.actions.model_dump(mode="json"),
            "network": entry.network,
            "camera": entry.camera.model_dump(mode="json"),
        }
        for entry in (checkpoint.settings, settings)
    )
    if checkpoint.actions == load_actions(settings.actions):
        theirs["actions"] = ours["actions"]
    found = differences(theirs, ours)
    if found:
        raise RunError(
            f"{source} cannot be cloned, its weights mean something else here: {'; '.join(found)}. "
            "Give the same --actions, --network and --camera options, or train from scratch"
        )
    weights = {"network": checkpoint.network().state_dict()}
    # What a critic is told of the state differs from simulator to simulator.
    is_told_alike = settings.critic == "image" or checkpoint.settings.world == settings.world
    if checkpoint.settings.critic == settings.critic and is_told_alike and "critic" in checkpoint.state:
        weights["critic"] = checkpoint.state["critic"]
    return weights
