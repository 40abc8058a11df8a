"""A short real training: from nothing to clean laps, and the exported model drives them on its own."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from deepracer_sim import training_graph
from deepracer_sim.evaluation_run import evaluate_model, load_model
from deepracer_sim.network import PolicyNetwork
from deepracer_sim.settings import (
    ActionSettings,
    CameraSettings,
    EpisodeSettings,
    EvaluateSettings,
    EvaluationSettings,
    PPOSettings,
    Randomisation,
    StopSettings,
    TrainSettings,
)
from deepracer_sim.simulation import Course
from deepracer_sim.training_run import start

pytestmark = pytest.mark.slow

SETTINGS = TrainSettings(
    track=("reinvent_2018",),
    seed=1,
    threads=1,
    num_cars=64,
    actions=ActionSettings(max_steering_angle=30, steering_granularity=5, max_speed=2.0, speed_granularity=2),
    camera=CameraSettings(width=48, height=32),
    randomisation=Randomisation(enabled=False),
    episode=EpisodeSettings(start="random", direction="random", max_steps=300),
    ppo=PPOSettings(batch_size=512, num_epochs=4, rollout_steps=32, lr=2e-3, lr_decay_samples=800_000),
    stop=StopSettings(minutes=None, iterations=16, target=True),
    evaluation=EvaluationSettings(every=2, laps=2, starts=4, randomised=False),
)
FROM_ALL_OVER = EvaluateSettings(track="reinvent_2018", laps=2, cars=8, max_resets=0, video=False)

DRIVER = """
import sys
import numpy as np
from deepracer_inference.model_bundle import ModelBundle
from deepracer_inference.policy import OnnxPolicy

policy = OnnxPolicy(ModelBundle.load(sys.argv[1]))
height, width = policy.bundle.height, policy.bundle.width
while picture := sys.stdin.buffer.read(height * width):
    action = policy.act(np.frombuffer(picture, np.uint8).reshape(height, width), "mono8")
    sys.stdout.buffer.write(bytes([action.index]))
    sys.stdout.buffer.flush()
    loaded = {"torch", "deepracer_sim", "gymnasium"} & set(sys.modules)
    assert not loaded, loaded
"""


@pytest.fixture(scope="module")
def course():
    return Course.load(SETTINGS.track)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training_graph, "save_training_graph", lambda *arguments: None)
        return start(SETTINGS, tmp_path_factory.mktemp("learning") / "run")


def test_it_learns_clean_laps_from_nothing(run, course):
    model, camera = load_model(run.path), SETTINGS.camera
    network = PolicyNetwork("FAST", (camera.height, camera.width, 1), len(model.actions))
    untrained = dataclasses.replace(model, policy=lambda images: network(images).argmax(1))
    assert evaluate_model(untrained, FROM_ALL_OVER, course).completion < 0.3
    last = run.metrics()[-1]
    assert last["evaluation_clean_runs"] == 8
    assert last["samples"] <= 16 * 64 * 32
    evaluation = evaluate_model(model, FROM_ALL_OVER, course)
    assert [entry.is_clean for entry in evaluation.runs] == [True] * 8
    # 17.7 m at 1 to 2 m/s: between 8.85 s and 17.7 s, a little less on the inside of the bends.
    assert 8.0 < evaluation.lap_time < 17.7


@pytest.mark.parametrize(
    "spoil",
    [
        lambda images: images.roll(1, 0),
        lambda images: images.flip(2),
        lambda images: torch.full_like(images, 128),
    ],
    ids=["of another car", "mirrored", "grey"],
)
def test_it_drives_by_what_it_sees(run, course, spoil):
    model = load_model(run.path)

    def misled(images):
        return model.policy(spoil(images))

    evaluation = evaluate_model(dataclasses.replace(model, policy=misled), FROM_ALL_OVER, course)
    assert evaluation.clean_runs == 0
    assert evaluation.completion < 0.3


def test_the_exported_model_drives_the_same_laps_without_torch(run, course):
    settings = FROM_ALL_OVER.replaced(cars=1)
    expected = evaluate_model(load_model(run.path), settings, course)
    program = [sys.executable, "-c", DRIVER, str(run.path / "model")]
    root = Path(__file__).resolve().parent.parent
    with subprocess.Popen(program, cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as driver:

        def by_pipe(images):
            driver.stdin.write(images.numpy().tobytes())
            driver.stdin.flush()
            return torch.tensor(list(driver.stdout.read(1)))

        remote = dataclasses.replace(load_model(run.path / "model"), policy=by_pipe)
        evaluation = evaluate_model(remote, settings, course)
        driver.stdin.close()
        assert driver.wait(timeout=60) == 0
    assert expected.is_clean
    assert evaluation.runs == expected.runs
    assert np.array_equal(evaluation.trace.action, expected.trace.action)
