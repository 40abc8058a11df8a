"""`deepracer models create`, `train` and `clone`: their options have the defaults of what they begin with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from deepracer_sim.command_options import Command, arguments_of
from deepracer_sim.errors import ModelError
from deepracer_sim.profiles import PROFILES, for_gazebo
from deepracer_sim.settings import StopSettings, TrainSettings

if TYPE_CHECKING:
    from deepracer_sim.garage.stored_model import StoredModel

Name = tyro.conf.Positional[Annotated[str, tyro.conf.arg(metavar="NAME")]]
NewName = tyro.conf.Positional[Annotated[str, tyro.conf.arg(metavar="NEW")]]
Store = Annotated[
    Path | None,
    tyro.conf.arg(help="folder of the models; by default $DEEPRACER_STORE, or one among the user's data"),
]


def create_command(words: Sequence[str]) -> Command:
    """Return `models create` with the defaults of the profile and simulator that the words name."""
    first = arguments_of(create_with(TrainSettings()), "deepracer models create", words)
    defaults = PROFILES[first.get("profile", "fast")]()
    settings = first.get("settings", defaults)
    if settings.world == "gazebo":
        is_given = settings.num_cars != TrainSettings().num_cars
        defaults = for_gazebo(defaults, settings.num_cars if is_given else None)
    return create_with(defaults)


def create_with(defaults: TrainSettings) -> Command:
    """Return `models create` with these defaults."""

    def create_model(
        name: tyro.conf.Positional[Annotated[str | None, tyro.conf.arg(metavar="NAME")]] = None,
        settings: Annotated[TrainSettings, tyro.conf.arg(name="")] = defaults,
        description: str = "",
        profile: Literal["fast", "aws"] = "fast",
        file: Annotated[Path | None, tyro.conf.arg(aliases=["-f"])] = None,
        store: Store = None,
    ) -> None:
        """Make a model, ready to be trained: track, actions, reward function, hyperparameters, stop rules.

        Args:
            name: of the model; by default that of the file.
            settings: of its trainings.
            description: in your own words.
            profile: which defaults the other options have: ours, or those of the AWS console.
            file: YAML with all of this in place of the other options, as `models show --yaml` prints it.
        """
        from deepracer_sim.garage.definition import ModelDefinition
        from deepracer_sim.garage.definition_file import read_definition
        from deepracer_sim.garage.model_store import ModelStore

        if file is not None:
            if settings != defaults or description or profile != "fast":
                raise ModelError(f"-f takes all settings from {file}: change them there, or leave -f out")
            named, definition = read_definition(file)
        else:
            named, definition = None, ModelDefinition.packed(settings, description)
        wanted = name or named
        if wanted is None:
            raise ModelError("a model needs a name: deepracer models create NAME")
        models = ModelStore(store)
        models.refuse_taken(wanted)
        definition.check()
        model = models.create(wanted, definition)
        print(f"{model.name} is made; train it with: deepracer models train {model.name}")

    return create_model


def train_model_command(words: Sequence[str]) -> Command:
    """Return `models train` with the stop rules of the model that the words name."""
    first = arguments_of(train_with(StopSettings()), "deepracer models train", words)
    from deepracer_sim.garage.model_store import ModelStore
    from deepracer_sim.garage.model_training import next_settings

    model = ModelStore(first.get("store")).open(first["name"])
    return train_with(next_settings(model, first.get("anew", False)).stop)


def train_with(defaults: StopSettings) -> Command:
    """Return `models train` with these defaults."""

    def train_model(
        name: Name,
        stop: StopSettings = defaults,
        anew: bool = False,
        gui: bool = False,
        store: Store = None,
    ) -> None:
        """Train a model: where it stopped, or for the first time.

        Ctrl-C ends a training with all its finished iterations saved; the same command goes on.

        Args:
            name: of the model.
            stop: when it ends; minutes and iterations count from the run's beginning.
            anew: begin a new run, with a seed of its own: luck plays a part.
            gui: show Gazebo's window.
        """
        from deepracer_sim.garage.model_store import ModelStore

        _train(ModelStore(store).open(name), stop, anew, gui)

    return train_model


def train_file(file: Path, store: Path | None = None, gui: bool = False) -> None:
    """Make the model of a YAML file in the store, unless it is there already, and train it.

    Args:
        file: as `deepracer models show --yaml` prints it.
        store: folder of the models.
        gui: show Gazebo's window.
    """
    from deepracer_sim.garage.definition_file import read_definition
    from deepracer_sim.garage.model_store import ModelStore
    from deepracer_sim.garage.model_training import make_or_find

    model = make_or_find(ModelStore(store), *read_definition(file))
    _train(model, None, False, gui)


def _train(model: StoredModel, stop: StopSettings | None, anew: bool, gui: bool) -> None:
    from deepracer_sim.garage.model_training import next_settings, train
    from deepracer_sim.other_simulator import open_for_training
    from deepracer_sim.progress_line import ProgressLine

    settings = next_settings(model, anew)
    settings = settings.replaced(stop=stop or settings.stop)
    with ProgressLine(settings) as line, open_for_training(settings, gui, line.note) as simulator:
        run = train(model, stop, anew, line, simulator)
    way = " --world gazebo" if settings.world == "gazebo" else ""
    print(f"{model.name} has trained in {run.path}; drive it with: deepracer evaluate {run.path}{way}")


def clone_command(words: Sequence[str]) -> Command:
    """Return `models clone` with the settings of the model that the words name."""
    first = arguments_of(clone_with(TrainSettings()), "deepracer models clone", words)
    from deepracer_sim.garage.model_store import ModelStore

    model = ModelStore(first.get("store")).open(first["name"])
    return clone_with(model.settings, model.record.description)


def clone_with(defaults: TrainSettings, text: str = "") -> Command:
    """Return `models clone` with these defaults."""

    def clone_model(
        name: Name,
        new: NewName,
        settings: Annotated[TrainSettings, tyro.conf.arg(name="")] = defaults,
        description: str = text,
        from_scratch: bool = False,
        store: Store = None,
    ) -> None:
        """Make a model that begins with another one's weights, with settings changed where you say so.

        Args:
            name: of the model to begin with; what it has chosen drives, else its best checkpoint.
            new: name of the new model.
            settings: of its trainings; by default those of the other model.
            description: in your own words.
            from_scratch: take over the settings alone.
        """
        from deepracer_sim.garage.definition import ModelDefinition
        from deepracer_sim.garage.model_store import ModelStore

        models = ModelStore(store)
        models.refuse_taken(new)
        definition = ModelDefinition.packed(settings, description)
        definition.check()
        models.clone(name, new, definition, from_scratch)
        print(f"{new} is made; train it with: deepracer models train {new}")

    return clone_model


MAKERS: dict[str, Callable[[Sequence[str]], Command]] = {
    "create": create_command,
    "train": train_model_command,
    "clone": clone_command,
}
"""Commands whose defaults depend on the words of the command line."""
