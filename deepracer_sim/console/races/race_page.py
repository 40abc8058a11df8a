"""Page: one race."""

from __future__ import annotations

import asyncio
from concurrent.futures.process import BrokenProcessPool

from fastapi import HTTPException, Request, Response
from fastapi.responses import FileResponse
from nicegui import app, ui

from deepracer_sim.console.frame import Info, frame, show_fault
from deepracer_sim.console.garage import Garage
from deepracer_sim.console.races.leaderboard_view import LeaderboardView
from deepracer_sim.console.races.race_board import close, leaderboard_html, open_race, stamp
from deepracer_sim.console.races.race_entry import KIND, EntryDialog, JobList
from deepracer_sim.console.races.races_page import STYLE, capital, race_picture, shown_track, state_chip
from deepracer_sim.console.races.replay_view import SCRIPT, add_route, replay_view
from deepracer_sim.errors import DeepRacerError, RaceError
from deepracer_sim.races.leaderboard import Leaderboard, leaderboard_json
from deepracer_sim.races.leaderboard_page import VIDEO
from deepracer_sim.races.race import PUBLISHED, Race

LOOK = 1.0
"""Seconds between two looks at the files."""
ABOUT_REPLAY = """
All racers' best entries at once, each driven **alone**: the others are ghosts, which no car has seen. They
were kept when the cars drove, so this is what happened and not a new drive.

A car that was put back on the road stands for the seconds that this cost it; so who is ahead here is ahead
in the leaderboard. **Best laps** lets all begin at the line with their best lap; **Whole drives** begins at
the start.
"""
ABOUT_SECRET = """
The track was made up when the race was made. Nobody sees it before the race is closed: neither here nor in
a download. So that nobody can exchange it, a **commitment** was published then: the SHA-256 of the track's
seed and a random number, both of which are revealed when the race is closed.
"""


def add(garage: Garage) -> None:
    """Register the page, and what it offers to download."""
    add_route(garage)
    _add_downloads(garage)

    @ui.page("/races/{name}")
    async def page(name: str, request: Request) -> Response | None:
        ui.add_head_html(STYLE)
        try:
            race = await asyncio.to_thread(open_race, garage.races, name)
            board = await asyncio.to_thread(Leaderboard.of, race)
        except RaceError as error:
            with frame("No such race", "Races"):
                ui.label(f"{capital(str(error))}.").classes("soft")
                ui.link("All races", "/races")
            return ui.context.client.build_response(request, 404)
        ui.add_head_html(SCRIPT)
        with frame(race.name, "Races") as info:
            _RacePage(garage, race, info).show(board)
        return None


def _add_downloads(garage: Garage) -> None:
    async def opened(name: str) -> Race:
        try:
            return await asyncio.to_thread(open_race, garage.races, name)
        except RaceError as error:
            raise HTTPException(404, str(error)) from error

    def attached(race: Race, kind: str) -> dict[str, str]:
        return {"Content-Disposition": f'attachment; filename="{race.name}.{kind}"'}

    @app.get("/races/{name}/leaderboard.json")
    async def data(name: str) -> Response:
        race = await opened(name)
        content = leaderboard_json(await asyncio.to_thread(Leaderboard.of, race))
        return Response(content, media_type="application/json", headers=attached(race, "json"))

    @app.get("/races/{name}/leaderboard.html")
    async def table(name: str) -> Response:
        race = await opened(name)
        content = await garage.workshop.run(leaderboard_html, str(race.path))
        return Response(content, media_type="text/html; charset=utf-8", headers=attached(race, "html"))

    @app.get(f"/races/{{name}}/{VIDEO}")
    async def video(name: str) -> Response:
        race = await opened(name)
        file = race.path / PUBLISHED / VIDEO
        if race.is_secret or not file.is_file():
            raise HTTPException(404, f"{name} has no video")
        return FileResponse(file, media_type="video/mp4")


class _RacePage:
    def __init__(self, garage: Garage, race: Race, info: Info) -> None:
        self.garage, self.race, self.info = garage, race, info
        self.stamp = stamp(race.path)
        self.replay: ui.element | None = None

    def show(self, board: Leaderboard) -> None:
        self.entry = EntryDialog(self.garage, self.race)
        with ui.row().classes("race-bar"):
            ui.link("All races", "/races")
            self.state = ui.row().classes("items-center")
            ui.space()
            self.open_buttons = ui.row().classes("items-center")
            with self.open_buttons:
                ui.button("Close race", icon="flag", on_click=self._ask_to_close).props("flat no-caps")
                ui.button("Enter a model", icon="login", on_click=self.entry.open).props("unelevated no-caps")
        self.rule = ui.label(f"{capital(self.race.rules.sentence())}.").classes("soft")
        self.jobs = JobList(self.garage, self.race, self.entry)
        with ui.element("div").classes("race-columns"):
            with ui.element("div").classes("card"):
                self._board()
            with ui.element("div").classes("card"):
                self._track()
        self.replay_card = ui.element("div").classes("card w-full")
        self.video_card = ui.element("div").classes("card w-full")
        self._lay_out(board)
        ui.timer(LOOK, self._look)
        ui.timer(0.0, self._draw_track, once=True)

    def _board(self) -> None:
        with ui.row().classes("card-head"):
            ui.label("Leaderboard").classes("text-h6").props("role=heading aria-level=2")
            ui.space()
            for kind in ("json", "html"):
                target = f"/races/{self.race.name}/leaderboard.{kind}"
                ui.link(kind.upper(), target).classes("race-download").props(
                    f"aria-label='Download as {kind.upper()}'"
                )
        self.view = LeaderboardView()

    def _track(self) -> None:
        with ui.row().classes("card-head"):
            self.track_title = ui.label().classes("text-h6").props("role=heading aria-level=2")
            ui.space()
            if self.race.record.commitment:
                self.info.button("Secret track", ABOUT_SECRET)
        self.picture = ui.element("div").classes("race-picture is-large")
        self.proof = ui.column().classes("race-proof")

    def _lay_out(self, board: Leaderboard) -> None:
        """Show everything that may have changed."""
        race = self.race
        self.state.clear()
        with self.state:
            state_chip(race)
            if race.rules.season:
                ui.link(f"Season {race.rules.season}", f"/seasons/{race.rules.season}").classes("race-chip")
        self.open_buttons.set_visibility(race.is_open)
        self.view.show(board)
        self.track_title.text = f"Track: {shown_track(race)}"
        self.proof.clear()
        with self.proof:
            self._prove()
        self._lay_out_replay(bool(board.standings))
        self.video_card.clear()
        with self.video_card:
            self._offer_video(bool(board.standings))

    def _prove(self) -> None:
        record = self.race.record
        if record.commitment:
            ui.label("Commitment").classes("soft")
            ui.label(record.commitment).classes("race-hash")
        if record.revealed:
            ui.label("Track and random number, whose SHA-256 it is").classes("soft")
            ui.label(record.revealed.text).classes("race-hash")

    def _lay_out_replay(self, has_entries: bool) -> None:
        can_show = has_entries and not self.race.is_secret
        if can_show and self.replay is not None:
            self.replay.props["data-version"] = str(self.stamp[1])
            self.replay.update()
            return
        self.replay_card.clear()
        with self.replay_card:
            with ui.row().classes("card-head"):
                ui.label("Replay").classes("text-h6").props("role=heading aria-level=2")
                self.info.button("Replay", ABOUT_REPLAY)
            if can_show:
                self.replay = replay_view(self.race.name)
            elif has_entries:
                ui.label(
                    "The drives would show the track: they can be seen once the race is closed."
                ).classes("soft")
            else:
                ui.label("Nobody has driven yet.").classes("soft")

    def _offer_video(self, has_entries: bool) -> None:
        with ui.row().classes("card-head"):
            ui.label("Head to head").classes("text-h6").props("role=heading aria-level=2")
            ui.space()
            if has_entries and not self.race.is_secret:
                ui.button("Make the video", icon="movie", on_click=self._make_video).props("flat no-caps")
        file = self.race.path / PUBLISHED / VIDEO
        if self.race.is_secret:
            ui.label("A video would show the track: it can be made once the race is closed.").classes("soft")
        elif file.is_file():
            ui.video(f"/races/{self.race.name}/{VIDEO}?{file.stat().st_mtime_ns}").classes("race-video")
        else:
            ui.label("The first three side by side, with what each car sees.").classes("soft")

    async def _draw_track(self) -> None:
        self.picture.clear()
        with self.picture:
            await race_picture(self.garage, self.race, f"Track of {self.race.name}")

    async def _look(self) -> None:
        """Show what other programs and browsers have done."""
        await self.jobs.look()
        now = await asyncio.to_thread(stamp, self.race.path)
        if now == self.stamp:
            return
        self.stamp, was_secret = now, self.race.is_secret
        try:
            self.race = await asyncio.to_thread(Race.open, self.race.path)
        except RaceError as error:
            show_fault(error)
            return
        self._lay_out(await asyncio.to_thread(Leaderboard.of, self.race))
        if was_secret != self.race.is_secret:
            await self._draw_track()

    async def _ask_to_close(self) -> None:
        with ui.dialog() as dialog, ui.card().classes("race-form"):
            ui.label(f"Close {self.race.name}?").classes("text-h6").props("role=heading aria-level=2")
            reveals = " Its secret track is revealed." if self.race.is_secret else ""
            ui.label(f"No more models can enter, and it cannot be opened again.{reveals}")
            with ui.row().classes("w-full justify-end"):
                ui.button("Keep it open", on_click=lambda: dialog.submit(False)).props("flat no-caps")
                ui.button("Close race", on_click=lambda: dialog.submit(True)).props("unelevated no-caps")
        wanted = await dialog
        dialog.delete()
        if not wanted:
            return
        try:
            await self.garage.workshop.run(close, str(self.race.path))
        except (DeepRacerError, BrokenProcessPool) as error:
            show_fault(error)
        await self._look()

    def _make_video(self) -> None:
        try:
            self.garage.jobs.start(KIND, self.race.name, ["race", "video", self.race.name])
        except DeepRacerError as error:
            show_fault(error)
