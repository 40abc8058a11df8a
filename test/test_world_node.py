"""The topics of world_node over real DDS: what it publishes, and how it takes commands."""

from __future__ import annotations

import math

import pytest

pytest.importorskip("rclpy", reason="ROS 2 is not installed: make ros")

import numpy as np
import torch
from deepracer_interfaces_pkg.msg import ServoCtrlMsg
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.qos import QoSProfile
from ros_peer import KEPT
from sensor_msgs.msg import Image
from simulated_world import numbers
from simulation_interfaces import srv
from tf2_msgs.msg import TFMessage
from world_listener import Listener, ackermann, listener, odometry_numbers, twist

from deepracer_sim.car import MAX_STEERING_ANGLE, WHEELBASE
from deepracer_sim.ros.car_topics import speed_of
from deepracer_sim.ros.conversions import to_nanoseconds, to_pixels, to_pose, to_yaw


@pytest.fixture(scope="module")
def running(track, tmp_path_factory):
    with listener(track, tmp_path_factory.mktemp("world")) as running:
        yield running


@pytest.fixture
def world(running) -> Listener:
    running.start_anew()
    return running


def test_every_topic_shows_the_state_that_the_simulator_is_in(world):
    twin = world.drive(0.3, 1.5)
    heard = world.step(twin, 5)
    state = twin.state()
    x, y, yaw, forward, lateral, turn = numbers(state)
    assert forward > 0.9 and turn > 0.1

    assert odometry_numbers(heard.odometry) == pytest.approx((x, y, yaw, forward, lateral, turn), abs=1e-6)
    assert (heard.odometry.header.frame_id, heard.odometry.child_frame_id) == ("odom", "base_link")

    place = heard.transform.transform.translation
    assert (heard.transform.header.frame_id, heard.transform.child_frame_id) == ("odom", "base_link")
    assert (place.x, place.y, place.z) == pytest.approx((x, y, 0.0))
    assert to_yaw(heard.transform.transform.rotation) == pytest.approx(yaw)

    steering, turned = float(state.steering_angle[0]), float(twin.travelled[0]) / 0.036
    assert heard.joints.name[:2] == ["left_steering_hinge_joint", "right_steering_hinge_joint"]
    assert len(heard.joints.name) == len(set(heard.joints.name)) == 6
    assert list(heard.joints.position) == pytest.approx([steering] * 2 + [turned] * 4)
    assert list(heard.joints.velocity) == pytest.approx([0, 0] + [forward / 0.036] * 4)

    twist = heard.models.twist[0].linear
    assert heard.models.name == ["racecar"]
    assert heard.models.pose[0] == heard.odometry.pose.pose
    assert twist.x == pytest.approx(forward * math.cos(yaw) - lateral * math.sin(yaw))
    assert twist.y == pytest.approx(forward * math.sin(yaw) + lateral * math.cos(yaw))
    assert heard.off_track.data is False


def test_the_picture_is_the_one_that_the_embedded_world_renders(world):
    twin = world.drive(-0.2, 2.0)
    image = world.step(twin, 4).image
    assert (image.width, image.height, image.encoding, image.step) == (160, 120, "rgb8", 480)
    assert image.header.frame_id == "camera_optical_frame"
    assert np.array_equal(to_pixels(image), twin.world.images()[0].numpy())
    assert to_pixels(image).std() > 5


def test_a_car_beside_the_road_is_told_so(world):
    """The road lies between the radii 0.62 and 1.38 m."""
    request = srv.SetEntityState.Request(entity="racecar")
    for x, is_off in ((0.0, True), (1.0, False), (2.0, True)):
        request.state.pose = to_pose(x, 0.0, math.pi / 2)
        answer = world.world.peer.ask(srv.SetEntityState, "/world_node/set_entity_state", request)
        assert answer.result.result == 1
        heard = world.heard["/off_track"]
        world.world.peer.until(lambda h=heard, o=is_off: h and h[-1].data is o, f"off_track {is_off} at {x}")


def test_who_listens_with_default_settings_gets_pictures_too(world):
    """A reliable subscription hears nothing of a publisher that is not."""
    pictures = world.world.peer.hear(Image, "/camera/image_raw", QoSProfile(depth=10))

    def is_heard() -> bool:
        world.world.step()
        world.world.peer.spin(0.05)
        return bool(pictures)

    world.world.peer.until(is_heard, "a picture")


def test_camera_info_by_hand(world):
    info = world.step(world.world.twin()).info
    focal = 80 / math.tan(1.13 / 2)
    assert (info.width, info.height, info.header.frame_id) == (160, 120, "camera_optical_frame")
    assert list(info.k) == pytest.approx([focal, 0, 80, 0, focal, 60, 0, 0, 1])
    assert list(info.p) == pytest.approx([focal, 0, 80, 0, 0, focal, 60, 0, 0, 0, 1, 0])


def test_the_stamps_of_a_frame_are_equal(world):
    twin = world.world.twin()
    for _ in range(3):
        heard = world.step(twin)
        for message in (heard.image, heard.info, heard.odometry, heard.joints, heard.transform):
            assert to_nanoseconds(message.header.stamp) == twin.time


def test_a_frame_is_published_once(world):
    twin = world.world.twin()
    for _ in range(10):  # one by one: best-effort topics may drop what comes in a burst
        world.step(twin)
    world.world.peer.spin(0.3)
    for topic in ("/camera/image_raw", "/odom", "/joint_states"):
        stamps = [to_nanoseconds(message.header.stamp) for message in world.heard[topic]]
        assert len(stamps) == len(set(stamps)) == 10, topic


def rotation(turn) -> np.ndarray:
    """The matrix of a quaternion, from its definition: v -> q v q*."""
    x, y, z, w = turn.x, turn.y, turn.z, turn.w
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
        ]
    )


def fixed_frames(world: Listener) -> dict:
    heard = world.world.peer.hear(TFMessage, "/tf_static", KEPT)
    world.world.peer.until(lambda: heard, "/tf_static")
    return {transform.child_frame_id: transform for transform in heard[0].transforms}


def optical_to_base(world: Listener) -> np.ndarray:
    """Return the (4, 4) matrix that takes a point of the optical frame to base_link."""
    frames, matrix = fixed_frames(world), np.eye(4)
    for child, parent in (("camera_link", "base_link"), ("camera_optical_frame", "camera_link")):
        transform = frames[child].transform
        assert frames[child].header.frame_id == parent
        step = np.eye(4)
        step[:3, :3] = rotation(transform.rotation)
        step[:3, 3] = (transform.translation.x, transform.translation.y, transform.translation.z)
        matrix = matrix @ step
    return matrix


def test_map_and_odometry_are_one_frame(world):
    fixed = fixed_frames(world)["odom"]
    assert fixed.header.frame_id == "map"
    assert np.array_equal(rotation(fixed.transform.rotation), np.eye(3))
    assert fixed.transform.translation.x == fixed.transform.translation.y == 0


def test_fixed_frames_lead_from_the_car_to_its_camera(world):
    matrix = optical_to_base(world)

    def seen(*point: float) -> np.ndarray:
        """A point of base_link in the optical frame: x to the right, y down, z ahead."""
        return (np.linalg.inv(matrix) @ [*point, 1.0])[:3]

    camera = world.world.settings.camera
    assert seen(camera.forward, 0, camera.height_above_ground) == pytest.approx([0, 0, 0], abs=1e-9)
    # A metre along the axis of a camera that looks down by its pitch.
    down, ahead = math.sin(camera.pitch), math.cos(camera.pitch)
    on_axis = (camera.forward + ahead, 0, camera.height_above_ground - down)
    assert seen(*on_axis) == pytest.approx([0, 0, 1], abs=1e-9)
    far_left = seen(5.0, 1.0, 0.0)
    assert far_left[2] > 4 and far_left[0] == pytest.approx(-1.0) and far_left[1] < 0


def test_the_picture_is_taken_where_the_frames_and_the_pinhole_say(world):
    """Each pixel of the ground is traced to where it lies: what is beside the road is green."""
    twin = world.drive(0.35, 1.0)  # off the centre line, so that left and right are not alike
    heard = world.step(twin, 7)
    row, column = np.mgrid[40:120, 0:160] + 0.5
    k = heard.info.k
    rays = np.stack(((column - k[2]) / k[0], (row - k[5]) / k[4], np.ones_like(row)), -1)
    to_base = optical_to_base(world)
    ahead = rays @ to_base[:3, :3].T
    reach = -to_base[2, 3] / ahead[..., 2]
    local = to_base[:2, 3] + ahead[..., :2] * reach[..., None]
    x, y, yaw = odometry_numbers(heard.odometry)[:3]
    turn = np.array([[math.cos(yaw), -math.sin(yaw)], [math.sin(yaw), math.cos(yaw)]])
    ground = torch.tensor(local @ turn.T + (x, y), dtype=torch.float32)
    is_road = twin.track.is_on_road(ground.view(1, -1, 2)).view(row.shape).numpy()
    pixels = to_pixels(heard.image)[40:].astype(int)
    is_green = pixels[..., 1] > pixels[..., 0] + 20  # neither asphalt nor a white or yellow line
    assert 0.1 < is_green.mean() < 0.9
    assert (is_green != is_road).mean() > 0.97
    assert (is_green[:, ::-1] != is_road).mean() < 0.9  # left and right are not alike here


def test_diagnostics_tell_time_and_pause(world):
    heard = world.world.peer.hear(DiagnosticArray, "/diagnostics")
    world.world.peer.until(lambda: heard, "/diagnostics")
    status = heard[-1].status[0]
    values = {pair.key: pair.value for pair in status.values}
    assert status.name == "world_node: pace" and status.level == b"\x00"
    assert values["paused"] == "true" and values["simulated_time"] == "0.001"


@pytest.mark.parametrize(
    ("topic", "message", "wanted"),
    [
        ("/ctrl_pkg/servo_msg", ServoCtrlMsg(angle=0.5, throttle=0.75), (0.5, 0.75)),
        ("/ctrl_pkg/servo_msg", ServoCtrlMsg(angle=-1.0, throttle=-0.5), (-1.0, -0.5)),
        ("/ctrl_pkg/servo_msg", ServoCtrlMsg(angle=0.0, throttle=1.0), (0.0, 1.0)),
    ],
)
def test_the_cars_own_command_drives(world, topic, message, wanted):
    world.world.peer.say(topic, message)
    angle, throttle = wanted
    twin = world.twin_driven(angle * MAX_STEERING_ANGLE, speed_of(throttle, 4.0))
    heard = world.step(twin, 6)
    assert odometry_numbers(heard.odometry) == pytest.approx(numbers(twin.state()), abs=1e-6)
    assert math.copysign(1, heard.odometry.twist.twist.linear.x) == math.copysign(1, throttle)
    assert abs(heard.odometry.twist.twist.linear.x) > 0.5


@pytest.mark.parametrize(
    ("steering_angle", "speed", "driven"),
    [(0.25, 1.0, (0.25, 1.0)), (-2.0, 1.0, (-MAX_STEERING_ANGLE, 1.0)), (0.0, 99.0, (0.0, 4.0))],
)
def test_an_ackermann_command_drives_within_the_cars_limits(world, steering_angle, speed, driven):
    world.drive(steering_angle, speed)
    twin = world.twin_driven(*driven)
    heard = world.step(twin, 6)
    assert odometry_numbers(heard.odometry) == pytest.approx(numbers(twin.state()), abs=1e-6)


@pytest.mark.parametrize(("speed", "turn"), [(1.0, 1.5), (1.0, -1.5), (-0.5, 0.5), (0.0, 1.0)])
def test_a_twist_drives_the_turn_that_it_asks_for(world, speed, turn):
    """A car turns at speed * tan(steering angle) / wheelbase; standing, it cannot."""
    world.world.peer.say("/cmd_vel", twist(speed, turn))
    steering = math.atan(WHEELBASE * turn / speed) if speed else 0.0
    twin = world.twin_driven(steering, speed)
    heard = world.step(twin, 6)
    assert odometry_numbers(heard.odometry) == pytest.approx(numbers(twin.state()), abs=1e-6)


NAN, INF = math.nan, math.inf


@pytest.mark.parametrize(
    ("topic", "message"),
    [
        ("/ctrl_pkg/servo_msg", ServoCtrlMsg(angle=NAN, throttle=1.0)),
        ("/ctrl_pkg/servo_msg", ServoCtrlMsg(angle=0.0, throttle=NAN)),
        ("/ctrl_pkg/servo_msg", ServoCtrlMsg(angle=INF, throttle=1.0)),
        ("/ctrl_pkg/servo_msg", ServoCtrlMsg(angle=0.0, throttle=-INF)),
        ("/ctrl_pkg/servo_msg", ServoCtrlMsg(angle=1.1, throttle=1.0)),
        ("/ctrl_pkg/servo_msg", ServoCtrlMsg(angle=0.0, throttle=1.1)),
        ("/drive", ackermann(NAN, 1.0)),
        ("/drive", ackermann(0.0, INF)),
        ("/cmd_vel", twist(NAN, 0.0)),
        ("/cmd_vel", twist(1.0, NAN)),
        ("/cmd_vel", twist(INF, 1.0)),
        ("/cmd_vel", twist(1e-300, 1e300)),
    ],
)
def test_a_command_that_no_car_can_follow_does_no_harm(world, topic, message):
    twin = world.drive(0.1, 1.0)
    world.step(twin, 1)
    world.world.peer.say(topic, message)
    heard = world.step(twin, 3)
    found = odometry_numbers(heard.odometry)
    if topic == "/cmd_vel" and message.linear.x == 1e-300:
        assert all(map(math.isfinite, found))  # a speed that is nearly 0, and wheels turned to the stop
    else:
        assert found == pytest.approx(numbers(twin.state()), abs=1e-6)


def test_half_a_second_without_a_command_stops_the_car(world):
    twin = world.drive(0.0, 1.0)
    moving = world.step(twin, 8)
    assert moving.odometry.twist.twist.linear.x > 0.9
    heard = world.step(twin, 12)
    assert odometry_numbers(heard.odometry) == pytest.approx(numbers(twin.state()), abs=1e-6)
    assert heard.odometry.twist.twist.linear.x == pytest.approx(0, abs=1e-3)


def test_a_command_from_before_does_not_drive_a_car_that_was_put_elsewhere(world):
    world.drive(0.0, 2.0)
    world.world.peer.spin(0.2)
    world.start_anew()
    heard = world.step(world.world.twin(), 3)
    assert heard.odometry.twist.twist.linear.x == 0.0
