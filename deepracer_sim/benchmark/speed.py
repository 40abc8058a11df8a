"""How fast the simulator and the networks are, in CPU time of one thread, which others disturb little."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from deepracer_inference.policy import Action, OnnxPolicy
from deepracer_sim.benchmark.report import RATE, Figure
from deepracer_sim.embedded_world import EmbeddedWorld
from deepracer_sim.export import export
from deepracer_sim.network import NetworkName, PolicyNetwork
from deepracer_sim.racing_env import RacingEnv
from deepracer_sim.settings import (
    CameraSettings,
    CarSettings,
    Randomisation,
    TrainSettings,
)
from deepracer_sim.simulation import Course, load_actions, make_env

CIRCLE = (0.5, 1.0)
"""Steering angle (radians) and speed (m/s) with which a car stays near the place where it was put."""
CAMERA_FRAME = (480, 640, 3)
"""What the car's camera gives."""


def measure_simulator(num_cars: int = 64, steps: int = 60, repeats: int = 9) -> list[Figure]:
    """Measure car steps with a picture each: the world alone at several sizes, then the whole environment.

    Args:
        num_cars: side by side.
        steps: between two looks at the clock.
        repeats: of these steps; the median counts.
    """
    course = Course.load(["reinvent_2018"])
    figures = []
    for width, height in ((64, 48), (80, 60), (160, 120)):
        for is_random in (False, True):
            camera = CameraSettings(width=width, height=height)
            world = EmbeddedWorld(
                course.grounds,
                torch.zeros(num_cars).long(),
                camera,
                CarSettings(),
                Randomisation(enabled=is_random),
            )
            target = 15_000 if (width, is_random) == (80, False) else None
            rate = num_cars * steps / _median_time(_drive_world(world, course, steps), repeats)
            how = "randomised" if is_random else "not randomised"
            figures.append(Figure(f"simulator, {width}x{height} grey, {how}", rate, f"steps {RATE}", target))
    settings = TrainSettings()
    env = _racing_env(settings, course, num_cars)
    rate = num_cars * steps / _median_time(_drive_env(env, steps), repeats)
    what = f"whole environment, {settings.camera.width}x{settings.camera.height}, defaults"
    return [*figures, Figure(what, rate, f"steps {RATE}")]


def _median_time(work: Callable[[], Any], repeats: int) -> float:
    """Return the median CPU time of `work` in seconds; a first call warms up."""
    work()
    times = []
    for _ in range(repeats):
        started = time.process_time()
        work()
        times.append(time.process_time() - started)
    return statistics.median(times)


def _drive_world(world: EmbeddedWorld, course: Course, steps: int) -> Callable[[], None]:
    command = torch.tensor(CIRCLE).expand(world.num_cars, 2)
    track = course.tracks[0]
    places = torch.linspace(0, 1, world.num_cars + 1)[:-1] * track.length
    middle = torch.zeros(world.num_cars)
    world.respawn(middle == 0, track.pose_at(places, middle == 1, middle))

    def work() -> None:
        for _ in range(steps):
            world.step(command)
            world.images()

    return work


def _racing_env(settings: TrainSettings, course: Course, num_cars: int) -> RacingEnv:
    actions = load_actions(settings.actions)
    env = make_env(settings, course, actions, num_cars, settings.episode, settings.randomisation, seed=0)
    env.reset()
    return env


def _drive_env(env: RacingEnv, steps: int) -> Callable[[], None]:
    generator = torch.Generator().manual_seed(0)

    def work() -> None:
        for _ in range(steps):
            actions = torch.randint(len(env.actions), (env.num_cars,), generator=generator)
            outcome = env.step(actions)
            env.reset(outcome.terminated | outcome.truncated)
            env.images()

    return work


def measure_inference(calls: int = 2000) -> list[Figure]:
    """Measure image to action in onnxruntime, in CPU time of the calling thread.

    Args:
        calls: timed one by one.
    """
    import cv2

    cv2.setNumThreads(1)
    fast = _inference("FAST", CameraSettings(width=64, height=48), calls, limit=0.5)
    aws = CameraSettings(width=160, height=120)
    return fast + _inference("DEEP_CONVOLUTIONAL_NETWORK_SHALLOW", aws, calls)


def _inference(
    name: NetworkName, camera: CameraSettings, calls: int, limit: float | None = None
) -> list[Figure]:
    policy, pictures = _exported(TrainSettings(network=name, camera=camera))
    frames = np.random.default_rng(0).integers(0, 256, (16, *CAMERA_FRAME), np.uint8)

    def from_picture(image: NDArray[np.uint8]) -> Action:
        return policy.act(image, "mono8")

    def from_frame(image: NDArray[np.uint8]) -> Action:
        return policy.act(image, "bgr8")

    ways: list[tuple[str, Callable[[NDArray[np.uint8]], Any], NDArray[np.uint8], float | None]] = [
        ("grey image of the network's size to action", from_picture, pictures, limit),
        ("network alone", policy.probabilities, pictures[:, None], None),
        ("640x480 colour image to action", from_frame, frames, None),
    ]
    figures = []
    for way, answer, images, target in ways:
        median, slow = _call_times(answer, images, calls)
        what = f"onnxruntime, {name} {camera.width}x{camera.height}: {way}"
        figures.append(Figure(f"{what}, median", median, "ms", target, "less"))
        figures.append(Figure(f"{what}, 99th percentile", slow, "ms"))
    return figures


def _exported(settings: TrainSettings) -> tuple[OnnxPolicy, NDArray[np.uint8]]:
    """Return an untrained network in onnxruntime, and pictures for it, (B, H, W, 1)."""
    camera, actions = settings.camera, load_actions(settings.actions)
    pictures = _racing_env(settings, Course.load(["reinvent_2018"]), 64).images()
    network = PolicyNetwork(settings.network, (camera.height, camera.width, camera.channels), len(actions))
    with tempfile.TemporaryDirectory() as folder:
        return OnnxPolicy(export(network, actions, pictures, Path(folder))), pictures.numpy()


def _call_times(
    answer: Callable[[NDArray[np.uint8]], Any], images: NDArray[np.uint8], calls: int
) -> tuple[float, float]:
    """Return the median and the 99th percentile of the thread's CPU time a call, in milliseconds."""
    times = []
    for call in range(calls + 10):
        image = images[call % len(images)]
        started = time.thread_time_ns()
        answer(image)
        times.append((time.thread_time_ns() - started) / 1e6)
    median, slow = np.percentile(times[10:], (50, 99))
    return float(median), float(slow)
