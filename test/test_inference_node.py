"""The inference node as a process, camera and servo over real DDS: what it drives by, what stops it."""

from __future__ import annotations

import signal
import time

import pytest

pytest.importorskip("rclpy", reason="ROS 2 is not installed: make ros")

from car_peer import running_car
from ros_nodes import running


def test_it_drives_while_it_is_active(tmp_path):
    with running_car(tmp_path) as car:
        assert car.show(0.5) == []
        assert car.start() == 0
        driven = car.show(1.5)
        assert len(driven) > 20
        angle, throttle = driven[-1][1:]
        # The highest speed of the model under a cap of 0.5.
        assert angle == pytest.approx(1.0) and throttle == pytest.approx(0.5)
        assert car.reasons[-1] == ""
        assert car.start(False) == 0
        car.peer.spin(0.2)
        assert [command[1:] for command in car.commands[-3:]] == [(0.0, 0.0)] * 3
        assert car.show(0.5) == []


def test_the_camera_stops(tmp_path):
    with running_car(tmp_path) as car:
        car.start()
        assert car.show(1.0)[-1][2] > 0.4
        last = time.monotonic()
        car.peer.spin(0.6)
        stops = [command for command in car.commands if command[0] > last and command[2] == 0.0]
        assert stops and stops[0][0] - last < 0.4
        assert "no frame" in car.reasons[-1]


def test_a_stop_from_outside_for_a_node_that_was_killed(tmp_path):
    with running_car(tmp_path) as car:
        car.start()
        assert car.show(0.7)[-1][2] > 0.4
        car.process.process.kill()
        car.peer.spin(0.3)
        assert car.commands[-1][2] > 0.4, "nobody has stopped the wheels"
        domain = car.peer.context.get_domain_id()
        with running("deepracer_inference.inference_node", ["--stop"], domain, tmp_path) as stop:
            while stop.process.poll() is None:
                car.peer.spin(0.1)
        assert stop.wait() == 0 and car.commands[-1][1:] == (0.0, 0.0)


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_its_end_stops_the_car(tmp_path, how):
    with running_car(tmp_path) as car:
        car.start()
        assert car.show(0.7)[-1][2] > 0.4
        assert car.process.end(how) == 0
        car.peer.spin(0.2)
        assert car.commands[-1][1:] == (0.0, 0.0)
