"""What AWS and DeepRacer for Cloud write about a model: found in a folder, and turned into our settings."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from pydantic import ValidationError

from deepracer_inference.action_space import (
    ActionSpaceError,
    ContinuousActionSpace,
    DiscreteActionSpace,
    load_action_space,
)
from deepracer_sim.errors import ModelError
from deepracer_sim.garage.definition import ACTIONS, ModelDefinition, json_bytes
from deepracer_sim.profiles import aws_profile
from deepracer_sim.settings import SMALLEST_PICTURE, PPOSettings, TrainSettings, describe

METADATA, HYPERPARAMETERS, REWARD = "model_metadata.json", "hyperparameters.json", "reward_function.py"
NETWORK, SMALL_NETWORK = "DEEP_CONVOLUTIONAL_NETWORK_SHALLOW", "FAST"
CAMERAS = (["observation"], ["FRONT_FACING_CAMERA"])
FOREIGN = (".pb", ".ckpt", ".tflite", ".h5")
"""Networks that only TensorFlow runs."""
STEERING_ANGLES, SPEEDS = 5, 3
"""Of the actions that are made of a continuous action space."""
MOST_BYTES = 1_000_000

SAME = (
    "batch_size",
    "beta_entropy",
    "discount_factor",
    "loss_type",
    "lr",
    "num_episodes_between_training",
    "num_epochs",
)
"""Hyperparameters that mean here what they mean there."""
UNUSED = {
    "e_greedy_value": "of e-greedy exploration; here, actions are drawn from the policy",
    "epsilon_steps": "of e-greedy exploration; here, actions are drawn from the policy",
    "sac_alpha": "of SAC; training here is PPO",
    "stack_size": "the network sees one picture at a time, there too",
    "term_cond_avg_score": "a training ends by the --stop rules",
    "term_cond_max_episodes": "a training ends by the --stop rules",
}


@dataclass(frozen=True)
class Artefacts:
    """The files of a model of AWS, DeepRacer for Cloud or anybody's with the same metadata.

    Attributes:
        metadata: model_metadata.json.
        hyperparameters: hyperparameters.json.
        reward: reward_function.py.
        onnx: a policy that onnxruntime runs.
        tracks: .npy files.
        foreign: networks that only TensorFlow runs.
    """

    metadata: Path | None
    hyperparameters: Path | None
    reward: Path | None
    onnx: Path | None
    tracks: tuple[Path, ...]
    foreign: tuple[Path, ...]

    @classmethod
    def found(cls, files: Mapping[str, Path]) -> Artefacts:
        """Find them among the files of a folder, in whatever folders below it they are.

        Raises:
            ModelError: there are two different ones at the same depth.
        """
        return cls(
            _one(files, METADATA),
            _one(files, HYPERPARAMETERS),
            _one(files, REWARD),
            _one(files, "*.onnx"),
            tuple(path for name, path in files.items() if name.endswith(".npy")),
            tuple(path for name, path in files.items() if is_foreign(name)),
        )

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing that settings could be made of."""
        return not (self.metadata or self.hyperparameters or self.reward)


def is_foreign(name: str) -> bool:
    """Tell whether a file is a network that only TensorFlow runs, by its name."""
    return any(suffix in FOREIGN or suffix.startswith(".ckpt-") for suffix in PurePosixPath(name).suffixes)


def _one(files: Mapping[str, Path], pattern: str) -> Path | None:
    fitting = {PurePosixPath(name): path for name, path in files.items() if path.match(pattern)}
    depth = min((len(name.parts) for name in fitting), default=0)
    nearest = {name: path for name, path in fitting.items() if len(name.parts) == depth}
    contents = {path.read_bytes() for path in nearest.values()} if len(nearest) > 1 else ()
    if len(contents) > 1:
        names = ", ".join(sorted(map(str, nearest)))
        raise ModelError(f"which one of {names} is meant? Import a folder that has one of them")
    return next(iter(nearest.values()), None)


def definition_of(
    artefacts: Artefacts, track: Sequence[str], description: str
) -> tuple[ModelDefinition, list[str]]:
    """Turn artefacts into a model's definition: their values in AWS's profile, or ours for our network.

    Args:
        artefacts: the files.
        track: to train on; by default the only .npy among them, or the profile's.
        description: of the model.

    Returns:
        The definition, and notes on what has no place in it.

    Raises:
        ModelError: a file is damaged, or a value is out of its range.
    """
    notes: list[str] = []
    metadata = read_json(artefacts.metadata) if artefacts.metadata else None
    is_ours = metadata is not None and metadata.get("neural_network") == SMALL_NETWORK
    settings = TrainSettings() if is_ours else aws_profile()
    if artefacts.hyperparameters:
        settings = settings.replaced(ppo=_ppo(artefacts.hyperparameters, settings.ppo, notes))
    names = tuple(track) or _track_of(artefacts)
    settings = settings.replaced(track=names or settings.track, reward=artefacts.reward)
    if not names:
        notes.append(f"its track is not among the files: it trains on {settings.track[0]}")
    definition = ModelDefinition.packed(settings, description)
    if metadata is not None and artefacts.metadata:
        definition = _with_actions(definition, artefacts.metadata, metadata, notes)
        notes += _metadata_notes(metadata)
    missing = {
        METADATA: artefacts.metadata,
        HYPERPARAMETERS: artefacts.hyperparameters,
        REWARD: artefacts.reward,
    }
    notes += [f"there is no {name}: the defaults are used" for name, path in missing.items() if path is None]
    return definition, notes


def _track_of(artefacts: Artefacts) -> tuple[str, ...]:
    if len(artefacts.tracks) > 1:
        names = ", ".join(path.name for path in artefacts.tracks)
        raise ModelError(f"which one of {names} is its track? Say --track")
    return tuple(map(str, artefacts.tracks))


def read_json(path: Path) -> dict[str, Any]:
    """Read an object.

    Raises:
        ModelError: it cannot be read, or is none.
    """
    try:
        if path.stat().st_size > MOST_BYTES:
            raise ModelError(f"{path}: larger than {MOST_BYTES} bytes")
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise ModelError(f"{path}: cannot be read: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{path}: no valid JSON: {error}") from error
    if not isinstance(content, dict):
        raise ModelError(f"{path}: must hold an object, not {type(content).__name__}")
    return content


def _ppo(path: Path, defaults: PPOSettings, notes: list[str]) -> PPOSettings:
    content = read_json(path)
    values = {name: content[name] for name in SAME if name in content}
    if isinstance(values.get("loss_type"), str):
        values["loss_type"] = values["loss_type"].lower()
    exploration = content.get("exploration_type", "categorical")
    if exploration != "categorical":
        notes.append(f"exploration_type {exploration!r:.40}: here, actions are drawn from the policy")
    for name in content:
        if name not in (*SAME, "exploration_type"):
            notes.append(f"{name!r:.60} is not used: {UNUSED.get(name, 'unknown')}")
    try:
        return defaults.replaced(**values)
    except ValidationError as error:
        raise ModelError(f"{path}: {describe(error)}") from error


def _with_actions(
    definition: ModelDefinition, path: Path, metadata: Mapping[str, Any], notes: list[str]
) -> ModelDefinition:
    try:
        space = load_action_space(metadata)
        if isinstance(space, ContinuousActionSpace):
            space = _evenly(space)
            notes.append(
                f"its action space is continuous, and training here needs a list: {len(space)} actions, "
                "evenly over the same ranges"
            )
    except ActionSpaceError as error:
        raise ModelError(f"{path}: {error}") from error
    settings = definition.settings
    return ModelDefinition(
        settings.replaced(actions=settings.actions.replaced(file=Path(ACTIONS))),
        definition.description,
        {**definition.files, ACTIONS: json_bytes(space.to_json())},
        {**definition.origins, ACTIONS: str(path)},
    )


def _evenly(space: ContinuousActionSpace) -> DiscreteActionSpace:
    angles = np.linspace(space.steering_low, space.steering_high, STEERING_ANGLES)
    speeds = np.unique(np.linspace(space.speed_low, space.speed_high, SPEEDS))
    return DiscreteActionSpace(np.repeat(angles, len(speeds)), np.tile(speeds, len(angles)))


def _metadata_notes(metadata: Mapping[str, Any]) -> list[str]:
    notes = []
    network = metadata.get("neural_network", NETWORK)
    if network not in (NETWORK, SMALL_NETWORK):
        notes.append(f"neural_network {network!r:.60} is not here: it trains AWS's {NETWORK}")
    sensor = metadata.get("sensor", CAMERAS[0])
    if sensor not in CAMERAS:
        notes.append(f"sensor {sensor!r:.100}: the car here has one camera in front and no lidar")
    if metadata.get("training_algorithm", "clipped_ppo") != "clipped_ppo":
        notes.append(f"training_algorithm {metadata['training_algorithm']!r:.40}: training here is PPO")
    return notes


def policy_settings(settings: TrainSettings, width: int, height: int, channels: int) -> TrainSettings:
    """Return settings with the picture that an ONNX policy sees.

    Raises:
        ModelError: no such picture can be had.
    """
    is_small = min(width, height) < SMALLEST_PICTURE[settings.network]
    try:
        camera = settings.camera.replaced(
            width=width, height=height, colour="grey" if channels == 1 else "rgb"
        )
        return settings.replaced(camera=camera, network=SMALL_NETWORK if is_small else settings.network)
    except ValidationError as error:
        raise ModelError(
            f"the ONNX model sees pictures that cannot be had here: {describe(error)}"
        ) from error
