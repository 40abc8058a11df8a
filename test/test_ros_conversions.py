"""Between arrays and ROS messages, each value worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="ROS 2 is not installed: make ros")

from geometry_msgs.msg import Quaternion
from sensor_msgs.msg import Image

from deepracer_inference.preprocess import ImageError
from deepracer_sim.ros import conversions
from deepracer_sim.ros.car_topics import speed_of
from deepracer_sim.settings import CameraSettings

RAMP = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)
"""A picture of 2 rows and 3 columns whose bytes are 0 to 17."""


@pytest.mark.parametrize("nanoseconds", [0, 1, 999_999_999, 1_000_000_000, 66_666_666, 2**31 * 10**9 - 1])
def test_a_stamp_there_and_back(nanoseconds):
    stamp = conversions.to_time(nanoseconds)
    assert (stamp.sec, stamp.nanosec) == divmod(nanoseconds, 10**9)
    assert conversions.to_nanoseconds(stamp) == nanoseconds


@pytest.mark.parametrize("yaw", np.linspace(-math.pi + 1e-6, math.pi, 25))
def test_a_heading_there_and_back(yaw):
    assert conversions.to_yaw(conversions.to_quaternion(float(yaw))) == pytest.approx(float(yaw), abs=1e-12)


def test_whole_circles_are_lost():
    assert conversions.to_yaw(conversions.to_quaternion(3 * math.pi / 2)) == pytest.approx(-math.pi / 2)


def test_a_quarter_turn_to_the_left_by_hand():
    turn = conversions.to_quaternion(math.pi / 2)
    assert (turn.x, turn.y) == (0, 0)
    assert (turn.z, turn.w) == (pytest.approx(math.sqrt(0.5)), pytest.approx(math.sqrt(0.5)))


def test_length_sign_and_tilt_of_a_quaternion_do_not_matter():
    turn = conversions.to_quaternion(1.0)
    assert conversions.to_yaw(Quaternion(z=-3 * turn.z, w=-3 * turn.w)) == pytest.approx(1.0)
    assert conversions.to_yaw(Quaternion(x=0.0, y=0.0, z=0.0, w=0.0)) == 0.0
    # A yaw of 1 followed by a pitch of 0.2 about the car's own y axis: q = q_yaw * q_pitch.
    pitch_y, pitch_w = math.sin(0.1), math.cos(0.1)
    tilted = Quaternion(x=-turn.z * pitch_y, y=turn.w * pitch_y, z=turn.z * pitch_w, w=turn.w * pitch_w)
    assert conversions.to_yaw(tilted) == pytest.approx(1.0)


def test_a_transform_is_its_pose():
    pose = conversions.to_pose(1.0, -2.0, 0.5)
    transform = conversions.to_transform(pose)
    place = transform.translation
    assert (place.x, place.y, place.z) == (1.0, -2.0, 0.0)
    assert transform.rotation == pose.orientation


def test_a_colour_picture_there_and_back():
    image = conversions.to_image(RAMP, "camera", 1_500_000_000)
    assert (image.width, image.height, image.step, image.encoding) == (3, 2, 9, "rgb8")
    assert (image.header.frame_id, image.header.stamp.sec) == ("camera", 1)
    assert image.header.stamp.nanosec == 500_000_000
    assert bytes(image.data) == bytes(range(18))
    assert np.array_equal(conversions.to_pixels(image), RAMP)


def test_a_grey_picture_there_and_back():
    image = conversions.to_image(RAMP[:, :, :1], "camera", 0)
    assert (image.encoding, image.step) == ("mono8", 3)
    assert np.array_equal(conversions.to_pixels(image), RAMP[:, :, :1])


def test_what_is_no_block_of_memory_is_sent_right():
    assert bytes(conversions.to_image(RAMP[:, ::-1], "", 0).data) == RAMP[:, ::-1].tobytes()


@pytest.mark.parametrize(("encoding", "channels"), [("mono8", 1), ("rgb8", 3), ("bgr8", 3)])
def test_padding_at_the_end_of_rows_is_left_out(encoding, channels):
    rows = np.full((2, 16), 99, np.uint8)
    rows[:, : 3 * channels] = np.arange(2 * 3 * channels).reshape(2, -1)
    image = Image(height=2, width=3, step=16, encoding=encoding, data=rows.tobytes())
    pixels = conversions.to_pixels(image)
    assert pixels.shape == (2, 3, channels)
    assert pixels.flatten().tolist() == list(range(6 * channels))


@pytest.mark.parametrize("encoding", ["bayer_rggb8", "16UC1", "", "RGB8"])
def test_an_unknown_encoding_is_named(encoding):
    image = Image(height=2, width=3, step=9, encoding=encoding, data=bytes(18))
    with pytest.raises(ImageError, match=f"encoding '{encoding}': must be one of mono8, rgb8, bgr8"):
        conversions.to_pixels(image)


@pytest.mark.parametrize(("step", "size"), [(9, 17), (9, 19), (9, 0), (8, 16), (0, 0)])
def test_a_picture_with_too_few_or_too_many_bytes_is_refused(step, size):
    image = Image(height=2, width=3, step=step, encoding="rgb8", data=bytes(size))
    with pytest.raises(ImageError, match=f"3x2 rgb8 with rows of {step} bytes has {size} bytes: must be 18"):
        conversions.to_pixels(image)


def test_the_pinhole_by_hand():
    """A right angle across 160 pixels: the focal length is half of them."""
    camera = CameraSettings(width=160, height=120, field_of_view=math.pi / 2)
    info = conversions.to_camera_info(camera, "optical")
    assert (info.width, info.height, info.distortion_model) == (160, 120, "plumb_bob")
    assert info.header.frame_id == "optical"
    assert list(info.d) == [0] * 5
    assert list(info.k) == pytest.approx([80, 0, 80, 0, 80, 60, 0, 0, 1])
    assert list(info.r) == [1, 0, 0, 0, 1, 0, 0, 0, 1]
    assert list(info.p) == pytest.approx([80, 0, 80, 0, 0, 80, 60, 0, 0, 0, 1, 0])


@pytest.mark.parametrize("share", [0.0, 0.1, 0.25, 0.5, 0.75, 0.8333])
@pytest.mark.parametrize("full_speed", [0.8, 4.0])
def test_speed_is_the_inverse_of_the_cars_throttle(share, full_speed):
    """The car's navigation node makes v into -1.2 (v / max)^2 + 2.2 (v / max)."""
    throttle = -1.2 * share**2 + 2.2 * share
    assert speed_of(throttle, full_speed) == pytest.approx(share * full_speed)
    assert speed_of(-throttle, full_speed) == pytest.approx(-share * full_speed)


def test_speeds_that_the_documentation_works_out():
    """With a largest speed of 0.8 m/s, 0.2 m/s is a throttle of 0.475; half of it is always 0.8."""
    assert speed_of(0.475, 0.8) == pytest.approx(0.2)
    assert speed_of(0.8, 3.0) == pytest.approx(1.5)
    assert speed_of(1.0, 3.0) == 3.0
    assert speed_of(-1.0, 3.0) == -3.0
    assert speed_of(0.0, 3.0) == 0.0
