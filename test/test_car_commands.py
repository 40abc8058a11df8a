"""How speed and steering follow the commands, with their lags and limits."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from rolling_cars import drive, nominal, rolling

from deepracer_sim.car import GRAVITY, MAX_STEERING_ANGLE, CarMotion


def test_acceleration_and_braking_are_limited_exactly():
    car = nominal(2, acceleration=5.0, braking=3.0)
    # 0 -> 3 m/s takes 0.6 s at 5 m/s^2, 45 substeps of 1/75 s; 3 -> 0 m/s takes 1 s at 3 m/s^2.
    path = drive(rolling([0.0, 3.0]), torch.tensor([[0.0, 3.0], [0.0, 0.0]]), car, 1.2)
    for step in (1, 20, 40):
        assert float(path[step].forward_speed[0]) == pytest.approx(5 * step / 75, abs=1e-5)
        assert float(path[step].forward_speed[1]) == pytest.approx(3 - 3 * step / 75, abs=1e-5)
    for motion in path[46:]:
        assert float(motion.forward_speed[0]) == pytest.approx(3, abs=1e-5)
    for motion in path[76:]:
        assert float(motion.forward_speed[1]) == pytest.approx(0, abs=1e-5)
    # v^2 / (2 a) to reach the speed and 0.6 s at it; braking distance 9 / 6. A substep more or less.
    assert float(path[-1].x[0]) == pytest.approx(0.9 + 0.6 * 3, abs=3 / 75)
    assert float(path[-1].x[1]) == pytest.approx(1.5, abs=3 / 75)


def test_the_drive_cannot_exceed_friction():
    car = nominal(1, acceleration=50.0, friction=0.5, grip_balance=0.0)
    path = drive(rolling([0.0]), torch.tensor([[0.0, 4.0]]), car, 0.4)
    assert float(path[-1].forward_speed) == pytest.approx(0.4 * 0.5 * GRAVITY, rel=1e-4)


@pytest.mark.parametrize("substep", [1 / 75, 1 / 300])
def test_the_servo_follows_exponentially(substep):
    car = replace(nominal(2), steering_lag=torch.tensor([0.047, 0.1]))
    path = drive(rolling([0.0, 0.0]), torch.tensor([[0.5, 0.0], [-0.5, 0.0]]), car, 0.2, substep)
    for step in (1, 4, 12, len(path) - 1):
        time = step * substep
        steering = path[step].steering_angle
        assert float(steering[0]) == pytest.approx(0.5 * (1 - math.exp(-time / 0.047)), abs=1e-6)
        assert float(steering[1]) == pytest.approx(-0.5 * (1 - math.exp(-time / 0.1)), abs=1e-6)


def test_the_servo_has_end_stops_and_a_bias():
    car = replace(nominal(3), steering_bias=torch.tensor([0.0, 0.02, 0.02]))
    path = drive(rolling([0.0] * 3), torch.tensor([[2.0, 0.0], [0.1, 0.0], [0.52, 0.0]]), car, 1.0)
    wanted = [MAX_STEERING_ANGLE, 0.12, MAX_STEERING_ANGLE]
    assert path[-1].steering_angle.tolist() == pytest.approx(wanted, abs=1e-6)


def test_a_standing_car_stays_where_it_is():
    pose = torch.tensor([[1.0, -2.0, 0.7], [0.0, 3.0, -2.5]])
    motion = CarMotion.at_rest(pose)
    after = drive(motion, torch.tensor([[0.5, 0.0], [-0.2, 0.0]]), nominal(2), 1.0)[-1]
    for name in ("x", "y", "yaw", "forward_speed", "lateral_speed", "yaw_rate"):
        assert torch.equal(getattr(after, name), getattr(motion, name)), name


def test_straight_ahead_is_where_the_car_points():
    """2 m/s held for a second; gain 1.05 on the speed of the second car."""
    car = replace(nominal(2), speed_gain=torch.tensor([1.0, 1.05]))
    motion = rolling([2.0, 2.1], heading=math.radians(120))
    after = drive(motion, torch.tensor([[0.0, 2.0], [0.0, 2.0]]), car, 1.0)[-1]
    assert after.x.tolist() == pytest.approx([2 * -0.5, 2.1 * -0.5], abs=1e-4)
    assert after.y.tolist() == pytest.approx([2 * 0.8660254, 2.1 * 0.8660254], abs=1e-4)
    assert after.yaw.tolist() == pytest.approx([math.radians(120)] * 2, abs=1e-6)
