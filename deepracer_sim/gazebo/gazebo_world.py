"""Gazebo as a `World`: real physics and rendering, moved exactly one step of 1/15 s at a time."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, NoReturn, Protocol

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from deepracer_sim.errors import GazeboError
from deepracer_sim.gazebo.lockstep_client import LockstepClient, LostError, Sight
from deepracer_sim.settings import CameraSettings
from deepracer_sim.world import STEP_TIME, CarState, WorldInterrupted

MOST_RESTARTS = 3
"""Times that a Gazebo that was lost is started again before the loss becomes an error."""


class Server(Protocol):
    """A running Gazebo."""

    @property
    def port(self) -> int:
        """Of its lock-step plugin; another one after a restart, perhaps."""
        ...

    def restart(self) -> None:
        """End what is left of it and start it again."""
        ...

    def close(self) -> None:
        """End it."""
        ...


class GazeboWorld:
    """The cars of a Gazebo with the lock-step plugin.

    A Gazebo that is lost is started again; the call that was under way raises `WorldInterrupted`.

    Args:
        server: the running Gazebo; its pictures have the size of the camera's. It is closed with this world.
        camera: what the cars see.
        latency: delay from picture to wheels, in steps, 0 to 2.

    Attributes:
        note: told when Gazebo was lost and is started again.

    Raises:
        GazeboError: it does not answer, or has other pictures.
    """

    def __init__(self, server: Server, camera: CameraSettings, latency: float = 0.0) -> None:
        self.device = torch.device("cpu")
        self.camera, self.latency = camera, latency
        self.note: Callable[[str], None] = lambda text: None
        self._server = server
        self._restarts = 0
        self._connect()

    def _connect(self) -> None:
        self._client = LockstepClient(self._server.port)
        client, camera = self._client, self.camera
        if (client.width, client.height) != (camera.width, camera.height):
            raise GazeboError(
                f"Gazebo's pictures are {client.width}x{client.height}: "
                f"must be {camera.width}x{camera.height}"
            )
        self.num_cars = client.num_cars
        self._iterations = round(STEP_TIME * 1e9 / client.iteration)
        nowhere = np.zeros(self.num_cars, dtype=bool)
        self._sight = client.place(nowhere, np.zeros((self.num_cars, 3)))
        # The commands of the steps before, newest first.
        self._commands: deque[NDArray[np.float64]] = deque([np.zeros((self.num_cars, 2))] * 3, maxlen=3)

    @property
    def time(self) -> int:
        """Simulated time, nanoseconds."""
        return self._sight.time

    def respawn(self, mask: Tensor, pose: Tensor) -> None:
        """Put the cars in `mask` (N,) at rest at `pose` (N, 3): x, y in metres, yaw in radians."""
        moved = mask.numpy()
        for command in self._commands:
            command[moved] = 0.0
        try:
            self._sight = self._client.place(moved, pose.double().numpy())
        except LostError as error:
            self._recover(error)

    def step(self, command: Tensor) -> None:
        """Drive for one step towards `command` (N, 2): steering angle in radians, speed in m/s."""
        self._commands.appendleft(command.double().numpy().copy())
        steps, share = divmod(self.latency, 1.0)
        early = round(share * self._iterations)
        try:
            if early:
                late = self._commands[int(steps) + 1]
                self._sight = self._client.step(late, early, pictures=early == self._iterations)
            if early < self._iterations:
                self._sight = self._client.step(self._commands[int(steps)], self._iterations - early)
        except LostError as error:
            self._recover(error)

    def state(self) -> CarState:
        """Return the state at the end of the last step."""
        return to_car_state(self._sight)

    def images(self) -> Tensor:
        """Return what the cameras see in that state, (N, height, width, channels) uint8."""
        pictures = self._sight.pictures
        assert pictures is not None
        if self.camera.channels == 3:
            return torch.from_numpy(pictures.copy())
        # All cars' pictures at once, one below the other.
        flat = pictures.reshape(-1, self.camera.width, 3)
        grey = cv2.cvtColor(flat, cv2.COLOR_RGB2GRAY)
        return torch.from_numpy(grey.reshape(*pictures.shape[:3], 1))

    def hidden(self) -> Tensor:
        """Return nothing, (N, 0): Gazebo's cars are all alike."""
        return torch.zeros(self.num_cars, 0)

    def pause(self) -> None:
        """Nothing moves between the steps anyway."""

    def seed(self, seed: int) -> None:
        """Restart the draws of the physics engine, which takes constraints in random order."""
        try:
            self._client.seed(seed % 2**32)
        except LostError as error:
            self._recover(error)

    def snapshot(self) -> None:
        """Return None: Gazebo cannot be put back."""

    def restore(self, snapshot: dict[str, Any]) -> None:
        """Never called, for there is no snapshot."""
        raise NotImplementedError

    def close(self) -> None:
        """Hang up and end Gazebo."""
        self._client.close()
        self._server.close()

    def _recover(self, error: LostError) -> NoReturn:
        """Start Gazebo again.

        Raises:
            WorldInterrupted: it is back.
            GazeboError: it was lost too often, or does not start.
        """
        self._client.close()
        if self._restarts == MOST_RESTARTS:
            raise GazeboError(f"{error}; it was lost {MOST_RESTARTS + 1} times, so it is not started again")
        self._restarts += 1
        self.note(f"{error}; starting it again ({self._restarts} of at most {MOST_RESTARTS} times)")
        self._server.restart()
        self._connect()
        raise WorldInterrupted(f"{error}; Gazebo was started again, and episodes start anew")


def to_car_state(sight: Sight) -> CarState:
    """Return the cars' states; the steering angle is that of the single wheel between the two."""
    states = sight.states
    # cot(angle) of the wheel in the middle lies half-way between those of its neighbours.
    left, right = np.tan(states[:, 9]), np.tan(states[:, 10])
    total = left + right
    middle = np.divide(2 * left * right, total, out=total / 2, where=np.abs(total) > 1e-6)
    columns = torch.from_numpy(np.concatenate((states, np.arctan(middle)[:, None]), 1)).float()
    return CarState(
        x=columns[:, 0],
        y=columns[:, 1],
        yaw=columns[:, 5],
        forward_speed=columns[:, 6],
        lateral_speed=columns[:, 7],
        yaw_rate=columns[:, 8],
        steering_angle=columns[:, -1],
    )
