"""A model as a row of the table, or as a card on a phone."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from urllib.parse import quote

from nicegui import ui

from deepracer_sim.console.models.model_list import ModelEntry
from deepracer_sim.garage.model_store import ModelRow
from deepracer_sim.garage.model_table import duration, lap_seconds, percent
from deepracer_sim.garage.stored_model import Status

WORDS = {
    Status.CREATED: "New",
    Status.TRAINING: "Training",
    Status.STOPPED: "Stopped",
    Status.READY: "Ready",
    Status.FAILED: "Failed",
    Status.DAMAGED: "Damaged",
}
Action = Callable[[str], Awaitable[None]]


def model_url(name: str) -> str:
    """Return the address of a model's page."""
    return f"/models/{quote(name, safe='')}"


def status_chip(status: Status) -> ui.label:
    """Add a chip that says how a model stands."""
    chip = ui.label()
    set_status(chip, status)
    return chip


def set_status(chip: ui.label, status: Status) -> None:
    """Let a chip say another status."""
    chip.text = WORDS[status]
    chip.classes(replace=f"chip is-{status.value}")


class ModelTableRow:
    """A row; it belongs into a `<tbody>`.

    Args:
        entry: what it shows.
        titles: of tracks, by their names.
        actions: what its menu offers: icon and what is called with the model's name.
    """

    def __init__(
        self, entry: ModelEntry, titles: Mapping[str, str], actions: Mapping[str, tuple[str, Action]]
    ) -> None:
        self.entry, self._titles = entry, titles
        name = entry.row.name
        with ui.element("tr").classes("model"):
            with _cell("", "model-name"):
                ui.link(name, model_url(name)).classes("model-link")
                self._fault = ui.label().classes("model-fault")
            with _cell("", "model-status"):
                self._chip = status_chip(entry.row.status)
            self._track = _text("Track", "model-track")
            self._completion = _text("Best completion", "model-figure")
            self._best_lap = _text("Best lap", "model-figure")
            self._seconds = _text("Training time", "model-figure")
            with _cell("", "model-graph"):
                self._graph = ui.html(sanitize=False).classes("graph-box")  # ours: numbers only
            with _cell("", "model-menu"):
                self._add_menu(name, actions)
        self.show(entry)

    def show(self, entry: ModelEntry) -> None:
        """Show other figures of the same model."""
        row = entry.row
        self.entry = entry
        set_status(self._chip, row.status)
        self._fault.text = row.fault
        self._fault.set_visibility(bool(row.fault))
        self._track.text = self._tracks(row)
        self._completion.text = percent(row.completion)
        self._best_lap.text = lap_seconds(row.best_lap, " s")
        self._seconds.text = duration(row.seconds)
        self._graph.content = entry.graph

    def _tracks(self, row: ModelRow) -> str:
        names = [self._titles.get(name, Path(name).stem) for name in row.track]
        more = f" + {len(names) - 2}" if len(names) > 3 else ""
        return ", ".join(names[:2] if more else names) + more or "-"

    def _add_menu(self, name: str, actions: Mapping[str, tuple[str, Action]]) -> None:
        button = ui.button(icon="more_vert", color=None).props("flat round dense")
        button.props["aria-label"] = f"More about {name}"
        with button, ui.menu().props("auto-close"):
            for label, (icon, action) in actions.items():
                entry = ui.menu_item(on_click=lambda action=action: action(name))
                with entry.props("role=menuitem").classes("menu-entry"):
                    ui.icon(icon, size="1.2rem").classes("soft")
                    ui.label(label)


def _cell(label: str, kind: str) -> ui.element:
    cell = ui.element("td").classes(kind)
    if label:
        cell.props["data-label"] = label
    return cell


def _text(label: str, kind: str) -> ui.label:
    with _cell(label, kind):
        return ui.label()
