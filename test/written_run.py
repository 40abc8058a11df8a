"""Run folders and evaluations written by hand: cars on a circle of radius 1, whose every figure is known."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass

from small_runs import circle_track, small_settings

from deepracer_sim.run_folder import RunFolder
from deepracer_sim.simulation_trace import HEADER

STEPS_A_LAP = 60
LENGTH = 2 * 40 * math.sin(math.pi / 40)
"""Of the circle's polyline of 40 points, metres."""


@dataclass(frozen=True)
class Drive:
    """An episode that begins at the start line and goes round at even speed.

    `ending` is the status of its last row; `action` the one that is chosen all along; `radius` the distance
    from the middle of the circle at the end, so that a car can leave the road.
    """

    steps: int
    ending: str = "lap_complete"
    action: int = 2
    reward: float = 1.0
    radius: float = 1.0
    is_reversed: bool = False

    def rows(self, episode, begin=0.0, steps_a_lap=STEPS_A_LAP):
        """Its lines of CSV; it begins at simulated second `begin`."""
        return [self._row(episode, begin, step, steps_a_lap) for step in range(self.steps + 1)]

    def _row(self, episode, begin, step, steps_a_lap):
        way = -1 if self.is_reversed else 1
        angle = way * 2 * math.pi * step / steps_a_lap
        is_last = step == self.steps
        radius = self.radius if is_last else 1.0
        status = self.ending if is_last else "in_progress" if step else "prepare"
        values = (
            episode,
            step,
            f"{radius * math.cos(angle):.6f}",
            f"{radius * math.sin(angle):.6f}",
            f"{math.degrees(angle) + way * 90:.4f}",
            15.0 if step else 0.0,
            1.5 if step else 0.0,
            self.action if step else -1,
            self.reward if step else 0.0,
            is_last and self.ending != "in_progress",
            radius == 1.0,
            f"{100 * step / steps_a_lap:.4f}",
            0,
            f"{LENGTH:.2f}",
            f"{begin + step / 15:.4f}",
            status,
            "0.00",
            0,
            "1700000000.0000",
        )
        return ",".join(map(str, values)) + "\n"


def write_trace(file, drives, first_episode=0):
    """Write a simtrace file of `drives`, numbered on from `first_episode`."""
    file.parent.mkdir(parents=True, exist_ok=True)
    lines = [
        line
        for number, drive in enumerate(drives)
        for line in drive.rows(first_episode + number, 100 * number)
    ]
    file.write_text(HEADER + "".join(lines))


def write_run(folder, drives, iterations=(1, 2), name="run", **settings):
    """Write a run folder.

    Args:
        folder: for the run and its track.
        drives: by iteration, the traced episodes.
        iterations: rows of metrics.csv; every second one was evaluated.
        name: of the run folder.
        settings: changed from those of `small_settings`.
    """
    track = circle_track(folder)
    run = RunFolder.create(folder / name, small_settings(track, 4, **settings))
    rows = [metrics_row(iteration) for iteration in iterations]
    lines = [
        ",".join("" if value != value else f"{value:g}" for value in row.values()) + "\n" for row in rows
    ]
    (run.path / "metrics.csv").write_text("".join([",".join(metrics_row(1)) + "\n", *lines] if rows else []))
    episodes = ["episode,iteration,car,track,reversed,steps,reward,progress,status\n"]
    for iteration, some in drives.items():
        write_trace(run.path / f"training-simtrace/{iteration}-iteration.csv", some, 20 * iteration)
        episodes += [
            f"{20 * iteration + number},{iteration + 1},0,circle,{drive.is_reversed},{drive.steps},0,0,"
            f"{drive.ending}\n"
            for number, drive in enumerate(some)
        ]
    (run.path / "training-simtrace").mkdir(exist_ok=True)
    (run.path / "training-simtrace/episodes.csv").write_text("".join(episodes))
    return run


def metrics_row(iteration):
    is_judged = iteration % 2 == 0
    return {
        "iteration": iteration,
        "samples": 64 * iteration,
        "seconds": 1.5 * iteration,
        "episodes": 3.0,
        "mean_reward": 10.0 * iteration,
        "completion": 0.1 * iteration,
        "reward_per_step": 0.5,
        "term_progress": 0.75,
        "term_off_track": -0.25,
        "evaluation_completion": 0.2 * iteration if is_judged else math.nan,
        "evaluation_clean_runs": 1.0 if is_judged else math.nan,
        "evaluation_lap_time": 4.2 if is_judged else math.nan,
    }


def write_evaluation(folder, track, drives, exact_times):
    """Write the evaluation of one car that was to drive `len(drives)` laps.

    Args:
        folder: of the evaluation.
        track: file of the circle.
        drives: a lap each.
        exact_times: of the finished ones, seconds.
    """
    write_trace(folder / "evaluation-simtrace/0-iteration.csv", drives)
    laps = [{"time": time, "resets": 0, "is_clean": True} for time in exact_times]
    run = {
        "track": "circle",
        "direction": "reversed",
        "wanted_laps": len(drives),
        "laps_driven": len(laps) + 0.5 * (len(laps) < len(drives)),
        "resets": 0,
        "laps": laps,
    }
    summary = {
        "completion": len(laps) / len(drives),
        "begun_laps": len(drives),
        "best_lap_time": min(exact_times, default=None),
        "median_clean_lap_time": sorted(exact_times)[len(laps) // 2] if laps else None,
    }
    settings = {"track": str(track), "cars": 1, "randomised": False}
    report = {"model": "runs/a, iteration 7", "settings": settings, "summary": summary, "runs": [run]}
    (folder / "evaluation.json").write_text(json.dumps(report))
