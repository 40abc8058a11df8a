"""The picture as the real car's own nodes send it: camera and sensor fusion, stock and community."""

from __future__ import annotations

from array import array
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from sensor_msgs.msg import CompressedImage, Image

from deepracer_sim.ros.conversions import to_image, to_time
from deepracer_sim.ros.lean_node import LeanNode

TOPICS = {"CameraMsg": "camera_pkg/video_mjpeg", "EvoSensorMsg": "sensor_fusion_pkg/sensor_msg"}
"""By their messages in deepracer_interfaces_pkg."""


class CarCamera:
    """Publishes a car's picture as its own nodes do, where their messages are installed.

    The stock car's picture is an Image, bgr8, that nobody has stamped; the community's is a JPEG with a
    stamp. The messages' fields tell whose are installed.

    Args:
        node: that publishes.
        namespace: of the car's topics.
    """

    def __init__(self, node: LeanNode, namespace: str) -> None:
        self._publishers: list[tuple[type, Any]] = []
        try:
            from deepracer_interfaces_pkg import msg
        except ImportError:
            return
        for name, topic in TOPICS.items():
            kind = getattr(msg, name)
            self._publishers.append((kind, node.create_publisher(kind, f"{namespace}/{topic}", 1)))
        self._is_compressed = "CompressedImage" in msg.CameraMsg.get_fields_and_field_types()["images"]

    def is_watched(self) -> bool:
        """Tell whether somebody wants the picture."""
        return any(publisher.get_subscription_count() for _, publisher in self._publishers)

    def publish(self, pixels: NDArray[np.uint8], nanoseconds: int) -> None:
        """Publish a picture (H, W, 1) or (H, W, 3), RGB, of a simulated time to those who listen."""
        colours = np.repeat(pixels, 3, axis=2) if pixels.shape[2] == 1 else pixels[:, :, ::-1]
        image = _compressed(colours, nanoseconds) if self._is_compressed else _plain(colours)
        for kind, publisher in self._publishers:
            if publisher.get_subscription_count():
                publisher.publish(kind(images=[image]))


def _compressed(colours: NDArray[np.uint8], nanoseconds: int) -> CompressedImage:
    data = cv2.imencode(".jpg", np.ascontiguousarray(colours))[1]
    image = CompressedImage(format="jpeg", data=array("B", data.tobytes()))
    image.header.stamp = to_time(nanoseconds)
    return image


def _plain(colours: NDArray[np.uint8]) -> Image:
    image = to_image(colours, "", 0)
    image.encoding = "bgr8"
    return image
