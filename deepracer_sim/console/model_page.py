"""Page: Model."""

from __future__ import annotations

from nicegui import ui

from deepracer_sim.console.frame import frame
from deepracer_sim.console.garage import Garage


def add(garage: Garage) -> None:
    """Register the page."""

    @ui.page("/models/{name}")
    async def page(name: str) -> None:
        with frame(name):
            pass
