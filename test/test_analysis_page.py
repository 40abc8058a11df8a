"""The report, opened in a real browser: all is drawn, nothing complains, the replay drives."""

import re

import pytest

pytest.importorskip("pandas")
pytest.importorskip("playwright")
pytest.importorskip("plotly")

import browser
from small_runs import circle_track
from written_run import STEPS_A_LAP, Drive, write_evaluation, write_run

from deepracer_sim.analysis import write_report

pytestmark = pytest.mark.skipif(browser.program() is None, reason=browser.REASON)

LAP = Drive(STEPS_A_LAP)
OFF = Drive(15, "off_track", action=7, reward=-1.0, radius=1.5)
DRIVES = {0: [OFF, OFF], 2: [Drive(20, "off_track", radius=0.5, is_reversed=True), OFF], 4: [LAP, OFF]}
EVIL = '</script><script>alert("evil")</script><img src=x onerror=alert("image")>'
MARKS = """plots => Object.fromEntries(plots.map(plot => [plot.id, [
    plot.querySelectorAll(".scatterlayer .trace").length,
    plot.querySelectorAll(".heatmaplayer image").length,
    plot.querySelectorAll(".barlayer .point").length]]))"""
"""Curves or clouds, maps, and bars of each figure."""


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """The report of a training with an evaluation."""
    folder = tmp_path_factory.mktemp("run")
    run = write_run(folder, DRIVES, iterations=range(1, 6))
    write_evaluation(run.path / "evaluation-20300101000000", folder / "circle.npy", [LAP, OFF], [3.9])
    return write_report(run.path)


def test_every_figure_is_drawn(chromium, report):
    with browser.visited(chromium, report) as page:
        plots = page.locator(".plot")
        assert plots.evaluate_all(MARKS) == {
            "learning": [6, 0, 0],  # two raw, two smoothed, the evaluations and the best of them
            "telemetry": [2, 0, 0],
            "laps": [3, 0, 0],
            "exits-0": [1, 0, 0],
            "exit-shares-0": [0, 0, 13],  # stretches of the track
            "speed-0": [0, 1, 0],
            "steering-0": [0, 1, 0],
            "choice-0": [0, 1, 0],
            "reward-0": [0, 1, 0],
            "actions": [2, 0, 0],
            "shares": [0, 1, 0],
            "terms": [3, 0, 0],
            "rewards": [1, 0, 0],
        }
        for plot in plots.all():
            assert plot.bounding_box()["width"] > 300
            assert plot.bounding_box()["height"] > 200
        page.set_viewport_size({"width": 360, "height": 740})  # a phone's
        page.wait_for_function("() => document.documentElement.scrollWidth === 360")
        page.wait_for_function("() => document.querySelector('#laps .main-svg').clientWidth < 340")


def test_the_replay_plays_pauses_and_goes_where_it_is_told(chromium, report):
    with browser.visited(chromium, report) as page:
        clock, play = page.locator("#clock"), page.locator("#play")

        def picture():
            return page.locator("#ground").screenshot()

        def readout():
            return page.locator("#readout-a").inner_text().split()

        chosen = page.locator("#car-a option:checked").inner_text()
        assert chosen == "lap of 3.90 s: evaluation-20300101000000, episode 0"
        whole = picture()
        assert readout()[1:3] == ["4.00", "100.0"]
        play.click()
        page.wait_for_function("() => Number(document.getElementById('clock').value) > 0.3")
        early = picture()
        page.wait_for_function("() => Number(document.getElementById('clock').value) > 1")
        play.click()
        stopped, time = picture(), clock.input_value()
        assert len({whole, early, stopped}) == 3
        page.wait_for_timeout(200)
        assert (clock.input_value(), picture()) == (time, stopped)
        clock.fill("2")
        # After 2 s, half of the lap at 15 degrees; the speed is that of a chord of the circle a step.
        assert readout() == ["Car", "2.00", "50.0", "1.57", "15", "30.0"]
        page.locator("#pace").select_option("4")
        play.click()
        page.wait_for_selector("#play[aria-label=Play]")
        assert picture() == whole


def test_parts_themes_and_attempts_can_be_chosen(chromium, report):
    with browser.visited(chromium, report, color_scheme="dark") as page:
        section = page.locator("#track-section")
        shown = page.locator("#speed-0 .heatmaplayer image")
        ink = page.locator("#laps .xtick text").first
        before, light_ink = shown.get_attribute("href"), ink.evaluate("text => getComputedStyle(text).fill")
        assert section.locator(".parts button").all_inner_texts() == [
            "All",
            "First third",
            "Last third",
            "Evaluations",
        ]
        section.get_by_text("First third").click()
        assert section.locator("[aria-pressed=true]").inner_text() == "First third"
        assert page.locator("#exit-section [aria-pressed=true]").inner_text() == "All"
        page.wait_for_function(
            "before => document.querySelector('#speed-0 image').href.baseVal !== before", arg=before
        )
        assert page.locator("html").get_attribute("data-theme") == "dark"
        page.locator("#theme").click()
        assert page.locator("html").get_attribute("data-theme") == "light"
        page.wait_for_function(
            "before => getComputedStyle(document.querySelector('#laps .xtick text')).fill !== before",
            arg=light_ink,
        )
        untrained = page.locator("#car-a option", has_text="untrained").first.get_attribute("value")
        page.locator("#car-a").select_option(untrained)
        page.locator("#car-b").select_option("")
        assert page.locator("#clock").get_attribute("max") == "1"  # 15 steps
        assert page.locator("#readout-b").is_hidden()


def test_what_users_wrote_is_shown_as_they_wrote_it(chromium, tmp_path):
    reward = tmp_path / "reward.py"
    reward.write_text(f"# {EVIL}\ndef reward_function(params):\n    return 1.0\n")
    name = "<img src=x onerror=alert(1)>&amp;"
    run = write_run(tmp_path, DRIVES, name=name, reward=reward)
    (run.path / "training.log").write_text(f"SIM_TRACE_LOG:1,2,3\n{EVIL} \u2028 \x00\n")
    table = run.path / "training-simtrace/episodes.csv"
    table.write_text(table.read_text().replace("circle", "<b>bold</b>"))
    table = run.path / "metrics.csv"
    table.write_text(table.read_text().replace("term_progress", "term_<b>&amp;</b>"))
    write_evaluation(run.path / "<i>italic<!--<script>", tmp_path / "circle.npy", [LAP], [3.9])
    with browser.visited(chromium, write_report(run.path, tmp_path / "page.html")) as page:
        assert page.title() == f"{name} · DeepRacer"
        assert page.locator("h1").inner_text() == name
        assert page.locator("pre").first.text_content().startswith(f"# {EVIL}")
        printed = page.locator("pre").nth(1).text_content()
        assert printed.startswith(EVIL)
        assert "SIM_TRACE_LOG" not in printed
        assert page.locator("img, .lead b, td i, option i").count() == 0
        assert page.locator("#terms .legendtext").first.text_content() == "<b>&amp;</b>"


def test_each_of_several_tracks_can_be_chosen(chromium, tmp_path):
    run = write_run(tmp_path, DRIVES)
    file, other = tmp_path / "circle.npy", circle_track(tmp_path, radius=2.0, name="wide")
    config = run.path / "config.json"
    config.write_text(config.read_text().replace(f'"{file}"', f'"{file}", "{other}"'))
    # What was driven after two iterations becomes a drive on the wider circle.
    for trace in (run.path / "training-simtrace").glob("2-*.csv"):
        trace.write_text(trace.read_text().replace(",6.28,", ",12.55,"))
    table = run.path / "training-simtrace/episodes.csv"
    table.write_text(re.sub(r"^(4\d,.*)circle", r"\1wide", table.read_text(), flags=re.MULTILINE))
    with browser.visited(chromium, write_report(run.path)) as page:
        assert page.locator("#reward-1 .main-svg").count() == 0
        page.locator("#track-section .track-select").select_option("wide")
        page.wait_for_selector("#reward-1 .heatmaplayer image")
        assert page.locator("#reward-0").is_hidden()
        assert page.locator(".track-select").evaluate_all("all => all.map(one => one.value)") == [
            "1",
            "1",
            "1",
        ]
        labels = page.locator("#car-a option").all_inner_texts()
        assert len(labels) == 2
        assert all(": iteration 2, " in label for label in labels)


def test_an_evaluation_has_a_page_of_its_own(chromium, tmp_path):
    run = write_run(tmp_path, {})
    folder = run.path / "evaluation-20300101000000"
    write_evaluation(folder, tmp_path / "circle.npy", [LAP, LAP, OFF], [3.9, 4.1])
    with browser.visited(chromium, write_report(folder)) as page:
        marks = page.locator(".plot").evaluate_all(MARKS)
        assert len(marks) == 8
        assert all(map(sum, marks.values()))
        assert marks["laps"] == [0, 0, 2]


def test_a_run_in_which_nothing_was_traced_has_a_page(chromium, tmp_path):
    with browser.visited(chromium, write_report(write_run(tmp_path, {}).path)) as page:
        assert page.locator(".plot").evaluate_all(MARKS).keys() == {"learning", "terms", "laps"}
