"""What a simulator says about its pace: diagnostics each second, and a warning when it falls behind."""

from __future__ import annotations

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.node import Node

from deepracer_sim.ros.conversions import to_diagnostics
from deepracer_sim.ros.pace import Pace
from deepracer_sim.ros.simulator import NANOSECONDS, Simulator


class PaceReport:
    """Publishes /diagnostics.

    Args:
        node: that publishes.
        simulator: whose time it is.
        pace: at which it goes.
    """

    def __init__(self, node: Node, simulator: Simulator, pace: Pace) -> None:
        self._node, self._simulator, self._pace = node, simulator, pace
        self._publisher = node.create_publisher(DiagnosticArray, "/diagnostics", 10)

    def publish(self) -> None:
        """Say how it goes now."""
        complaint, factor = self._pace.complaint, self._pace.factor
        if complaint:
            self._node.get_logger().warning(complaint, throttle_duration_sec=5.0)
        level = DiagnosticStatus.WARN if complaint else DiagnosticStatus.OK
        values = {
            "simulated_time": f"{self._simulator.time / NANOSECONDS:.3f}",
            "paused": str(self._simulator.is_paused).lower(),
            "real_time_factor": "" if factor is None else f"{factor:.3f}",
        }
        status = DiagnosticStatus(level=level, name="pace", message=complaint or "")
        self._publisher.publish(to_diagnostics(self._node, status, values))
