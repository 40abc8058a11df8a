"""The system's Chromium, headless, with the pages that a test opens in it."""

from __future__ import annotations

import shutil
from contextlib import contextmanager

NAMES = ("chromium", "chromium-browser", "google-chrome")
OPTIONS = ("--no-sandbox", "--disable-dev-shm-usage")
"""Root may not have the sandbox, and containers have little of that memory."""
REASON = "no Chromium here: apt-get install chromium"


def program():
    """The browser; None if there is none."""
    return next((path for path in map(shutil.which, NAMES) if path), None)


@contextmanager
def started():
    """A browser in which `visited` opens pages."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=program(), args=list(OPTIONS))


@contextmanager
def visited(browser, file, **context):
    """A page from a file, once all is drawn; whatever it complains of is an error at the end.

    Args:
        browser: started.
        file: HTML.
        context: as for playwright's `new_context`: `viewport`, `color_scheme`, ...
    """
    problems = []
    place = browser.new_context(viewport={"width": 1280, "height": 900}, **context)
    try:
        page = place.new_page()
        page.on(
            "console", lambda message: message.type in ("error", "warning") and problems.append(message.text)
        )
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("dialog", lambda dialog: (problems.append(dialog.message), dialog.dismiss()))
        page.on(
            "request", lambda request: request.url != file.as_uri() and problems.append(request.url[:200])
        )
        page.goto(file.as_uri())
        page.wait_for_selector("html[data-ready]", state="attached")
        yield page
    finally:
        place.close()
    assert problems == []
