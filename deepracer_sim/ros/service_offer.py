"""A service that answers whatever happens in it."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from typing import Any

from rclpy.node import Node

FAILED = 4
"""What simulation_interfaces calls an operation that failed."""


def offer(node: Node, kind: Any, name: str, answer: Callable[[Any, Any], None]) -> None:
    """Offer a service.

    An error in it is logged and answered: with what the response is at first, which means no success, and
    with the error where the response has room for it.

    Args:
        node: that offers it.
        kind: of service.
        name: of the service.
        answer: takes the request and fills in the response.
    """

    def respond(request: Any, response: Any) -> Any:
        try:
            answer(request, response)
        except Exception as error:
            if not node.context.ok():
                raise
            node.get_logger().error(f"{name}: {traceback.format_exc()}")
            response = kind.Response()
            if hasattr(response, "result"):
                response.result.result, response.result.error_message = FAILED, repr(error)
        return response

    node.create_service(kind, name, respond)
