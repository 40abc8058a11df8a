"""Proximal policy optimisation with a clipped objective, for discrete actions.

Schulman et al., "Proximal Policy Optimization Algorithms", 2017, equations 7 and 9.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from deepracer_sim.network import PolicyNetwork
from deepracer_sim.rollout import Rollout, generalised_advantages
from deepracer_sim.settings import PPOSettings


@dataclass(frozen=True)
class UpdateReport:
    """Means over the minibatches of an update, as 0-dimensional tensors still on the device."""

    policy_loss: Tensor
    value_loss: Tensor
    entropy: Tensor
    clipped_share: Tensor
    divergence: Tensor


class PPO:
    """Improves an actor by experience, and its critic.

    Args:
        network: the actor, changed in place.
        critic: maps images (B, H, W, C) and states (B, F) to values (B,); changed in place.
        settings: AWS's hyperparameters and what AWS fixed.
        seed: of the order of the minibatches.
    """

    def __init__(
        self, network: PolicyNetwork, critic: nn.Module, settings: PPOSettings, seed: int = 0
    ) -> None:
        self.network = network
        self.critic = critic
        self.settings = settings
        is_huber = settings.loss_type == "huber"
        self._value_loss = functional.huber_loss if is_huber else functional.mse_loss
        device = next(network.parameters()).device
        self.optimizer = torch.optim.Adam(
            [*network.parameters(), *critic.parameters()], lr=settings.lr, eps=1e-5, fused=True
        )
        self.generator = torch.Generator(device).manual_seed(seed)

    def set_progress(self, samples: int) -> None:
        """Set the learning rate for a training that has seen so many samples."""
        settings = self.settings
        rate = settings.lr * max(settings.final_lr_share, 1 - samples / settings.lr_decay_samples)
        for group in self.optimizer.param_groups:
            group["lr"] = rate

    def update(self, rollout: Rollout) -> UpdateReport:
        """Improve the network by one rollout."""
        settings = self.settings
        advantages, targets = generalised_advantages(rollout, settings.discount_factor, settings.gae_lambda)
        count = rollout.num_samples
        images, states, actions, old = (
            column.flatten(0, 1)
            for column in (rollout.images, rollout.states, rollout.actions, rollout.log_probabilities)
        )
        advantages, targets = advantages.flatten(), targets.flatten()
        advantages = (advantages - advantages.mean()) / (advantages.std() + 1e-6)
        reports = []
        for _ in range(settings.num_epochs):
            order = torch.randperm(count, generator=self.generator, device=actions.device)
            # A last part of less than half a batch would be a noisy step of its own: it joins the others.
            for batch in order.tensor_split(max(1, round(count / settings.batch_size))):
                samples = (images, states, actions, old, advantages, targets)
                reports.append(self._step(*(column[batch] for column in samples)))
        return UpdateReport(*torch.stack(reports).mean(0).unbind())

    def _step(
        self,
        images: Tensor,
        states: Tensor,
        actions: Tensor,
        old: Tensor,
        advantages: Tensor,
        targets: Tensor,
    ) -> Tensor:
        """Take one gradient step; return what `UpdateReport` averages, (5,)."""
        settings = self.settings
        log_all = functional.log_softmax(self.network(images), 1)
        difference = log_all.gather(1, actions[:, None]).squeeze(1) - old
        ratio = difference.exp()
        clipped = ratio.clamp(1 - settings.clip, 1 + settings.clip)
        policy_loss = -torch.minimum(ratio * advantages, clipped * advantages).mean()
        value_loss = self._value_loss(self.critic(images, states), targets)
        entropy = -(log_all.exp() * log_all).sum(1).mean()
        # Actor and critic share no weights, so their losses do not compete and need no weights either.
        loss = policy_loss + value_loss - settings.beta_entropy * entropy
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        for module in (self.network, self.critic):
            nn.utils.clip_grad_norm_(module.parameters(), settings.max_gradient_norm)
        self.optimizer.step()
        with torch.no_grad():
            clipped_share = (ratio != clipped).float().mean()
            divergence = (ratio - 1 - difference).mean()
            return torch.stack((policy_loss, value_loss, entropy, clipped_share, divergence))


def sample_actions(logits: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Draw one action a row; return the actions and their log probabilities, both (B,).

    The Gumbel-max trick: no host synchronisation, and the generator decides.
    """
    noise = torch.empty_like(logits).exponential_(generator=generator)
    actions = (logits - noise.log()).argmax(1)
    log_probabilities = functional.log_softmax(logits, 1).gather(1, actions[:, None]).squeeze(1)
    return actions, log_probabilities
