"""Drive a car through Gymnasium: with an exported model, or at random without one.

python examples/drive_with_gymnasium.py [MODEL_FOLDER]
"""

from __future__ import annotations

import sys

import gymnasium

import deepracer_sim.gym_env  # noqa: F401 - registers DeepRacer-v0
from deepracer_inference.model_bundle import ModelBundle
from deepracer_inference.policy import OnnxPolicy


def main() -> None:
    """Drive three episodes and print how each ended and the sum of its rewards."""
    policy = OnnxPolicy(ModelBundle.load(sys.argv[1])) if len(sys.argv) > 1 else None
    env = gymnasium.make("DeepRacer-v0", track="reinvent_2018")
    env.action_space.seed(0)
    for episode in range(3):
        image, info = env.reset(seed=episode)
        terminated = truncated = False
        total = 0.0
        while not (terminated or truncated):
            action = policy.probabilities(image[None]).argmax() if policy else env.action_space.sample()
            image, reward, terminated, truncated, info = env.step(action)
            total += float(reward)
        print(
            f"{info['status']} after {info['steps']} steps and {info['progress']:.0f} % of a lap: {total:.1f}"
        )
    env.close()


if __name__ == "__main__":
    main()
