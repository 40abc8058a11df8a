"""A newcomer's whole way through the console, from no models at all to a race, in one browser."""

from __future__ import annotations

import os
import signal
import tarfile

import pytest

pytest.importorskip("nicegui")
pytest.importorskip("playwright")

import browser
from console_server import opened, served

from deepracer_sim.console.jobs import Jobs
from deepracer_sim.garage.model_store import ModelStore
from deepracer_sim.garage.stored_model import Status
from deepracer_sim.races.race import Race

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(browser.program() is None, reason=browser.REASON),
]

BROKEN = """def reward_function(params):
    middle = params["track_width"] / 2
    return 1 - params["distance_from_centre"] / middle
"""
MENDED = BROKEN.replace("centre", "center")
PATIENCE = 60_000
LEARNING = 400_000
"""Milliseconds to clean laps, on a machine that has other things to do too; alone it takes a minute."""


@pytest.fixture
def folder(tmp_path):
    yield tmp_path
    for job in Jobs(tmp_path / ".console" / "jobs").all():
        if job.is_running:
            os.kill(job.process, signal.SIGKILL)


def write(page, source):
    page.locator(".cm-content").click()
    page.keyboard.press("Control+a")
    page.keyboard.insert_text(source)


def wait_for_status(page, word, patience=PATIENCE):
    page.locator(f".model-state:text-is('{word}')").wait_for(timeout=patience)


def press(page, name):
    page.get_by_role("button", name=name, exact=True).click()


def make_model(page):
    """Create a model on the oval, with a misspelt key in its reward function at first; begin to train it."""
    page.get_by_text("Create your first model").click()
    page.wait_for_url("**/create")
    page.get_by_label("Name", exact=True).fill("my-first-car")
    page.get_by_role("checkbox", name="Oval").click()
    page.get_by_role("checkbox", name="re:Invent 2018").click()
    page.get_by_label("Evaluations without a fault").fill("1")
    write(page, BROKEN)
    press(page, "Create and train")
    page.locator(".fault-line", has_text="distance_from_centre").wait_for()
    assert page.locator(".fault-line .fault-mark").inner_text() == "KeyError: 'distance_from_centre'"
    assert page.get_by_role("button", name="Line 3").count() == 1
    write(page, MENDED)
    press(page, "Create and train")
    page.wait_for_url("**/models/my-first-car")


def train_to_clean_laps(page):
    """Watch, stop and go on."""
    iteration = "document.querySelector('.model-figure-value').innerText"
    page.wait_for_function(f"() => Number({iteration}) >= 1")
    press(page, "Stop")
    wait_for_status(page, "stopped")
    press(page, "Resume")
    wait_for_status(page, "training")
    wait_for_status(page, "ready", LEARNING)


def evaluate(page):
    page.get_by_role("tab", name="Evaluation").click()
    press(page, "Evaluate")
    page.locator(".model-table tbody tr").nth(2).wait_for()
    page.locator(".model-picture img").wait_for()
    assert page.locator("video").evaluate("video => video.canPlayType('video/mp4')") != ""


def download_for_the_car(page, folder):
    press(page, "More")
    with page.expect_download() as download:
        page.get_by_text("Download for the car").click()
    file = folder / "car.tar.gz"
    download.value.save_as(file)
    with tarfile.open(file) as archive:
        names = {name.rpartition("/")[2] for name in archive.getnames()}
    assert {"model.onnx", "model_metadata.json"} <= names


def race(page):
    page.get_by_role("link", name="Races").first.click()
    press(page, "Create race")
    page.get_by_label("Name", exact=True).fill("opener")
    page.get_by_role("button", name="Create", exact=True).click()
    page.wait_for_url("**/races/opener")
    press(page, "Enter a model")
    page.get_by_label("Racer").fill("Newcomer")
    press(page, "Drive")
    page.get_by_role("cell", name="Newcomer").wait_for()


def test_from_no_model_to_a_race(folder):
    with browser.started() as chromium, served(folder) as url, opened(chromium, url) as page:
        page.set_default_timeout(PATIENCE)
        make_model(page)
        train_to_clean_laps(page)
        evaluate(page)
        download_for_the_car(page, folder)
        race(page)
    model = ModelStore(folder / "models").open("my-first-car")
    assert model.status is Status.READY and model.completion == 1.0
    assert model.run_numbers() == [1]
    assert (model.path / "reward_function.py").read_text() == MENDED
    (entry,) = Race.open(folder / "races/opener").entries()[0]
    assert entry.racer == "Newcomer" and len(entry.drive.times) >= 1
