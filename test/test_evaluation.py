"""Laps on a circle of 2 pi metres at 1 m/s: each takes 2 pi seconds, whatever the steps of 1/15 s."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from driven_circle import BACK, CREEP, DRIVE, LAP, LEAVE, STAND, circle, circle_evaluation, rail_env

from deepracer_sim.evaluation import (
    CarRun,
    Ending,
    Evaluation,
    Lap,
    Policy,
    crossing_time,
    evaluate,
    place_evenly,
)
from deepracer_sim.racing_env import Status
from deepracer_sim.world import STEP_TIME

TOLERANCE = 2e-3  # seconds and metres: the circle is a polygon, its length and angles are float32


def scripted(choose: Callable[[int, int], int]) -> Policy:
    """Return a policy that takes the action `choose(step, car)`."""
    step = -1

    def policy(images: torch.Tensor) -> torch.Tensor:
        nonlocal step
        step += 1
        return torch.tensor([choose(step, car) for car in range(len(images))])

    return policy


def always(action: int) -> Policy:
    return scripted(lambda step, car: action)


def run_of(laps: list[Lap], ending: Ending, wanted: int, distance: float, faults: int = 0) -> CarRun:
    return CarRun("circle", 0.0, False, wanted, distance, tuple(laps), (Status.OFF_TRACK,) * faults, ending)


def evaluation_of(*runs: CarRun) -> Evaluation:
    return Evaluation(runs, circle_evaluation().trace)


def test_laps_take_the_length_over_the_speed_between_steps():
    evaluation = evaluate(rail_env(), always(DRIVE), laps=3)
    (run,) = evaluation.runs
    assert [lap.time for lap in run.laps] == pytest.approx([LAP] * 3, abs=TOLERANCE)
    assert run.ending is Ending.FINISHED and run.is_clean and not run.faults
    assert run.distance == 3.0 and run.completion == 1.0
    # AWS's reference point, 0.14 m ahead of base_link, is where the car starts to measure.
    assert run.start == pytest.approx(math.atan(0.14), abs=TOLERANCE)
    # Three laps take 282.7 steps; the step that ends the third still counts.
    assert evaluation.trace.alive.sum() == 283
    assert all(isinstance(lap.time, float) for lap in run.laps)


def test_a_car_that_leaves_ends_its_run_where_it_was():
    evaluation = evaluate(rail_env(), scripted(lambda step, car: LEAVE if step == 120 else DRIVE), laps=3)
    (run,) = evaluation.runs
    assert run.ending is Ending.OFF_TRACK and run.faults == (Status.OFF_TRACK,)
    assert len(run.laps) == 1 and run.laps[0].is_clean
    # 120 steps of 1/15 m: 8 m, 1.27 laps.
    assert run.distance == pytest.approx(8 / LAP, abs=TOLERANCE)
    assert run.completion == pytest.approx(8 / LAP / 3, abs=TOLERANCE)
    assert evaluation.trace.alive[:, 0].sum() == 121
    assert np.flatnonzero(evaluation.trace.fault[:, 0]).tolist() == [120]
    assert evaluation.clean_lap_share == 0.5 and evaluation.clean_runs == 0 and not evaluation.is_clean


def test_a_reset_costs_its_penalty_and_puts_the_car_back_where_it_left():
    policy = scripted(lambda step, car: LEAVE if step == 30 else DRIVE)
    evaluation = evaluate(rail_env(), policy, laps=2, max_resets=1, reset_penalty=5.0)
    (run,) = evaluation.runs
    # The step off the road gains nothing: 1/15 s, and 5 s of penalty.
    assert run.laps[0].time == pytest.approx(LAP + STEP_TIME + 5.0, abs=TOLERANCE)
    assert run.laps[1].time == pytest.approx(LAP, abs=TOLERANCE)
    assert [lap.resets for lap in run.laps] == [1, 0]
    assert run.ending is Ending.FINISHED and not run.is_clean and run.faults == (Status.OFF_TRACK,)
    trace = evaluation.trace
    assert trace.travelled[31, 0] == pytest.approx(31 / 15, abs=TOLERANCE)
    # One step after the reset base_link is 31 steps along, but for the curvature of the way back.
    place = math.atan2(trace.y[31, 0], trace.x[31, 0])
    assert place == pytest.approx(31 / 15, abs=2 * TOLERANCE)
    assert math.hypot(trace.x[30, 0], trace.y[30, 0]) == pytest.approx(3.0, abs=1e-5)
    assert evaluation.clean_lap_share == 0.5


def test_the_penalty_is_a_choice():
    policy = scripted(lambda step, car: LEAVE if step in (30, 40, 100) else DRIVE)
    (run,) = evaluate(rail_env(), policy, laps=2, max_resets=3, reset_penalty=2.0).runs
    assert [lap.resets for lap in run.laps] == [2, 1]
    assert run.laps[0].time == pytest.approx(LAP + 2 * STEP_TIME + 4.0, abs=TOLERANCE)
    assert run.laps[1].time == pytest.approx(LAP + STEP_TIME + 2.0, abs=TOLERANCE)


def test_the_fault_after_the_last_reset_ends_the_run():
    policy = scripted(lambda step, car: LEAVE if step in (10, 20, 30) else DRIVE)
    (run,) = evaluate(rail_env(), policy, laps=1, max_resets=2).runs
    assert run.ending is Ending.OFF_TRACK and len(run.faults) == 3 and run.laps == ()
    # 28 steps forwards: 10, 9 and 9.
    assert run.distance == pytest.approx(28 / 15 / LAP, abs=TOLERANCE)


@pytest.mark.parametrize(
    ("action", "ending", "status"),
    [(STAND, Ending.IMMOBILIZED, Status.IMMOBILIZED), (BACK, Ending.REVERSED, Status.REVERSED)],
)
def test_standing_and_reversing_end_a_run_after_fifteen_steps(action, ending, status):
    evaluation = evaluate(rail_env(), scripted(lambda step, car: DRIVE if step < 30 else action), laps=1)
    (run,) = evaluation.runs
    assert run.ending is ending and run.faults == (status,)
    assert np.flatnonzero(evaluation.trace.fault[:, 0]).tolist() == [44]
    assert run.distance == pytest.approx(2 / LAP, abs=TOLERANCE)


def test_a_run_that_is_too_slow_is_cut_short():
    # Time for a lap at 0.3 m/s; at 0.2 m/s that is two thirds of it.
    (run,) = evaluate(rail_env(), always(CREEP), laps=1).runs
    assert run.ending is Ending.TIME_UP and not run.faults and not run.is_clean
    assert run.completion == pytest.approx(2 / 3, abs=0.01)


def test_a_lap_against_the_waypoints_takes_as_long():
    env = rail_env(2)
    env.place(torch.tensor([True, True]), torch.tensor([0.0, 2.0]), torch.tensor([False, True]))
    forward, reversed = evaluate(env, always(DRIVE), laps=1).runs
    assert not forward.reversed and reversed.reversed
    assert reversed.start == pytest.approx(2.0 + math.atan(0.14), abs=TOLERANCE)
    assert reversed.laps[0].time == pytest.approx(forward.laps[0].time, abs=TOLERANCE)
    assert reversed.is_clean


def test_cars_are_judged_one_by_one():
    actions = {(40, 1): LEAVE, (100, 2): LEAVE}
    policy = scripted(lambda step, car: actions.get((step, car), DRIVE))
    evaluation = evaluate(rail_env(3), policy, laps=1)
    assert [run.ending for run in evaluation.runs] == [Ending.FINISHED, Ending.OFF_TRACK, Ending.FINISHED]
    # Car 2 leaves the road after its lap, when its run is over: no fault.
    assert evaluation.trace.fault.any(0).tolist() == [False, True, False]
    assert evaluation.clean_runs == 2 and evaluation.clean_lap_share == pytest.approx(2 / 3)
    assert evaluation.completion == pytest.approx((2 + 40 / 15 / LAP) / 3, abs=TOLERANCE)


def test_images_are_what_the_first_car_saw_before_each_step():
    env = rail_env(2)
    evaluation = evaluate(env, always(DRIVE), laps=1, keep_images=True)
    images = evaluation.trace.images
    assert images.shape == (len(evaluation.trace.x), 12, 16, 1) and images.dtype == np.uint8
    assert images[:50, 0, 0, 0].tolist() == list(range(50))
    assert evaluate(rail_env(), always(DRIVE), laps=1).trace.images is None


def test_places_are_spread_over_each_track_then_over_the_directions():
    env = rail_env(8, tracks=(circle("a"), circle("b")))
    place_evenly(env, starts=2)
    runs = evaluate(env, always(DRIVE), laps=1).runs
    ahead = math.atan(0.14)
    expected = [
        (name, start + ahead, backwards)
        for backwards in (False, True)
        for start in (0, LAP / 2)
        for name in "ab"
    ]
    assert [(run.track, run.reversed) for run in runs] == [(name, back) for name, _, back in expected]
    assert [run.start for run in runs] == pytest.approx([start for _, start, _ in expected], abs=TOLERANCE)
    assert all(run.is_clean for run in runs)


def test_crossing_time_is_interpolated():
    travelled = np.array((0.5, 1.0, 2.0, 2.5), np.float32)
    assert crossing_time(travelled, 1.5) == pytest.approx(2.5 * STEP_TIME)
    assert crossing_time(travelled, 0.25) == pytest.approx(0.5 * STEP_TIME)
    assert crossing_time(travelled, 1.0) == pytest.approx(2 * STEP_TIME)
    assert crossing_time(travelled, 3.0) is None


def test_shares_and_times_of_hand_made_runs():
    finished = run_of([Lap(8.0, 0), Lap(13.0, 1), Lap(9.0, 0)], Ending.FINISHED, 3, 3.0, faults=1)
    crashed = run_of([Lap(10.0, 0)], Ending.OFF_TRACK, 3, 1.5, faults=1)
    clean = run_of([Lap(7.0, 0)], Ending.FINISHED, 1, 1.0)
    evaluation = evaluation_of(finished, crashed, clean)
    # Begun: 3, 2 (one of them left), 1; clean: 2, 1, 1.
    assert evaluation.clean_lap_share == pytest.approx(4 / 6)
    assert evaluation.clean_runs == 1 and not evaluation.is_clean
    assert evaluation.lap_time == pytest.approx(8.5)  # the median of 7, 8, 9, 10
    assert evaluation.completion == pytest.approx((1 + 0.5 + 1) / 3)
    assert evaluation_of(clean).is_clean


def test_without_a_clean_lap_there_is_no_lap_time():
    assert math.isnan(evaluation_of(run_of([Lap(13.0, 1)], Ending.FINISHED, 1, 1.0, faults=1)).lap_time)
