"""Turns, against circles, limits and a four-wheel model.

Figures named Gazebo's are those of the car of models/ in Gazebo 11, in a steady turn for a commanded speed
and angle: radius of the circle and yaw rate (python -m deepracer_sim.benchmark gazebo --parts turns).
"""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from rolling_cars import SUBSTEP, degrees, drive, nominal, place_of, rolling, speed_of
from torch import Tensor

from deepracer_sim.car import FRONT_ARM, GRAVITY, REAR_ARM, WHEELBASE
from deepracer_sim.embedded_world import SUBSTEPS
from deepracer_sim.world import STEP_TIME


def circle_through(first: Tensor, second: Tensor, third: Tensor) -> Tensor:
    """Radius of the circle through three points (N, 2) each: the product of the sides over 4 areas."""
    sides = (second - first).norm(dim=1) * (third - second).norm(dim=1) * (first - third).norm(dim=1)
    one, other = second - first, third - first
    return sides / (2 * (one[:, 0] * other[:, 1] - one[:, 1] * other[:, 0]).abs())


def test_slow_cars_turn_on_the_kinematic_circle():
    """The rear axle's circle has radius L / tan(angle); base_link lies REAR_ARM ahead of it."""
    angles = [-30.0, -15.0, -5.0, 5.0, 15.0, 30.0]
    path = drive(rolling([0.5] * 6), degrees(angles, [0.5] * 6), nominal(6), 4.0)
    wanted = torch.tensor([math.hypot(WHEELBASE / math.tan(math.radians(a)), REAR_ARM) for a in angles])
    radius = circle_through(*(place_of(path[-back]) for back in (200, 100, 1)))
    torch.testing.assert_close(radius.float(), wanted, rtol=0.01, atol=0)
    yaw_rate = torch.tensor([0.5 * math.tan(math.radians(a)) / WHEELBASE for a in angles])
    torch.testing.assert_close(path[-1].yaw_rate.float(), yaw_rate, rtol=0.01, atol=0)
    torch.testing.assert_close(path[-1].forward_speed, torch.full((6,), 0.5).double(), rtol=0.01, atol=0)
    assert (path[25].y.sign().tolist()) == [-1, -1, -1, 1, 1, 1]  # a third of a second: before anyone is back


def test_the_path_goes_where_the_velocity_points():
    """In a slow turn base_link, ahead of the rear axle, moves off by atan(REAR_ARM tan(angle) / L)."""
    angles = [-30.0, 20.0, 30.0]
    path = drive(rolling([1.0] * 3), degrees(angles, [1.0] * 3), nominal(3), 1.0)
    before, now, after = path[-3:]
    way = place_of(after) - place_of(before)
    slip = torch.atan2(way[:, 1], way[:, 0]) - now.yaw
    slip = torch.atan2(slip.sin(), slip.cos())
    wanted = [math.atan(REAR_ARM * math.tan(math.radians(a)) / WHEELBASE) for a in angles]
    assert slip.tolist() == pytest.approx(wanted, abs=0.04)  # the tyres of this car slip by 0.033 rad
    torch.testing.assert_close(slip, torch.atan2(now.lateral_speed, now.forward_speed), rtol=0, atol=1e-3)
    torch.testing.assert_close(way.norm(dim=1) / (2 * SUBSTEP), speed_of(now), rtol=1e-3, atol=0)


# Speed and angle; Gazebo's radius and yaw rate.
GAZEBO = [
    (1, 5, 1.873, 0.53),
    (1, 15, 0.617, 1.63),
    (1, 30, 0.298, 3.55),
    (2, 5, 1.876, 1.07),
    (2, 15, 0.627, 3.29),
    (2, 30, 0.437, 4.84),
    (3, 5, 1.918, 1.57),
    (3, 15, 0.929, 3.30),
    (3, 30, 0.936, 3.26),
]


@pytest.mark.parametrize(("speed", "angle", "radius", "yaw_rate"), GAZEBO)
@pytest.mark.parametrize("seconds", [0.5, 1.0])
def test_turns_as_in_gazebo(seconds, speed, angle, radius, yaw_rate):
    """Into a bend, and half round a circle: a car that slides pushes wide and keeps its speed."""
    after = drive(rolling([speed]), degrees([angle], [speed]), nominal(1), seconds)[-1]
    assert float(speed_of(after) / after.yaw_rate) == pytest.approx(radius, rel=0.05)
    assert float(after.yaw_rate) == pytest.approx(yaw_rate, rel=0.06)
    assert float(speed_of(after)) == pytest.approx(radius * yaw_rate, rel=0.05)


def test_friction_limits_a_steady_turn():
    """Speed times yaw rate is the acceleration towards the middle of the circle.

    With less grip at the front than at the rear the car pushes wide instead of spinning, so the turn is
    steady: the front axle gives 0.45 of the friction limit, somewhere between across its steered wheels,
    which are driven, and across the car; the rear one gives what balances its torque.
    """
    friction = [0.4, 0.8, 1.2, 1.4] * 3
    angles = [10.0] * 4 + [20.0] * 4 + [-30.0] * 4
    car = replace(nominal(12, grip_balance=-0.1), friction=torch.tensor(friction))
    path = drive(rolling([4.0] * 12), degrees(angles, [4.0] * 12), car, 3.0)
    limit = GRAVITY * torch.tensor(friction)
    used = torch.stack([speed_of(motion) * motion.yaw_rate.abs() for motion in path[-60:]]) / limit
    most = 0.45 * (1 + FRONT_ARM / REAR_ARM)
    assert float(used.max()) < 1.001 * most
    for share, angle in zip(used[-1].tolist(), angles, strict=True):
        assert 0.999 * math.cos(math.radians(angle)) <= share / most


def test_shorter_substeps_hardly_change_a_gripping_turn():
    angles, speeds = [5, 15, 30, -15, 5], [1.0, 1.0, 1.0, 2.0, 3.0]
    few, many = (
        drive(rolling(speeds), degrees(angles, speeds), nominal(5), 2.0, STEP_TIME / substeps)[-1]
        for substeps in (4, 32)
    )
    torch.testing.assert_close(few.yaw_rate, many.yaw_rate, rtol=0.015, atol=0)
    torch.testing.assert_close(speed_of(few), speed_of(many), rtol=0.015, atol=0)
    travelled = 2.0 * torch.tensor(speeds, dtype=torch.float64)
    assert float(((place_of(few) - place_of(many)).norm(dim=1) / travelled).max()) < 0.02


def test_shorter_substeps_change_a_sliding_turn_little():
    """Two seconds of full steering at 3 m/s, the front wheels sliding throughout: a first-order error."""
    used, fine = (
        drive(rolling([3.0]), degrees([30], [3]), nominal(1), 2.0, STEP_TIME / substeps)[-1]
        for substeps in (SUBSTEPS, 32)
    )
    assert float(used.yaw_rate) == pytest.approx(float(fine.yaw_rate), rel=0.05)
    assert float(speed_of(used)) == pytest.approx(float(speed_of(fine)), rel=0.05)
