"""How soon the inference node answers a picture over DDS, how soon it is ready, and what memory it takes."""

from __future__ import annotations

import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import rclpy
from deepracer_interfaces_pkg.msg import ServoCtrlMsg
from deepracer_interfaces_pkg.srv import InferenceStateSrv
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import CompressedImage

from deepracer_sim.benchmark.car import LARGEST, Jpegs, curve_jpegs, percentiles, save_model
from deepracer_sim.benchmark.report import Figure
from deepracer_sim.errors import RunError
from deepracer_sim.ros.benchmark import DOMAIN

READY = "ms a picture"
"""What the node says when it is configured."""
PATIENCE = 20.0
"""Seconds for anything to come; far more than it takes."""
WARM_UP = 10
"""Frames after the start, which are not counted."""
LATENCY_AIM, MEMORY_AIM, READY_AIM = 10.0, 200.0, 3.0
"""Milliseconds from a frame to its command, megabytes, seconds from the node's start to a loaded model."""


def measure_node(seconds: float = 20.0, starts: int = 5, domain: int = DOMAIN) -> list[Figure]:
    """Measure the node as a process of its own; the camera and the servo are this process.

    Args:
        seconds: of frames at each of two rates.
        starts: of the node; the median counts.
        domain: of ROS, where nobody else is.

    Raises:
        RunError: the node does not start or does not drive.
    """
    figures, ready_times = [], []
    with tempfile.TemporaryDirectory() as name:
        folder, jpegs = Path(name), curve_jpegs()
        save_model(folder, LARGEST, jpegs)
        for _ in range(starts):
            with _inference_node(folder, domain) as (_, ready):
                ready_times.append(ready)
        with _inference_node(folder, domain) as (process, _), closing(Car(domain)) as car:
            car.start()
            for rate in (15, 30):
                figures += _latency_figures(car, jpegs, rate, round(seconds * rate))
            memory = _largest_memory(process.pid)
    name = "car, inference node"
    return [
        *figures,
        Figure(f"{name}, largest resident memory", memory, "MB", MEMORY_AIM, "less"),
        Figure(f"{name}, start to loaded model", statistics.median(ready_times), "s", READY_AIM, "less"),
    ]


def _latency_figures(car: Car, jpegs: Jpegs, rate: int, frames: int) -> list[Figure]:
    times = car.latencies(jpegs, rate, frames)
    answered = [each for each in times if math.isfinite(each)]
    what = f"car, frame published to command over DDS, {LARGEST.text()}, {rate} frames/s"
    if not answered:
        raise RunError(f"the inference node answered none of {frames} frames")
    share = Figure(f"{what}, answered", 100 * len(answered) / frames, "%")
    return [*percentiles(what, answered, LATENCY_AIM), share]


class Car:
    """The camera and the servo around the inference node.

    Args:
        domain: of ROS.
    """

    def __init__(self, domain: int) -> None:
        self._context = Context()
        rclpy.init(context=self._context, domain_id=domain)
        self._node = Node("benchmark_car", context=self._context)
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self._node)
        self._camera = self._node.create_publisher(
            CompressedImage, "/camera/image_raw/compressed", qos_profile_sensor_data
        )
        self._node.create_subscription(
            ServoCtrlMsg, "/ctrl_pkg/servo_msg", self._on_command, qos_profile_sensor_data
        )
        self._client = self._node.create_client(InferenceStateSrv, "/inference_node/inference_state")
        self._side, self._published = 0.0, 0.0
        self._answer = math.inf

    def start(self) -> None:
        """Let the node drive."""
        self._until(self._client.service_is_ready)
        answer = self._client.call_async(InferenceStateSrv.Request(start=1))
        self._until(answer.done)
        if answer.result().error:
            raise RunError("the inference node does not drive")
        self._until(lambda: self._camera.get_subscription_count() > 0)

    def latencies(self, jpegs: Jpegs, rate: float, frames: int) -> list[float]:
        """Return the milliseconds from each frame to its command; infinite where none came.

        The node repeats its last command. The curves alternate: the first one to the new side is the answer.

        Args:
            jpegs: to the left and to the right.
            rate: frames a second.
            frames: that count.
        """
        flat = [jpeg for pair in jpegs for jpeg in pair]
        messages = [CompressedImage(format="jpeg", data=jpeg) for jpeg in flat]
        started, times = time.perf_counter(), []
        for frame in range(WARM_UP + frames):
            message = messages[frame % len(messages)]
            message.header.stamp = self._node.get_clock().now().to_msg()
            self._side, self._answer = (1.0, -1.0)[frame % 2], math.inf
            self._published = time.perf_counter()
            self._camera.publish(message)
            while (rest := started + (frame + 1) / rate - time.perf_counter()) > 0:
                self._executor.spin_once(timeout_sec=rest)
            times.append(1000 * self._answer)
        return times[WARM_UP:]

    def close(self) -> None:
        """Leave."""
        self._executor.shutdown()
        self._node.destroy_node()
        rclpy.shutdown(context=self._context)

    def _on_command(self, message: ServoCtrlMsg) -> None:
        if message.angle * self._side > 0 and math.isinf(self._answer):
            self._answer = time.perf_counter() - self._published

    def _until(self, is_done: Callable[[], bool]) -> None:
        deadline = time.perf_counter() + PATIENCE
        while not is_done():
            if time.perf_counter() > deadline:
                raise RunError(f"the inference node did not answer within {PATIENCE:g} s")
            self._executor.spin_once(timeout_sec=0.05)


@contextmanager
def _inference_node(model: Path, domain: int) -> Iterator[tuple[subprocess.Popen[bytes], float]]:
    """Run the node; yield it when its model is loaded, and the seconds that this took."""
    program = "from deepracer_inference.inference_node import main; raise SystemExit(main())"
    # The slew limit would hide which of two curves a command is for.
    parameters = {"model": model, "camera": "compressed", "steering_rate": 1000.0}
    arguments = [word for name, value in parameters.items() for word in ("-p", f"{name}:={value}")]
    environment = {
        **os.environ,
        "ROS_DOMAIN_ID": str(domain),
        "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST",
        "ROS_LOG_DIR": str(model),
    }
    log = model / "log"
    started = time.perf_counter()
    with log.open("w") as file:
        process = subprocess.Popen(
            [sys.executable, "-c", program, "--ros-args", *arguments],
            env=environment,
            stdout=file,
            stderr=subprocess.STDOUT,
        )
    try:
        while READY not in log.read_text():
            if process.poll() is not None or time.perf_counter() > started + PATIENCE:
                raise RunError(f"the inference node does not start: {log.read_text()}")
            time.sleep(0.005)
        yield process, time.perf_counter() - started
    finally:
        process.terminate()
        process.wait()


def _largest_memory(process: int) -> float:
    """Return the most memory that a process had, as far as it was in RAM, in megabytes."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    (kibibytes,) = (line.split()[1] for line in lines if line.startswith("VmHWM:"))
    return int(kibibytes) * 1024 / 1e6
