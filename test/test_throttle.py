"""Radians and metres a second into servo values: AWS's curve and a measured table, by hand."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
import yaml
from disk_limit import full_disk

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
    TABLE.save(tmp_path / "car.yaml")
    assert ThrottleTable.load(tmp_path / "car.yaml") == TABLE
    assert yaml.safe_load((tmp_path / "car.yaml").read_text()) == {"speeds": [1, 2], "throttles": [0.3, 0.5]}
    assert [file.name for file in tmp_path.iterdir()] == ["car.yaml"]


def test_numbers_of_numpy_are_written_as_numbers(tmp_path):
    ThrottleTable(tuple(np.array([1.0, 2.0])), tuple(np.array([0.3, 0.5]))).save(tmp_path / "car.yaml")
    assert ThrottleTable.load(tmp_path / "car.yaml") == TABLE


@pytest.mark.parametrize(
    "content",
    [
        "throttles: [0.3, 0.5]\nspeeds: [1, 2]",
        "speeds:\n- 1.0\n- 2.0\nthrottles:\n- 0.3\n- 0.5\nmeasured: on the carpet",
        json.dumps({"speeds": [1, 2], "throttles": [0.3, 0.5]}),
    ],
)
def test_a_table_may_be_written_by_hand(tmp_path, content):
    (tmp_path / "car.yaml").write_text(content)
    assert ThrottleTable.load(tmp_path / "car.yaml") == TABLE


def test_a_full_disk_leaves_the_older_file_alone(tmp_path):
    TABLE.save(tmp_path / "car.yaml")
    with (
        full_disk(10),
        pytest.raises(CalibrationError, match=r"car\.yaml: cannot be written: File too large"),
    ):
        ThrottleTable((1.0,), (0.5,)).save(tmp_path / "car.yaml")
    assert ThrottleTable.load(tmp_path / "car.yaml") == TABLE
    assert [file.name for file in tmp_path.iterdir()] == ["car.yaml"]


def test_a_folder_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(CalibrationError, match=r"none/car\.yaml: cannot be written: No such file"):
        TABLE.save(tmp_path / "none" / "car.yaml")


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{}",
        "no table",
        "[" * 20_000,
        "speeds: [1, 2",
        "speeds: [1, 2]",
        "speeds: []\nthrottles: []",
        "speeds: [1, 2]\nthrottles: [0.5]",
        "speeds: [2, 1]\nthrottles: [0.3, 0.5]",
        "speeds: [1, 1]\nthrottles: [0.3, 0.5]",
        "speeds: [1, 2]\nthrottles: [0.5, 0.3]",
        "speeds: [0, 2]\nthrottles: [0.1, 0.3]",
        "speeds: [-1, 2]\nthrottles: [0.1, 0.3]",
        "speeds: [1, 30]\nthrottles: [0.1, 0.3]",
        "speeds: [1, 2]\nthrottles: [0.5, 1.5]",
        "speeds: [1, 2]\nthrottles: [0.5, a]",
        "speeds: [1, 2]\nthrottles: [0.5, .nan]",
        "speeds: [1, 2]\nthrottles: [0.5, .inf]",
        "speeds: [1, 2]\nthrottles: [0.5, yes]",
        "speeds: {1: a, 2: b}\nthrottles: [0.3, 0.5]",
        'speeds: "12"\nthrottles: [0.3, 0.5]',
        f"speeds: [1, 1{'0' * 400}]\nthrottles: [0.3, 0.5]",
        "speeds: !!python/object/apply:os.getcwd []\nthrottles: [0.3]",
        "\x00",
        "speeds: [1]\nthrottles: [0.5]\n" + 70_000 * "#",
        '{"speeds": [1, 2], "throttles": [0.5, NaN]}',
        '{"Calibration": {"Servo": {"min": 1, "mid": 2, "max": 3, "polarity": 1}}}',
    ],
)
def test_a_damaged_table_is_refused_by_name(tmp_path, content):
    (tmp_path / "car.yaml").write_text(content)
    with pytest.raises(
        CalibrationError, match=r"car\.yaml: not a table .* deepracer-calibrate measures one$"
    ):
        ThrottleTable.load(tmp_path / "car.yaml")


def test_bytes_that_are_no_text_are_refused(tmp_path):
    (tmp_path / "car.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(CalibrationError, match="not a table"):
        ThrottleTable.load(tmp_path / "car.yaml")


def test_a_table_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(CalibrationError, match="cannot be read"):
        ThrottleTable.load(tmp_path / "none.yaml")
