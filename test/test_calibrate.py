"""deepracer-calibrate as a process at a terminal of its own, on a car that drives by what it publishes."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tarfile
import time
from itertools import pairwise
from pathlib import Path

import onnx_models
import pytest

pytest.importorskip("deepracer_interfaces_pkg", reason="the car's messages are not built: make ros")

from calibrated_car import Racer, speed_at
from calibration_course import TOPIC, calibrating
from deepracer_interfaces_pkg.msg import ServoCtrlMsg

from deepracer_inference.model_bundle import ModelBundle
from deepracer_inference.throttle import ThrottleTable
from deepracer_sim.car_archive import FOLDER, pack

TOO_MUCH = f"""
from deepracer_inference.ros.straight_drive import StraightDrive
from deepracer_inference.terminal import Terminal
with StraightDrive("{TOPIC}", 0.3, Terminal()) as car:
    car.trouble()
    for throttle in (0.9, 5.0, float("inf"), -0.9, float("nan"), 0.3):
        print(car.drive(throttle, 0.4))
"""
FAILING = f"""
from deepracer_inference.ros.straight_drive import StraightDrive
from deepracer_inference.terminal import Terminal
class Failing(Terminal):
    looks = 0
    def is_pressed(self, seconds):
        self.looks += 1
        return super().is_pressed(seconds) or not 1 / (self.looks < 15)
with StraightDrive("{TOPIC}", 0.3, Failing()) as car:
    car.trouble()
    car.drive(0.3, 1.0)
"""

ONE = ("--first-throttle", "0.3", "--max-throttle", "0.3")
"""Only throttle 0.3."""


@pytest.mark.slow
def test_the_cars_speeds_come_out(tmp_path):
    arguments = ("--first-throttle", "0.1", "--step", "0.1", "--max-throttle", "0.3", "--output", "mine.yaml")
    with calibrating(tmp_path, *arguments) as course:
        racer = Racer(lambda: course.car.metres)
        while question := course.question(may_end=True):
            if "Enter" in question:
                course.car.metres = 0.0
            elif "Metres from" in question:
                course.stand()
            course.answer(racer.ask(question))
        text = course.terminal.text()
        assert course.end() == 0, text
        course.assert_stopped()
        table = ThrottleTable.load(tmp_path / "mine.yaml")
        assert table.throttles == (0.2, 0.3)
        for throttle, speed in zip(table.throttles, table.speeds, strict=True):
            assert speed == pytest.approx(speed_at(throttle), rel=0.08)
        assert f"calibration: {tmp_path}/mine.yaml" in text and "0.1 the car stands" in text
        assert [file.name for file in tmp_path.glob("*mine*")] == ["mine.yaml"]


ENDS = {
    "Ctrl-C": lambda terminal: terminal.type("\x03"),
    "Ctrl-\\": lambda terminal: terminal.type("\x1c"),
    "Ctrl-Z": lambda terminal: terminal.type("\x1a"),
    "kill": lambda terminal: terminal.process.send_signal(signal.SIGTERM),
    "a hangup": lambda terminal: terminal.process.send_signal(signal.SIGHUP),
    "a lost terminal": lambda terminal: terminal.lose(),
}


@pytest.mark.parametrize("how", ENDS)
def test_what_ends_it_while_it_drives_stops_the_car(tmp_path, how):
    with calibrating(tmp_path, *ONE) as course:
        course.begin()
        ENDS[how](course.terminal)
        assert course.end() == 1
        course.assert_stopped()
        # Before the second was over.
        assert "Metres from" not in course.terminal.text()
        assert not list(tmp_path.glob("*throttle*"))
        assert how == "a lost terminal" or "Broken off: SIG" in course.terminal.text()


@pytest.mark.slow
def test_what_is_measured_survives_a_signal(tmp_path):
    with calibrating(tmp_path, *ONE, "--first-throttle", "0.25") as course:
        assert "free straight" in course.question()
        course.answer("1.5")
        course.measured("0.8")
        course.measured("1.2")
        course.drive()
        course.terminal.process.terminate()
        assert course.end() == 1
        course.assert_stopped()
        # 0.8 m in the first second leave 0.7 m for 1.2 m/s.
        assert ThrottleTable.load(tmp_path / "throttle.yaml").speeds == pytest.approx(
            [0.4 * 12 / 7], rel=0.02
        )
        assert "Set the inference node's parameter" in course.terminal.text()


@pytest.mark.slow
def test_any_key_stops_the_car_and_the_drive_does_not_count(tmp_path):
    with calibrating(tmp_path, *ONE) as course:
        course.begin()
        # Ctrl-S, which elsewhere holds the output.
        for key in ("x", " ", "\n", "\x13"):
            course.terminal.type(key)
            course.peer.until(course.is_asked, "a question")
            course.assert_stopped()
            course.drive()
        course.terminal.type("q")
        # A key is no answer.
        assert "Enter drives" in course.question()
        assert course.terminal.text().count("does not count: a key was pressed") == 5
        course.answer("q")
        assert course.end() == 2 and "No throttle is measured" in course.terminal.text()


def test_it_drives_a_second_and_no_longer(tmp_path):
    with calibrating(tmp_path, *ONE) as course:
        course.begin()
        while "Metres" not in course.question():
            course.commands.clear()
            course.answer("")
        course.assert_stopped()
        # 40 commands a second, the first of them 0.
        assert sum(throttle > 0 for _, throttle in course.commands) <= 41
        for wrong in ("far", "-1", "80", "nan"):
            course.answer(wrong)
            assert "Metres" in course.question()
        assert "80: must be 0 to 3, in metres." in course.terminal.text()


def test_nothing_above_the_cap_is_published_whatever_is_asked_for(tmp_path):
    with calibrating(tmp_path, program=TOO_MUCH) as course:
        assert course.end() == 0
        course.peer.spin(0.3)
        throttles = [throttle for _, throttle in course.commands]
        assert max(throttles) == pytest.approx(0.3) and min(throttles) == pytest.approx(-0.3)
        assert all(abs(throttle) <= 0.3 + 1e-6 and angle == 0.0 for angle, throttle in course.commands)
        # It rises by 4 a second.
        assert all(after - before < 0.41 for before, after in pairwise(throttles))
        assert course.commands[-10:] == [(0.0, 0.0)] * 10


def test_an_error_of_the_program_stops_the_car(tmp_path):
    with calibrating(tmp_path, program=FAILING) as course:
        assert course.end() == 1
        assert "ZeroDivisionError" in course.terminal.text()
        assert max(throttle for _, throttle in course.commands) > 0.2
        course.assert_stopped()


def test_a_drive_in_which_the_computer_was_busy_does_not_count(tmp_path):
    with calibrating(tmp_path, *ONE) as course:
        course.begin()
        course.terminal.process.send_signal(signal.SIGSTOP)
        course.peer.spin(0.3)
        course.terminal.process.send_signal(signal.SIGCONT)
        assert "Enter drives" in course.question()
        course.assert_stopped()
        assert "does not count: no command for 0.3" in course.terminal.text()


def test_a_listener_that_goes_stops_it(tmp_path):
    with calibrating(tmp_path, *ONE) as course:
        course.begin()
        course.leave()
        assert "Enter drives" in course.question()
        assert f"does not count: nobody listens on {TOPIC}" in course.terminal.text()


@pytest.mark.slow
def test_nobody_listens(tmp_path):
    with calibrating(tmp_path, is_heard=False) as course:
        assert course.end() == 2
        assert f"nobody listens on {TOPIC}: start the car's servo node" in course.terminal.text()
        assert not list(tmp_path.glob("*throttle*"))


def rival(course, throttle=0.2):
    """Somebody else drives, until the program says something."""
    end = time.monotonic() + 20.0
    while time.monotonic() < end and not course.is_asked():
        course.peer.say(TOPIC, ServoCtrlMsg(throttle=throttle))
        course.peer.spin(0.05)


@pytest.mark.parametrize("throttle", [0.2, 0.0])
def test_somebody_else_sends_commands(tmp_path, throttle):
    with calibrating(tmp_path, *ONE) as course:
        rival(course, throttle)
        assert course.end() == 2
        # It may not have heard the name yet.
        words = f"(peer|somebody) sends commands on {TOPIC}, too: stop that first"
        assert re.search(words, course.terminal.text())
        # It sent none itself.
        assert all(command[1] == pytest.approx(throttle) for command in course.commands)


def test_somebody_else_begins_to_send_while_it_drives(tmp_path):
    with calibrating(tmp_path, *ONE) as course:
        course.begin()
        rival(course)
        assert "does not count: peer sends commands" in course.terminal.text()
        assert "Enter drives" in course.question()
        course.answer("")
        course.commands.clear()
        rival(course)
        # It does not even begin.
        assert all(command[1] == pytest.approx(0.2) for command in course.commands)
        assert "after 0.00 s" in course.terminal.text()
        course.drive()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--output", "nowhere/throttle.yaml"), "nowhere/throttle.yaml cannot be written: No such file"),
        (("--output", "there.yaml"), "there.yaml is there already: move it away"),
        (("--max-throttle", "1.5"), "--max-throttle: 1.5: must be 0.01 to 1"),
        (("--max-throttle", "0.1"), "--first-throttle 0.15: must be at most --max-throttle 0.1"),
        (("--step", "much"), "--step: 'much': must be a number"),
        (("--command-topic", "no topic"), "--command-topic 'no topic': must be a topic's name"),
    ],
)
def test_what_cannot_go_is_refused_in_a_line(tmp_path, arguments, words):
    (tmp_path / "there.yaml").write_text("mine")
    with calibrating(tmp_path, *arguments, is_heard=False) as course:
        assert course.end() == 2
        assert words in course.terminal.text() and "Traceback" not in course.terminal.text()
    assert (tmp_path / "there.yaml").read_text() == "mine"


@pytest.mark.slow
def test_a_disk_that_becomes_full_leaves_the_numbers_on_the_screen(tmp_path):
    folder = tmp_path / "stick"
    folder.mkdir()
    with calibrating(tmp_path, *ONE, "--output", folder / "throttle.yaml") as course:
        course.question()
        course.answer("1.5")
        course.measured("0.8")
        folder.rmdir()
        course.measured("1.3")
        assert course.end() == 2
        text = course.terminal.text()
        assert "cannot be written" in text and "speeds: [0.8" in text and "throttles: [0.3]" in text


def test_a_racer_starts_it_on_the_car_from_anywhere(tmp_path):
    ModelBundle.save(tmp_path / "model", onnx_models.network_bytes(), onnx_models.metadata())
    with tarfile.open(pack(tmp_path / "model", tmp_path / "car.tar.gz")) as tar:
        tar.extractall(tmp_path, filter="data")
    python = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = {
        **os.environ,
        "DEEPRACER_CAR_ROOT": str(tmp_path / "root"),
        "PATH": python,
        "PYTHONPATH": "",
    }
    subprocess.run([tmp_path / FOLDER / "install"], env=environment, check=True)
    program = tmp_path / "root" / "opt" / FOLDER / "calibrate"
    (tmp_path / "throttle.yaml").write_text("mine")
    done = subprocess.run([program], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 2 and f"{tmp_path}/throttle.yaml is there already" in done.stderr
