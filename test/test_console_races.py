"""The console's races in a real browser: made, entered, replayed, closed, added up to a season."""

from __future__ import annotations

import json
import urllib.error
import urllib.request

import pytest

pytest.importorskip("nicegui")
pytest.importorskip("playwright")

import browser
from console_server import opened, served
from race_models import enter_circling, make_race, write_bundle
from small_runs import circle_track

from deepracer_sim.garage.model_import import import_model
from deepracer_sim.garage.model_store import ModelStore
from deepracer_sim.races.entering import enter
from deepracer_sim.races.leaderboard import Leaderboard
from deepracer_sim.races.race import SECRET, Race

pytestmark = pytest.mark.skipif(browser.program() is None, reason=browser.REASON)

EVIL = "<img src=x onerror=alert(1)></script>"
CARS = """view => view.cars.map(car => view.at(car, Number(view.clock.value)))
    .map(({x, y}) => [x, y])"""
"""Where the replay draws the cars, metres."""


@pytest.fixture(scope="module")
def garage(tmp_path_factory):
    """A folder with a model that circles, and races of which nobody knows yet."""
    folder = tmp_path_factory.mktemp("garage")
    (folder / "races").mkdir()
    store = ModelStore(folder / "models")
    import_model(store, write_bundle(folder / "bundle", speed=1.5), "falcon")
    return folder


@pytest.fixture(scope="module")
def console(garage):
    with served(garage) as url:
        yield url


def fetched(url):
    """Status and body of a URL."""
    try:
        with urllib.request.urlopen(url) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def test_a_race_is_made_after_wrong_fields_were_shown(chromium, console, garage):
    with opened(chromium, console, "/races") as page:
        page.get_by_text("No races yet").wait_for()
        page.get_by_role("button", name="Create race").click()
        page.get_by_label("Name", exact=True).fill("../up")
        page.get_by_label("Laps", exact=True).fill("0")
        page.get_by_label("Season", exact=True).fill("a b")
        page.get_by_role("button", name="Create", exact=True).click()
        page.get_by_role("alert").filter(has_text="must be 1 to 64 letters").first.wait_for()
        page.get_by_role("alert").filter(has_text="must be greater than or equal to 1").wait_for()
        assert page.get_by_role("alert").filter(has_text="perhaps a-b").count() == 1
        assert list((garage / "races").iterdir()) == []
        page.get_by_label("Name", exact=True).fill("made-here")
        page.get_by_label("Laps", exact=True).fill("2")
        page.get_by_label("Season", exact=True).fill("autumn")
        page.get_by_label("What counts").click()
        page.get_by_role("option", name="All laps together").click()
        page.get_by_label("Season", exact=True).press("Enter")
        page.wait_for_url("**/races/made-here")
        page.get_by_text("2 laps: the time of all laps together counts").wait_for()
    rules = Race.open(garage / "races/made-here").rules
    assert (rules.laps, rules.rule, rules.season, rules.track) == (2, "total", "autumn", "reinvent_2018")


def test_the_name_of_another_race_is_refused_at_its_field(chromium, console, garage):
    make_race(garage / "races", circle_track(garage), "taken")
    with opened(chromium, console, "/races") as page:
        page.get_by_role("button", name="Create race").click()
        page.get_by_label("Name", exact=True).fill("taken")
        page.get_by_role("button", name="Create", exact=True).click()
        page.get_by_role("alert").filter(has_text="there is a race taken").wait_for()


def test_a_model_enters_and_is_shown_in_the_leaderboard_and_the_replay(chromium, console, garage):
    race = make_race(garage / "races", circle_track(garage), "cup", laps=2)
    enter_circling(race, garage / "bundles", "slow", speed=0.8)
    with opened(chromium, console, "/races/cup") as page, opened(chromium, console, "/races/cup") as other:
        page.get_by_role("cell", name="slow").wait_for()
        page.get_by_role("button", name="Enter a model").click()
        page.get_by_label("Racer").fill(EVIL)
        page.get_by_role("button", name="Drive", exact=True).click()
        page.locator(".race-job.is-running").wait_for()
        page.locator(".race-job.is-done").get_by_text("entry 2 of").wait_for()
        for watcher in (page, other):
            watcher.get_by_role("cell", name=EVIL).wait_for()
            assert watcher.locator("img[src=x]").count() == 0
        first, second = Leaderboard.of(race).standings
        assert (first.entry.racer, second.entry.racer) == (EVIL, "slow")
        rows = page.locator(".board tbody tr")
        assert rows.nth(0).inner_text().split("\t")[0].strip() == "1"
        assert f"+{second.gap:.3f}" in rows.nth(1).inner_text()
        best, last = (f"{min(one.entry.drive.times):.3f}" for one in (first, second))
        page.locator(".replay-legend").get_by_text(f"{best} s").wait_for()
        view = page.locator("race-replay")
        assert page.locator(".replay-name").all_inner_texts() == [EVIL, "slow"]
        before, picture = view.evaluate(CARS), view.locator("canvas").screenshot()
        page.get_by_role("button", name="Play", exact=True).click()
        page.wait_for_function("() => Number(document.querySelector('race-replay').clock.value) > 1.5")
        page.get_by_role("button", name="Pause").click()
        after = view.evaluate(CARS)
        assert len(before) == 2 and all(here != there for here, there in zip(before, after, strict=True))
        assert view.locator("canvas").screenshot() != picture
        view.get_by_label("Time").fill(last)
        # The slow one has come to its line again, the other one waits there.
        for x, y in view.evaluate(CARS):
            assert x == pytest.approx(1.0, abs=0.05) and y == pytest.approx(-0.1, abs=0.2)
        view.get_by_label("What is shown").select_option("whole")
        page.locator(".replay-legend").get_by_text(f"{first.result:.3f} s").wait_for()
    board = json.loads(fetched(f"{console}/races/cup/leaderboard.json")[1])
    assert [row["racer"] for row in board["standings"]] == [EVIL, "slow"]
    assert EVIL.encode() not in fetched(f"{console}/races/cup/leaderboard.html")[1]


def test_a_model_that_cannot_enter_is_told_why(chromium, console, garage):
    race = make_race(garage / "races", circle_track(garage), "short")
    with opened(chromium, console, "/races/short") as page:
        page.get_by_role("button", name="Enter a model").click()
        page.get_by_role("button", name="Drive", exact=True).wait_for()
        race.close()
        page.get_by_role("button", name="Drive", exact=True).click()
        page.locator(".race-job.is-failed").get_by_text("is closed since").wait_for()


class Eavesdropper:
    """All that a page gets from the console."""

    def __init__(self, page):
        self.bodies, self.responses, self.frames = [], [], []
        page.on("response", lambda response: self.responses.append(response))
        page.on(
            "websocket", lambda socket: socket.on("framereceived", lambda frame: self.frames.append(frame))
        )

    def heard(self):
        """Everything until now; to be asked before the page is left, which forgets its responses."""
        told = [one for one in self.responses if one.request.resource_type in ("document", "fetch", "xhr")]
        self.bodies += [response.body() for response in told if response.ok]
        self.responses.clear()
        return b"\n".join([*self.bodies, *(str(frame).encode() for frame in self.frames)])


def test_a_secret_track_is_seen_by_nobody_before_the_race_is_closed(chromium, console, garage):
    race = make_race(garage / "races", "unseen", "night", max_resets=100)
    enter_circling(race, garage / "bundles", "straight", angle=0.0)
    secret = json.loads((race.path / SECRET).read_text())
    x, y = race.track().center[1].tolist()
    words = [secret["track"].removeprefix("random:"), secret["nonce"], f"{x:.3f},{-y:.3f}", str(round(x, 4))]
    paths = (
        "leaderboard.json",
        "leaderboard.html",
        "replay.json",
        "head_to_head.mp4",
        "track.npy",
        "secret.json",
    )
    with opened(chromium, console, "/tracks") as page:
        eavesdropper = Eavesdropper(page)
        page.goto(f"{console}/races")
        page.get_by_text("The track is secret").first.wait_for()
        eavesdropper.heard()
        page.goto(f"{console}/races/night")
        page.get_by_role("cell", name="straight").first.wait_for()
        page.get_by_text("The drives would show the track").wait_for()
        page.get_by_text("The track is secret").wait_for()
        heard = eavesdropper.heard()
        assert race.record.commitment.encode() in heard
        before = heard + b"".join(fetched(f"{console}/races/night/{path}")[1] for path in paths)
        assert [word for word in words if word.encode() in before] == []
        page.get_by_role("button", name="Close race").click()
        page.get_by_text("Its secret track is revealed").wait_for()
        page.get_by_role("dialog").get_by_role("button", name="Close race").click()
        page.locator(".race-picture svg.track").wait_for()
        page.locator(".replay-name").get_by_text("straight").wait_for()
        # What is looked for above would have been found.
        after = eavesdropper.heard() + b"".join(fetched(f"{console}/races/night/{path}")[1] for path in paths)
        assert [word for word in words if word.encode() not in after] == []
        assert page.get_by_role("button", name="Enter a model").is_hidden()
    assert not Race.open(race.path).is_open


def test_a_season_adds_up(chromium, console, garage):
    drives = (("spring-1", "anna", 1.0), ("spring-1", "<b>ben</b>", 1.3), ("spring-2", "anna", 1.2))
    for name in ("spring-1", "spring-2"):
        race = make_race(garage / "races", circle_track(garage), name, season="spring")
        for _, racer, speed in (drive for drive in drives if drive[0] == name):
            enter(race, str(write_bundle(garage / "bundles" / f"{speed}", speed=speed)), racer)
    with opened(chromium, console, "/seasons/spring") as page:
        rows = page.locator(".board tbody tr")
        first, second = (rows.nth(number).inner_text().split() for number in (0, 1))
        assert first[:2] == ["1", "anna"] and second[:2] == ["2", "<b>ben</b>"]
        assert float(first[2]) == pytest.approx(float(first[3]) + float(first[4]), abs=0.002)
        assert second[4] == "-"
        page.get_by_role("link", name="spring-1").click()
        page.wait_for_url("**/races/spring-1")
    assert json.loads(fetched(f"{console}/seasons/spring/season.json")[1])["season"] == "spring"
    assert b"&lt;b&gt;ben" in fetched(f"{console}/seasons/spring/season.html")[1]


@pytest.mark.parametrize(
    "path",
    [
        "/races/none",
        "/races/..%2f..%2fetc%2fpasswd",
        "/races/%2e%2e",
        "/races/..%2fmodels/leaderboard.json",
        "/races/taken%2f..%2ftaken/replay.json",
        "/races/taken%00/leaderboard.html",
        "/races/taken/..%2frace.json",
        "/races/taken/race.json",
        "/races/taken/track.npy",
        "/seasons/..%2f..%2fetc",
        "/seasons/none/season.json",
        "/seasons/spring/season.py",
    ],
)
def test_a_path_that_leads_nowhere_is_not_found(console, garage, path):
    status, body = fetched(console + path)
    assert status == 404
    assert b"root:" not in body and b"Traceback" not in body and str(garage).encode() not in body
