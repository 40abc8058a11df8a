"""Pages: Create a model, and Clone one, which is the same form."""

from __future__ import annotations

from asyncio import to_thread

from nicegui import ui

from deepracer_sim.console.create.create_form import CreateForm
from deepracer_sim.console.create.model_making import read_parent
from deepracer_sim.console.create.reward_section import RewardTrials
from deepracer_sim.console.frame import frame
from deepracer_sim.console.garage import Garage
from deepracer_sim.console.tracks.kept_tracks import track_named
from deepracer_sim.errors import ModelError

HEAD = '<link rel="stylesheet" href="/static/create.css"><script src="/static/create.js"></script>'

PATIENCE = 600.0
"""Seconds that a half-filled form is kept for a browser that has lost the connection."""


def add(garage: Garage) -> None:
    """Register the pages."""
    trials = RewardTrials(garage)

    @ui.page("/create", reconnect_timeout=PATIENCE)
    async def create(track: str = "") -> None:
        ui.add_head_html(HEAD)
        chosen = await to_thread(track_named, garage.tracks, track)
        with frame("Create a model", "Models") as info:
            await CreateForm(garage, trials, info, track=chosen).show()

    @ui.page("/models/{name}/clone", reconnect_timeout=PATIENCE)
    async def clone(name: str) -> None:
        ui.add_head_html(HEAD)
        try:
            parent = await to_thread(read_parent, garage.store, name)
        except ModelError as error:
            ui.context.client.status_code = 404
            with frame("No such model", "Models"):
                ui.label(str(error)).classes("soft")
                ui.link("All models", "/")
            return
        with frame(f"Clone {name}", "Models") as info:
            await CreateForm(garage, trials, info, parent).show()
