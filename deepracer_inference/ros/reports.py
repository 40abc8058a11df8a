"""What the inference node says of itself: why it stops, and how it goes."""

from __future__ import annotations

import time
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rclpy.qos import DurabilityPolicy, QoSProfile
from std_msgs.msg import String

from deepracer_inference.limits import Verdict
from deepracer_inference.ros.graph import rivals

KEPT = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
CALM = 1.0
"""Seconds of driving after which a reason that was logged before is logged anew."""


class Reports:
    """Publishes `~/stop_reason` whenever it changes ("" while the car drives) and diagnostics every second.

    Args:
        node: the inference node.
    """

    def __init__(self, node: Any) -> None:
        self._node = node
        self._reasons = node.create_publisher(String, "~/stop_reason", KEPT)
        self._diagnostics = node.create_publisher(DiagnosticArray, "/diagnostics", 10)
        self._reason: str | None = None
        self._said: set[str] = set()
        self._stopped = 0.0
        node.create_timer(1.0, self._publish)

    def say(self, verdict: Verdict, detail: str = "") -> None:
        """Tell of a stop once, however often it comes, and of its end."""
        now = time.monotonic()
        reason = verdict.stop or ""
        if reason:
            self._stopped = now
            if reason not in self._said:
                self._said.add(reason)
                self._node.get_logger().warning(f"stopped: {reason}{': ' if detail else ''}{detail}")
        elif now - self._stopped > CALM:
            self._said.clear()
        if reason != self._reason:
            self._reason = reason
            self._reasons.publish(String(data=reason))

    def _publish(self) -> None:
        node = self._node
        others = rivals(node, node.output.topics[0])
        level, text = DiagnosticStatus.OK, "drives" if node.is_active else "inactive"
        if others and node.is_active:
            level, text = DiagnosticStatus.WARN, f"{', '.join(others)} may publish commands, too"
        if node.is_active and self._reason:
            level, text = DiagnosticStatus.WARN, f"stopped: {self._reason}"
        values = {
            "state": "active" if node.is_active else "inactive" if node.driver else "unconfigured",
            "throttle cap": node.output.cap(node.limits),
            **node.health.figures(),
        }
        status = DiagnosticStatus(level=level, name=f"{node.get_name()}: driving", message=text)
        status.values = [KeyValue(key=key, value=value) for key, value in values.items()]
        message = DiagnosticArray(status=[status])
        message.header.stamp = node.get_clock().now().to_msg()
        self._diagnostics.publish(message)
