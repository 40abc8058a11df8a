"""What a car of a ROS simulator sends, put together by time stamp: never a picture for another state."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Any

from nav_msgs.msg import Odometry
from rclpy.qos import qos_profile_sensor_data
from rclpy.subscription import Subscription
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


class Senses:
    """Collects the messages of one car.

    Args:
        node: that listens.
        namespace: of the car's topics, "" or "/racecar_1" and so on.
    """

    def __init__(self, node: LeanNode, namespace: str) -> None:
        self.image_topic = f"{namespace}/camera/image_raw"
        self._images: deque[Image] = deque(maxlen=KEPT)
        self._odometry: deque[Odometry] = deque(maxlen=KEPT)
        self._joints: deque[JointState] = deque(maxlen=KEPT)
        sensor = qos_profile_sensor_data
        self._sources: list[tuple[Subscription, deque[Any]]] = []
        for kind, topic, kept in (
            (Odometry, f"{namespace}/odom", self._odometry),
            (JointState, f"{namespace}/joint_states", self._joints),
            (Image, self.image_topic, self._images),
        ):
            self._sources.append((node.listen(kind, topic, sensor), kept))

    def take(self) -> None:
        """Keep the messages that have come."""
        for subscription, kept in self._sources:
            kept.extend(waiting(subscription))

    def forget(self) -> None:
        """Drop everything, after time has jumped."""
        self.take()
        for messages in (self._images, self._odometry, self._joints):
            messages.clear()

    def moments(self, time: int) -> list[int]:
        """Return the times of the pictures that are later than `time`, the newest first."""
        return sorted({_time(image) for image in self._images if _time(image) > time}, reverse=True)

    def at(self, time: int) -> Observation | None:
        """Return what the car saw and did at a moment; None if something of it is missing."""
        image, odometry, joints = (_at(kind, time) for kind in (self._images, self._odometry, self._joints))
        if image is None or odometry is None or (joints is None and self._joints):
            return None
        return Observation(_time(image), image, odometry, _steering_angle(joints))

    @property
    def last_heard(self) -> int | None:
        """Time of the odometry that came last; None before the first."""
        return _time(self._odometry[-1]) if self._odometry else None

    @property
    def newest(self) -> int:
        """Time of the newest picture, 0 before the first one."""
        return max((_time(image) for image in self._images), default=0)


def _time(message: Any) -> int:
    return to_nanoseconds(message.header.stamp)


def _at(messages: deque[Any], time: int) -> Any:
    """Return the message of that time, the last one if it was repeated; None without one."""
    for message in reversed(messages):
        if abs(_time(message) - time) <= TOLERANCE:
            return message
    return None


def _steering_angle(joints: JointState | None) -> float | None:
    if joints is None or STEERING_JOINT not in joints.name:
        return None
    return float(joints.position[joints.name.index(STEERING_JOINT)])
