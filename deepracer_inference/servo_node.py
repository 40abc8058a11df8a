"""The node for a car without AWS's servo node: commands in, pulses out, a stop when no more come."""

from __future__ import annotations

import sys
import threading
import time
from typing import Any, Mapping, Sequence

from deepracer_interfaces_pkg.msg import ServoCtrlMsg
from rclpy.node import Node

from deepracer_inference.limits import STAND, Command
from deepracer_inference.parameters import Setting
from deepracer_inference.pwm import MOTOR, STEERING, PwmError, Wheels, load_calibration
from deepracer_inference.ros.graph import LATEST
from deepracer_inference.ros.parameters import Parameters
from deepracer_inference.ros.process import Watchdog, run

SETTINGS = (
    Setting("command_topic", "/ctrl_pkg/servo_msg", "topic of the commands"),
    Setting("calibration", "", "the car's calibration.json; empty for the stock car's values"),
    Setting("timeout", 0.1, "s without a command after which the car stops", 0.03, 0.5, change="always"),
    Setting("sysfs", "/sys", "where Linux shows its devices"),
)
WATCH_PERIOD = 0.01
"""Seconds between two looks whether commands still come."""


class ServoNode(Node):
    """Turns ServoCtrlMsg into pulses; the wheels stop and straighten when none has come for the timeout."""

    def __init__(self) -> None:
        super().__init__("servo_node")
        parameters = Parameters(self, SETTINGS, self._on_change)
        values = parameters.values()
        self._timeout = values["timeout"]
        pulses = load_calibration(values["calibration"]) if values["calibration"] else (STEERING, MOTOR)
        self._wheels = Wheels(*pulses, sysfs=values["sysfs"])
        self._lock = threading.Lock()
        self._heard = 0.0
        self._is_driven = False
        self.create_subscription(ServoCtrlMsg, values["command_topic"], self._on_command, LATEST)
        self._watchdog = Watchdog(self._watch, WATCH_PERIOD)
        self.get_logger().info(f"servo and motor are on; without commands for {self._timeout:g} s they stop")

    def stand_still(self) -> None:
        """Stop, and take the power away."""
        with self._lock:
            self._wheels.release()

    def destroy_node(self) -> None:
        """End the watch, too."""
        self._watchdog.end()
        super().destroy_node()

    def _on_command(self, message: Any) -> None:
        command = Command(message.angle, message.throttle)
        with self._lock:
            try:
                self._wheels.turn(command)
            except PwmError as error:
                # Not heard: who sends nothing else is as good as silent.
                self.get_logger().warning(f"command refused: {error}", throttle_duration_sec=5.0)
                return
            self._heard = time.monotonic()
            self._is_driven = command != STAND

    def _watch(self) -> None:
        with self._lock:
            if self._is_driven and time.monotonic() - self._heard > self._timeout:
                self._wheels.turn(STAND)
                self._is_driven = False
                self.get_logger().warning(f"stopped: no command for {self._timeout:g} s")

    def _on_change(self, values: Mapping[str, Any]) -> None:
        self._timeout = values["timeout"]


def main(args: Sequence[str] | None = None) -> int:
    """Run the node, or with `--stop` stop the wheels and end, as has to follow a process that was killed."""
    if "--stop" in (sys.argv[1:] if args is None else args):
        Wheels().release()
        return 0
    return run(ServoNode, args)


if __name__ == "__main__":
    raise SystemExit(main())
