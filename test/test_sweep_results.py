"""What a sweep shows: its line, its table, its picture."""

from __future__ import annotations

import io
import math

import pytest
from small_sweeps import trials

from deepracer_sim.sweep.parallel_coordinates import make_axes, save_parallel_coordinates
from deepracer_sim.sweep.results import OUTCOMES, Result, best_of, format_results, ranked
from deepracer_sim.sweep.sweep_line import SweepLine


def result(trial, state="finished", **outcomes):
    known = dict.fromkeys(OUTCOMES, math.nan)
    return Result(trial, state, {**known, "iterations": 6, "seconds": 90, **outcomes}, "")


@pytest.fixture
def judged(tmp_path):
    """Two learning rates with two seeds each; the last one was not evaluated."""
    found = trials(tmp_path, vary={"ppo.lr": [0.001, 0.05]}, seeds=2)
    return [
        result(found[0], completion=1.0, clean_runs=1.0, lap_time=10.0),
        result(found[1], completion=0.5, clean_runs=0.25),
        result(found[2], completion=1.0, clean_runs=1.0, lap_time=9.0),
        result(found[3], state="failed"),
    ]


def test_the_best_drives_far_then_fast(judged):
    assert [entry.trial.name for entry in ranked(judged)] == [
        "lr=0.05,seed=0",
        "lr=0.001,seed=0",
        "lr=0.001,seed=1",
        "lr=0.05,seed=1",
    ]
    assert best_of(judged) is judged[2]
    assert best_of(judged[3:]) is None


def test_the_table_puts_seeds_together(judged):
    assert format_results(judged).splitlines() == [
        "   lr  seed  iterations  minutes  completion %  clean %  lap s     state",
        "-" * 72,
        " 0.05     0           6      1.5         100.0    100.0   9.00  finished",
        "0.001     0           6      1.5         100.0    100.0  10.00  finished",
        "0.001     1           6      1.5          50.0     25.0      -  finished",
        " 0.05     1           6      1.5             -        -      -    failed",
        "",
        "   lr  trials  completion %  clean %  lap s",
        "-" * 43,
        " 0.05  1 of 2         100.0    100.0   9.00",
        "0.001  2 of 2          75.0     62.5  10.00",
    ]


def test_the_axes_of_the_picture(judged, tmp_path):
    """A wide range of rates is drawn by its logarithm, and what was not found has no height."""
    axes = {axis.title: axis for axis in make_axes(judged)}
    assert list(axes) == ["ppo.lr", "completion, %", "clean cars, %", "lap, s", "training, minutes"]
    assert axes["ppo.lr"].heights == [0, 0, 1, 1]
    assert axes["ppo.lr"].ticks == [(0, "0.001"), (1, "0.05")]
    assert axes["lap, s"].heights[::2] == [1, 0] and math.isnan(axes["lap, s"].heights[1])
    assert axes["completion, %"].heights[:3] == [1, 0, 1]
    save_parallel_coordinates(judged, tmp_path / "picture.png")
    assert (tmp_path / "picture.png").read_bytes().startswith(b"\x89PNG")


def test_words_have_an_axis_too(tmp_path):
    found = trials(tmp_path, vary={"track": ["oval", "bowtie", "technical"], "stop.target": [True]})
    axes = make_axes([result(trial) for trial in found])
    assert axes[0].ticks == [(0, "bowtie"), (0.5, "oval"), (1, "technical")]
    assert axes[0].heights == [0.5, 0, 1]
    assert axes[1].ticks == [(0.5, "true")]


def test_many_rows_are_cut(tmp_path):
    found = trials(tmp_path, vary={"ppo.lr": [number / 1000 for number in range(1, 36)]})
    lines = format_results([result(trial) for trial in found]).splitlines()
    assert len(lines) == 2 + 30 + 1 and lines[-1] == "and 5 more in results.csv"


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_the_line_on_a_terminal(monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    line = SweepLine(12, Terminal())
    line.show(3, {})
    line.show(3, {"lr=0.1": None, "lr=0.2": {"iteration": 7.0}})
    line.show(3, {"lr=0.1": None, "lr=0.2": {"iteration": 7.0}})
    line.note("lr=0.2: finished")
    line.close()
    assert line.stream.getvalue().split("\r\x1b[K") == [
        "",
        "3/12 trials: waiting for cores",
        "3/12 trials: lr=0.1 iteration 0, lr=0.2",
        "deepracer: lr=0.2: finished\n",
    ]


def test_the_line_in_a_file():
    line = SweepLine(2, io.StringIO())
    line.show(0, {"seed=1": {"iteration": 7.0}})
    line.note("seed=1: finished")
    line.close()
    assert line.stream.getvalue() == "deepracer: seed=1: finished\n"
