"""The topic on which a simulated car takes its commands, and the message that it takes there."""

from __future__ import annotations

import math
from typing import Literal

from ackermann_msgs.msg import AckermannDriveStamped
from geometry_msgs.msg import Twist
from rclpy.node import Node
from rclpy.qos import QoSProfile

from deepracer_sim.car import WHEELBASE
from deepracer_sim.ros.conversions import to_time

CommandKind = Literal["drive", "cmd_vel", "cmd_vel_steering"]


class CommandTopic:
    """Publishes the commands of a car.

    Args:
        node: that publishes.
        namespace: of the car's topics.
        kind: "drive" for an Ackermann message; "cmd_vel" for speed and turn rate, as the new Gazebo steers;
            "cmd_vel_steering" for speed and steering angle in the same message, as gazebo_ros steers.
    """

    def __init__(self, node: Node, namespace: str, kind: CommandKind) -> None:
        self._kind = kind
        message: type = AckermannDriveStamped if kind == "drive" else Twist
        topic = f"{namespace}/{'drive' if kind == 'drive' else 'cmd_vel'}"
        self._publisher = node.create_publisher(message, topic, QoSProfile(depth=1))
        self._message = message()

    def send(self, steering_angle: float, speed: float, time: int) -> None:
        """Publish a command: radians, m/s, and the simulated nanoseconds at which it is given."""
        message = self._message
        if self._kind == "drive":
            message.header.stamp = to_time(time)
            message.drive.steering_angle, message.drive.speed = steering_angle, speed
        else:
            message.linear.x = speed
            # A car that drives backwards turns the other way.
            message.angular.z = (
                speed * math.tan(steering_angle) / WHEELBASE
                if self._kind == "cmd_vel"
                else math.copysign(1.0, speed) * steering_angle
            )
        self._publisher.publish(message)
