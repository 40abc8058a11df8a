"""Stands before the whole console: who may ask, and from which page."""

from __future__ import annotations

import asyncio
import html
import ipaddress
import secrets
import time
from collections.abc import Awaitable, Callable, MutableMapping
from http.cookies import CookieError, SimpleCookie
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from deepracer_sim.console.password import LONGEST, is_password

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

COOKIE = "deepracer_console"
SESSION_SECONDS = 12 * 3600
MOST_SESSIONS = 1000
LOGIN, LOGOUT = "/login", "/logout"
FAILURE_PAUSE = 1.0
"""Seconds that a wrong password costs, one after another, whoever tries."""
LOCAL_NAMES = ("localhost", "127.0.0.1", "[::1]")
HEADERS = {
    b"x-content-type-options": b"nosniff",
    b"x-frame-options": b"SAMEORIGIN",
    b"referrer-policy": b"same-origin",
}
PAGE = Path(__file__).parent / "static" / "login.html"


def is_loopback(host: str) -> bool:
    """Tell whether only this machine reaches an address."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


class Guard:
    """ASGI middleware.

    A request must name a host that is meant (another name that leads to this machine is how a foreign page
    gets around the browser's rules), a change or a WebSocket must come from a page of the console itself, and
    where there is a password, only who has given it gets anything but the page that asks for it.

    Args:
        app: what is guarded.
        is_local: whether the console listens to this machine only.
        needs_password: whether one is asked for.
    """

    def __init__(self, app: App, is_local: bool, needs_password: bool) -> None:
        self.app, self.is_local, self.needs_password = app, is_local, needs_password
        self._sessions: dict[str, float] = {}
        self._trying = asyncio.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, answer it, or refuse it."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        headers = {name.lower(): value.decode("latin-1") for name, value in scope["headers"]}
        if fault := self._fault(scope, headers):
            await _refuse(scope, receive, send, fault)
        elif scope["path"] in (LOGIN, LOGOUT) and scope["type"] == "http":
            await self._login(scope, headers, receive, send)
        elif self.needs_password and not self._is_known(headers):
            if scope["type"] == "http" and scope["method"] == "GET" and not scope["path"].startswith("/_"):
                await _answer(send, 303, "", {b"location": LOGIN.encode()})
            else:
                await _refuse(scope, receive, send, "log in first")
        else:
            await self.app(scope, receive, _with_headers(send))

    def _fault(self, scope: Scope, headers: dict[bytes, str]) -> str | None:
        host, origin = headers.get(b"host", ""), headers.get(b"origin")
        name = host if host.endswith("]") else host.rpartition(":")[0] or host
        if self.is_local and name.lower() not in LOCAL_NAMES:
            return f"this console is for this machine only: open it as http://localhost, not as {host}"
        changes = scope["type"] == "websocket" or scope["method"] not in ("GET", "HEAD")
        if changes and origin is None and scope["type"] == "websocket":
            return "a WebSocket without an Origin"
        if origin is not None and changes and origin.partition("://")[2] != host:
            return f"this came from a page of {origin}, not of the console"
        return None

    def _is_known(self, headers: dict[bytes, str]) -> bool:
        return self._sessions.get(_token(headers), 0.0) > time.monotonic()

    async def _login(self, scope: Scope, headers: dict[bytes, str], receive: Receive, send: Send) -> None:
        if not self.needs_password:
            await _answer(send, 303, "", {b"location": b"/"})
        elif scope["path"] == LOGOUT:
            self._sessions.pop(_token(headers), None)
            await _answer(send, 303, "", {b"location": LOGIN.encode(), b"set-cookie": _cookie("", 0, scope)})
        elif scope["method"] != "POST":
            await _answer(send, 200, _page(""))
        else:
            password = parse_qs(await _body(receive)).get("password", [""])[0]
            async with self._trying:
                is_right = await asyncio.to_thread(is_password, password)
                if not is_right:
                    await asyncio.sleep(FAILURE_PAUSE)
            if not is_right:
                await _answer(send, 403, _page("This is not the password."))
                return
            cookie = _cookie(self._new_session(), SESSION_SECONDS, scope)
            await _answer(send, 303, "", {b"location": b"/", b"set-cookie": cookie})

    def _new_session(self) -> str:
        now = time.monotonic()
        living = sorted((end, token) for token, end in self._sessions.items() if end > now)
        self._sessions = {token: end for end, token in living[-MOST_SESSIONS + 1 :]}
        token = secrets.token_urlsafe(32)
        self._sessions[token] = now + SESSION_SECONDS
        return token


def _token(headers: dict[bytes, str]) -> str:
    try:
        cookie = SimpleCookie(headers.get(b"cookie", "")).get(COOKIE)
    except CookieError:
        return ""
    return cookie.value if cookie else ""


def _cookie(token: str, seconds: int, scope: Scope) -> bytes:
    secure = "; Secure" if scope.get("scheme") == "https" else ""
    return f"{COOKIE}={token}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}".encode()


def _page(message: str) -> str:
    return PAGE.read_text(encoding="utf-8").replace("<!-- message -->", html.escape(message))


async def _body(receive: Receive) -> str:
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body") or len(body) > 20 * LONGEST:
            return body.decode("utf-8", "replace")


async def _refuse(scope: Scope, receive: Receive, send: Send, reason: str) -> None:
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.close", "code": 1008, "reason": reason[:100]})
    else:
        await _answer(send, 403, f"<!doctype html><title>Refused</title>{html.escape(reason)}")


async def _answer(send: Send, status: int, text: str, headers: dict[bytes, bytes] | None = None) -> None:
    own = {b"content-type": b"text/html; charset=utf-8", b"cache-control": b"no-store"}
    every = {**own, **HEADERS, **(headers or {})}
    await send({"type": "http.response.start", "status": status, "headers": list(every.items())})
    await send({"type": "http.response.body", "body": text.encode()})


def _with_headers(send: Send) -> Send:
    async def send_with_headers(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message.get("headers", []), *HEADERS.items()]
        await send(message)

    return send_with_headers
