"""Work in a thread beside a node's callbacks: started, called off, and over within a second at shutdown."""

from __future__ import annotations

import atexit
import os
import threading
from collections.abc import Callable

from rclpy.clock import Clock, ClockType
from rclpy.node import Node

from deepracer_sim.errors import DeepRacerError

LAST_SECOND = 1.0
"""Seconds that work may take to end at shutdown; what it had written is whole at any time."""

LOOK = 0.1
"""Seconds between two looks whether the work is over."""


class Job:
    """At most one piece of work at a time.

    Args:
        node: that logs how it ended.
        work: called in a thread of its own with an event that calls it off. A KeyboardInterrupt or a
            `DeepRacerError` from it is logged; any other error is a mistake of ours and ends the node.
    """

    def __init__(self, node: Node, work: Callable[[threading.Event], None]) -> None:
        self._node, self._work = node, work
        self._thread: threading.Thread | None = None
        self._called_off = threading.Event()
        self.error: Exception | None = None
        self._ends_node = False
        node.create_timer(LOOK, self._look, clock=Clock(clock_type=ClockType.STEADY_TIME))

    @property
    def is_running(self) -> bool:
        """Tell whether work is going on."""
        return self._thread is not None and self._thread.is_alive()

    def start(self) -> bool:
        """Begin; tell whether it did, which it does not while work is going on."""
        if self.is_running:
            return False
        self._called_off.clear()
        self.error = None
        # A daemon: work that does not end in time must not keep the process.
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        return True

    def stop(self) -> bool:
        """Call the work off, without waiting for it; tell whether there was any."""
        self._called_off.set()
        return self.is_running

    def shut_down(self) -> None:
        """Call the work off and wait for its end."""
        self._called_off.set()
        if self._thread is not None:
            self._thread.join(LAST_SECOND)
        if self.is_running:
            # A library in the middle of its work would abort when the interpreter ends beneath it.
            atexit.register(os._exit, 0)

    def end_node_when_over(self) -> None:
        """Shut the node's context down once the work is over; an error of it becomes the node's."""
        self._ends_node = True

    def _look(self) -> None:
        if self._thread is None or self.is_running:
            return
        if self.error is not None and (self._ends_node or not isinstance(self.error, DeepRacerError)):
            raise self.error
        if self._ends_node:
            self._node.context.try_shutdown()

    def _run(self) -> None:
        log = self._node.get_logger()
        try:
            self._work(self._called_off)
            log.info("done")
        except KeyboardInterrupt as interruption:
            log.info(str(interruption) or "called off")
        except DeepRacerError as error:
            self.error = error
            log.error(str(error))
        except Exception as error:
            # Whatever was being said when ROS was shut down could not be said.
            if self._node.context.ok():
                self.error = error
            else:
                log.info(f"shut down: {error}")
