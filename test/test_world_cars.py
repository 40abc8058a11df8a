"""world_node with several cars: each has topics, commands and frames of its own; and what is fixed in it."""

from __future__ import annotations

import math

import pytest

pytest.importorskip("rclpy", reason="ROS 2 is not installed: make ros")

import numpy as np
from ackermann_msgs.msg import AckermannDriveStamped
from gazebo_msgs import srv as gazebo
from gazebo_msgs.msg import ModelStates
from geometry_msgs.msg import PoseWithCovarianceStamped
from nav_msgs.msg import Odometry
from rcl_interfaces.srv import SetParameters
from rclpy.parameter import Parameter
from ros_peer import KEPT
from sensor_msgs.msg import Image
from simulated_world import SimulatedWorld, numbers, simulated_world
from simulation_interfaces import srv
from simulation_interfaces.msg import SimulatorFeatures
from tf2_msgs.msg import TFMessage

from deepracer_sim.ros.conversions import to_nanoseconds, to_pixels, to_pose, to_yaw

NAMES = [f"racecar_{number}" for number in range(1, 9)]


@pytest.fixture(scope="module")
def world(track, tmp_path_factory):
    with simulated_world(track, tmp_path_factory.mktemp("world"), num_cars=8) as world:
        yield world


@pytest.fixture(scope="module")
def heard(world) -> dict[str, list]:
    """The last messages of all cars, after cars 3 and 8 have been driven by commands of their own."""
    kinds = {"odom": Odometry, "camera/image_raw": Image}
    heard = {f"{name}/{topic}": [] for name in NAMES for topic in kinds}
    for name in NAMES:
        for topic, kind in kinds.items():
            heard[f"{name}/{topic}"] = world.peer.hear(kind, f"/{name}/{topic}")
    heard["tf"] = world.peer.hear(TFMessage, "/tf")
    heard["models"] = world.peer.hear(ModelStates, "/model_states")

    def is_known() -> bool:
        drive(world, "racecar_3", 0.3, 1.0)
        drive(world, "racecar_8", -0.2, 1.5)
        world.step()
        world.peer.spin(0.1)
        return all(heard.values()) and all(
            heard[f"{name}/odom"][-1].twist.twist.linear.x > 0 for name in ("racecar_3", "racecar_8")
        )

    world.peer.until(is_known, "all topics")
    world.start_anew()
    drive(world, "racecar_3", 0.3, 1.0)
    drive(world, "racecar_8", -0.2, 1.5)
    world.step(5)
    world.peer.spin(0.5)
    return heard


@pytest.fixture(scope="module")
def twin(world):
    twin = world.twin()
    twin.drive(2, np.float32(0.3).item(), 1.0)
    twin.drive(7, np.float32(-0.2).item(), 1.5)
    for _ in range(5):
        twin.advance()
    return twin


def drive(world: SimulatedWorld, name: str, steering_angle: float, speed: float) -> None:
    message = AckermannDriveStamped()
    message.drive.steering_angle, message.drive.speed = steering_angle, speed
    world.peer.say(f"/{name}/drive", message)


def test_each_car_drives_by_its_own_commands(heard, twin):
    moving = []
    for car, name in enumerate(NAMES):
        message = heard[f"{name}/odom"][-1]
        assert (message.header.frame_id, message.child_frame_id) == ("odom", f"{name}/base_link")
        assert to_nanoseconds(message.header.stamp) == twin.time
        x, y, _, forward, _, _ = numbers(twin.state(), car)
        assert (message.pose.pose.position.x, message.pose.pose.position.y) == (x, y)
        assert message.twist.twist.linear.x == forward
        if forward > 0:
            moving.append(name)
    assert moving == ["racecar_3", "racecar_8"]


def test_each_car_sees_its_own_picture(heard, twin):
    pictures = twin.world.images().numpy()
    for car, name in enumerate(NAMES):
        image = heard[f"{name}/camera/image_raw"][-1]
        assert image.header.frame_id == f"{name}/camera_optical_frame"
        assert to_nanoseconds(image.header.stamp) == twin.time
        assert np.array_equal(to_pixels(image), pictures[car]), name


def test_each_car_has_frames_of_its_own(world, heard):
    moving = {transform.child_frame_id for message in heard["tf"] for transform in message.transforms}
    assert moving == {f"{name}/base_link" for name in NAMES}
    fixed = world.peer.hear(TFMessage, "/tf_static", KEPT)
    world.peer.until(lambda: fixed, "/tf_static")
    parents = {transform.child_frame_id: transform.header.frame_id for transform in fixed[0].transforms}
    assert len(parents) == 1 + 2 * len(NAMES)
    for name in NAMES:
        assert parents[f"{name}/camera_link"] == f"{name}/base_link"
        assert parents[f"{name}/camera_optical_frame"] == f"{name}/camera_link"


def test_all_are_in_the_lists(world, heard):
    assert list(world.ask(srv.GetEntities).entities) == NAMES
    assert list(heard["models"][-1].name) == NAMES
    assert len(heard["models"][-1].pose) == len(heard["models"][-1].twist) == 8


def test_one_car_is_put_elsewhere_and_the_others_stay(world, heard):
    before = heard["models"][-1].pose
    request = srv.SetEntityState.Request(entity="racecar_5")
    request.state.pose = to_pose(0.1, 0.2, 0.3)
    assert world.peer.ask(srv.SetEntityState, "/world_node/set_entity_state", request).result.result == 1
    world.peer.until(lambda: heard["models"][-1].pose[4].position.x != before[4].position.x, "the new place")
    after = heard["models"][-1].pose
    assert after[4].position.x == pytest.approx(0.1)
    assert [*after[:4], *after[5:]] == [*before[:4], *before[5:]]
    # What it sees there is published, too, though no time has gone by.
    request = srv.GetEntityState.Request(entity="racecar_5")
    state = world.peer.ask(srv.GetEntityState, "/world_node/get_entity_state", request).state
    world.peer.until(
        lambda: heard["racecar_5/camera/image_raw"][-1].header.stamp == state.header.stamp,
        "the picture there",
    )


def test_nothing_is_spawned_or_deleted_and_the_reason_is_said(world):
    reason = "the cars of this simulator are fixed when it starts: set its parameter num_cars"
    for kind, name in ((gazebo.SpawnEntity, "/spawn_entity"), (gazebo.DeleteEntity, "/delete_entity")):
        answer = world.peer.ask(kind, name)
        assert (answer.success, answer.status_message) == (False, reason)
    for kind in (srv.SpawnEntity, srv.DeleteEntity):
        result = world.ask(kind).result
        assert (result.result, result.error_message) == (0, reason)


def test_features_are_those_that_work(world):
    features = world.ask(srv.GetSimulatorFeatures).features
    assert SimulatorFeatures.STEP_SIMULATION_MULTIPLE in features.features
    assert SimulatorFeatures.SIMULATION_RESET_TIME in features.features
    assert SimulatorFeatures.SPAWNING not in features.features
    assert len(set(features.features)) == len(features.features) == 10
    assert features.custom_info == "a step is a frame of 1/15 s"


def initial_pose(x: float, y: float, yaw: float, frame: str = "map") -> PoseWithCovarianceStamped:
    message = PoseWithCovarianceStamped()
    message.header.frame_id, message.pose.pose = frame, to_pose(x, y, yaw)
    return message


def place_of(world: SimulatedWorld, name: str) -> tuple[float, float, float]:
    request = srv.GetEntityState.Request(entity=name)
    pose = world.peer.ask(srv.GetEntityState, "/world_node/get_entity_state", request).state.pose
    return pose.position.x, pose.position.y, to_yaw(pose.orientation)


def test_a_click_in_rviz_puts_the_first_car_there(world):
    def is_there() -> bool:
        world.peer.say("/initialpose", initial_pose(0.7, 0.2, 1.0))
        return place_of(world, "racecar_1") == pytest.approx((0.7, 0.2, 1.0))

    world.peer.until(is_there, "the car at the initial pose")
    for wrong in (initial_pose(math.nan, 0.0, 0.0), initial_pose(0.0, 0.0, 0.0, frame="base_link")):
        world.peer.say("/initialpose", wrong)
    world.peer.until(lambda: "frame 'base_link'" in world.process.text(), "a warning")
    assert place_of(world, "racecar_1") == pytest.approx((0.7, 0.2, 1.0))


def test_a_parameter_cannot_be_changed_any_more(world):
    request = SetParameters.Request()
    request.parameters = [Parameter("num_cars", value=2).to_parameter_msg()]
    result = world.peer.ask(SetParameters, "/world_node/set_parameters", request).results[0]
    assert not result.successful
    assert result.reason == "Trying to set a read-only parameter: num_cars."
