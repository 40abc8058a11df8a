"""What every simulator behind `World` must keep to, as tests that a test module inherits.

```
class TestMyWorld(WorldContract):
    def make_world(self, num_cars: int) -> World: ...
```

`make_world` gives a world with flat ground around the origin, 1 m or more in every direction, and a picture
that changes with the car's place. A world with physics of its own widens the tolerances.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import fields
from typing import Any

import pytest
import torch
from torch import Tensor

from deepracer_sim.settings import CameraSettings
from deepracer_sim.world import STEP_TIME, CarState, World

STANDING = torch.tensor([0.0, 0.0])
SLOW = torch.tensor([0.0, 0.5])
"""Steering angle (rad) and speed (m/s): straight ahead at half a metre a second."""
SLOW_LEFT, SLOW_RIGHT = torch.tensor([0.3, 0.5]), torch.tensor([-0.3, 0.5])


def everyone(world: World) -> Tensor:
    return torch.ones(world.num_cars, dtype=torch.bool, device=world.device)


def poses(world: World, *rows: tuple[float, float, float]) -> Tensor:
    """One pose for each car: the rows given, the last one for all others."""
    filled = [*rows, *[rows[-1]] * (world.num_cars - len(rows))]
    return torch.tensor(filled[: world.num_cars], device=world.device)


def commands(world: World, *rows: Tensor) -> Tensor:
    """One command for each car: the rows given, the last one for all others."""
    filled = [*rows, *[rows[-1]] * (world.num_cars - len(rows))]
    return torch.stack(filled[: world.num_cars]).to(world.device)


def drive(world: World, command: Tensor, steps: int) -> CarState:
    for _ in range(steps):
        world.step(command)
    return world.state()


def assert_same(one: Any, other: Any) -> None:
    """Compare nested dicts of tensors and numbers, or states, bit for bit."""
    if isinstance(one, CarState):
        one, other = (
            {field.name: getattr(state, field.name) for field in fields(state)} for state in (one, other)
        )
    if isinstance(one, dict):
        assert one.keys() == other.keys()
        for name in one:
            assert_same(one[name], other[name])
    elif isinstance(one, Tensor):
        assert torch.equal(one, other)
    else:
        assert one == other


class WorldContract:
    """Inherit it, name the class `Test...` and define `make_world`."""

    num_cars = 3
    """At least 3."""
    position_tolerance = 1e-5
    """Metres between where a car is put and where it is."""
    repeat_tolerance = 1e-5
    """Between the states, in their units, that the same commands lead to twice from the same place."""
    speed_tolerance = 0.10
    """Share by which the speed may differ from the one asked for: motor gain and wheel radius are drawn."""
    angle_tolerance = 0.2
    """Radians that a car may turn by in 1 m of driving straight ahead: 0.02 of steering bias make 0.12."""

    def make_world(self, num_cars: int) -> World:
        raise NotImplementedError

    @pytest.fixture
    def world(self) -> Iterator[World]:
        world = self.make_world(self.num_cars)
        world.respawn(everyone(world), poses(world, (0.0, 0.0, 0.0)))
        yield world
        world.close()

    def test_it_says_what_it_is(self, world: World) -> None:
        assert world.num_cars == self.num_cars
        assert isinstance(world.device, torch.device)
        assert isinstance(world.camera, CameraSettings)

    def test_state_has_one_number_a_car(self, world: World) -> None:
        state = drive(world, commands(world, SLOW), 2)
        for field in fields(CarState):
            value = getattr(state, field.name)
            assert value.shape == (self.num_cars,), field.name
            assert value.dtype == torch.float32, field.name
            assert value.device == world.device, field.name
            assert bool(value.isfinite().all()), field.name

    def test_images_are_bytes_channels_last(self, world: World) -> None:
        camera = world.camera
        images = world.images()
        assert images.shape == (self.num_cars, camera.height, camera.width, camera.channels)
        assert images.dtype == torch.uint8
        assert images.device == world.device
        assert float(images.float().std()) > 5  # something is in them

    def test_respawned_cars_stand_where_they_were_put(self, world: World) -> None:
        drive(world, commands(world, SLOW_LEFT), 10)
        wanted = poses(world, (0.3, -0.2, 1.0), (-0.1, 0.4, -2.5))
        world.respawn(everyone(world), wanted)
        state = world.state()
        torch.testing.assert_close(
            torch.stack((state.x, state.y), 1), wanted[:, :2], rtol=0, atol=self.position_tolerance
        )
        assert bool(((state.yaw - wanted[:, 2]).cos() > math.cos(0.02)).all())
        for name in ("forward_speed", "lateral_speed", "yaw_rate"):
            assert float(getattr(state, name).abs().max()) < 0.05, name

    def test_respawn_leaves_the_other_cars_alone(self, world: World) -> None:
        before = drive(world, commands(world, SLOW_LEFT, SLOW), 10)
        image = world.images()
        mask = everyone(world)
        mask[0] = False
        world.respawn(mask, poses(world, (0.9, 0.9, 0.9)))
        after = world.state()
        for field in fields(CarState):
            old, new = getattr(before, field.name)[0], getattr(after, field.name)[0]
            assert float((old - new).abs()) <= self.position_tolerance, field.name
        assert torch.equal(world.images()[0], image[0])
        assert float(after.x[1]) == pytest.approx(0.9, abs=self.position_tolerance)

    def test_respawning_nobody_changes_nothing(self, world: World) -> None:
        before = drive(world, commands(world, SLOW_LEFT), 5)
        world.respawn(~everyone(world), poses(world, (0.9, 0.9, 0.9)))
        after = world.state()
        for field in fields(CarState):
            old, new = getattr(before, field.name), getattr(after, field.name)
            assert float((old - new).abs().max()) <= self.position_tolerance, field.name

    def test_a_step_takes_a_fifteenth_of_a_second(self, world: World) -> None:
        """At a steady 0.5 m/s, ten steps are a third of a metre."""
        before = drive(world, commands(world, SLOW), 15)
        after = drive(world, commands(world, SLOW), 10)
        travelled = torch.hypot(after.x - before.x, after.y - before.y)
        wanted = torch.full_like(travelled, 10 * STEP_TIME * 0.5)
        torch.testing.assert_close(travelled, wanted, rtol=self.speed_tolerance, atol=0)
        torch.testing.assert_close(travelled / (10 * STEP_TIME), after.forward_speed, rtol=0.03, atol=0)

    def test_cars_drive_where_they_point(self, world: World) -> None:
        world.respawn(
            everyone(world), poses(world, (0.0, 0.0, 0.0), (0.0, 0.0, math.pi / 2), (0.0, 0.0, math.pi))
        )
        state = drive(world, commands(world, SLOW), 30)
        ahead = [float(state.x[0]), float(state.y[1]), -float(state.x[2])]
        assert min(ahead) > 0.6  # 0.9 m and more after two seconds, less what starting takes
        turned = state.yaw[:3] - state.yaw.new_tensor([0.0, math.pi / 2, math.pi])
        assert float(torch.atan2(turned.sin(), turned.cos()).abs().max()) < self.angle_tolerance
        assert float(state.lateral_speed.abs().max()) < 0.05

    def test_steering_is_positive_to_the_left(self, world: World) -> None:
        """About a car's yaw 0 left is +y; the angle is 0.3 rad less what is drawn as bias."""
        state = drive(world, commands(world, SLOW_LEFT, SLOW_RIGHT), 10)
        assert float(state.y[0]) > 0.02
        assert float(state.y[1]) < -0.02
        assert float(state.yaw[0]) > 0.1
        assert float(state.yaw[1]) < -0.1
        assert float(state.yaw_rate[0]) > 0.3
        assert float(state.steering_angle[0]) == pytest.approx(0.3, abs=0.04)
        assert float(state.steering_angle[1]) == pytest.approx(-0.3, abs=0.04)

    def test_cars_stop_when_told(self, world: World) -> None:
        before = drive(world, commands(world, SLOW), 20)
        assert float(before.forward_speed.min()) > 0.3
        drive(world, commands(world, STANDING), 20)
        still = world.state()
        after = drive(world, commands(world, STANDING), 5)
        assert float(after.forward_speed.abs().max()) < 0.02
        assert float(torch.hypot(after.x - still.x, after.y - still.y).max()) < 0.002

    def test_looking_changes_nothing(self, world: World) -> None:
        drive(world, commands(world, SLOW_LEFT), 3)
        state, image = world.state(), world.images()
        assert torch.equal(image, world.images())
        assert_same(state, world.state())

    def test_a_pause_changes_nothing_and_the_next_step_ends_it(self, world: World) -> None:
        before = drive(world, commands(world, SLOW), 10)
        image = world.images()
        world.pause()
        world.pause()
        assert_same(before, world.state())
        assert torch.equal(image, world.images())
        after = drive(world, commands(world, SLOW), 5)
        assert float(torch.hypot(after.x - before.x, after.y - before.y).min()) > 0.1

    def test_pictures_handed_out_stay_as_they_are(self, world: World) -> None:
        state, image = world.state(), world.images()
        kept = image.clone(), state.x.clone()
        drive(world, commands(world, SLOW_LEFT), 8)
        world.images()
        assert torch.equal(image, kept[0])
        assert torch.equal(state.x, kept[1])

    def test_pictures_follow_the_car(self, world: World) -> None:
        first = world.images().float()
        drive(world, commands(world, SLOW_LEFT), 10)
        moved = world.images().float()
        assert float((moved - first).abs().flatten(1).mean(1).min()) > 2
        world.respawn(everyone(world), poses(world, (0.5, 0.5, 2.0)))
        assert float((world.images().float() - moved).abs().flatten(1).mean(1).min()) > 2

    def test_what_is_hidden_is_a_row_of_numbers_a_car(self, world: World) -> None:
        """None at all where a world cannot know; the same until the car is respawned."""
        hidden = world.hidden()
        assert hidden.dim() == 2
        assert len(hidden) == self.num_cars
        assert hidden.dtype == torch.float32
        assert hidden.device == world.device
        assert bool((hidden.abs() < 10).all())  # of the size that a network likes
        drive(world, commands(world, SLOW_LEFT), 3)
        assert torch.equal(world.hidden(), hidden)
        mask = everyone(world)
        mask[0] = False
        world.respawn(mask, poses(world, (0.0, 0.0, 0.0)))
        assert torch.equal(world.hidden()[0], hidden[0])

    def test_the_same_seed_gives_the_same_world(self, world: World) -> None:
        def run(seed: int) -> tuple[CarState, Tensor]:
            world.seed(seed)
            world.respawn(everyone(world), poses(world, (0.0, 0.0, 0.0), (0.2, 0.1, 1.0)))
            return drive(world, commands(world, SLOW_LEFT, SLOW), 5), world.images()

        first, again = run(3), run(3)
        for field in fields(CarState):
            difference = getattr(first[0], field.name) - getattr(again[0], field.name)
            assert float(difference.abs().max()) <= self.repeat_tolerance, field.name
        assert float((first[1].float() - again[1].float()).abs().mean()) < 0.5

    def test_a_restored_world_goes_on_as_it_would_have(self, world: World) -> None:
        """Bit for bit, draws of later respawns included; or the world says that it cannot."""
        drive(world, commands(world, SLOW_LEFT, SLOW), 4)
        snapshot = world.snapshot()
        if snapshot is None:
            return
        image = world.images()

        def go_on() -> list[Any]:
            seen: list[Any] = []
            for step in range(6):
                world.step(commands(world, SLOW, SLOW_RIGHT))
                if step == 2:
                    mask = everyone(world)
                    mask[0] = False
                    world.respawn(mask, poses(world, (0.3, 0.3, 0.3)))
                seen += [world.state(), world.images()]
            return seen

        first = go_on()
        drive(world, commands(world, SLOW_LEFT), 3)
        world.restore(snapshot)
        assert torch.equal(world.images(), image)
        for one, other in zip(first, go_on(), strict=True):
            assert_same(one, other)

    def test_one_car_is_a_world_too(self) -> None:
        world = self.make_world(1)
        world.respawn(everyone(world), poses(world, (0.0, 0.0, 0.0)))
        state = drive(world, commands(world, SLOW), 5)
        assert float(state.x[0]) > 0.02
        assert world.images().shape[0] == 1
        world.close()
