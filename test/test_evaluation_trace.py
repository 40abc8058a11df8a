"""The simulation trace of an evaluation, on a circle of 2 pi metres driven at 1 m/s."""

from __future__ import annotations

import csv
import json
import math

import numpy as np
import pytest
import torch
from disk_limit import full_disk
from driven_circle import ACTIONS, DRIVE, LEAVE, circle, rail_env

from deepracer_sim.errors import RunError
from deepracer_sim.evaluation import evaluate, place_evenly
from deepracer_sim.evaluation_trace import TRACED_CARS, write_racers_files


def evaluation_of(leave_at=(), cars=1, laps=2, max_resets=5):
    """Cars that all leave the road at the same steps."""
    env, step = rail_env(cars), -1
    if cars > 1:
        place_evenly(env, starts=cars)

    def policy(images):
        nonlocal step
        step += 1
        return torch.full((cars,), LEAVE if step in leave_at else DRIVE)

    return evaluate(env, policy, laps, max_resets=max_resets)


def written(folder, evaluation, penalty=5.0):
    paths = write_racers_files(evaluation, ACTIONS.numpy(), circle(), penalty, folder)
    assert [str(path.relative_to(folder)) for path in paths] == [
        "evaluation-simtrace/0-iteration.csv",
        "evaluation.log",
        "metrics.json",
    ]
    text = paths[0].read_text()
    lines = paths[1].read_text().splitlines()
    assert [line.removeprefix("SIM_TRACE_LOG:") for line in lines] == text.splitlines()[1:]
    return list(csv.DictReader(text.splitlines()))


def column(rows, name):
    return np.array([float(row[name]) for row in rows])


def test_each_lap_is_an_episode_that_begins_where_the_last_one_ended(tmp_path):
    rows = written(tmp_path, evaluation_of())
    laps = [[row for row in rows if row["episode"] == str(lap)] for lap in (0, 1)]
    assert [len(lap) for lap in laps] == [96, 95]
    for lap in laps:
        statuses = ["prepare", *["in_progress"] * (len(lap) - 2), "lap_complete"]
        assert [row["episode_status"] for row in lap] == statuses
        assert [row["done"] for row in lap] == ["False"] * (len(lap) - 1) + ["True"]
        assert column(lap, "steps").tolist() == list(range(len(lap)))
        assert (lap[0]["action"], lap[0]["throttle"], lap[-1]["progress"]) == ("-1", "0.00", "100.0000")
        assert (np.diff(column(lap, "progress")) > 0).all()
        assert np.diff(column(lap, "tstamp")) == pytest.approx(1 / 15, abs=2e-4)
    for name in ("X", "Y", "tstamp"):
        assert laps[0][-1][name] == laps[1][0][name]


def test_a_row_is_where_awss_point_was(tmp_path):
    rows = written(tmp_path, evaluation_of(laps=1))
    angle = column(rows, "steps") / 15
    # base_link drives on the circle; the point is 0.14 m ahead of it, along the tangent.
    assert column(rows, "X") == pytest.approx(np.cos(angle) - 0.14 * np.sin(angle), abs=1e-3)
    assert column(rows, "Y") == pytest.approx(np.sin(angle) + 0.14 * np.cos(angle), abs=1e-3)
    turned = np.radians(column(rows, "yaw")) - angle - math.pi / 2
    assert np.cos(turned) == pytest.approx(1, abs=1e-6)
    assert {row["track_len"] for row in rows} == {"6.28"}
    assert {row["all_wheels_on_track"] for row in rows} == {"True"}
    count = len(circle().center)
    ahead = (np.arctan2(column(rows, "Y"), column(rows, "X")) % (2 * math.pi)) / (2 * math.pi) * count
    off = np.abs(column(rows, "closest_waypoint") - ahead)
    assert np.minimum(off, count - off).max() < 1


def test_a_reset_costs_time_and_is_named(tmp_path):
    evaluation = evaluation_of(leave_at=(20, 50))
    rows = written(tmp_path, evaluation, penalty=5.0)
    faults = [place for place, row in enumerate(rows) if row["episode_status"] == "off_track"]
    assert faults == [21, 51]  # after the row of the start
    for place in faults:
        assert (rows[place]["pause_duration"], rows[place]["done"]) == ("5.00", "False")
        assert float(rows[place + 1]["tstamp"]) - float(rows[place]["tstamp"]) == pytest.approx(
            5 + 1 / 15, abs=1e-3
        )
    first = [row for row in rows if row["episode"] == "0"]
    assert float(first[-1]["tstamp"]) == pytest.approx(evaluation.runs[0].laps[0].time, abs=1 / 15)
    assert {row["pause_duration"] for row in rows} == {"0.00", "5.00"}


def test_the_fault_that_ends_a_run_costs_nothing(tmp_path):
    rows = written(tmp_path, evaluation_of(leave_at=(30,), max_resets=0))
    last = rows[-1]
    assert (last["episode_status"], last["done"], last["pause_duration"]) == ("off_track", "True", "0.00")
    assert len(rows) == 32


def test_rewards_are_the_environments(tmp_path):
    evaluation = evaluation_of(laps=1)
    rows = written(tmp_path, evaluation)
    assert column(rows[1:], "reward") == pytest.approx(
        evaluation.trace.judged.reward[: len(rows) - 1, 0], rel=1e-6
    )


def test_many_cars_come_one_after_the_other(tmp_path):
    evaluation = evaluation_of(cars=TRACED_CARS + 2, laps=1)
    rows = written(tmp_path, evaluation)
    assert sorted({int(row["episode"]) for row in rows}) == list(range(TRACED_CARS))
    starts = [row for row in rows if row["episode_status"] == "prepare"]
    assert len({(row["X"], row["Y"]) for row in starts}) == TRACED_CARS
    metrics = json.loads((tmp_path / "metrics.json").read_text())["metrics"]
    assert [entry["trial"] for entry in metrics] == list(range(1, TRACED_CARS + 3))


def test_a_full_disk_is_named(tmp_path):
    with full_disk(100), pytest.raises(RunError, match=r"cannot write .*0-iteration.csv: File too large"):
        written(tmp_path, evaluation_of(laps=1))
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
