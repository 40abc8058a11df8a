"""What a simulator may do wrong, tried on `RosWorld` with one that does as it is told, over real DDS."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest

pytest.importorskip("rclpy", reason="ROS 2 is not installed: make ros")

import numpy as np
import rclpy
import torch
from nav_msgs.msg import Odometry
from rclpy.context import Context
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import qos_profile_sensor_data
from ros_nodes import new_domain
from sensor_msgs.msg import Image
from simulation_interfaces import msg, srv

from deepracer_sim.ros.connection import SilenceError
from deepracer_sim.ros.conversions import to_image, to_pose, to_time
from deepracer_sim.ros.ros_world import RosWorld
from deepracer_sim.ros.simulator_client import FRAME, SimulatorError
from deepracer_sim.ros.simulator_settings import SimulatorSettings, connect
from deepracer_sim.settings import CameraSettings
from deepracer_sim.world import WorldInterrupted

CAMERA = CameraSettings(width=32, height=24)
EVERYONE, HOME = torch.tensor([True]), torch.tensor([[1.0, 0.0, 0.0]])
GO = torch.tensor([[0.0, 1.0]])
OK = msg.Result.RESULT_OK


class FaultySimulator:
    """A simulator whose car moves 0.1 m a frame; the number of a frame is its grey level.

    `faults` are taken one a frame: "drop" sends no picture, "repeat" sends the last frame once more before
    the new one, "late" sends the state 0.2 s after the picture, "size", "bytes" and "encoding" spoil it.
    """

    def __init__(self, domain: int, prefix: str = "/faulty") -> None:
        self.context = Context()
        rclpy.init(context=self.context, domain_id=domain)
        self.node = Node("faulty", context=self.context)
        self.faults: list[str] = []
        self.time, self.x, self.frame = FRAME, 0.0, 1
        self.image = self.node.create_publisher(Image, "/camera/image_raw", qos_profile_sensor_data)
        self.odometry = self.node.create_publisher(Odometry, "/odom", qos_profile_sensor_data)
        for kind, name, act in (
            (srv.StepSimulation, "step_simulation", self._step),
            (srv.SetSimulationState, "set_simulation_state", lambda request, response: self._ok(response)),
            (srv.GetEntities, "get_entities", self._names),
            (srv.SetEntityState, "set_entity_state", self._set),
            (srv.GetEntityState, "get_entity_state", self._get),
        ):
            self.node.create_service(kind, f"{prefix}/{name}", act)
        self._last: tuple[Image, Odometry] | None = None
        self._executor = SingleThreadedExecutor(context=self.context)
        self._executor.add_node(self.node)
        self._thread = threading.Thread(target=self._spin, daemon=True)
        self._thread.start()

    def _spin(self) -> None:
        with suppress(ExternalShutdownException):
            while self.context.ok():
                self._executor.spin_once(timeout_sec=0.05)

    def _ok(self, response):
        response.result.result = OK
        return response

    def _names(self, request, response):
        response.entities = ["racecar"]
        return self._ok(response)

    def _set(self, request, response):
        self.x = request.state.pose.position.x
        self.time += 1_000_000
        self._send()
        return self._ok(response)

    def _get(self, request, response):
        response.state.pose = to_pose(self.x, 0.0, 0.0)
        response.state.header.stamp = to_time(self.time)
        return self._ok(response)

    def _step(self, request, response):
        self.time += FRAME
        self.x += 0.1
        self.frame += 1
        self._send(self.faults.pop(0) if self.faults else "")
        return self._ok(response)

    def _send(self, fault: str = "") -> None:
        width = 40 if fault == "size" else 32
        image = to_image(np.full((24, width, 1), self.frame, np.uint8), "camera", self.time)
        if fault == "bytes":
            image.data = image.data[:-5]
        if fault == "encoding":
            image.encoding = "bayer_rggb8"
        odometry = Odometry()
        odometry.header.stamp = to_time(self.time)
        odometry.pose.pose = to_pose(self.x, 0.0, 0.0)
        if fault == "repeat" and self._last:
            self.image.publish(self._last[0])
            self.odometry.publish(self._last[1])
        if fault != "drop":
            self.image.publish(image)
        if fault == "late":
            threading.Timer(0.2, self.odometry.publish, [odometry]).start()
        else:
            self.odometry.publish(odometry)
        self._last = image, odometry

    def close(self) -> None:
        self.context.try_shutdown()
        self._thread.join(5)


@pytest.fixture
def domain() -> int:
    return new_domain()


@pytest.fixture
def simulator(domain) -> Iterator[FaultySimulator]:
    simulator = FaultySimulator(domain)
    yield simulator
    simulator.close()


@pytest.fixture
def world(simulator, domain) -> Iterator[RosWorld]:
    context = Context()
    rclpy.init(context=context, domain_id=domain)
    settings = SimulatorSettings(prefix="/faulty", timeout=1.0, patience=2.0)
    world = connect("test_world", settings, CAMERA, 1, context=context)
    world.respawn(EVERYONE, HOME)
    yield world
    world.close()
    rclpy.shutdown(context=context)


def seen(world: RosWorld) -> tuple[int, float]:
    """The picture's grey level and the car's place."""
    return int(world.images()[0, 0, 0, 0]), round(float(world.state().x[0]), 4)


def test_each_picture_comes_with_its_state(world, simulator):
    first = simulator.frame
    for step in range(1, 6):
        world.step(GO)
        assert seen(world) == (first + step, round(1.0 + 0.1 * step, 4))


@pytest.mark.parametrize("fault", ["repeat", "late"])
def test_repeated_and_late_messages_are_no_wrong_pairs(world, simulator, fault):
    first = simulator.frame
    simulator.faults = [fault] * 3
    for step in range(1, 5):
        world.step(GO)
        assert seen(world) == (first + step, round(1.0 + 0.1 * step, 4))
    assert world.drift.lost == 0


def test_a_lost_picture_makes_the_step_longer(world, simulator):
    first = simulator.frame
    simulator.faults = ["drop"]
    world.step(GO)
    assert seen(world) == (first + 2, 1.2)
    assert (world.drift.lost, world.drift.longest) == (1, pytest.approx(2.0))
    assert "1 pictures were lost" in world.drift.text()


def test_a_simulator_without_pictures_is_given_up_after_its_patience(world, simulator):
    simulator.faults = ["drop"] * 1000
    with pytest.raises(SilenceError, match=r"a picture with its state did not come within 1 s"):
        world.step(GO)


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("size", "/camera/image_raw: the pictures changed from 32x24 mono8 to 40x24 mono8"),
        ("bytes", "/camera/image_raw: a picture of 32x24 mono8 .* has 763 bytes: must be 768"),
        ("encoding", "/camera/image_raw: .*bayer_rggb8"),
    ],
)
def test_a_picture_that_cannot_be_used_is_refused_by_name(world, simulator, fault, message):
    world.images()
    simulator.faults = [fault]
    world.step(GO)
    with pytest.raises(SimulatorError, match=message):
        world.images()


def test_time_that_goes_back_starts_episodes_anew(world, simulator):
    for _ in range(40):
        world.step(GO)
    simulator.time = FRAME
    with pytest.raises(WorldInterrupted, match=r"the simulated time went back from 2\.8\d\d s to 0\."):
        world.step(GO)
    world.respawn(EVERYONE, HOME)
    assert seen(world) == (simulator.frame, 1.0)
    world.step(GO)
    assert seen(world) == (simulator.frame, 1.1)


def test_a_service_that_never_answers_is_named(world, simulator, monkeypatch):
    def sleep(request, response):
        threading.Event().wait(1.5)
        return response

    monkeypatch.setattr(simulator, "_step", sleep)
    for service in simulator.node.services:
        if service.srv_name.endswith("step_simulation"):
            service.callback = sleep
    with pytest.raises(SilenceError, match="an answer of /faulty/step_simulation did not come within 1 s"):
        world.step(GO)


def test_a_simulator_that_is_lost_before_an_update_is_missed_after_it(world, simulator):
    simulator.close()
    world.pause()
    with pytest.raises(SilenceError, match="/faulty/"):
        world.step(GO)


def test_two_simulators_are_refused(simulator, domain):
    second = FaultySimulator(domain)
    context = Context()
    rclpy.init(context=context, domain_id=domain)
    settings = SimulatorSettings(prefix="/faulty", timeout=1.0, patience=2.0)
    try:
        with pytest.raises(SimulatorError, match=r"2 simulators publish /camera/image_raw: stop all but one"):
            world = connect("test_world", settings, CAMERA, 1, context=context)
            for _ in range(100):  # the second one is found sooner or later
                world.respawn(EVERYONE, HOME)
                time.sleep(0.05)
    finally:
        rclpy.shutdown(context=context)
        second.close()


def test_a_simulator_without_the_car_is_refused(simulator, domain):
    context = Context()
    rclpy.init(context=context, domain_id=domain)
    settings = SimulatorSettings(prefix="/faulty", timeout=1.0, patience=2.0)
    try:
        with pytest.raises(SimulatorError, match=r"no racecar_1, racecar_2: it has racecar; choose num_cars"):
            connect("test_world", settings, CAMERA, 2, context=context)
    finally:
        rclpy.shutdown(context=context)
