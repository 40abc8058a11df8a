"""A car around the inference node: its camera, its servo's ear, and hands on its services."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import onnx_models
import pytest

pytest.importorskip("deepracer_interfaces_pkg", reason="the car's messages are not built: make ros")

from deepracer_interfaces_pkg.msg import ServoCtrlMsg
from deepracer_interfaces_pkg.srv import InferenceStateSrv
from ros_nodes import NodeProcess, new_domain, node
from ros_peer import ANY, KEPT, Peer
from sensor_msgs.msg import Image
from std_msgs.msg import String

from deepracer_inference.model_bundle import ModelBundle

WIDTH, HEIGHT = 48, 36
NAME = "/inference_node"


def save_model(folder: Path, **changes: Any) -> Path:
    """A model that always steers 30 degrees to the left at its highest speed, unless changed."""
    shape = ("batch", HEIGHT, WIDTH, 1)
    ModelBundle.save(folder, onnx_models.network_bytes(shape=shape, **changes), onnx_models.metadata())
    return folder


class Car:
    """The rest of the car.

    Attributes:
        process: the inference node.
        peer: on the other side of its topics.
        commands: what the servo heard: (monotonic seconds, angle, throttle).
        reasons: of stops, "" for driving.
    """

    def __init__(self, process: NodeProcess, domain: int, topic: str = "/camera/image_raw") -> None:
        self.process, self.peer = process, Peer(domain, process)
        self.commands: list[tuple[float, float, float]] = []
        self._reasons = self.peer.hear(String, f"{NAME}/stop_reason", KEPT)
        self.peer.node.create_subscription(ServoCtrlMsg, "/ctrl_pkg/servo_msg", self._on_command, ANY)
        self.topic = topic
        self._random = np.random.default_rng(0)

    @property
    def reasons(self) -> list[str]:
        return [reason.data for reason in self._reasons]

    def _on_command(self, message: Any) -> None:
        self.commands.append((time.monotonic(), message.angle, message.throttle))

    def picture(self, late: float = 0.0, **changes: Any) -> Image:
        """A grey noise picture of now."""
        pixels = self._random.integers(0, 255, (HEIGHT, WIDTH), dtype=np.uint8)
        image = Image(height=HEIGHT, width=WIDTH, step=WIDTH, encoding="mono8", data=pixels.tobytes())
        stamp = time.time_ns() - int(late * 1e9)
        image.header.stamp.sec, image.header.stamp.nanosec = divmod(stamp, 10**9)
        for name, value in changes.items():
            setattr(image, name, value)
        return image

    def show(self, seconds: float, hertz: float = 30.0, make: Callable[[], Any] | None = None) -> list[Any]:
        """Send pictures for a while; return the commands of that time."""
        first = len(self.commands)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.peer.say(self.topic, make() if make else self.picture())
            self.peer.spin(1 / hertz)
        return self.commands[first:]

    def start(self, start: bool = True) -> int:
        """Start or stop driving, as the car does; return the error."""
        request = InferenceStateSrv.Request(start=int(start))
        return int(self.peer.ask(InferenceStateSrv, f"{NAME}/inference_state", request).error)

    def close(self) -> None:
        self.peer.close()


@contextmanager
def running_car(
    folder: Path, module: str = "deepracer_inference.inference_node", **parameters: Any
) -> Iterator[Car]:
    """An inference node with a model, inactive, and the car around it."""
    domain = new_domain()
    if "model" not in parameters:
        parameters["model"] = save_model(folder / "model")
    with node(module, domain, folder, **parameters) as process:
        car = Car(process, domain)
        try:
            yield car
        finally:
            car.close()
