"""A small table of texts and elements."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from nicegui import ui

Cell = str | Callable[[], None]
"""A text, or what makes elements."""


def plain_table(header: Sequence[str], rows: Sequence[Sequence[Cell]], numbers: Sequence[int] = ()) -> None:
    """Lay out a table.

    Args:
        header: of the columns.
        rows: below it.
        numbers: columns that are set to the right.
    """

    def place(column: int) -> str:
        return "is-number" if column in numbers else ""

    with ui.element("div").classes("model-table-box"), ui.element("table").classes("model-table"):
        with ui.element("thead"), ui.element("tr"):
            for column, name in enumerate(header):
                with ui.element("th").classes(place(column)).props("scope=col"):
                    ui.label(name)
        with ui.element("tbody"):
            for row in rows:
                with ui.element("tr"):
                    for column, cell in enumerate(row):
                        with ui.element("td").classes(place(column)):
                            if callable(cell):
                                cell()
                            else:
                                ui.label(cell)
