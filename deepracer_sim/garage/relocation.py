"""Runs name the files of their model by full paths; where a model has moved, they are told the new ones."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from deepracer_sim.errors import ModelError, RunError
from deepracer_sim.garage.definition import with_files
from deepracer_sim.garage.run_summary import run_settings
from deepracer_sim.garage.stored_model import StoredModel
from deepracer_sim.settings import TrainSettings


def relocate_runs(model: StoredModel) -> None:
    """Let runs and their checkpoints name the files of the model's folder; cut short, it can be repeated.

    Raises:
        OSError: they cannot be written.
        RunError: as OSError.
    """
    for number in model.run_numbers():
        path = model.run_path(number)
        with suppress(ModelError):  # a damaged run: whoever opens it is told
            settings = run_settings(path)
            if relocated(settings, model.path) != settings:
                relocate_run(path, model.path)


def relocated(settings: TrainSettings, folder: Path) -> TrainSettings:
    """Return settings that name the files of a model's folder, where it has them."""
    return with_files(settings, lambda path, name: str(folder / name) if (folder / name).is_file() else path)


def relocate_run(path: Path, folder: Path) -> None:
    """Let a run and its checkpoints name the files of a folder, where it has them.

    Args:
        path: of the run.
        folder: with the files.

    Raises:
        ModelError: it is damaged.
        OSError: it cannot be written.
        RunError: as OSError.
    """
    from deepracer_sim.checkpoint import Checkpoint
    from deepracer_sim.run_folder import RunFolder

    try:
        run = RunFolder.open(path)
    except RunError as error:
        raise ModelError(str(error)) from error
    for file in sorted(path.glob("*/*.pt")):
        try:
            checkpoint = Checkpoint.load(file)
        except RunError:  # a damaged checkpoint: the same
            continue
        settings = relocated(checkpoint.settings, folder)
        if settings != checkpoint.settings:
            run.write(f"{file.parent.name}/{file.name}", replace(checkpoint, settings=settings).to_bytes())
    run.change_settings(relocated(run.settings, folder))  # last: it says that all is done
