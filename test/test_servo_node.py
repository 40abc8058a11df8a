"""The servo node as a process, on a folder like sysfs: it turns the wheels, and stops them in silence."""

from __future__ import annotations

import signal
import time

import pytest

pytest.importorskip("deepracer_interfaces_pkg", reason="the car's messages are not built: make ros")

from car_peer import running_car
from deepracer_interfaces_pkg.msg import ServoCtrlMsg
from fake_sysfs import FakeSysfs
from ros_nodes import new_domain, node

STANDS = {"angle": 1_450_000, "throttle": 1_446_000, "power": True}


@pytest.fixture
def sysfs(tmp_path):
    (tmp_path / "sys").mkdir()
    return FakeSysfs(tmp_path / "sys")


def drive(sysfs, peer, seconds, angle=1.0, throttle=0.5):
    """Send a command every 30 ms; return all states of the wheels."""
    states, end = [], time.monotonic() + seconds
    while time.monotonic() < end:
        peer.say("/ctrl_pkg/servo_msg", ServoCtrlMsg(angle=angle, throttle=throttle))
        peer.spin(0.03)
        states.append(sysfs.read())
    return states


def test_it_turns_the_wheels_and_stops_them_when_it_hears_nothing(tmp_path, sysfs, peer):
    domain = new_domain()
    with node("deepracer_inference.servo_node", domain, tmp_path, sysfs=tmp_path / "sys") as process:
        process.wait_for("servo and motor are on")
        other = peer(domain, process)
        assert drive(sysfs, other, 0.5)[-1] == {"angle": 1_700_000, "throttle": 1_378_500, "power": True}
        other.spin(0.3)
        assert sysfs.read() == STANDS and "no command for 0.1 s" in process.text()
        assert drive(sysfs, other, 0.3)[-1]["throttle"] == 1_378_500
        # Commands that it cannot obey are as good as none.
        assert drive(sysfs, other, 0.4, throttle=1.5)[-1] == STANDS
        assert drive(sysfs, other, 0.4, angle=float("nan"))[-1] == STANDS
        drive(sysfs, other, 0.3)
        assert process.end(signal.SIGTERM) == 0
        assert sysfs.read() == {**STANDS, "power": False}


def test_an_inference_node_that_is_killed_leaves_the_wheels_standing(tmp_path, sysfs):
    with running_car(tmp_path) as car:
        domain = car.peer.context.get_domain_id()
        with node("deepracer_inference.servo_node", domain, tmp_path, sysfs=tmp_path / "sys") as servo:
            servo.wait_for("servo and motor are on")
            car.start()
            car.show(1.0)
            assert sysfs.read()["throttle"] == 1_378_500
            car.process.process.kill()
            car.peer.spin(0.4)
            assert sysfs.read() == STANDS


def test_without_a_pwm_it_ends_with_a_line(tmp_path):
    with node("deepracer_inference.servo_node", new_domain(), tmp_path, sysfs=tmp_path) as process:
        assert process.wait() == 2 and "PWM controllers none" in process.text()
