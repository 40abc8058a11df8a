"""The one line that a training shows."""

from __future__ import annotations

import io
import math

import pytest
from small_runs import small_settings

from deepracer_sim import progress_line
from deepracer_sim.progress_line import ProgressLine
from deepracer_sim.settings import StopSettings

ROW = {
    "iteration": 4,
    "samples": 16384,
    "seconds": 8.0,
    "mean_reward": 12.34,
    "completion": 0.456,
    "evaluation_clean_runs": math.nan,
}
SETTINGS = small_settings("oval", 1, evaluation={"starts": 8})


class Terminal(io.StringIO):
    def isatty(self):
        return True


def line_of(stop, *rows):
    stream = Terminal()
    with ProgressLine(SETTINGS.replaced(stop=stop), stream) as line:
        for row in rows:
            line(row)
    return stream.getvalue()


@pytest.fixture(autouse=True)
def columns(monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")


def test_a_terminal_gets_one_line_that_changes():
    stop = StopSettings(minutes=2.0, iterations=None)
    text = line_of(stop, {**ROW, "evaluation_clean_runs": 3.0}, {**ROW, "seconds": 68.0, "iteration": 5})
    first, second = text.split("\r\x1b[K")[1:]
    assert first == "0:08  iteration 4  2,048 steps/s  reward 12.3  lap 46 %  clean 3/16  ETA <1:52"
    assert second == "1:08  iteration 5  241 steps/s  reward 12.3  lap 46 %  clean 3/16  ETA <0:52\n"
    assert max(map(len, (first, second))) < 80


def test_what_is_not_known_is_a_dash():
    text = line_of(StopSettings(minutes=None), {**ROW, "mean_reward": math.nan, "completion": math.nan})
    assert text.endswith("reward -  lap - %  clean -  ETA ?\n")


def test_the_nearest_stop_rule_gives_the_time_left():
    # 4 iterations in 8 s: 6 more take 12 s. Ten minutes would leave 9:52.
    assert line_of(StopSettings(minutes=10.0, iterations=10), ROW).endswith("ETA <0:12\n")
    assert line_of(StopSettings(minutes=0.15, iterations=10), ROW).endswith("ETA <0:01\n")
    assert line_of(StopSettings(minutes=0.1, iterations=None), ROW).endswith("ETA <0:00\n")


def test_a_line_never_wraps(monkeypatch):
    monkeypatch.setenv("COLUMNS", "30")
    assert len(line_of(StopSettings(), ROW).strip().removeprefix("\x1b[K")) == 29


def test_a_file_gets_a_line_now_and_then_and_the_last_one(monkeypatch):
    clock = {"now": 0.0}
    monkeypatch.setattr(progress_line.time, "monotonic", lambda: clock["now"])
    stream = io.StringIO()
    with ProgressLine(SETTINGS, stream) as line:
        for now, iteration in ((100.0, 1), (102.0, 2), (106.0, 3), (107.0, 4), (108.0, 5)):
            clock["now"] = now
            line({**ROW, "iteration": iteration})
    lines = stream.getvalue().splitlines()
    assert [text.split()[2] for text in lines] == ["1", "3", "5"]
    assert "\r" not in stream.getvalue()


def test_nothing_is_shown_of_no_training():
    stream = Terminal()
    with ProgressLine(SETTINGS, stream):
        pass
    assert stream.getvalue() == ""


@pytest.mark.parametrize("stream", [Terminal(), io.StringIO()])
def test_a_note_has_a_line_of_its_own_that_stays(stream):
    with ProgressLine(SETTINGS, stream) as line:
        line(ROW)
        line({**ROW, "iteration": 5})
        line.note("something was lost")
        line({**ROW, "iteration": 6})
    # A terminal wipes the line of iteration 5; elsewhere it was not due yet.
    shown = [text.split("\r\x1b[K")[-1] for text in stream.getvalue().rstrip("\n").split("\n")]
    assert shown.count("deepracer: something was lost") == 1
    assert shown[-1].split()[2] == "6"
    assert stream.getvalue().endswith("\n")
