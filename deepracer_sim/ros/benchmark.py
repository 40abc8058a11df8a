"""How fast a step through ROS is, and how well a free run keeps time: the simulator is another process."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import rclpy
import torch
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rosgraph_msgs.msg import Clock

from deepracer_sim.benchmark.report import Figure
from deepracer_sim.errors import RunError
from deepracer_sim.ros.conversions import to_nanoseconds
from deepracer_sim.ros.ros_world import RosWorld
from deepracer_sim.ros.simulator import NANOSECONDS
from deepracer_sim.ros.simulator_settings import SimulatorSettings, connect
from deepracer_sim.settings import CameraSettings

DOMAIN = 99
CAMERA = CameraSettings(width=160, height=120, colour="rgb")
WARM_UP, STEPS = 100, 3000
FREE_SECONDS = 20.0


def measure_ros() -> list[Figure]:
    """Measure lock-step and free run with one car and pictures of 160x120 rgb8.

    A step is a command out, a frame and its state back, turned into what the policy and the critic take.

    Raises:
        RunError: the simulator does not start.
    """
    with _simulator("paused:=true") as context:
        world = connect("benchmark_world", SimulatorSettings(), CAMERA, 1, context=context)
        rate = _steps_a_second(world)
        world.close()
    with _simulator("paused:=false") as context:
        ratio = _real_time_factor(context)
    return [
        Figure("lock-step through ROS, 1 car, 160x120", rate, "per second", 400.0),
        Figure("free run at real-time factor 1, simulated over wall time", 100 * ratio, "%"),
    ]


def _steps_a_second(world: RosWorld) -> float:
    command = torch.tensor([[0.1, 1.0]])
    world.respawn(torch.tensor([True]), torch.zeros(1, 3))
    for _ in range(WARM_UP):
        world.step(command)
    started = time.perf_counter()
    for _ in range(STEPS):
        world.step(command)
        world.state()
        world.images()
    return STEPS / (time.perf_counter() - started)


def _real_time_factor(context: Context) -> float:
    """Return simulated seconds a wall second, from the arrival of the first and the last clock message."""
    arrivals: list[tuple[float, int]] = []
    node = Node("benchmark_clock", context=context)

    def on_clock(message: Clock) -> None:
        arrivals.append((time.perf_counter(), to_nanoseconds(message.clock)))

    node.create_subscription(Clock, "/clock", on_clock, 100)
    executor = SingleThreadedExecutor(context=context)
    executor.add_node(node)
    deadline = time.perf_counter() + FREE_SECONDS
    while time.perf_counter() < deadline:
        executor.spin_once(timeout_sec=0.1)
    executor.shutdown()
    node.destroy_node()
    if len(arrivals) < 2:
        raise RunError(f"the simulator published no /clock within {FREE_SECONDS:g} s")
    (started, first), (ended, last) = arrivals[0], arrivals[-1]
    return (last - first) / NANOSECONDS / (ended - started)


@contextmanager
def _simulator(parameter: str) -> Iterator[Context]:
    """Run world_node in a process and on a domain of its own; yield a context on that domain."""
    program = "from deepracer_sim.ros.world_node import main; raise SystemExit(main())"
    environment = {
        **os.environ,
        "ROS_DOMAIN_ID": str(DOMAIN),
        "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST",
        "OMP_NUM_THREADS": "1",
    }
    process = subprocess.Popen(
        [sys.executable, "-c", program, "--ros-args", "-p", parameter], env=environment
    )
    context = Context()
    rclpy.init(context=context, domain_id=DOMAIN)
    try:
        yield context
    finally:
        rclpy.shutdown(context=context)
        process.terminate()
        process.wait()
