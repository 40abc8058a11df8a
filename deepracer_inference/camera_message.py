"""Pictures out of camera messages of any kind, told apart by their fields: no ROS is needed to read one."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np

from deepracer_inference.preprocess import ImageError, decode_jpeg

CHANNELS = {"mono8": 1, "rgb8": 3, "bgr8": 3}
"""Encodings of pictures that are understood, and their bytes a pixel."""
MIN_CONTRAST = 8
"""Of 255: a picture with less between its darkest and brightest point shows nothing to steer by."""
SHAPE_TOLERANCE = 1.1
"""The sides' ratio of a picture may differ by this factor from that which the network learned from."""


@dataclass(frozen=True, eq=False)
class Picture:
    """A camera's picture.

    Attributes:
        pixels: uint8, (H, W) or (H, W, channels).
        encoding: "mono8", "rgb8" or "bgr8".
        stamp: seconds of the camera's clock; None if it gave none.
        checksum: of the message's bytes.
    """

    pixels: np.ndarray
    encoding: str
    stamp: float | None
    checksum: int


def to_picture(message: Any, grey: bool = False) -> Picture:
    """Read a sensor_msgs Image or CompressedImage, or the first image of a CameraMsg or EvoSensorMsg.

    The stock car's messages hold Images, the community's CompressedImages.

    Args:
        message: any of these.
        grey: decode a JPEG to grey, which takes half the time.

    Raises:
        ImageError: no image, an unknown encoding, or bytes that do not make the picture.
    """
    if hasattr(message, "images"):
        if not message.images:
            raise ImageError("the message holds no image")
        message = message.images[0]
    time = message.header.stamp
    # A camera without a clock leaves it at 0.
    stamp = time.sec + time.nanosec / 1e9 if (time.sec or time.nanosec) else None
    if hasattr(message, "format"):
        encoding = "mono8" if grey else "bgr8"
        pixels = decode_jpeg(bytes(message.data), encoding)
    else:
        encoding, pixels = message.encoding, to_pixels(message)
    return Picture(pixels, encoding, stamp, zlib.crc32(message.data))


def to_pixels(image: Any) -> np.ndarray:
    """Return the pixels of a sensor_msgs Image, (H, W, channels), in the channel order of its encoding.

    Raises:
        ImageError: an encoding other than `CHANNELS`, or fewer bytes than its size asks for.
    """
    channels = CHANNELS.get(image.encoding)
    if channels is None:
        raise ImageError(f"encoding {image.encoding!r}: must be one of {', '.join(CHANNELS)}")
    wanted, found = image.height * image.step, len(image.data)
    if image.step < image.width * channels or found != wanted:
        raise ImageError(
            f"a picture of {image.width}x{image.height} {image.encoding} with rows of {image.step} bytes "
            f"has {found} bytes: must be {image.height * max(image.step, image.width * channels)}"
        )
    rows = np.frombuffer(image.data, np.uint8).reshape(image.height, image.step)
    return rows[:, : image.width * channels].reshape(image.height, image.width, channels)


def check_shape(pixels: np.ndarray, height: int, width: int) -> None:
    """Refuse a picture that would be stretched: what the network learned has these sides.

    Raises:
        ImageError: it is empty, or wider or higher than the network's.
    """
    found_height, found_width = pixels.shape[:2]
    if not pixels.size:
        raise ImageError(f"the picture is empty: {found_width}x{found_height}")
    ratio = (found_width * height) / (found_height * width)
    if not 1 / SHAPE_TOLERANCE <= ratio <= SHAPE_TOLERANCE:
        raise ImageError(
            f"a picture of {found_width}x{found_height}: must have the sides' ratio of {width}x{height}"
        )


def check_contrast(pixels: np.ndarray) -> None:
    """Refuse a picture of nothing: a covered lens, a camera that sends black or grey.

    Raises:
        ImageError: all of it has the same brightness.
    """
    # Every fourth pixel both ways tells as much.
    some = pixels[::4, ::4]
    contrast = int(some.max()) - int(some.min())
    if contrast < MIN_CONTRAST:
        raise ImageError(f"the picture shows nothing: contrast {contrast}, must be {MIN_CONTRAST} of 255")
