"""Drives straight ahead for a while at one throttle, on the topic of the servo's commands."""

from __future__ import annotations

import os
import time
from typing import Any

import numpy as np
import rclpy
from deepracer_interfaces_pkg.msg import ServoCtrlMsg
from rclpy.context import Context
from rclpy.exceptions import NameValidationException
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.validate_topic_name import validate_topic_name

from deepracer_inference.limits import STAND, Command, Frame, Limits
from deepracer_inference.ros.graph import LATEST, rivals, type_of
from deepracer_inference.terminal import Terminal
from deepracer_inference.throttle import CalibrationError

PERIOD = 0.025
"""Seconds between two commands: a servo node may stop the car when none comes for 0.1 s."""
LONGEST_GAP = 0.09
"""Seconds between two commands after which the servo node may have stopped the car."""
STOPS = 0.5
"""Seconds in which stops are repeated, because messages may be lost."""
SILENCE = 0.5
"""Seconds before each drive in which nobody else may send commands."""
QUIET, ECHO = 0.1, 1.0
"""Seconds without a message after which our own last stops have come back, and in which they must have."""
UNKNOWN = "_NODE_NAME_UNKNOWN_"
"""ROS 2 calls a node so until it has heard its name."""
PATIENCE = 10.0
"""Seconds in which somebody must listen."""
ALL = QoSProfile(depth=20, reliability=ReliabilityPolicy.BEST_EFFORT)


class StraightDrive:
    """A node that publishes commands while it drives, stops after that, and nothing else.

    A context manager, which leaves the topic.

    Args:
        command_topic: where the servo listens.
        cap: largest throttle.
        terminal: whose keys stop the car.

    Raises:
        CalibrationError: no topic can have that name.
    """

    def __init__(self, command_topic: str, cap: float, terminal: Terminal) -> None:
        try:
            validate_topic_name(command_topic)
        except NameValidationException as error:
            raise CalibrationError(
                f"--command-topic {command_topic!r}: must be a topic's name, such as /ctrl_pkg/servo_msg"
            ) from error
        self._topic, self._terminal = command_topic, terminal
        self._limits = Limits(cap=cap)
        self._context = Context()
        # Not the default context, to which rclpy's signal handlers would belong.
        rclpy.init(args=[], context=self._context)
        # Two of these are two names.
        name = f"deepracer_calibrate_{os.getpid()}"
        self._node = Node(name, context=self._context, enable_rosout=False, start_parameter_services=False)
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self._node)
        self._publisher = self._node.create_publisher(ServoCtrlMsg, command_topic, LATEST)
        self._node.create_subscription(ServoCtrlMsg, command_topic, self._on_command, ALL)
        self._sent: set[tuple[float, float]] = set()
        self._is_contradicted = False
        self._heard = 0.0

    def __enter__(self) -> StraightDrive:
        return self

    def __exit__(self, *error: object) -> None:
        self._executor.shutdown()
        self._node.destroy_node()
        rclpy.shutdown(context=self._context)

    def trouble(self) -> str:
        """Return why the car cannot be driven from here; "" if it can."""
        end = time.monotonic() + PATIENCE
        while not self._listeners() and time.monotonic() < end and not self._terminal.end:
            time.sleep(PERIOD)
        return self._listen()

    def others(self) -> list[str]:
        """Return the nodes that could publish commands, too."""
        return [name for name in rivals(self._node, self._topic) if name != UNKNOWN]

    def drive(self, throttle: float, seconds: float) -> tuple[float, str]:
        """Drive straight ahead, then stop.

        Args:
            throttle: 0 to the cap, which cuts it off.
            seconds: from the first command to the first stop.

        Returns:
            The seconds that it was, and why they do not count; "" if they do.
        """
        with self._terminal.keys():
            trouble = self._listen()
            if trouble:
                return 0.0, trouble
            begin = time.monotonic()
            self._limits.start(begin)
            try:
                trouble = self._go_on(throttle, begin + seconds)
                ended = time.monotonic()
            finally:
                self._stop()
        return ended - begin, trouble

    def _go_on(self, throttle: float, end: float) -> str:
        """Repeat the command until the end, or a reason to stop before; return the reason."""
        now, trouble = time.monotonic(), ""
        while now < end and not trouble:
            # The first command is still a stop: the throttle rises from there.
            self._send(self._limits.drive(Command(0.0, throttle), Frame(now), now, now).command)
            before, now = now, time.monotonic()
            if self._terminal.is_pressed(max(0.0, min(PERIOD, end - now))):
                return self._terminal.end or "a key was pressed"
            trouble, now = self._look(), time.monotonic()
            if now - before > LONGEST_GAP:
                trouble = trouble or f"no command for {now - before:.2f} s: the computer is busy"
        return trouble

    def _stop(self) -> None:
        end = time.monotonic() + STOPS
        while time.monotonic() < end:
            self._send(STAND)
            time.sleep(PERIOD)

    def _send(self, command: Command) -> None:
        self._sent.add((float(np.float32(command.angle)), float(np.float32(command.throttle))))
        self._publisher.publish(ServoCtrlMsg(angle=command.angle, throttle=command.throttle))

    def _listen(self) -> str:
        """Be silent for a while; return why no drive may begin."""
        begin = time.monotonic()
        while time.monotonic() < min(max(begin, self._heard) + QUIET, begin + ECHO):
            time.sleep(0.001)
            self._hear()
        self._sent.clear()
        self._is_contradicted = False
        end, trouble = time.monotonic() + SILENCE, ""
        while not trouble and time.monotonic() < end:
            time.sleep(PERIOD)
            trouble = self._look()
        return trouble

    def _look(self) -> str:
        """Return what is wrong on the topic."""
        self._hear()
        listeners = self._listeners()
        if not listeners:
            return (
                f"nobody listens on {self._topic}: start the car's servo node, or name its topic with "
                "--command-topic"
            )
        if self._is_contradicted:
            names = ", ".join(self.others()) or "somebody"
            return f"{names} sends commands on {self._topic}, too: stop that first"
        ours = self._node.get_publishers_info_by_topic(self._topic)
        own = next((type_of(end) for end in ours if end.node_name == self._node.get_name()), None)
        for other in listeners:
            if own is not None and type_of(other) != own:
                return (
                    f"{other.node_name} has another message on {self._topic}: build this car's "
                    "deepracer_interfaces_pkg, stock or community, for both"
                )
        return ""

    def _listeners(self) -> list[Any]:
        ends = self._node.get_subscriptions_info_by_topic(self._topic)
        return [end for end in ends if end.node_name != self._node.get_name()]

    def _hear(self) -> None:
        for _ in range(3):
            self._executor.spin_once(timeout_sec=0.0)

    def _on_command(self, message: Any) -> None:
        self._heard = time.monotonic()
        if (message.angle, message.throttle) not in self._sent:
            self._is_contradicted = True
