"""The frames that do not move: the map, and what is bolted to the cars (REP-105)."""

from __future__ import annotations

import math
from collections.abc import Sequence

from geometry_msgs.msg import Quaternion, TransformStamped
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile
from tf2_msgs.msg import TFMessage

from deepracer_sim.settings import CameraSettings

LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
"""Kept for those who come later."""
OPTICAL = Quaternion(x=-0.5, y=0.5, z=-0.5, w=0.5)
"""From a body's axes to a camera's: z forward, x to the right, y down (REP-103)."""


class FixedFrames:
    """Publishes /tf_static once: map to odom, and each car's camera.

    Args:
        node: that publishes.
        prefixes: of the cars' frames, "" or "racecar_1/" and so on.
        camera: the nominal mount.
    """

    def __init__(self, node: Node, prefixes: Sequence[str], camera: CameraSettings) -> None:
        # A turn downwards is a positive one about y, which points to the left.
        pitch = Quaternion(y=math.sin(camera.pitch / 2), w=math.cos(camera.pitch / 2))
        transforms = [_transform("map", "odom", Quaternion(w=1.0))]
        for prefix in prefixes:
            mount = _transform(f"{prefix}base_link", f"{prefix}camera_link", pitch)
            mount.transform.translation.x = camera.forward
            mount.transform.translation.z = camera.height_above_ground
            lens = _transform(f"{prefix}camera_link", f"{prefix}camera_optical_frame", OPTICAL)
            transforms += [mount, lens]
        self.publisher = node.create_publisher(TFMessage, "/tf_static", LATCHED)
        self.publisher.publish(TFMessage(transforms=transforms))


def _transform(parent: str, child: str, turn: Quaternion) -> TransformStamped:
    transform = TransformStamped(child_frame_id=child)
    transform.header.frame_id = parent
    transform.transform.rotation = turn
    return transform
