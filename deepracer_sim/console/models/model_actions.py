"""What can be done with a model from its row, or from its page: rename, download, delete."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import time
from asyncio import to_thread
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from nicegui import ui

from deepracer_sim.console.frame import show_fault
from deepracer_sim.console.garage import JOBS, Garage
from deepracer_sim.console.jobs import Job
from deepracer_sim.errors import DeepRacerError, ModelError

UNDO_SECONDS = 12.0
KEPT_SECONDS = 3600.0
"""For which a packed archive stays."""
LOOK_SECONDS = 0.3
"""Between two looks at a job."""


async def ask_new_name(garage: Garage, name: str) -> str | None:
    """Rename a model as the user says; return its new name, None if it stays as it is."""
    with ui.dialog() as dialog, ui.card().classes("dialog-card"):
        ui.label(f"Rename {name}").classes("text-h6")
        field = ui.input("New name", value=name).props("outlined autofocus maxlength=64").classes("w-full")

        async def rename() -> None:
            new = field.value.strip()
            if new == name:
                dialog.submit(None)
                return
            try:
                await to_thread(garage.store.rename, name, new)
            except ModelError as error:
                field.error = str(error)
            else:
                dialog.submit(new)

        field.on("keydown.enter", rename)
        with ui.row().classes("dialog-buttons"):
            ui.button("Cancel", on_click=lambda: dialog.submit(None)).props("flat no-caps")
            ui.button("Rename", on_click=rename).props("unelevated no-caps")
    found = await answer(dialog)
    return found if isinstance(found, str) else None


async def ask_delete(garage: Garage, name: str) -> bool:
    """Delete a model if the user agrees; return whether it is gone."""
    with ui.dialog() as dialog, ui.card().classes("dialog-card"):
        ui.label(f"Delete {name}?").classes("text-h6")
        ui.label("It goes to the trash with all its trainings, from where it can be brought back.")
        with ui.row().classes("dialog-buttons"):
            ui.button("Cancel", on_click=lambda: dialog.submit(False)).props("flat no-caps")
            ui.button("Delete", on_click=lambda: dialog.submit(True)).props(
                "unelevated no-caps color=negative autofocus"
            )
    if not await answer(dialog):
        return False
    try:
        await to_thread(garage.store.delete, name)
    except ModelError as error:
        show_fault(error)
        return False
    return True


async def answer(dialog: ui.dialog) -> Any:
    """Show a dialog once; return what it was closed with, None if its page was left."""
    found = await dialog
    if not dialog.is_deleted:
        dialog.delete()
    return found


def offer_undo(garage: Garage, name: str, after: Callable[[], Awaitable[None]]) -> None:
    """Offer for a while to bring a deleted model back.

    Args:
        garage: that it was in.
        name: of the model.
        after: called when it is back.
    """

    async def undo() -> None:
        bar.delete()
        try:
            await to_thread(garage.store.restore, name)
        except ModelError as error:
            show_fault(error)
        await after()

    with ui.context.client.layout, ui.element("div").classes("undo-bar").props("role=status") as bar:
        ui.label(f"{name} is in the trash").classes("undo-text")
        ui.button("Undo", on_click=undo, color=None).props("flat no-caps dense")
        ui.timer(UNDO_SECONDS, bar.delete, once=True)


async def download_model(garage: Garage, name: str) -> None:
    """Pack a model and give its archive to the browser."""
    note = ui.notification(f"Packing {name} …", spinner=True, timeout=0)
    try:
        archive = await _packed(garage, name)
    except DeepRacerError as error:
        show_fault(error)
    else:
        ui.download.file(archive, f"{name}.tar.gz")
    finally:
        note.dismiss()


async def _packed(garage: Garage, name: str) -> Path:
    job = await to_thread(_packing, garage, name)
    await ended(job)
    if fault := await to_thread(lambda: job.fault):
        raise ModelError(fault)
    return Path(job.words[-1])


def _packing(garage: Garage, name: str) -> Job:
    """Return the job that packs a model: the one at work, if another browser asks for the same."""
    garage.store.open(name)
    if job := garage.jobs.running("download", name):
        return job
    folder = new_folder(garage, "downloads")
    return garage.jobs.start(
        "download", name, ["models", "download", name, "--output", str(folder / f"{name}.tar.gz")]
    )


async def ended(job: Job) -> None:
    """Wait for a job's end."""
    while await to_thread(lambda: job.is_running):
        await asyncio.sleep(LOOK_SECONDS)


def new_folder(garage: Garage, kind: str) -> Path:
    """Make a folder for what comes in or goes out, and remove old ones.

    Args:
        garage: beside whose models it is.
        kind: downloads or uploads.

    Raises:
        ModelError: it cannot be made.
    """
    place = garage.store.path.parent / JOBS / kind
    try:
        place.mkdir(parents=True, exist_ok=True)
        for old in place.iterdir():
            with suppress(OSError):
                if time.time() - old.stat().st_mtime > KEPT_SECONDS:
                    shutil.rmtree(old)
        return Path(tempfile.mkdtemp(dir=place))
    except OSError as error:
        raise ModelError(f"{place} cannot be written: {error.strerror or error}") from error
