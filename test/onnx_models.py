"""Tiny ONNX models whose results can be worked out by hand."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

DEFAULT_PROBABILITIES = (0.1, 0.2, 0.7)


def metadata(num_actions=3):
    """Actions -30, 0, 30 degrees at 1, 2, 3 m/s, ..."""
    actions = [{"steering_angle": 30.0 * (i - 1), "speed": 1.0 + i} for i in range(num_actions)]
    return {
        "action_space": actions,
        "action_space_type": "discrete",
        "sensor": ["FRONT_FACING_CAMERA"],
        "neural_network": "DEEP_CONVOLUTIONAL_NETWORK_SHALLOW",
        "training_algorithm": "clipped_ppo",
        "version": "5",
    }


def network(
    shape=("batch", 4, 6, 1),
    probabilities=DEFAULT_PROBABILITIES,
    brightness_gain=None,
    input_type=TensorProto.UINT8,
    last="Softmax",
    num_inputs=1,
):
    """uint8 NHWC -> Cast -> Mul 1/255 -> Flatten -> Gemm -> Softmax.

    The logits are log(probabilities) + brightness_gain * (mean of the image / 255), so a black image
    gives exactly `probabilities`.
    """
    features = int(np.prod(shape[1:]))
    gain = np.zeros(len(probabilities)) if brightness_gain is None else np.array(brightness_gain)
    bias = np.array(probabilities) if last != "Softmax" else np.log(probabilities)
    weights = {
        "scale": np.float32(1 / 255),
        "weight": np.tile(gain / features, (features, 1)).astype(np.float32),
        "bias": bias.astype(np.float32),
    }
    nodes = [
        helper.make_node("Cast", ["image_0"], ["cast"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["cast", "scale"], ["scaled"]),
        helper.make_node("Flatten", ["scaled"], ["flat"], axis=1),
        helper.make_node("Gemm", ["flat", "weight", "bias"], ["logits"]),
        helper.make_node(last, ["logits"], ["output"]),
    ]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info(f"image_{i}", input_type, shape) for i in range(num_inputs)],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, [shape[0], len(probabilities)])],
        [numpy_helper.from_array(np.asarray(array), name) for name, array in weights.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)


def network_bytes(**changes):
    model = network(**changes)
    onnx.checker.check_model(model)
    return model.SerializeToString()
