"""From a camera's image to the network's input. The same code runs in training and on the car."""

from __future__ import annotations

import cv2
import numpy as np

_CHANNELS = {"rgb8": 3, "bgr8": 3, "mono8": 1}
_JPEG_START = b"\xff\xd8"
_JPEG_END = b"\xff\xd9"


class ImageError(ValueError):
    """An image that cannot be decoded or fed to the network."""


def to_network_input(image: np.ndarray, encoding: str, height: int, width: int, channels: int) -> np.ndarray:
    """Scale an image to the network's size and colours.

    The whole image is stretched to the new size, as the stock car does: by area averaging where it
    shrinks, so that thin lines do not flicker, else bilinear. Grey is the luminance
    0.299 red + 0.587 green + 0.114 blue (ITU-R BT.601).

    Args:
        image: uint8, (H, W) or (H, W, 1) for mono8, (H, W, 3) for rgb8 and bgr8.
        encoding: "rgb8", "bgr8" or "mono8", as in ROS.
        height: the network's, pixels.
        width: the network's, pixels.
        channels: 1 for grey, 3 for RGB.

    Returns:
        (1, height, width, channels) uint8.

    Raises:
        ImageError: the image is empty or does not fit the encoding, or a target is out of range.
    """
    image = _checked(image, encoding)
    if channels not in (1, 3) or height < 1 or width < 1:
        raise ImageError(f"network input {height}x{width}x{channels}: sides must be > 0, channels 1 or 3")
    # Grey before scaling is one third of the work, and both are linear.
    image = _convert(image, encoding, channels)
    if image.shape[:2] != (height, width):
        shrinks = height <= image.shape[0] and width <= image.shape[1]
        method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
        image = cv2.resize(image, (width, height), interpolation=method)
    return np.ascontiguousarray(image).reshape(1, height, width, channels)


def decode_jpeg(data: bytes, encoding: str = "bgr8") -> np.ndarray:
    """Decode a JPEG, as the car's camera sends it.

    Args:
        data: the file's bytes.
        encoding: what to decode to; "mono8" takes about half the time of a colour.

    Returns:
        uint8, (H, W) for mono8, else (H, W, 3).

    Raises:
        ImageError: not a JPEG, cut off, or damaged beyond decoding.
    """
    if encoding not in _CHANNELS:
        raise ImageError(f"encoding {encoding!r}: must be one of {', '.join(_CHANNELS)}")
    if not data.startswith(_JPEG_START):
        raise ImageError(f"not a JPEG: {len(data)} bytes that start with {data[:4].hex() or 'nothing'}")
    # The decoder fills what is missing with grey and reports success. A camera may pad after the end.
    if _JPEG_END not in data:
        raise ImageError(f"the JPEG is cut off: {len(data)} bytes without an end-of-image marker")
    flag = cv2.IMREAD_GRAYSCALE if encoding == "mono8" else cv2.IMREAD_COLOR
    try:
        image = cv2.imdecode(np.frombuffer(data, dtype=np.uint8), flag)
    except cv2.error as error:
        raise ImageError(f"the JPEG of {len(data)} bytes cannot be decoded: {error}") from error
    if image is None:
        raise ImageError(f"the JPEG of {len(data)} bytes cannot be decoded; it is damaged")
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB) if encoding == "rgb8" else image


def _checked(image: np.ndarray, encoding: str) -> np.ndarray:
    """Return (H, W) for mono8, else (H, W, 3); raise ImageError for anything else."""
    if encoding not in _CHANNELS:
        raise ImageError(f"encoding {encoding!r}: must be one of {', '.join(_CHANNELS)}")
    if not isinstance(image, np.ndarray) or image.dtype != np.uint8:
        kind = getattr(image, "dtype", type(image).__name__)
        raise ImageError(f"image of {kind}: must be a numpy array of uint8")
    if image.size == 0:
        raise ImageError(f"the image is empty: shape {image.shape}")
    if encoding == "mono8" and image.ndim == 3 and image.shape[2] == 1:
        image = image[:, :, 0]
    fits = image.ndim == 2 if encoding == "mono8" else image.ndim == 3 and image.shape[2] == 3
    if not fits:
        wanted = "(height, width)" if encoding == "mono8" else "(height, width, 3)"
        raise ImageError(f"image of shape {image.shape}: {encoding} must be {wanted}")
    return image


def _convert(image: np.ndarray, encoding: str, channels: int) -> np.ndarray:
    if _CHANNELS[encoding] == channels and encoding != "bgr8":
        return image
    codes = {
        ("rgb8", 1): cv2.COLOR_RGB2GRAY,
        ("bgr8", 1): cv2.COLOR_BGR2GRAY,
        ("bgr8", 3): cv2.COLOR_BGR2RGB,
        ("mono8", 3): cv2.COLOR_GRAY2RGB,
    }
    return cv2.cvtColor(image, codes[encoding, channels])
