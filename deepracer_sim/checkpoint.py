"""A checkpoint: all that a policy needs to drive, and all that its training needs to go on."""

from __future__ import annotations

import io
import pickle
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError

from deepracer_inference.action_space import ActionSpaceError, DiscreteActionSpace
from deepracer_sim.errors import RunError
from deepracer_sim.network import PolicyNetwork
from deepracer_sim.settings import TrainSettings, describe

VERSION = 1


@dataclass(frozen=True)
class Checkpoint:
    """The state of a training after an iteration; it needs no other file to drive.

    Attributes:
        iteration: 0 before the first one.
        settings: of the run.
        actions: what the network's outputs mean.
        state: what `Trainer.checkpoint` gave: tensors and plain values.
    """

    iteration: int
    settings: TrainSettings
    actions: DiscreteActionSpace
    state: Mapping[str, Any]

    @classmethod
    def load(cls, path: Path) -> Checkpoint:
        """Read a checkpoint: tensors and plain values only, no pickled code.

        Raises:
            RunError: missing, damaged or of another version.
        """
        content = _read(path)
        try:
            if content["version"] != VERSION:
                raise RunError(
                    f"{path} has version {content['version']}: this program reads version {VERSION}"
                )
            return cls(
                iteration=content["iteration"],
                settings=TrainSettings(**content["settings"]),
                actions=DiscreteActionSpace.from_json(content["actions"]),
                state=content["state"],
            )
        except ValidationError as error:
            raise RunError(f"{path} cannot be used: {describe(error)}") from error
        except ActionSpaceError as error:
            raise RunError(f"{path} cannot be used: {error}") from error
        except (KeyError, TypeError) as error:
            raise RunError(f"{path} is no checkpoint of this program: {error}") from error

    def to_bytes(self) -> bytes:
        """Return the content of the file."""
        buffer = io.BytesIO()
        content = {
            "version": VERSION,
            "iteration": self.iteration,
            "settings": self.settings.model_dump(mode="json"),
            "actions": self.actions.to_json(),
            "state": dict(self.state),
        }
        torch.save(content, buffer)
        return buffer.getvalue()

    def weights(self, **values: Any) -> Checkpoint:
        """Return what is needed to drive, with further `values` in its state."""
        network = {name: value for name, value in self.state.items() if name == "network"}
        return replace(self, state={**network, **values})

    def network(self) -> PolicyNetwork:
        """Return the network with its weights.

        Raises:
            RunError: the weights do not fit the settings.
        """
        camera = self.settings.camera
        shape = (camera.height, camera.width, camera.channels)
        network = PolicyNetwork(self.settings.network, shape, len(self.actions))
        try:
            network.load_state_dict(self.state["network"])
        except (RuntimeError, KeyError, TypeError) as error:
            reason = str(error).splitlines()[0]
            raise RunError(f"the checkpoint's weights do not fit its settings: {reason}") from error
        return network


def _read(path: Path) -> Any:
    try:
        with zipfile.ZipFile(path) as archive:  # torch does not look at the checksums
            damaged = archive.testzip()
        if damaged is not None:
            raise RunError(f"{path} is damaged: the checksum of {damaged} is wrong")
        return torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise RunError(f"{path}: no such checkpoint") from error
    except OSError as error:
        raise RunError(f"{path} cannot be read: {error.strerror or error}") from error
    except zipfile.BadZipFile as error:
        raise RunError(f"{path} is damaged, or no checkpoint: {error}") from error
    except pickle.UnpicklingError as error:
        raise RunError(
            f"{path} is refused: it holds other things than tensors and plain values, and loading them could "
            "run code"
        ) from error
    except (RuntimeError, EOFError, ValueError, KeyError, NotImplementedError, zipfile.LargeZipFile) as error:
        raise RunError(f"{path} is damaged, or no checkpoint: {str(error).splitlines()[0]}") from error


def on_device(value: Any, device: torch.device) -> Any:
    """Move the tensors in nested dicts and lists to a device.

    Those of uint8 are the states of random generators, which torch wants on the CPU.
    """
    if isinstance(value, Mapping):
        return {name: on_device(item, device) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(on_device(item, device) for item in value)
    return value.to(device) if isinstance(value, torch.Tensor) and value.dtype != torch.uint8 else value


def differences(theirs: Any, ours: Any, name: str = "") -> list[str]:
    """Name what differs between two settings: `name: theirs there, ours here`."""
    if isinstance(theirs, Mapping) and isinstance(ours, Mapping):
        return [
            line
            for key in {**theirs, **ours}
            for line in differences(theirs.get(key), ours.get(key), f"{name}.{key}" if name else key)
        ]
    return [] if theirs == ours else [f"{name}: {theirs} there, {ours} here"]
