"""The page of all models: a real console, in a real browser."""

from __future__ import annotations

import shutil

import pytest

pytest.importorskip("nicegui")
pytest.importorskip("playwright")

import browser
from console_server import opened, served
from model_rows import choose, find, row
from playwright.sync_api import expect
from small_models import definition
from small_runs import Interruption, circle_track, small_settings

from deepracer_sim.garage.definition import ModelDefinition
from deepracer_sim.garage.model_lock import held
from deepracer_sim.garage.model_store import ModelStore
from deepracer_sim.garage.model_table import lap_seconds, percent
from deepracer_sim.garage.model_training import train
from deepracer_sim.garage.stored_model import Status

in_browser = pytest.mark.skipif(browser.program() is None, reason=browser.REASON)
TAGS = "<img src=x onerror=alert(1)>"
MANY = 30
"""Models in the store, more than a page has."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where the console's models, downloads and uploads are."""
    return tmp_path_factory.mktemp("console")


@pytest.fixture(scope="module")
def store(folder, tmp_path_factory, fast):
    """A trained model, a stopped one, one whose process was killed, damaged ones, and many new ones."""
    models = ModelStore(folder / "models")
    circle = circle_track(tmp_path_factory.mktemp("track"))
    for number in range(MANY):
        models.create(f"spare-{number:02}", definition())
    train(models.create("ready", ModelDefinition.packed(small_settings(circle, 5))))
    stopped = models.create("stopped", ModelDefinition.packed(small_settings(circle, 5)))
    with pytest.raises(KeyboardInterrupt):
        train(stopped, report=Interruption(4))
    shutil.copytree(stopped.path, models.path / "killed")
    record = models.path / "killed/training.json"
    record.write_text(record.read_text().replace('"stopped"', '"training"'))
    models.create("damaged", definition())
    (models.path / "damaged/model.json").write_text("{")
    (models.path / TAGS).mkdir()
    return models


@pytest.fixture(scope="module")
def url(folder, store):
    with served(folder) as address:
        yield address


@in_browser
def test_the_table_shows_how_each_model_stands(chromium, url, store):
    with opened(chromium, url) as page:
        row(page, "ready").wait_for()
        for name, status in (("ready", "Ready"), ("stopped", "Stopped"), ("killed", "Failed")):
            model = store.open(name)
            assert model.seconds > 0
            assert row(page, name).locator("td").all_inner_texts()[1:6] == [
                status,
                "circle",
                percent(model.completion),
                lap_seconds(model.best_lap, " s"),
                "0:00:01" if model.seconds >= 0.5 else "0:00:00",
            ]
            assert row(page, name).locator("svg polyline").count() == 2
        assert "was killed" in row(page, "killed").inner_text()
        assert row(page, "damaged").locator(".chip").inner_text() == "Damaged"
        assert "model.json is damaged" in row(page, "damaged").inner_text()
        new = row(page, f"spare-{MANY - 1}")
        assert new.locator("td").all_inner_texts()[1:6] == ["New", "Oval", "-", "-", "-"]
        names = page.locator(".model-link").all_inner_texts()
        assert names.index("stopped") < names.index("ready") < names.index(f"spare-{MANY - 1}")


@in_browser
def test_what_users_wrote_is_text(chromium, url):
    with opened(chromium, url) as page:
        find(page, TAGS)
        assert page.locator("img").count() == 0


@in_browser
def test_a_training_elsewhere_is_seen_at_once(chromium, url, store):
    with opened(chromium, url) as page:
        find(page, "stopped")
        chip = row(page, "stopped").locator(".chip")
        expect(chip).to_have_text("Stopped")
        with held(store.path / "stopped"):
            expect(chip).to_have_text("Training")
        expect(chip).to_have_text("Stopped")


@in_browser
def test_models_that_come_and_go_elsewhere_are_seen(chromium, url, store):
    with opened(chromium, url) as page:
        find(page, "stopped")
        page.get_by_label("Search by name").fill("visitor")
        expect(page.get_by_text("No model has “visitor” in its name.")).to_be_visible()
        store.create("visitor", definition())
        expect(row(page, "visitor")).to_have_count(1)
        store.delete("visitor")
        expect(row(page, "visitor")).to_have_count(0)


@in_browser
def test_search_and_pages_reach_all_models(chromium, url, store):
    with opened(chromium, url) as page:
        rows = page.locator("tr.model")
        expect(rows).to_have_count(25)
        seen = set(page.locator(".model-link").all_inner_texts())
        page.get_by_role("button", name="2", exact=True).click()
        expect(row(page, "spare-00")).to_have_count(1)
        assert seen | set(page.locator(".model-link").all_inner_texts()) == set(store.names())
        page.get_by_label("Search by name").fill("SPARE-1")
        expect(rows).to_have_count(10)


@in_browser
def test_the_whole_row_opens_the_model(chromium, url):
    with opened(chromium, url) as page:
        find(page, "ready")
        row(page, "ready").locator(".model-graph").click(force=True)  # the link lies over it
        page.wait_for_url("**/models/ready")
        page.go_back()
        row(page, "ready").get_by_role("link").focus()
        page.keyboard.press("Enter")
        page.wait_for_url("**/models/ready")


@in_browser
def test_rename_says_what_is_wrong_at_its_field(chromium, url, store):
    with opened(chromium, url) as page:
        find(page, "spare-03")
        choose(page, "spare-03", "Rename")
        dialog, field = page.get_by_role("dialog"), page.get_by_label("New name")
        field.fill("READY")
        dialog.get_by_role("button", name="Rename").click()
        expect(dialog.get_by_text("there is a model 'ready' already")).to_be_visible()
        field.fill("no good")
        field.press("Enter")
        expect(dialog.get_by_text("perhaps no-good")).to_be_visible()
        field.fill("spare-03-renamed")
        field.press("Enter")
        expect(row(page, "spare-03-renamed")).to_have_count(1)
        expect(dialog).to_have_count(0)
    assert store.has("spare-03-renamed")
    assert not store.has("spare-03")


@in_browser
def test_a_dialog_stays_when_the_table_changes_behind_it(chromium, url, store):
    with opened(chromium, url) as page:
        row(page, "ready").wait_for()
        choose(page, "ready", "Rename")
        field = page.get_by_label("New name")
        field.fill("spare-07")
        store.create("newcomer", definition())
        expect(row(page, "newcomer")).to_have_count(1)
        field.press("Enter")
        expect(page.get_by_text("there is a model 'spare-07' already")).to_be_visible()
    store.delete("newcomer")


@in_browser
def test_delete_asks_and_can_be_undone(chromium, url, store):
    with opened(chromium, url) as page:
        find(page, "spare-04")
        choose(page, "spare-04", "Delete")
        page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
        expect(page.get_by_role("dialog")).to_have_count(0)
        assert store.has("spare-04")
        choose(page, "spare-04", "Delete")
        page.get_by_role("dialog").get_by_role("button", name="Delete").click()
        expect(row(page, "spare-04")).to_have_count(0)
        assert not store.has("spare-04")
        page.get_by_role("button", name="Undo").click()
        expect(row(page, "spare-04")).to_have_count(1)
        expect(page.get_by_role("button", name="Undo")).to_have_count(0)
    assert store.open("spare-04").status is Status.CREATED


@in_browser
def test_two_browsers_delete_the_same_model(chromium, url, store):
    with opened(chromium, url) as first, opened(chromium, url) as second:
        for page in (first, second):
            find(page, "spare-05")
            choose(page, "spare-05", "Delete")
        for page in (first, second):
            page.get_by_role("dialog").get_by_role("button", name="Delete").click()
            expect(row(page, "spare-05")).to_have_count(0)
        expect(second.get_by_text("no model 'spare-05'")).to_be_visible()
        expect(first.get_by_role("button", name="Undo")).to_be_visible()
    assert not store.has("spare-05")


@in_browser
def test_a_model_in_training_stays(chromium, url, store):
    with opened(chromium, url) as page, held(store.path / "spare-06"):
        find(page, "spare-06")
        choose(page, "spare-06", "Delete")
        page.get_by_role("dialog").get_by_role("button", name="Delete").click()
        expect(page.get_by_text("spare-06 is in use by another program")).to_be_visible()
    assert store.has("spare-06")


@in_browser
def test_a_phone_shows_cards(chromium, url):
    with opened(chromium, url, width=390, height=844, color_scheme="dark") as page:
        row(page, "ready").wait_for()
        assert page.evaluate("document.documentElement.scrollWidth") == 390
        assert row(page, "ready").bounding_box()["height"] > 100
        find(page, "ready")


@in_browser
def test_the_first_visit_is_a_friendly_one(chromium, tmp_path):
    with served(tmp_path) as address, opened(chromium, address) as page:
        page.get_by_role("link", name="Create your first model").click()
        page.wait_for_url("**/create")
