"""How long the car's computer thinks: a JPEG of the camera in, a command out."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from deepracer_inference.action_space import DiscreteActionSpace
from deepracer_inference.driver import Driver, load_driver
from deepracer_inference.limits import Limits
from deepracer_inference.preprocess import decode_jpeg, to_network_input
from deepracer_sim.benchmark.report import Figure
from deepracer_sim.embedded_world import EmbeddedWorld
from deepracer_sim.errors import RunError
from deepracer_sim.export import export
from deepracer_sim.network import NetworkName, PolicyNetwork
from deepracer_sim.settings import CameraSettings, CarSettings, Randomisation
from deepracer_sim.simulation import Course

CAMERA = CameraSettings(width=640, height=480, colour="rgb")
"""What the car's camera gives."""
CURVE = 5.0
"""Metres from the start of re:Invent 2018: a curve to the left fills the picture."""
NOISE = 3.0
"""Standard deviation of the camera's noise, of 255: it makes a JPEG of 80 kB of a picture."""
VARIANTS = 8
"""Pictures of each side that differ in noise."""
MEDIAN_AIM, SLOW_AIM = 3.0, 6.0
"""Milliseconds from a JPEG to its command, median and 99th percentile."""

Jpegs = Sequence[tuple[bytes, bytes]]


@dataclass(frozen=True)
class Size:
    """A network and the size of its grey pictures."""

    name: NetworkName
    width: int
    height: int

    def text(self) -> str:
        """Return it for a figure's name."""
        return f"{self.name} {self.width}x{self.height}"


LARGEST = Size("DEEP_CONVOLUTIONAL_NETWORK_SHALLOW", 160, 120)
SIZES = (Size("FAST", 64, 48), Size("FAST", 160, 120), LARGEST)


@dataclass
class JpegMessage:
    """Has the fields of a sensor_msgs/CompressedImage, where there is no ROS."""

    data: bytes
    format: str = "jpeg"
    header: SimpleNamespace = field(default_factory=SimpleNamespace)

    def stamp(self) -> JpegMessage:
        """Say that it was taken now."""
        seconds, nanoseconds = divmod(time.time_ns(), 10**9)
        self.header.stamp = SimpleNamespace(sec=seconds, nanosec=nanoseconds)
        return self


def measure_driver(calls: int = 2000) -> list[Figure]:
    """Measure decoding, scaling, network, servo mapping and limits in CPU time.

    It is the time of all threads together, so that none can hide work; there is one that computes.

    Args:
        calls: timed one by one.

    Raises:
        RunError: a picture cannot be used.
    """
    cv2.setNumThreads(1)
    jpegs = curve_jpegs()
    messages = [JpegMessage(jpeg) for pair in jpegs for jpeg in pair]
    figures = []
    for size in SIZES:
        with tempfile.TemporaryDirectory() as folder:
            save_model(Path(folder), size, jpegs)
            driver = load_driver({"model": folder, "calibration": ""}, Limits(), time.time)
        times = _command_times(driver, messages, calls)
        figures += percentiles(f"car, JPEG 640x480 to command, {size.text()}", times, MEDIAN_AIM, SLOW_AIM)
    return figures


def percentiles(
    what: str, times: Sequence[float], median_aim: float, slow_aim: float | None = None
) -> list[Figure]:
    """Return the median and the 99th percentile of milliseconds."""
    median, slow = np.percentile(times, (50, 99))
    return [
        Figure(f"{what}, median", float(median), "ms", median_aim, "less"),
        Figure(f"{what}, 99th percentile", float(slow), "ms", slow_aim, "less"),
    ]


def _command_times(driver: Driver, messages: Sequence[JpegMessage], calls: int) -> list[float]:
    """Return the milliseconds of each call; the first ones warm up."""
    driver.start()
    times = []
    for call in range(len(messages) + calls):
        message = messages[call % len(messages)].stamp()
        started = time.process_time_ns()
        # As the inference node does.
        thought = driver.think(message, time.monotonic())
        driver.act(thought)
        times.append((time.process_time_ns() - started) / 1e6)
        if thought.command is None:
            raise RunError(f"the driver has no command: {thought.detail}")
    return times[len(messages) :]


def curve_jpegs() -> Jpegs:
    """Return pairs of JPEGs of 640x480 in colour: a curve to the left, and mirrored to the right."""
    course = Course.load(["reinvent_2018"])
    world = EmbeddedWorld(
        course.grounds, torch.zeros(1).long(), CAMERA, CarSettings(), Randomisation(enabled=False)
    )
    everywhere, forwards = torch.ones(1, dtype=torch.bool), torch.zeros(1, dtype=torch.bool)
    world.respawn(everywhere, course.tracks[0].pose_at(torch.tensor([CURVE]), forwards, torch.zeros(1)))
    left = world.images()[0].numpy()
    random = np.random.default_rng(0)
    return [(_jpeg(left, random), _jpeg(left[:, ::-1], random)) for _ in range(VARIANTS)]


def _jpeg(picture: NDArray[np.uint8], random: np.random.Generator) -> bytes:
    noisy = np.clip(picture + random.normal(0.0, NOISE, picture.shape), 0, 255).astype(np.uint8)
    return cv2.imencode(".jpg", cv2.cvtColor(noisy, cv2.COLOR_RGB2BGR))[1].tobytes()


def save_model(folder: Path, size: Size, jpegs: Jpegs) -> None:
    """Export a network that was not trained, but tells left from right: it steers as far as it can.

    Args:
        folder: for the model.
        size: of the network.
        jpegs: as `curve_jpegs` gives them.

    Raises:
        RunError: the network cannot be exported.
    """
    shape = (size.height, size.width, 1)
    sides = [
        [to_network_input(decode_jpeg(jpeg, "mono8"), "mono8", *shape)[0] for jpeg in side]
        for side in zip(*jpegs, strict=True)
    ]
    pictures = torch.from_numpy(np.array(sides))  # (sides, variants, height, width, 1)
    actions = DiscreteActionSpace(np.radians([30.0, -30.0]), np.array([1.0, 1.0]))
    network = PolicyNetwork(size.name, shape, len(actions))
    with torch.no_grad():
        left, right = (network.trunk(side).mean(0) for side in pictures)
        away = (left - right) / (left - right).norm()
        network.policy.weight.copy_(torch.stack((away, -away)))
        network.policy.bias.copy_(-network.policy.weight @ (left + right) / 2)
    export(network, actions, pictures.flatten(0, 1), folder)
