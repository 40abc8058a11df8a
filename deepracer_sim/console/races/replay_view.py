"""The replay of a race: its drives at once on the track from above, as ghosts."""

from __future__ import annotations

import asyncio

from fastapi import HTTPException
from fastapi.responses import JSONResponse
from nicegui import app, ui

from deepracer_sim.console.garage import Garage
from deepracer_sim.console.races.race_board import open_race, replay
from deepracer_sim.errors import DeepRacerError, RaceError
from deepracer_sim.races.race import TRACK

SCRIPT = '<script defer src="/static/races.js"></script>'


def add_route(garage: Garage) -> None:
    """Offer the drives of races to their pages."""

    @app.get("/races/{name}/replay.json")
    async def drives(name: str) -> JSONResponse:
        try:
            race = await asyncio.to_thread(open_race, garage.races, name)
            content = await asyncio.to_thread(replay, race)  # first: it refuses for a secret track
            shape = await garage.shapes.of(str(race.path / TRACK))
        except RaceError as error:
            raise HTTPException(404, str(error)) from error
        except DeepRacerError as error:
            raise HTTPException(500, str(error)) from error
        road = {"center": shape.center, "inner": shape.inner, "outer": shape.outer, "box": shape.box}
        return JSONResponse({**content, "road": road}, headers={"Cache-Control": "no-store"})


def replay_view(race: str) -> ui.element:
    """Lay out the replay of a race; it is fetched anew whenever `data-version` changes."""
    view = ui.element("race-replay").props(f"data-url=/races/{race}/replay.json data-version=0")
    return view.classes("replay")
