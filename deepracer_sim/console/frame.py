"""What every page has: the bar at the top, the pane that slides in from the right, colours."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from nicegui import ui

from deepracer_sim.console.guard import COOKIE, LOGOUT

TITLE = "DeepRacer"
PLACES = {"Models": "/", "Races": "/races", "Tracks": "/tracks", "Car": "/car"}
ACCENT = "#2f6fd6"
EVERY_PAGE: list[Callable[[], None]] = []
"""What other modules add to every page, such as the button that stops the car."""


class Info:
    """The pane that slides in from the right and explains something, without leaving the page."""

    def __init__(self) -> None:
        drawer = ui.right_drawer(value=False, bordered=True).props("overlay width=380").classes("info-pane")
        with drawer:
            with ui.row().classes("w-full items-center justify-between no-wrap"):
                self._title = ui.label().classes("text-h6").props("role=heading aria-level=2")
                ui.button(icon="close", on_click=drawer.hide).props("flat round dense aria-label='Close'")
            self._text = ui.markdown().classes("info-text")
        self._drawer = drawer

    def show(self, title: str, text: str) -> None:
        """Show a text.

        Args:
            title: above it.
            text: Markdown, of our own: nothing that a user has written.
        """
        self._title.text = title
        self._text.content = text
        self._drawer.show()

    def button(self, title: str, text: str) -> None:
        """Add a button that shows a text."""
        button = ui.button(icon="info_outline", on_click=lambda: self.show(title, text))
        button.props(f"flat round dense size=sm aria-label='About: {title}'")


@contextmanager
def frame(title: str, place: str = "") -> Iterator[Info]:
    """Lay out a page; what is made in this context is its content.

    Args:
        title: of the browser's tab, and the page's heading.
        place: the entry of `PLACES` that it belongs to.
    """
    ui.page_title(f"{title} · {TITLE}")
    ui.colors(primary=ACCENT)
    ui.add_head_html('<link rel="stylesheet" href="/static/console.css">')
    info = Info()
    with ui.header().classes("bar items-center no-wrap"):
        ui.link(TITLE, "/").classes("brand")
        with ui.row().classes("nav no-wrap gt-xs").props("role=navigation"):
            for name, path in PLACES.items():
                ui.link(name, path).classes("nav-link" + (" is-here" if name == place else ""))
        ui.space()
        if ui.context.client.request.cookies.get(COOKIE):
            ui.button(icon="logout", on_click=lambda: ui.navigate.to(LOGOUT)).props(
                "flat round color=inherit aria-label='Log out'"
            )
        _dark_button()
        menu = ui.button(icon="menu").props("flat round color=inherit aria-label='Menu'").classes("lt-sm")
        with menu, ui.menu():
            for name, path in PLACES.items():
                ui.menu_item(name, on_click=lambda path=path: ui.navigate.to(path))
    for add in EVERY_PAGE:
        add()
    with ui.column().classes("page"):
        ui.label(title).classes("page-title").props("role=heading aria-level=1")
        yield info


def _dark_button() -> None:
    """Add the switch between light and dark; the browser remembers it, and follows the system until then."""
    ui.add_head_html('<script src="/static/theme.js"></script>')
    button = ui.button(icon="contrast").props("flat round color=inherit aria-label='Light or dark'")
    button.on("click", js_handler="() => window.switchTheme()")


def show_fault(error: Exception) -> None:
    """Tell the user what went wrong, in the error's own words."""
    ui.notification(str(error), type="negative", multi_line=True, close_button=True, timeout=0)
