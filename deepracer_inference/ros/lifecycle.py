"""A managed node: rclpy's where it has one, since ROS 2 Humble, and a plain one on an older ROS 2."""

from __future__ import annotations

from typing import Any

from rclpy.node import Node

try:
    from rclpy.lifecycle import LifecycleNode
    from rclpy.lifecycle import TransitionCallbackReturn as Outcome
except ImportError:
    from deepracer_inference.ros.plain_lifecycle import Outcome, PlainLifecycleNode

    LifecycleNode = None

__all__ = ["ManagedNode", "Outcome"]


class _RclpyNode(LifecycleNode or Node):  # type: ignore[misc]
    """rclpy's, which an impossible transition does not end."""

    def __init__(self, name: str, **options: Any) -> None:
        super().__init__(name, **options)
        service = self._service_change_state
        change = service.callback

        def change_or_refuse(request: Any, response: Any) -> Any:
            try:
                return change(request, response)
            except RuntimeError as error:
                # Uncaught it would end the process, on a car that drives.
                self.get_logger().warning(f"transition refused: {error}")
                response.success = False
                return response

        service.callback = change_or_refuse

    def transition(self, name: str) -> bool:
        """Configure, activate, deactivate, cleanup or shutdown; tell whether it happened."""
        try:
            return bool(getattr(self, f"trigger_{name}")() == Outcome.SUCCESS)
        except RuntimeError as error:
            self.get_logger().warning(f"transition refused: {error}")
            return False


ManagedNode: Any = _RclpyNode if LifecycleNode else PlainLifecycleNode
