"""AWS's hyperparameters.json, as racers' tools look for it beside a training's traces."""

from __future__ import annotations

from typing import Any

from deepracer_sim.settings import PPOSettings

UNUSED = {
    "e_greedy_value": 0.05,
    "epsilon_steps": 10000,
    "stack_size": 1,
    "term_cond_avg_score": 100000.0,
    "term_cond_max_episodes": 100000,
}
"""What AWS's file has besides, with the values that AWS takes where there are none."""


def aws_hyperparameters(settings: PPOSettings, episodes: int) -> dict[str, Any]:
    """Return the content of the file.

    Args:
        settings: of the learning.
        episodes: in an iteration, as the traces are numbered.
    """
    own = settings.model_dump(
        include={
            "batch_size",
            "beta_entropy",
            "discount_factor",
            "exploration_type",
            "loss_type",
            "lr",
            "num_epochs",
        }
    )
    return dict(sorted({**own, **UNUSED, "num_episodes_between_training": episodes}.items()))
