"""Collecting experience: the present policy drives all cars for a while."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from deepracer_sim.critic_state import CriticState
from deepracer_sim.network import PolicyNetwork
from deepracer_sim.ppo import sample_actions
from deepracer_sim.racing_env import RacingEnv
from deepracer_sim.reward import PythonReward
from deepracer_sim.rollout import Rollout
from deepracer_sim.settings import TrainSettings
from deepracer_sim.training_trace import TrainingTrace
from deepracer_sim.world import WorldInterrupted

MAX_SAMPLES = 10_000
"""A rollout that waits for episodes to end is cut here, as AWS's is."""


class Collector:
    """Drives the cars of an environment, episode after episode.

    Args:
        env: reset here once, and from then on whenever a car's episode ends.
        network: the actor.
        critic: maps images and states to values.
        settings: say how long a rollout is; their seed is that of the exploration.
        trace: told of the steps.

    Attributes:
        on_step: called with what the cars see after each step, (N, height, width, channels) uint8.
    """

    def __init__(
        self,
        env: RacingEnv,
        network: PolicyNetwork,
        critic: nn.Module,
        settings: TrainSettings,
        trace: TrainingTrace,
    ) -> None:
        self.env, self.network, self.critic, self.settings = env, network, critic, settings.ppo
        self.trace = trace
        self.on_step: Callable[[Tensor], None] = lambda images: None
        self._generator = torch.Generator(env.device).manual_seed(settings.seed)
        env.reset()
        self.state = CriticState(env)
        self._episode_reward = torch.zeros(env.num_cars, device=env.device)

    def restart(self) -> None:
        """Start new episodes with all cars."""
        self.trace.restarted()
        self._episode_reward.zero_()
        self.env.reset()

    def collect(self) -> tuple[Rollout, dict[str, float]]:
        """Return a rollout and its means: episodes, mean reward and completion of those that ended, terms.

        What an interruption of the world left unfinished is dropped, and the rollout begun anew.
        """
        interrupted = False
        while True:
            try:
                if interrupted:
                    self.restart()
                return self._collect()
            except WorldInterrupted:
                interrupted = True

    @torch.no_grad()
    def _collect(self) -> tuple[Rollout, dict[str, float]]:
        steps: list[tuple[Tensor, ...]] = []
        terms: list[Tensor] = []
        ended: list[Tensor] = []
        images = self.env.images()
        while not self._is_enough(len(steps), ended):
            state = self.state.describe()
            values = self.critic(images, state)
            actions, log_probabilities = sample_actions(self.network(images), self._generator)
            self.trace.recorder.look()
            outcome = self.env.step(actions)
            self.trace.recorder.record(actions, outcome)
            done = outcome.terminated | outcome.truncated
            self._episode_reward += outcome.reward
            sums = (done, self._episode_reward * done, outcome.state.progress * done)
            ended.append(torch.stack(sums).sum(1))
            terms.append(torch.stack([term.mean() for term in outcome.terms.values()]))
            judged = (outcome.reward, outcome.terminated, outcome.truncated)
            steps.append((images, state, actions, log_probabilities, values, *judged))
            self._episode_reward.masked_fill_(done, 0.0)
            self.env.reset(done)
            images = self.env.images()
            self.on_step(images)
        last = self.critic(images, self.state.describe())
        columns = [torch.stack(column) for column in zip(*steps, strict=True)]
        columns[4] = torch.cat((columns[4], last[None]))
        means = self._means(torch.stack(ended), torch.stack(terms), columns[5], list(outcome.terms))
        return Rollout(*columns), means

    def _is_enough(self, steps: int, ended: list[Tensor]) -> bool:
        wanted = self.settings.num_episodes_between_training
        if wanted is None:
            return steps >= self.settings.rollout_steps
        episodes = float(torch.stack(ended)[:, 0].sum()) if ended else 0
        return episodes >= wanted or steps * self.env.num_cars >= MAX_SAMPLES

    @staticmethod
    def _means(ended: Tensor, terms: Tensor, rewards: Tensor, names: list[str]) -> dict[str, float]:
        episodes, reward, progress = ended.sum(0).tolist()
        return {
            "episodes": episodes,
            "mean_reward": reward / episodes if episodes else math.nan,
            "completion": progress / 100 / episodes if episodes else math.nan,
            "reward_per_step": float(rewards.mean()),
            **{f"term_{name}": mean for name, mean in zip(names, terms.mean(0).tolist(), strict=True)},
        }

    def snapshot(self) -> dict[str, Any]:
        """Return what changes from step to step."""
        return {
            "generator": self._generator.get_state(),
            "episode_reward": self._episode_reward,
            "env": self.env.snapshot(),
            "reward": self.env.reward.snapshot() if isinstance(self.env.reward, PythonReward) else [],
        }

    def restore(self, snapshot: dict[str, Any]) -> None:
        """Go back to a `snapshot`."""
        self._generator.set_state(snapshot["generator"])
        self._episode_reward = snapshot["episode_reward"].to(self.env.device)
        self.env.restore(snapshot["env"])
        if isinstance(self.env.reward, PythonReward):
            self.env.reward.restore(snapshot["reward"])
