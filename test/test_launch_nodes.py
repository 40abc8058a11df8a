"""The nodes at work, started with the arguments that the launch files give them, and by launch itself."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("rclpy", reason="ROS 2 is not installed: make ros")

import yaml
from launch_files import values
from ros_nodes import new_domain, running
from small_runs import circle_track

from deepracer_sim.ros.launch_arguments import (
    evaluation_parameters,
    monitor_parameters,
    training_parameters,
    world_parameters,
)
from deepracer_sim.settings import EpisodeSettings, TrainSettings

pytestmark = pytest.mark.slow

SHORT = {
    "ppo.rollout_steps": 64,
    "ppo.batch_size": 32,
    "stop.iterations": 1,
    "max_resets": 0,
    "video": False,
}
"""Of a training and an evaluation that are soon over."""


def as_launch_does(parameters: list, folder: Path) -> list[str]:
    """The arguments by which launch starts a node with parameters: a file for each item."""
    arguments = ["--ros-args"]
    for item in parameters:
        file = item
        if isinstance(item, dict):
            file = folder / f"parameters_{len(list(folder.iterdir()))}.yaml"
            file.write_text(yaml.safe_dump({"/**": {"ros__parameters": item}}))
        arguments += ["--params-file", str(file)]
    return arguments


def test_the_nodes_train_evaluate_and_watch_by_the_launch_files_arguments(tmp_path):
    domain, run, short = new_domain(), tmp_path / "run", tmp_path / "short.yaml"
    short.write_text(yaml.safe_dump({"/**": {"ros__parameters": SHORT}}))
    track = str(circle_track(tmp_path))

    def process(node: str, make, file: str, **given: str):
        given = {"track": track, "params_file": str(short), **given}
        arguments = as_launch_does(make(values(file, **given)), tmp_path)
        return running(node, arguments, domain, tmp_path)

    paused = {"paused": "true"}
    with process("world_node", world_parameters, "train.launch.py", **paused) as world:
        with process("training_node", training_parameters, "train.launch.py", run=str(run)) as training:
            assert training.wait() == 0, training.text()
        assert world.end() == 0, world.text()
    assert len((run / "metrics.csv").read_text().splitlines()) == 2
    settings = TrainSettings(**json.loads((run / "config.json").read_text()))
    assert (settings.camera, settings.track) == (TrainSettings().camera, (track,))
    assert settings.episode == EpisodeSettings()

    model = {"model": str(run)}
    with (
        process("world_node", world_parameters, "evaluate.launch.py", **paused, **model) as world,
        process("monitor_node", monitor_parameters, "monitor.launch.py") as monitor,
    ):
        monitor.wait_for("watching 1 car(s)")
        with process("evaluation_node", evaluation_parameters, "evaluate.launch.py", **model) as evaluation:
            assert evaluation.wait() == 0, evaluation.text()
        assert (monitor.end(), world.end(signal.SIGTERM)) == (0, 0)
    (result,) = run.glob("evaluation-*/evaluation.json")
    assert json.loads(result.read_text())


def test_ros2_launch_trains_and_ends_with_the_training(tmp_path):
    pytest.importorskip("launch_ros", reason="launch is not installed: docs/ros.md")
    short = tmp_path / "short.yaml"
    short.write_text(yaml.safe_dump({"/**": {"ros__parameters": SHORT}}))
    environment = {
        **os.environ,
        "AMENT_PREFIX_PATH": sys.prefix,
        "ROS_DOMAIN_ID": str(new_domain()),
        "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST",
        "ROS_LOG_DIR": str(tmp_path),
        "OMP_NUM_THREADS": "1",
    }

    def launch(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [
            str(Path(sys.prefix, "bin", "ros2")),
            "launch",
            "deepracer_sim",
            "train.launch.py",
            *arguments,
        ]
        return subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=120, check=False
        )

    # A folder whose name looks like a number stays a text on its way through launch.
    run = tmp_path / "1"
    trained = launch(f"run:={run}", f"params_file:={short}", f"track:={circle_track(tmp_path)}")
    assert trained.returncode == 0, trained.stdout + trained.stderr
    assert len((run / "metrics.csv").read_text().splitlines()) == 2
    refused = launch("num_cars:=9")
    assert refused.returncode == 1
    assert "num_cars=9: must be <= 8" in refused.stdout + refused.stderr
