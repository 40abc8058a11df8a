"""Between this package's arrays and ROS messages: stamps, poses, pictures."""

from __future__ import annotations

import math
from array import array
from collections.abc import Mapping

import numpy as np
from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from geometry_msgs.msg import Pose, Quaternion, Transform
from numpy.typing import NDArray
from rclpy.node import Node
from sensor_msgs.msg import CameraInfo, Image

from deepracer_inference.camera_message import to_pixels as to_pixels
from deepracer_sim.ros.simulator import NANOSECONDS
from deepracer_sim.settings import CameraSettings


def to_time(nanoseconds: int) -> Time:
    """Return a stamp."""
    return Time(sec=nanoseconds // NANOSECONDS, nanosec=nanoseconds % NANOSECONDS)


def to_nanoseconds(time: Time) -> int:
    """Return a stamp as one number."""
    return time.sec * NANOSECONDS + time.nanosec


def to_quaternion(yaw: float) -> Quaternion:
    """Return the turn about z by `yaw` radians; where it turns by whole circles they are lost."""
    return Quaternion(x=0.0, y=0.0, z=math.sin(yaw / 2), w=math.cos(yaw / 2))


def to_yaw(turn: Quaternion) -> float:
    """Return the heading of an orientation in radians, -pi to pi; roll and pitch are left out."""
    x, y, z, w = turn.x, turn.y, turn.z, turn.w
    return math.atan2(2 * (w * z + x * y), w * w + x * x - y * y - z * z)


def to_pose(x: float, y: float, yaw: float) -> Pose:
    """Return a pose on the ground."""
    pose = Pose(orientation=to_quaternion(yaw))
    pose.position.x, pose.position.y = x, y
    return pose


def to_transform(pose: Pose) -> Transform:
    """Return the transform to a frame at `pose`."""
    transform = Transform(rotation=pose.orientation)
    place, target = pose.position, transform.translation
    target.x, target.y, target.z = place.x, place.y, place.z
    return transform


def to_image(pixels: NDArray[np.uint8], frame: str, nanoseconds: int) -> Image:
    """Return a picture (H, W, 1) as mono8 or (H, W, 3) as rgb8."""
    height, width, channels = pixels.shape
    # An array is taken over as it is; anything else is checked byte by byte.
    data = array("B")
    data.frombytes(np.ascontiguousarray(pixels).data.cast("B"))
    image = Image(height=height, width=width, step=width * channels, data=data)
    image.encoding = "mono8" if channels == 1 else "rgb8"
    image.header.stamp = to_time(nanoseconds)
    image.header.frame_id = frame
    return image


def to_camera_info(camera: CameraSettings, frame: str) -> CameraInfo:
    """Return the pinhole of a camera, without distortion; the caller sets the stamp."""
    focal = camera.width / 2 / math.tan(camera.field_of_view / 2)
    middle_x, middle_y = camera.width / 2, camera.height / 2
    info = CameraInfo(height=camera.height, width=camera.width, distortion_model="plumb_bob")
    info.d = [0.0] * 5
    info.k = [focal, 0.0, middle_x, 0.0, focal, middle_y, 0.0, 0.0, 1.0]
    info.r = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]
    info.p = [focal, 0.0, middle_x, 0.0, 0.0, focal, middle_y, 0.0, 0.0, 0.0, 1.0, 0.0]
    info.header.frame_id = frame
    return info


def to_diagnostics(node: Node, status: DiagnosticStatus, values: Mapping[str, str]) -> DiagnosticArray:
    """Return what a node says of itself: `status`, whose name is a part of the node, with values."""
    status.name = f"{node.get_name()}: {status.name}"
    status.values = [KeyValue(key=key, value=value) for key, value in values.items()]
    message = DiagnosticArray(status=[status])
    message.header.stamp = node.get_clock().now().to_msg()
    return message
