"""Pictures out of messages: told apart by their fields, refused where they are damaged or show nothing."""

from __future__ import annotations

from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from deepracer_inference.camera_message import check_contrast, check_shape, to_picture
from deepracer_inference.preprocess import ImageError

PIXELS = np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3)


def header(seconds=3, nanoseconds=500_000_000):
    return SimpleNamespace(stamp=SimpleNamespace(sec=seconds, nanosec=nanoseconds))


def image(**changes):
    values = {"height": 4, "width": 6, "step": 18, "encoding": "bgr8", "data": PIXELS.tobytes()}
    return SimpleNamespace(**{"header": header(), **values, **changes})


def compressed(pixels):
    data = cv2.imencode(".jpg", pixels)[1].tobytes()
    return SimpleNamespace(header=header(), format="jpeg", data=data)


def test_an_image_is_taken_as_it_is():
    picture = to_picture(image())
    assert np.array_equal(picture.pixels, PIXELS) and picture.encoding == "bgr8" and picture.stamp == 3.5


@pytest.mark.parametrize("grey", [True, False])
def test_a_compressed_image_is_decoded(grey):
    picture = to_picture(compressed(np.full((16, 16, 3), 200, np.uint8)), grey)
    assert picture.pixels.shape == ((16, 16) if grey else (16, 16, 3))
    assert picture.encoding == ("mono8" if grey else "bgr8") and abs(int(picture.pixels.mean()) - 200) <= 1


def test_the_cars_messages_hold_either():
    for one in (image(), compressed(PIXELS)):
        assert to_picture(SimpleNamespace(images=[one, None])).pixels.shape == (4, 6, 3)
    with pytest.raises(ImageError, match="no image"):
        to_picture(SimpleNamespace(images=[]))


def test_a_camera_without_a_clock_gives_no_stamp():
    assert to_picture(image(header=header(0, 0))).stamp is None


def test_equal_pictures_have_equal_checksums():
    other = bytes([1]) + PIXELS.tobytes()[1:]
    first, same, changed = (
        to_picture(image(data=data)) for data in (PIXELS.tobytes(), PIXELS.tobytes(), other)
    )
    assert first.checksum == same.checksum != changed.checksum


@pytest.mark.parametrize(("height", "width"), [(120, 160), (36, 48), (480, 640), (100, 140)])
def test_a_picture_of_the_networks_shape_passes(height, width):
    check_shape(np.zeros((height, width, 3), np.uint8), 120, 160)


@pytest.mark.parametrize(("height", "width"), [(160, 120), (100, 100), (1, 160), (0, 0), (0, 5), (360, 640)])
def test_a_picture_of_another_shape_is_refused(height, width):
    with pytest.raises(ImageError):
        check_shape(np.zeros((height, width, 3), np.uint8), 120, 160)


def test_a_picture_of_nothing_is_refused():
    flat = np.full((120, 160), 90, np.uint8)
    with pytest.raises(ImageError, match="contrast 0"):
        check_contrast(flat)
    flat[8:16, 8:16] = 98
    check_contrast(flat)
