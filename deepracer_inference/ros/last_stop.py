"""A stop from outside: for when the inference node was killed and could not send one itself."""

from __future__ import annotations

import time
from typing import Sequence

import rclpy
from deepracer_interfaces_pkg.msg import ServoCtrlMsg

from deepracer_inference.parameters import SETTINGS
from deepracer_inference.ros.graph import LATEST

DURATION = 0.5
"""Seconds of stops after the first listener was found: messages may be lost."""
PATIENCE = 10.0
"""Seconds in which one must be found."""
PERIOD = 0.025


def stop_wheels(args: Sequence[str] | None = None) -> None:
    """Send stops, on the topic that the inference node's parameters name, until they must have been heard.

    Args:
        args: of ROS; by default the process's.
    """
    rclpy.init(args=args)
    # Its name, because a file has the parameters of a node by name.
    node = rclpy.create_node("inference_node")
    default = next(setting.default for setting in SETTINGS if setting.name == "command_topic")
    topic = node.declare_parameter("command_topic", default).value
    publisher = node.create_publisher(ServoCtrlMsg, topic, LATEST)
    end, is_heard = time.monotonic() + PATIENCE, False
    while time.monotonic() < end:
        if not is_heard and publisher.get_subscription_count():
            end, is_heard = time.monotonic() + DURATION, True
        publisher.publish(ServoCtrlMsg())
        time.sleep(PERIOD)
    node.destroy_node()
    rclpy.shutdown()
