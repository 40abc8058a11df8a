"""Trains over ROS: collects experience in the simulator, improves the policy while its time stands still."""

from __future__ import annotations

import math
import threading
from collections.abc import Sequence
from pathlib import Path
from time import strftime

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from pydantic import Field
from rclpy.node import Node
from rclpy.publisher import Publisher
from std_msgs.msg import Float32, Float64, Int32, String
from std_srvs.srv import Trigger
from torch import Tensor

from deepracer_sim import training_run
from deepracer_sim.errors import DeepRacerError, RunError
from deepracer_sim.other_simulator import OtherSimulator
from deepracer_sim.profiles import for_few_cars
from deepracer_sim.racing_env import Outcome
from deepracer_sim.ros import params
from deepracer_sim.ros.conversions import to_diagnostics
from deepracer_sim.ros.frames import LATCHED
from deepracer_sim.ros.job import Job
from deepracer_sim.ros.node_main import run
from deepracer_sim.ros.simulator_settings import SimulatorSettings, connect
from deepracer_sim.run_files import MODEL
from deepracer_sim.run_folder import RunFolder
from deepracer_sim.settings import Settings, TrainSettings
from deepracer_sim.trainer import Row

FIXED = frozenset({"world", "device"})
"""Settings of a training that this node does not leave to the user."""


class NodeSettings(Settings):
    """What a training over ROS needs beside the settings of a training."""

    run: str = Field("", description="folder to write; by default one under runs/ named by the time")
    resume: bool = Field(False, description="go on with the run in that folder")
    autostart: bool = Field(
        True, description="begin at once and end when it is over; else ~/start begins, and the node stays"
    )
    simulator: SimulatorSettings = SimulatorSettings()


def defaults() -> TrainSettings:
    """Return the settings of a training over ROS: few cars, so long rollouts; a core for the simulator."""
    return for_few_cars(TrainSettings(world="ros"), num_cars=1)


class TrainingNode(Node):
    """Runs the same training as `deepracer train`, in a thread of its own beside the services."""

    def __init__(self) -> None:
        super().__init__("training_node")
        params.declare(self, NodeSettings())
        params.declare(self, defaults(), leave_out=FIXED)
        self.folder: Path | None = None
        self.diagnostics = self.create_publisher(DiagnosticArray, "/diagnostics", 10)
        self.action = self.create_publisher(Int32, "~/action", 10)
        self.reward = self.create_publisher(Float32, "~/reward", 10)
        self.model = self.create_publisher(String, "~/model", LATCHED)
        self._metrics: dict[str, Publisher] = {}
        self.create_service(Trigger, "~/start", self._on_start)
        self.create_service(Trigger, "~/stop", self._on_stop)
        self.create_service(Trigger, "~/save", self._on_save)
        self.job = Job(self, self._train)
        if params.read(self, NodeSettings()).autostart:
            self.job.start()
            self.job.end_node_when_over()

    def destroy_node(self) -> None:
        """End the training, if one is going on."""
        self.job.shut_down()
        super().destroy_node()

    def _train(self, called_off: threading.Event) -> None:
        own, settings = params.read(self, NodeSettings()), params.read(self, defaults())
        self.folder = Path(own.run or Path("runs") / strftime("%Y-%m-%d_%H-%M-%S"))
        if own.resume:
            settings = RunFolder.open(self.folder).settings
        elif self.folder.exists():
            raise RunError(f"{self.folder} exists: choose another run, or resume:=true to go on with it")
        world = connect("training_world", own.simulator, settings.camera, settings.num_cars, called_off)
        try:
            simulator = OtherSimulator(world, self._on_step)
            self.get_logger().info(f"training in {self.folder}")
            if own.resume:
                training_run.resume(self.folder, settings.stop, self._on_row, simulator)
            else:
                training_run.start(settings, self.folder, report=self._on_row, simulator=simulator)
            self._announce(self.folder / MODEL)
        finally:
            self.get_logger().info(world.drift.text())
            world.close()

    def _on_step(self, actions: Tensor, outcome: Outcome) -> None:
        """Show what the first car does and earns."""
        if self.action.get_subscription_count():
            self.action.publish(Int32(data=int(actions[0])))
        if self.reward.get_subscription_count():
            self.reward.publish(Float32(data=float(outcome.reward[0])))

    def _on_row(self, row: Row) -> None:
        """Publish the metrics: as diagnostics, and each as a number of its own."""
        values = {name: value for name, value in row.items() if not math.isnan(value)}
        for name, value in values.items():
            if name not in self._metrics:
                self._metrics[name] = self.create_publisher(Float64, f"~/metrics/{name}", LATCHED)
            self._metrics[name].publish(Float64(data=float(value)))
        status = DiagnosticStatus(level=DiagnosticStatus.OK, name="training")
        status.message = f"iteration {row['iteration']:.0f}, mean reward {row['mean_reward']:.2f}"
        texts = {name: f"{value:g}" for name, value in values.items()}
        self.diagnostics.publish(to_diagnostics(self, status, texts))
        self.get_logger().info(status.message)

    def _announce(self, folder: Path) -> None:
        if folder.exists():
            self.model.publish(String(data=str(folder.resolve())))

    def _on_start(self, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        response.success = self.job.start()
        response.message = "training" if response.success else "it is training already: ~/stop ends it"
        return response

    def _on_stop(self, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        response.success = self.job.stop()
        response.message = (
            f"it stops, and writes its best model to {self.folder}"
            if response.success
            else "it is not training"
        )
        return response

    def _on_save(self, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        """Export the best model so far; the training goes on meanwhile."""
        try:
            if self.folder is None:
                raise DeepRacerError("nothing was trained yet: call ~/start")
            training_run.export_checkpoint(RunFolder.open(self.folder).load_best(), self.folder / MODEL)
        except DeepRacerError as error:
            response.message = str(error)
            return response
        self._announce(self.folder / MODEL)
        response.success, response.message = True, str((self.folder / MODEL).resolve())
        return response


def main(args: Sequence[str] | None = None) -> int:
    """Run the node."""
    return run(TrainingNode, args)
