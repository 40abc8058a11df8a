"""The embedded simulator beside Gazebo: turns, pictures, and a policy that never saw Gazebo drives there."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
import torch
from gazebo_server import needs_gazebo
from matplotlib.image import imread
from test_learning import SETTINGS

from deepracer_sim import training_graph
from deepracer_sim.benchmark import gazebo
from deepracer_sim.benchmark.__main__ import Options, benchmark
from deepracer_sim.benchmark.gazebo import Drive
from deepracer_sim.benchmark.gazebo_pictures import difference, measure_pictures, places, save_pairs
from deepracer_sim.benchmark.gazebo_turns import BRAKING, TURNS, Manoeuvre, compare, drive_embedded
from deepracer_sim.simulation import Course
from deepracer_sim.training_run import start
from deepracer_sim.world import wrapped

TURN = Manoeuvre(2.0, math.radians(30), 2.0)
SAMPLES = 240
"""Four seconds of them."""


def motion(*stages):
    """Rows of forward and lateral speed and yaw rate: the stages, equally long."""
    return np.repeat(np.array(stages, dtype=float), SAMPLES // len(stages), 0)


def test_the_radius_of_a_turn_is_speed_over_yaw_rate():
    """3-4-5: at 3 m/s forwards and 4 m/s sideways the car is 5 m/s fast."""
    there = motion((2, 0, 0), (3, 4, 2))
    here = motion((2, 0, 0), (5, 0, 2.5))
    row = compare(TURN, there, here)
    assert (row.radius, row.embedded_radius) == (2.5, 2.0)
    assert row.radius_difference == pytest.approx(-20)
    assert row.yaw_rate_difference == pytest.approx(25)  # 0.5 of 2
    assert row.start_difference == row.speed_difference == 0


def test_differences_are_shares_of_what_was_wanted():
    """Half of the time 0.4 m/s apart: 0.4 / sqrt(2) of a turn at 2 m/s, or of braking by 2 m/s."""
    there = motion((1.9, 0, 0), (1.9, 0, 0), (2, 0, 1), (2, 0, 1))
    here = motion((2, 0, 0), (2, 0, 0), (2.4, 0, 1), (2, 0, 1))
    for manoeuvre in (TURN, BRAKING):
        row = compare(manoeuvre, there, here)
        assert row.speed_difference == pytest.approx(100 * 0.2 / math.sqrt(2))
        assert row.start_difference == pytest.approx(100 * 0.1 / manoeuvre.speed)
    assert math.isnan(row.radius) and math.isnan(row.yaw_rate_difference)


def test_the_yaw_rate_is_compared_in_the_first_second_of_a_turn():
    there = motion((2, 0, 0), (2, 0, 0), (2, 0, 3), (2, 0, 4))
    late = motion((2, 0, 0), (2, 0, 0), (2, 0, 3), (2, 0, 1))
    early = motion((2, 0, 0), (2, 0, 0), (2, 0, 1), (2, 0, 4))
    assert compare(TURN, there, late).yaw_rate_difference == 0
    assert compare(TURN, there, early).yaw_rate_difference == pytest.approx(50)  # 2 of the largest, 4


def test_the_embedded_car_stands_speeds_up_and_turns():
    turned, braked = drive_embedded([Manoeuvre(1.0, math.radians(5), 1.0), BRAKING])
    assert turned.shape == (SAMPLES, 3)
    # 5.7 m/s^2 for the first 1/60 s, and at the end of the first stage at its speed, straight ahead.
    assert turned[0] == pytest.approx([5.7 / 60, 0, 0], abs=1e-3)
    assert turned[119] == pytest.approx([1, 0, 0], abs=1e-3)
    assert turned[-1, 2] == pytest.approx(math.tan(math.radians(5)) / 0.163974, rel=0.01)
    # 3.8 m/s^2 in braking.
    assert braked[[119, 119 + 15, -1], 0] == pytest.approx([3, 3 - 3.8 / 4, 1], abs=0.05)


@pytest.fixture(scope="module")
def turns(tmp_path_factory):
    """The folder of `benchmark gazebo --parts turns`."""
    folder = tmp_path_factory.mktemp("turns")
    benchmark(Options(names=("gazebo",), parts=("turns",), folder=folder))
    return folder


@needs_gazebo
def test_the_embedded_car_turns_and_brakes_as_gazebos_does(turns):
    report = json.loads((turns / "benchmark.json").read_text())
    rows = report["details"]["gazebo turns"]
    assert list(rows) == [each.name for each in (*TURNS, BRAKING)]
    for turn in TURNS:
        row = rows[turn.name]
        assert abs(row["radius_difference"]) < 6, turn.name
        assert row["yaw_rate_difference"] < 10, turn.name
    for row in rows.values():
        assert row["speed_difference"] < 6 and row["start_difference"] < 2, row["name"]
    # At 1 m/s both are on the circle that the wheels' angles make.
    slow = rows["1 m/s, 5 degrees"]
    assert slow["radius"] == pytest.approx(0.163974 / math.tan(math.radians(5)), rel=0.02)
    # And the largest differences are what the table has.
    figures = [figure["value"] for figure in report["figures"]]
    assert len(figures) == 5
    assert figures[0] == pytest.approx(max(abs(rows[turn.name]["radius_difference"]) for turn in TURNS))
    assert figures[4] == rows[BRAKING.name]["speed_difference"]


@needs_gazebo
def test_the_turns_are_drawn(turns):
    picture = imread(turns / "gazebo_turns.png")
    assert picture.shape[1] == 1320 and picture.shape[0] > 900
    assert picture[..., :3].std() > 0.05


def test_without_gazebo_it_is_left_out(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("DEEPRACER_GAZEBO", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    benchmark(Options(names=("gazebo",), folder=tmp_path / "out"))
    assert "  left out: Gazebo Classic 11 is not installed: " in capsys.readouterr().out
    assert json.loads((tmp_path / "out/benchmark.json").read_text())["figures"] == []


def test_the_places_are_around_a_circle_in_both_directions(track):
    """A road 0.76 m wide around a circle of 1 m: half a lane is 0.19 m."""
    circle = Course.load([str(track)]).tracks[0]
    poses = places(circle, 40)
    radius = poses[:, :2].norm(dim=1)
    assert 0.80 < radius.min() < 0.85 < 1.15 < radius.max() < 1.2
    # Counter-clockwise, and every second one the other way: the heading is the tangent's, and a bit.
    tangent = torch.atan2(poses[:, 1], poses[:, 0]) + math.pi / 2
    tangent[1::2] += math.pi
    away = wrapped(poses[:, 2] - tangent).abs()
    assert 0.3 < away.max() < 0.4 + 0.1  # a polygon's sides are up to 0.08 rad off the circle's tangent
    # They are all around.
    angle = torch.atan2(poses[:, 1], poses[:, 0])[::2].sort().values
    assert angle.diff().max() < 0.5
    torch.testing.assert_close(places(circle, 40), poses)


def test_the_difference_of_pictures_is_a_mean_over_their_pixels():
    one = torch.zeros(2, 2, 2, 1, dtype=torch.uint8)
    other = torch.tensor([[0, 0, 0, 8], [255, 255, 255, 255]], dtype=torch.uint8).reshape(2, 2, 2, 1)
    assert difference(one, other).tolist() == difference(other, one).tolist() == [2, 255]


def test_an_odd_number_of_pairs_is_drawn(tmp_path):
    pictures = torch.zeros(3, 12, 16, 3, dtype=torch.uint8)
    save_pairs(pictures, pictures + 60, torch.full((3,), 60.0), tmp_path / "new/pairs.png")
    assert imread(tmp_path / "new/pairs.png").shape[1] == 1650


@needs_gazebo
def test_both_cameras_see_the_same(tmp_path):
    lines = []
    figures, details = measure_pictures(lines.append, tmp_path, count=10)
    assert [len(details[size]) for size in ("160x120", "64x48")] == [10, 10]
    for mean, worst in (figures[:2], figures[2:]):
        assert 0 < mean.value < worst.value < 6
    assert len(lines) == 2
    assert imread(tmp_path / "gazebo_pictures.png").shape[1] == 1650


@needs_gazebo
def test_each_step_has_a_new_picture_at_its_due_time():
    alone, in_time, together, all_in_time = gazebo.measure_steps(steps=20, fleet=2)
    assert (in_time.value, all_in_time.value) == (20, 40)
    assert alone.target == 70 and together.value > 0


@needs_gazebo
def test_two_gazebos_answer_alike():
    (figure,) = gazebo.measure_same(steps=15)
    assert (figure.value, figure.target) == (15, 15)


def driven(kind, latency, clean, lap_time):
    return Drive("seed 0", kind, latency, clean, 48, 16, 16, lap_time, [])


def test_laps_of_all_policies_of_a_kind_count_together():
    drives = [
        driven("1/2 m/s", 0.0, 48, 8.0),
        driven("1/2 m/s", 1.0, 36, 9.0),
        driven("1/2 m/s", 0.0, 46, 8.4),
        driven("1.5/3 m/s" + gazebo.FAST_LAPS, 0.0, 0, None),
    ]
    figures = gazebo.transfer_figures(drives)
    assert [figure.value for figure in figures] == pytest.approx([100 * 94 / 96, 8.2, 75, 9, 0])
    assert [figure.target for figure in figures] == [98, None, 90, None, None]
    assert figures[0].is_reached is False


@pytest.mark.slow
@needs_gazebo
def test_a_policy_that_never_saw_gazebo_drives_a_clean_lap_there(tmp_path, monkeypatch):
    """In both directions; and once more with a step of latency, which it never had either."""
    monkeypatch.setattr(training_graph, "save_training_graph", lambda *arguments: None)
    start(SETTINGS, tmp_path / "trained")
    lines = []
    figures, details = gazebo.measure_transfer([], [tmp_path / "trained"], lines.append, starts=1, laps=1)
    row, late = details["policies"]
    assert (row["kind"], row["latency"], late["latency"]) == ("1/2 m/s", 0, 1)
    assert (row["clean_laps"], row["wanted_laps"], row["faults"]) == (2, 2, [])
    assert 8.0 < row["lap_time"] < 17.7
    assert late["wanted_laps"] == 2
    assert lines[0].startswith("trained, 1/2 m/s: 2 of 2 laps clean, 2 of 2 runs, ")
    assert figures[0].value == 100
