"""Sends what is driven just now to the browsers: a WebSocket for each, one reader for all of a model."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path

from fastapi import WebSocket, WebSocketDisconnect
from nicegui import app

from deepracer_sim.console.garage import Garage
from deepracer_sim.errors import ModelError
from deepracer_sim.garage.model_store import ModelStore
from deepracer_sim.live_file import INTERVAL, LIVE, number_of, read_live

LOOKS = 10
"""Readings between two looks for a newer run."""
UNKNOWN = 4404
"""Code that a WebSocket is closed with where there is no such model."""


class _Feed:
    """The newest state of a model's training, for all who watch it.

    Args:
        store: of the models.
        name: of the model.
    """

    def __init__(self, store: ModelStore, name: str) -> None:
        self._store, self._name = store, name
        self.watchers = 0
        self.state = b""
        self.changed = asyncio.Condition()

    async def read(self) -> None:
        """Read on and on."""
        looks, file, number = 0, Path(), 0
        while True:
            if looks % LOOKS == 0:
                file = await asyncio.to_thread(self._find)
            looks += 1
            state = await asyncio.to_thread(read_live, file)
            if state is not None and number_of(state) != number:
                number = number_of(state)
                async with self.changed:
                    self.state = state
                    self.changed.notify_all()
            await asyncio.sleep(INTERVAL)

    def _find(self) -> Path:
        """Return the live file of the newest run; none has it while nothing drives."""
        with suppress(ModelError):
            model = self._store.open(self._name)
            if numbers := model.run_numbers():
                return model.run_path(numbers[-1]) / LIVE
        return Path(LIVE).absolute() / LIVE


class LiveFeeds:
    """Sends models' states to those who watch, as long as they do.

    Args:
        store: of the models.
    """

    def __init__(self, store: ModelStore) -> None:
        self._store = store
        self._feeds: dict[str, tuple[_Feed, asyncio.Task[None]]] = {}

    async def serve(self, socket: WebSocket, name: str) -> None:
        """Send states until the browser goes; one that is slow misses some."""
        await socket.accept()
        if not await asyncio.to_thread(self._store.has, name):
            await socket.close(UNKNOWN, "no such model")
            return
        feed = self._joined(name)
        sending = asyncio.create_task(_send(socket, feed))
        try:
            while True:
                await socket.receive_bytes()  # nobody says anything; this waits for the end
        except (WebSocketDisconnect, KeyError):
            pass
        finally:
            sending.cancel()
            self._leave(name, feed)

    def _joined(self, name: str) -> _Feed:
        if name not in self._feeds:
            feed = _Feed(self._store, name)
            self._feeds[name] = feed, asyncio.create_task(feed.read())
        feed = self._feeds[name][0]
        feed.watchers += 1
        return feed

    def _leave(self, name: str, feed: _Feed) -> None:
        feed.watchers -= 1
        if not feed.watchers:
            self._feeds.pop(name)[1].cancel()


async def _send(socket: WebSocket, feed: _Feed) -> None:
    sent = b""
    with suppress(WebSocketDisconnect, RuntimeError):  # it has gone meanwhile
        while True:
            async with feed.changed:
                while feed.state is sent or not feed.state:
                    await feed.changed.wait()
                sent = feed.state
            await socket.send_bytes(sent)


def add(garage: Garage) -> None:
    """Register the WebSocket."""
    feeds = LiveFeeds(garage.store)

    @app.websocket("/live/{name}")
    async def live(socket: WebSocket, name: str) -> None:
        await feeds.serve(socket, name)
