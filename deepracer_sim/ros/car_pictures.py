"""What a car sees, small and seldom enough for a console that shows it."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable
from typing import Any

import cv2
from rclpy.node import Node

from deepracer_inference.camera_message import to_picture
from deepracer_inference.parameters import ParameterError
from deepracer_inference.preprocess import ImageError
from deepracer_inference.ros.camera_kinds import message_of
from deepracer_inference.ros.graph import LATEST

PERIOD = 0.2
"""Seconds from one picture to the next."""
WIDTH, QUALITY = 320, 70


class CarPictures:
    """Listens to a camera while somebody looks.

    Args:
        node: that listens.
        say: takes pictures, and why there are none.
        is_heard: whether one would be taken at once; the others are left out.
    """

    def __init__(
        self, node: Node, say: Callable[[dict[str, Any]], None], is_heard: Callable[[], bool]
    ) -> None:
        self._node, self._say, self._is_heard = node, say, is_heard
        self._camera: tuple[str, str] | None = None
        self._subscription: Any = None
        self._sent = 0.0

    def show(self, camera: tuple[str, str] | None) -> None:
        """Listen to a camera of this kind and topic, or to none."""
        if camera == self._camera:
            return
        if self._subscription is not None:
            self._node.destroy_subscription(self._subscription)
            self._subscription = None
        self._camera = camera
        if camera is not None:
            kind, topic = camera
            try:
                message = message_of(kind)
            except ParameterError as error:
                self._say({"picture": None, "words": str(error)})
                return
            self._subscription = self._node.create_subscription(message, topic, self._on_picture, LATEST)

    def _on_picture(self, message: Any) -> None:
        now = time.monotonic()
        if now - self._sent < PERIOD or not self._is_heard():
            return
        self._sent = now
        try:
            picture = to_picture(message)
        except ImageError as error:
            self._say({"picture": None, "words": str(error)})
            return
        pixels = picture.pixels
        if picture.encoding == "rgb8":
            pixels = cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR)
        height, width = pixels.shape[:2]
        if width > WIDTH:
            pixels = cv2.resize(
                pixels, (WIDTH, max(1, height * WIDTH // width)), interpolation=cv2.INTER_AREA
            )
        data = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1]
        self._say({"picture": base64.b64encode(data.tobytes()).decode()})
