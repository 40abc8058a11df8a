"""The car's motion against circles, limits and conservation laws that can be worked out by hand.

Figures named Gazebo's were measured on a four-wheel model of the car in Gazebo 11 with a friction
coefficient of 1: radius of the circle and yaw rate in a steady turn for a commanded speed and angle.
"""

from __future__ import annotations

import math
from dataclasses import fields, replace

import pytest
import torch
from torch import Tensor

from deepracer_sim.car import (
    FRONT_ARM,
    GRAVITY,
    GYRATION_RADIUS_SQUARED,
    MAX_STEERING_ANGLE,
    REAR_ARM,
    WHEEL_POINTS,
    WHEELBASE,
    CarMotion,
    CarParameters,
    advance,
)
from deepracer_sim.embedded_world import SUBSTEPS
from deepracer_sim.settings import CarSettings, Randomisation
from deepracer_sim.world import STEP_TIME

SUBSTEP = STEP_TIME / SUBSTEPS


def nominal(count: int, **settings: float) -> CarParameters:
    return CarParameters.nominal(CarSettings(**settings), count)


def rolling(speeds: list[float] | Tensor, heading: float = 0.0) -> CarMotion:
    """Cars at the origin that roll straight ahead, in float64."""
    speed = torch.as_tensor(speeds, dtype=torch.float64)
    pose = torch.zeros(len(speed), 3, dtype=torch.float64)
    pose[:, 2] = heading
    return replace(CarMotion.at_rest(pose), forward_speed=speed)


def drive(
    motion: CarMotion, command: Tensor, car: CarParameters, seconds: float, substep: float = SUBSTEP
) -> list[CarMotion]:
    """Hold a command (N, 2); return the motion after every substep, the one at the start first."""
    path = [motion]
    for _ in range(round(seconds / substep)):
        path.append(advance(path[-1], command, car, substep))
    return path


def degrees(angles: list[float], speeds: list[float]) -> Tensor:
    return torch.tensor([(math.radians(angle), speed) for angle, speed in zip(angles, speeds, strict=True)])


def speed_of(motion: CarMotion) -> Tensor:
    return torch.hypot(motion.forward_speed, motion.lateral_speed)


def place_of(motion: CarMotion) -> Tensor:
    return torch.stack((motion.x, motion.y), 1)


def circle_through(first: Tensor, second: Tensor, third: Tensor) -> Tensor:
    """Radius of the circle through three points (N, 2) each: the product of the sides over 4 areas."""
    sides = (second - first).norm(dim=1) * (third - second).norm(dim=1) * (first - third).norm(dim=1)
    one, other = second - first, third - first
    return sides / (2 * (one[:, 0] * other[:, 1] - one[:, 1] * other[:, 0]).abs())


def test_the_dimensions_agree_with_each_other():
    assert abs(FRONT_ARM + REAR_ARM - WHEELBASE) < 1e-9
    assert [x for x, _ in WHEEL_POINTS] == [FRONT_ARM, FRONT_ARM, -REAR_ARM, -REAR_ARM]
    left = [y for _, y in WHEEL_POINTS]
    assert left[0] == -left[1] > 0
    assert left[2] == -left[3] > 0
    assert abs(MAX_STEERING_ANGLE - math.radians(30)) < 1e-6


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


# Speed and angle; Gazebo's radius and yaw rate. At 1 m/s Gazebo gave no yaw rate: speed over radius.
GAZEBO = [
    (1, 5, 1.89, 1 / 1.89),
    (1, 15, 0.62, 1 / 0.62),
    (1, 30, 0.31, 1 / 0.31),
    (2, 15, 0.58, 3.46),
    (2, 30, 0.33, 5.71),
    (3, 5, 1.82, 1.64),
    (3, 15, 0.73, 3.83),
    (3, 30, 0.59, 4.17),
]


@pytest.mark.parametrize(("speed", "angle", "radius", "yaw_rate"), GAZEBO)
def test_turns_as_in_gazebo(speed, angle, radius, yaw_rate):
    """A second after the turn-in: the servo has settled, and the fast cars have gone round half a circle."""
    after = drive(rolling([speed]), degrees([angle], [speed]), nominal(1), 1.0)[-1]
    assert float(speed_of(after) / after.yaw_rate) == pytest.approx(radius, rel=0.12)
    assert float(after.yaw_rate) == pytest.approx(yaw_rate, rel=0.15)


def test_turns_into_a_bend_as_in_gazebo():
    """Half a second after the turn-in, a bend's length: the sliding cars have not lost much speed yet."""
    rows = [
        (2, 15, 0.58, 3.46),
        (2, 30, 0.33, 5.71),
        (3, 5, 1.82, 1.64),
        (3, 15, 0.73, 3.83),
        (3, 30, 0.59, 4.17),
    ]
    speed, angle, radius, yaw_rate = (list(column) for column in zip(*rows, strict=True))
    after = drive(rolling(speed), degrees(angle, speed), nominal(len(rows)), 0.5)[-1]
    assert after.yaw_rate.tolist() == pytest.approx(yaw_rate, rel=0.15)
    assert (speed_of(after) / after.yaw_rate).tolist() == pytest.approx(radius, rel=0.25)


def test_a_sharp_turn_at_speed_costs_speed():
    """Gazebo's car falls from 3 to 2.45 m/s at 30 degrees; at 2 m/s and 15 degrees the tyres hold."""
    path = drive(rolling([3.0, 2.0]), degrees([30, 15], [3, 2]), nominal(2), 2.0)
    assert float(path[-1].forward_speed[0]) == pytest.approx(2.45, rel=0.1)
    assert float(path[-1].forward_speed[1]) == pytest.approx(2.0, rel=0.01)


def test_friction_limits_a_steady_turn():
    """Speed times yaw rate is the acceleration towards the middle of the circle.

    With less grip at the front than at the rear the car pushes wide instead of spinning, so the turn is
    steady: the front axle gives 0.45 of the friction limit across its steered wheels, so 0.45 cos(angle)
    across the car, and the rear one what balances its torque, the same again.
    """
    friction = [0.4, 0.8, 1.2, 1.4] * 3
    angles = [10.0] * 4 + [20.0] * 4 + [-30.0] * 4
    car = replace(nominal(12, grip_balance=-0.1), friction=torch.tensor(friction))
    path = drive(rolling([4.0] * 12), degrees(angles, [4.0] * 12), car, 3.0)
    limit = GRAVITY * torch.tensor(friction)
    used = torch.stack([speed_of(motion) * motion.yaw_rate.abs() for motion in path[-60:]]) / limit
    assert float(used.max()) < 0.9
    assert used[-1].tolist() == pytest.approx([0.9 * math.cos(math.radians(a)) for a in angles], rel=0.01)


def test_no_driving_asks_more_of_the_ground_than_friction():
    """Random driving: the world's acceleration from the positions alone.

    Sideways it never exceeds the limit. In all it may by up to 11.7 %: the front axle's share of the drive
    acts along the car and not along its steered wheels, which at 30 degrees and with a grip balance of 0.04
    gives 0.52 sqrt(1 + sin 30 degrees) + 0.48 = 1.117.
    """
    generator = torch.Generator().manual_seed(0)
    count, substep = 64, 1 / 480

    def unit() -> Tensor:
        return torch.rand(count, generator=generator)

    friction = 0.4 + unit()
    car = replace(nominal(count), friction=friction)
    path = [rolling([0.0] * count)]
    sideways, altogether = [], []
    for _ in range(8):
        command = torch.stack((1.2 * unit() - 0.6, 4 * unit()), 1)
        path = drive(path[-1], command, car, 0.25, substep)
        place = torch.stack([place_of(motion) for motion in path])
        acceleration = (place[2:] - 2 * place[1:-1] + place[:-2]) / substep**2 / (GRAVITY * friction)[:, None]
        yaw = torch.stack([motion.yaw for motion in path[1:-1]])
        sideways.append(acceleration[..., 1] * yaw.cos() - acceleration[..., 0] * yaw.sin())
        altogether.append(acceleration.norm(dim=-1))
    assert float(torch.cat(sideways).abs().max()) < 1.01
    assert 0.9 < float(torch.cat(altogether).max()) < 1.118


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


def test_shorter_substeps_hardly_change_a_gripping_turn():
    angles, speeds = [5, 15, 30, -15, 5], [1.0, 1.0, 1.0, 2.0, 3.0]
    few, many = (
        drive(rolling(speeds), degrees(angles, speeds), nominal(5), 2.0, STEP_TIME / substeps)[-1]
        for substeps in (4, 32)
    )
    torch.testing.assert_close(few.yaw_rate, many.yaw_rate, rtol=0.01, atol=0)
    torch.testing.assert_close(speed_of(few), speed_of(many), rtol=0.01, atol=0)
    travelled = 2.0 * torch.tensor(speeds, dtype=torch.float64)
    assert float(((place_of(few) - place_of(many)).norm(dim=1) / travelled).max()) < 0.02


def test_shorter_substeps_change_a_sliding_turn_little():
    """Two seconds of full steering at 3 m/s, the front wheels sliding throughout: a first-order error."""
    used, fine = (
        drive(rolling([3.0]), degrees([30], [3]), nominal(1), 2.0, STEP_TIME / substeps)[-1]
        for substeps in (SUBSTEPS, 32)
    )
    assert float(used.yaw_rate) == pytest.approx(float(fine.yaw_rate), rel=0.12)
    assert float(speed_of(used)) == pytest.approx(float(speed_of(fine)), rel=0.12)


def random_commands(count: int, steps: int) -> Tensor:
    """A new command for each of `steps` steps, (steps, count, 2)."""
    generator = torch.Generator().manual_seed(5)
    unit = torch.rand(steps, count, 2, generator=generator)
    return unit * torch.tensor([1.2, 4.0]) - torch.tensor([0.6, 0.0])


def test_a_mirrored_command_gives_a_mirrored_motion():
    car, mirror = nominal(8), torch.tensor([-1.0, 1.0])
    left = right = rolling([1.0] * 8)
    for command in random_commands(8, 20):
        left = drive(left, command, car, STEP_TIME)[-1]
        right = drive(right, command * mirror, car, STEP_TIME)[-1]
    for name in ("x", "forward_speed"):
        torch.testing.assert_close(getattr(left, name), getattr(right, name))
    for name in ("y", "yaw", "lateral_speed", "yaw_rate", "steering_angle"):
        torch.testing.assert_close(getattr(left, name), -getattr(right, name))
    assert float(left.y.abs().min()) > 0.01  # there was something to mirror


def test_a_batch_is_its_cars_one_by_one():
    everyone = torch.ones(6, dtype=torch.bool)
    cars = nominal(6).randomised(Randomisation(), torch.Generator().manual_seed(1), everyone)
    commands = random_commands(6, 20)
    together = rolling([0.5 * car for car in range(6)])
    alone = [rolling([0.5 * car]) for car in range(6)]
    for command in commands:
        together = drive(together, command, cars, STEP_TIME)[-1]
        for car in range(6):
            own = CarParameters(*(getattr(cars, field.name)[car : car + 1] for field in fields(cars)))
            alone[car] = drive(alone[car], command[car : car + 1], own, STEP_TIME)[-1]
    for field in fields(together):
        joined = torch.cat([getattr(motion, field.name) for motion in alone])
        torch.testing.assert_close(getattr(together, field.name), joined, rtol=1e-6, atol=1e-6)


def test_friction_never_adds_energy():
    """Cars that slide in every direction and spin, without drive: kinetic energy over mass falls."""
    generator = torch.Generator().manual_seed(3)
    count = 2000

    def between(low: float, high: float) -> Tensor:
        return low + (high - low) * torch.rand(count, generator=generator, dtype=torch.float64)

    idle = torch.full((count,), 1e-12)
    car = replace(
        nominal(count), acceleration=idle, braking=idle, friction=between(0.3, 2.0),
        slip_angle=between(0.0, 0.1), grip_balance=between(-0.3, 0.3),
    )  # fmt: skip
    motion = replace(
        rolling(between(-4.0, 4.0)), lateral_speed=between(-4.0, 4.0), yaw_rate=between(-10.0, 10.0),
        steering_angle=between(-0.5, 0.5),
    )  # fmt: skip
    command = torch.stack((motion.steering_angle, between(0.0, 4.0)), 1)

    def energy(motion: CarMotion) -> Tensor:
        return 0.5 * (speed_of(motion) ** 2 + GYRATION_RADIUS_SQUARED * motion.yaw_rate**2)

    path = drive(motion, command, car, 0.5)
    energies = torch.stack([energy(motion) for motion in path])
    lost = energies[:-1] - energies[1:]
    assert float(lost.min()) > -1e-9
    assert float(lost[0].min()) > 1e-6


def test_sliding_sideways_stops_as_friction_says():
    """No roll, only slide: 2 m/s sideways stops after 2 / (mu g) = 0.227 s at mu 0.9."""
    motion = replace(rolling([0.0]), lateral_speed=torch.tensor([2.0], dtype=torch.float64))
    car = nominal(1, friction=0.9, grip_balance=0.0)
    path = drive(motion, torch.zeros(1, 2), car, 0.4, 1 / 300)
    assert float(path[30].lateral_speed) == pytest.approx(2 - 0.9 * GRAVITY * 0.1, abs=0.05)
    assert float(path[60].lateral_speed) > 0.1
    assert float(path[-1].lateral_speed) == pytest.approx(0, abs=1e-3)


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
