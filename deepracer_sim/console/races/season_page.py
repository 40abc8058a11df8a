"""Page: a season."""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import HTTPException, Request, Response
from nicegui import app, ui

from deepracer_sim.console.frame import Info, frame
from deepracer_sim.console.garage import Garage
from deepracer_sim.console.races.leaderboard_view import PLACE
from deepracer_sim.console.races.races_page import STYLE, state_chip
from deepracer_sim.errors import RaceError
from deepracer_sim.races.season import Season, season_json, season_page

ABOUT = """
A race gives **a thousand points less the seconds** of the result, and none to those who did not finish. A
racer is who drives under the same name in all races. Races that are still open count too, as they stand
now.

A race counts for a season if it was made with its name.
"""
MEDIA = {"html": "text/html; charset=utf-8", "json": "application/json"}


def add(garage: Garage) -> None:
    """Register the page and its downloads."""

    @ui.page("/seasons/{name}")
    async def page(name: str, request: Request) -> Response | None:
        ui.add_head_html(STYLE)
        try:
            season = await asyncio.to_thread(Season.of, garage.races, name)
        except RaceError as error:
            with frame("No such season", "Races"):
                ui.label(str(error).partition("; deepracer")[0]).classes("soft")
                ui.link("All races", "/races")
            return ui.context.client.build_response(request, 404)
        with frame(f"Season {season.name}", "Races") as info:
            _show(season, info)
        return None

    @app.get("/seasons/{name}/season.{kind}")
    async def download(name: str, kind: str) -> Response:
        if kind not in MEDIA:
            raise HTTPException(404, "a season is there as html and as json")
        try:
            season = await asyncio.to_thread(Season.of, garage.races, name)
        except RaceError as error:
            raise HTTPException(404, str(error)) from error
        content = season_page(season) if kind == "html" else season_json(season)
        attached = {"Content-Disposition": f'attachment; filename="season_{season.name}.{kind}"'}
        return Response(content, media_type=MEDIA[kind], headers=attached)


def _show(season: Season, info: Info) -> None:
    with ui.row().classes("race-bar"):
        ui.link("All races", "/races")
        ui.space()
        info.button("Seasons", ABOUT)
        for kind in MEDIA:
            ui.link(f"Download {kind.upper()}", f"/seasons/{season.name}/season.{kind}").classes(
                "race-download"
            )
    with ui.element("div").classes("card w-full"):
        if season.standings:
            _table(season)
        else:
            ui.label("No entries yet.").classes("soft")
    ui.label("Races").classes("text-h6").props("role=heading aria-level=2")
    with ui.column().classes("w-full gap-2"):
        for board in season.boards:
            with ui.row().classes("items-center"):
                ui.link(board.race.name, f"/races/{board.race.name}")
                state_chip(board.race)
    for problem in season.problems:
        ui.label(f"Left out: {problem}").classes("bad")


def _table(season: Season) -> None:
    races = [(f"race{number}", board.race.name) for number, board in enumerate(season.boards)]
    titles = [("place", "Place"), ("racer", "Racer"), ("points", "Points"), *races]
    columns = [
        {
            "name": name,
            "label": title,
            "field": name,
            "align": "left" if name in ("place", "racer") else "right",
        }
        for name, title in titles
    ]
    rows: list[dict[str, Any]] = []
    for row in season.standings:
        points = {name: _points(value) for (name, _), value in zip(races, row.by_race, strict=True)}
        rows.append({"place": row.place, "racer": row.racer, "points": f"{row.points:.3f}", **points})
    table = ui.table(columns=columns, rows=rows, row_key="racer").classes("board w-full")
    table.props("flat hide-pagination :rows-per-page-options='[0]'")
    table.add_slot("body-cell-place", PLACE)


def _points(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
