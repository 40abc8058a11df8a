"""The training loop: collect, improve, evaluate, log, save."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from deepracer_sim.collector import Collector
from deepracer_sim.critic_state import CriticState
from deepracer_sim.errors import DivergenceError
from deepracer_sim.evaluation import Evaluation, evaluate, joined, place_evenly
from deepracer_sim.network import ImageCritic, PolicyNetwork, StateCritic
from deepracer_sim.ppo import PPO, UpdateReport
from deepracer_sim.racing_env import RacingEnv
from deepracer_sim.run_folder import RunFolder
from deepracer_sim.training_trace import TrainingTrace
from deepracer_sim.world import WorldInterrupted

Row = dict[str, float]
"""One line of metrics.csv."""


@dataclass
class Best:
    """The best evaluated policy so far.

    Attributes:
        iteration: whose it is.
        score: clean evaluations, then clean runs and completion of the last one; compared in that order.
    """

    iteration: int = -1
    score: tuple[float, ...] = (-1.0,)


class Trainer:
    """Trains a network in an environment and keeps the books.

    The same loop serves the embedded world, ROS and Gazebo: it knows an environment, not a simulator.

    Args:
        env: where experience is collected.
        evaluation_env: where policies are judged; its cars are placed anew for each evaluation.
        run: the folder that everything is saved in.
        trace: told of everything that the cars do.

    Attributes:
        report: called with each row of metrics.
    """

    def __init__(
        self,
        env: RacingEnv,
        evaluation_env: RacingEnv,
        run: RunFolder,
        trace: TrainingTrace,
    ) -> None:
        self.env, self.evaluation_env = env, evaluation_env
        self.settings, self.run, self.trace = run.settings, run, trace
        self.report: Callable[[Row], None] = lambda row: None
        settings = run.settings
        torch.manual_seed(settings.seed)
        camera = settings.camera
        shape = (camera.height, camera.width, camera.channels)
        self.network = PolicyNetwork(settings.network, shape, len(env.actions)).to(env.device)
        told = settings.critic == "state"
        critic = StateCritic(CriticState(env).size) if told else ImageCritic(settings.network, shape)
        self.critic = critic.to(env.device)
        self.collector = Collector(env, self.network, self.critic, settings, trace)
        self.ppo = PPO(self.network, self.critic, settings.ppo, settings.seed)
        self.iteration = 0
        self.samples = 0
        self.seconds = 0.0
        self.best = Best()
        self.clean_evaluations = 0

    def train(self) -> None:
        """Run until a stop rule holds; the state after each iteration is on disk before the next begins."""
        started = time.monotonic() - self.seconds
        while not self.is_over():
            self.ppo.set_progress(self.samples)
            rollout, means = self.collector.collect()
            self.env.world.pause()
            self.trace.collected(self.steps)
            update = self.ppo.update(rollout)
            self._refuse_nan(update)
            self.iteration += 1
            self.samples += rollout.num_samples
            evaluation = self._judged() if self.iteration % self.settings.evaluation.every == 0 else None
            self.seconds = time.monotonic() - started
            is_best = self._judge(evaluation)
            row = self._row(means, update, evaluation)
            self.run.append_metrics(row)
            self.trace.save(self.iteration, self.steps, evaluation)
            self.run.save_checkpoint(self.iteration, self.checkpoint(), is_best)
            self.report(row)

    @property
    def steps(self) -> int:
        """Return how often the simulator has stepped for the training, all cars at once."""
        return self.samples // self.env.num_cars

    def is_over(self) -> bool:
        """Tell whether a stop rule holds."""
        stop = self.settings.stop
        return (
            (stop.target and self.clean_evaluations >= stop.target_evaluations)
            or (stop.iterations is not None and self.iteration >= stop.iterations)
            or (stop.minutes is not None and self.seconds >= 60 * stop.minutes)
        )

    def _judged(self) -> Evaluation:
        """Evaluate the policy; as long as every lap is clean, again on other draws: once may be luck."""
        self.clean_evaluations = 0
        while True:
            evaluation = self._evaluate(self.clean_evaluations)
            if not evaluation.is_clean:
                return evaluation
            self.clean_evaluations += 1
            if self.clean_evaluations >= self.settings.stop.target_evaluations:
                return evaluation

    def _evaluate(self, attempt: int) -> Evaluation:
        """Drive greedily from all starts; seed, iteration and attempt alone decide the draws."""
        env, settings = self.evaluation_env, self.settings.evaluation
        while True:
            try:
                env.seed((self.settings.seed * 100_003 + self.iteration) * 101 + attempt)
                parts = []
                # Where there are fewer cars than starts, they take turns.
                for first in range(0, settings.cars_per_track, env.num_cars // len(self.settings.track)):
                    place_evenly(env, settings.starts, first)
                    parts.append(evaluate(env, self.act, settings.laps))
                if env.world is self.env.world:  # one simulator serves both: the training's cars were moved
                    self.collector.restart()
                return joined(parts)
            except WorldInterrupted:
                continue

    def act(self, images: Tensor) -> Tensor:
        """Return the most probable action for each image."""
        return self.network(images).argmax(1)

    def _judge(self, evaluation: Evaluation | None) -> bool:
        """Tell whether this policy is the best so far; of equals, the later one has learnt longer."""
        if evaluation is None:
            return False
        score = (self.clean_evaluations, evaluation.clean_runs, round(evaluation.completion, 6))
        if score < self.best.score:
            return False
        self.best = Best(self.iteration, score)
        return True

    def _row(self, means: dict[str, float], update: UpdateReport, evaluation: Evaluation | None) -> Row:
        judged = {"completion": math.nan, "clean_runs": math.nan, "lap_time": math.nan}
        if evaluation is not None:
            judged = {name: float(getattr(evaluation, name)) for name in judged}
        return {
            "iteration": self.iteration,
            "samples": self.samples,
            "seconds": self.seconds,
            **means,
            **{f"evaluation_{name}": value for name, value in judged.items()},
            "policy_loss": float(update.policy_loss),
            "value_loss": float(update.value_loss),
            "entropy": float(update.entropy),
            "clipped_share": float(update.clipped_share),
            "divergence": float(update.divergence),
        }

    def _refuse_nan(self, update: UpdateReport) -> None:
        # The losses are from before the last step; the weights are what it left.
        weights = torch.stack([parameter.detach().sum() for parameter in self.network.parameters()])
        if not math.isfinite(float(update.policy_loss + update.value_loss + weights.sum())):
            best = self.best.iteration
            kept = (
                f"best model so far (iteration {best})"
                if best >= 0
                else f"model of iteration {self.iteration}"
            )
            raise DivergenceError(
                f"iteration {self.iteration + 1}: the loss is not a number, training stopped; the {kept} is "
                f"kept in {self.run.path}. Try a lower lr than {self.settings.ppo.lr:g}, or smaller rewards"
            )

    def checkpoint(self) -> dict[str, Any]:
        """Return all that `restore` needs to go on: tensors and plain values."""
        return {
            "iteration": self.iteration,
            "samples": self.samples,
            "seconds": self.seconds,
            "best": {"iteration": self.best.iteration, "score": list(self.best.score)},
            "clean_evaluations": self.clean_evaluations,
            "network": self.network.state_dict(),
            "critic": self.critic.state_dict(),
            "optimizer": self.ppo.optimizer.state_dict(),
            "batch_order": self.ppo.generator.get_state(),
            "collector": self.collector.snapshot(),
            "trace": self.trace.snapshot(),
        }

    def restore(self, checkpoint: dict[str, Any]) -> None:
        """Go on from a checkpoint as if the training had never stopped."""
        self.iteration = checkpoint["iteration"]
        self.samples, self.seconds = checkpoint["samples"], checkpoint["seconds"]
        self.best = Best(checkpoint["best"]["iteration"], tuple(checkpoint["best"]["score"]))
        self.clean_evaluations = checkpoint["clean_evaluations"]
        self.network.load_state_dict(checkpoint["network"])
        self.critic.load_state_dict(checkpoint["critic"])
        self.ppo.optimizer.load_state_dict(checkpoint["optimizer"])
        self.ppo.generator.set_state(checkpoint["batch_order"])
        self.collector.restore(checkpoint["collector"])
        self.trace.restore(checkpoint["trace"], self.iteration)
