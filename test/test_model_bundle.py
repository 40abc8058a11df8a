from __future__ import annotations

import json
import os

import onnx
import pytest
from onnx import TensorProto
from onnx_models import metadata, network, network_bytes

from deepracer_inference.model_bundle import ModelBundle, ModelBundleError


def write(folder, onnx_bytes, meta):
    folder.mkdir(exist_ok=True)
    (folder / "model.onnx").write_bytes(onnx_bytes)
    (folder / "model_metadata.json").write_text(meta if isinstance(meta, str) else json.dumps(meta))
    return folder


def test_what_was_saved_is_loaded(tmp_path):
    onnx_bytes = network_bytes(shape=("batch", 4, 6, 3))
    ModelBundle.save(tmp_path / "run" / "model", onnx_bytes, metadata())
    assert sorted(os.listdir(tmp_path / "run" / "model")) == ["model.onnx", "model_metadata.json"]

    bundle = ModelBundle.load(tmp_path / "run" / "model")
    assert (bundle.height, bundle.width, bundle.channels) == (4, 6, 3)
    assert (bundle.input_name, bundle.sensor) == ("image_0", "FRONT_FACING_CAMERA")
    assert bundle.batch_is_dynamic
    assert bundle.action_space.to_json() == metadata()["action_space"]
    assert bundle.metadata == metadata()
    assert bundle.onnx_bytes == onnx_bytes


def test_a_fixed_batch_of_one_is_accepted(tmp_path):
    assert not ModelBundle.from_parts(network_bytes(shape=(1, 4, 6, 1)), metadata()).batch_is_dynamic


def test_metadata_without_a_sensor_means_awss_first_camera():
    meta = metadata()
    del meta["sensor"]
    assert ModelBundle.from_parts(network_bytes(), meta).sensor == "observation"


def test_a_continuous_model_gives_two_numbers_that_need_not_be_probabilities():
    ranges = {"steering_angle": {"high": 30, "low": -30}, "speed": {"high": 2, "low": 1}}
    meta = {**metadata(), "action_space": ranges, "action_space_type": "continuous"}
    bundle = ModelBundle.from_parts(network_bytes(probabilities=(0.5, -0.5), last="Tanh"), meta)
    assert bundle.num_outputs == 2


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"probabilities": (0.5, 0.5)}, r"output \(2, 2\) .* needs \(2, 3\); .* different models"),
        ({"input_type": TensorProto.FLOAT}, r"input image_0 is tensor\(float\) .* must be uint8"),
        ({"shape": ("batch", 4, 6, 2)}, "must be uint8 .*1 or 3"),
        ({"shape": (2, 4, 6, 1)}, "1 or dynamic"),
        ({"shape": (1, 4, 6)}, "must be uint8"),
        ({"shape": ("batch", 4, 2000, 1)}, "sides up to 1024"),
        ({"num_inputs": 2}, "has inputs .*image_0.*image_1.* exactly one image"),
        ({"last": "Identity", "probabilities": (1.0, 2.0, 3.0)}, "sum to 6, must be probabilities"),
        ({"last": "Identity", "probabilities": (-1.0, 1.0, 1.0)}, "values from -1"),
        ({"last": "Identity", "probabilities": (float("nan"), 1.0, 1.0)}, "NaN or infinity"),
    ],
)
def test_a_network_that_does_not_fit_is_refused(changes, message):
    with pytest.raises(ModelBundleError, match=message):
        ModelBundle.from_parts(network_bytes(**changes), metadata())


def test_a_graph_that_only_claims_a_dynamic_batch_is_refused():
    model = network(shape=("batch", 4, 6, 1))
    reshape = next(node for node in model.graph.node if node.op_type == "Flatten")
    reshape.attribute[0].i = 0  # everything into one row
    with pytest.raises(ModelBundleError, match="fails on 2 test images"):
        ModelBundle.from_parts(model.SerializeToString(), metadata())


def test_weights_in_another_file_are_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # onnxruntime looks for the weights here, and would find them
    onnx.save_model(
        network(), "model.onnx", save_as_external_data=True, location="weights.bin", size_threshold=0
    )
    assert (tmp_path / "weights.bin").exists()
    with pytest.raises(ModelBundleError, match="keeps weights in another file"):
        ModelBundle.from_parts((tmp_path / "model.onnx").read_bytes(), metadata())


def test_a_note_that_mentions_a_location_is_not_mistaken_for_another_file():
    model = network()
    model.metadata_props.add(key="location", value="Las Vegas")
    assert ModelBundle.from_parts(model.SerializeToString(), metadata()).height == 4


@pytest.mark.parametrize("damage", [lambda data: data[: len(data) // 2], lambda data: b"not onnx" * 9])
def test_a_damaged_network_is_refused(tmp_path, damage):
    folder = write(tmp_path, damage(network_bytes()), metadata())
    with pytest.raises(ModelBundleError, match=r"onnxruntime cannot open model\.onnx"):
        ModelBundle.load(folder)


@pytest.mark.parametrize(
    ("meta", "message"),
    [
        ("{", "not valid JSON"),
        ("", r"model_metadata\.json: 0 bytes"),
        ("[]", "must hold an object, not list"),
        ({}, "no action_space"),
        ({**metadata(), "action_space": [{"steering_angle": 90, "speed": 1}]}, "action 0: steering angle 90"),
        ({**metadata(), "sensor": ["FRONT_FACING_CAMERA", "LIDAR"]}, "a list of one camera"),
        ({**metadata(), "sensor": "FRONT_FACING_CAMERA"}, "a list of one camera"),
    ],
)
def test_bad_metadata_is_refused(tmp_path, meta, message):
    with pytest.raises(ModelBundleError, match=message):
        ModelBundle.load(write(tmp_path, network_bytes(), meta))


def test_metadata_that_is_not_text_is_refused(tmp_path):
    folder = write(tmp_path, network_bytes(), metadata())
    (folder / "model_metadata.json").write_bytes(b'{"\xff": 1}')
    with pytest.raises(ModelBundleError, match="not valid JSON"):
        ModelBundle.load(folder)


def test_a_missing_folder_or_file_is_named(tmp_path):
    with pytest.raises(ModelBundleError, match="nowhere: no such folder"):
        ModelBundle.load(tmp_path / "nowhere")
    for name in ("model.onnx", "model_metadata.json"):
        folder = write(tmp_path / "model", network_bytes(), metadata())
        (folder / name).unlink()
        with pytest.raises(ModelBundleError, match=f"{name}: cannot be read: No such file"):
            ModelBundle.load(folder)


def test_an_absurdly_large_file_is_refused_unread(tmp_path):
    folder = write(tmp_path, network_bytes(), metadata())
    with open(folder / "model.onnx", "r+b") as file:
        file.truncate(300 * 1024 * 1024)  # sparse
    with pytest.raises(ModelBundleError, match="314572800 bytes, must be 1 to 268435456"):
        ModelBundle.load(folder)


def test_a_refused_save_leaves_the_old_bundle_as_it_was(tmp_path):
    ModelBundle.save(tmp_path, network_bytes(), metadata())
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(ModelBundleError):
        ModelBundle.save(tmp_path, network_bytes(probabilities=(0.5, 0.5)), metadata())
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_save_that_the_disk_refuses_leaves_the_old_bundle_and_no_rubbish(tmp_path, monkeypatch):
    ModelBundle.save(tmp_path, network_bytes(), metadata())
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    def no_space(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", no_space)
    with pytest.raises(ModelBundleError, match=r"could not be written: .*No space left on device"):
        ModelBundle.save(tmp_path, network_bytes(probabilities=(0.3, 0.3, 0.4)), metadata())
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_path_that_cannot_be_a_folder_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ModelBundleError, match="could not be written"):
        ModelBundle.save(tmp_path / "file" / "model", network_bytes(), metadata())
