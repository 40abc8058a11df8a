"""Somebody on the other side of a node's topics and services."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip("rclpy", reason="ROS 2 is not installed: make ros")

import rclpy
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from ros_nodes import NodeProcess

PATIENCE = 20.0
"""Seconds; far more than anything takes."""
ANY = QoSProfile(depth=100, reliability=ReliabilityPolicy.BEST_EFFORT)
KEPT = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)


class Peer:
    """A node of its own context, spun while something is waited for.

    Args:
        domain: where it looks.
        process: the node that it deals with; what is waited for may show that it has ended.
    """

    def __init__(self, domain: int, process: NodeProcess) -> None:
        self.process = process
        self.context = Context()
        with pytest.MonkeyPatch.context() as patch:
            # Those who look elsewhere find each other late.
            patch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
            rclpy.init(context=self.context, domain_id=domain)
        self.node = Node("peer", context=self.context, start_parameter_services=False, enable_rosout=False)
        self._executor = SingleThreadedExecutor(context=self.context)
        self._executor.add_node(self.node)
        self._clients: dict[str, Any] = {}
        self._publishers: dict[str, Publisher] = {}

    def hear(self, kind: type, topic: str, qos: QoSProfile = ANY) -> list[Any]:
        """Return a list that all messages of a topic will be in; wait until there is a publisher."""
        heard: list[Any] = []
        self.node.create_subscription(kind, topic, heard.append, qos)
        self.until(lambda: self.node.count_publishers(topic) > 0, f"a publisher of {topic}")
        return heard

    def say(self, topic: str, message: Any) -> None:
        """Publish a message to somebody who listens."""
        if topic not in self._publishers:
            self._publishers[topic] = self.node.create_publisher(type(message), topic, 1)
        publisher = self._publishers[topic]
        self.until(lambda: publisher.get_subscription_count() > 0, f"a listener to {topic}")
        publisher.publish(message)

    def ask(self, kind: Any, name: str, request: Any = None) -> Any:
        """Return a service's answer."""
        if name not in self._clients:
            self._clients[name] = self.node.create_client(kind, name)
        client = self._clients[name]
        self.until(client.service_is_ready, f"the service {name}")
        future = client.call_async(request or kind.Request())
        self.until(future.done, f"an answer of {name}")
        return future.result()

    def until(self, is_done: Callable[[], Any], what: str, patience: float = PATIENCE) -> None:
        """Spin until something is so."""
        deadline = time.monotonic() + patience
        while not is_done():
            if time.monotonic() > deadline:
                code = self.process.process.poll()
                state = "runs" if code is None else f"ended with {code}"
                pytest.fail(
                    f"{what} did not come within {patience:g} s; the node {state}:\n{self.process.text()}"
                )
            self._executor.spin_once(timeout_sec=0.05)

    def spin(self, seconds: float) -> None:
        """Take what comes for a while."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self._executor.spin_once(timeout_sec=0.01)

    def close(self) -> None:
        """Leave."""
        self._executor.shutdown()
        self.node.destroy_node()
        rclpy.shutdown(context=self.context)
