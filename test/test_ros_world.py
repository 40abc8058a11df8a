"""The world behind ROS: the contract that all worlds keep, over real DDS with the simulator as a process."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="ROS 2 is not installed: make ros")
pytest.register_assert_rewrite("world_contract")

import rclpy  # noqa: E402
import torch  # noqa: E402
from builtin_interfaces.msg import Time  # noqa: E402
from rclpy.context import Context  # noqa: E402
from ros_nodes import NodeProcess, new_domain, node  # noqa: E402
from simulation_interfaces.srv import StepSimulation  # noqa: E402
from std_msgs.msg import Header  # noqa: E402
from world_contract import SLOW, SLOW_LEFT, WorldContract, commands, drive, everyone, poses  # noqa: E402

from deepracer_sim.car import WHEELBASE  # noqa: E402
from deepracer_sim.embedded_world import EmbeddedWorld  # noqa: E402
from deepracer_sim.ground import paint  # noqa: E402
from deepracer_sim.ros.claim import KEPT  # noqa: E402
from deepracer_sim.ros.ros_world import Drift, RosWorld  # noqa: E402
from deepracer_sim.ros.simulator_client import SimulatorError, SteppedSimulator  # noqa: E402
from deepracer_sim.ros.simulator_settings import SimulatorSettings, connect  # noqa: E402
from deepracer_sim.settings import CameraSettings, CarSettings, Randomisation  # noqa: E402
from deepracer_sim.track_library import load_track  # noqa: E402
from deepracer_sim.world import CarState  # noqa: E402

SMALL = CameraSettings(width=64, height=48, colour="grey")
STEPPED = SimulatorSettings(discovery=0)
FREE = SimulatorSettings(interface="gazebo_msgs", prefix="", discovery=0)


@pytest.fixture(scope="module")
def circle(tmp_path_factory) -> Path:
    """A track of radius 1 m around the origin."""
    angle = np.arange(73) * math.tau / 72
    ring = np.stack((np.cos(angle), np.sin(angle)), 1)
    path = tmp_path_factory.mktemp("track") / "circle.npy"
    np.save(path, np.concatenate((ring, 0.7 * ring, 1.3 * ring), 1))
    return path


class Simulators:
    """Simulators of different numbers of cars, each on its own domain, started when first asked for."""

    def __init__(self, track: Path, folder: Path) -> None:
        self.track, self.folder = track, folder
        self.contexts: dict[int, Context] = {}
        self._processes: list[AbstractContextManager[NodeProcess]] = []
        self._started: dict[int, NodeProcess] = {}

    def context(self, num_cars: int) -> Context:
        if num_cars not in self.contexts:
            domain = new_domain()
            process = node(
                "world_node", domain, self.folder, track=self.track, num_cars=num_cars, paused=True
            )
            self._started[num_cars] = process.__enter__()
            self._started[num_cars].wait_for("paused")
            self._processes.append(process)
            self.contexts[num_cars] = Context()
            rclpy.init(context=self.contexts[num_cars], domain_id=domain)
        return self.contexts[num_cars]

    def process(self, num_cars: int) -> int:
        self.context(num_cars)
        return self._started[num_cars].process.pid

    def world(self, num_cars: int, settings: SimulatorSettings, camera: CameraSettings = SMALL) -> RosWorld:
        return connect("test_world", settings, camera, num_cars, context=self.context(num_cars))

    def close(self) -> None:
        for context in self.contexts.values():
            rclpy.shutdown(context=context)
        for process in self._processes:
            process.__exit__(None, None, None)


@pytest.fixture(scope="module")
def simulators(circle, tmp_path_factory) -> Iterator[Simulators]:
    simulators = Simulators(circle, tmp_path_factory.mktemp("simulators"))
    yield simulators
    simulators.close()


class TestSteppedWorld(WorldContract):
    """In exact steps; the simulator has no randomisation."""

    speed_tolerance = 1e-3
    angle_tolerance = 1e-4

    @pytest.fixture(autouse=True)
    def _simulators(self, simulators):
        self.simulators = simulators

    def make_world(self, num_cars: int) -> RosWorld:
        return self.simulators.world(num_cars, STEPPED)


class TestFreeWorld(TestSteppedWorld):
    """Through Gazebo's services: the simulator runs on between the steps, so they may take longer."""

    test_the_same_seed_gives_the_same_world = None  # no two runs have the same pace
    test_a_step_takes_a_fifteenth_of_a_second = None  # but see below

    def make_world(self, num_cars: int) -> RosWorld:
        return self.simulators.world(num_cars, FREE)

    def test_drift_tells_how_long_the_steps_took(self, world: RosWorld) -> None:
        """At a steady 0.5 m/s the way tells the time."""
        before = drive(world, commands(world, SLOW), 15)
        world.drift = Drift()
        after = drive(world, commands(world, SLOW), 10)
        travelled = torch.hypot(after.x - before.x, after.y - before.y)
        wanted = torch.full_like(travelled, world.drift.frames / 15 * 0.5)
        torch.testing.assert_close(travelled, wanted, rtol=1e-3, atol=0)
        assert world.drift.steps == 10
        assert world.drift.frames > 9.9
        assert 0.99 < world.drift.longest < world.drift.frames

    def test_respawn_leaves_the_other_cars_alone(self, world: RosWorld) -> None:
        """While time stands still; it goes on only with the next step."""
        drive(world, commands(world, SLOW_LEFT, SLOW), 10)
        world.pause()
        one, other = torch.tensor([False, True, False]), torch.tensor([False, False, True])
        world.respawn(one, poses(world, (0.9, 0.9, 0.9)))
        before, image = world.state(), world.images()
        world.respawn(other, poses(world, (0.5, 0.5, 0.5)))
        after = world.state()
        for field in fields(CarState):
            assert torch.equal(getattr(before, field.name)[:2], getattr(after, field.name)[:2]), field.name
        assert torch.equal(world.images()[:2], image[:2])
        assert float(after.x[2]) == pytest.approx(0.5, abs=1e-5)


def test_it_moves_as_the_embedded_world_bit_for_bit(simulators, circle):
    """300 steps with commands that change, and a respawn in the middle."""
    track = load_track(str(circle))
    camera = CameraSettings(width=160, height=120, colour="rgb")
    ours = EmbeddedWorld(
        [paint(track)], torch.zeros(1, dtype=torch.long), camera, CarSettings(), Randomisation(enabled=False)
    )
    world = simulators.world(1, STEPPED, camera)
    generator = torch.Generator().manual_seed(0)
    for step in range(300):
        if step % 100 == 0:
            place = poses(world, (0.9, 0.1 * step, 3.0))
            world.respawn(everyone(world), place)
            ours.respawn(everyone(world), place)
        angle = float(torch.rand(1, generator=generator)) - 0.5
        command = commands(world, torch.tensor([angle, 1.0 + (step % 7) / 7]))
        world.step(command)
        ours.step(command)
        one, other = world.state(), ours.state()
        for name in ("x", "y", "yaw", "forward_speed", "lateral_speed", "yaw_rate", "steering_angle"):
            assert torch.equal(getattr(one, name), getattr(other, name)), (step, name)
        if step % 50 == 49:
            assert torch.equal(world.images(), ours.images())
    assert world.drift.lost == 0
    assert world.drift.frames == pytest.approx(300, abs=1e-3)
    world.close()


@pytest.mark.parametrize(
    ("command", "angle"),
    [
        ("drive", 0.3),
        ("cmd_vel", 0.3),
        # Our simulator takes the number for a turn rate: 0.164 m * 0.3 rad/s / 1 m/s is the tangent.
        ("cmd_vel_steering", math.atan(WHEELBASE * 0.3)),
    ],
)
def test_commands_go_to_the_topic_that_the_simulator_has(simulators, command, angle):
    world = simulators.world(1, STEPPED.replaced(command=command))
    world.respawn(everyone(world), poses(world, (1.0, 0.0, 1.5)))
    state = drive(world, commands(world, torch.tensor([0.3, 1.0])), 15)
    assert float(state.steering_angle[0]) == pytest.approx(angle, abs=1e-4)
    assert float(state.forward_speed[0]) == pytest.approx(1.0, abs=0.05)
    world.close()


def test_a_driver_whose_steps_come_between_is_named_though_it_is_heard_of_late(simulators, monkeypatch):
    """The second step of two processes is not the second of either."""
    context = simulators.context(1)
    other = rclpy.create_node("early_driver", context=context)
    claims = other.create_publisher(Header, "/driver", KEPT)

    def advance(self: SteppedSimulator, steps: int) -> None:
        request = StepSimulation.Request(steps=2)
        self._check(self._step, self._connection.call(self._step, request).result)
        claims.publish(Header(stamp=Time(sec=1), frame_id="/early_driver"))

    monkeypatch.setattr(SteppedSimulator, "_advance", advance)
    with pytest.raises(SimulatorError, match="somebody else drives racecar already, /early_driver"):
        simulators.world(1, STEPPED)
    other.destroy_node()


def resident(process_id: int | str) -> int:
    """Memory of a process in kilobytes."""
    for line in Path(f"/proc/{process_id}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1])
    raise AssertionError("a process without memory")


@pytest.mark.slow
def test_ten_thousand_steps_lose_nothing_and_keep_nothing(simulators):
    world = simulators.world(1, STEPPED)
    simulator = simulators.process(1)
    world.respawn(everyone(world), poses(world, (1.0, 0.0, 1.5)))
    command = commands(world, torch.tensor([0.16, 1.0]))
    before = world.time
    for step in range(10_000):
        world.step(command)
        world.images()
        if step == 2_000:
            used = resident("self"), resident(simulator)
    assert world.time - before == pytest.approx(10_000 * 1e9 / 15, abs=10)
    assert (world.drift.steps, world.drift.lost) == (10_000, 0)
    assert world.drift.longest == pytest.approx(1, abs=1e-6)
    assert resident("self") - used[0] < 4_000
    assert resident(simulator) - used[1] < 4_000
    world.close()
