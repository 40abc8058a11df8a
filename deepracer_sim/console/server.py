"""The console's web server."""

from __future__ import annotations

import socket
import threading
import webbrowser
from contextlib import suppress
from pathlib import Path

import uvicorn
from fastapi import FastAPI
from nicegui import app as nicegui_app
from nicegui import ui

from deepracer_sim.console.car import car_page
from deepracer_sim.console.create import create_page
from deepracer_sim.console.departure import Departure
from deepracer_sim.console.frame import TITLE
from deepracer_sim.console.garage import Garage
from deepracer_sim.console.guard import Guard, is_loopback
from deepracer_sim.console.model import model_page
from deepracer_sim.console.models import models_page
from deepracer_sim.console.password import has_password, is_password, password_file
from deepracer_sim.console.races import race_page, races_page, season_page
from deepracer_sim.console.tracks import tracks_page
from deepracer_sim.console.upload_limit import UploadLimit
from deepracer_sim.errors import SettingError

STATIC = Path(__file__).parent / "static"
PAGES = (models_page, create_page, model_page, races_page, race_page, season_page, tracks_page, car_page)
"""Modules whose `add(garage)` registers pages."""
SOCKET_BACKLOG = 128


def make_app(garage: Garage, is_local: bool, needs_password: bool) -> Guard:
    """Return the console as an ASGI application; one process can have one."""
    app = FastAPI(openapi_url=None)
    nicegui_app.add_static_files("/static", STATIC)
    for page in PAGES:
        page.add(garage)
    nicegui_app.on_startup(garage.workshop.warm_up)
    nicegui_app.on_shutdown(garage.workshop.close)
    ui.run_with(app, title=TITLE, dark=None, show_welcome_message=False, favicon=STATIC / "favicon.svg")
    return Guard(Departure(UploadLimit(app)), is_local, needs_password)


def serve(host: str, port: int, store: Path | None, races: Path | None, open_browser: bool) -> None:
    """Run the console until Ctrl-C.

    Raises:
        SettingError: it would be open to other machines without a password, or cannot listen there.
    """
    is_local = is_loopback(host)
    if not is_local and not has_password():
        raise SettingError(
            f"--host={host}: other machines could use the console: set a password first, with deepracer "
            f"console --set-password (its hash goes to {password_file()})"
        )
    if not is_local:
        is_password("")  # a damaged hash is better found now than by whoever logs in
    garage = Garage.opened(store, races)
    listening = _listening(host, port)
    shown = "localhost" if host == "127.0.0.1" else f"[{host}]" if ":" in host else host
    address = f"http://{shown}:{listening.getsockname()[1]}"
    application = make_app(garage, is_local, not is_local)
    config = uvicorn.Config(application, log_level="warning", timeout_graceful_shutdown=2)
    server = _Server(config, address, open_browser)
    with suppress(KeyboardInterrupt):
        server.run([listening])
    print("\nThe console has ended; trainings go on.")


class _Server(uvicorn.Server):
    """Says where it is as soon as it answers."""

    def __init__(self, config: uvicorn.Config, address: str, open_browser: bool) -> None:
        super().__init__(config)
        self._address, self._open_browser = address, open_browser

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        print(f"The console is at {self._address}; Ctrl-C ends it, trainings go on.", flush=True)
        if self._open_browser:
            threading.Thread(target=webbrowser.open, args=(self._address,), daemon=True).start()


def _listening(host: str, port: int) -> socket.socket:
    if not 0 <= port <= 65535:
        raise SettingError(f"--port={port}: must be from 0 to 65535")
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, _, _, _, place = found[0]
        listening = socket.create_server(place[:2], family=family, backlog=SOCKET_BACKLOG)
    except OSError as error:
        raise SettingError(
            f"cannot listen at {host}:{port}: {error.strerror or error}; choose another port with --port"
        ) from error
    listening.set_inheritable(False)
    return listening
