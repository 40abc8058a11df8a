"""Experience of N cars over T steps, and the advantages that follow from it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Rollout:
    """Experience, time first.

    Attributes:
        images: (T, N, H, W, C) uint8, seen before the action.
        states: (T, N, F) what the critic was told then.
        actions: (T, N) long.
        log_probabilities: (T, N) of those actions when they were drawn.
        values: (T + 1, N) the critic's; the last row is of the state after the last step.
        rewards: (T, N).
        terminated: (T, N) bool, the episode ended by the car's own fault: nothing comes after.
        truncated: (T, N) bool, the episode ended although the car could have gone on.
    """

    images: Tensor
    states: Tensor
    actions: Tensor
    log_probabilities: Tensor
    values: Tensor
    rewards: Tensor
    terminated: Tensor
    truncated: Tensor

    @property
    def num_samples(self) -> int:
        """T times N."""
        return self.actions.numel()


def generalised_advantages(rollout: Rollout, discount: float, trace: float) -> tuple[Tensor, Tensor]:
    """Return the advantages and the value targets, both (T, N).

    Generalised advantage estimation (Schulman et al., "High-Dimensional Continuous Control Using Generalized
    Advantage Estimation", 2016, equation 16). Where an episode was truncated the value of its last seen state
    stands for what would have come after it.

    Args:
        rollout: the experience.
        discount: gamma, 0 to 1.
        trace: lambda, 0 to 1.
    """
    going_on = ~(rollout.terminated | rollout.truncated)
    following = torch.where(rollout.truncated, rollout.values[:-1], rollout.values[1:] * going_on)
    errors = rollout.rewards + discount * following - rollout.values[:-1]
    advantages = torch.empty_like(errors)
    running = torch.zeros_like(errors[0])
    for step in range(len(errors) - 1, -1, -1):
        running = errors[step] + discount * trace * going_on[step] * running
        advantages[step] = running
    return advantages, advantages + rollout.values[:-1]
