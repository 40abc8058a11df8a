"""The laps that a car began, on a circle of 2 pi metres driven at 1 m/s: a step is 1/15 m."""

from __future__ import annotations

import math

import pytest
import torch
from driven_circle import BACK, DRIVE, LAP, LEAVE, rail_env

from deepracer_sim.evaluation import evaluate
from deepracer_sim.metrics_files import evaluated_laps, evaluation_metrics
from deepracer_sim.racing_env import Status
from deepracer_sim.world import STEP_TIME


def driven(choose, laps, **options):
    """One car that takes the action `choose(step)`."""
    step = -1

    def policy(images):
        nonlocal step
        step += 1
        return torch.tensor([choose(step)])

    return evaluate(rail_env(), policy, laps, **options)


def test_two_laps_without_a_fault():
    evaluation = driven(lambda step: DRIVE, laps=2)
    (run,) = evaluation.runs
    first, second = run.attempts
    # 6.28 m are 94.2 steps: the 95th crosses the line, and the 189th crosses it again.
    assert (first.begin, first.end, second.begin, second.end) == (0, 95, 95, 189)
    assert [attempt.time for attempt in run.attempts] == [lap.time for lap in run.laps]
    assert {attempt.status for attempt in run.attempts} == {Status.LAP_COMPLETE}
    reward = evaluation.trace.judged.reward[:, 0]
    assert first.reward == pytest.approx(reward[:95].sum(), rel=1e-6)
    assert second.reward == pytest.approx(reward[95:189].sum(), rel=1e-6)


def test_resets_belong_to_their_laps_and_cost_time():
    evaluation = driven(lambda step: LEAVE if step in (20, 50, 120) else DRIVE, laps=2, max_resets=5)
    (run,) = evaluation.runs
    first, second = run.attempts
    assert first.faults == (Status.OFF_TRACK,) * 2 and second.faults == (Status.OFF_TRACK,)
    assert [attempt.time for attempt in run.attempts] == [lap.time for lap in run.laps]
    assert first.time > LAP + 10


def test_a_lap_that_a_fault_ended():
    (run,) = driven(lambda step: LEAVE if step in (20, 130) else DRIVE, laps=3, max_resets=1).runs
    first, second = run.attempts
    assert (first.status, second.status) == (Status.LAP_COMPLETE, Status.OFF_TRACK)
    assert (first.faults, second.faults) == ((Status.OFF_TRACK,), (Status.OFF_TRACK,))
    assert second.end == 131
    assert second.completion == pytest.approx(run.distance - 1)
    # All that was driven, and the penalty of the one reset; the last fault put nobody back.
    assert first.time + second.time == pytest.approx(131 * STEP_TIME + 5)


def test_a_lap_that_took_too_long_or_went_backwards():
    (run,) = driven(lambda step: BACK, laps=1).runs
    (attempt,) = run.attempts
    assert attempt.status is Status.REVERSED and attempt.completion == 0
    assert attempt.time == pytest.approx(15 * STEP_TIME)


def test_metrics_of_an_evaluation_have_awss_fields():
    evaluation = driven(lambda step: LEAVE if step in (20, 130) else DRIVE, laps=2, max_resets=1)
    (run,) = evaluation.runs
    first, second = evaluation_metrics(evaluation.runs)["metrics"]
    assert first == {
        "completion_percentage": 100,
        "metric_time": round(1000 * run.laps[0].time),
        "start_time": 0,
        "elapsed_time_in_milliseconds": round(1000 * run.laps[0].time),
        "episode_status": "Lap complete",
        "crash_count": 0,
        "immobilized_count": 0,
        "off_track_count": 1,
        "reversed_count": 0,
        "reset_count": 1,
        "trial": 1,
    }
    assert (second["trial"], second["episode_status"], second["start_time"]) == (
        2,
        "Off track",
        first["metric_time"],
    )
    assert second["completion_percentage"] == math.floor(100 * run.attempts[1].completion)


def test_evaluated_laps_have_awss_numbers():
    evaluation = driven(lambda step: DRIVE, laps=2)
    first, second = evaluated_laps(evaluation.runs, begin=100.0, episode=40, trial=20)
    assert first["start_time"] == 100_000
    assert (
        second["start_time"] == first["metric_time"] == round(1000 * (100 + evaluation.runs[0].laps[0].time))
    )
    assert {entry["phase"] for entry in (first, second)} == {"evaluation"}
    assert (first["episode"], first["trial"], first["completion_percentage"]) == (40, 20, 100)
    assert first["reward_score"] == round(evaluation.runs[0].attempts[0].reward)
