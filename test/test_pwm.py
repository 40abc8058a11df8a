"""Pulses by hand, and a tree of files that looks like Linux's PWM and GPIO."""

from __future__ import annotations

import json
import math

import pytest
from fake_sysfs import FakeSysfs

from deepracer_inference.limits import STAND, Command
from deepracer_inference.pwm import MOTOR, STEERING, Pulses, PwmError, Wheels, load_calibration


@pytest.mark.parametrize(
    ("value", "duty"),
    [(0.0, 1_450_000), (1.0, 1_700_000), (-1.0, 1_200_000), (0.5, 1_575_000), (-0.1, 1_425_000)],
)
def test_steering(value, duty):
    assert STEERING.duty(value) == duty


@pytest.mark.parametrize(
    ("value", "duty"),
    [(0.0, 1_446_000), (1.0, 1_311_000), (-1.0, 1_603_500), (0.5, 1_378_500), (-0.5, 1_524_750)],
)
def test_forwards_the_stock_motor_goes_towards_its_minimum(value, duty):
    assert MOTOR.duty(value) == duty


@pytest.mark.parametrize("value", [1.01, -1.01, math.nan, math.inf])
def test_a_value_out_of_range_is_refused(value):
    with pytest.raises(PwmError, match="must be -1 to 1"):
        STEERING.duty(value)


@pytest.mark.parametrize(
    "pulses", [(1, 2, 3, 1), (1_200_000, 1_100_000, 1_700_000, 1), (1_200_000, 1_450_000, 9_000_000, 1)]
)
def test_pulses_that_no_servo_takes_are_refused(pulses):
    with pytest.raises(PwmError, match="must rise"):
        Pulses(*pulses)


def test_a_calibration_comes_from_its_file(tmp_path):
    servo = {"min": 1_100_000, "mid": 1_400_000, "max": 1_800_000, "polarity": -1}
    motor = {"min": 1_300_000, "mid": 1_440_000, "max": 1_600_000, "polarity": 1}
    path = tmp_path / "calibration.json"
    path.write_text(json.dumps({"Calibration": {"Servo": servo, "Motor": motor, "version": 1}}))
    steering, motor = load_calibration(path)
    assert steering.duty(1.0) == 1_100_000 and motor.duty(1.0) == 1_600_000


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"Calibration": {"Servo": {"min": 1}}}', "\x00"])
def test_a_damaged_calibration_is_refused(tmp_path, text):
    (tmp_path / "calibration.json").write_text(text)
    with pytest.raises(PwmError, match="not a calibration"):
        load_calibration(tmp_path / "calibration.json")


def test_wheels_are_set_up_at_rest_and_turned(tmp_path):
    sysfs = FakeSysfs(tmp_path)
    wheels = Wheels(sysfs=tmp_path)
    assert sysfs.read() == {"angle": 1_450_000, "throttle": 1_446_000, "power": True}
    assert sysfs.file(0, "period") == sysfs.file(1, "period") == "20000000"
    assert sysfs.file(0, "enable") == sysfs.file(1, "enable") == "1"
    wheels.turn(Command(1.0, 0.5))
    assert sysfs.read() == {"angle": 1_700_000, "throttle": 1_378_500, "power": True}
    with pytest.raises(PwmError):
        wheels.turn(Command(0.0, 1.5))
    assert sysfs.read()["angle"] == 1_700_000
    wheels.turn(STAND)
    assert sysfs.read() == {"angle": 1_450_000, "throttle": 1_446_000, "power": True}
    wheels.release()
    assert sysfs.read()["power"] is False


def test_without_a_pwm_it_says_so(tmp_path):
    with pytest.raises(PwmError, match="controllers none"):
        Wheels(sysfs=tmp_path)


def test_the_stock_board_has_its_own_among_several(tmp_path):
    FakeSysfs(tmp_path)
    (tmp_path / "class" / "pwm" / "pwmchip9").mkdir()
    Wheels(sysfs=tmp_path)
