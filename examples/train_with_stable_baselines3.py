"""Train a car with stable-baselines3's PPO and its own network for pictures, both as they come.

pip install stable-baselines3
python examples/train_with_stable_baselines3.py [SAMPLES]

It prints a table every few rollouts: ep_rew_mean rises as the car learns to stay on the track and to be fast.
"""

from __future__ import annotations

import sys

import gymnasium
from stable_baselines3 import PPO
from stable_baselines3.common.vec_env import VecMonitor

import deepracer_sim.gym_env  # noqa: F401 - registers DeepRacer-v0
from deepracer_sim.stable_baselines3_env import StableBaselines3Env

SAMPLES = 200_000
MODEL = "runs/stable_baselines3.zip"


def main() -> None:
    """Train, then drive a greedy episode on a car of its own."""
    cars = gymnasium.make_vec("DeepRacer-v0", num_envs=64, track="reinvent_2018", autoreset_mode="SameStep")
    env = VecMonitor(StableBaselines3Env(cars))
    model = PPO(
        "CnnPolicy",
        env,
        n_steps=32,
        batch_size=512,
        n_epochs=4,
        learning_rate=5e-4,
        gamma=0.95,
        gae_lambda=0.9,
        ent_coef=0.01,
        seed=0,
        verbose=1,
    )
    model.learn(int(sys.argv[1]) if len(sys.argv) > 1 else SAMPLES, log_interval=8)
    model.save(MODEL)

    car = gymnasium.make("DeepRacer-v0", track="reinvent_2018")
    image, info = car.reset(seed=1)
    while info["status"] == "in_progress":
        action, _ = model.predict(image, deterministic=True)
        image, *_, info = car.step(int(action))
    print(f"greedy episode: {info['status']} after {info['steps']} steps, {info['progress']:.0f} % of a lap")


if __name__ == "__main__":
    main()
