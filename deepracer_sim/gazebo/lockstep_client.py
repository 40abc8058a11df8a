"""The client of the lock-step plugin: a step of Gazebo is a request, a state and its pictures the reply."""

from __future__ import annotations

import socket
import struct
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deepracer_sim.errors import GazeboError

MAGIC, VERSION = 0x53444C44, 1
STEP, PLACE, SEED = 1, 2, 3
OK = 0
HELLO = struct.Struct("<6I")
SIZE = struct.Struct("<I")
STATE_COLUMNS = 15
MAX_REPLY = 1 << 28
"""Bytes; more than 64 cars with pictures of 1280x960 need."""


class LostError(GazeboError):
    """A connection that broke: Gazebo has ended, or hangs."""


@dataclass(frozen=True)
class Sight:
    """What Gazebo was like at one moment.

    Attributes:
        time: simulated, nanoseconds.
        states: (N, 15) float64 in SI units: x, y, z, roll, pitch, yaw of base_link; its forward and lateral
            speed and yaw rate; the left and the right steering angle; the wheels' speeds (rear left, rear
            right, front left, front right).
        pictures: (N, height, width, 3) uint8 RGB; None if they were not asked for.
    """

    time: int
    states: NDArray[np.float64]
    pictures: NDArray[np.uint8] | None


class LockstepClient:
    """A connection to the plugin of a running gzserver.

    Args:
        port: of the plugin, on this machine.
        timeout: seconds that an answer may take.

    Attributes:
        num_cars: in the world.
        width, height: of a picture, pixels.
        iteration: simulated nanoseconds that an iteration of the physics takes.

    Raises:
        GazeboError: nobody answers, or it is another protocol.
    """

    def __init__(self, port: int, timeout: float = 30.0) -> None:
        self.port = port
        try:
            self._socket = socket.create_connection(("127.0.0.1", port), timeout)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            hello = self._receive()
        except OSError as error:
            raise GazeboError(
                f"no lock-step plugin answers on 127.0.0.1:{port}: {error}; is somebody else connected?"
            ) from error
        if len(hello) != HELLO.size or HELLO.unpack(hello)[0] != MAGIC:
            self.close()
            raise GazeboError(f"what answers on 127.0.0.1:{port} is no lock-step plugin")
        _, version, self.num_cars, self.width, self.height, self.iteration = HELLO.unpack(hello)
        if version != VERSION:
            self.close()
            raise GazeboError(
                f"the lock-step plugin speaks version {version} of its protocol: must be {VERSION}; "
                "compile it anew: deepracer gazebo install"
            )
        self._send(HELLO.pack(MAGIC, VERSION, 0, 0, 0, 0))

    def step(self, commands: NDArray[np.float64], iterations: int, pictures: bool = True) -> Sight:
        """Drive towards `commands` (N, 2), steering angle in radians and speed in m/s."""
        return self._ask(struct.pack("<III", STEP, iterations, pictures), commands)

    def place(self, moved: NDArray[np.bool_], poses: NDArray[np.float64]) -> Sight:
        """Put the cars in `moved` (N,) at rest at `poses` (N, 3): x, y in metres, yaw in radians."""
        return self._ask(struct.pack("<I", PLACE), np.concatenate((moved[:, None], poses), 1))

    def seed(self, seed: int) -> None:
        """Restart the draws of the physics engine."""
        self._ask(struct.pack("<II", SEED, seed), np.empty(0))

    def close(self) -> None:
        """Hang up; the world stays paused."""
        self._socket.close()

    def _ask(self, head: bytes, body: NDArray[np.float64]) -> Sight:
        try:
            self._send(head + body.astype("<f8").tobytes())
            reply = self._receive()
        except OSError as error:
            raise LostError(f"Gazebo was lost: {error}") from error
        if SIZE.unpack_from(reply)[0] != OK:
            raise GazeboError(f"Gazebo refused a request: {reply[4:].decode(errors='replace')}")
        (time,) = struct.unpack_from("<q", reply, 4)
        states = np.frombuffer(reply, "<f8", self.num_cars * STATE_COLUMNS, 12)
        states = states.reshape(self.num_cars, STATE_COLUMNS)
        pixels = np.frombuffer(reply, np.uint8, offset=12 + states.nbytes)
        pictures = pixels.reshape(self.num_cars, self.height, self.width, 3) if len(pixels) else None
        return Sight(time, states, pictures)

    def _send(self, message: bytes) -> None:
        self._socket.sendall(SIZE.pack(len(message)) + message)

    def _receive(self) -> bytearray:
        (size,) = SIZE.unpack(self._read(SIZE.size))
        if not SIZE.size <= size <= MAX_REPLY:
            raise GazeboError(f"a reply of {size} bytes on 127.0.0.1:{self.port}: no lock-step plugin")
        return self._read(size)

    def _read(self, size: int) -> bytearray:
        data = bytearray(size)
        rest = memoryview(data)
        while rest:
            count = self._socket.recv_into(rest)
            if count == 0:
                raise ConnectionError("the connection was closed")
            rest = rest[count:]
        return data
