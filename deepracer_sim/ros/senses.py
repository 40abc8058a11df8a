"""What a car of a ROS simulator sends, put together by time stamp: never a picture for another state."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Any

from nav_msgs.msg import Odometry
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import Image, JointState

from deepracer_sim.ros.conversions import to_nanoseconds
from deepracer_sim.ros.lean_node import LeanNode, waiting

KEPT = 8
"""Messages of each kind that wait for their partners."""
TOLERANCE = 500_000
"""Nanoseconds by which stamps of the same moment may differ: less than a step of anybody's physics."""
STEERING_JOINT = "left_steering_hinge_joint"


@dataclass(frozen=True)
class Observation:
    """A car at one moment.

    Attributes:
        time: simulated, nanoseconds.
        image: its picture.
        odometry: its pose and velocity.
        steering_angle: of the front wheels in radians, None where the simulator does not tell.
    """

    time: int
    image: Image
    odometry: Odometry
    steering_angle: float | None


class Kept:
    """The last messages of a topic with their times, in the order in which they came.

    Args:
        node: that listens.
        kind: of the messages; they have headers.
        topic: to listen to.
    """

    def __init__(self, node: LeanNode, kind: type, topic: str) -> None:
        self._subscription = node.listen(kind, topic, qos_profile_sensor_data)
        self.messages: deque[tuple[int, Any]] = deque(maxlen=KEPT)

    def take(self) -> None:
        """Keep what has come."""
        for message in waiting(self._subscription):
            self.messages.append((to_nanoseconds(message.header.stamp), message))

    def at(self, time: int) -> Any:
        """Return the message of that time, the last one if it was repeated; None without one."""
        for stamp, message in reversed(self.messages):
            if abs(stamp - time) <= TOLERANCE:
                return message
        return None


class Senses:
    """Collects the messages of one car.

    Args:
        node: that listens.
        namespace: of the car's topics, "" or "/racecar_1" and so on.
    """

    def __init__(self, node: LeanNode, namespace: str) -> None:
        self.image_topic = f"{namespace}/camera/image_raw"
        self._odometry = Kept(node, Odometry, f"{namespace}/odom")
        self._joints = Kept(node, JointState, f"{namespace}/joint_states")
        self._images = Kept(node, Image, self.image_topic)

    def take(self) -> None:
        """Keep the messages that have come."""
        for kept in (self._odometry, self._joints, self._images):
            kept.take()

    def forget(self) -> None:
        """Drop everything, after time has jumped."""
        self.take()
        for kept in (self._odometry, self._joints, self._images):
            kept.messages.clear()

    def moments(self, time: int) -> list[int]:
        """Return the times of the pictures that are later than `time`, the newest first."""
        return sorted({stamp for stamp, _ in self._images.messages if stamp > time}, reverse=True)

    def at(self, time: int) -> Observation | None:
        """Return what the car saw and did at a moment, a picture's; None if something of it is missing."""
        image, odometry, joints = (kept.at(time) for kept in (self._images, self._odometry, self._joints))
        if image is None or odometry is None or (joints is None and self._joints.messages):
            return None
        return Observation(time, image, odometry, _steering_angle(joints))

    @property
    def last_heard(self) -> int | None:
        """Time of the odometry that came last; None before the first."""
        return self._odometry.messages[-1][0] if self._odometry.messages else None

    @property
    def newest(self) -> int:
        """Time of the newest picture, 0 before the first one."""
        return max((stamp for stamp, _ in self._images.messages), default=0)


def _steering_angle(joints: JointState | None) -> float | None:
    if joints is None or STEERING_JOINT not in joints.name:
        return None
    return float(joints.position[joints.name.index(STEERING_JOINT)])
