"""Laps of cars that are watched, on a circle of radius 1 m: at 1 m/s a lap takes 2 pi seconds."""

from __future__ import annotations

import math

import pytest
import torch
from driven_circle import DRIVE, LEAVE, circle, rail_env

from deepracer_sim.evaluation import evaluate
from deepracer_sim.ros.lap_timing import Change, EvaluationLaps, LapTimer, Moment, change
from deepracer_sim.settings import EvaluateSettings

SECOND = 1_000_000_000
FRAME = SECOND / 15


def moments(start, angle, begin=0.0, radius=1.0, count=200):
    """Drive along the circle at 1 rad/s from one angle to another, at 1 m/s for a radius of 1 m."""
    sense = math.copysign(1.0, angle - start)
    steps = [start + (angle - start) * step / count for step in range(count + 1)]
    return [
        Moment(
            round((begin + abs(place - start)) * SECOND),
            radius * math.cos(place),
            radius * math.sin(place),
            place + sense * math.pi / 2,
            radius,
        )
        for place in steps
    ]


def standing(angle, begin, end, yaw=math.pi / 2):
    return [
        Moment(round(time * SECOND), math.cos(angle), math.sin(angle), angle + yaw, 0.0)
        for time in (begin, (begin + end) / 2, end)
    ]


@pytest.fixture
def timer():
    return LapTimer(circle())


def test_a_quarter_of_the_circle_is_a_quarter_of_a_lap(timer):
    assert timer.add(moments(0.0, math.pi / 2)) == []
    assert timer.progress == pytest.approx(0.25, abs=1e-4)
    assert (timer.laps, timer.off_tracks, timer.reversed) == (0, 0, False)


@pytest.mark.parametrize("sense", [1, -1])
def test_laps_are_timed_between_the_moments_in_both_directions(timer, sense):
    """Moments are 0.08 s apart; the car starts a tenth of a lap after the line."""
    finished = timer.add(moments(0.2 * math.pi, 0.2 * math.pi + sense * 5 * math.pi, begin=7.0))
    assert finished == pytest.approx([math.tau, math.tau], abs=1e-3)
    assert (timer.laps, timer.reversed) == (2, sense < 0)
    assert timer.progress == pytest.approx(0.5, abs=1e-3)


def test_it_does_not_matter_how_many_moments_come_at_once(timer):
    way = moments(0.0, 5 * math.pi)
    one_by_one = [time for moment in way for time in timer.add([moment])]
    assert one_by_one == LapTimer(circle()).add(way)
    assert timer.add([]) == []


def test_the_first_lap_begins_when_the_car_moves(timer):
    assert timer.add(standing(0.0, 0.0, 60.0)) == []
    assert timer.add(moments(0.0, 7.0, begin=60.0)) == pytest.approx([math.tau], abs=1e-3)


def test_a_stop_on_the_way_counts(timer):
    timer.add(moments(0.0, 3.0))
    timer.add(standing(3.0, 3.0, 13.0))
    assert timer.add(moments(3.0, 7.0, begin=13.0)) == pytest.approx([math.tau + 10.0], abs=1e-3)


def test_a_car_that_is_put_elsewhere_begins_a_new_lap(timer):
    timer.add(moments(0.0, 5.0))
    assert timer.add(standing(1.0, 5.001, 5.001)) == []
    assert timer.progress == 0.0
    assert timer.add(moments(1.0, 1.0 + 7.0, begin=5.001)) == pytest.approx([math.tau], abs=1e-3)


def test_a_car_that_is_put_down_the_other_way_round_drives_in_the_other_direction(timer):
    timer.add(moments(0.0, 1.0))
    timer.add(standing(1.0, 1.001, 1.001, yaw=-math.pi / 2))
    assert (timer.reversed, timer.progress) == (True, 0.0)
    timer.add(moments(1.0, 0.0, begin=1.001))
    assert timer.progress == pytest.approx(1 / math.tau, abs=1e-3)


def test_a_car_that_turns_round_begins_a_lap_in_the_other_direction(timer):
    timer.add(moments(0.0, 3.0))
    turning = [
        Moment(round((3 + part) * SECOND), math.cos(3), math.sin(3), 3 + math.pi * (0.5 + part), 0.0)
        for part in (0.25, 0.5, 0.75, 1.0)
    ]
    timer.add(turning)
    timer.add(moments(3.0, 2.5, begin=4.0))
    assert not timer.reversed  # it may be looking for the way out of a corner
    timer.add(moments(2.5, -4.0, begin=4.5))
    assert timer.reversed
    # Turning swung the point ahead of it by up to 0.28 m; 6.5 m were driven after at most 1 m.
    assert timer.laps + timer.progress == pytest.approx(6.2 / math.tau, abs=0.1)


def test_a_car_that_rolls_back_keeps_its_direction(timer):
    timer.add(moments(0.0, 3.0))
    back = [moment._replace(yaw=moment.yaw + math.pi, speed=-1.0) for moment in moments(3.0, 1.0, begin=3.0)]
    timer.add(back)
    assert not timer.reversed
    assert timer.progress == pytest.approx(1 / math.tau, abs=1e-3)


def test_all_counts_begin_anew_when_the_time_is_set_back(timer):
    timer.add(moments(0.0, 7.0, begin=100.0))
    timer.add(moments(7.0, 8.0, begin=107.0, radius=1.9))
    assert (timer.laps, timer.off_tracks) == (0, 1)  # it was put 0.9 m outwards
    timer.add(moments(1.0, 2.0))
    assert (timer.laps, timer.off_tracks) == (0, 0)
    assert timer.progress == pytest.approx(1 / math.tau, abs=1e-3)


def test_each_time_off_the_road_counts_once(timer):
    """The road is from 0.5 to 1.5 m; the car swings out to 1.9 m four times."""
    way = [
        moment._replace(x=moment.x * swing, y=moment.y * swing)
        for moment in moments(0.0, math.tau)
        for swing in [1.0 + 0.9 * math.sin(2 * math.atan2(moment.y, moment.x)) ** 4]
    ]
    timer.add(way[:100])
    timer.add(way[100:])
    assert timer.off_tracks == 4


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        ({"time": SECOND + FRAME, "x": 0.3}, Change.DRIVEN),  # 4.5 m/s
        ({"time": SECOND + FRAME, "x": 0.6}, Change.PUT_ELSEWHERE),  # 9 m/s
        ({"time": SECOND + 1_000_000, "x": 0.1}, Change.PUT_ELSEWHERE),
        ({"time": SECOND + 1_000_000, "yaw": math.pi}, Change.PUT_ELSEWHERE),
        ({"time": SECOND + 1_000_000, "yaw": math.tau}, Change.DRIVEN),
        ({"time": SECOND, "x": math.nan}, Change.PUT_ELSEWHERE),
        ({}, Change.DRIVEN),
        ({"time": SECOND - 1}, Change.TIME_SET_BACK),
    ],
)
def test_what_lies_between_two_moments(after, expected):
    before = Moment(SECOND, 0.0, 0.0, 0.0, 0.0)
    assert change(before, before._replace(**after)) is expected


def test_a_place_that_is_no_number_is_forgotten_with_the_next_one(timer):
    timer.add(moments(0.0, 1.0))
    timer.add([Moment(SECOND, math.nan, 0.0, 0.0, 0.0)])
    timer.add(moments(1.0, 2.0, begin=1.0))
    assert timer.progress == pytest.approx(1 / math.tau, abs=1e-3)


@pytest.mark.parametrize("max_resets", [0, 1, 20])
def test_laps_of_an_evaluation_are_those_of_its_table(max_resets):
    """Two laps with a fault in the first and three in the second; the circle is left for a step."""
    settings = EvaluateSettings(laps=3, max_resets=max_resets, reset_penalty=2.0)
    env, steps = rail_env(), iter(range(10_000))
    laps = EvaluationLaps(settings, float(env.track_length[0]), 0)
    finished = []

    def watch(actions, outcome):
        lap = laps.add(outcome)
        if lap:
            finished.append(lap)

    env.on_step = watch
    faults = (30, 120, 140, 160)
    run = evaluate(
        env,
        lambda images: torch.tensor([LEAVE if next(steps) in faults else DRIVE]),
        settings.laps,
        settings.max_resets,
        settings.reset_penalty,
    ).runs[0]
    assert len(run.laps) == {0: 0, 1: 1, 20: 3}[max_resets]
    assert finished == laps.laps
    assert [lap.resets for lap in finished] == [lap.resets for lap in run.laps]
    assert [lap.time for lap in finished] == pytest.approx([lap.time for lap in run.laps], abs=1e-4)
    assert laps.faults == laps.off_tracks == len(run.faults)
    assert laps.is_over
