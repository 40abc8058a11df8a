"""What holds for every motion: symmetry, energy, friction, and no car that minds the others."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest
import torch
from rolling_cars import drive, nominal, place_of, random_commands, rolling, speed_of
from torch import Tensor

from deepracer_sim.car import GRAVITY, GYRATION_RADIUS_SQUARED, CarMotion, CarParameters
from deepracer_sim.settings import Randomisation
from deepracer_sim.world import STEP_TIME


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
