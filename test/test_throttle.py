"""Radians and metres a second into servo values: AWS's curve and a measured table, by hand."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from deepracer_inference.action_space import ContinuousActionSpace, DiscreteActionSpace
from deepracer_inference.policy import Action
from deepracer_inference.throttle import CalibrationError, ServoMapping, ThrottleCurve, ThrottleTable

SPACE = DiscreteActionSpace(np.radians([-20.0, 0.0, 10.0]), np.array([1.0, 2.0, 0.5]))
TABLE = ThrottleTable((1.0, 2.0), (0.3, 0.5))


@pytest.mark.parametrize(("speed", "throttle"), [(0.0, 0.0), (1.0, 0.8), (2.0, 1.0), (0.5, 0.475)])
def test_aws_curve(speed, throttle):
    """At a quarter of the speed: 2.2 / 4 - 1.2 / 16 = 0.55 - 0.075."""
    assert ThrottleCurve(2.0).throttle(speed, cap=1.0) == pytest.approx(throttle)


def test_the_documented_example_of_the_car():
    """Highest speed 0.8 m/s, 40 %: at 0.2 m/s the car's throttle is 0.19."""
    assert ThrottleCurve(0.8).throttle(0.2, cap=0.4) == pytest.approx(0.19)


def test_the_curve_ends_at_the_highest_speed():
    """Where the parabola would come down again."""
    assert ThrottleCurve(1.0).throttle(5.0, cap=0.6) == pytest.approx(0.6)
    assert ThrottleCurve(1.0).throttle(-1.0, cap=0.6) == 0.0


@pytest.mark.parametrize(
    ("speed", "throttle"),
    [(-1.0, 0.0), (0.0, 0.0), (0.5, 0.15), (1.0, 0.3), (1.5, 0.4), (2.0, 0.5), (9.0, 0.5)],
)
def test_a_table_is_straight_between_its_points(speed, throttle):
    assert TABLE.throttle(speed, cap=1.0) == pytest.approx(throttle)


def test_the_cap_cuts_a_table_off():
    assert TABLE.throttle(1.0, cap=0.35) == 0.3
    assert TABLE.throttle(2.0, cap=0.35) == 0.35


def test_the_largest_steering_angle_is_the_full_lock():
    mapping = ServoMapping(SPACE)
    commands = [mapping.command(Action(math.radians(angle), 2.0), 0.5) for angle in (-20.0, 0.0, 10.0)]
    assert [command.angle for command in commands] == pytest.approx([-1.0, 0.0, 0.5])
    assert commands[0].throttle == pytest.approx(0.5)


def test_a_continuous_model_has_its_highest_values_too():
    space = ContinuousActionSpace(math.radians(-30), math.radians(20), 0.5, 2.0)
    command = ServoMapping(space).command(Action(math.radians(15), 1.0), 1.0)
    assert command.angle == pytest.approx(0.5) and command.throttle == pytest.approx(0.8)


def test_a_model_that_only_drives_straight_ahead():
    space = DiscreteActionSpace(np.zeros(1), np.ones(1))
    assert ServoMapping(space).command(Action(0.0, 1.0), 0.5).angle == 0.0


def test_faster_actions_are_slowed_down():
    assert ServoMapping(SPACE, TABLE, max_speed=1.5).command(Action(0.0, 2.0), 1.0).throttle == pytest.approx(
        0.4
    )
    assert ServoMapping(SPACE, max_speed=1.0).command(Action(0.0, 2.0), 1.0).throttle == pytest.approx(0.8)


def test_a_table_comes_back_from_its_file(tmp_path):
    TABLE.save(tmp_path / "car.json")
    assert ThrottleTable.load(tmp_path / "car.json") == TABLE


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{}",
        "not json",
        json.dumps({"speeds": [1, 2]}),
        json.dumps({"speeds": [], "throttles": []}),
        json.dumps({"speeds": [1, 2], "throttles": [0.5]}),
        json.dumps({"speeds": [2, 1], "throttles": [0.3, 0.5]}),
        json.dumps({"speeds": [1, 2], "throttles": [0.5, 0.3]}),
        json.dumps({"speeds": [0, 2], "throttles": [0.1, 0.3]}),
        json.dumps({"speeds": [1, 2], "throttles": [0.5, 1.5]}),
        json.dumps({"speeds": [1, 2], "throttles": [0.5, "a"]}),
        '{"speeds": [1, 2], "throttles": [0.5, NaN]}',
    ],
)
def test_a_damaged_table_is_refused_by_name(tmp_path, content):
    (tmp_path / "car.json").write_text(content)
    with pytest.raises(CalibrationError):
        ThrottleTable.load(tmp_path / "car.json")


def test_a_table_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(CalibrationError, match="cannot be read"):
        ThrottleTable.load(tmp_path / "none.json")
