"""Gazebo behind world_node: the topics, services and exact steps of the embedded simulator, and its loss."""

from __future__ import annotations

import itertools
import math
import os
import signal

import pytest

pytest.importorskip("rclpy", reason="ROS 2 is not installed: make ros")

import numpy as np
import torch
from gazebo_msgs.srv import SetEntityState
from gazebo_server import descendants, needs_gazebo, one, until
from ros_nodes import NodeProcess, new_domain
from simulated_world import numbers, simulated_world
from simulation_interfaces import srv
from std_srvs.srv import Empty
from world_listener import Listener, ackermann, odometry_numbers

from deepracer_sim.ros.conversions import to_nanoseconds, to_pixels, to_pose
from deepracer_sim.ros.simulator import FRAMES_A_SECOND, NANOSECONDS, simulator_of
from deepracer_sim.ros.simulator_settings import SimulatorSettings, connect
from deepracer_sim.settings import CameraSettings
from deepracer_sim.world import WorldInterrupted

pytestmark = needs_gazebo


@pytest.fixture(scope="module")
def running(track, tmp_path_factory):
    with simulated_world(track, tmp_path_factory.mktemp("world"), simulator="gazebo") as world:
        yield world
        gazebo = descendants(world.process.process.pid)
        assert len(gazebo) == 3
    until(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in gazebo), "the end of Gazebo")


@pytest.fixture(scope="module")
def twin(running):
    """The same simulator in this process, with a Gazebo of its own."""
    twin = simulator_of(running.settings)
    yield twin
    twin.world.close()


@pytest.fixture(scope="module")
def listener(running):
    return Listener(running)


@pytest.fixture
def world(listener):
    listener.start_anew()
    return listener


def test_steps_are_exact_and_its_topics_show_what_gazebo_does(world, twin):
    """Two Gazebos of another past agree to within a centimetre; the clock to the nanosecond."""
    twin.reset_time()
    twin.reset_cars()
    world.world.peer.say("/drive", ackermann(0.2, 1.5))
    twin.drive(0, 0.2, 1.5)
    heard = world.step(twin, 6)
    assert twin.time == 6 * NANOSECONDS // FRAMES_A_SECOND + 1_000_000
    seen = odometry_numbers(heard.odometry)
    assert seen == pytest.approx(numbers(twin.state()), abs=0.05)
    assert seen[3] > 1.0 and seen[5] > 0.5
    assert heard.joints.position[0] == pytest.approx(0.2, abs=0.03)
    image = heard.image
    assert (image.width, image.height, image.encoding) == (160, 120, "rgb8")
    difference = np.abs(to_pixels(image).astype(int) - twin.world.images()[0].numpy()).mean()
    assert difference < 8
    assert to_pixels(image).std() > 20


def test_a_car_is_put_where_gazebos_service_says(world):
    request = SetEntityState.Request()
    request.state.name, request.state.pose = "racecar", to_pose(0.4, -0.3, 2.0)
    assert world.world.peer.ask(SetEntityState, "/set_entity_state", request).success
    state = world.world.ask(srv.GetEntityState, entity="racecar").state
    assert (state.pose.position.x, state.pose.position.y) == pytest.approx((0.4, -0.3))
    assert abs(state.twist.linear.x) < 1e-3


def test_it_runs_freely_in_real_time_until_it_is_paused(world):
    peer, clock = world.world.peer, world.heard["/clock"]
    peer.ask(Empty, "/unpause_physics")
    peer.until(lambda: len(clock) > 15, "a second of simulated time")
    stamps = [to_nanoseconds(message.clock) for message in clock]
    assert {later - earlier for earlier, later in itertools.pairwise(stamps)} <= {
        66_666_666,
        66_666_667,
    }
    peer.ask(Empty, "/pause_physics")
    peer.spin(0.2)
    count = len(clock)
    peer.spin(0.3)
    assert len(clock) == count


def test_a_lost_gazebo_comes_back_at_time_0_and_who_drives_is_told(running, world):
    """The world behind ROS takes it as a simulator that was started anew."""
    node = running.process
    context = world.world.peer.context
    ours = connect(
        "test_world",
        SimulatorSettings(discovery=0),
        CameraSettings(width=160, height=120),
        1,
        context=context,
    )
    ours.respawn(torch.ones(1, dtype=torch.bool), torch.tensor([[1.0, 0.0, math.pi / 2]]))
    command = torch.tensor([[0.0, 1.0]])
    for _ in range(20):
        ours.step(command)
    os.kill(one(descendants(node.process.pid), "bin/gzserver"), signal.SIGKILL)
    with pytest.raises(WorldInterrupted):
        for _ in range(3):
            ours.step(command)
    assert "Gazebo was lost" in node.text() and "starting it again (1 of at most 3 times)" in node.text()
    ours.respawn(torch.ones(1, dtype=torch.bool), torch.tensor([[1.0, 0.0, math.pi / 2]]))
    for _ in range(5):
        ours.step(command)
    assert float(ours.state().y[0]) > 0.1
    ours.close()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("gui:=true", "gui=True: the embedded simulator has no window"),
        ("gui:=true simulator:=gazebo", "Gazebo's window needs a display, and DISPLAY is not set"),
        ("randomisation.enabled:=true simulator:=gazebo", "randomisation.enabled=True: Gazebo's cars"),
        ("car.friction:=0.5 simulator:=gazebo", "car.friction=0.5: is of the embedded car"),
    ],
)
def test_what_gazebo_does_not_have_is_refused(given, message, tmp_path, monkeypatch):
    monkeypatch.delenv("DISPLAY", raising=False)
    arguments = ["--ros-args", *(word for pair in given.split() for word in ("-p", pair))]
    process = NodeProcess("world_node", arguments, new_domain(), tmp_path)
    assert process.wait() == 2
    assert message in process.text()
