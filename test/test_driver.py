"""From a camera message to a command: the tiny model's action, servo values, limits, and what is refused."""

from __future__ import annotations

import time
from types import SimpleNamespace

import numpy as np
import onnx_models
import pytest

from deepracer_inference.driver import Driver
from deepracer_inference.health import Health
from deepracer_inference.limits import STAND, Limits, LimitSettings
from deepracer_inference.model_bundle import ModelBundle
from deepracer_inference.parameters import SETTINGS, ParameterError, limit_settings
from deepracer_inference.policy import OnnxPolicy, PolicyError
from deepracer_inference.throttle import ServoMapping, ThrottleTable

SHAPE = ("batch", 12, 16, 1)
FAST = LimitSettings(throttle_rate=1000.0, steering_rate=1000.0)


def make_driver(table=None, **changes):
    bundle = ModelBundle.from_parts(onnx_models.network_bytes(shape=SHAPE, **changes), onnx_models.metadata())
    mapping = ServoMapping(bundle.action_space, table)
    driver = Driver(OnnxPolicy(bundle), mapping, Limits(), clock=lambda: 10.0)
    driver.set_limits(FAST, cap=0.5, max_speed=4.0)
    driver.start()
    time.sleep(0.002)  # a slew limit allows nothing in no time
    return driver


def message(stamp=10, **changes):
    pixels = np.arange(12 * 16, dtype=np.uint8)
    header = SimpleNamespace(stamp=SimpleNamespace(sec=stamp, nanosec=0))
    values = {"height": 12, "width": 16, "step": 16, "encoding": "mono8", "data": pixels.tobytes()}
    return SimpleNamespace(header=header, **{**values, **changes})


def act(driver, **changes):
    return driver.act(driver.think(message(**changes), time.monotonic()))


def test_the_best_action_reaches_the_wheels():
    """Action 2 of -30, 0, 30 degrees at 1, 2, 3 m/s: full lock, and the highest speed gives the cap."""
    verdict = act(make_driver())
    assert verdict.stop is None
    assert (verdict.command.angle, verdict.command.throttle) == pytest.approx((1.0, 0.5))


def test_a_slower_action_keeps_its_share_of_the_cap():
    """1 of 3 m/s: 2.2 / 3 - 1.2 / 9 = 0.6, of 0.5."""
    verdict = act(make_driver(probabilities=(0.7, 0.2, 0.1)))
    assert (verdict.command.angle, verdict.command.throttle) == pytest.approx((-1.0, 0.3))


def test_a_highest_speed_holds_for_the_limits_too():
    driver = make_driver(ThrottleTable((1.0, 3.0), (0.1, 0.3)))
    driver.set_limits(FAST, cap=0.5, max_speed=2.0)
    assert driver.limits.cap == pytest.approx(0.2) and act(driver).command.throttle == pytest.approx(0.2)
    driver.set_limits(FAST, cap=0.15, max_speed=2.0)
    assert driver.limits.cap == 0.15


def test_the_probability_counts_as_confidence():
    driver = make_driver()
    driver.set_limits(LimitSettings(min_confidence=0.71), cap=0.5, max_speed=4.0)
    assert "confidence" in act(driver).stop
    driver.set_limits(LimitSettings(min_confidence=0.69), cap=0.5, max_speed=4.0)
    assert act(driver).stop is None


def test_a_picture_of_no_use_stops_the_car_but_is_heard():
    driver = make_driver()
    thought = driver.think(message(encoding="rgb8"), time.monotonic())
    verdict = driver.act(thought)
    assert verdict.command == STAND and "cannot be used" in verdict.stop and "rows of 16" in thought.detail
    assert driver.limits.watch(time.monotonic()).stop == verdict.stop


def test_an_output_of_the_wrong_size_is_refused(monkeypatch):
    driver = make_driver()
    session = SimpleNamespace(run=lambda names, feed: [np.ones((1, 7), np.float32)])
    monkeypatch.setattr(driver.policy, "_session", session)
    with pytest.raises(PolicyError, match=r"\(1, 7\): must be \(1, 3\)"):
        driver.policy.act(np.zeros((12, 16), np.uint8), "mono8")
    assert "output cannot be used" in act(driver).stop


def test_warming_up_tells_the_time():
    assert 0.0 < make_driver().policy.warm_up(3) < 1000.0


def test_health_by_hand():
    """Frames at 0, 0.1, 0.2, 0.5 s, each done 10 ms later: two are missing in the gap."""
    health = Health()
    assert (health.rate(), health.lost(), health.latency(50)) == (0.0, 0, 0.0)
    for arrived in (0.0, 0.1, 0.2, 0.5):
        health.count(arrived, arrived + 0.01, arrived == 0.5)
    assert health.rate() == pytest.approx(6.0) and health.lost() == 2
    assert health.latency(99) == pytest.approx(10.0)
    assert health.figures()["refused frames"] == "1"


def test_every_parameter_has_a_default_in_its_range_and_a_description():
    for setting in SETTINGS:
        assert setting.checked(setting.default) == setting.default and setting.description
    assert limit_settings({setting.name: setting.default for setting in SETTINGS}) == LimitSettings()


@pytest.mark.parametrize("value", [-0.1, 1.1, float("nan"), float("inf")])
def test_a_parameter_out_of_range_is_refused(value):
    cap = next(setting for setting in SETTINGS if setting.name == "cap")
    with pytest.raises(ParameterError, match="must be 0 to 1"):
        cap.checked(value)
