"""Whatever goes wrong while the car drives: what its servo hears then, over real DDS."""

from __future__ import annotations

import time
from itertools import pairwise

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="ROS 2 is not installed: make ros")

import rclpy
from car_peer import HEIGHT, NAME, WIDTH, running_car, save_model
from deepracer_interfaces_pkg.srv import NavThrottleSrv
from lifecycle_msgs.srv import ChangeState
from rcl_interfaces.msg import Parameter, ParameterType, ParameterValue
from rcl_interfaces.srv import SetParameters
from rclpy.context import Context
from rclpy.node import Node
from sensor_msgs.msg import Image, Joy
from std_msgs.msg import Bool
from std_srvs.srv import Trigger

CAP = 0.5


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """One car for many faults."""
    with running_car(tmp_path_factory.mktemp("car")) as car:
        yield car


@pytest.fixture
def car(shared):
    """A car that drives at its cap."""
    assert shared.start() == 0
    assert shared.show(0.8)[-1][2] == pytest.approx(CAP)
    yield shared
    assert all(abs(throttle) <= CAP + 1e-6 and abs(angle) <= 1 for _, angle, throttle in shared.commands)
    shared.start(False)


def set_parameter(car, name, value):
    kinds = {float: ("double_value", ParameterType.PARAMETER_DOUBLE)}
    field, kind = kinds.get(type(value), ("string_value", ParameterType.PARAMETER_STRING))
    request = SetParameters.Request()
    request.parameters = [Parameter(name=name, value=ParameterValue(type=kind, **{field: value}))]
    return car.peer.ask(SetParameters, f"{NAME}/set_parameters", request).results[0]


BLACK = bytes(WIDTH * HEIGHT)
PICTURE_FAULTS = {
    "late by half a second": ({"late": 0.5}, "older than 0.2 s"),
    "from a clock that went back": ({"late": 100.0}, "older than 0.2 s"),
    "from a clock that went ahead": ({"late": -100.0}, "ahead of the clock"),
    "empty": ({"data": b""}, "cannot be used"),
    "cut off": ({"data": BLACK[:-1]}, "cannot be used"),
    "of no size": ({"width": 0, "height": 0, "step": 0, "data": b""}, "cannot be used"),
    "of another shape": ({"height": HEIGHT // 3, "data": bytes(range(48)) * 12}, "cannot be used"),
    "of an unknown encoding": ({"encoding": "bayer_rggb8"}, "cannot be used"),
    "of the wrong encoding": ({"encoding": "bgr8"}, "cannot be used"),
    "all black": ({"data": BLACK}, "cannot be used"),
}


@pytest.mark.parametrize("fault", PICTURE_FAULTS)
def test_a_picture_that_is_wrong_stops_the_car_until_a_good_one_comes(car, fault):
    changes, reason = PICTURE_FAULTS[fault]
    stopped = car.show(0.5, make=lambda: car.picture(**changes))
    assert len(stopped) > 5 and {command[1:] for command in stopped[1:]} == {(0.0, 0.0)}
    assert reason in car.reasons[-1]
    assert car.show(0.6)[-1][2] > 0.4 and car.reasons[-1] == ""


def test_a_stop_is_logged_once(car):
    before = car.process.text().count("older than")
    car.show(0.5, make=lambda: car.picture(late=0.5))
    assert car.process.text().count("older than") <= before + 1


def test_a_camera_that_is_stuck_stops_the_car(car):
    pixels = car.picture().data
    driven = car.show(1.0, make=lambda: car.picture(data=pixels))
    moving = [command for command in driven if command[2] > 0]
    # Ten pictures at 30 a second.
    assert 0.2 < moving[-1][0] - moving[0][0] < 0.45 and driven[-1][1:] == (0.0, 0.0)
    assert "stuck" in car.reasons[-1]
    assert car.show(0.6)[-1][2] > 0.4


def test_at_5_pictures_a_second_it_never_drives_longer_than_the_limit(car):
    shown = []

    def picture():
        shown.append(time.monotonic())
        return car.picture()

    driven = car.show(2.0, hertz=4.5, make=picture)
    for before, after in pairwise(shown[1:]):
        # Between the limit after a picture and the next one it stands.
        silent = [command for command in driven if before + 0.21 < command[0] < after]
        assert all(command[2] == 0.0 for command in silent[1:])
    assert any(command[2] == 0.0 for command in driven)


def test_time_stamps_that_go_backwards_stop_it(car):
    assert car.show(0.3)[-1][2] > 0
    said, late = len(car.reasons), iter([0.0, 0.15] * 100)
    driven = car.show(0.5, make=lambda: car.picture(late=next(late)))
    # Every second frame is older than the one before it.
    assert {command[2] == 0.0 for command in driven} == {True, False}
    assert "the camera's time went backwards" in car.reasons[said:]


def test_two_cameras_stop_it(car):
    context = Context()
    rclpy.init(context=context, domain_id=car.peer.context.get_domain_id())
    other = Node("other_camera", context=context, start_parameter_services=False)
    other.create_publisher(Image, "/camera/image_raw", 1)
    try:
        end = time.monotonic() + 20
        while "must be one camera" not in car.reasons[-1] and time.monotonic() < end:
            # It takes a moment to hear of it.
            car.show(0.3)
        car.show(0.3)
        assert car.commands[-1][1:] == (0.0, 0.0) and "must be one camera" in car.reasons[-1]
        car.start(False)
        assert car.start() == 1
    finally:
        other.destroy_node()
        rclpy.shutdown(context=context)
    car.show(0.5)
    assert car.start() == 0 and car.show(0.6)[-1][2] > 0.4


@pytest.mark.parametrize("by", ["service", "topic"])
def test_an_emergency_stop_lasts_until_it_is_reset(car, by):
    if by == "service":
        assert car.peer.ask(Trigger, f"{NAME}/emergency_stop").success
    else:
        car.peer.say(f"{NAME}/emergency_stop", Bool(data=True))
        car.peer.spin(0.2)
    assert {command[1:] for command in car.show(0.6)[1:]} == {(0.0, 0.0)}
    assert "emergency" in car.reasons[-1]
    car.peer.say(f"{NAME}/emergency_stop", Bool(data=False))
    car.start(False)
    car.start()
    assert {command[1:] for command in car.show(0.3)} == {(0.0, 0.0)}
    assert car.peer.ask(Trigger, f"{NAME}/reset_emergency_stop").success
    assert car.show(0.6)[-1][2] > 0.4


@pytest.mark.parametrize("by", ["service", "parameter"])
def test_the_cap_changes_while_it_drives(car, by):
    def set_cap(cap):
        if by == "parameter":
            return set_parameter(car, "cap", cap).successful
        request = NavThrottleSrv.Request(throttle=cap)
        return car.peer.ask(NavThrottleSrv, f"{NAME}/navigation_throttle", request).error == 0

    try:
        assert set_cap(0.25)
        driven = car.show(0.4)
        assert all(command[2] <= 0.25 for command in driven[1:]) and driven[-1][2] == pytest.approx(0.25)
        for wrong in (-0.1, 1.1, float("nan"), float("inf")):
            assert not set_cap(wrong)
        assert car.show(0.4)[-1][2] == pytest.approx(0.25)
        assert set_cap(0.0) and car.show(0.4)[-1][2] == 0.0
    finally:
        assert set_cap(CAP)
    assert car.show(0.6)[-1][2] == pytest.approx(CAP)


def test_the_model_cannot_change_while_it_drives(car):
    result = set_parameter(car, "model", "/elsewhere")
    assert not result.successful and "while the car drives" in result.reason
    assert car.show(0.3)[-1][2] > 0.4


@pytest.mark.parametrize("transition", [1, 3, 99])
def test_an_impossible_transition_is_refused_and_ends_nothing(car, transition):
    request = ChangeState.Request()
    request.transition.id = transition
    assert not car.peer.ask(ChangeState, f"{NAME}/change_state", request).success
    assert car.show(0.3)[-1][2] > 0.4


def test_an_output_that_is_not_finite_stops_it(tmp_path):
    """The logits are 6e38 times the brightness: too much for a float from 0.57 on."""
    model = save_model(tmp_path / "model", brightness_gain=(6e38, 0.0, 0.0))
    with running_car(tmp_path, model=model) as car:
        car.start()
        assert car.show(0.6)[-1][2] > 0.0
        bright = np.random.default_rng(1).integers(200, 255, (200, WIDTH * HEIGHT), dtype=np.uint8)
        rows = iter(bright)
        stopped = car.show(0.5, make=lambda: car.picture(data=next(rows).tobytes()))
        assert {command[1:] for command in stopped[1:]} == {(0.0, 0.0)}
        assert "output cannot be used" in car.reasons[-1]


def test_a_dead_mans_switch_must_be_held(tmp_path):
    with running_car(tmp_path, joy_topic="/joy", joy_button=2) as car:
        car.start()
        assert {command[1:] for command in car.show(0.4)} == {(0.0, 0.0)}
        assert "not held" in car.reasons[-1]

        def held():
            car.peer.say("/joy", Joy(buttons=[0, 0, 1]))
            return car.picture()

        assert car.show(0.8, make=held)[-1][2] > 0.4
        car.peer.say("/joy", Joy(buttons=[0, 0, 0]))
        car.peer.spin(0.1)
        assert car.show(0.2)[-1][2] == 0.0
        assert car.show(0.6, make=held)[-1][2] > 0.4
        # The joystick is silent.
        assert car.show(0.8)[-1][2] == 0.0
