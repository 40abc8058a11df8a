"""How others steer the inference node: the car's own services, emergency stop, dead man's switch."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from deepracer_interfaces_pkg.srv import InferenceStateSrv, LoadModelSrv, NavThrottleSrv
from rclpy.parameter import Parameter
from sensor_msgs.msg import Joy
from std_msgs.msg import Bool
from std_srvs.srv import Trigger

from deepracer_inference.ros.graph import LATEST, stranger

OK, REFUSED = 0, 1
"""Errors, as the car's services have them."""
LOOK_AROUND = 0.25
"""Seconds between two looks at who else is on the topics."""
JOYSTICK_SILENCE = 0.5
"""Seconds without the joystick after which its button counts as let go."""


class CarServices:
    """`~/load_model`, `~/inference_state` and `~/navigation_throttle` as on the car; and what stops it.

    `~/emergency_stop` is a service and a topic (Bool, true stops); only `~/reset_emergency_stop` ends it.

    Args:
        node: the inference node.
    """

    def __init__(self, node: Any) -> None:
        self._node = node
        node.create_service(LoadModelSrv, "~/load_model", self._load_model)
        node.create_service(InferenceStateSrv, "~/inference_state", self._start_or_stop)
        node.create_service(NavThrottleSrv, "~/navigation_throttle", self._set_cap)
        node.create_service(Trigger, "~/emergency_stop", self._stop)
        node.create_service(Trigger, "~/reset_emergency_stop", self._reset)
        node.create_subscription(Bool, "~/emergency_stop", self._on_emergency, 10)
        values = node.parameters.values()
        self._button, self._held = values["joy_button"], 0.0
        self._needs_button = bool(values["joy_topic"])
        if self._needs_button:
            node.create_subscription(Joy, values["joy_topic"], self._on_joy, LATEST)
        self._stranger: str | None = None
        node.create_timer(LOOK_AROUND, self.look_around)

    def obstacle(self) -> str | None:
        """Return what keeps the car from driving, apart from its frames."""
        if self._needs_button and time.monotonic() - self._held > JOYSTICK_SILENCE:
            return "the joystick's button is not held"
        return self._stranger or self._node.output.obstacle

    def look_around(self) -> str | None:
        """Return why the car must not drive with those who are on its topics; None if it may."""
        node = self._node
        self._stranger = stranger(node, node.camera_topic, node.output.topics)
        if node.is_active:
            node.output.look()
        return self._stranger

    def _on_joy(self, message: Joy) -> None:
        buttons = message.buttons
        self._held = time.monotonic() if len(buttons) > self._button and buttons[self._button] else 0.0

    def _on_emergency(self, message: Bool) -> None:
        if message.data:
            self._node.emergency_stop("emergency stop by topic")

    def _stop(self, request: Any, response: Any) -> Any:
        self._node.emergency_stop("emergency stop by service")
        response.success, response.message = True, "stopped until reset"
        return response

    def _reset(self, request: Any, response: Any) -> Any:
        with self._node.lock:
            self._node.limits.reset()
        response.success, response.message = True, "may drive again"
        return response

    def _load_model(self, request: Any, response: Any) -> Any:
        node = self._node
        path = Path(request.artifact_path)
        # The car names a file in the model's folder.
        folder = path.parent if path.is_file() else path
        result = node.set_parameters([Parameter("model", value=str(folder))])[0]
        if not result.successful:
            node.get_logger().warning(f"load_model refused: {result.reason}")
        is_free = result.successful and (node.driver is None or node.transition("cleanup"))
        response.error = OK if is_free and node.transition("configure") else REFUSED
        return response

    def _start_or_stop(self, request: Any, response: Any) -> Any:
        wanted = bool(request.start)
        done = wanted == self._node.is_active or self._node.transition("activate" if wanted else "deactivate")
        response.error = OK if done else REFUSED
        return response

    def _set_cap(self, request: Any, response: Any) -> Any:
        result = self._node.set_parameters([Parameter("cap", value=float(request.throttle))])[0]
        response.error = OK if result.successful else REFUSED
        return response
