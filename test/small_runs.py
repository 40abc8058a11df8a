"""Trainings that take a second: few cars, small pictures, and a circle that is painted quickly."""

from __future__ import annotations

import hashlib

import numpy as np
import torch

from deepracer_sim.checkpoint import Checkpoint
from deepracer_sim.settings import (
    ActionSettings,
    CameraSettings,
    EpisodeSettings,
    EvaluationSettings,
    PPOSettings,
    StopSettings,
    TrainSettings,
)
from deepracer_sim.training_run import resume

ITERATIONS = 5
"""Of the training that others are compared with."""
GROUPS = {
    "actions": ActionSettings(max_speed=2.0, speed_granularity=2, steering_granularity=5),
    "camera": CameraSettings(width=32, height=24),
    "episode": EpisodeSettings(max_steps=12),
    "ppo": PPOSettings(batch_size=32, num_epochs=2, rollout_steps=8),
    "evaluation": EvaluationSettings(every=2, starts=1, laps=1),
}


def circle_track(folder, radius=1.0, name="circle"):
    """A circle, counter-clockwise, 0.76 m wide."""
    angles = np.linspace(0.0, 2.0 * np.pi, 40, endpoint=False)[:, None]
    point = np.concatenate((np.cos(angles), np.sin(angles)), axis=1)
    path = folder / f"{name}.npy"
    np.save(path, np.concatenate((radius * point, (radius - 0.38) * point, (radius + 0.38) * point), axis=1))
    return path


def small_settings(track, iterations, **changes):
    groups = {name: group.replaced(**changes.pop(name, {})) for name, group in GROUPS.items()}
    stop = StopSettings(minutes=None, target=False, iterations=iterations)
    return TrainSettings(track=(str(track),), threads=1, num_cars=8, seed=5, stop=stop, **groups).replaced(
        **changes
    )


def options(settings):
    """The command line that asks for `settings`."""
    words = []

    def add(name, value):
        if isinstance(value, dict):
            for key, item in value.items():
                add(f"{name}.{key}" if name else key, item)
        elif isinstance(value, bool):
            group, _, last = name.rpartition(".")
            words.append(
                f"--{group}.{'' if value else 'no-'}{last}" if group else f"--{'' if value else 'no-'}{last}"
            )
        else:
            words.extend((f"--{name}", *map(str, value if isinstance(value, list) else [value])))

    add("", settings.model_dump(mode="json"))
    return words


def rows_of(run):
    """metrics.csv without the column that no two runs share."""
    lines = [line.split(",") for line in (run.path / "metrics.csv").read_text().splitlines()]
    column = lines[0].index("seconds")
    return [line[:column] + line[column + 1 :] for line in lines]


def weights_of(path):
    """A hash of all weights in a checkpoint."""
    state = Checkpoint.load(path).state
    digest = hashlib.sha256()
    for name in ("network", "critic"):
        for key, value in state[name].items():
            digest.update(key.encode() + value.numpy().tobytes())
    return digest.hexdigest()


def same(left, right):
    """Compare nested states, tensors bit for bit; NaN equals NaN."""
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    if isinstance(left, (list, tuple)):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, torch.Tensor):
        return (
            left.dtype == right.dtype
            and left.shape == right.shape
            and bool(
                (left.flatten().view(torch.uint8) == right.flatten().view(torch.uint8)).all()
                if left.dtype != torch.bool
                else (left == right).all()
            )
        )
    return left == right or (left != left and right != right)


def to_the_end(copy):
    return resume(copy.path, copy.settings.stop.replaced(iterations=ITERATIONS))


def checkpoint(run, iteration):
    return run.path / f"checkpoints/iteration_{iteration:05d}.pt"


def state(run, iteration):
    """All of a checkpoint but the clock, and what is written beside it of the episodes under way."""
    content = dict(Checkpoint.load(checkpoint(run, iteration)).state)
    del content["trace"]
    assert content.pop("seconds") > 0
    return content


def assert_same_run(run, other):
    assert rows_of(run) == rows_of(other)
    assert same(state(run, ITERATIONS), state(other, ITERATIONS))
    assert run.load_best().iteration == other.load_best().iteration
    model = "model/model.onnx"
    assert (run.path / model).read_bytes() == (other.path / model).read_bytes()


class Interruption:
    """Ctrl-C when a training reports an iteration."""

    def __init__(self, iteration):
        self.iteration = iteration

    def __call__(self, row):
        if row["iteration"] == self.iteration:
            raise KeyboardInterrupt
