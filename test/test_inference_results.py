"""Results for AWS's navigation node: what it hears, and that every stop reaches the wheels past it."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path

import cv2
import numpy as np
import onnx_models
import pytest

pytest.importorskip("rclpy", reason="ROS 2 is not installed: make ros")

import rclpy
from car_peer import HEIGHT, NAME, WIDTH, running_car, save_model
from deepracer_interfaces_pkg.msg import EvoSensorMsg, InferResultsArray, ServoCtrlMsg
from deepracer_interfaces_pkg.srv import LoadModelSrv, NavThrottleSrv
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.context import Context
from rclpy.node import Node
from ros_nodes import running
from ros_peer import ANY, PATIENCE
from sensor_msgs.msg import CompressedImage
from std_srvs.srv import Trigger

from deepracer_inference.model_bundle import ModelBundle

RESULTS, AUTO_DRIVE = "/inference_pkg/rl_results", "/deepracer_navigation_pkg/auto_drive"
SCALE = 0.6
"""Of the throttle, as the user has set it at the navigation node."""
SETTINGS = {"output": "results", "camera": "sensor_msg", "command_topic": AUTO_DRIVE}


class Navigation:
    """What AWS's navigation node does: a command for each result by the actions that it has loaded.

    Attributes:
        results: that it has heard.
        delay: seconds that it takes for each.
        error: that it answers with when it is to load actions.
        files: that it was told to load actions from.
    """

    def __init__(self, car, error=0):
        self.results, self.files, self.delay, self.error = [], [], 0.0, error
        node = car.peer.node
        self._commands = node.create_publisher(ServoCtrlMsg, AUTO_DRIVE, 1)
        node.create_subscription(InferResultsArray, RESULTS, self._on_results, 10)
        node.create_service(LoadModelSrv, "/deepracer_navigation_pkg/load_action_space", self._load)
        # Its listener is AWS's control node.
        node.create_subscription(ServoCtrlMsg, AUTO_DRIVE, car._on_command, ANY)
        car.topic = "/sensor_fusion_pkg/sensor_msg"

    def _load(self, request, response):
        self.files.append((request.artifact_path, request.action_space_type))
        response.error = self.error
        return response

    def _on_results(self, message):
        time.sleep(self.delay)
        self.results.append(message)
        metadata = Path(self.files[-1][0]).with_name("model_metadata.json").read_text()
        actions = json.loads(metadata)["action_space"]
        best = actions[max(message.results, key=lambda result: result.class_prob).class_label]
        share = best["speed"] / max(action["speed"] for action in actions)
        throttle = SCALE * (2.2 * share - 1.2 * share**2)
        self._commands.publish(ServoCtrlMsg(angle=best["steering_angle"] / 30.0, throttle=throttle))


def show(car, seconds, **changes):
    """Show the camera's pictures as the car's nodes send them."""
    return car.show(seconds, make=lambda: EvoSensorMsg(images=[car.picture(**changes)]))


def show_until(car, heard, make):
    """Show pictures until something is heard."""
    deadline = time.monotonic() + PATIENCE
    while not heard and time.monotonic() < deadline:
        car.show(0.2, make=make)
    assert heard, car.process.text()


def drives(car):
    return show(car, 0.8)[-1][1:] == pytest.approx((1.0, SCALE))


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    with running_car(tmp_path_factory.mktemp("car"), **SETTINGS) as car:
        car.navigation = Navigation(car)
        yield car


@pytest.fixture
def car(shared):
    """A car that AWS's navigation node drives by our results."""
    assert shared.start() == 0
    show(shared, 1.0)
    assert drives(shared) and shared.reasons[-1] == ""
    yield shared
    shared.start(False)


def test_the_navigation_node_drives_by_the_results(car):
    heard, results = len(car.commands), len(car.navigation.results)
    picture = EvoSensorMsg(images=[car.picture(), car.picture()], lidar_data=[1.0])
    car.peer.say(car.topic, picture)
    car.peer.until(lambda: len(car.commands) > heard, "a command")
    (message,) = car.navigation.results[results:]
    assert [result.class_label for result in message.results] == [0, 1, 2]
    assert [result.class_prob for result in message.results] == pytest.approx([0.1, 0.2, 0.7])
    boxes = [(result.x_min, result.y_min, result.x_max, result.y_max) for result in message.results]
    assert boxes == [(-1.0, -1.0, -1.0, -1.0)] * 3
    assert message.images == picture.images
    # Its own commands, and none of ours beside them.
    driven = show(car, 1.0)
    assert len(driven) > 15 and {command[1:] for command in driven} == {car.commands[heard][1:]}
    assert len(car.navigation.results) - results == len(car.commands) - heard


def test_the_navigation_node_is_told_of_the_models_actions_at_each_start(car, tmp_path):
    told = len(car.navigation.files)
    path, kind = car.navigation.files[-1]
    assert Path(path).is_absolute() and Path(path).is_file() and kind == 1
    car.start(False)
    other = save_model(tmp_path / "other", probabilities=(0.7, 0.2, 0.1))
    request = LoadModelSrv.Request(artifact_path=str(other))
    assert car.peer.ask(LoadModelSrv, f"{NAME}/load_model", request).error == 0
    assert car.start() == 0
    # 1 of 3 m/s: 2.2 / 3 - 1.2 / 9 = 0.6.
    assert show(car, 1.5)[-1][1:] == pytest.approx((-1.0, SCALE * 0.6))
    assert car.navigation.files[told:] == [(str(other / "model.onnx"), 1)]
    car.start(False)
    back = LoadModelSrv.Request(artifact_path=path)
    assert car.peer.ask(LoadModelSrv, f"{NAME}/load_model", back).error == 0


def late(car):
    return lambda: EvoSensorMsg(images=[car.picture(late=0.5)])


def black(car):
    return lambda: EvoSensorMsg(images=[car.picture(data=bytes(WIDTH * HEIGHT))])


def none(car):
    return EvoSensorMsg


def stuck(car):
    pixels = car.picture().data
    return lambda: EvoSensorMsg(images=[car.picture(data=pixels)])


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (late, "older than"),
        (black, "cannot be used"),
        (none, "cannot be used"),
        (stuck, "the camera is stuck"),
    ],
)
def test_a_stop_goes_past_the_navigation_node(car, make, reason):
    faulty = make(car)
    car.show(0.6, make=faulty)
    results = len(car.navigation.results)
    stopped = car.show(0.4, make=faulty)
    assert len(stopped) > 10 and {command[1:] for command in stopped} == {(0.0, 0.0)}
    assert len(car.navigation.results) == results and reason in car.reasons[-1]
    assert drives(car) and car.reasons[-1] == ""


def test_the_camera_stops(car):
    last = time.monotonic()
    car.peer.spin(0.6)
    stops = [command for command in car.commands if command[0] > last and command[1:] == (0.0, 0.0)]
    assert stops[0][0] - last < 0.4 and len(stops) > 5 and car.commands[-1] == stops[-1]
    assert "no frame" in car.reasons[-1]


def test_an_emergency_stop_lasts_until_it_is_reset(car):
    assert car.peer.ask(Trigger, f"{NAME}/emergency_stop").success
    show(car, 0.2)
    results = len(car.navigation.results)
    assert {command[1:] for command in show(car, 0.5)} == {(0.0, 0.0)}
    assert len(car.navigation.results) == results
    assert car.peer.ask(Trigger, f"{NAME}/reset_emergency_stop").success
    assert drives(car)


def test_others_who_publish_results_stop_it(car):
    """As AWS's inference node does once it has a model; it has the same name in another namespace."""
    context = Context()
    rclpy.init(context=context, domain_id=car.peer.context.get_domain_id())
    other = Node("inference_node", namespace="/inference_pkg", context=context)
    try:
        other.create_publisher(InferResultsArray, RESULTS, 1)
        end = time.monotonic() + 20
        while car.reasons[-1] != f"inference_node publishes {RESULTS}, too" and time.monotonic() < end:
            # It takes a moment to hear of it, and another to hear its name.
            show(car, 0.3)
        assert car.reasons[-1] == f"inference_node publishes {RESULTS}, too"
        assert {command[1:] for command in show(car, 0.3)} == {(0.0, 0.0)}
    finally:
        other.destroy_node()
        rclpy.shutdown(context=context)
    show(car, 0.6)
    assert drives(car)


def test_after_its_end_nothing_of_the_navigation_node_lasts(car):
    """A result that is still being worked on becomes a command after the first stops."""
    car.navigation.delay = 0.1
    try:
        car.peer.spin(0.1)
        car.peer.say(car.topic, EvoSensorMsg(images=[car.picture()]))
        time.sleep(0.05)
        results = len(car.navigation.results)
        assert car.start(False) == 0
        car.peer.spin(0.7)
        assert len(car.navigation.results) == results + 1
        assert [command[1:] for command in car.commands[-3:]] == [(0.0, 0.0)] * 3
        assert show(car, 0.4) == [] and len(car.navigation.results) == results + 1
    finally:
        car.navigation.delay = 0.0


def test_the_cap_is_the_navigation_nodes(car):
    request = NavThrottleSrv.Request(throttle=0.2)
    assert car.peer.ask(NavThrottleSrv, f"{NAME}/navigation_throttle", request).error == 1
    heard = car.peer.hear(DiagnosticArray, "/diagnostics")
    car.peer.until(lambda: heard, "diagnostics")
    assert {item.value for item in heard[0].status[0].values if item.key == "throttle cap"} == {
        "AWS's navigation node's"
    }
    assert drives(car)


@pytest.mark.parametrize(("error", "reason"), [(None, "has not loaded"), (1, "cannot load the actions of")])
def test_without_the_models_actions_the_navigation_node_hears_nothing(tmp_path, error, reason):
    with running_car(tmp_path, **SETTINGS) as car:
        heard = car.peer.hear(InferResultsArray, RESULTS)
        if error is None:
            car.topic = "/sensor_fusion_pkg/sensor_msg"
        else:
            navigation = Navigation(car, error)
        assert car.start() == 0
        show(car, 1.5)
        assert heard == [] and reason in car.reasons[-1]
        # It comes, or loads them after all.
        if error is None:
            navigation = Navigation(car)
        navigation.error = 0
        show_until(car, heard, lambda: EvoSensorMsg(images=[car.picture()]))
        assert drives(car)


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_a_process_that_ends_leaves_no_command_on(tmp_path, how):
    with running_car(tmp_path, **SETTINGS) as car:
        Navigation(car)
        car.start()
        show(car, 1.0)
        assert drives(car)
        domain = car.peer.context.get_domain_id()
        car.process.process.send_signal(how)
        if how == signal.SIGTERM:
            assert car.process.wait() == 0
        else:
            car.peer.spin(0.3)
            assert car.commands[-1][2] > 0.4, "nobody has stopped the wheels"
            arguments = ["--stop", "--ros-args", "-p", f"command_topic:={AUTO_DRIVE}"]
            with running("deepracer_inference.inference_node", arguments, domain, tmp_path) as stop:
                while stop.process.poll() is None:
                    car.peer.spin(0.1)
        car.peer.spin(0.3)
        assert car.commands[-1][1:] == (0.0, 0.0)


def test_a_picture_of_another_type_leaves_its_stamp(tmp_path):
    """The stock car's results hold no JPEGs."""
    pixels = np.random.default_rng(0).integers(0, 255, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    data = cv2.imencode(".jpg", pixels)[1].tobytes()
    with running_car(tmp_path, **{**SETTINGS, "camera": "compressed"}) as car:
        navigation = Navigation(car)
        car.topic = "/camera/image_raw/compressed"
        make = lambda: CompressedImage(header=car.picture().header, data=data)  # noqa: E731
        car.start()
        show_until(car, navigation.results, make)
        (image,) = navigation.results[-1].images
        assert image.header.stamp.sec > 0 and len(image.data) == 0


def test_a_continuous_model_tells_steering_and_speed(tmp_path):
    ranges = {"steering_angle": {"high": 30, "low": -30}, "speed": {"high": 2, "low": 1}}
    metadata = {**onnx_models.metadata(), "action_space": ranges, "action_space_type": "continuous"}
    shape = ("batch", HEIGHT, WIDTH, 1)
    network = onnx_models.network_bytes(shape=shape, last="Identity", probabilities=(-0.5, 0.25))
    ModelBundle.save(tmp_path / "model", network, metadata)
    with running_car(tmp_path, model=tmp_path / "model", **SETTINGS) as car:
        heard = car.peer.hear(InferResultsArray, RESULTS)
        files = []

        def load(request, response):
            files.append(request.action_space_type)
            return response

        car.peer.node.create_service(LoadModelSrv, "/deepracer_navigation_pkg/load_action_space", load)
        car.topic = "/sensor_fusion_pkg/sensor_msg"
        car.start()
        show_until(car, heard, lambda: EvoSensorMsg(images=[car.picture()]))
        assert files == [2]
        assert [(one.class_label, one.class_prob) for one in heard[-1].results] == [(0, -0.5), (1, 0.25)]
