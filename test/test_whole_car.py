"""The whole car in simulation: camera, inference node and servo are processes, and it drives laps."""

from __future__ import annotations

import math
import time

import pytest
import torch

pytest.importorskip("deepracer_interfaces_pkg", reason="the car's messages are not built: make ros")

from car_peer import NAME
from deepracer_interfaces_pkg.srv import InferenceStateSrv
from diagnostic_msgs.msg import DiagnosticArray
from gazebo_server import needs_gazebo
from nav_msgs.msg import Odometry
from ros_nodes import new_domain, node
from std_msgs.msg import Bool
from taught_driver import SPEED, teach

from deepracer_sim.simulation import Course

LAPS = 3
CAMERA = {"camera__width": 64, "camera__height": 48, "camera__colour": "grey"}


@pytest.mark.slow
@pytest.mark.parametrize("simulator", ["embedded", pytest.param("gazebo", marks=needs_gazebo)])
def test_it_drives_three_clean_laps(tmp_path, peer, simulator):
    course = Course.load(["reinvent_2018"])
    track, model = course.tracks[0], teach(course, tmp_path / "model")
    domain = new_domain()
    world_settings = {"simulator": simulator, "track": "reinvent_2018", "full_speed": SPEED, **CAMERA}
    driver_settings = {"model": model, "cap": 1.0, "use_sim_time": True}
    with (
        node("world_node", domain, tmp_path, **world_settings) as world,
        node("deepracer_inference.inference_node", domain, tmp_path, **driver_settings) as driver,
    ):
        driver.wait_for("ms a picture")
        world.wait_for("car(s) on")
        other = peer(domain, world)
        places = other.hear(Odometry, "/odom")
        off_track = other.hear(Bool, "/off_track")
        health = other.hear(DiagnosticArray, "/diagnostics")
        assert (
            other.ask(InferenceStateSrv, f"{NAME}/inference_state", InferenceStateSrv.Request(start=1)).error
            == 0
        )
        driven, seen, last = 0.0, 0, None
        deadline = time.monotonic() + 2 * LAPS * track.length / SPEED
        while driven < LAPS * track.length and time.monotonic() < deadline:
            other.spin(0.5)
            for place in places[seen:]:
                position = place.pose.pose.position
                here = track.project(
                    torch.tensor([[position.x, position.y]]), torch.zeros(1, dtype=torch.bool)
                )
                distance = float(here.distance)
                if last is not None:
                    driven += math.remainder(distance - last, track.length)
                last = distance
            seen = len(places)
            assert not any(message.data for message in off_track), f"off track after {driven:.1f} m"
        assert len(off_track) > LAPS * track.length / SPEED, "nobody said whether it was on the track"
        assert driven >= LAPS * track.length, driver.text()
        texts = [
            status.message for message in health for status in message.status if "driving" in status.name
        ]
        assert "drives" in texts, driver.text()
