"""Short trainings with a reward function that prints what it was told, and readers of what they leave."""

from __future__ import annotations

import csv
import itertools
import json

from small_runs import small_settings

from deepracer_sim.training_run import start

EPISODES = 5
"""In an iteration."""
REWARD = """
import json

KEYS = (
    "steps", "x", "y", "heading", "speed", "steering_angle", "progress", "all_wheels_on_track", "is_offtrack",
    "closest_waypoints", "track_length", "is_reversed", "sim_time",
)


def reward_function(params):
    reward = -1.0 if params["is_offtrack"] else params["speed"] / (1.0 + params["distance_from_center"]) / 7.0
    print(json.dumps({**{key: params[key] for key in KEYS}, "reward": reward}))
    return reward
"""


def traced_settings(track, folder, iterations, **changes):
    """Five episodes of at most 40 steps an iteration, an evaluation after every second."""
    reward = folder / "reward.py"
    if not reward.exists():
        reward.write_text(REWARD)
    groups = {"episode": {"max_steps": 40}, "ppo": {"num_episodes_between_training": EPISODES}}
    return small_settings(track, iterations, reward=reward, **{**groups, **changes})


def train_traced(track, folder, iterations, **changes):
    return start(traced_settings(track, folder, iterations, **changes), folder / "run")


def trace_files(run):
    """The rows of each file, by the iteration in its name."""
    rows = {}
    for file in (run.path / "training-simtrace").glob("*-iteration.csv"):
        text = file.read_text()
        assert text.endswith("\n")
        rows[int(file.name.split("-")[0])] = list(csv.DictReader(text.splitlines()))
    return dict(sorted(rows.items()))


def logged(run):
    """Each line of the log that is a step's, with the line before it."""
    lines = ["", *(run.path / "training.log").read_text().splitlines()]
    return [
        (before, line.removeprefix("SIM_TRACE_LOG:"))
        for before, line in itertools.pairwise(lines)
        if line.startswith("SIM_TRACE_LOG:")
    ]


def metrics_of(run):
    return json.loads((run.path / "metrics/TrainingMetrics.json").read_text())


def episodes_table(run):
    return list(csv.DictReader((run.path / "training-simtrace/episodes.csv").read_text().splitlines()))


def assert_sound(run):
    """Whole lines, whole episodes, numbered without gaps and doubles, the same in all files."""
    files, steps = trace_files(run), []
    for first, rows in files.items():
        numbers = list(dict.fromkeys(int(row["episode"]) for row in rows))
        assert numbers == list(range(first * EPISODES, first * EPISODES + len(numbers)))
        assert len(numbers) == EPISODES or first == max(files)
        for number in numbers:
            own = [row for row in rows if int(row["episode"]) == number]
            assert [int(row["steps"]) for row in own] == list(range(len(own)))
            assert own[0]["episode_status"] == "prepare"
            assert [row["done"] for row in own] == ["False"] * (len(own) - 1) + ["True"]
        assert all(None not in row and len(row) == 19 for row in rows)
        steps += [",".join(row.values()) for row in rows]
    assert [line for _, line in logged(run)] == steps
    numbers = list(dict.fromkeys(int(line.split(",")[0]) for line in steps))
    assert [int(row["episode"]) for row in episodes_table(run)] == numbers
    trained = [entry for entry in metrics_of(run)["metrics"] if entry["phase"] == "training"]
    assert [entry["episode"] - 1 for entry in trained] == numbers
    return files
