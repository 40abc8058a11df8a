from __future__ import annotations

import cv2
import numpy as np
import pytest

from deepracer_inference.preprocess import ImageError, decode_jpeg, to_network_input


def flat(colour, height=4, width=6):
    return np.full((height, width, 3), colour, dtype=np.uint8)


@pytest.mark.parametrize(
    ("colour", "grey"),
    [
        ((255, 0, 0), 76),  # 0.299 * 255 = 76.2
        ((0, 255, 0), 150),  # 0.587 * 255 = 149.7
        ((0, 0, 255), 29),  # 0.114 * 255 = 29.1
        ((10, 20, 30), 18),  # 2.99 + 11.74 + 3.42 = 18.15
    ],
)
def test_grey_is_the_luminance_whatever_the_order_of_the_colours(colour, grey):
    for image, encoding in ((flat(colour), "rgb8"), (flat(colour[::-1]), "bgr8")):
        result = to_network_input(image, encoding, 4, 6, 1)
        assert result.shape == (1, 4, 6, 1)
        assert result.dtype == np.uint8
        assert (result == grey).all()


def test_colour_networks_get_rgb():
    for image, encoding in ((flat((1, 2, 3)), "rgb8"), (flat((3, 2, 1)), "bgr8")):
        result = to_network_input(image, encoding, 4, 6, 3)
        assert (result == [1, 2, 3]).all()
        assert result.shape == (1, 4, 6, 3)


def test_a_grey_camera_serves_both_kinds_of_network():
    image = np.arange(24, dtype=np.uint8).reshape(4, 6)
    np.testing.assert_array_equal(to_network_input(image, "mono8", 4, 6, 1)[0, :, :, 0], image)
    np.testing.assert_array_equal(to_network_input(image[:, :, None], "mono8", 4, 6, 1)[0, :, :, 0], image)
    for channel in range(3):
        np.testing.assert_array_equal(to_network_input(image, "mono8", 4, 6, 3)[0, :, :, channel], image)


def test_shrinking_averages_the_area():
    image = np.array([[0, 100, 10, 10], [100, 200, 10, 50]], dtype=np.uint8)
    np.testing.assert_array_equal(to_network_input(image, "mono8", 1, 2, 1)[0, :, :, 0], [[100, 20]])


def test_a_thin_line_keeps_its_share_of_the_light_when_it_shrinks():
    image = np.zeros((480, 640), dtype=np.uint8)
    image[:, 321] = 240  # one of the 8 columns that become one: 240 / 8 = 30
    result = to_network_input(image, "mono8", 60, 80, 1)[0, :, :, 0]
    assert (result[:, 40] == 30).all()
    assert result.sum() == 60 * 30


def test_enlarging_is_bilinear():
    image = np.array([[0, 100]], dtype=np.uint8)
    # Pixel centres of the four lie at -0.25, 0.25, 0.75 and 1.25 of the two, held at the ends.
    np.testing.assert_array_equal(to_network_input(image, "mono8", 1, 4, 1)[0, 0, :, 0], [0, 25, 75, 100])


def test_an_image_that_fits_is_untouched_and_not_changed():
    image = np.random.default_rng(1).integers(0, 256, (4, 6, 3), dtype=np.uint8)
    before = image.copy()
    np.testing.assert_array_equal(to_network_input(image, "rgb8", 4, 6, 3)[0], image)
    np.testing.assert_array_equal(image, before)


def test_a_view_with_swapped_colours_is_read():
    image = flat((3, 2, 1))[:, :, ::-1]
    assert (to_network_input(image, "rgb8", 4, 6, 3) == [1, 2, 3]).all()


@pytest.mark.parametrize(
    ("image", "encoding", "message"),
    [
        (flat(0).astype(np.float32), "rgb8", "image of float32: must be a numpy array of uint8"),
        ([[1]], "mono8", "image of list"),
        (np.zeros((0, 6, 3), np.uint8), "rgb8", "empty"),
        (np.zeros((4, 6), np.uint8), "rgb8", r"\(4, 6\): rgb8 must be \(height, width, 3\)"),
        (np.zeros((4, 6, 4), np.uint8), "bgr8", r"\(4, 6, 4\)"),
        (flat(0), "mono8", r"mono8 must be \(height, width\)"),
        (flat(0), "yuv422", "'yuv422': must be one of rgb8, bgr8, mono8"),
    ],
)
def test_an_image_that_does_not_fit_is_refused(image, encoding, message):
    with pytest.raises(ImageError, match=message):
        to_network_input(image, encoding, 4, 6, 1)


@pytest.mark.parametrize("target", [(0, 6, 1), (4, 6, 2)])
def test_an_impossible_network_input_is_refused(target):
    with pytest.raises(ImageError, match="network input"):
        to_network_input(flat(0), "rgb8", *target)


def jpeg(image):
    return cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 100])[1].tobytes()


def test_a_jpeg_is_decoded_to_the_encoding_asked_for():
    data = jpeg(flat((30, 20, 10), 16, 16))  # OpenCV writes blue, green, red
    for encoding, expected in (("bgr8", [30, 20, 10]), ("rgb8", [10, 20, 30])):
        image = decode_jpeg(data, encoding)
        assert image.shape == (16, 16, 3)
        assert np.abs(image.astype(int) - expected).max() <= 2
    grey = decode_jpeg(data, "mono8")
    assert grey.shape == (16, 16)
    assert np.abs(grey.astype(int) - 18).max() <= 2


def test_padding_after_a_jpeg_is_harmless():
    assert decode_jpeg(jpeg(flat(100)) + b"\0" * 64).shape == (4, 6, 3)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "not a JPEG: 0 bytes that start with nothing"),
        (b"\x89PNG\r\n", "not a JPEG: 6 bytes that start with 89504e47"),
        (jpeg(flat(100, 64, 64))[:-20], "cut off"),
        (b"\xff\xd8" + b"\x11" * 50 + b"\xff\xd9", "cannot be decoded"),
    ],
)
def test_a_bad_jpeg_is_refused(data, message):
    with pytest.raises(ImageError, match=message):
        decode_jpeg(data)


def test_an_unknown_encoding_is_refused_before_decoding():
    with pytest.raises(ImageError, match="'rgba8'"):
        decode_jpeg(b"", "rgba8")
