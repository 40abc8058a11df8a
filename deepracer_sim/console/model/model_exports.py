"""Menu of a model's page: files that are made of it, another name, the trash."""

from __future__ import annotations

import tempfile
from asyncio import to_thread
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

from nicegui import ui

from deepracer_sim.console.frame import show_fault
from deepracer_sim.console.garage import Garage
from deepracer_sim.console.model.model_files import report_file
from deepracer_sim.console.model.model_state import ModelState
from deepracer_sim.console.models.model_actions import ask_delete, ask_new_name, download_model, new_folder
from deepracer_sim.errors import DeepRacerError
from deepracer_sim.garage.model_store import ModelStore
from deepracer_sim.garage.stored_model import POLICY

KIND = "analyze"


class ModelExports:
    """The menu.

    Args:
        garage: of the model.
        name: of the model.
    """

    def __init__(self, garage: Garage, name: str) -> None:
        self._garage, self._name = garage, name
        self._is_asked = False

    def add_menu(self) -> None:
        """Add the button with its menu."""
        with ui.button("More", icon="expand_more").props("outline no-caps"), ui.menu():
            self._car = ui.menu_item("Download for the car", self._pack_for_car)
            ui.menu_item("Download the whole model", lambda: download_model(self._garage, self._name))
            ui.separator()
            self._open = ui.menu_item("Open the analysis report")
            self._open.props(f"href=/models/{self._name}/report target=_blank rel=noopener")
            self._make = ui.menu_item("Make an analysis report", self._analyze)
            ui.separator()
            ui.menu_item("Rename", self._rename)
            ui.menu_item("Delete", self._delete)

    async def show(self, state: ModelState) -> None:
        """Show what can be made."""
        self._car.set_enabled(bool(state.rows) or state.model.has_policy)
        self._make.set_enabled(bool(state.rows) and not state.running(KIND))
        is_there = await to_thread(report_file, state.model) is not None
        if self._open.is_deleted:
            return
        self._open.set_visibility(is_there)
        job = state.jobs.get(KIND)
        if self._is_asked and job and not job.is_running:
            self._is_asked = False
            if job.fault:
                show_fault(DeepRacerError(job.fault))
            else:
                self._tell_of_report()

    def _tell_of_report(self) -> None:
        with ui.dialog(value=True) as dialog, ui.card().classes("dialog-card"):
            ui.label("The analysis report is made.")
            with ui.row().classes("dialog-buttons"):
                ui.button("Close", on_click=dialog.close).props("flat no-caps")
                link = ui.button("Open", on_click=dialog.close).props("unelevated no-caps")
                link.props(f"href=/models/{self._name}/report target=_blank rel=noopener")

    async def _pack_for_car(self) -> None:
        note = ui.notification("It is being packed ...", spinner=True, timeout=None)
        try:
            folder = await to_thread(new_folder, self._garage, "downloads")
            file = folder / f"{self._name}-car.tar.gz"
            await self._garage.workshop.run(pack_for_car, str(self._garage.store.path), self._name, str(file))
        except (DeepRacerError, OSError, BrokenProcessPool) as error:
            show_fault(error)
        else:
            ui.download.file(file, file.name)
        finally:
            note.dismiss()

    async def _analyze(self) -> None:
        try:
            path = self._garage.store.open(self._name).policy_path()
            await to_thread(self._garage.jobs.start, KIND, self._name, ["analyze", str(path)])
        except DeepRacerError as error:
            show_fault(error)
            return
        self._is_asked = True
        ui.notify("The report is being made.")

    async def _rename(self) -> None:
        new = await ask_new_name(self._garage, self._name)
        if new:
            ui.navigate.to(f"/models/{new}")

    async def _delete(self) -> None:
        if await ask_delete(self._garage, self._name):
            ui.navigate.to(f"/?deleted={self._name}")


def pack_for_car(store: str, name: str, file: str) -> None:
    """Write the archive that drives the real car; for the workshop."""
    from deepracer_sim.car_archive import pack
    from deepracer_sim.garage.model_archive import export_policy

    model = ModelStore(Path(store)).open(name)
    policy = model.policy_path()
    if policy == model.path / POLICY:
        pack(policy, Path(file))
        return
    with tempfile.TemporaryDirectory(prefix="deepracer_car_") as folder:
        export_policy(model, Path(folder) / POLICY)
        pack(Path(folder) / POLICY, Path(file))
