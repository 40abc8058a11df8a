"""The dialog that takes in a track's .npy file."""

from __future__ import annotations

from asyncio import to_thread
from concurrent.futures.process import BrokenProcessPool

from nicegui import events, ui

from deepracer_sim.console.garage import Garage
from deepracer_sim.console.models.model_actions import answer
from deepracer_sim.console.tracks.kept_tracks import (
    ENDING,
    MOST_BYTES,
    keep_upload,
    refuse_taken,
    uploaded_shape,
)
from deepracer_sim.console.tracks.track_card import fill_card
from deepracer_sim.console.upload_field import upload_field
from deepracer_sim.errors import TrackError
from deepracer_sim.garage.model_name import suggested_name

WHAT = (
    "A published track's .npy file: a row for each waypoint, with the x and y of the centre line, the inner "
    "border and the outer border, in metres."
)
TOO_LARGE = f"a track's file has at most {MOST_BYTES // 1000} kB"


class TrackUpload:
    """The dialog.

    Args:
        garage: that keeps the track.
    """

    def __init__(self, garage: Garage) -> None:
        self.garage = garage
        self.content = b""

    async def ask(self) -> str | None:
        """Show it until a track is kept, or the user does not want to; return its name."""
        with ui.dialog().props("persistent") as self.dialog, ui.card().classes("dialog-card"):
            ui.label("Import a track").classes("text-h6")
            ui.label(WHAT).classes("soft")
            self.upload = upload_field(
                "Choose a file",
                ENDING,
                self._complain,
                TOO_LARGE,
                max_files=1,
                max_file_size=MOST_BYTES,
                on_upload=self._take,
            )
            self.fault = ui.label().classes("bad upload-fault").props("role=alert")
            self.fault.set_visibility(False)
            self.preview = ui.element("div").classes("track-preview")
            self.preview.set_visibility(False)
            self.name = ui.input("Name").props("outlined dense maxlength=64").classes("w-full")
            self.name.on("keydown.enter", self._keep)
            with ui.row().classes("dialog-buttons"):
                ui.button("Cancel", on_click=lambda: self.dialog.submit(None)).props("flat no-caps")
                self.button = ui.button("Import", on_click=self._keep).props("unelevated no-caps")
                self.button.disable()
        name = await answer(self.dialog)
        return name if isinstance(name, str) else None

    async def _take(self, event: events.UploadEventArguments) -> None:
        self.upload.reset()
        self.button.disable()
        self.fault.set_visibility(False)
        self.preview.set_visibility(False)
        stem = event.file.name.removesuffix(ENDING)
        name = suggested_name(stem) or "track"
        if event.file.size() > MOST_BYTES:
            self._complain(f"{event.file.name}: {TOO_LARGE}")
            return
        content = await event.file.read()
        try:
            shape = await self.garage.workshop.run(uploaded_shape, content, name)
        except (TrackError, BrokenProcessPool) as error:
            self._complain(str(error))
            return
        self.content = content
        fill_card(self.preview, shape)
        self.preview.set_visibility(True)
        self.name.value = name
        self.button.enable()

    async def _keep(self) -> None:
        if not self.button.enabled:
            return
        name, folder = (self.name.value or "").strip(), self.garage.tracks
        self.name.error = None
        try:
            await to_thread(refuse_taken, folder, name)
            await self.garage.workshop.run(keep_upload, self.content, name, str(folder))
        except (TrackError, BrokenProcessPool) as error:
            self.name.error = str(error)
        else:
            self.dialog.submit(name)

    def _complain(self, words: str) -> None:
        self.fault.text = words
        self.fault.set_visibility(True)


async def ask_for_track(garage: Garage) -> str | None:
    """Take in a track; return its name, None if the user does not want to."""
    return await TrackUpload(garage).ask()
