"""The training loop: collect, improve, evaluate, log, save."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from deepracer_sim.errors import RunError
from deepracer_sim.evaluation import Evaluation, evaluate, place_evenly
from deepracer_sim.network import PolicyNetwork
from deepracer_sim.ppo import PPO, UpdateReport, sample_actions
from deepracer_sim.racing_env import RacingEnv
from deepracer_sim.rollout import Rollout
from deepracer_sim.run_folder import RunFolder
from deepracer_sim.settings import TrainSettings

MAX_SAMPLES = 10_000
"""A rollout that waits for episodes to end is cut here, as AWS's is."""

Row = dict[str, float]
"""One line of metrics.csv."""


@dataclass
class Best:
    """The best evaluated policy so far.

    Attributes:
        iteration: whose it is.
        score: clean runs, then completion, then the negative lap time; compared in that order.
    """

    iteration: int = -1
    score: tuple[float, ...] = (-1.0,)


class Trainer:
    """Trains a network in an environment and keeps the books.

    The same loop serves the embedded world, ROS and Gazebo: it knows an environment, not a simulator.

    Args:
        env: where experience is collected.
        evaluation_env: where policies are judged; its cars are placed anew for each evaluation.
        settings: of the run.
        run: the folder that everything is saved in.
        report: called with each row of metrics.
    """

    def __init__(
        self,
        env: RacingEnv,
        evaluation_env: RacingEnv,
        settings: TrainSettings,
        run: RunFolder,
        report: Callable[[Row], None] = lambda row: None,
    ) -> None:
        self.env, self.evaluation_env, self.settings, self.run, self.report = (
            env,
            evaluation_env,
            settings,
            run,
            report,
        )
        torch.manual_seed(settings.seed)
        camera = settings.camera
        shape = (camera.height, camera.width, camera.channels)
        self.network = PolicyNetwork(settings.network, shape, len(env.actions)).to(env.device)
        self.ppo = PPO(self.network, settings.ppo, settings.seed)
        self.iteration = 0
        self.samples = 0
        self.seconds = 0.0
        self.best = Best()
        self.clean_in_a_row = 0
        self._generator = torch.Generator(env.device).manual_seed(settings.seed)
        self._episode_reward = torch.zeros(env.num_cars, device=env.device)
        env.reset()

    def train(self) -> None:
        """Run until a stop rule holds; the state after each iteration is on disk before the next begins."""
        started = time.monotonic() - self.seconds
        while not self._is_over():
            self.ppo.set_progress(self.samples)
            rollout, row = self._collect()
            update = self.ppo.update(rollout)
            self._refuse_nan(update)
            self.iteration += 1
            self.samples += rollout.num_samples
            evaluation = self._evaluate() if self.iteration % self.settings.evaluation.every == 0 else None
            self.seconds = time.monotonic() - started
            is_best = self._judge(evaluation)
            row = self._row(row, update, evaluation)
            self.run.append_metrics(row)
            self.run.save_checkpoint(self.iteration, self._checkpoint(), is_best)
            self.report(row)

    def _is_over(self) -> bool:
        stop = self.settings.stop
        return (
            (stop.target and self.clean_in_a_row >= stop.target_evaluations)
            or (stop.iterations is not None and self.iteration >= stop.iterations)
            or (stop.minutes is not None and self.seconds >= 60 * stop.minutes)
        )

    def _collect(self) -> tuple[Rollout, Row]:
        """Drive the cars with the present policy; return the experience and its means."""
        env = self.env
        steps: list[tuple[Tensor, ...]] = []
        terms: list[dict[str, Tensor]] = []
        finished: list[Tensor] = []
        images = env.images()
        with torch.no_grad():
            while not self._is_enough(len(steps), finished):
                logits, values = self.network(images)
                actions, log_probabilities = sample_actions(logits, self._generator)
                outcome = env.step(actions)
                steps.append(
                    (
                        images,
                        actions,
                        log_probabilities,
                        values,
                        outcome.reward,
                        outcome.terminated,
                        outcome.truncated,
                    )
                )
                terms.append(outcome.terms)
                done = outcome.terminated | outcome.truncated
                self._episode_reward += outcome.reward
                finished.append(
                    torch.stack((done, self._episode_reward * done, outcome.state.progress * done)).sum(1)
                )
                self._episode_reward.masked_fill_(done, 0.0)
                env.reset(done)
                images = env.images()
            last = self.network(images)[1]
        seen, actions, log_probabilities, values, rewards, terminated, truncated = (
            torch.stack(column) for column in zip(*steps, strict=True)
        )
        values = torch.cat((values, last[None]))
        rollout = Rollout(seen, actions, log_probabilities, values, rewards, terminated, truncated)
        episodes, reward, progress = torch.stack(finished).sum(0).tolist()
        row = {
            "episodes": episodes,
            "mean_reward": reward / episodes if episodes else math.nan,
            "completion": progress / 100 / episodes if episodes else math.nan,
            "reward_per_step": float(rewards.mean()),
        }
        row |= {
            f"term_{name}": float(torch.stack([term[name] for term in terms]).mean()) for name in terms[0]
        }
        return rollout, row

    def _is_enough(self, steps: int, finished: list[Tensor]) -> bool:
        wanted = self.settings.ppo.num_episodes_between_training
        if wanted is None:
            return steps >= self.settings.ppo.rollout_steps
        episodes = float(torch.stack(finished)[:, 0].sum()) if finished else 0
        return episodes >= wanted or steps * self.env.num_cars >= MAX_SAMPLES

    def _evaluate(self) -> Evaluation:
        """Drive greedily from all starts; the draws depend on the seed and the iteration alone."""
        env, settings = self.evaluation_env, self.settings.evaluation
        env.seed(self.settings.seed * 100_003 + self.iteration)
        place_evenly(env, settings.starts)
        return evaluate(env, self.act, settings.laps)

    def act(self, images: Tensor) -> Tensor:
        """Return the most probable action for each image."""
        return self.network(images)[0].argmax(1)

    def _judge(self, evaluation: Evaluation | None) -> bool:
        """Remember whether this policy is the best so far."""
        if evaluation is None:
            return False
        self.clean_in_a_row = self.clean_in_a_row + 1 if evaluation.is_clean else 0
        lap_time = evaluation.lap_time
        score = (
            evaluation.clean_runs,
            round(evaluation.completion, 6),
            -lap_time if lap_time == lap_time else -math.inf,
        )
        if score <= self.best.score:
            return False
        self.best = Best(self.iteration, score)
        return True

    def _row(self, row: Row, update: UpdateReport, evaluation: Evaluation | None) -> Row:
        judged = {"completion": math.nan, "clean_runs": math.nan, "lap_time": math.nan}
        if evaluation is not None:
            judged = {name: float(getattr(evaluation, name)) for name in judged}
        return {
            "iteration": self.iteration,
            "samples": self.samples,
            "seconds": self.seconds,
            **row,
            **{f"evaluation_{name}": value for name, value in judged.items()},
            "policy_loss": float(update.policy_loss),
            "value_loss": float(update.value_loss),
            "entropy": float(update.entropy),
            "clipped_share": float(update.clipped_share),
            "divergence": float(update.divergence),
        }

    def _refuse_nan(self, update: UpdateReport) -> None:
        if not math.isfinite(float(update.policy_loss + update.value_loss)):
            raise RunError(
                f"iteration {self.iteration + 1}: the loss is not a number, training stopped; the best model "
                f"so far (iteration {self.best.iteration}) is kept in {self.run.path}. Try a lower lr than "
                f"{self.settings.ppo.lr:g} or rewards of smaller size"
            )

    def _checkpoint(self) -> dict[str, Any]:
        return {
            "samples": self.samples,
            "seconds": self.seconds,
            "best": {"iteration": self.best.iteration, "score": list(self.best.score)},
            "clean_in_a_row": self.clean_in_a_row,
            "network": self.network.state_dict(),
            "optimizer": self.ppo.optimizer.state_dict(),
            "generators": [self._generator.get_state(), self.ppo.generator.get_state()],
            "episode_reward": self._episode_reward,
            "env": self.env.snapshot(),
        }

    def restore(self, checkpoint: dict[str, Any]) -> None:
        """Go on from a checkpoint as if the training had never stopped."""
        self.iteration = checkpoint["iteration"]
        self.samples, self.seconds = checkpoint["samples"], checkpoint["seconds"]
        self.best = Best(checkpoint["best"]["iteration"], tuple(checkpoint["best"]["score"]))
        self.clean_in_a_row = checkpoint["clean_in_a_row"]
        self.network.load_state_dict(checkpoint["network"])
        self.ppo.optimizer.load_state_dict(checkpoint["optimizer"])
        for generator, state in zip(
            (self._generator, self.ppo.generator), checkpoint["generators"], strict=True
        ):
            generator.set_state(state)
        self._episode_reward = checkpoint["episode_reward"].to(self.env.device)
        self.env.restore(checkpoint["env"])
