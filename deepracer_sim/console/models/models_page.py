"""Page: all models."""

from __future__ import annotations

from asyncio import to_thread
from collections.abc import Sequence

from nicegui import ui

from deepracer_sim.console.frame import Info, frame, show_fault
from deepracer_sim.console.garage import Garage
from deepracer_sim.console.models.model_actions import ask_delete, ask_new_name, download_model, offer_undo
from deepracer_sim.console.models.model_list import ModelEntry, ModelList
from deepracer_sim.console.models.model_row import Action, ModelTableRow, model_url
from deepracer_sim.console.models.model_upload import ask_for_model
from deepracer_sim.errors import DeepRacerError

PER_PAGE = 25
LOOK_SECONDS = 2.0
"""Between two looks at what has changed."""
STYLE = '<link rel="stylesheet" href="/static/models.css">'
COLUMNS = ("Name", "Status", "Track", "Best completion", "Best lap", "Training time", "Reward graph")
WELCOME = (
    (
        "edit_note",
        "Say what is good driving",
        "A reward function of a few lines of Python, or a ready one.",
    ),
    ("trending_up", "Watch a car learn it", "A simulator trains here, on your machine, within minutes."),
    ("emoji_events", "Race it", "Evaluate it, race your friends' models, and put it on a real car."),
)
ABOUT = """
A **model** is a track, an action space, a reward function and settings, and what a car has learnt with them.

* **Best completion** is the share of the track that the best policy drove in an evaluation, **best lap** the
  shortest median time of a lap.
* The small graph shows the **mean reward** (green) and the **completion in evaluations** (red) of the last
  training.
* Trainings go on when this page is closed.
* A deleted model goes to the trash; `deepracer models restore NAME` brings it back later, too.
"""


def add(garage: Garage) -> None:
    """Register the page."""
    models = ModelList(garage.store)

    @ui.page("/")
    async def page(deleted: str = "") -> None:
        ui.add_head_html(STYLE)
        with frame("Models", "Models") as info:
            shown = _ModelsPage(garage, models)
            shown.lay_out(info)
        if deleted:  # on the model's own page, which is gone with it
            offer_undo(garage, deleted, shown.refresh)
            ui.navigate.history.replace("/")


class _ModelsPage:
    """One browser's view of the models."""

    def __init__(self, garage: Garage, models: ModelList) -> None:
        self.garage, self.models = garage, models
        self.titles: dict[str, str] = {}
        self.every: set[str] | None = None
        self.found: list[str] = []
        self.rows: dict[str, ModelTableRow] = {}

    def lay_out(self, info: Info) -> None:
        """Add what is on the page; the models follow as soon as they are read."""
        with ui.element("div").classes("models-bar") as self.bar:
            self.search = ui.input(placeholder="Search by name", on_change=self.refresh).classes(
                "models-search"
            )
            self.search.props("outlined dense clearable debounce=200 type=search aria-label='Search by name'")
            with self.search.add_slot("prepend"):
                ui.icon("search")
            info.button("Models", ABOUT)
            ui.space()
            ui.button("Import", icon="upload", on_click=self._import).props("outline no-caps")
            self.create = ui.button("Create model", icon="add").props("unelevated no-caps href=/create")
        self.body = ui.element("div").classes("models-body")
        with self.body:
            for _ in range(3):
                ui.skeleton("rect", height="56px").classes("w-full")
        self.pages = ui.pagination(1, 1, direction_links=True, on_change=self._show_page)
        self.pages.props("max-pages=7 boundary-numbers").classes("models-pages")
        self.pages.set_visibility(False)
        ui.timer(0.0, self._begin, once=True)
        ui.timer(LOOK_SECONDS, self._look, immediate=False)

    async def _begin(self) -> None:
        for name in await self.garage.shapes.builtin():
            self.titles[name] = (await self.garage.shapes.of(name)).title
        await self.refresh()

    async def refresh(self) -> None:
        """Show the models anew, the last touched first."""
        text = (self.search.value or "").strip()
        try:
            self.every = set(await to_thread(self.garage.store.names))
            self.found = await to_thread(self.models.names, text)
        except DeepRacerError as error:
            show_fault(error)
            return
        self.search.set_visibility(bool(self.every))
        self.create.set_visibility(bool(self.every))
        self.pages.max = max(1, -(-len(self.found) // PER_PAGE))
        self.pages.set_visibility(self.pages.max > 1)
        if (self.pages.value or 1) > self.pages.max:
            self.pages.value = self.pages.max  # shows the page, too
        else:
            await self._show_page()

    async def _show_page(self) -> None:
        first = ((self.pages.value or 1) - 1) * PER_PAGE
        entries = await to_thread(self.models.entries, self.found[first : first + PER_PAGE])
        if self.rows and [entry.row.name for entry in entries] == list(self.rows):
            self._update(entries)  # so that an open menu stays
            return
        self.body.clear()
        self.rows = {}
        with self.body:
            if entries:
                self._add_table(entries)
            elif self.every:
                ui.label(f"No model has “{(self.search.value or '').strip()}” in its name.").classes(
                    "soft models-none"
                )
            else:
                _welcome()

    def _add_table(self, entries: Sequence[ModelEntry]) -> None:
        actions = {
            "Clone": ("content_copy", self._beside_table(self._clone)),
            "Rename": ("drive_file_rename_outline", self._beside_table(self._rename)),
            "Download": ("download", self._beside_table(self._download)),
            "Delete": ("delete_outline", self._beside_table(self._delete)),
        }
        with ui.element("table").classes("models"):
            with ui.element("thead"), ui.element("tr"):
                for name in COLUMNS:
                    with ui.element("th").props("scope=col"):
                        ui.label(name)
                with ui.element("th"):
                    ui.label("Actions").classes("for-readers")
            with ui.element("tbody"):
                for entry in entries:
                    self.rows[entry.row.name] = ModelTableRow(entry, self.titles, actions)

    async def _look(self) -> None:
        """Show what has changed: models that have come or gone, figures of those that train."""
        if self.every is None:
            return
        try:
            every = set(await to_thread(self.garage.store.names))
        except DeepRacerError:
            return  # shown by the next thing that the user does
        if every != self.every:
            await self.refresh()
            return
        self._update(await to_thread(self.models.entries, list(self.rows)))

    def _update(self, entries: Sequence[ModelEntry]) -> None:
        for entry in entries:
            row = self.rows.get(entry.row.name)
            if row is not None and row.entry is not entry:
                row.show(entry)

    def _beside_table(self, action: Action) -> Action:
        """Let an action's dialogs stay when the table is made anew, as another browser may cause."""

        async def act(name: str) -> None:
            with self.bar:
                await action(name)

        return act

    async def _clone(self, name: str) -> None:
        ui.navigate.to(f"{model_url(name)}/clone")

    async def _rename(self, name: str) -> None:
        if await ask_new_name(self.garage, name):
            await self.refresh()

    async def _download(self, name: str) -> None:
        await download_model(self.garage, name)

    async def _delete(self, name: str) -> None:
        if await ask_delete(self.garage, name):
            offer_undo(self.garage, name, self.refresh)
            await self.refresh()

    async def _import(self) -> None:
        if await ask_for_model(self.garage):
            await self.refresh()


def _welcome() -> None:
    with ui.element("div").classes("card welcome"):
        ui.label("Train your first car").classes("welcome-title").props("role=heading aria-level=2")
        with ui.element("div").classes("welcome-steps"):
            for icon, title, text in WELCOME:
                with ui.element("div").classes("welcome-step"):
                    ui.icon(icon, size="1.8rem").classes("welcome-icon")
                    ui.label(title).classes("welcome-step-title")
                    ui.label(text).classes("soft")
        ui.button("Create your first model", icon="add").props("unelevated no-caps size=lg href=/create")
