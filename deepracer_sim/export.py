"""A trained network as an ONNX model that the car can run, checked against torch before it is written."""

from __future__ import annotations

import io
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from deepracer_inference.action_space import DiscreteActionSpace
from deepracer_inference.model_bundle import ModelBundle, ModelBundleError
from deepracer_inference.policy import OnnxPolicy
from deepracer_sim.errors import RunError
from deepracer_sim.network import PolicyNetwork

SENSOR = "FRONT_FACING_CAMERA"
OPSET = 17
"""Also the newest one of the onnxruntime that the car's Python 3.8 can install."""
TOLERANCE = 1e-4
"""Largest difference of a probability between onnxruntime and torch."""


def metadata(network: PolicyNetwork, actions: DiscreteActionSpace) -> dict[str, Any]:
    """Return the content of model_metadata.json, in AWS's keys."""
    return {
        "action_space": actions.to_json(),
        "action_space_type": "discrete",
        "sensor": [SENSOR],
        "neural_network": network.name,
        "training_algorithm": "clipped_ppo",
        "version": "5",
    }


def export(network: PolicyNetwork, actions: DiscreteActionSpace, frames: Tensor, folder: Path) -> ModelBundle:
    """Write `folder`/model.onnx and model_metadata.json.

    Args:
        network: what was trained.
        actions: what its outputs mean.
        frames: (B, H, W, C) uint8 pictures from the simulator; both runtimes must agree on them.
        folder: made if it does not exist; a model in it is replaced.

    Raises:
        RunError: onnxruntime and torch differ by more than `TOLERANCE`, the network gives NaN, or the folder
            cannot be written; a model in it is then left as it was.
    """
    network = network.cpu().eval()
    frames = frames.cpu()
    try:
        bundle = ModelBundle.from_parts(_onnx_bytes(network, frames[:1]), metadata(network, actions))
    except ModelBundleError as error:
        raise RunError(f"the model was not exported: {error}") from error
    with torch.no_grad():
        expected = network.probabilities(frames).numpy()
    difference = largest_difference(OnnxPolicy(bundle), frames.numpy(), expected)
    if not difference <= TOLERANCE:
        raise RunError(
            f"onnxruntime and torch differ by {difference:.2g} on {len(frames)} frames, more than "
            f"{TOLERANCE}: the model was not exported; please report this with the versions of both"
        )
    try:
        return ModelBundle.save(folder, bundle.onnx_bytes, bundle.metadata)
    except ModelBundleError as error:
        raise RunError(str(error)) from error


def largest_difference(policy: OnnxPolicy, frames: NDArray[np.uint8], expected: NDArray[np.float32]) -> float:
    """Return the largest absolute difference of a probability."""
    return float(np.abs(policy.probabilities(frames) - expected).max())


class _Probabilities(nn.Module):
    def __init__(self, network: PolicyNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        return self.network.probabilities(images)


def _onnx_bytes(network: PolicyNetwork, frame: Tensor) -> bytes:
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        # The exporter that replaces this one needs half a minute and one more package for the same graph.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            _Probabilities(network),
            (frame,),
            buffer,  # type: ignore[arg-type]  # the legacy exporter takes a stream
            input_names=[SENSOR],
            output_names=["probabilities"],
            dynamic_axes={SENSOR: {0: "batch"}, "probabilities": {0: "batch"}},
            opset_version=OPSET,
            dynamo=False,
        )
    return buffer.getvalue()
