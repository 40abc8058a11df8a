from __future__ import annotations

import math

import numpy as np
import pytest
from onnx_models import metadata, network_bytes

from deepracer_inference.model_bundle import ModelBundle
from deepracer_inference.policy import Action, OnnxPolicy, PolicyError
from deepracer_inference.preprocess import ImageError

# Black images give (0.1, 0.2, 0.7); white ones add 10 to the logit of action 0, whose odds against the
# others are then 0.1 e^10 : 0.9, a probability of 0.99959.
GAIN = (10.0, 0.0, 0.0)


def policy(shape=("batch", 4, 6, 1), **changes):
    return OnnxPolicy(ModelBundle.from_parts(network_bytes(shape=shape, **changes), metadata()))


@pytest.mark.parametrize("batch", ["batch", 1])
def test_probabilities_of_several_images(batch):
    images = np.zeros((3, 4, 6, 1), dtype=np.uint8)
    images[1] = 255
    images[2, :, :3] = 255  # half white: 0.1 e^5 : 0.9
    result = policy((batch, 4, 6, 1), brightness_gain=GAIN).probabilities(images)
    white, half = 0.1 * math.exp(10), 0.1 * math.exp(5)
    expected = [
        [0.1, 0.2, 0.7],
        [white / (white + 0.9), 0.2 / (white + 0.9), 0.7 / (white + 0.9)],
        [half / (half + 0.9), 0.2 / (half + 0.9), 0.7 / (half + 0.9)],
    ]
    assert result.dtype == np.float32
    np.testing.assert_allclose(result, expected, rtol=1e-4)


def test_act_takes_the_most_probable_action():
    driver = policy(brightness_gain=GAIN)
    black = driver.act(np.zeros((4, 6, 3), dtype=np.uint8))
    assert (black.index, black.speed) == (2, 3.0)
    assert black.steering_angle == pytest.approx(math.pi / 6)
    assert black.probability == pytest.approx(0.7)
    white = driver.act(np.full((4, 6, 3), 255, dtype=np.uint8))
    assert (white.index, white.speed) == (0, 1.0)
    assert white.steering_angle == pytest.approx(-math.pi / 6)


def test_act_scales_an_image_of_any_size_and_encoding():
    driver = policy(brightness_gain=GAIN)
    for shape, encoding in (((480, 640, 3), "rgb8"), ((120, 160, 3), "bgr8"), ((9, 7), "mono8")):
        assert driver.act(np.full(shape, 255, dtype=np.uint8), encoding).index == 0


def test_act_tells_red_from_blue():
    # Mean / 255 of pure red in grey is 0.3, of pure blue 0.11: logits 40 * 0.3 = 12 and 4.5 against a lead
    # of log(0.999998 / 1e-6) = 13.8 for action 1 and a fixed 8 for action 2 would be close; a gain of 60
    # puts red (17.9) over it and blue (6.8) under it.
    driver = policy(probabilities=(1e-6, 0.999998, 1e-6), brightness_gain=(60.0, 0.0, 0.0))
    red = np.zeros((4, 6, 3), dtype=np.uint8)
    red[:, :, 0] = 255
    assert driver.act(red, "rgb8").index == 0
    assert driver.act(red, "bgr8").index == 1


def test_a_continuous_model_drives_between_its_limits():
    ranges = {"steering_angle": {"high": 30, "low": -30}, "speed": {"high": 2, "low": 1}}
    meta = {**metadata(), "action_space": ranges, "action_space_type": "continuous"}
    onnx_bytes = network_bytes(last="Identity", probabilities=(-0.5, 3.0))
    driver = OnnxPolicy(ModelBundle.from_parts(onnx_bytes, meta))
    action = driver.act(np.zeros((4, 6), dtype=np.uint8), "mono8")
    assert action == Action(pytest.approx(-math.pi / 12), 2.0)
    with pytest.raises(PolicyError, match="no probabilities"):
        driver.probabilities(np.zeros((1, 4, 6, 1), dtype=np.uint8))


def test_no_images_give_no_probabilities():
    assert policy().probabilities(np.zeros((0, 4, 6, 1), dtype=np.uint8)).shape == (0, 3)


@pytest.mark.parametrize(
    "images",
    [
        np.zeros((1, 4, 6, 1), dtype=np.float32),
        np.zeros((1, 6, 4, 1), dtype=np.uint8),
        np.zeros((4, 6, 1), dtype=np.uint8),
        np.zeros((1, 4, 6, 3), dtype=np.uint8),
    ],
)
def test_images_that_do_not_fit_are_refused(images):
    with pytest.raises(PolicyError, match=r"must be uint8 \(batch, 4, 6, 1\)"):
        policy().probabilities(images)


def test_a_bad_camera_image_is_refused():
    with pytest.raises(ImageError, match="empty"):
        policy().act(np.zeros((0, 0, 3), dtype=np.uint8))


def test_a_result_that_is_not_finite_is_refused():
    # Finite for the bundle's grey test image; log of a mean that is 0 for a black one is -infinity.
    onnx_bytes = network_bytes(last="Log", probabilities=(0.0, 0.0), brightness_gain=(1.0, 1.0))
    ranges = {"steering_angle": {"high": 30, "low": -30}, "speed": {"high": 2, "low": 1}}
    meta = {**metadata(), "action_space": ranges, "action_space_type": "continuous"}
    driver = OnnxPolicy(ModelBundle.from_parts(onnx_bytes, meta))
    with pytest.raises(PolicyError, match="NaN or infinite"):
        driver.act(np.zeros((4, 6), dtype=np.uint8), "mono8")
