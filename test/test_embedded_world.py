"""The embedded world: the contract of all worlds, latency in steps, and what is drawn for each car."""

from __future__ import annotations

import math
from functools import cache

import pytest
import torch
from torch import Tensor

pytest.register_assert_rewrite("world_contract")

from world_contract import WorldContract, commands, drive, everyone, poses  # noqa: E402

from deepracer_sim.car import CarMotion, CarParameters, Substep, advance  # noqa: E402
from deepracer_sim.embedded_world import SUBSTEPS, EmbeddedWorld  # noqa: E402
from deepracer_sim.ground import Ground, paint  # noqa: E402
from deepracer_sim.settings import CameraSettings, CarSettings, Randomisation  # noqa: E402
from deepracer_sim.track import Track  # noqa: E402
from deepracer_sim.world import STEP_TIME  # noqa: E402

OFF = Randomisation(enabled=False)
GO = torch.tensor([0.2, 1.0])


@cache
def circle(radius: float = 1.0) -> Track:
    angle = torch.arange(72) * math.tau / 72
    ring = torch.stack((angle.cos(), angle.sin()), 1)
    return Track("circle", radius * ring, (radius - 0.3) * ring, (radius + 0.3) * ring)


@cache
def ground(radius: float = 1.0) -> Ground:
    return paint(circle(radius))


def world_of(
    num_cars: int,
    randomisation: Randomisation = OFF,
    seed: int = 0,
    camera: CameraSettings | None = None,
    **car: float,
) -> EmbeddedWorld:
    index = torch.zeros(num_cars, dtype=torch.long)
    settings = CarSettings(**car)
    return EmbeddedWorld([ground()], index, camera or CameraSettings(), settings, randomisation, seed)


class TestCleanWorld(WorldContract):
    speed_tolerance = 1e-3
    angle_tolerance = 1e-4

    def make_world(self, num_cars: int) -> EmbeddedWorld:
        return world_of(num_cars)


class TestRandomisedWorld(WorldContract):
    def make_world(self, num_cars: int) -> EmbeddedWorld:
        return world_of(num_cars, Randomisation())


class TestColourWorld(WorldContract):
    num_cars = 4

    def make_world(self, num_cars: int) -> EmbeddedWorld:
        return world_of(num_cars, Randomisation(), camera=CameraSettings(colour="rgb", width=80, height=60))


@pytest.mark.parametrize(
    ("latency", "substeps"),
    # In substeps of a fifth of a step; half a step is not a whole number of them and counts as three.
    [(0.0, 0), (0.2, 1), (0.4, 2), (0.5, 3), (1.0, 5), (1.4, 7), (1.5, 8)],
)
def test_a_command_reaches_the_wheels_after_the_latency(latency, substeps):
    """The car as it would drive with the command given that many substeps later."""
    world = world_of(1, latency=latency)
    world.respawn(everyone(world), poses(world, (0.0, 0.0, 0.0)))
    state = drive(world, commands(world, GO), 4)
    motion = CarMotion.at_rest(torch.zeros(1, 3))
    car = Substep.of(CarParameters.nominal(CarSettings(), 1), STEP_TIME / SUBSTEPS)
    for substep in range(4 * SUBSTEPS):
        due = torch.zeros(1, 2) if substep < substeps else GO[None]
        motion = advance(motion, due, car)
    for name in ("x", "y", "yaw", "forward_speed", "steering_angle"):
        torch.testing.assert_close(getattr(state, name), getattr(motion, name), rtol=0, atol=1e-6)


def test_latency_delays_every_change_of_the_command():
    """One step late all along: the steering after step k is what the command of step k - 1 makes of it."""
    late, prompt = world_of(1, latency=1.0), world_of(1)
    generator = torch.Generator().manual_seed(0)
    random = torch.rand(10, 1, 2, generator=generator) * torch.tensor([0.8, 2.0]) - torch.tensor([0.4, 0.0])
    for world in (late, prompt):
        world.respawn(everyone(world), poses(world, (0.0, 0.0, 0.0)))
    late.step(random[0])
    assert float(late.state().steering_angle) == 0
    for now, before in zip(random[1:], random[:-1], strict=True):
        late.step(now)
        prompt.step(before)
        for name in ("x", "y", "steering_angle"):
            torch.testing.assert_close(getattr(late.state(), name), getattr(prompt.state(), name))


def test_a_respawned_car_has_forgotten_its_commands():
    world = world_of(2, latency=1.5)
    world.respawn(everyone(world), poses(world, (0.0, 0.0, 0.0)))
    drive(world, commands(world, GO), 4)
    world.respawn(torch.tensor([True, False]), poses(world, (0.0, 0.0, 0.0)))
    world.step(commands(world, GO))
    state = world.state()
    assert float(state.forward_speed[0]) == 0
    assert float(state.steering_angle[0]) == 0
    assert float(state.forward_speed[1]) > 0.9


def drawn_by(world: EmbeddedWorld) -> dict[str, Tensor]:
    """Everything that the world drew for its cars, each (N, ...)."""
    snapshot = world.snapshot()
    parts = {**snapshot["parameters"], **{f"lens_{name}": value for name, value in snapshot["lens"].items()}}
    return {**parts, "latency": snapshot["latency"], "colours": snapshot["colours"]}


def test_draws_stay_within_their_ranges():
    count = 400
    world = world_of(count, Randomisation(), camera=CameraSettings(width=16, height=12))
    world.respawn(everyone(world), torch.zeros(count, 3))
    drawn, ranges = drawn_by(world), Randomisation()
    nominal = CameraSettings()
    limits = {
        "latency": ranges.latency,
        "steering_bias": ranges.steering_bias,
        "steering_lag": ranges.steering_lag,
        "acceleration": ranges.acceleration,
        "braking": ranges.braking,
        "friction": ranges.friction,
        "slip_angle": ranges.slip_angle,
        "grip_balance": ranges.grip_balance,
        "lens_noise": ranges.noise,
        "lens_blur": ranges.blur,
        "lens_yaw": ranges.camera_yaw,
        "lens_pitch": tuple(nominal.pitch + end for end in ranges.camera_pitch),
        "lens_height": tuple(nominal.height_above_ground + end for end in ranges.camera_height),
        "lens_forward": tuple(nominal.forward + end for end in ranges.camera_forward),
        "lens_field_of_view": tuple(nominal.field_of_view + end for end in ranges.camera_field_of_view),
    }
    assert set(drawn) - set(limits) == {"speed_gain", "colours"}
    for name, (low, high) in limits.items():
        width = high - low
        assert low - 1e-6 <= float(drawn[name].min()) < low + 0.05 * width, name
        assert high - 0.05 * width < float(drawn[name].max()) <= high + 1e-6, name


def test_hidden_tells_what_was_drawn():
    """Latency as it is; grip, speed and lag from the middle of their ranges, scaled to about 1."""
    world = world_of(3, Randomisation())
    world.respawn(everyone(world), torch.zeros(3, 3))
    drawn = drawn_by(world)
    wanted = [
        drawn["latency"],
        (drawn["friction"] - 1.1) / 0.25,
        (drawn["speed_gain"] - 1) / 0.1,
        (drawn["steering_lag"] - 0.05) / 0.02,
    ]
    torch.testing.assert_close(world.hidden(), torch.stack(wanted, 1))
    assert len(set(world.hidden()[:, 0].tolist())) == 3


def test_respawn_draws_anew_for_the_masked_cars_alone():
    world = world_of(4, Randomisation())
    world.respawn(everyone(world), torch.zeros(4, 3))
    before = drawn_by(world)
    mask = torch.tensor([False, True, False, True])
    world.respawn(mask, torch.zeros(4, 3))
    for name, value in drawn_by(world).items():
        changed = (value != before[name]).flatten(1).any(1) if value.dim() > 1 else value != before[name]
        assert torch.equal(changed, mask), name
    assert len(set(drawn_by(world)["friction"].tolist())) == 4


def test_a_clean_world_draws_nothing():
    world = world_of(3)
    before = drawn_by(world)
    world.respawn(everyone(world), torch.zeros(3, 3))
    drive(world, commands(world, GO), 3)
    for name, value in drawn_by(world).items():
        assert torch.equal(value, before[name]), name
    assert bool((drawn_by(world)["latency"] == 0).all())
    first, second, third = world.images()
    assert torch.equal(first, second)
    assert torch.equal(first, third)


def test_the_latency_of_a_clean_world_is_the_settings():
    world = world_of(3, latency=0.7)
    world.respawn(everyone(world), torch.zeros(3, 3))
    assert drawn_by(world)["latency"].tolist() == pytest.approx([0.7] * 3)


def test_seeds_differ():
    """From the constructor and from `seed`."""
    worlds = [world_of(3, Randomisation(), seed=seed) for seed in (1, 1, 2)]
    worlds[2].seed(5)
    draws = []
    for world in worlds:
        world.respawn(everyone(world), torch.zeros(3, 3))
        draws.append(drawn_by(world))
    for name in draws[0]:
        assert torch.equal(draws[0][name], draws[1][name]), name
        assert not torch.equal(draws[0][name], draws[2][name]), name
    worlds[0].seed(5)
    worlds[0].respawn(everyone(worlds[0]), torch.zeros(3, 3))
    assert torch.equal(drawn_by(worlds[0])["friction"], draws[2]["friction"])
    assert torch.equal(worlds[0].images(), worlds[2].images())  # the pixel noise too


def test_noise_is_new_in_every_frame():
    world = world_of(1, Randomisation(noise=(0.05, 0.05), blur=(0, 0)))
    world.respawn(everyone(world), torch.zeros(1, 3))
    first = world.images().double()
    world.step(torch.zeros(1, 2))  # the car stands, so nothing else changes
    second = world.images().double()
    # The difference of two independent draws of standard deviation 0.05 * 255.
    assert float((second - first).std()) == pytest.approx(0.05 * 255 * math.sqrt(2), rel=0.1)


def test_each_car_sees_its_own_ground():
    index = torch.tensor([1, 0, 1])
    world = EmbeddedWorld([ground(1.0), ground(1.4)], index, CameraSettings(), CarSettings(), OFF)
    pose = torch.tensor([[1.0, 0.0, 1.6]]).repeat(3, 1)
    world.respawn(everyone(world), pose)
    images = world.images()
    alone = world_of(1)
    alone.respawn(everyone(alone), pose[:1])
    assert torch.equal(images[1], alone.images()[0])
    assert torch.equal(images[0], images[2])
    assert float((images[0].float() - images[1].float()).abs().mean()) > 2


def test_cars_do_not_disturb_each_other():
    """A car among others drives as it would alone."""
    many, single = world_of(5), world_of(1)
    many.respawn(everyone(many), torch.zeros(5, 3))
    single.respawn(everyone(single), torch.zeros(1, 3))
    command = torch.stack([torch.tensor([0.1 * car - 0.2, 1.0]) for car in range(5)])
    many_state, single_state = drive(many, command, 10), drive(single, command[3:4], 10)
    for name in ("x", "y", "yaw"):
        torch.testing.assert_close(getattr(many_state, name)[3:4], getattr(single_state, name))


def test_a_snapshot_is_not_changed_by_driving_on():
    world = world_of(2, Randomisation())
    world.respawn(everyone(world), torch.zeros(2, 3))
    drive(world, commands(world, GO), 3)
    snapshot = world.snapshot()
    kept = {name: value.clone() for name, value in snapshot["motion"].items()}
    kept_commands, kept_generator = snapshot["commands"].clone(), snapshot["generator"].clone()
    drive(world, commands(world, -GO), 3)
    world.respawn(everyone(world), torch.ones(2, 3))
    for name, value in kept.items():
        assert torch.equal(snapshot["motion"][name], value), name
    assert torch.equal(snapshot["commands"], kept_commands)
    assert torch.equal(snapshot["generator"], kept_generator)


def test_a_snapshot_holds_tensors_and_numbers_only():
    """So that it can be saved without pickled code."""

    def leaves(value: object) -> list[object]:
        return (
            [leaf for item in value.values() for leaf in leaves(item)] if isinstance(value, dict) else [value]
        )

    assert all(isinstance(leaf, Tensor | int | float) for leaf in leaves(world_of(1).snapshot()))
