"""That the benchmark of the car measures what it says, too shortly for its figures to mean anything."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest

from deepracer_inference.model_bundle import ModelBundle
from deepracer_inference.policy import OnnxPolicy
from deepracer_inference.preprocess import decode_jpeg
from deepracer_sim.benchmark import car
from deepracer_sim.errors import RunError


@pytest.fixture(scope="module")
def jpegs():
    return car.curve_jpegs()


def test_pictures_are_the_cameras_and_no_two_are_alike(jpegs):
    flat = [jpeg for pair in jpegs for jpeg in pair]
    assert len(set(flat)) == len(flat) == 2 * car.VARIANTS
    left, right = (decode_jpeg(jpeg).astype(float) for jpeg in jpegs[0])
    assert left.shape == (480, 640, 3)
    assert np.abs(left - right).mean() > 10
    # Mirrored they differ by the noise of two pictures.
    assert np.abs(left - right[:, ::-1]).mean() < 2 * car.NOISE


@pytest.mark.parametrize("size", car.SIZES, ids=car.Size.text)
def test_the_models_steer_into_the_curve(jpegs, tmp_path, size):
    car.save_model(tmp_path, size, jpegs)
    policy = OnnxPolicy(ModelBundle.load(tmp_path))
    bundle = policy.bundle
    assert (bundle.width, bundle.height, bundle.channels) == (size.width, size.height, 1)
    for pair in jpegs:
        angles = [policy.act(decode_jpeg(jpeg), "bgr8").steering_angle for jpeg in pair]
        assert angles == pytest.approx([math.radians(30), math.radians(-30)])


def test_the_driver_is_measured_at_every_size():
    figures = car.measure_driver(calls=20)
    assert [figure.target for figure in figures] == [3.0, 6.0] * len(car.SIZES)
    for median, slow, size in zip(figures[::2], figures[1::2], car.SIZES, strict=True):
        assert median.what.endswith(f"{size.text()}, median") and slow.what.endswith("99th percentile")
        assert 0 < median.value <= slow.value < 1000


def test_pictures_that_are_no_use_are_not_measured(monkeypatch):
    grey = cv2.imencode(".jpg", np.full((480, 640, 3), 128, np.uint8))[1].tobytes()
    curves = car.curve_jpegs()
    monkeypatch.setattr(car, "curve_jpegs", lambda: [*curves, (grey, grey)])
    with pytest.raises(RunError, match="no command: the picture shows nothing"):
        car.measure_driver(calls=20)


@pytest.mark.slow
def test_the_node_is_measured_as_a_process():
    pytest.importorskip("deepracer_interfaces_pkg", reason="the car's messages are not built: make ros")
    from ros_nodes import new_domain

    from deepracer_sim.ros.car_benchmark import measure_node

    *latencies, memory, ready = measure_node(seconds=2.0, starts=1, domain=new_domain())
    for median, slow, answered, rate in zip(*(latencies[i::3] for i in range(3)), (15, 30), strict=True):
        assert median.what.endswith(f"{rate} frames/s, median") and median.target == 10.0
        # The network alone takes longer than that.
        assert 0.3 < median.value <= slow.value
        assert 0 < answered.value <= 100
    assert 50 < memory.value < 1000 and memory.target == 200.0
    assert ready.value > 0.1 and ready.target == 3.0
