"""Making a model of what a page has gathered; for the workshop, as it loads torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from deepracer_sim.errors import GazeboError, ModelError
from deepracer_sim.garage.definition import MOST_BYTES, REWARD, ModelDefinition
from deepracer_sim.garage.model_store import ModelStore
from deepracer_sim.settings import TrainSettings


@dataclass(frozen=True)
class ModelPlan:
    """What a model shall be.

    Attributes:
        name: that no other model has.
        description: in the owner's words.
        settings: without a reward; tracks and actions of a file by their paths.
        source: of the reward function, which has been tried; None for the built-in reward.
        parent: the model that it is cloned from.
        from_scratch: take over no weights of it.
    """

    name: str
    description: str
    settings: TrainSettings
    source: str | None
    parent: str | None = None
    from_scratch: bool = False


@dataclass(frozen=True)
class Parent:
    """What a clone begins with.

    Attributes:
        name: of the model.
        description: of it.
        settings: of it, with the paths of its files.
        source: of its reward function; None for the built-in reward.
        has_weights: whether it has trained.
        is_policy: whether there is only a policy of it, which cannot be trained on.
    """

    name: str
    description: str
    settings: TrainSettings
    source: str | None
    has_weights: bool
    is_policy: bool


def read_parent(store: ModelStore, name: str) -> Parent:
    """Read what a clone begins with; this needs no torch.

    Raises:
        ModelError: there is no such model, or it is damaged.
    """
    model = store.open(name)
    settings = model.settings
    source = None
    if settings.reward is not None:
        try:
            with settings.reward.open("rb") as file:
                source = file.read(MOST_BYTES).decode("utf-8-sig", "replace")
        except OSError as error:
            raise ModelError(f"{settings.reward}: cannot be read: {error.strerror or error}") from error
    has_weights = model.best_run is not None
    plain = settings.replaced(reward=None)
    return Parent(
        name, model.record.description, plain, source, has_weights, not has_weights and model.has_policy
    )


def lacking(settings: TrainSettings) -> dict[str, str]:
    """Return what a training would need that this machine does not have, by the path of the setting."""
    import torch

    from deepracer_sim.gazebo.installation import find

    if settings.device == "cuda" and not torch.cuda.is_available():
        return {"device": "there is no NVIDIA GPU here that can be used"}
    try:
        if settings.world == "gazebo":
            find()
    except GazeboError as error:
        return {"world": str(error)}
    return {}


def changed_meaning(parent: TrainSettings, settings: TrainSettings) -> list[str]:
    """Return the paths of settings under which a parent's weights would mean something else."""
    paths = ["network"] if settings.network != parent.network else []
    for group in ("camera", "actions"):
        theirs, ours = getattr(parent, group), getattr(settings, group)
        paths += [
            f"{group}.{name}"
            for name in type(ours).model_fields
            if getattr(theirs, name) != getattr(ours, name)
        ]
    return paths


def make_model(store: Path, plan: ModelPlan) -> None:
    """Make a model.

    Args:
        store: the folder of the models.
        plan: of the model.

    Raises:
        DeepRacerError: the name is taken or not allowed, a track or the action space is not valid, the store
            cannot be written, or the parent's weights mean something else under these settings.
    """
    models = ModelStore(store)
    models.refuse_taken(plan.name)
    definition = ModelDefinition.packed(plan.settings, plan.description)
    if plan.source is not None:
        definition = ModelDefinition(
            definition.settings.replaced(reward=Path(REWARD)),
            plan.description,
            {**definition.files, REWARD: plan.source.encode()},
            definition.origins,
        )
    definition.check(with_reward=False)
    if plan.parent is None:
        models.create(plan.name, definition)
    else:
        models.clone(plan.parent, plan.name, definition, plan.from_scratch)
