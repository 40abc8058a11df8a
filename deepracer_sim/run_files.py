"""What the files of a run folder are called; see `RunFolder` for what is in them."""

from __future__ import annotations

CONFIG, ACTIONS, METRICS, LOG = "config.json", "actions.json", "metrics.csv", "training.log"
CHECKPOINTS, MODEL, TENSORBOARD, GRAPH = "checkpoints", "model", "tensorboard", "training_graph.png"
REWARD = "reward_function.py"
WEIGHTS, TRACES, HYPERPARAMETERS = "weights", "training-simtrace", "ip/hyperparameters.json"
EPISODES, TRAINING_METRICS = f"{TRACES}/episodes.csv", "metrics/TrainingMetrics.json"
BEST = "best.pt"
