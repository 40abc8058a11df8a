"""Choosing which iteration's model a run has: what AWS's users do by swapping the model.pb."""

from __future__ import annotations

from pathlib import Path

from deepracer_sim.checkpoint import Checkpoint
from deepracer_sim.errors import RunError
from deepracer_sim.run_files import BEST, CHECKPOINTS
from deepracer_sim.run_folder import RunFolder
from deepracer_sim.simulation import Course
from deepracer_sim.training_run import finish


def choose(path: Path, iteration: int | None) -> Checkpoint:
    """Make best.pt and model/ those of an iteration; trainings that go on in the run leave them so.

    Args:
        path: run folder.
        iteration: None goes back to the best evaluated one, and to that which will be better still.

    Returns:
        The iteration's checkpoint.

    Raises:
        RunError: the iteration is not kept or damaged, none was evaluated, or a training is going on there.
    """
    run = RunFolder.open(path)
    if not run.metrics():
        raise RunError(f"{path}: nothing was trained yet, so there is nothing to choose from")
    course = Course.load(run.settings.track)
    with run.training():
        checkpoint = run.load_iteration(best_iteration(run) if iteration is None else iteration)
        content = checkpoint if iteration is None else checkpoint.weights(chosen=True)
        run.write(f"{CHECKPOINTS}/{BEST}", content.to_bytes())
        finish(run, course)
    return checkpoint


def best_iteration(run: RunFolder) -> int:
    """Return the best evaluated iteration, whatever was chosen.

    Raises:
        RunError: none was evaluated yet, or no checkpoint can be read.
    """
    best = run.load_last()[0].state["best"]["iteration"]
    if best < 0:
        raise RunError(f"{run.path}: no iteration was evaluated yet, so none is the best")
    return int(best)
