from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import helper
from onnx_models import network, network_bytes
from race_models import make_race, write_bundle

from deepracer_sim.errors import DeepRacerError, RaceError
from deepracer_sim.races.entering import enter


@pytest.fixture
def race(track, tmp_path):
    return make_race(tmp_path / "races", track)


def with_operator(operator, inputs, **attributes):
    """A network with one more node, which works on the picture."""
    model = network(shape=("batch", 24, 32, 1), probabilities=(1.0,))
    node = helper.make_node(operator, inputs, ["more"], **attributes)
    model.graph.node.insert(len(model.graph.node) - 1, node)
    return model.SerializeToString()


BODY = helper.make_graph(
    [helper.make_node("RandomNormal", [], ["drawn"], shape=[1])],
    "body",
    [],
    [helper.make_tensor_value_info("drawn", onnx.TensorProto.FLOAT, [1])],
)
BAD_NETWORKS = {
    "no ONNX": (b"\x00 no network", "model.onnx cannot be read"),
    "empty": (b"", "1 to "),
    "wrong shape": (network_bytes(shape=("batch", 24, 32, 2), probabilities=(1.0,)), "must be uint8"),
    "too small": (network_bytes(shape=("batch", 4, 6, 1), probabilities=(1.0,)), "pictures that no camera"),
    "another action space": (network_bytes(shape=("batch", 24, 32, 1)), "belong to different models"),
    "NaN": (network_bytes(shape=("batch", 24, 32, 1), probabilities=(np.nan,)), "NaN"),
    "dice": (with_operator("RandomNormalLike", ["cast"]), r"draws at random \(RandomNormalLike\)"),
    "dice inside": (with_operator("If", ["cast"], then_branch=BODY, else_branch=BODY), "draws at random"),
    "endless": (with_operator("Loop", ["", "", "cast"], body=BODY), "Loop"),
}


@pytest.mark.parametrize("name", BAD_NETWORKS)
def test_a_network_that_cannot_be_raced_is_refused(race, tmp_path, name):
    content, words = BAD_NETWORKS[name]
    bundle = write_bundle(tmp_path / "model")
    (bundle / "model.onnx").write_bytes(content)
    with pytest.raises((DeepRacerError, ValueError), match=words):
        enter(race, str(bundle))
    assert race.entries() == ([], [])


def test_a_bundle_without_its_parts_is_refused(race, tmp_path):
    bundle = write_bundle(tmp_path / "model")
    (bundle / "model_metadata.json").unlink()
    with pytest.raises(RaceError, match=r"model_metadata\.json: cannot be copied: No such file"):
        enter(race, str(bundle))
    (bundle / "model.onnx").unlink()
    with pytest.raises(RaceError, match=r"has no model\.onnx in it; what can be raced"):
        enter(race, str(bundle))
    (tmp_path / "model.pb").write_bytes(b"frozen")
    with pytest.raises(RaceError, match="a TensorFlow network; what can be raced"):
        enter(race, str(tmp_path / "model.pb"))
    with pytest.raises(RaceError, match="no such model, neither here nor in "):
        enter(race, str(tmp_path / "nowhere"), store=tmp_path / "store")
