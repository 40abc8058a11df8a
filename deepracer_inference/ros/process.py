"""How a node of the car begins and ends: whatever ends it, the wheels stop first."""

from __future__ import annotations

import os
import signal
import sys
import threading
from typing import Any, Callable, Sequence

import rclpy
from rclpy.executors import SingleThreadedExecutor

REFUSED = 2
"""Exit code of what is wrong with parameters or files."""
LOOK = 0.05
"""Seconds after which a signal is seen."""


def run(make_node: Callable[[], Any], args: Sequence[str] | None = None) -> int:
    """Spin a node until SIGINT or SIGTERM, then call its `stand_still` while it can still publish.

    Returns the exit code. A `ValueError` while it is made, as of wrong parameters, is said in a line.
    """
    _init(args)
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    try:
        node = make_node()
    except ValueError as error:
        print(f"deepracer: {' '.join(str(error).split())}", file=sys.stderr)
        rclpy.shutdown()
        return REFUSED
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    try:
        while rclpy.ok() and not ended.is_set():
            executor.spin_once(timeout_sec=LOOK)
    finally:
        node.stand_still()
        executor.shutdown()
        node.destroy_node()
        if rclpy.ok():
            rclpy.shutdown()
    return 0


def _init(args: Sequence[str] | None) -> None:
    """Start ROS without its signal handlers, which would shut it down before the last command is out."""
    try:
        from rclpy.signals import SignalHandlerOptions
    except ImportError:
        # ROS 2 Foxy: ours replace its handler.
        rclpy.init(args=args)
    else:
        rclpy.init(args=args, signal_handler_options=SignalHandlerOptions.NO)


class Watchdog:
    """Calls something again and again from a thread of its own, however busy the node is.

    An error in it ends the process, as SIGTERM does: nobody drives without the watch.

    Args:
        act: called without arguments.
        period: seconds.
    """

    def __init__(self, act: Callable[[], None], period: float) -> None:
        self._act, self._period = act, period
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Call it no more; returns when the last call is over."""
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        try:
            while not self._ended.wait(self._period):
                self._act()
        except Exception:
            os.kill(os.getpid(), signal.SIGTERM)
            raise
