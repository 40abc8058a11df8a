"""How every node here begins and ends."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Sequence

import rclpy
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node
from rclpy.signals import uninstall_signal_handlers

from deepracer_sim.errors import DeepRacerError

REFUSED = 2
"""Exit code of an error that is meant for the user."""


def run(make_node: Callable[[], Node], args: Sequence[str] | None = None) -> int:
    """Spin a node until SIGINT, SIGTERM or its own end; return the exit code that the process is to end with.

    A node that ends by itself shuts its context down. One that raises a `DeepRacerError`, or gets arguments
    that ROS does not understand, ends with a message and the code 2.
    """
    try:
        rclpy.init(args=args)
    except Exception as error:
        # Nothing but the arguments can be wrong yet.
        return _refuse(error)
    node = None
    try:
        node = make_node()
        executor = SingleThreadedExecutor()
        executor.add_node(node)
        executor.spin()
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    except DeepRacerError as error:
        return _refuse(error)
    except Exception:
        # Whatever was being said when ROS was shut down could not be said.
        if rclpy.ok():
            raise
    finally:
        # It waits for the thread that a signal started, which shuts down as well.
        uninstall_signal_handlers()
        # Who presses Ctrl-C twice wants what is happening already.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        if node is not None:
            node.destroy_node()
        rclpy.try_shutdown()
    return 0


def _refuse(error: Exception) -> int:
    print(f"deepracer: {' '.join(str(error).split())}", file=sys.stderr)
    return REFUSED
