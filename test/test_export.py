"""Export: what the car gets is what was trained, or nothing is written."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from small_runs import circle_track, small_settings

from deepracer_inference.policy import OnnxPolicy
from deepracer_sim import export as export_module
from deepracer_sim import training_run
from deepracer_sim.checkpoint import Checkpoint
from deepracer_sim.errors import RunError
from deepracer_sim.export import TOLERANCE, export, largest_difference
from deepracer_sim.network import PolicyNetwork
from deepracer_sim.simulation import Course, load_actions


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    """An untrained network for two tracks."""
    folder = tmp_path_factory.mktemp("tracks")
    tracks = tuple(str(circle_track(folder, radius, f"circle_{radius}")) for radius in (1.0, 1.5))
    settings = small_settings("oval", 1).replaced(track=tracks)
    torch.manual_seed(0)
    network = PolicyNetwork("FAST", (24, 32, 1), 10)
    torch.nn.init.orthogonal_(network.policy.weight, 3.0)  # far from even probabilities
    return Checkpoint(1, settings, load_actions(settings.actions), {"network": network.state_dict()})


@pytest.fixture(scope="module")
def course(checkpoint):
    return Course.load(checkpoint.settings.track)


@pytest.fixture(scope="module")
def frames(checkpoint, course):
    """The pictures that an export compares with."""
    seen = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training_run, "export", lambda network, actions, frames, folder: seen.append(frames))
        training_run.export_checkpoint(checkpoint, None, course)
    return seen[0]


def test_pictures_are_from_all_over_the_runs_tracks(frames):
    assert frames.shape == (training_run.PARITY_FRAMES, 24, 32, 1)
    assert frames.dtype == torch.uint8
    assert len({frame.numpy().tobytes() for frame in frames}) == len(frames)
    assert frames.float().std() > 20  # road, lines and surroundings, not a grey nothing
    # The cars of the two tracks take turns; the wider circle bends less, so the pictures differ on average.
    assert (frames[0::2].float().mean(0) - frames[1::2].float().mean(0)).abs().max() > 5


@pytest.mark.parametrize("name", ["FAST", "DEEP_CONVOLUTIONAL_NETWORK_SHALLOW"])
@pytest.mark.parametrize("channels", [1, 3])
def test_onnx_and_torch_agree(tmp_path, name, channels):
    generator = torch.Generator().manual_seed(1)
    frames = torch.randint(0, 256, (16, 36, 48, channels), dtype=torch.uint8, generator=generator)
    network = PolicyNetwork(name, (36, 48, channels), 10)
    torch.nn.init.orthogonal_(network.policy.weight, 3.0)
    actions = load_actions(small_settings("oval", 1).actions)
    bundle = export(network, actions, frames, tmp_path)
    with torch.no_grad():
        expected = network.probabilities(frames).numpy()
    assert expected.std() > 0.01
    assert largest_difference(OnnxPolicy(bundle), frames.numpy(), expected) < TOLERANCE / 10
    assert (bundle.height, bundle.width, bundle.channels, bundle.batch_is_dynamic) == (36, 48, channels, True)
    assert bundle.metadata["neural_network"] == name
    assert bundle.action_space == actions


def test_a_mismatch_is_refused_and_the_model_that_was_there_stays(checkpoint, frames, tmp_path, monkeypatch):
    network = checkpoint.network()
    export(network, checkpoint.actions, frames, tmp_path)
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}

    def graph_of_other_weights(network, frame, make=export_module._onnx_bytes):
        content = make(network, frame)
        with torch.no_grad():
            network.policy.bias[0] += 0.01
        return content

    monkeypatch.setattr(export_module, "_onnx_bytes", graph_of_other_weights)
    with pytest.raises(
        RunError, match=r"onnxruntime and torch differ by 0.00.* on 64 frames, more than 0.0001"
    ):
        export(network, checkpoint.actions, frames, tmp_path)
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before
    with pytest.raises(RunError, match="the model was not exported"):
        export(network, checkpoint.actions, frames, tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_a_network_of_nan_is_refused(checkpoint, frames, tmp_path):
    network = checkpoint.network()
    with torch.no_grad():
        network.policy.bias[0] = float("nan")
    with pytest.raises(RunError, match=r"the model was not exported: model.onnx gives NaN"):
        export(network, checkpoint.actions, frames, tmp_path / "model")
    assert not (tmp_path / "model").exists()


def test_a_folder_that_cannot_be_written_is_named(checkpoint, frames, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="file/model: the model could not be written"):
        export(checkpoint.network(), checkpoint.actions, frames, tmp_path / "file/model")


def test_differences_are_the_largest_of_all():
    class Fixed:
        def probabilities(self, images):
            return np.array([[0.5, 0.5], [0.2, 0.8]], np.float32)

    expected = np.array([[0.5, 0.5], [0.3, 0.7]], np.float32)
    assert largest_difference(Fixed(), np.zeros((2, 1, 1, 1), np.uint8), expected) == pytest.approx(0.1)
