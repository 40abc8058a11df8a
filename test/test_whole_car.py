"""The whole car in simulation: camera, inference node and servo are processes, and it drives laps."""

from __future__ import annotations

import math
import time

import pytest
import torch

pytest.importorskip("deepracer_interfaces_pkg", reason="the car's messages are not built: make ros")

import community_messages
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


@pytest.fixture(scope="module")
def course():
    return Course.load(["reinvent_2018"])


@pytest.fixture(scope="module")
def model(course, tmp_path_factory):
    return teach(course, tmp_path_factory.mktemp("model"))


@pytest.fixture
def messages(request, tmp_path, monkeypatch):
    """Whose messages the processes have."""
    if request.param == "community":
        community_messages.use(community_messages.build(tmp_path), monkeypatch)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("simulator", "camera", "messages"),
    [
        ("embedded", "sensor_msg", "stock"),
        pytest.param("embedded", "sensor_msg", "community", marks=community_messages.needs_wheels),
        pytest.param("gazebo", "camera_msg", "stock", marks=needs_gazebo),
    ],
    indirect=["messages"],
)
def test_it_drives_three_clean_laps(tmp_path, peer, course, model, simulator, camera, messages):
    track, domain = course.tracks[0], new_domain()
    world_settings = {"simulator": simulator, "track": "reinvent_2018", "full_speed": SPEED}
    # The community's pictures have stamps, of simulated time.
    driver_settings = {"model": model, "camera": camera, "cap": 1.0, "use_sim_time": True}
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
        start = InferenceStateSrv.Request(start=1)
        assert other.ask(InferenceStateSrv, f"{NAME}/inference_state", start).error == 0
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
        states = [status for message in health for status in message.status if "driving" in status.name]
        assert "drives" in [status.message for status in states], driver.text()
        figures = {item.key: item.value for item in states[-1].values}
        assert int(figures["frames"]) > LAPS * track.length / SPEED and figures["refused frames"] == "0"
