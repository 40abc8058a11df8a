"""Our PPO beside stable-baselines3's: samples per CPU-second on the same environment."""

from __future__ import annotations

import io
import statistics
import tempfile
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from deepracer_sim.benchmark.report import RATE, Figure
from deepracer_sim.gym_vector_env import DeepRacerVectorEnv
from deepracer_sim.network import FastTrunk
from deepracer_sim.run_folder import RunFolder
from deepracer_sim.settings import EvaluationSettings, StopSettings, TrainSettings
from deepracer_sim.simulation import Course
from deepracer_sim.training_run import make_trainer


def measure_ppo(num_cars: int = 64, rounds: int = 4, iterations: int = 4) -> list[Figure]:
    """Measure our PPO against stable-baselines3's, taking turns.

    Both have the same environment and batches, and for actor and critic a FAST network each. Ours is measured
    as it is by default too, with a critic that is told the simulator's state. Everything that belongs to
    collecting and learning counts, for ours the writing of metrics and checkpoints as well.

    Args:
        num_cars: side by side.
        rounds: turns of each.
        iterations: rollouts with their update in a turn; the median over all of them counts.
    """
    settings = TrainSettings(num_cars=num_cars, threads=1, evaluation=EvaluationSettings(every=10**9))
    alike = settings.replaced(critic="image")
    samples = num_cars * settings.ppo.rollout_steps
    with tempfile.TemporaryDirectory() as folder:
        learners = [
            _own_ppo(alike, Path(folder) / "alike"),
            _stable_baselines3(alike),
            _own_ppo(settings, Path(folder) / "default"),
        ]
        times: list[list[float]] = [[] for _ in learners]
        for learn in learners:
            learn(1)
        for _ in range(rounds):
            for learn, measured in zip(learners, times, strict=True):
                measured += learn(iterations)
    ours, theirs, default = (samples / statistics.median(measured) for measured in times)
    return [
        Figure("PPO, this project's, with the networks of the next row", ours, f"samples {RATE}"),
        Figure("PPO, stable-baselines3's", theirs, f"samples {RATE}"),
        Figure("PPO, this project's over stable-baselines3's", ours / theirs, "", 1.0),
        Figure("PPO, this project's with its default critic", default, f"samples {RATE}"),
    ]


Learner = Callable[[int], list[float]]
"""Trains for some more iterations; returns the CPU time of each, seconds."""


def _own_ppo(settings: TrainSettings, folder: Path) -> Learner:
    clock: list[float] = []
    run = RunFolder.create(folder, settings)
    course = Course.load(settings.track)
    trainer = make_trainer(run, course, io.StringIO())
    trainer.report = lambda row: clock.append(time.process_time())

    def learn(iterations: int) -> list[float]:
        stop = StopSettings(minutes=None, target=False, iterations=trainer.iteration + iterations)
        trainer.settings = settings.replaced(stop=stop)
        clock[:] = [time.process_time()]
        trainer.train()
        return [after - before for before, after in pairwise(clock)]

    return learn


def _stable_baselines3(settings: TrainSettings) -> Learner:
    from stable_baselines3.common.callbacks import BaseCallback

    class Clock(BaseCallback):
        def _on_rollout_start(self) -> None:
            clock.append(time.process_time())

        def _on_step(self) -> bool:
            return True

    clock: list[float] = []
    model = stable_baselines3_model(settings)

    def learn(iterations: int) -> list[float]:
        clock.clear()
        samples = iterations * settings.ppo.rollout_steps * settings.num_cars
        model.learn(samples, callback=Clock(), reset_num_timesteps=False)
        clock.append(time.process_time())
        return [after - before for before, after in pairwise(clock)]

    return learn


def stable_baselines3_model(settings: TrainSettings) -> Any:
    """Return stable-baselines3's PPO with environment and batches of `settings`, and two FAST networks."""
    from stable_baselines3 import PPO
    from stable_baselines3.common.torch_layers import BaseFeaturesExtractor

    from deepracer_sim.stable_baselines3_env import StableBaselines3Env

    class Trunk(BaseFeaturesExtractor):
        """Our trunk; stable-baselines3 has put the channels first."""

        def __init__(self, space: Any) -> None:
            super().__init__(space, features_dim=128)
            channels, height, width = space.shape
            self.trunk: nn.Module = FastTrunk(height, width, channels)

        def forward(self, images: Tensor) -> Tensor:
            return self.trunk(images.permute(0, 2, 3, 1))

    ppo = settings.ppo
    return PPO(
        "CnnPolicy",
        StableBaselines3Env(DeepRacerVectorEnv(settings.num_cars, settings, autoreset_mode="SameStep")),
        learning_rate=ppo.lr,
        n_steps=ppo.rollout_steps,
        batch_size=ppo.batch_size,
        n_epochs=ppo.num_epochs,
        gamma=ppo.discount_factor,
        gae_lambda=ppo.gae_lambda,
        clip_range=ppo.clip,
        ent_coef=ppo.beta_entropy,
        vf_coef=1.0,
        max_grad_norm=ppo.max_gradient_norm,
        policy_kwargs={
            "features_extractor_class": Trunk,
            "share_features_extractor": False,
            "net_arch": [],
            "normalize_images": False,
        },
        seed=settings.seed,
        device="cpu",
    )
