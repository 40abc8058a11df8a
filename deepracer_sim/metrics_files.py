"""The metrics of trainings and evaluations in AWS's JSON, which its console and racers' tools read."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from deepracer_sim.evaluation import CarRun
from deepracer_sim.racing_env import Status
from deepracer_sim.step_recorder import Recording
from deepracer_sim.world import STEP_TIME

LABELS = {
    Status.IN_PROGRESS: "In progress",
    Status.LAP_COMPLETE: "Lap complete",
    Status.OFF_TRACK: "Off track",
    Status.IMMOBILIZED: "Immobilized",
    Status.REVERSED: "Reversed",
    Status.TIME_UP: "Time Up",
}
"""AWS's `EPISODE_STATUS_LABEL_MAP`."""
COUNTED = {
    "crash_count": None,
    "immobilized_count": Status.IMMOBILIZED,
    "off_track_count": Status.OFF_TRACK,
    "reversed_count": Status.REVERSED,
}
"""What AWS counts of an evaluation's lap; there is nothing to crash into."""

Entry = dict[str, Any]


def training_episode(recording: Recording, episode: int, trial: int) -> Entry:
    """Describe an episode of a training.

    Args:
        recording: of it.
        episode: its number, from 1.
        trial: its number in the iteration, from 1.
    """
    begin, end = float(recording.time[0]) - STEP_TIME, float(recording.time[-1])
    return {
        "reward_score": round(float(recording["reward"].sum())),
        **_times(begin, end - begin),
        "episode": episode,
        "trial": trial,
        "phase": "training",
        "completion_percentage": int(recording["progress"][-1]),
        "episode_status": LABELS[Status(int(recording["status"][-1]))],
    }


def evaluated_laps(runs: Iterable[CarRun], begin: float, episode: int, trial: int) -> list[Entry]:
    """Describe the laps that were begun in an evaluation during a training; its reward is the default one.

    Args:
        runs: of the cars.
        begin: of the evaluation, simulated seconds.
        episode: number of the last episode of the iteration, which AWS gives to its evaluation too.
        trial: its number in the iteration.
    """
    return [
        {
            "reward_score": round(attempt.reward),
            **_times(started, attempt.time),
            "episode": episode,
            "trial": trial,
            "phase": "evaluation",
            "completion_percentage": int(100 * attempt.completion),
            "episode_status": LABELS[attempt.status],
        }
        for run in runs
        for attempt, started in zip(run.attempts, _starts(run, begin), strict=True)
    ]


def evaluation_metrics(runs: Iterable[CarRun]) -> dict[str, list[Entry]]:
    """Return the metrics of an evaluation: an entry for each lap that was begun, car after car."""
    entries: list[Entry] = []
    for run in runs:
        for attempt, started in zip(run.attempts, _starts(run, 0.0), strict=True):
            counts = {name: attempt.faults.count(status) for name, status in COUNTED.items() if status}
            entries.append(
                {
                    "completion_percentage": int(100 * attempt.completion),
                    **_times(started, attempt.time),
                    "episode_status": LABELS[attempt.status],
                    "crash_count": 0,
                    **counts,
                    "reset_count": sum(counts.values()),
                    "trial": len(entries) + 1,
                }
            )
    return {"metrics": entries}


def training_metrics_text(entries: Iterable[str]) -> str:
    """Return the content of TrainingMetrics.json; the entries are JSON already."""
    lines = ",\n".join(entries)
    return f'{{"metrics": [\n{lines}\n], "version": 2.0, "best_model_metric": "progress"}}\n'


def _starts(run: CarRun, begin: float) -> list[float]:
    """Return when each of a car's laps began, simulated seconds."""
    starts = [begin]
    for attempt in run.attempts:
        starts.append(starts[-1] + attempt.time)
    return starts[:-1]


def _times(begin: float, taken: float) -> dict[str, int]:
    """Return AWS's times, milliseconds."""
    return {
        "metric_time": round(1000 * (begin + taken)),
        "start_time": round(1000 * begin),
        "elapsed_time_in_milliseconds": round(1000 * taken),
    }
