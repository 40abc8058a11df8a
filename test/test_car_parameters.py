"""The dimensions of the car, and what randomisation draws."""

from __future__ import annotations

import math
from dataclasses import fields

import pytest
import torch
from rolling_cars import nominal, rolling

from deepracer_sim.car import FRONT_ARM, MAX_STEERING_ANGLE, REAR_ARM, WHEEL_POINTS, WHEELBASE
from deepracer_sim.settings import Randomisation


def test_the_dimensions_agree_with_each_other():
    assert abs(FRONT_ARM + REAR_ARM - WHEELBASE) < 1e-9
    assert [x for x, _ in WHEEL_POINTS] == [FRONT_ARM, FRONT_ARM, -REAR_ARM, -REAR_ARM]
    left = [y for _, y in WHEEL_POINTS]
    assert left[0] == -left[1] > 0
    assert left[2] == -left[3] > 0
    assert abs(MAX_STEERING_ANGLE - math.radians(30)) < 1e-6


RANGES = Randomisation()

DRAWN = {
    "steering_bias": RANGES.steering_bias,
    "steering_lag": RANGES.steering_lag,
    "acceleration": RANGES.acceleration,
    "braking": RANGES.braking,
    "friction": RANGES.friction,
    "slip_angle": RANGES.slip_angle,
    "grip_balance": RANGES.grip_balance,
    # The product of motor gain and wheel radius.
    "speed_gain": (
        RANGES.motor_gain[0] * RANGES.wheel_radius[0],
        RANGES.motor_gain[1] * RANGES.wheel_radius[1],
    ),
}


def test_randomised_parameters_fill_their_ranges():
    count = 2000
    everyone = torch.ones(count, dtype=torch.bool)
    cars = nominal(count).randomised(RANGES, torch.Generator().manual_seed(0), everyone)
    assert set(DRAWN) == {field.name for field in fields(cars)}
    for name, (low, high) in DRAWN.items():
        drawn = getattr(cars, name)
        assert low - 1e-6 <= float(drawn.min()), name
        assert float(drawn.max()) <= high + 1e-6, name
        # The corners of a product of two draws are rarely reached.
        reached = 0.85 if name == "speed_gain" else 0.99
        assert float(drawn.max() - drawn.min()) > reached * (high - low), name
        assert float(drawn.mean()) == pytest.approx((low + high) / 2, abs=0.05 * (high - low)), name


def test_only_the_masked_cars_are_redrawn():
    mask = torch.tensor([True, False, True, False])
    everyone = torch.ones(4, dtype=torch.bool)
    before = nominal(4).randomised(RANGES, torch.Generator().manual_seed(1), everyone)
    after = before.randomised(RANGES, torch.Generator().manual_seed(2), mask)
    again = before.randomised(RANGES, torch.Generator().manual_seed(2), mask)
    for field in fields(before):
        old, new = getattr(before, field.name), getattr(after, field.name)
        assert torch.equal(old[~mask], new[~mask]), field.name
        assert bool((old[mask] != new[mask]).all()), field.name
        assert torch.equal(new, getattr(again, field.name)), field.name


def test_a_range_of_no_width_is_its_value():
    ranges = Randomisation(friction=(0.9, 0.9), motor_gain=(1.1, 1.1), wheel_radius=(0.5, 0.5))
    mask = torch.ones(3, dtype=torch.bool)
    cars = nominal(3).randomised(ranges, torch.Generator().manual_seed(0), mask)
    assert cars.friction.tolist() == pytest.approx([0.9] * 3)
    assert cars.speed_gain.tolist() == pytest.approx([0.55] * 3)


def test_where_takes_each_car_from_one_side():
    here, there = rolling([1.0, 2.0, 3.0]), rolling([4.0, 5.0, 6.0])
    mixed = here.where(torch.tensor([True, False, True]), there)
    assert mixed.forward_speed.tolist() == [1.0, 5.0, 3.0]
