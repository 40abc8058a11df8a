"""The first page: all models."""

from __future__ import annotations

from nicegui import run, ui

from deepracer_sim.console.frame import frame
from deepracer_sim.console.garage import Garage


def add(garage: Garage) -> None:
    """Register the page."""

    @ui.page("/")
    async def models() -> None:
        with frame("Models", "Models"):
            rows = await run.io_bound(garage.store.rows)
            for row in rows:
                ui.link(row.name, f"/models/{row.name}")
            if not rows:
                ui.label("No models yet.").classes("soft")
