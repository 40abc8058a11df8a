"""What an evaluation leaves for racers' tools: the simulation trace of its laps, log lines and metrics."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from deepracer_sim.car import REFERENCE_POINT
from deepracer_sim.errors import RunError
from deepracer_sim.evaluation import Evaluation
from deepracer_sim.file_replacement import replacing
from deepracer_sim.lap_attempts import Attempt
from deepracer_sim.metrics_files import evaluation_metrics
from deepracer_sim.simulation_trace import (
    HEADER,
    LOG_TAG,
    NO_ACTION,
    PREPARE,
    EpisodeTrace,
    all_wheels_on_track,
    closest_waypoints,
    status_names,
)
from deepracer_sim.track import Track
from deepracer_sim.world import STEP_TIME

TRACED_CARS = 16
"""Cars of an evaluation whose laps are traced, at most; its metrics have all."""
TRACE, LOG, METRICS = "evaluation-simtrace/0-iteration.csv", "evaluation.log", "metrics.json"
"""AWS's evaluations have one iteration."""


def write_racers_files(
    evaluation: Evaluation, table: NDArray[np.float32], track: Track, penalty: float, folder: Path
) -> list[Path]:
    """Write the simulation trace of an evaluation, its lines as a log, and its metrics; return their paths.

    Args:
        evaluation: what to write.
        table: (A, 2) steering angle (radians) and speed (m/s) of each action.
        track: that it drove on.
        penalty: seconds that a reset cost.
        folder: to write to.

    Raises:
        RunError: the folder cannot be written.
    """
    cars = range(min(TRACED_CARS, len(evaluation.runs)))
    laps = [lap for car in cars for lap in CarTrace(evaluation, car, track, penalty).laps(table)]
    texts = [lap.text(number) for number, lap in enumerate(laps)]
    log = "".join(f"{LOG_TAG}{line}" for text in texts for line in text.splitlines(keepends=True))
    contents = {
        TRACE: HEADER + "".join(texts),
        LOG: log,
        METRICS: json.dumps(evaluation_metrics(evaluation.runs), indent=1) + "\n",
    }
    for name, content in contents.items():
        file = folder / name
        file.parent.mkdir(exist_ok=True)
        with replacing(file, RunError) as temporary:
            temporary.write_text(content, encoding="utf-8")
    return [folder / name for name in contents]


class CarTrace:
    """One car's steps in an evaluation, with a row in front for its start; cut into laps.

    Args:
        evaluation: by `evaluate`, in one part.
        car: which of its cars.
        track: that it drove on.
        penalty: seconds that a reset cost.
    """

    def __init__(self, evaluation: Evaluation, car: int, track: Track, penalty: float) -> None:
        trace, judged = evaluation.trace, evaluation.trace.judged
        if judged is None:
            raise ValueError("the evaluation was not judged step by step")
        self.run, self.track, self._penalty = evaluation.runs[car], track, penalty
        steps = trace.alive[:, car]

        def column(values: NDArray[np.generic], first: float) -> NDArray[np.float64]:
            return np.concatenate(([first], values[steps, car]), dtype=np.float64)

        start_x, start_y, start_yaw = judged.start[:, car].tolist()
        self.yaw = column(trace.yaw, start_yaw)
        self.x = column(trace.x, start_x) + REFERENCE_POINT * np.cos(self.yaw)
        self.y = column(trace.y, start_y) + REFERENCE_POINT * np.sin(self.yaw)
        self.travelled = column(trace.travelled, 0)
        self.fault = column(trace.fault, 0).astype(int)
        self.action = column(trace.action, NO_ACTION).astype(int)
        self.reward = column(judged.reward, 0)
        place = torch.tensor([[self.x[0], self.y[0]]], dtype=torch.float32)
        found = track.project(place, torch.tensor([self.run.reversed])).closest_waypoints[0, 0]
        waypoint = column(judged.waypoint, float(found))
        self.waypoint = closest_waypoints(track, waypoint, self.x, self.y, self.run.reversed)
        wheels = all_wheels_on_track(track, self.x[0], self.y[0], start_yaw)
        self.wheels = column(judged.all_wheels_on_track, wheels).astype(bool)
        clock = judged.wall_clock[steps]
        self.wall_clock = np.concatenate((clock[:1], clock))
        # The fault that ended the run did not put the car back.
        self.pause = penalty * (self.fault > 0)
        if self.run.attempts[-1].status in self.run.faults:
            self.pause[-1] = 0
        waited = np.concatenate(([0.0], self.pause.cumsum()[:-1]))
        self.time = np.arange(len(self.x)) * STEP_TIME + waited

    def laps(self, table: NDArray[np.float32]) -> list[EpisodeTrace]:
        """Return the laps that were begun; table (A, 2) has the angle and speed of each action."""
        return [self._lap(number, attempt, table) for number, attempt in enumerate(self.run.attempts)]

    def _lap(self, number: int, attempt: Attempt, table: NDArray[np.float32]) -> EpisodeTrace:
        """Return a lap with a row in front: where the car was before its first step."""
        rows = slice(attempt.begin, attempt.end + 1)
        count = attempt.end + 1 - attempt.begin
        after = np.arange(count) > 0
        action = np.where(after, self.action[rows], NO_ACTION)
        steering_angle, speed = (table[action] * after[:, None]).T
        length = float(self.track.length)
        progress = 100 * (self.travelled[rows] - number * length) / length
        status = status_names(self.fault[rows])
        status[0], status[-1] = PREPARE, attempt.status.name.lower()
        return EpisodeTrace(
            steps=np.arange(count),
            x=self.x[rows],
            y=self.y[rows],
            yaw=np.degrees(np.arctan2(np.sin(self.yaw[rows]), np.cos(self.yaw[rows]))),
            steer=np.degrees(steering_angle.astype(np.float64)),
            throttle=speed,
            action=action,
            reward=self.reward[rows] * after,
            done=np.arange(count) == count - 1,
            all_wheels_on_track=self.wheels[rows],
            progress=(progress * after).clip(0, 100),
            closest_waypoint=self.waypoint[rows],
            track_length=np.full(count, length),
            time=self.time[rows],
            status=status,
            pause=self.pause[rows] * after,
            wall_clock=self.wall_clock[rows],
        )
