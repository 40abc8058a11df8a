"""The monitor beside a simulator, both as processes over real DDS: laps and markers of a car on a circle."""

from __future__ import annotations

import math
from contextlib import ExitStack, closing

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="ROS 2 is not installed: make ros")

import torch
from rclpy.qos import DurabilityPolicy, QoSProfile
from ros_nodes import new_domain, node
from ros_peer import Peer
from small_runs import circle_track
from std_msgs.msg import Float32, Float64, Int32
from std_srvs.srv import Empty
from visualization_msgs.msg import Marker, MarkerArray

from deepracer_sim.car import REAR_ARM, WHEELBASE
from deepracer_sim.ros.simulator_settings import SimulatorSettings, connect
from deepracer_sim.settings import CameraSettings

KEPT = QoSProfile(depth=100, durability=DurabilityPolicy.TRANSIENT_LOCAL)
SMALL = CameraSettings(width=32, height=24, colour="grey")
PICTURE = {"camera__width": 32, "camera__height": 24, "camera__colour": "grey"}
KINDS = {"lap_time": Float64, "lap": Int32, "off_tracks": Int32, "progress": Float32}
REAR_RADIUS = math.sqrt(1 - REAR_ARM**2)
STEERING = math.atan(WHEELBASE / REAR_RADIUS)
"""With this angle base_link circles at 1 m around the origin, if its rear axle starts beside it."""


class Scene:
    """A simulator, its monitor, and a test that drives and listens."""

    def __init__(self, domain, monitor, num_cars):
        spaces = [""] if num_cars == 1 else [f"/racecar_{car + 1}" for car in range(num_cars)]
        topics = {f"/monitor_node{space}/{name}": kind for space in spaces for name, kind in KINDS.items()}
        markers = dict.fromkeys(("/track", "/car", "/driven_line"), MarkerArray)
        self.peer = Peer(domain, monitor)
        self.heard = {
            topic: self.peer.hear(kind, topic, KEPT) for topic, kind in {**topics, **markers}.items()
        }
        self.connect(num_cars)
        self.everyone = torch.ones(num_cars, dtype=torch.bool)

    def connect(self, num_cars):
        self.world = connect("driver", SimulatorSettings(), SMALL, num_cars, context=self.peer.context)

    def set_time_back(self):
        self.world.close()
        self.peer.ask(Empty, "/reset_simulation")
        self.connect(len(self.everyone))

    def place(self, angle=0.0, sense=1, radius=1.0):
        """Put all cars on the circle, in one direction or the other."""
        x, y = radius * REAR_RADIUS, sense * radius * REAR_ARM
        cosine, sine = math.cos(angle), math.sin(angle)
        pose = (x * cosine - y * sine, x * sine + y * cosine, angle + sense * math.pi / 2)
        self.world.respawn(self.everyone, torch.tensor([pose] * len(self.everyone)))

    def wait_at_start(self):
        """Put all cars at the start until the monitor shows it: at first it may not have found them."""

        def is_shown():
            self.place()
            return self.shown_places() == [pytest.approx((1.0, 0.0), abs=0.1)] * len(self.everyone)

        self.peer.until(is_shown, "the car on the line")

    def drive(self, steps, sense=1):
        """Circle at 1 m/s; return how many radians the first car turned with the last step."""
        for _ in range(steps):
            before = float(self.world.state().yaw[0])
            self.world.step(torch.tensor([(sense * STEERING, 1.0)] * len(self.everyone)))
        return abs(math.remainder(float(self.world.state().yaw[0]) - before, math.tau))

    def wait_for(self, topic, value, tolerance=0.0, name="/monitor_node"):
        def is_there():
            heard = self.heard[f"{name}/{topic}"]
            return heard and abs(heard[-1].data - value) <= tolerance

        self.peer.until(is_there, f"{topic} {value}")

    def lap_times(self):
        return [message.data for message in self.heard["/monitor_node/lap_time"]]

    def markers(self, topic):
        """The markers of a topic, as they came last."""
        return self.heard[topic][-1].markers if self.heard[topic] else []

    def line(self):
        """Ends of the driven line's pieces, (K, 2, 2)."""
        points = [(point.x, point.y) for line in self.markers("/driven_line") for point in line.points]
        return np.array(points).reshape(-1, 2, 2)

    def shown_places(self):
        """Where the cars' bodies are shown, x and y."""
        bodies = [marker.pose.position for marker in self.markers("/car") if marker.id == 0]
        return [(place.x, place.y) for place in bodies]

    def close(self):
        self.world.close()
        self.peer.close()


@pytest.fixture(scope="module")
def graph(tmp_path_factory):
    """Open a scene of so many cars; simulator and monitor of each stay to the end of these tests."""
    folder = tmp_path_factory.mktemp("graph")
    track, scenes, stack = circle_track(folder), {}, ExitStack()

    def start(name, domain, num_cars, **own):
        process = stack.enter_context(node(name, domain, folder, track=track, num_cars=num_cars, **own))
        process.wait_for(f"{num_cars} car(s) on")
        return process

    def open_scene(num_cars):
        if num_cars not in scenes:
            domain = new_domain()
            start("world_node", domain, num_cars, paused=True, **PICTURE)
            monitor = start("monitor_node", domain, num_cars, rate=30.0)
            scenes[num_cars] = stack.enter_context(closing(Scene(domain, monitor, num_cars)))
        return scenes[num_cars]

    with stack:
        yield open_scene


@pytest.fixture
def scene(graph):
    """One car at the start, and nothing heard of what went on before."""
    scene = graph(1)
    scene.place(angle=math.pi)
    scene.wait_at_start()
    for name in KINDS:
        scene.heard[f"/monitor_node/{name}"].clear()
    return scene


def test_the_track_is_there_for_whoever_comes_later(scene):
    scene.peer.until(lambda: scene.heard["/track"], "/track")
    (message,) = scene.heard["/track"]
    assert {marker.ns for marker in message.markers} == {
        "road",
        "borders",
        "center_line",
        "waypoints",
        "waypoint_numbers",
        "start_line",
        "start_positions",
    }


@pytest.mark.parametrize("sense", [1, -1])
def test_laps_on_a_circle(scene, sense):
    """A lap takes 2 pi over the yaw rate. In both directions, and whatever the clock of the wall says."""
    scene.place(sense=sense)
    turn = scene.drive(230, sense)
    lap_time = math.tau / (turn * 15)
    assert lap_time == pytest.approx(math.tau, rel=0.03)
    driven = 230 * turn / math.tau
    scene.peer.until(lambda: len(scene.lap_times()) == 2, "two laps")
    first, second = scene.lap_times()
    assert second == pytest.approx(lap_time, abs=1e-3)
    assert second < first < second + 0.5  # from rest
    scene.wait_for("lap", 2)
    scene.wait_for("progress", 100 * (driven - 2), tolerance=5.0)
    assert scene.heard["/monitor_node/off_tracks"] == []


def test_a_quarter_of_the_circle_is_25_percent(scene):
    while math.atan2(float(scene.world.state().y[0]), float(scene.world.state().x[0])) < math.pi / 2:
        scene.drive(1)
    # At the start base_link was REAR_ARM beyond the line; a step is 1 % of the lap.
    scene.wait_for("progress", 25 - 100 * REAR_ARM / math.tau, tolerance=1.2)


def test_a_car_that_is_put_elsewhere_starts_anew_and_breaks_the_line(scene):
    scene.drive(60)
    scene.wait_for("progress", 60, tolerance=6.0)
    scene.place(angle=math.pi)
    scene.wait_for("progress", 0)
    scene.drive(30)
    scene.wait_for("progress", 29, tolerance=4.0)
    ends = scene.line()
    sizes = np.linalg.norm(ends[:, 1] - ends[:, 0], axis=1)
    assert sizes.max() < 0.1
    # The two ways of 4 m and 2 m, and what is left of others: two laps at most.
    assert 5.4 < sizes.sum() < 2 * math.tau + 0.1
    assert scene.lap_times() == []


def test_everything_begins_anew_when_the_time_goes_back(scene):
    scene.place(radius=2.0)
    scene.wait_for("off_tracks", 1)
    scene.place()
    scene.drive(40)
    scene.peer.until(lambda: len(scene.line()) > 20, "a line")
    scene.set_time_back()
    scene.peer.until(lambda: len(scene.line()) == 0, "no line")
    scene.wait_for("off_tracks", 0)
    assert scene.markers("/driven_line")[0].action == Marker.DELETE
    scene.wait_for("progress", 0)


def test_the_car_shows_its_lap_and_the_reward(scene):
    def labels():
        scene.peer.say("/training_node/reward", Float32(data=0.53))
        scene.drive(1)
        return [marker.text for marker in scene.markers("/car") if marker.text]

    scene.peer.until(lambda: any("reward 0.53" in text for text in labels()), "the reward")
    assert labels()[0].startswith("lap 1  ")


def test_several_cars_have_names(graph):
    scene = graph(2)
    scene.wait_at_start()
    scene.drive(47)
    for name in ("racecar_1", "racecar_2"):
        scene.wait_for("progress", 47, tolerance=5.0, name=f"/monitor_node/{name}")
    assert {marker.ns for marker in scene.markers("/car")} == {"car_1", "car_2"}


def test_it_ends_in_order(track, tmp_path):
    with node("monitor_node", new_domain(), tmp_path, track=track) as monitor:
        monitor.wait_for("watching")
        assert monitor.end() == 0, monitor.text()
        assert "Traceback" not in monitor.text()


def test_an_unknown_track_is_named(tmp_path):
    with node("monitor_node", new_domain(), tmp_path, track="nowhere") as monitor:
        assert monitor.wait() == 2, monitor.text()
        assert "deepracer: " in monitor.text()
        assert "'nowhere'" in monitor.text()
