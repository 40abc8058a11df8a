"""How every node here begins and ends."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

import rclpy
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node

from deepracer_sim.errors import DeepRacerError

REFUSED = 2
"""Exit code of an error that is meant for the user."""


def run(make_node: Callable[[], Node], args: Sequence[str] | None = None) -> int:
    """Spin a node until SIGINT, SIGTERM or its own end; return the exit code.

    A node that ends by itself shuts its context down. One that raises a `DeepRacerError` ends with a message
    and the code 2.
    """
    rclpy.init(args=args)
    node = None
    try:
        node = make_node()
        executor = SingleThreadedExecutor()
        executor.add_node(node)
        executor.spin()
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    except DeepRacerError as error:
        print(f"deepracer: {error}", file=sys.stderr)
        return REFUSED
    finally:
        if node is not None:
            node.destroy_node()
        rclpy.try_shutdown()
    return 0
