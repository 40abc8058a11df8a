"""A node that is spun only while something is waited for, with a deadline for everything."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from rclpy.client import Client
from rclpy.context import Context
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor

from deepracer_sim.errors import DeepRacerError, ShutdownInterrupt
from deepracer_sim.ros.lean_node import LeanNode

LOOK_UP = 0.1
"""Seconds after which a wait looks whether it was called off."""
SHORT_PAUSES = [0.0001] * 10 + [0.0005] * 10
LONG_PAUSE = 0.002
"""Seconds between two looks for messages: most are there already, or in the next moment."""


class SilenceError(DeepRacerError):
    """Something that should have come over ROS did not come in time."""


class Connection:
    """A node with an executor of its own, for the thread that made it.

    Args:
        name: of the node.
        timeout: seconds that a wait may last.
        called_off: once it is set, every wait ends with KeyboardInterrupt.
        context: of ROS; by default the process's.
        discovery: seconds that it takes at the start to hear of others on the graph.
    """

    def __init__(
        self,
        name: str,
        timeout: float,
        called_off: threading.Event | None = None,
        context: Context | None = None,
        discovery: float = 0.0,
    ) -> None:
        self.node = LeanNode(name, context=context, start_parameter_services=False)
        self.timeout, self.discovery = timeout, discovery
        self.called_off = called_off or threading.Event()
        self._executor = SingleThreadedExecutor(context=context)
        self._executor.add_node(self.node)

    def wait(self, is_done: Callable[[], bool], what: str, timeout: float | None = None) -> None:
        """Take messages until `is_done`.

        Args:
            is_done: looked at after each message.
            what: is waited for, for the error.
            timeout: seconds; by default the connection's.

        Raises:
            SilenceError: it did not come in time.
            KeyboardInterrupt: the wait was called off.
            ShutdownInterrupt: ROS was shut down.
        """
        self._until(is_done, what, timeout, self._spin)

    def poll(self, is_done: Callable[[], bool], what: str, timeout: float) -> None:
        """Wait for what does not wake the executor, messages of `LeanNode.listen`; raises as `wait`."""
        pauses = iter(SHORT_PAUSES)
        self._until(is_done, what, timeout, lambda left: time.sleep(next(pauses, LONG_PAUSE)))

    def _until(
        self,
        is_done: Callable[[], bool],
        what: str,
        timeout: float | None,
        pass_time: Callable[[float], None],
    ) -> None:
        limit = self.timeout if timeout is None else timeout
        deadline = time.monotonic() + limit
        while True:
            if not self.node.context.ok():
                raise ShutdownInterrupt
            if is_done():
                return
            left = deadline - time.monotonic()
            if self.called_off.is_set():
                raise KeyboardInterrupt
            if left <= 0:
                raise SilenceError(f"{what} did not come within {limit:g} s")
            pass_time(left)

    def _spin(self, left: float) -> None:
        try:
            self._executor.spin_once(timeout_sec=min(left, LOOK_UP))
        except ExternalShutdownException:
            raise ShutdownInterrupt from None

    def call(self, client: Client, request: Any, timeout: float | None = None) -> Any:
        """Return a service's answer; raises as `wait`, the service being named."""
        self.wait(client.service_is_ready, f"the service {client.srv_name}", timeout)
        future = client.call_async(request)
        try:
            self.wait(future.done, f"an answer of {client.srv_name}", timeout)
        finally:
            if not future.done():
                client.remove_pending_request(future)
        return future.result()

    def close(self) -> None:
        """Let go of the node."""
        self._executor.shutdown()
        self.node.destroy_node()
