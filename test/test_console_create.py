"""The page that makes models, in a browser."""

import fcntl
import json
import os

import pytest

pytest.importorskip("nicegui")
pytest.importorskip("playwright")

import browser
from console_server import opened, served
from small_disk import small_disk
from small_models import SOURCE, definition
from small_runs import circle_track, small_settings

from deepracer_sim.console.create.model_making import ModelPlan, make_model
from deepracer_sim.console.jobs import Jobs
from deepracer_sim.garage.model_store import ModelStore
from deepracer_sim.settings import ActionSettings, TrainSettings

pytestmark = pytest.mark.skipif(browser.program() is None, reason=browser.REASON)

BROKEN = "def reward_function(params):\n    x = params['speed']\n    return x / params['oops']\n"
MENDED = "def reward_function(params):\n    x = params['speed']\n    return x + 1\n"
SLOW = 60_000
"""Milliseconds; a check takes one, if the machine is not busy."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("console")


@pytest.fixture(scope="module")
def store(folder):
    """With a model that was imported from AWS, as it were: a list of actions, several tracks."""
    store = ModelStore(folder / "models")
    settings = definition().settings
    file = folder / "actions.json"
    file.write_text(json.dumps([{"steering_angle": angle, "speed": 1.5} for angle in (-20, 0, 20)]))
    settings = settings.replaced(
        track=("oval", "bowtie"),
        reward=None,
        actions=ActionSettings(file=file),
        ppo=settings.ppo.replaced(lr=5e-4),
    )
    make_model(store.path, ModelPlan("parent", "<b>drives</b> fast", settings, SOURCE.decode()))
    return store


@pytest.fixture(scope="module")
def url(store, folder):
    with served(folder) as address:
        yield address


def write(page, source):
    """Replace what stands in the editor, as by pasting."""
    page.locator(".cm-content").click()
    page.keyboard.press("Control+a")
    page.keyboard.insert_text(source)


def status(page, text):
    page.locator(".reward-status", has_text=text).wait_for(timeout=SLOW)


def field(page, path):
    return page.locator(f'[data-setting="{path}"]')


def test_from_a_broken_reward_to_a_model(chromium, url, store):
    with opened(chromium, url, "/create") as page:
        page.locator("path.heat").first.wait_for(timeout=SLOW)  # of the example
        page.get_by_label("Name", exact=True).fill("first")
        page.get_by_role("checkbox", name="Oval").click()
        page.get_by_role("checkbox", name="re:Invent 2018").click()
        rate = page.get_by_label("Learning rate", exact=True)
        rate.fill("5")
        page.get_by_text("must be <= 0.1").wait_for()
        page.get_by_role("button", name="Create", exact=True).click()
        page.locator(".create-words", has_text="Hyperparameters").wait_for()
        assert rate.evaluate("field => field === document.activeElement")
        rate.fill("0.001")
        page.get_by_text("must be <= 0.1").wait_for(state="detached")

        write(page, BROKEN)
        page.get_by_role("button", name="Create", exact=True).click()
        page.locator(".create-words", has_text="Reward function").wait_for(timeout=SLOW)
        assert page.locator(".cm-line.fault-line").inner_text().startswith("    return x / params['oops']")
        assert page.locator(".cm-line.fault-line .fault-mark").inner_text() == "KeyError: 'oops'"
        assert page.locator(".reward-fault").count() == 1
        assert not store.has("first")
        page.get_by_role("button", name="Line 3").click()
        page.wait_for_function("document.activeElement.classList.contains('cm-content')")
        assert page.locator(".cm-activeLine").inner_text().startswith("    return x / params['oops']")

        write(page, MENDED)
        status(page, "Changed since")
        page.keyboard.press("Control+Enter")
        status(page, "No faults: 400 calls")
        assert page.locator(".fault-line").count() == 0
        page.locator(".reward-picture:not(.is-stale) path.heat").first.wait_for(timeout=SLOW)
        assert page.locator(".reward-map").inner_text().split("\n")[0] == "2"  # the same everywhere, at 1 m/s
        page.get_by_label("Maximum speed").fill("3")
        page.locator(".actions-drawing title", has_text="3 m/s").first.wait_for(state="attached")
        page.get_by_role("button", name="Create", exact=True).click()
        page.wait_for_url("**/models/first", timeout=SLOW)
    model = store.open("first")
    defaults = TrainSettings()
    assert model.record.settings == defaults.replaced(
        track=("oval",),
        reward="reward_function.py",
        ppo=defaults.ppo.replaced(lr=0.001),
        actions=defaults.actions.replaced(max_speed=3.0),
    )
    assert (model.path / "reward_function.py").read_text() == MENDED


def test_profiles_change_what_was_not_touched(chromium, url):
    with opened(chromium, url, "/create") as page:
        field(page, "ppo.num_epochs").fill("7")
        page.get_by_role("button", name="AWS").click()
        page.wait_for_function("document.querySelector('[data-setting=\"ppo.lr\"]').value === '0.0003'")
        assert field(page, "ppo.num_epochs").input_value() == "7"
        assert field(page, "stop.minutes").input_value() == "60"
        page.get_by_role("button", name="About: Learning rate").click()
        page.locator(".info-pane", has_text="Default: 0.0003").wait_for()
        page.get_by_role("button", name="Parameters", exact=True).click()
        page.locator(".info-pane", has_text="closest_waypoints").wait_for()
        assert page.url.endswith("/create")


def test_names_are_looked_up_while_they_are_typed(chromium, url):
    with opened(chromium, url, "/create") as page:
        name = page.get_by_label("Name", exact=True)
        name.fill("Parent")
        page.get_by_text("there is a model 'parent' already").wait_for()
        name.fill("../x <script>")
        page.get_by_text("perhaps x-script").wait_for()
        name.fill("")
        page.get_by_role("button", name="Create and train").click()
        page.get_by_text("A model needs a name.").wait_for()
        name.fill("another")
        page.get_by_text("A model needs a name.").wait_for(state="detached")


def test_of_two_who_take_a_name_the_second_is_told(chromium, url, store):
    with opened(chromium, url, "/create") as first, opened(chromium, url, "/create") as second:
        for page in (first, second):
            page.get_by_role("button", name="Built-in reward").click()
            page.get_by_label("Name", exact=True).fill("contested")
            page.locator(".has-changes").wait_for()
        first.get_by_role("button", name="Create", exact=True).click()
        first.wait_for_url("**/models/contested", timeout=SLOW)
        second.get_by_role("button", name="Create", exact=True).click()
        second.get_by_text("there is a model 'contested' already").wait_for(timeout=SLOW)
        second.on("dialog", lambda dialog: dialog.accept())
    assert store.open("contested").record.settings == TrainSettings()


def test_leaving_with_changes_is_asked_about(chromium, url):
    with opened(chromium, url, "/create") as page:
        page.locator("path.heat").first.wait_for(timeout=SLOW)
        page.get_by_text("Details").last.click()
        assert page.locator(".has-changes").count() == 0  # what was tried by itself is no change
        page.get_by_label("Description").fill("mine")
        page.locator(".has-changes").wait_for()
        with page.expect_event("dialog") as asked:
            page.close(run_before_unload=True)
        assert asked.value.type == "beforeunload"
        asked.value.accept()


LOSE_CHANGES = """() => {
    const code = getElement(document.querySelector(".reward-code").id.slice(1));
    code.emitting = false;  // as NiceGUI does with a message that is too large
    code.editor.dispatch({ changes: { from: 0, insert: "lost" } });
}"""


def test_code_that_has_not_arrived_makes_no_model(chromium, url, store):
    with opened(chromium, url, "/create") as page:
        page.locator("path.heat").first.wait_for(timeout=SLOW)
        page.get_by_label("Name", exact=True).fill("stale")
        page.evaluate(LOSE_CHANGES)
        page.get_by_role("button", name="Create", exact=True).click()
        status(page, "has not arrived here as your browser shows it")
        page.locator(".create-words", has_text="could not be tried").wait_for()
    assert not store.has("stale")


def test_rewards_that_run_wild_are_told_in_words(chromium, url):
    with opened(chromium, url, "/create") as page:
        page.locator("path.heat").first.wait_for(timeout=SLOW)
        text = "<img src=x onerror=alert(1)>"
        write(page, f"def reward_function(params):\n    print('{text}' + 'x' * 10_000)\n    return 1\n")
        page.get_by_role("button", name="Validate").click()
        status(page, "No faults")
        page.get_by_text("It printed").click()
        printed = page.locator(".reward-prints").inner_text()
        assert printed.startswith(text)
        assert printed.endswith("[cut after 10000 characters]")

        write(page, "def reward_function(params):\n    return len(bytearray(1 << 40))\n")
        page.get_by_role("button", name="Validate").click()
        page.locator(".reward-fault", has_text="more than the limit of 1024 MiB of memory").wait_for(
            timeout=SLOW
        )

        write(page, "def reward_function(params):\n    while True:\n        pass\n")
        page.get_by_role("button", name="Validate").click()
        status(page, "Trying it")
        page.get_by_label("Learning rate", exact=True).fill("7")  # the page is alive meanwhile
        page.get_by_text("must be <= 0.1").wait_for()
        page.locator(".reward-fault", has_text="an endless loop, or too slow").wait_for(timeout=SLOW)


def test_a_clone_begins_with_everything_of_its_parent(chromium, url, store):
    with opened(chromium, url, "/models/parent/clone") as page:
        assert page.get_by_label("Name", exact=True).input_value() == "parent-clone"
        assert page.get_by_label("Description").input_value() == "<b>drives</b> fast"
        assert field(page, "ppo.lr").input_value() == "0.0005"
        page.get_by_text("3 actions").wait_for()
        status(page, "No faults")
        assert SOURCE.decode().split("\n")[1] in page.locator(".cm-content").inner_text()
        field(page, "ppo.lr").fill("0.0001")
        page.get_by_label("Name", exact=True).press("Enter")
        page.wait_for_url("**/models/parent-clone", timeout=SLOW)
    parent, clone = store.open("parent"), store.open("parent-clone")
    settings = parent.record.settings
    assert clone.record.settings == settings.replaced(ppo=settings.ppo.replaced(lr=1e-4))
    assert clone.record.parent == "parent"
    assert clone.record.description == "<b>drives</b> fast"
    assert {name: clone.definition.files[name] for name in parent.definition.files} == parent.definition.files


def test_an_unknown_model_cannot_be_cloned(chromium, url):
    with opened(chromium, url, "/create") as page:
        answer = page.request.get(f"{url}/models/nobody/clone")
        assert answer.status == 404
        assert page.request.get(f"{url}/models/..%2f..%2fetc/clone").status == 404


def test_a_model_is_made_and_trained(chromium, url, store, folder):
    small = small_settings(circle_track(folder), 1)
    make_model(store.path, ModelPlan("small", "", small, None))
    with opened(chromium, url, "/models/small/clone", width=390, height=844, color_scheme="dark") as page:
        page.get_by_label("Name", exact=True).fill("trained")
        page.get_by_role("button", name="Create and train").click()
        page.wait_for_url("**/models/trained", timeout=SLOW)
    job = Jobs(folder / ".console/jobs").running("train", "trained")
    assert job.words == ("models", "train", "trained")
    holder = os.open(job.folder, os.O_RDONLY | os.O_DIRECTORY)
    fcntl.flock(holder, fcntl.LOCK_SH)  # until its process, which holds it for itself, has ended
    os.close(holder)
    assert (job.code, job.fault) == (0, "")
    assert store.open("trained").settings == small.replaced(
        track=(str(store.path / "trained/tracks/circle.npy"),)
    )
    with opened(chromium, url, "/models/trained/clone") as page:
        field(page, "actions.max_speed").fill("1")
        page.get_by_text("must stay as in trained, whose weights it begins with").wait_for()
        page.get_by_role("switch", name="Begin with what trained has learned").click()
        page.get_by_text("must stay as in trained").wait_for(state="detached")


def test_a_full_disk_is_told_in_the_stores_words(chromium, tmp_path):
    with small_disk(tmp_path / "disk") as disk, served(disk) as address:
        with opened(chromium, address, "/create") as page:
            page.get_by_role("button", name="Built-in reward").click()
            page.get_by_label("Name", exact=True).fill("big")
            with pytest.raises(OSError, match="No space left"), (disk / "filling").open("wb", 0) as file:
                while True:
                    file.write(bytes(1000))
            page.get_by_role("button", name="Create", exact=True).click()
            page.locator(".create-words", has_text="No space left").wait_for(timeout=SLOW)
            page.on("dialog", lambda dialog: dialog.accept())
        assert not ModelStore(disk / "models").has("big")


def test_a_track_in_the_address_is_chosen(chromium, url):
    with opened(chromium, url, "/create?track=bowtie") as page:
        page.get_by_role("checkbox", name="Bowtie", checked=True).wait_for()
        assert page.get_by_role("checkbox", checked=True).count() == 1
    with opened(chromium, url, "/create?track=..%2F..%2Fetc%2Fpasswd") as page:
        page.get_by_role("checkbox", name="re:Invent 2018", checked=True).wait_for()
