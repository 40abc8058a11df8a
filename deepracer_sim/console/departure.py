"""Browsers that have gone before they were answered: nobody's fault, and nothing to log."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any

from deepracer_sim.console.guard import App, Receive, Scope, Send

UNANSWERED = "No response returned."
"""What Starlette raises where the work on an answer was dropped because nobody waits for it."""


class Departure:
    """ASGI middleware: a page that was left while it was loading does not look like an error.

    Args:
        app: what it stands before.
    """

    def __init__(self, app: App) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        has_gone = False

        async def receive_noting() -> MutableMapping[str, Any]:
            nonlocal has_gone
            message = await receive()
            has_gone = has_gone or message["type"] == "http.disconnect"
            return message

        try:
            await self.app(scope, receive_noting, send)
        except RuntimeError as error:
            if not has_gone or str(error) != UNANSWERED:
                raise
