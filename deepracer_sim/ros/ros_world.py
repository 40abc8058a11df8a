"""A simulator behind ROS topics and services as a `World`: the same seam as the embedded one."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from time import monotonic
from typing import Any, NoReturn

import torch
from torch import Tensor

from deepracer_inference.preprocess import ImageError, to_network_input
from deepracer_sim.errors import DeepRacerError
from deepracer_sim.ros.claim import Claim
from deepracer_sim.ros.command_topic import CommandKind, CommandTopic
from deepracer_sim.ros.connection import Connection, SilenceError
from deepracer_sim.ros.conversions import to_pixels, to_yaw
from deepracer_sim.ros.senses import Observation, Senses
from deepracer_sim.ros.simulator_client import FRAME, SimulatorClient, SimulatorError, StepError
from deepracer_sim.settings import CameraSettings
from deepracer_sim.starting_grid import car_names, car_namespaces
from deepracer_sim.world import CarState, WorldInterrupted

FRAME_TIMEOUT = 1.0
"""Seconds after which a picture that should have come counts as lost."""
JUMP = 1_000_000_000
"""Nanoseconds by which a message may be older than the present before the time counts as set back."""
MEMORY = 30.0
"""Seconds for which a process that was killed may still be listed in the graph."""
ENCOUNTER = 10.0
"""Seconds in which another driver is heard of, also on a busy machine."""
MOST_LOST = 5
"""Pictures lost one after the other after which the simulator counts as silent."""


@dataclass
class Drift:
    """How long the steps took in simulated time.

    Attributes:
        steps: counted.
        frames: of 1/15 s that went by in them; as many as steps if each was exact.
        longest: step, in frames.
        lost: pictures that never came.
    """

    steps: int = 0
    frames: float = 0.0
    longest: float = 0.0
    lost: int = 0

    def count(self, duration: int) -> None:
        """Note a step of `duration` nanoseconds."""
        frames = duration / FRAME
        self.steps += 1
        self.frames += frames
        self.longest = max(self.longest, frames)

    def text(self) -> str:
        """Say it in a line."""
        mean = self.frames / self.steps if self.steps else 1.0
        return (
            f"{self.steps} steps took {mean:.4f} frames of 1/15 s on average and {self.longest:.2f} at most; "
            f"{self.lost} pictures were lost"
        )


class RosWorld:
    """The cars of a simulator that is reached over ROS.

    Every observation is one moment: a picture and the state with the same time stamp. A simulator that can
    step exactly is stepped; any other runs freely while a step waits for the next frame.

    A simulator that falls silent is waited for. When it is back, the call that was under way raises
    `WorldInterrupted`: the cars must be respawned.

    Args:
        connection: to the graph; not shared with another thread.
        simulator: how it is held and moved on.
        camera: the picture wanted; what comes is scaled to it.
        num_cars: as many as the simulator has.
        command: how they are commanded.
        patience: seconds that a silent simulator is waited for.

    Raises:
        SimulatorError: the simulator lacks a car, or refuses to work.
        SilenceError: nothing answers within `patience`.
    """

    def __init__(
        self,
        connection: Connection,
        simulator: SimulatorClient,
        camera: CameraSettings,
        num_cars: int,
        command: CommandKind = "drive",
        patience: float = 60.0,
    ) -> None:
        self.num_cars = num_cars
        self.device = torch.device("cpu")
        self.camera = camera
        self.names, self.patience = car_names(num_cars), patience
        self.drift = Drift()
        self._connection, self._simulator = connection, simulator
        node, namespaces = connection.node, car_namespaces(num_cars)
        self._senses = [Senses(node, namespace) for namespace in namespaces]
        self._topics = [CommandTopic(node, namespace, command) for namespace in namespaces]
        self._claims = [Claim(node, f"{namespace}/driver") for namespace in namespaces]
        self._commands = torch.zeros(self.num_cars, 2)
        self._observations: list[Observation] = []
        self._trust_graph_from = 0.0
        self._shape: tuple[int, int, str] | None = None
        # Time to hear of whoever drives these cars already.
        connection.called_off.wait(connection.discovery)
        self._wait_for_simulator(self.patience)

    @property
    def time(self) -> int:
        """Simulated time of the present observation, nanoseconds."""
        return min(observation.time for observation in self._observations)

    def respawn(self, mask: Tensor, pose: Tensor) -> None:
        """Put the cars in `mask` (N,) at rest at `pose` (N, 3): x, y in metres, yaw in radians."""
        cars = mask.nonzero().flatten().tolist()
        if not cars:
            return
        self._refuse_two(cars[0])
        self._commands = self._commands.masked_fill(mask[:, None], 0.0)
        poses = {self.names[car]: tuple(pose[car].tolist()) for car in cars}
        try:
            placement = self._simulator.place(poses)
            if placement.is_shown:
                self._observe(placement.time - 1)
            else:
                self._send_commands()
                self._simulator.go_on()
                self._observe(placement.time)
        except SilenceError as error:
            self._recover(error)

    def step(self, command: Tensor) -> None:
        """Drive for one step towards `command` (N, 2): steering angle in radians, speed in m/s."""
        self._commands = command.clone()
        before = self.time
        try:
            # What came while the action was chosen was not driven by it.
            since = before if self._simulator.is_exact else self._newest()
            self._send_commands()
            self._simulator.go_on()
            self._observe(since)
        except SilenceError as error:
            self._recover(error)
        self.drift.count(self.time - before)

    def state(self) -> CarState:
        """Return the state at the end of the last step."""
        rows = []
        for car, observation in enumerate(self._observations):
            pose, twist = observation.odometry.pose.pose, observation.odometry.twist.twist
            steering = observation.steering_angle
            rows.append(
                (
                    pose.position.x,
                    pose.position.y,
                    to_yaw(pose.orientation),
                    twist.linear.x,
                    twist.linear.y,
                    twist.angular.z,
                    float(self._commands[car, 0]) if steering is None else steering,
                )
            )
        return CarState(*torch.tensor(rows, dtype=torch.float64).float().unbind(1))

    def images(self) -> Tensor:
        """Return what the cameras see in that state, (N, height, width, channels) uint8.

        Raises:
            SimulatorError: a picture of an encoding that is not understood, of another shape than before or
                than the camera's.
        """
        camera, pictures = self.camera, []
        for senses, observation in zip(self._senses, self._observations, strict=True):
            image = observation.image
            try:
                self._check_shape(image)
                pixels = to_pixels(image)
                picture = to_network_input(
                    pixels, image.encoding, camera.height, camera.width, camera.channels
                )
            except ImageError as error:
                raise SimulatorError(f"{senses.image_topic}: {error}") from error
            pictures.append(torch.from_numpy(picture))
        return torch.cat(pictures)

    def hidden(self) -> Tensor:
        """Return nothing, (N, 0): a simulator behind ROS does not tell what it drew."""
        return torch.zeros(self.num_cars, 0)

    def pause(self) -> None:
        """Let simulated time stand still until the next step; a simulator that is lost is missed then."""
        try:
            self._simulator.hold()
        except SilenceError as error:
            self._connection.node.get_logger().warning(str(error))

    def seed(self, seed: int) -> None:
        """Do nothing: the simulator has a seed of its own."""

    def snapshot(self) -> None:
        """Return None: a simulator behind ROS cannot be put back."""

    def restore(self, snapshot: dict[str, Any]) -> None:
        """Never called, for there is no snapshot."""
        raise NotImplementedError

    def close(self) -> None:
        """Leave the simulator paused, if it is still there, and let go of the node."""
        with suppress(DeepRacerError, KeyboardInterrupt):
            self._simulator.hold()
        self._connection.close()

    def _send_commands(self) -> None:
        time = self.time if self._observations else 0
        for topic, (steering_angle, speed) in zip(self._topics, self._commands.tolist(), strict=True):
            topic.send(steering_angle, speed, time)

    def _observe(self, since: int) -> None:
        """Wait for observations of all cars later than `since`; go on by a frame for each that is lost."""
        for lost in range(MOST_LOST + 1):
            try:
                self._connection.poll(lambda: self._gather(since), "a picture with its state", FRAME_TIMEOUT)
                return
            except SilenceError:
                if lost == MOST_LOST:
                    raise
                self.drift.lost += 1
                self._simulator.go_on()

    def _gather(self, since: int) -> bool:
        """Take the newest moment after `since` that all cars have been seen at; tell whether there is one."""
        for senses in self._senses:
            senses.take()
        for moment in self._senses[0].moments(since):
            found = [senses.at(moment) for senses in self._senses]
            if None not in found:
                self._observations = [observation for observation in found if observation]
                return True
        now = self._senses[0].last_heard
        if now is not None and now < since - JUMP:
            raise SilenceError(f"the simulated time went back from {since / 1e9:.3f} s to {now / 1e9:.3f} s")
        return False

    def _newest(self) -> int:
        for senses in self._senses:
            senses.take()
        return max(self.time, *(senses.newest for senses in self._senses))

    def _check_shape(self, image: Any) -> None:
        shape = (image.width, image.height, image.encoding)
        if self._shape is None:
            wide, high = self.camera.width, self.camera.height
            if abs(image.width * high - image.height * wide) > 0.02 * image.height * wide:
                raise ImageError(
                    f"pictures of {image.width}x{image.height} cannot be scaled to the wanted {wide}x{high} "
                    "without distortion: choose camera.width and camera.height in the same proportion"
                )
            self._shape = shape
        elif shape != self._shape:
            raise ImageError("the pictures changed from {}x{} {} to {}x{} {}".format(*self._shape, *shape))

    def _refuse_two(self, car: int) -> None:
        """Refuse to go on with a second simulator, or where somebody else drove the car before."""
        other = self._claims[car].older()
        if other is not None:
            raise SimulatorError(f"somebody else drives {self.names[car]} already, {other}: only one can")
        if monotonic() < self._trust_graph_from:
            return
        count = self._connection.node.count_publishers
        topic = self._senses[car].image_topic
        if count(topic) > 1:
            raise SimulatorError(
                f"{count(topic)} simulators publish {topic}: stop all but one, or give them a ROS_DOMAIN_ID "
                "each"
            )

    def _recover(self, error: SilenceError) -> NoReturn:
        """Wait for the simulator to come back.

        Raises:
            WorldInterrupted: it is back.
            SilenceError: it is not.
        """
        log = self._connection.node.get_logger()
        log.warning(f"{error}: waiting up to {self.patience:g} s for the simulator")
        # The graph remembers the lost one for a while.
        self._trust_graph_from = monotonic() + MEMORY
        self._wait_for_simulator(self.patience)
        log.warning("the simulator is back")
        raise WorldInterrupted(f"{error}; the simulator is back, and episodes start anew")

    def _wait_for_simulator(self, patience: float) -> None:
        """Take hold of the simulator and look at its cars.

        Raises:
            SilenceError: it does not answer within `patience` seconds.
            SimulatorError: it has no car of one of the names.
        """
        deadline = monotonic() + patience
        for senses in self._senses:
            senses.forget()
        self._commands = torch.zeros(self.num_cars, 2)
        while True:
            try:
                self._simulator.hold()
                found = self._simulator.names()
                missing = [name for name in self.names if name not in found]
                if missing:
                    raise SimulatorError(
                        f"the simulator has no {', '.join(missing)}: it has {', '.join(found) or 'nothing'}; "
                        "choose num_cars as there"
                    )
                self._refuse_two(0)
                self._send_commands()
                self._simulator.go_on()
                self._observe(0)
                self._simulator.hold()
                return
            except StepError:
                self._look_for_another()
                raise
            except SilenceError:
                if monotonic() > deadline:
                    raise

    def _look_for_another(self) -> None:
        """Wait for `ENCOUNTER` seconds for word of another driver.

        Raises:
            SimulatorError: there is one.
        """
        deadline = monotonic() + ENCOUNTER
        while monotonic() < deadline and not self._connection.called_off.wait(0.1):
            self._refuse_two(0)
