"""The `deepracer models` subcommands."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Literal

import tyro

from deepracer_sim.command_options import Command
from deepracer_sim.errors import ModelError
from deepracer_sim.garage.making_commands import Name, NewName, Store, clone_with, create_with, train_with
from deepracer_sim.settings import StopSettings, TrainSettings


def list_models(store: Store = None) -> None:
    """List the models: status, best completion and lap of their evaluations, time of training."""
    from deepracer_sim.garage.model_store import ModelStore
    from deepracer_sim.garage.model_table import format_list

    models = ModelStore(store)
    found = models.rows()
    if found:
        print(format_list(found))
    else:
        print(f"no models in {models.path} yet: deepracer models create NAME")


def show_model(name: Name, yaml: bool = False, store: Store = None) -> None:
    """Print all about a model.

    Args:
        name: of the model.
        yaml: print only its definition, as `deepracer train -f` takes it.
    """
    from deepracer_sim.garage.definition_file import format_definition
    from deepracer_sim.garage.model_store import ModelStore
    from deepracer_sim.garage.model_table import format_model

    model = ModelStore(store).open(name)
    if yaml:
        print(format_definition(name, model.definition, model.path), end="")
    else:
        print(format_model(model))


def rename_model(name: Name, new: NewName, store: Store = None) -> None:
    """Give a model another name.

    Args:
        name: that it has.
        new: that it gets.
    """
    from deepracer_sim.garage.model_store import ModelStore

    print(ModelStore(store).rename(name, new))


def choose_iteration(
    name: Name,
    iteration: tyro.conf.Positional[int | Literal["best"]],
    run: int | None = None,
    store: Store = None,
) -> None:
    """Choose the iteration that drives, in place of the best one.

    Args:
        name: of the model.
        iteration: its number, or "best" to go back to the best one.
        run: that it is of; by default the last one.
    """
    from deepracer_sim.garage.model_store import ModelStore
    from deepracer_sim.garage.model_table import what_drives

    model = ModelStore(store).choose(name, None if iteration == "best" else iteration, run)
    print(f"{name}: {what_drives(model)}")


def download_model(name: Name, output: Path | None = None, store: Store = None) -> None:
    """Write a model with all that belongs to it to a .tar.gz, for another machine or the car.

    Args:
        name: of the model.
        output: archive to write, or folder for it; by default NAME.tar.gz here.
    """
    from deepracer_sim.garage.model_archive import download
    from deepracer_sim.garage.model_store import ModelStore
    from deepracer_sim.other_simulator import print_note

    path = output or Path(".")
    path = path / f"{name}.tar.gz" if path.is_dir() else path
    for note in download(ModelStore(store).open(name), path):
        print_note(note)
    print(path)


def import_model(
    source: tyro.conf.Positional[Path],
    name: str | None = None,
    track: tuple[str, ...] = (),
    settings_only: bool = False,
    store: Store = None,
) -> None:
    """Take in a model: a downloaded archive, a run folder, an ONNX model, or what AWS or DRfC wrote.

    Args:
        source: folder or .tar.gz.
        name: of the model; by default after the source.
        track: to train on, where the source does not say.
        settings_only: leave out networks, to train anew with the same settings.
    """
    from deepracer_sim.garage import model_import
    from deepracer_sim.garage.model_store import ModelStore
    from deepracer_sim.other_simulator import print_note

    model = model_import.import_model(ModelStore(store), source, name, track, settings_only)
    for note in model.record.notes:
        print_note(note)
    print(f"{model.name} is in the store, {model.status.value}: deepracer models show {model.name}")


def delete_model(name: Name, yes: bool = False, store: Store = None) -> None:
    """Move a model to the trash, from where restore brings it back.

    Args:
        name: of the model.
        yes: do not ask.
    """
    from deepracer_sim.garage.model_store import ModelStore

    models = ModelStore(store)
    if not yes and models.has(name) and not _agreed(f"Delete {name}? [y/N] "):
        raise ModelError(f"{name} stays; --yes deletes without asking")
    print(f"{models.delete(name)}: bring it back with: deepracer models restore {name}")


def restore_model(name: Name, store: Store = None) -> None:
    """Bring a model back from the trash.

    Args:
        name: of the model; of several that had it, the one that was deleted last.
    """
    from deepracer_sim.garage.model_store import ModelStore

    print(ModelStore(store).restore(name))


def _agreed(question: str) -> bool:
    print(question, end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


COMMANDS: dict[str, Command] = {
    "list": list_models,
    "show": show_model,
    "create": create_with(TrainSettings()),
    "train": train_with(StopSettings()),
    "clone": clone_with(TrainSettings()),
    "rename": rename_model,
    "choose": choose_iteration,
    "download": download_model,
    "import": import_model,
    "delete": delete_model,
    "restore": restore_model,
}
