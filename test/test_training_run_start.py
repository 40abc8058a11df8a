"""What a training starts with: the weights of another one, settings, a profile."""

from __future__ import annotations

import pytest
import torch
from small_runs import checkpoint, same, small_settings

from deepracer_inference.model_bundle import ModelBundle
from deepracer_sim.checkpoint import Checkpoint
from deepracer_sim.clone import load_clone
from deepracer_sim.errors import RunError, SettingError, TrackError
from deepracer_sim.profiles import aws_profile, for_gazebo
from deepracer_sim.settings import StopSettings
from deepracer_sim.training_run import start

pytestmark = pytest.mark.usefixtures("fast")


def test_a_clone_starts_with_the_weights_alone(whole, track, tmp_path):
    before = Checkpoint.load(whole.path / "checkpoints/best.pt")
    settings = small_settings(track, 1, seed=8, ppo={"lr": 1e-8, "rollout_steps": 4})
    for source in (whole.path, whole.path / "checkpoints/best.pt"):
        run = start(settings, tmp_path / source.name, clone=source)
        first, last = (Checkpoint.load(checkpoint(run, iteration)).state for iteration in (0, 1))
        assert (first["iteration"], first["samples"], first["best"]["iteration"]) == (0, 0, -1)
        assert same(first["network"], before.state["network"])
        assert same(first["critic"], before.state["critic"])
        assert not same(last["network"], first["network"])
        for name, value in last["network"].items():
            torch.testing.assert_close(value, before.state["network"][name], atol=1e-6, rtol=0)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"actions": {"max_speed": 3.0}}, "actions.max_speed: 2.0 there, 3.0 here"),
        ({"actions": {"steering_granularity": 7}}, "actions.steering_granularity: 5 there, 7 here"),
        ({"camera": {"width": 48}}, "camera.width: 32 there, 48 here"),
        ({"camera": {"pitch": 0.3}}, "camera.pitch: .* there, 0.3 here"),
        (
            {"network": "DEEP_CONVOLUTIONAL_NETWORK_SHALLOW", "camera": {"width": 36, "height": 36}},
            "network: FAST there, DEEP_CONVOLUTIONAL_NETWORK_SHALLOW here; camera.width",
        ),
    ],
)
def test_a_clone_with_another_meaning_is_refused_by_name(whole, track, tmp_path, changes, message):
    with pytest.raises(RunError, match=f"cannot be cloned.*{message}"):
        start(small_settings(track, 1, **changes), tmp_path / "run", clone=whole.path)
    assert not (tmp_path / "run").exists()


def test_an_unknown_clone_lists_the_runs(whole, track, tmp_path):
    with pytest.raises(RunError, match=f"run2: no such run folder or checkpoint; there is {whole.path}"):
        start(small_settings(track, 1), tmp_path / "run", clone=whole.path.parent / "run2")


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"track": "nowhere"}, TrackError, "no track 'nowhere': the built-in ones are bowtie"),
        ({"actions": {"steering_granularity": 4}}, SettingError, "steering_granularity=4"),
        (
            {"device": "cuda"},
            SettingError,
            "device=cuda: torch .* finds no GPU here; train with --device cpu",
        ),
    ],
)
def test_bad_settings_leave_no_folder(track, tmp_path, monkeypatch, changes, error, message):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(error, match=message):
        start(small_settings(changes.pop("track", track), 1, **changes), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_the_aws_profile_trains_by_episodes_with_its_network(track, tmp_path):
    settings = aws_profile()
    ppo = settings.ppo
    assert (ppo.batch_size, ppo.num_epochs, ppo.lr, ppo.discount_factor) == (64, 10, 3e-4, 0.999)
    assert (ppo.beta_entropy, ppo.loss_type, ppo.num_episodes_between_training) == (0.01, "huber", 20)
    assert (settings.network, settings.camera.width, settings.camera.height) == (
        "DEEP_CONVOLUTIONAL_NETWORK_SHALLOW",
        160,
        120,
    )
    small = settings.replaced(
        track=(str(track),),
        threads=1,
        num_cars=2,
        camera=settings.camera.replaced(width=48, height=36),
        ppo=ppo.replaced(num_episodes_between_training=2, num_epochs=1),
        stop=StopSettings(minutes=None, target=False, iterations=1),
        evaluation=settings.evaluation.replaced(starts=1),
    )
    run = start(small, tmp_path / "run")
    assert run.metrics()[0]["episodes"] >= 2
    assert run.load_best().iteration == 1
    bundle = ModelBundle.load(run.path / "model")
    assert bundle.metadata["neural_network"] == "DEEP_CONVOLUTIONAL_NETWORK_SHALLOW"
    assert (bundle.width, bundle.height) == (48, 36)


def test_a_critic_is_not_taken_over_from_another_simulator(whole, track):
    """What it is told differs; the policy sees pictures in both."""
    settings = small_settings(track, 1)
    assert set(load_clone(whole.path, settings)) == {"network", "critic"}
    assert set(load_clone(whole.path, for_gazebo(settings))) == {"network"}
    seeing = settings.replaced(critic="image")
    assert set(load_clone(whole.path, seeing)) == {"network"}


@pytest.mark.parametrize("world", ["ros", "gazebo"])
def test_another_simulator_must_be_there(track, tmp_path, world):
    settings = for_gazebo(small_settings(track, 1)).replaced(world=world)
    with pytest.raises(SettingError, match=f"world={world}: "):
        start(settings, tmp_path / "run")
    assert not (tmp_path / "run").exists()
