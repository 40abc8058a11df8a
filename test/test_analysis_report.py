"""What goes into a report: its headline, the attempts that are replayed, its size; and the command."""

import json
import re

import numpy as np
import pytest

pytest.importorskip("pandas")
pytest.importorskip("plotly")

from written_run import STEPS_A_LAP, Drive, metrics_row, write_evaluation, write_run

from deepracer_sim.analysis import read_records
from deepracer_sim.analysis.replay import MOST_ITERATIONS, MOST_STEPS, replay_data
from deepracer_sim.analysis.report import render
from deepracer_sim.analysis.summary import duration, summary

LAP = Drive(STEPS_A_LAP)
OFF = Drive(15, "off_track", radius=1.5)


def test_the_headline_of_a_training(tmp_path):
    drives = {0: [Drive(30, "off_track", action=3)], 2: [LAP]}
    records = read_records(write_run(tmp_path, drives, iterations=range(1, 5)).path)
    tiles = [(tile.value, tile.name, tile.detail) for tile in summary(records)]
    assert metrics_row(4)["samples"] == 256  # 17 s at 15 steps a second
    assert tiles == [
        ("4.00 s", "best lap", "in training"),
        ("80 %", "completion", "best evaluation, iteration 4"),
        ("256", "steps", "17 s of driving"),
        ("6 s", "training time", "4 iterations"),
        ("2 of 10", "actions used", "8 never"),
    ]


def test_the_headline_of_an_evaluation(tmp_path):
    run = write_run(tmp_path, {})
    write_evaluation(run.path / "evaluation-1", tmp_path / "circle.npy", [LAP, LAP, OFF], [4.25, 3.5])
    tiles = {tile.name: tile.value for tile in summary(read_records(run.path / "evaluation-1"))}
    assert tiles == {
        "best lap": "3.50 s",
        "median clean lap": "4.25 s",
        "laps clean": "2 of 3",
        "completion": "66 %",
        "resets": "0",
        "actions used": "1 of 10",
    }


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0 s"), (59.4, "59 s"), (61, "1 min 1 s"), (3600, "1 h 0 min"), (7261, "2 h 1 min")],
)
def test_durations_are_in_two_units(seconds, text):
    assert duration(seconds) == text


def test_the_replay_has_the_best_and_the_worst_of_each_traced_iteration(tmp_path):
    short, middle = Drive(4, "off_track", radius=1.5), Drive(30, "time_up")
    drives = {0: [short, OFF, Drive(8, "reversed")], 6: [middle, LAP, OFF], 12: [OFF]}
    data = replay_data(read_records(write_run(tmp_path, drives).path), "circle")
    assert [attempt["label"] for attempt in data["attempts"]] == [
        "23 %, left the road after 1.0 s: iteration 12, episode 240",
        "lap of 4.00 s: iteration 6, episode 121",
        "23 %, left the road after 1.0 s: iteration 6, episode 122",
        "23 %, left the road after 1.0 s: untrained, episode 1",
        "5 %, left the road after 0.3 s: untrained, episode 0",
    ]
    assert data["first"] == [1, 2]  # the best attempt of all, and the worst of the same iteration
    json.dumps(data, allow_nan=False)


def test_a_replay_is_in_whole_millimetres_and_knows_where_a_car_was_put_back(tmp_path):
    run = write_run(tmp_path, {0: [LAP]})
    file = run.path / "training-simtrace/0-iteration.csv"
    lines = file.read_text().splitlines(keepends=True)
    lines[21] = lines[21].replace("in_progress", "off_track")  # step 20
    file.write_text("".join(lines))
    attempt = replay_data(read_records(run.path), "circle")["attempts"][0]
    assert attempt["jumps"] == [20]
    assert attempt["label"] == "lap of 4.00 s with 1 reset: untrained, episode 0"
    assert (attempt["x"][0], attempt["y"][15], attempt["x"][30]) == (1000, 1000, -1000)
    assert (attempt["time"][30], attempt["progress"][30], attempt["yaw"][15]) == (200, 500, 180)
    assert (attempt["steering"][1], attempt["reward"][-1]) == (15, 60)
    assert attempt["speed"][10] == pytest.approx(1570, abs=5)


def test_a_long_attempt_is_thinned_and_few_iterations_are_kept(tmp_path):
    drives = {iteration: [Drive(900, "time_up"), OFF] for iteration in range(0, 6 * 25, 6)}
    data = replay_data(read_records(write_run(tmp_path, drives).path), "circle")
    assert len(data["attempts"]) == 2 * MOST_ITERATIONS
    longest = max(data["attempts"], key=lambda attempt: attempt["time"][-1])
    assert len(longest["time"]) == MOST_STEPS
    assert (longest["time"][0], longest["time"][-1]) == (0, 6000)


def test_a_report_of_many_steps_stays_small(tmp_path):
    random = np.random.default_rng(0)
    drives = {
        iteration: [
            Drive(
                int(random.integers(100, 200)),
                "time_up",
                int(random.integers(10)),
                radius=random.uniform(0.7, 1.3),
            )
            for _ in range(20)
        ]
        for iteration in range(0, 240, 6)
    }
    records = read_records(write_run(tmp_path, drives, iterations=range(1, 3001)).path)
    assert len(records.steps) > 100_000
    page = render(records)
    assert len(page.encode()) < 6_500_000
    data = json.loads(re.search(r'id="data">(.*?)</script>', page, re.DOTALL)[1])
    curves = [
        trace for figure in data["figures"].values() for trace in figure["data"] if trace["type"] == "scatter"
    ]
    assert len(curves) > 8
    assert all(len(trace["x"].get("bdata", "")) < 20_000 for trace in curves if isinstance(trace["x"], dict))


def test_the_command_writes_the_page_and_says_where(tmp_path, deepracer):
    run = write_run(tmp_path, {0: [LAP]})
    code, output, _ = deepracer("analyze", run.path)
    assert (code, output) == (0, f"{run.path / 'report.html'}\n")
    assert (run.path / "report.html").read_text().startswith("<!DOCTYPE html>")
    code, output, _ = deepracer("analyze", run.path, "--output", tmp_path / "page.html")
    assert (code, output) == (0, f"{tmp_path / 'page.html'}\n")
    code, _, errors = deepracer("analyze", run.path, "--output", tmp_path / "nowhere/page.html")
    assert (code, "cannot write" in errors) == (2, True)
    code, _, errors = deepracer("analyze", tmp_path / "runs")
    assert (code, "no such folder" in errors) == (2, True)
