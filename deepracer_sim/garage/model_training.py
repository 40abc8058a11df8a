"""Training a model of the store: where it stopped, or anew; how it ended is kept."""

from __future__ import annotations

import os
import shlex
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from deepracer_sim.errors import DeepRacerError, ModelError
from deepracer_sim.garage.definition import ModelDefinition, shown
from deepracer_sim.garage.model_lock import held, is_held
from deepracer_sim.garage.model_store import ModelStore
from deepracer_sim.garage.relocation import relocate_runs
from deepracer_sim.garage.run_summary import is_half_made, run_settings
from deepracer_sim.garage.stored_model import (
    RUNS,
    START,
    TRAINING,
    StoredModel,
    TrainingRecord,
    TrainingState,
    write_record,
)
from deepracer_sim.run_files import CHECKPOINTS, LOG
from deepracer_sim.settings import StopSettings, TrainSettings

if TYPE_CHECKING:
    from deepracer_sim.other_simulator import OtherSimulator
    from deepracer_sim.run_folder import RunFolder
    from deepracer_sim.trainer import Row


def next_settings(model: StoredModel, anew: bool = False) -> TrainSettings:
    """Return the settings that the next training of a model has.

    Args:
        model: of the store.
        anew: in a new run, with a seed of its own, instead of where the last one stopped.

    Raises:
        ModelError: the last run is damaged, or the model cannot be trained.
    """
    if model.has_policy:
        raise ModelError(
            f"{model.name} is an ONNX model: it drives, but cannot be trained. Train anew with its settings: "
            f"deepracer models clone {model.name} NEW --from-scratch"
        )
    last = _resumable(model)
    if last is not None and not anew:
        return run_settings(model.run_path(last))
    seed = (model.settings.seed + _next_number(model) - 1) % 2**31
    return model.settings.replaced(seed=seed)


def train(
    model: StoredModel,
    stop: StopSettings | None = None,
    anew: bool = False,
    report: Callable[[Row], None] = lambda row: None,
    simulator: OtherSimulator | None = None,
) -> RunFolder:
    """Train a model where it stopped, or for the first time.

    Args:
        model: of the store.
        stop: rules in place of those that it has.
        anew: begin a new run, with a seed of its own, instead of going on with the last one.
        report: called with each row of metrics.
        simulator: in place of embedded ones.

    Raises:
        DeepRacerError: another training of it is at work; or as `training_run.start`.
        KeyboardInterrupt: Ctrl-C; all that was finished is saved.
    """
    from deepracer_sim import training_run

    with held(model.path):
        _refuse_other_trainings(model)
        relocate_runs(model)
        settings, last = next_settings(model, anew), _resumable(model)
        _remove_half_made(model)
        goes_on = last is not None and not anew
        number = last if last is not None and goes_on else _next_number(model)
        path = model.run_path(number)
        with _recorded(model, number):
            if goes_on:
                return training_run.resume(path, stop, report, simulator)
            start = model.path / START
            settings = settings.replaced(stop=stop or settings.stop)
            weights = start if start.exists() else None
            return training_run.start(settings, path, weights, report, simulator)


def make_or_find(store: ModelStore, name: str, definition: ModelDefinition) -> StoredModel:
    """Return the model of a definition file: made, or there already with the same definition.

    Raises:
        DeepRacerError: the definition is not valid, or another model has the name.
    """
    if not store.has(name):
        definition.check()
        return store.create(name, definition)
    model = store.open(name)
    if model.definition != definition:
        raise ModelError(
            f"there is a model {name!r} already, and it is defined otherwise (deepracer models show {name} "
            "--yaml): choose another name"
        )
    return model


def _resumable(model: StoredModel) -> int | None:
    numbers = [number for number in model.run_numbers() if not is_half_made(model.run_path(number))]
    return numbers[-1] if numbers and _has_checkpoint(model.run_path(numbers[-1])) else None


def _next_number(model: StoredModel) -> int:
    return max((n for n in model.run_numbers() if not is_half_made(model.run_path(n))), default=0) + 1


def _has_checkpoint(run: Path) -> bool:
    return any((run / CHECKPOINTS).glob("*.pt"))


def _refuse_other_trainings(model: StoredModel) -> None:
    for run in (model.path / RUNS).glob("[1-9]*"):
        if is_held(run / LOG):
            raise ModelError(f"another training is at work in {run}: wait for it, or end it")


def _remove_half_made(model: StoredModel) -> None:
    for run in (model.path / RUNS).glob("[1-9]*"):
        if is_half_made(run):
            shutil.rmtree(run, ignore_errors=True)


@contextmanager
def _recorded(model: StoredModel, number: int) -> Iterator[None]:
    """Keep in training.json how the training ended; one that was killed leaves its beginning there."""

    def record(state: TrainingState, message: str = "") -> None:
        fresh = StoredModel(model.path, model.record)
        with suppress(DeepRacerError, OSError):  # how the training ended matters more
            iterations = next((run.iterations for run in fresh.summaries if run.number == number), 0)
            entry = TrainingRecord(
                run=number,
                state=state,
                iterations=iterations,
                message=shown(message),
                process=os.getpid(),
            )
            write_record(model.path / TRAINING, entry)

    record("training")
    try:
        yield
    except KeyboardInterrupt as stop:
        record("stopped")
        words = (_in_own_words(str(part), model, number) for part in stop.args)
        raise KeyboardInterrupt(*words) from None
    except DeepRacerError as error:
        message = _in_own_words(str(error), model, number)
        record("failed", message)
        raise type(error)(message) from error
    except BaseException as error:
        record("failed", f"{type(error).__name__}: {error}")
        raise
    record("ready")


def _in_own_words(message: str, model: StoredModel, number: int) -> str:
    """Let a message of a training name the store's commands for the run's."""
    run = shlex.quote(str(model.run_path(number)))
    message = message.replace(f"deepracer train --resume {run}", f"deepracer models train {model.name}")
    return message.replace(f"deepracer train --from {run}", f"deepracer models clone {model.name} NEW")
