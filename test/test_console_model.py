"""The page of a model, in a real browser: training, watching, evaluating, choosing; whatever is killed."""

from __future__ import annotations

import json
import math
import os
import re
import signal
import subprocess
import sys
from contextlib import contextmanager

import pytest

pytest.importorskip("nicegui")
pytest.importorskip("playwright")

import browser
from console_server import opened, served
from deepracer_program import ENVIRONMENT
from small_runs import circle_track, small_settings

from deepracer_sim.console.jobs import Jobs
from deepracer_sim.garage.definition import ModelDefinition
from deepracer_sim.garage.model_store import ModelStore
from deepracer_sim.garage.model_training import train
from deepracer_sim.garage.stored_model import Status
from deepracer_sim.live_file import LIVE

pytestmark = pytest.mark.skipif(browser.program() is None, reason=browser.REASON)

EVIL = "<script>document.title = 'taken'</script><img src=x onerror=document.title='taken'>"
REWARD = f"""
def reward_function(params):
    if params["steps"] == 3:
        print("{EVIL}", params["speed"])
    return params["speed"]
"""
PATIENCE = 60_000
"""Milliseconds for a process to load torch on a busy machine."""
STATE = "document.querySelector('live-cars').state"
SPINS = "() => [...document.querySelectorAll('.q-spinner')].some(one => one.offsetParent)"
CHART = """() => {
    const place = document.querySelector('.learning-chart');
    return getElement(Number(place.id.slice(1))).chart.getOption().series.map(series => series.data.length);
}"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Models: some that train until they are stopped, one that has trained."""
    folder = tmp_path_factory.mktemp("console")
    track, reward = circle_track(folder), folder / "reward.py"
    reward.write_text(REWARD)
    store = ModelStore(folder / "models")
    endless = ModelDefinition.packed(small_settings(track, 100_000).replaced(reward=reward), EVIL)
    for name in ("endless", "killed", "twice"):
        store.create(name, endless)
    for name, iterations in (("trained", 6), ("short", 2)):
        train(store.create(name, ModelDefinition.packed(small_settings(track, iterations))))
    return folder


@pytest.fixture(scope="module")
def store(folder):
    return ModelStore(folder / "models")


@pytest.fixture(scope="module")
def url(folder):
    with served(folder) as url:
        yield url
    for job in Jobs(folder / ".console" / "jobs").all():
        if job.is_running:
            os.kill(job.process, signal.SIGKILL)


@contextmanager
def shown(chromium, url, name, **context):
    with opened(chromium, url, f"/models/{name}", **context) as page:
        page.set_default_timeout(PATIENCE)
        yield page


def press(page, name):
    page.get_by_role("button", name=name, exact=True).click()


def wait_for_status(page, word):
    page.locator(f".model-state:text-is('{word}')").wait_for()


def wait_for_cars(page, more=3):
    """Wait for some further states of the live view."""
    page.wait_for_function(f"() => {STATE}")
    number = page.evaluate(f"{STATE}.number")
    page.wait_for_function(f"([last, more]) => {STATE}.number > last + more", arg=[number, more])


def iteration(page):
    text = page.get_by_label("Iteration", exact=True).first.inner_text()
    return int(text) if text.isdecimal() else 0


def wait_for_iteration(page, least):
    page.wait_for_function(
        "least => Number(document.querySelector('.model-figure-value').innerText) >= least", arg=least
    )


def rows(store, name):
    return store.open(name).summaries[-1].iterations


def test_a_training_is_begun_watched_stopped_and_gone_on_with(chromium, url, store):
    with shown(chromium, url, "endless") as page:
        assert page.get_by_role("button", name="Stop", exact=True).is_hidden()
        press(page, "Train")
        wait_for_status(page, "training")
        wait_for_cars(page)
        poses = page.evaluate(f"Array.from({STATE}.poses)")
        assert len(poses) == 8 * 4
        assert all(math.hypot(x, y) < 1.7 for x, y in zip(poses[::4], poses[1::4], strict=True))
        wait_for_cars(page)
        assert page.evaluate(f"Array.from({STATE}.poses)") != poses
        camera = "document.querySelector('live-camera canvas')"
        assert page.evaluate(f"[{camera}.width, {camera}.height]") == [32, 24]
        pixels = f"Array.from({camera}.getContext('2d').getImageData(0, 0, 32, 24).data)"
        assert len(set(page.evaluate(pixels))) > 10
        wait_for_iteration(page, 3)
        page.wait_for_function(f"() => ({CHART})()[0] >= 2")
        before = page.evaluate(CHART)
        page.wait_for_function(f"before => ({CHART})()[0] > before", arg=before[0])
        press(page, "Stop")
        wait_for_status(page, "stopped")
        stopped = rows(store, "endless")
        wait_for_iteration(page, stopped)
        assert iteration(page) == stopped
        assert (store.open("endless").run_path(1) / "model" / "model.onnx").exists()
        assert not (store.open("endless").run_path(1) / LIVE).exists()
        assert page.evaluate(f"{STATE}") is None
        press(page, "Resume")
        wait_for_status(page, "training")
        wait_for_iteration(page, stopped + 1)
        press(page, "Stop")
        wait_for_status(page, "stopped")
        assert store.open("endless").run_numbers() == [1]
        # What a user wrote is text.
        assert page.locator(".model-about").inner_text() == EVIL
        page.get_by_role("button", name="Prints").click()
        page.locator(".model-log-text", has_text=EVIL).wait_for()
        page.get_by_label("Search the log").fill("no such line")
        page.locator(".model-log-text", has_text="No line has").wait_for()
        assert page.locator(".model-log img").count() == 0
        assert page.title() != "taken"


def test_a_training_outlives_its_console_and_its_own_death_is_told(chromium, folder, url, store):
    words = [sys.executable, "-m", "deepracer_sim.cli"]
    folders = ["--store", str(folder / "models"), "--races", str(folder / "races")]
    console = subprocess.Popen(
        [*words, "console", "--no-open", "--port", "0", *folders],
        stdout=subprocess.PIPE,
        text=True,
        env=ENVIRONMENT,
    )
    try:
        other = re.search(r"http://\S+:\d+", console.stdout.readline()).group()
        with shown(chromium, other, "killed") as page:
            press(page, "Train")
            wait_for_iteration(page, 2)
    finally:
        console.kill()
        console.communicate(timeout=20)  # its workshop ends with it
    done = rows(store, "killed")
    with shown(chromium, url, "killed") as page:
        wait_for_status(page, "training")
        wait_for_iteration(page, done + 1)
        wait_for_cars(page)
        os.kill(store.open("killed").last_training.process, signal.SIGKILL)
        wait_for_status(page, "failed")
        alert = page.locator(".model-fault")
        assert "its process was killed" in alert.inner_text()
        assert "iteration 1" in alert.inner_text()  # what it said
        assert "SIM_TRACE_LOG:" in alert.inner_text()  # the log's last lines
        assert alert.locator("img").count() == 0
        done = rows(store, "killed")
        # It is gone on with in a terminal, and stopped from the page.
        program = subprocess.Popen([*words, "models", "train", "killed", *folders[:2]], env=ENVIRONMENT)
        try:
            wait_for_status(page, "training")
            assert alert.is_hidden()
            wait_for_iteration(page, done + 1)
            press(page, "Stop")
            wait_for_status(page, "stopped")
            assert program.wait(20) == 130
        finally:
            program.kill()
            program.wait()


def test_of_two_who_press_the_same_button_one_is_told(chromium, url, store):
    with shown(chromium, url, "twice") as one, shown(chromium, url, "twice") as two:
        for page in (one, two):
            page.get_by_role("button", name="Train", exact=True).wait_for()
        for page in (one, two):  # neither waits for an answer
            page.evaluate(
                "[...document.querySelectorAll('button')].find(b => b.innerText.endsWith('Train')).click()"
            )
        told = ".q-notification"
        one.wait_for_function(
            f"() => document.querySelector('{told}') || document.querySelector('.model-state.is-training')"
        )
        wait_for_status(one, "training")
        wait_for_status(two, "training")
        wait_for_iteration(one, 1)
        faults = [page.locator(told).all_inner_texts() for page in (one, two)]
        assert sorted(map(len, faults)) == [0, 1]
        assert "already" in str(faults)
        press(one, "Stop")
        wait_for_status(two, "stopped")
    assert store.open("twice").run_numbers() == [1]


def test_an_evaluation_shows_laps_driven_lines_and_a_video(chromium, url, store):
    with shown(chromium, url, "trained") as page:
        page.get_by_role("tab", name="Evaluation").click()
        page.get_by_label("Laps").fill("0")
        press(page, "Evaluate")
        page.get_by_text("must be >= 1").wait_for()
        page.get_by_label("Laps").fill("1")
        page.get_by_label("Laps").press("Enter")
        page.locator("video").wait_for()
        assert (
            page.locator(".model-picture img").evaluate(
                "image => image.decode().then(() => image.naturalWidth)"
            )
            > 300
        )
        video = page.locator("video")
        video.evaluate("video => { video.muted = true; return video.play(); }")
        page.wait_for_function("() => document.querySelector('video').currentTime > 0.2")
        assert video.evaluate("video => video.readyState") >= 2
        report = next(store.open("trained").run_path(1).glob("evaluation-*/evaluation.json"))
        content = json.loads(report.read_text())
        assert content["settings"]["laps"] == 1
        laps = sum(len(one["laps"]) + (one["ending"] != "finished") for one in content["runs"])
        assert page.locator(".model-table tbody tr").count() == laps


def test_iterations_are_compared_and_one_is_chosen(chromium, url, store):
    with shown(chromium, url, "trained") as page:
        page.get_by_role("tab", name="Iterations").click()
        drives = page.get_by_label("Which policy drives", exact=True)
        page.wait_for_function("() => /Iteration \\d: the best/.test(document.body.innerText)")
        best = int(re.search(r"\d+", drives.inner_text())[0])
        other = next(number for number in (2, 4, 6) if number != best)
        page.get_by_label("Laps").last.fill("1")
        press(page, "Compare")
        press(page, f"Choose iteration {other}")
        page.get_by_text(f"Iteration {other}: you have chosen it.").wait_for()
        assert page.locator("tr", has_text="drives").locator("td").first.inner_text() == f"{other}"
        press(page, "Back to the best")
        page.get_by_text(f"Iteration {best}: the best one so far.").wait_for()
        assert page.locator(".model-state").inner_text() == "ready"  # not training, although it is locked
        page.wait_for_function(f"() => !({SPINS})()")
        assert page.locator(".model-state").inner_text() == "ready"
    assert store.open("trained").status is Status.READY


def test_the_menu_and_the_stop_rules(chromium, url, store):
    with shown(chromium, url, "short") as page:
        press(page, "Train on")
        page.get_by_label("Iterations at most").fill("0")
        page.get_by_role("dialog").get_by_role("button", name="Train", exact=True).click()
        page.get_by_text("must be >= 1").wait_for()
        page.get_by_label("Iterations at most").fill("3")
        page.get_by_role("dialog").get_by_role("button", name="Train", exact=True).click()
        wait_for_iteration(page, 3)
        wait_for_status(page, "ready")
        assert store.open("short").run_numbers() == [1] and rows(store, "short") == 3

        press(page, "More")
        page.get_by_text("Make an analysis report").click()
        with page.context.expect_page() as report:
            page.get_by_role("dialog").get_by_role("link", name="Open").click()
        report.value.wait_for_selector("html[data-ready]", state="attached")
        report.value.close()

        press(page, "More")
        page.get_by_text("Rename", exact=True).click()
        page.get_by_label("New name").fill("trained")
        press(page, "Rename")
        page.get_by_role("alert").filter(has_text="trained").wait_for()
        page.get_by_label("New name").fill("renamed")
        press(page, "Rename")
        page.wait_for_url("**/models/renamed")

        press(page, "More")
        page.get_by_text("Delete", exact=True).click()
        page.get_by_role("dialog").get_by_role("button", name="Delete").click()
        page.get_by_text("renamed is in the trash").wait_for()
        assert not store.has("renamed")
        page.wait_for_function("() => location.pathname + location.search === '/'")
        press(page, "Undo")
        page.get_by_role("link", name="renamed").wait_for()
        assert rows(store, "renamed") == 3
