"""A node for the fast paths: an executor's wait costs time for everything that it looks at."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rclpy.callback_groups import CallbackGroup

try:
    from rclpy.event_handler import PublisherEventCallbacks, SubscriptionEventCallbacks
except ModuleNotFoundError:  # ROS 2 Humble
    from rclpy.qos_event import PublisherEventCallbacks, SubscriptionEventCallbacks
from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.qos import QoSProfile
from rclpy.subscription import Subscription


class Untended(CallbackGroup):
    """What is in this group no executor waits for."""

    def can_execute(self, entity: Any) -> bool:
        """Say no."""
        return False

    def beginning_execution(self, entity: Any) -> bool:
        """Say no."""
        return False

    def ending_execution(self, entity: Any) -> None:
        """Never called."""


class LeanNode(Node):
    """A node whose topics have no handlers of QoS events.

    With twelve publishers they take more than half of each wait: 260 us instead of 110.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        self._untended = Untended()
        super().__init__(*args, **options)

    def listen(self, kind: type, topic: str, qos: QoSProfile) -> Subscription:
        """Create a subscription whose messages wait until `waiting` takes them; it wakes nobody."""
        return self.create_subscription(kind, topic, _ignore, qos, callback_group=self._untended)

    def create_publisher(self, *args: Any, **options: Any) -> Publisher:
        """Create a publisher, as `Node` does."""
        options.setdefault("event_callbacks", PublisherEventCallbacks(use_default_callbacks=False))
        return super().create_publisher(*args, **options)

    def create_subscription(self, *args: Any, **options: Any) -> Subscription:
        """Create a subscription, as `Node` does."""
        options.setdefault("event_callbacks", SubscriptionEventCallbacks(use_default_callbacks=False))
        return super().create_subscription(*args, **options)


def waiting(subscription: Subscription) -> Iterator[Any]:
    """Take the messages that have come, the oldest first."""
    while True:
        with subscription.handle:
            taken = subscription.handle.take_message(subscription.msg_type, False)
        if taken is None:
            return
        yield taken[0]


def _ignore(message: Any) -> None:
    """Stand in for a callback."""
