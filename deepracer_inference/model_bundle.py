"""A trained model as a folder: model.onnx with the network, model_metadata.json with its meaning."""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Mapping

import numpy as np

from deepracer_inference.action_space import (
    ActionSpace,
    ActionSpaceError,
    DiscreteActionSpace,
    load_action_space,
)

MODEL_FILE = "model.onnx"
METADATA_FILE = "model_metadata.json"
MAX_MODEL_BYTES = 256 * 1024 * 1024
"""Ten times AWS's largest network at 160x120; anything larger is not a model for this car."""
MAX_METADATA_BYTES = 1024 * 1024
MAX_IMAGE_SIDE = 1024
"""Pixels; keeps a damaged shape from asking for gigabytes."""

# A tensor stored outside the file holds, in ONNX's protobuf, external_data (field 13) with an entry
# whose key (field 1) is "location".
_EXTERNAL_DATA = re.compile(rb"\x6a(?:[\x00-\x7f]|[\x80-\xff][\x00-\x7f])\x0a\x08location\x12", re.DOTALL)


class ModelBundleError(ValueError):
    """A model folder that is missing, damaged or does not fit the car."""


@dataclass(frozen=True, eq=False)
class ModelBundle:
    """A checked model: every bundle that exists has been run once on a test image.

    The network takes uint8 images (batch, height, width, channels) and gives (batch, actions)
    probabilities, or (batch, 2) values in [-1, 1] for a continuous action space. Scaling is its own.

    Attributes:
        onnx_bytes: the content of model.onnx.
        metadata: the content of model_metadata.json, under AWS's keys.
        action_space: what the outputs mean.
        sensor: the camera's name in the metadata.
        input_name: the ONNX graph's image input.
        height: of the image, pixels.
        width: of the image, pixels.
        channels: 1 (grey) or 3 (RGB).
        batch_is_dynamic: the graph takes any number of images at once, otherwise exactly 1.
        session: the model in onnxruntime; another one would need three times the weights' memory again.
    """

    onnx_bytes: bytes = field(repr=False)
    metadata: Mapping[str, Any]
    action_space: ActionSpace
    sensor: str
    input_name: str
    height: int
    width: int
    channels: int
    batch_is_dynamic: bool
    session: Any = field(repr=False)

    @classmethod
    def load(cls, path: str | Path) -> ModelBundle:
        """Read and check a model folder.

        Raises:
            ModelBundleError: a file is missing or damaged, or the model does not fit the metadata.
        """
        folder = Path(path)
        if not folder.is_dir():
            raise ModelBundleError(
                f"{folder}: no such folder; a model is a folder with {MODEL_FILE} and {METADATA_FILE}"
            )
        onnx_bytes = _read(folder / MODEL_FILE, MAX_MODEL_BYTES)
        metadata_bytes = _read(folder / METADATA_FILE, MAX_METADATA_BYTES)
        try:
            metadata = json.loads(metadata_bytes.decode("utf-8"))
        except ValueError as error:  # also bytes that are not UTF-8
            raise ModelBundleError(f"{folder / METADATA_FILE}: not valid JSON: {error}") from error
        try:
            return cls.from_parts(onnx_bytes, metadata)
        except ModelBundleError as error:
            raise ModelBundleError(f"{folder}: {error}") from error

    @classmethod
    def from_parts(cls, onnx_bytes: bytes, metadata: Mapping[str, Any]) -> ModelBundle:
        """Check a model that is in memory; `load` and `save` both end here.

        Args:
            onnx_bytes: a serialised ONNX model, its weights inside.
            metadata: the content of model_metadata.json.

        Raises:
            ModelBundleError: the model or the metadata is invalid, or they do not fit each other.
        """
        if not isinstance(metadata, Mapping):
            raise ModelBundleError(f"{METADATA_FILE} must hold an object, not {type(metadata).__name__}")
        try:
            action_space = load_action_space(metadata)
        except ActionSpaceError as error:
            raise ModelBundleError(f"{METADATA_FILE}: {error}") from error
        sensor = _camera_name(metadata)
        session = _open(onnx_bytes)
        name, (batch, height, width, channels) = _image_input(session)
        sides = height, width, channels
        bundle = cls(onnx_bytes, metadata, action_space, sensor, name, *sides, batch is None, session)
        _run_once(bundle)
        return bundle

    @classmethod
    def save(cls, path: str | Path, onnx_bytes: bytes, metadata: Mapping[str, Any]) -> ModelBundle:
        """Check a model, then write its folder; both files appear under temporary names first.

        Raises:
            ModelBundleError: the model does not pass the checks of `from_parts`, or the disk refuses;
                an existing bundle is then left as it was.
        """
        bundle = cls.from_parts(onnx_bytes, metadata)
        text = json.dumps(metadata, indent=2, allow_nan=False) + "\n"
        folder = Path(path)
        contents = {MODEL_FILE: onnx_bytes, METADATA_FILE: text.encode("utf-8")}
        temporary = {name: folder / f".{name}.{os.getpid()}.tmp" for name in contents}
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for name, content in contents.items():
                _write_through(temporary[name], content)
            for name in contents:
                os.replace(temporary[name], folder / name)
        except OSError as error:
            raise ModelBundleError(f"{folder}: the model could not be written: {error}") from error
        finally:
            for leftover in temporary.values():
                if leftover.exists():
                    leftover.unlink()
        return bundle

    @property
    def num_outputs(self) -> int:
        """Numbers that the network gives for one image."""
        return len(self.action_space) if isinstance(self.action_space, DiscreteActionSpace) else 2


def _open(onnx_bytes: bytes) -> Any:
    """Open a model in onnxruntime on the CPU, with one thread: more seldom pay for networks of this size."""
    import onnxruntime

    if _EXTERNAL_DATA.search(onnx_bytes):
        raise ModelBundleError(
            f"{MODEL_FILE} keeps weights in another file; export it again with the weights inside"
        )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3  # errors; a warning about an unused weight helps nobody here
    try:
        return onnxruntime.InferenceSession(onnx_bytes, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's errors have no narrower base in common
        raise ModelBundleError(f"onnxruntime cannot open {MODEL_FILE}: {error}") from error


def _read(path: Path, max_bytes: int) -> bytes:
    try:
        size = path.stat().st_size
        if not 0 < size <= max_bytes:
            raise ModelBundleError(f"{path}: {size} bytes, must be 1 to {max_bytes}")
        return path.read_bytes()
    except OSError as error:
        raise ModelBundleError(f"{path}: cannot be read: {error.strerror}") from error


def _write_through(path: Path, content: bytes) -> None:
    with open(path, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _camera_name(metadata: Mapping[str, Any]) -> str:
    sensors = metadata.get("sensor", ["observation"])  # AWS's name before the key existed
    if not isinstance(sensors, list) or len(sensors) != 1 or not isinstance(sensors[0], str):
        raise ModelBundleError(
            f'{METADATA_FILE}: sensor is {sensors!r}, must be a list of one camera, ["FRONT_FACING_CAMERA"]'
        )
    return sensors[0]


def _image_input(session: Any) -> tuple[str, tuple[int | None, int, int, int]]:
    """Return the input's name and (batch or None if dynamic, height, width, channels)."""
    inputs: dict[str, Any] = {entry.name: entry for entry in session.get_inputs()}
    if len(inputs) != 1:
        raise ModelBundleError(f"{MODEL_FILE} has inputs {sorted(inputs)}, must have exactly one image")
    name, entry = next(iter(inputs.items()))
    shape = list(entry.shape)
    wanted = "must be uint8 [1 or dynamic, height, width, 1 or 3]"
    found = f"{MODEL_FILE}: input {name} is {entry.type} {shape}"
    if entry.type != "tensor(uint8)" or len(shape) != 4:
        raise ModelBundleError(f"{found}, {wanted}")
    batch = shape[0] if isinstance(shape[0], int) else None
    sides_fit = all(isinstance(side, int) and 1 <= side <= MAX_IMAGE_SIDE for side in shape[1:3])
    if batch not in (None, 1) or not sides_fit or shape[3] not in (1, 3):
        raise ModelBundleError(f"{found}, {wanted}, sides up to {MAX_IMAGE_SIDE}")
    return name, (batch, shape[1], shape[2], shape[3])


def _run_once(bundle: ModelBundle) -> None:
    """Run grey test images: shapes in the file may be absent or wrong, the output is what counts."""
    count = 2 if bundle.batch_is_dynamic else 1  # 2 finds a graph that only claims to take any number
    images = np.full((count, bundle.height, bundle.width, bundle.channels), 128, dtype=np.uint8)
    try:
        output = bundle.session.run([bundle.session.get_outputs()[0].name], {bundle.input_name: images})[0]
    except Exception as error:  # onnxruntime's errors have no narrower base in common
        raise ModelBundleError(f"{MODEL_FILE} fails on {count} test images: {error}") from error
    wanted = (count, bundle.num_outputs)
    if output.shape != wanted:
        raise ModelBundleError(
            f"{MODEL_FILE} gives an output {output.shape} for {count} images, but the action space needs "
            f"{wanted}; {MODEL_FILE} and {METADATA_FILE} belong to different models"
        )
    if not np.isfinite(output).all():
        raise ModelBundleError(f"{MODEL_FILE} gives NaN or infinity on a test image")
    sums = output.sum(axis=1)
    is_discrete = isinstance(bundle.action_space, DiscreteActionSpace)
    if is_discrete and (output.min() < -1e-3 or np.abs(sums - 1.0).max() > 1e-3):
        raise ModelBundleError(
            f"{MODEL_FILE} gives values from {output.min():.4g} that sum to {sums[0]:.4g}, must be "
            "probabilities that sum to 1; end the network with Softmax"
        )
