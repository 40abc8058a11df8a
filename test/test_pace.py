"""How fast a simulation says that it runs, with a clock moved by hand."""

from __future__ import annotations

import pytest

from deepracer_sim.ros.pace import WINDOW, Pace

FRAME = 1 / 15


def count(pace: Pace, frames: int, interval: float, start: float = 100.0) -> float:
    """Count frames at equal intervals; return the time of the last one."""
    for frame in range(frames):
        pace.count(start + frame * interval)
    return start + (frames - 1) * interval


def test_in_real_time_nobody_complains():
    pace = Pace(1.0)
    count(pace, 200, FRAME)
    assert pace.factor == pytest.approx(1.0)
    assert pace.complaint is None


def test_there_is_no_factor_before_five_seconds():
    pace = Pace(1.0)
    count(pace, WINDOW, 2 * FRAME)
    assert pace.factor is None and pace.complaint is None
    pace.count(100.0 + WINDOW * 2 * FRAME)
    assert pace.factor == pytest.approx(0.5)


def test_it_says_by_how_much_it_falls_behind():
    """A frame every 1/12 s is 0.8 of real time: 200 simulated ms are missing each second."""
    pace = Pace(1.0)
    count(pace, 100, 1 / 12)
    assert pace.factor == pytest.approx(0.8)
    assert pace.complaint is not None
    assert "runs at 0.80 of real time instead of 1: it falls 200 simulated ms behind" in pace.complaint


@pytest.mark.parametrize(("share", "complains"), [(0.995, False), (0.985, True), (1.02, False)])
def test_one_percent_is_tolerated(share, complains):
    pace = Pace(1.0)
    count(pace, 100, FRAME / share)
    assert (pace.complaint is not None) == complains


def test_the_wanted_factor_is_what_it_is_measured_against():
    pace = Pace(4.0)
    count(pace, 100, FRAME / 2)
    assert pace.complaint is not None and "2.00 of real time instead of 4" in pace.complaint
    slow = Pace(0.5)
    count(slow, 100, FRAME / 0.5)
    assert slow.complaint is None


def test_who_runs_as_fast_as_possible_is_never_late():
    pace = Pace(0.0)
    count(pace, 100, 10.0)
    assert pace.factor == pytest.approx(FRAME / 10)
    assert pace.complaint is None


def test_a_pause_is_not_slowness():
    pace = Pace(1.0)
    end = count(pace, 100, FRAME)
    pace.restart()
    count(pace, 100, FRAME, start=end + 60)
    assert pace.factor == pytest.approx(1.0)


def test_only_the_last_frames_count():
    pace = Pace(1.0)
    end = count(pace, 50, 1.0)
    count(pace, 100, FRAME, start=end + FRAME)
    assert pace.factor == pytest.approx(1.0)
