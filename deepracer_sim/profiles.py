"""Named sets of defaults for a training, and what changes where a simulator holds few cars."""

from __future__ import annotations

from deepracer_sim.settings import (
    CameraSettings,
    EpisodeSettings,
    EvaluationSettings,
    PPOSettings,
    Randomisation,
    StopSettings,
    TrainSettings,
)

ROLLOUT_SAMPLES = 2048
"""Of all cars together in a rollout where a simulator holds few: more cars, shorter rollouts."""
GAZEBO_CARS = 8
"""From four on, all cars together drive about as many steps a second; more of them see more at a time."""


def fast_profile() -> TrainSettings:
    """Return the defaults: what reaches clean laps soonest on two CPU cores."""
    return TrainSettings()


def aws_profile() -> TrainSettings:
    """Return AWS's defaults: its network and picture, hyperparameters, episode rules, and no randomisation.

    AWS's trainer has gamma 0.999, lambda 0.95, a constant learning rate and no limit on the gradient. An
    episode has no length limit there; ours is the 10,000 samples at which a rollout is cut.
    """
    return TrainSettings(
        num_cars=4,
        network="DEEP_CONVOLUTIONAL_NETWORK_SHALLOW",
        critic="image",
        camera=CameraSettings(width=160, height=120),
        randomisation=Randomisation(enabled=False),
        episode=EpisodeSettings(
            start="round_robin", direction="forward", start_offset=0, start_heading=0, max_steps=10_000
        ),
        ppo=PPOSettings(
            batch_size=64,
            num_epochs=10,
            lr=3e-4,
            final_lr_share=1,
            beta_entropy=0.01,
            discount_factor=0.999,
            loss_type="huber",
            num_episodes_between_training=20,
            gae_lambda=0.95,
            max_gradient_norm=1e9,
        ),
        stop=StopSettings(minutes=60, target=False),
        evaluation=EvaluationSettings(every=1, laps=1, starts=5, randomised=False),
    )


PROFILES = {"fast": fast_profile, "aws": aws_profile}
"""Named sets of defaults for `deepracer train --profile`."""


def rollout_steps(num_cars: int) -> int:
    """Return the steps of a rollout where a simulator holds few cars."""
    return max(1, ROLLOUT_SAMPLES // max(1, num_cars))


def for_few_cars(settings: TrainSettings, num_cars: int) -> TrainSettings:
    """Return the same for a simulator that holds few cars: long rollouts, a core left for it, an hour."""
    return settings.replaced(
        threads=1,
        num_cars=num_cars,
        ppo=settings.ppo.replaced(rollout_steps=rollout_steps(num_cars)),
        stop=settings.stop.replaced(minutes=60),
    )


def for_gazebo(settings: TrainSettings, num_cars: int | None = None) -> TrainSettings:
    """Return the same for Gazebo, whose cars and pictures are all alike; at most `GAZEBO_CARS` by default.

    An evaluation takes as long as several of its iterations, so there are half as many.
    """
    settings = for_few_cars(settings, num_cars or min(settings.num_cars, GAZEBO_CARS))
    return settings.replaced(
        world="gazebo",
        randomisation=settings.randomisation.replaced(enabled=False),
        evaluation=settings.evaluation.replaced(randomised=False, every=2 * settings.evaluation.every),
    )
