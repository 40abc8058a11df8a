"""deepracer-calibrate at a terminal of its own, and the car and the racer around it."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

pytest.importorskip("deepracer_interfaces_pkg", reason="the car's messages are not built: make ros")

from calibrated_car import RollingCar
from deepracer_interfaces_pkg.msg import ServoCtrlMsg
from ros_nodes import new_domain
from ros_peer import ANY, Peer

TOPIC = "/ctrl_pkg/servo_msg"
OWN = "import fcntl, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0)"
"""The terminal is the program's own: it hears of its keys and of its end."""
PROGRAM = "from deepracer_inference.calibrate import main; raise SystemExit(main())"


class Terminal:
    """A terminal with the program in it; as a `Peer` wants it, like a node."""

    def __init__(self, domain, folder, *arguments, program=PROGRAM):
        self.keyboard, inside = pty.openpty()
        environment = {
            **os.environ,
            "ROS_DOMAIN_ID": str(domain),
            "ROS_LOG_DIR": str(folder),
            "PYTHONPATH": str(Path(__file__).parents[1]),
        }
        self.process = subprocess.Popen(
            [sys.executable, "-c", f"{OWN}\n{program}", *map(str, arguments)],
            env=environment,
            cwd=folder,
            stdin=inside,
            stdout=inside,
            stderr=inside,
            start_new_session=True,
        )
        os.close(inside)
        os.set_blocking(self.keyboard, False)
        self._shown = ""

    def text(self):
        try:
            while self.keyboard is not None and (shown := os.read(self.keyboard, 4096)):
                self._shown += shown.decode().replace("\r\n", "\n")
        except OSError:
            # Nothing new, or it has ended.
            pass
        return self._shown

    def type(self, keys):
        os.write(self.keyboard, keys.encode())

    def lose(self):
        """Close the window."""
        os.close(self.keyboard)
        self.keyboard = None


class Course:
    """A car on the floor, listening to the program's commands, with a racer.

    Attributes:
        commands: (angle, throttle) of all that came.
    """

    def __init__(self, domain, terminal):
        self.terminal, self.peer = terminal, Peer(domain, terminal)
        self.car, self.commands = RollingCar(), []
        self._time = time.monotonic()
        self._seen = 0

    def listen(self):
        self._listener = self.peer.node.create_subscription(ServoCtrlMsg, TOPIC, self._on_command, ANY)

    def leave(self):
        self.peer.node.destroy_subscription(self._listener)

    def _on_command(self, message):
        self.roll()
        self.commands.append((message.angle, message.throttle))
        self.car.throttle = message.throttle

    def roll(self):
        now = time.monotonic()
        self.car.roll(now - self._time)
        self._time = now

    def is_asked(self):
        """Tell whether there is a new question, or no more."""
        is_over = self.terminal.process.poll() is not None
        return is_over or self.terminal.text()[self._seen :].endswith(" > ")

    def question(self, may_end=False):
        """Wait for a new one; return its line, or "" if the program has ended and may."""
        self.peer.until(self.is_asked, "a question")
        self._seen = len(self.terminal.text())
        if (code := self.terminal.process.poll()) is None:
            return self.terminal.text().splitlines()[-1]
        if not may_end:
            pytest.fail(f"it ended with {code} and did not ask:\n{self.terminal.text()}")
        return ""

    def answer(self, text):
        """Type a line; what is echoed is no question."""
        self._seen = len(self.terminal.text())
        self.terminal.type(f"{text}\n")

    def stand(self):
        """Wait until the car stands."""

        def stands():
            self.roll()
            return self.car.speed < 0.003 and self.car.throttle == 0.0

        self.peer.until(stands, "a car that stands")

    def begin(self, course="1.5"):
        """Answer the first questions and let it drive until it does at throttle 0.3."""
        assert "free straight" in self.question()
        self.answer(course)
        self.drive()

    def drive(self):
        """Let it drive at throttle 0.3, again if it does not because the computer is busy."""
        self.commands.clear()
        while not self.drives():
            assert "Enter drives" in self.question()
            self.answer("")
            self.peer.until(lambda: self.drives() or self.is_asked(), "a car that drives")

    def drives(self):
        return bool(self.commands) and self.commands[-1][1] > 0.29

    def measured(self, metres):
        """Drive until it counts, which it does not while the computer is busy; answer how far."""
        while "Metres" not in self.question():
            self.answer("")
        self.answer(metres)

    def end(self):
        self.peer.until(lambda: self.terminal.process.poll() is not None, "the end")
        self.peer.spin(0.1)
        self.terminal.text()
        return self.terminal.process.returncode

    def assert_stopped(self):
        """The last commands are stops, and none was above the cap."""
        assert self.commands[-10:] == [(0.0, 0.0)] * 10
        assert all(angle == 0.0 and 0.0 <= throttle <= 0.3 + 1e-6 for angle, throttle in self.commands)


@contextmanager
def calibrating(folder, *arguments, is_heard=True, program=PROGRAM):
    domain = new_domain()
    terminal = Terminal(domain, folder, *arguments, program=program)
    course = Course(domain, terminal)
    try:
        if is_heard:
            course.listen()
        yield course
    finally:
        course.peer.close()
        if terminal.process.poll() is None:
            terminal.process.kill()
        terminal.process.wait()
        if terminal.keyboard is not None:
            terminal.lose()
