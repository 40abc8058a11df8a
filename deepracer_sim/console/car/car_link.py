"""The console's end of the bridge to the car; the other end, which has ROS, is ros/car_bridge.py."""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
import sys
import time
from contextlib import suppress
from typing import Any

from nicegui import Client, Event, app, background_tasks

ALIVE = 1.0
"""Seconds between two words to the bridge."""
CONFIRM = 1.0
"""Seconds in which the car has to confirm a stop."""
ANSWER = 15.0
"""Seconds in which it has to answer anything else; loading a model takes some."""
ALONE = 5.0
"""Seconds that a car goes on which the console has started, and nobody has a page of it open."""
SILENT = 2.0
"""Seconds without an answer after which it is said that a car does not answer."""
AGAIN = 1.0
"""Seconds before a bridge that has died is started anew."""
LONGEST_LINE = 2**22
"""Bytes: a picture is far smaller."""
OFF = "The car has not answered. Switch it off by hand."


class CarLink:
    """Starts the bridge while somebody wants it, and knows what it says.

    Attributes:
        car: what the car said of itself; None without one.
        others: names of further inference nodes.
        domain: of ROS.
        fault: why there is no bridge.
        picture: the last one, JPEG, with the reason why there is none, its number and monotonic seconds.
        is_ours: the car was started here.
        alarm: what everybody has to know at once; empty for nothing.
        note: what has happened of itself.
        changed: emitted when the stop button or the alarm has to change, on every page.
    """

    def __init__(self) -> None:
        self.car: dict[str, Any] | None = None
        self.others: list[str] = []
        self.domain: int | None = None
        self.fault = self.alarm = self.note = ""
        self.picture: tuple[bytes, str, int, float] = (b"", "", 0, 0.0)
        self.is_ours = False
        self.changed: Event[[]] = Event()
        self._watchers: set[str] = set()
        self._process: asyncio.subprocess.Process | None = None
        self._is_running = self._is_closing = self._is_starting = self._is_stopping = False
        self._answers: dict[int, asyncio.Future[tuple[bool, str]]] = {}
        self._numbers = itertools.count(1)
        self._seen = time.monotonic()

    @property
    def is_active(self) -> bool:
        """The car may be driving, as far as anybody knows."""
        return self.car is not None and self.car["state"] == "active"

    @property
    def silence(self) -> float:
        """Seconds since the car last answered, if that is too long; else 0."""
        silence = self.car["silence"] if self.car else 0.0
        return silence if silence > SILENT else 0.0

    def enter(self, watcher: str) -> None:
        """Somebody has opened the page of the car."""
        self._watchers.add(watcher)
        if not self._is_running and not self._is_closing:
            self._is_running = True
            background_tasks.create(self._run(), name="car bridge")

    def leave(self, watcher: str) -> None:
        """Somebody has left it."""
        self._watchers.discard(watcher)

    async def ask(self, what: str, value: float = 0.0) -> tuple[bool, str]:
        """Have the car start, reset or take a cap; return whether it has, and what it said."""
        if what == "start":
            # Before it has: the console may die meanwhile.
            self.is_ours = self._is_starting = True
            self.note = ""
        answer = await self._ask(what, value, ANSWER)
        self._is_starting = False
        return answer or (False, "The car has not answered.")

    async def stop(self) -> tuple[bool, str]:
        """Stop the car; return whether it has confirmed that it stands, and what to tell everybody."""
        self._is_stopping = True  # until it has confirmed, however often that has to be asked
        answer = await self._ask("stop", 0.0, CONFIRM)
        if answer and answer[0]:
            self._is_stopping = self.is_ours = False
            if self.car is not None:
                self.car = {**self.car, "state": "inactive"}  # as it has just said; the next report follows
            self._warn("")
            self.changed.emit()
            return True, "The car has confirmed: it stands."
        self._warn(OFF)
        return False, OFF

    def dismiss(self) -> None:
        """Take a car that answers no more for switched off."""
        self._is_stopping = self.is_ours = False
        self._send({"do": "forget"})
        self.car = None  # until it is heard again
        self._warn("")
        self.changed.emit()

    async def close(self) -> None:
        """End the bridge, which stops a car that was started here."""
        self._is_closing = True
        if process := self._process:
            if process.stdin is not None:
                process.stdin.close()
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(process.wait(), 4.0)

    async def _run(self) -> None:
        """Have a bridge as long as somebody wants it."""
        try:
            self.fault = ""
            while self._is_wanted() and not self._is_closing:
                await self._serve()
                if self.fault:
                    return
                if self.is_active:
                    self._warn(
                        "The console has lost the car, which may be driving. It tries to find it again."
                    )
                if not self._is_closing and self._is_wanted():
                    await asyncio.sleep(AGAIN)
        finally:
            self._is_running = False
            self.changed.emit()

    def _is_wanted(self) -> bool:
        return bool(self._watchers) or self.car is not None

    async def _serve(self) -> None:
        """Start a bridge, and listen until it ends."""
        try:
            self._process = process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "deepracer_sim.ros.car_bridge",
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                limit=LONGEST_LINE,
                start_new_session=True,  # Ctrl-C is for the console, which ends the bridge
            )
        except OSError as error:
            self.fault = f"The bridge to ROS cannot be started: {error.strerror or error}"
            return
        assert process.stdin is not None and process.stdout is not None
        watch = asyncio.create_task(self._watch())
        has_spoken = False
        try:
            while line := await process.stdout.readline():
                if line.startswith(b"{"):  # ROS's libraries may print, too
                    self._hear(json.loads(line))
                    has_spoken = True
        finally:
            watch.cancel()
            process.stdin.close()
            await process.wait()
            self._process = None
            self._answer_all()
            if not (has_spoken or self._is_closing):
                self.fault = f"ROS 2 does not start: the bridge to it ended with {process.returncode}"

    async def _watch(self) -> None:
        """Tell the bridge that the console lives, and look whether anybody still looks."""
        while True:
            now = time.monotonic()
            if any(client.has_socket_connection for client in Client.instances.values()):
                self._seen = now
            if self.is_ours and self.is_active and now - self._seen > ALONE:
                self.note = "The car was stopped: nobody had a page of the console open."
                background_tasks.create(self.stop(), name="stop of a lonely car")
            elif self._is_stopping and self.is_active:
                self._send({"do": "stop", "id": 0})
            self._send({"do": "alive"})
            if not self._is_wanted() and self._process is not None and self._process.stdin is not None:
                self._process.stdin.close()
            await asyncio.sleep(ALIVE)

    def _hear(self, line: dict[str, Any]) -> None:
        if "fault" in line:
            self.fault, self.car = line["fault"], None
        elif "answer" in line:
            if (future := self._answers.pop(line["answer"], None)) and not future.done():
                future.set_result((line["done"], line["words"]))
        elif "picture" in line:
            data = base64.b64decode(line["picture"] or "")
            self.picture = (data, line.get("words", ""), self.picture[2] + 1, time.monotonic())
        else:
            self._see(line)

    def _see(self, line: dict[str, Any]) -> None:
        was_active, was_silent = self.is_active, self.silence > 0
        self.others, self.domain = line["others"], line["domain"]
        if line["car"] is None and was_active:
            return  # a bridge that was started anew has not found it yet
        self.car = line["car"]
        if self.is_active and self.silence:
            self._warn(
                f"The car was driving, and has not answered for {self.silence:.0f} s. Switch it off by hand."
            )
        elif self.car is not None and not self.silence:
            if not self.is_active:
                self._is_stopping = False
                self.is_ours = self.is_ours and self._is_starting
            if not self._is_stopping:
                self._warn("")
        if (self.is_active, self.silence > 0) != (was_active, was_silent):
            self.changed.emit()

    async def _ask(self, what: str, value: float, patience: float) -> tuple[bool, str] | None:
        number = next(self._numbers)
        self._answers[number] = asyncio.get_running_loop().create_future()
        self._send({"do": what, "id": number, "value": value})
        try:
            return await asyncio.wait_for(self._answers[number], patience)
        except asyncio.TimeoutError:
            self._answers.pop(number, None)
            return None

    def _answer_all(self) -> None:
        for future in self._answers.values():
            if not future.done():
                future.set_result((False, "The console has lost the car."))
        self._answers.clear()

    def _send(self, line: dict[str, Any]) -> None:
        if self._process is not None and self._process.stdin is not None:
            with suppress(OSError, RuntimeError):  # it has just died; `_run` sees that
                every = {"ours": self.is_ours, "watch": bool(self._watchers)}
                self._process.stdin.write(json.dumps({**line, **every}).encode() + b"\n")

    def _warn(self, words: str) -> None:
        if words != self.alarm:
            self.alarm = words
            self.changed.emit()


def make_link() -> CarLink:
    """Make the console's link, which ends with it."""
    link = CarLink()
    app.on_shutdown(link.close)
    return link
