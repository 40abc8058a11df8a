"""The dialog that takes in a model: files from the browser, a name, a track."""

from __future__ import annotations

import shutil
from asyncio import to_thread
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from nicegui import events, ui
from nicegui.elements.upload_files import FileUpload

from deepracer_sim.console.garage import Garage
from deepracer_sim.console.models.model_actions import answer, ended, new_folder
from deepracer_sim.console.tracks.kept_tracks import kept_tracks
from deepracer_sim.console.upload_field import upload_field
from deepracer_sim.console.upload_limit import MOST_BYTES, TOO_LARGE
from deepracer_sim.errors import DeepRacerError, ModelError
from deepracer_sim.garage.model_name import suggested_name

ARCHIVES = (".tar.gz", ".tgz", ".tar")
PARTS = (".onnx", ".json", ".py", ".npy", ".yaml", ".pb")
WHAT = (
    "A .tar.gz that this console, AWS's or DeepRacer for Cloud wrote; or the files themselves: model.onnx, "
    "model_metadata.json, reward_function.py, hyperparameters.json."
)
BY_COMMAND = "deepracer models import FILE takes any size"


@dataclass(frozen=True)
class Received:
    """Files that have come from a browser.

    Attributes:
        folder: that they are in, with nothing else.
        source: what is imported: the archive, or the folder itself.
        shown_name: of the archive, or of the first file, as the user knows it.
    """

    folder: Path
    source: Path
    shown_name: str

    @property
    def name(self) -> str:
        """What the model may be called; nothing for the files of one, whose names say nothing."""
        return (suggested_name(_stem(self.shown_name)) or "model") if self.is_archive else ""

    @property
    def is_archive(self) -> bool:
        """Whether they are one archive."""
        return self.source != self.folder


def safe_name(name: str) -> str:
    """Return the name that an uploaded file gets here.

    Raises:
        ModelError: no model has such a file.
    """
    suffix = next((end for end in (*ARCHIVES, *PARTS) if name.lower().endswith(end)), None)
    if suffix is None:
        raise ModelError(f"{name[:100]}: a model's files end in {', '.join((*ARCHIVES, *PARTS))}")
    return f"{suggested_name(_stem(name)) or 'model'}{suffix}"


def _stem(name: str) -> str:
    end = next((end for end in (*ARCHIVES, *PARTS) if name.lower().endswith(end)), "")
    return PurePosixPath(name[: len(name) - len(end)]).name


async def receive(garage: Garage, files: Sequence[FileUpload], earlier: Received | None = None) -> Received:
    """Store files from a browser.

    Args:
        garage: that they are for.
        files: of one model.
        earlier: what has come before, and stays.

    Raises:
        ModelError: they cannot be a model's, or cannot be written.
    """
    names = [safe_name(file.name) for file in files]
    archives = [name for name in names if name.endswith(ARCHIVES)]
    if (archives or (earlier and earlier.is_archive)) and (earlier or len(names) > 1):
        raise ModelError("choose one archive, or the files of one model")
    place = earlier.folder if earlier else (await to_thread(new_folder, garage, "uploads")) / "files"
    try:
        for file, name in zip(files, names, strict=True):
            await file.save(place / name)
    except OSError as error:
        shutil.rmtree(place.parent, ignore_errors=True)
        raise ModelError(f"{files[0].name} cannot be stored: {error.strerror or error}") from error
    return Received(place, place / archives[0] if archives else place, files[0].name)


class ModelUpload:
    """The dialog.

    Args:
        garage: that the model comes into.
    """

    def __init__(self, garage: Garage) -> None:
        self.garage = garage
        self.received: Received | None = None

    async def ask(self) -> str | None:
        """Show it until a model is in, or the user does not want to; return the model's name."""
        tracks = {"": "As the files say"}
        for name in await self.garage.shapes.builtin():
            tracks[name] = (await self.garage.shapes.of(name)).title
        for path in await to_thread(kept_tracks, self.garage.tracks):
            tracks[str(path)] = path.stem
        with ui.dialog().props("persistent") as self.dialog, ui.card().classes("dialog-card upload-dialog"):
            ui.label("Import a model").classes("text-h6")
            ui.label(WHAT).classes("soft")
            self.upload = upload_field(
                "Choose files",
                ",".join((*ARCHIVES, ".gz", *PARTS)),
                self._complain,
                f"{TOO_LARGE} ({BY_COMMAND})",
                multiple=True,
                max_total_size=MOST_BYTES,
                on_multi_upload=self._take,
            )
            self.name = ui.input("Name").props("outlined dense maxlength=64").classes("w-full")
            self.track = ui.select(tracks, label="Track to train on", value="").props("outlined dense")
            self.track.classes("w-full")
            self.fault = ui.label().classes("bad upload-fault").props("role=alert")
            self.fault.set_visibility(False)
            with ui.row().classes("dialog-buttons"):
                ui.button("Cancel", on_click=lambda: self.dialog.submit(None)).props("flat no-caps")
                self.button = ui.button("Import", on_click=self._import).props("unelevated no-caps")
                self.button.disable()
            self.name.on("keydown.enter", self._import)
        name = await answer(self.dialog)
        self._forget()
        return name if isinstance(name, str) else None

    async def _take(self, event: events.MultiUploadEventArguments) -> None:
        self.button.disable()
        self.fault.set_visibility(False)
        try:
            self.received = await receive(self.garage, event.files, self.received)
        except ModelError as error:
            self._forget()
            self.upload.reset()
            self._complain(str(error))
            return
        if not self.name.value:
            self.name.value = self.received.name
        self.button.enable()

    async def _import(self) -> None:
        received, name = self.received, (self.name.value or "").strip()
        if received is None or not self.button.enabled:
            return
        self.name.error = None
        try:
            await to_thread(self.garage.store.refuse_taken, name)
        except ModelError as error:
            self.name.error = str(error)
            return
        self.fault.set_visibility(False)
        self.button.props("loading").disable()
        try:
            await self._run_job(received, name)
        except DeepRacerError as error:
            words = str(error).replace(str(received.source), received.shown_name)
            self._complain(words.replace(str(received.folder), "the upload"))
        else:
            self.dialog.submit(name)
        finally:
            if not self.dialog.is_deleted:
                self.button.props(remove="loading").enable()

    async def _run_job(self, received: Received, name: str) -> None:
        words = ["models", "import", str(received.source), "--name", name]
        if self.track.value:
            words += ["--track", self.track.value]
        job = await to_thread(self.garage.jobs.start, "import", name, words)
        await ended(job)
        if fault := await to_thread(lambda: job.fault):
            raise ModelError(fault)
        model = await to_thread(self.garage.store.open, name)
        notes = "".join(f"\n• {note}" for note in model.record.notes)
        ui.notification(f"{name} is here.{notes}", type="positive", multi_line=True, close_button=True,
                        timeout=0 if notes else 5, classes="notes")  # fmt: skip

    def _complain(self, words: str) -> None:
        if not self.dialog.is_deleted:
            self.fault.text = words
            self.fault.set_visibility(True)

    def _forget(self) -> None:
        if self.received is not None:
            shutil.rmtree(self.received.folder.parent, ignore_errors=True)
            self.received = None


async def ask_for_model(garage: Garage) -> str | None:
    """Take a model into the store; return its name, None if the user does not want to."""
    return await ModelUpload(garage).ask()
