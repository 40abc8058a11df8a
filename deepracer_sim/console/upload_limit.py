"""Refuses requests that are too large, before they fill the memory or the disk."""

from __future__ import annotations

import asyncio
from collections.abc import MutableMapping
from typing import Any

from starlette.responses import PlainTextResponse

from deepracer_sim.console.guard import App, Receive, Scope, Send

MOST_BYTES = 128 << 20
"""Of an upload; larger models are imported on the command line."""
FRAME = 1 << 20
"""Bytes that a request may have around the files that it brings."""
TOO_LARGE = f"an upload may have at most {MOST_BYTES >> 20} MiB"


class UploadLimit:
    """ASGI middleware: a request whose body is too large gets 413, whatever it said about its length.

    Args:
        app: what it stands before.
    """

    def __init__(self, app: App) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] != "http" or scope["method"] in ("GET", "HEAD"):
            await self.app(scope, receive, send)
        elif _announced(scope) > MOST_BYTES + FRAME or not await self._answered(scope, receive, send):
            await PlainTextResponse(TOO_LARGE, 413, {"connection": "close"})(scope, receive, send)

    async def _answered(self, scope: Scope, receive: Receive, send: Send) -> bool:
        """Pass a request on; end the work on it, and return False, when too much of it has come."""
        count = 0

        async def receive_counted() -> MutableMapping[str, Any]:
            nonlocal count
            message = await receive()
            count += len(message.get("body", b""))
            if count > MOST_BYTES + FRAME:
                work.cancel()  # an exception would be answered, and logged, as the console's own fault
                await asyncio.Event().wait()
            return message

        work = asyncio.ensure_future(self.app(scope, receive_counted, send))
        try:
            await work
        except asyncio.CancelledError:
            if count > MOST_BYTES + FRAME:
                return False
            raise
        return True


def _announced(scope: Scope) -> int:
    lengths = [value for name, value in scope["headers"] if name.lower() == b"content-length"]
    return max((int(length) for length in lengths if length.isdigit()), default=0)
