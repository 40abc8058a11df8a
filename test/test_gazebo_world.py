"""Gazebo as a world: the contract of all worlds, exact steps, the right pictures, a return after a loss."""

from __future__ import annotations

import hashlib
import math
import os
import signal
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import pytest
import torch
from gazebo_server import descendants, needs_gazebo, one
from world_contract import (
    SLOW,
    SLOW_LEFT,
    STANDING,
    WorldContract,
    commands,
    drive,
    everyone,
    poses,
)

from deepracer_sim.errors import GazeboError
from deepracer_sim.gazebo import gazebo_world
from deepracer_sim.gazebo.car_model import Fleet
from deepracer_sim.gazebo.gazebo_world import GazeboWorld
from deepracer_sim.gazebo.track_server import TrackServer, open_world
from deepracer_sim.settings import CameraSettings, CarSettings
from deepracer_sim.simulation import Course
from deepracer_sim.world import STEP_TIME, CarState, WorldInterrupted

pytestmark = needs_gazebo
SMALL = CameraSettings(width=64, height=48)
STEP = 20 * 3_333_333
"""Nanoseconds of a step: twenty iterations of the physics."""


class Shared:
    """A Gazebo that several worlds use one after the other."""

    def __init__(self, course: Course, num_cars: int) -> None:
        self.server = TrackServer(course, Fleet(num_cars, SMALL))
        self.port = self.server.port

    def world(self, latency: float = 0.0) -> GazeboWorld:
        return GazeboWorld(self, SMALL, latency)

    def restart(self) -> None:
        raise GazeboError("it was lost")

    def close(self) -> None:
        """Called at the end of each world; it runs on."""


@pytest.fixture(scope="module")
def course(track) -> Course:
    return Course.load([str(track)])


@pytest.fixture(scope="module")
def gazebos(course) -> Iterator[dict[int, Shared]]:
    """With 3 cars and with 1."""
    shared = {num_cars: Shared(course, num_cars) for num_cars in (3, 1)}
    yield shared
    for gazebo in shared.values():
        gazebo.server.close()


class TestGazeboWorld(WorldContract):
    """A respawn does not put back all that the physics engine remembers; a fresh Gazebo does, see below."""

    repeat_tolerance = 0.02
    speed_tolerance = 0.02
    angle_tolerance = 0.01

    @pytest.fixture(autouse=True)
    def _gazebos(self, gazebos):
        self.gazebos = gazebos

    def make_world(self, num_cars: int) -> GazeboWorld:
        return self.gazebos[num_cars].world()


def digest(world: GazeboWorld) -> str:
    return hashlib.sha256(world.images().numpy().tobytes()).hexdigest()


def curve(world: GazeboWorld, step: int) -> torch.Tensor:
    """Commands that change, others for each car."""
    angle = 0.3 * math.sin(step / 5)
    return commands(world, torch.tensor([angle, 1.0]), torch.tensor([-angle, 1.5]))


def test_three_hundred_steps_have_three_hundred_pictures_each_of_its_time(gazebos):
    world = gazebos[1].world()
    world.respawn(everyone(world), poses(world, (1.0, 0.0, 1.5)))
    begin, seen = world.time, {digest(world)}
    for step in range(1, 301):
        world.step(commands(world, torch.tensor([0.16, 1.0])))
        assert world.time - begin == step * STEP
        seen.add(digest(world))
    assert len(seen) == 301
    assert pytest.approx(STEP_TIME * 1e9, abs=7) == STEP
    world.close()


def test_a_picture_shows_the_state_that_comes_with_it(gazebos):
    """It looks as from the same place at rest, and not as from the places before and after."""
    world = gazebos[1].world()
    world.respawn(everyone(world), poses(world, (1.0, 0.0, 1.5)))
    places, pictures = [], []
    for _ in range(12):
        world.step(commands(world, torch.tensor([0.16, 2.0])))
        state = world.state()
        places.append((float(state.x[0]), float(state.y[0]), float(state.yaw[0])))
        pictures.append(world.images().float())
    for step in (4, 7, 10):
        away = []
        for other in (step - 1, step, step + 1):
            world.respawn(everyone(world), poses(world, places[other]))
            away.append(float((world.images().float() - pictures[step]).abs().mean()))
        assert away[1] < 0.5 < 2 < min(away[0], away[2])
    world.close()


def test_a_latency_of_one_step_is_the_command_of_the_step_before(gazebos):
    seen = []
    for latency, wanted in ((1.0, [SLOW_LEFT, SLOW, SLOW]), (0.0, [STANDING, SLOW_LEFT, SLOW])):
        world = gazebos[1].world(latency)
        world.respawn(everyone(world), poses(world, (0.0, 0.0, 0.0)))
        for command in wanted:
            world.step(commands(world, command))
        state = world.state()
        seen.append([float(getattr(state, field.name)[0]) for field in fields(CarState)])
        world.close()
    assert seen[0] == pytest.approx(seen[1], abs=0.01)
    assert seen[0][0] < 0.06  # in three steps at once it would be 0.08 m


def test_half_a_step_of_latency_lies_half_way(gazebos):
    """From rest with equal acceleration, the way grows with the square of the time that is left."""
    ways = []
    for latency in (0.0, 0.5, 1.0):
        world = gazebos[1].world(latency)
        world.respawn(everyone(world), poses(world, (0.0, 0.0, 0.0)))
        state = drive(world, commands(world, torch.tensor([0.0, 2.0])), 3)
        ways.append(math.sqrt(float(state.x[0])))
        world.close()
    assert ways[1] == pytest.approx((ways[0] + ways[2]) / 2, rel=0.02)


def test_a_respawned_car_forgets_the_commands_that_are_under_way(gazebos):
    world = gazebos[1].world(latency=1.0)
    world.respawn(everyone(world), poses(world, (0.0, 0.0, 0.0)))
    drive(world, commands(world, SLOW_LEFT), 5)
    world.respawn(everyone(world), poses(world, (0.0, 0.0, 0.0)))
    state = drive(world, commands(world, SLOW_LEFT), 1)
    assert float(state.x.abs().max()) < 1e-3
    world.close()


def test_two_fresh_gazebos_do_the_same_bit_for_bit(course):
    def run() -> list[object]:
        world = open_world(course, Fleet(2, SMALL, CarSettings(latency=0.5)))
        seen: list[object] = []
        for step in range(60):
            if step == 30:
                world.respawn(torch.tensor([False, True]), poses(world, (0.3, 0.2, 1.0)))
            world.step(curve(world, step))
            state = [getattr(world.state(), field.name).tolist() for field in fields(CarState)]
            seen.append((world.time, state, digest(world)))
        world.close()
        return seen

    assert run() == run()


def test_grey_is_the_luminance_of_colour(course, gazebos):
    grey = gazebos[1].world()
    colour = SMALL.replaced(colour="rgb")
    grey.respawn(everyone(grey), poses(grey, (1.0, 0.0, 1.5)))
    seen = grey.images()
    grey.close()
    world = GazeboWorld(gazebos[1], colour)
    wanted = world.images().float() @ torch.tensor([0.299, 0.587, 0.114])
    assert world.images().shape[-1] == 3
    assert float((wanted - seen[..., 0]).abs().max()) <= 1
    world.close()


def test_another_size_of_pictures_is_refused(gazebos):
    with pytest.raises(GazeboError, match=r"Gazebo's pictures are 64x48: must be 160x120"):
        GazeboWorld(gazebos[1], CameraSettings(width=160, height=120))


@pytest.mark.parametrize(("names", "num_cars"), [(("oval", "bowtie"), 1), (("oval",), 17)])
def test_what_gazebo_cannot_have_is_refused(names, num_cars, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    message = "one at a time" if len(names) > 1 else "num_cars=17: Gazebo takes 1 to 16 cars"
    with pytest.raises(GazeboError, match=message):
        open_world(Course.load(names), Fleet(num_cars, SMALL))
    assert not list(tmp_path.iterdir())


def kill(server: TrackServer) -> None:
    """End its gzserver as a crash does."""
    os.kill(one(descendants(os.getpid()), f"gzserver --verbose -u {server.world}"), signal.SIGKILL)


def test_a_lost_gazebo_comes_back_until_it_is_lost_too_often(course, monkeypatch):
    monkeypatch.setattr(gazebo_world, "MOST_RESTARTS", 2)
    server = TrackServer(course, Fleet(1, SMALL))
    world, notes = GazeboWorld(server, SMALL), []
    world.note = notes.append
    for loss in ("step", "respawn"):
        drive(world, commands(world, SLOW), 3)
        kill(server)
        with pytest.raises(WorldInterrupted, match="Gazebo was started again, and episodes start anew"):
            if loss == "step":
                world.step(commands(world, SLOW))
            else:
                world.respawn(everyone(world), poses(world, (0.0, 0.0, 0.0)))
        world.respawn(everyone(world), poses(world, (0.0, 0.0, 0.0)))
        assert float(drive(world, commands(world, SLOW), 10).x[0]) > 0.1
    kill(server)
    with pytest.raises(GazeboError, match="it was lost 3 times, so it is not started again"):
        world.seed(0)
    assert [note.partition("starting")[2] for note in notes] == [
        " it again (1 of at most 2 times)",
        " it again (2 of at most 2 times)",
    ]
    world.close()
    assert not Path(server.world).exists()
    assert not [line for line in descendants(os.getpid()).values() if str(server.world) in line]
