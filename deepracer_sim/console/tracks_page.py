"""Page: Tracks."""

from __future__ import annotations

from nicegui import ui

from deepracer_sim.console.frame import frame
from deepracer_sim.console.garage import Garage


def add(garage: Garage) -> None:
    """Register the page."""

    @ui.page("/tracks")
    async def page() -> None:
        with frame("Tracks"):
            pass
