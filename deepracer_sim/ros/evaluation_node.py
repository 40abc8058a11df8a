"""Evaluates a trained model in a ROS simulator: the same laps, table and files as `deepracer evaluate`."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from pathlib import Path

import torch
from pydantic import Field
from rclpy.duration import Duration
from rclpy.node import Node
from std_msgs.msg import String
from torch import Tensor

from deepracer_sim import evaluation_run
from deepracer_sim.errors import SettingError
from deepracer_sim.evaluation import Evaluation
from deepracer_sim.evaluation_report import format_table
from deepracer_sim.other_simulator import OtherSimulator
from deepracer_sim.racing_env import Outcome
from deepracer_sim.ros import params
from deepracer_sim.ros.frames import LATCHED
from deepracer_sim.ros.job import Job
from deepracer_sim.ros.lap_timing import EvaluationLaps
from deepracer_sim.ros.lap_topics import LapTopics
from deepracer_sim.ros.node_main import run
from deepracer_sim.ros.ros_world import RosWorld
from deepracer_sim.ros.simulator_settings import SimulatorSettings, connect
from deepracer_sim.settings import EvaluateSettings, Settings
from deepracer_sim.simulation import Course
from deepracer_sim.starting_grid import car_namespaces
from deepracer_sim.world import WorldInterrupted

FIXED = frozenset({"world", "randomised", "latency", "seed"})
"""Settings of an evaluation that are the simulator's to have."""
DISCOVERY_TIME = 4.0
"""Seconds until nodes have found each other: so long there is somebody to hear the result."""
LAST_WORDS = Duration(seconds=1)
"""How long the end waits for those who listen to have heard everything."""


class NodeSettings(Settings):
    """What an evaluation over ROS needs beside the settings of an evaluation."""

    model: str = Field("", description="run folder (its best checkpoint), checkpoint, or exported model")
    output: str = Field("", description="folder to write; by default one in the model's run")
    simulator: SimulatorSettings = SimulatorSettings()


class EvaluationNode(Node):
    """Drives the laps in a thread of its own, publishes them as they are driven, and ends."""

    def __init__(self) -> None:
        super().__init__("evaluation_node")
        params.declare(self, NodeSettings())
        params.declare(self, EvaluateSettings(), leave_out=FIXED)
        self.own = params.read(self, NodeSettings())
        self.settings = params.read(self, EvaluateSettings())
        if not self.own.model:
            raise SettingError("parameter model: must name a run folder, a checkpoint or an exported model")
        self.topics = [LapTopics(self, namespace) for namespace in car_namespaces(self.settings.cars)]
        self.result = self.create_publisher(String, "~/result", LATCHED)
        self.laps: list[EvaluationLaps] = []
        self.born = time.monotonic()
        self.job = Job(self, self._evaluate)
        self.job.start()
        self.job.end_node_when_over()

    def destroy_node(self) -> None:
        """End the evaluation, if it is going on."""
        self.job.shut_down()
        super().destroy_node()

    def _evaluate(self, called_off: threading.Event) -> None:
        torch.set_num_threads(1)
        log, settings, path = self.get_logger(), self.settings, Path(self.own.model)
        model = evaluation_run.load_model(path)
        course = Course.load([settings.track])
        folder = Path(self.own.output or evaluation_run.default_output(path))
        evaluation_run.make_output(folder)
        world = connect("evaluation_world", self.own.simulator, model.camera, settings.cars, called_off)
        try:
            log.info(f"driving {model.name} for {settings.laps} laps")
            evaluation = self._drive(model, course, world)
        finally:
            log.info(world.drift.text())
            world.close()
        table = format_table(evaluation)
        self.result.publish(String(data=table))
        log.info(f"the laps:\n{table}")

        def check() -> None:
            if called_off.is_set():
                raise KeyboardInterrupt

        for written in evaluation_run.write_evaluation(evaluation, model, settings, course, folder, check):
            log.info(str(written))
        called_off.wait(self.born + DISCOVERY_TIME - time.monotonic())
        for publisher in self.publishers:
            publisher.wait_for_all_acked(LAST_WORDS)

    def _drive(self, model: evaluation_run.Model, course: Course, world: RosWorld) -> Evaluation:
        """Drive all laps; from the start again if the simulator was lost meanwhile."""
        length = float(course.tracks[0].length)
        while True:
            self.laps = [EvaluationLaps(self.settings, length, car) for car in range(self.settings.cars)]
            try:
                return evaluation_run.evaluate_model(
                    model, self.settings, course, OtherSimulator(world, self._on_step)
                )
            except WorldInterrupted as interruption:
                self.get_logger().warning(f"{interruption}: driving all laps again")

    def _on_step(self, actions: Tensor, outcome: Outcome) -> None:
        for topics, laps in zip(self.topics, self.laps, strict=True):
            lap = laps.add(outcome)
            if lap is not None:
                topics.publish_lap_time(lap.time)
                self.get_logger().info(f"car {laps.car + 1}, lap {len(laps.laps)}: {lap.time:.2f} s")
            topics.publish(len(laps.laps), laps.off_tracks, laps.progress)


def main(args: Sequence[str] | None = None) -> int:
    """Run the node."""
    return run(EvaluationNode, args)
