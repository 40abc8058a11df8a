"""The rows of the console's table of models."""

from __future__ import annotations

from playwright.sync_api import expect


def row(page, name):
    """The row of a model."""
    return page.locator("tr.model").filter(has=page.get_by_role("link", name=name, exact=True))


def choose(page, name, action):
    """Click an entry of a model's menu."""
    row(page, name).get_by_role("button").click()
    page.get_by_role("menuitem").filter(has_text=action).click()


def find(page, name):
    """Search for a model, and wait until only such ones are there."""
    page.get_by_label("Search by name").fill(name)
    expect(row(page, name)).to_have_count(1)
    expect(page.locator("tr.model").filter(has_not_text=name)).to_have_count(0)
