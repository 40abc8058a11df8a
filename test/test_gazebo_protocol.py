"""The lock-step plugin and those who talk nonsense to it: their connection ends, Gazebo goes on."""

from __future__ import annotations

import math
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import suppress

import numpy as np
import pytest
from gazebo_server import needs_gazebo

from deepracer_sim.errors import GazeboError
from deepracer_sim.gazebo.car_model import Fleet
from deepracer_sim.gazebo.lockstep_client import HELLO, MAGIC, VERSION, LockstepClient, LostError
from deepracer_sim.gazebo.track_server import TrackServer
from deepracer_sim.settings import CameraSettings
from deepracer_sim.simulation import Course

pytestmark = needs_gazebo
GREETING = HELLO.pack(MAGIC, VERSION, 0, 0, 0, 0)
STEP, PLACE, SEED = 1, 2, 3


def message(body: bytes) -> bytes:
    """What goes over the wire: the body after its size."""
    return struct.pack("<I", len(body)) + body


def step(iterations: int, *numbers: float) -> bytes:
    return struct.pack(f"<III{len(numbers)}d", STEP, iterations, 1, *numbers)


def place(*numbers: float) -> bytes:
    return struct.pack(f"<I{len(numbers)}d", PLACE, *numbers)


@pytest.fixture(scope="module")
def port(track) -> Iterator[int]:
    """Of a Gazebo with two cars."""
    server = TrackServer(Course.load([str(track)]), Fleet(2, CameraSettings(width=32, height=24)))
    yield server.port
    server.close()


def talk(port: int, *messages: bytes) -> tuple[bytes, bytes]:
    """Send bytes after its greeting; return that and all that comes until the plugin hangs up."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        greeting = connection.recv(4 + HELLO.size, socket.MSG_WAITALL)
        answer = b""
        with suppress(ConnectionError):  # it hung up before it had read all that was sent
            connection.sendall(b"".join(messages))
            while chunk := connection.recv(1 << 16):
                answer += chunk
    return greeting, answer


def refusal(answer: bytes) -> str:
    """The sentence of the last message, which says that something was refused."""
    messages = []
    while answer:
        (size,) = struct.unpack_from("<I", answer)
        messages.append(answer[4 : 4 + size])
        answer = answer[4 + size :]
    assert struct.unpack_from("<I", messages[-1]) == (1,)
    return messages[-1][4:].decode()


def assert_it_works(port: int) -> None:
    client = LockstepClient(port)
    assert (client.num_cars, client.width, client.height, client.iteration) == (2, 32, 24, 3_333_333)
    before = client.place(np.ones(2, bool), np.array([[0.5, 0.2, 1.0], [0.0, 0.0, 0.0]]))
    assert before.states[0, :2] == pytest.approx((0.5, 0.2))
    after = client.step(np.zeros((2, 2)), 20)
    assert after.time - before.time == 20 * 3_333_333
    assert after.pictures is not None
    assert after.pictures.shape == (2, 24, 32, 3)
    client.close()


@pytest.mark.parametrize(
    ("messages", "reason"),
    [
        ((b"GET ",), "a request of 542393671 bytes: must be 1 to 4096"),
        ((bytes(4),), "a request of 0 bytes"),
        ((message(bytes(24)),), "no greeting"),
        ((message(b"hello"),), "no greeting"),
        ((message(HELLO.pack(MAGIC, VERSION + 1, 0, 0, 0, 0)),), f"version {VERSION + 1}: must be {VERSION}"),
        ((message(GREETING), struct.pack("<I", 1 << 31)), f"{1 << 31} bytes: must be 1 to 4096"),
        ((message(GREETING), message(b"ab")), "a request of 2 bytes is too short"),
        ((message(GREETING), message(struct.pack("<I", 9))), "an unknown kind of request"),
        ((message(GREETING), message(step(20, 0, 0))), "is too short"),
        ((message(GREETING), message(step(20, 0, 0, 0, 0, 0))), "is too long"),
        ((message(GREETING), message(step(0, 0, 0, 0, 0))), "0 iterations: must be 1 to 10000"),
        ((message(GREETING), message(step(10_001, 0, 0, 0, 0))), "10001 iterations: must be 1 to 10000"),
        ((message(GREETING), message(step(20, math.nan, 0, 0, 0))), "steering_angle"),
        ((message(GREETING), message(step(20, 0, 0, 0, 1000))), "speed"),
        ((message(GREETING), message(place(1, math.inf, 0, 0, 0, 0, 0, 0))), "x"),
        ((message(GREETING), message(place(1, 0, 0, 0, 0, 0, 0, 1000))), "yaw"),
        ((message(GREETING), message(struct.pack("<II4x", SEED, 1))), "is too long"),
    ],
)
def test_nonsense_is_refused_with_a_reason(port, messages, reason):
    greeting, answer = talk(port, *messages)
    assert HELLO.unpack(greeting[4:])[:3] == (MAGIC, VERSION, 2)
    assert reason in refusal(answer)
    assert_it_works(port)


@pytest.mark.parametrize(
    "said", [b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", bytes(100_000), b"\xff" * 100_000, b"x\n" * 9]
)
def test_garbage_ends_the_connection(port, said):
    talk(port, said)
    assert_it_works(port)


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        message(GREETING)[:9],
        message(GREETING),
        message(GREETING) + b"\x00\x01",
        message(GREETING) + message(step(20, 0, 0, 0, 0))[:30],
        message(GREETING) + message(step(300, 0, 1, 0, 1)),
    ],
    ids=["at once", "in the greeting", "before a request", "in the size", "in a request", "in the answer"],
)
def test_a_client_may_vanish_at_any_time(port, sent):
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.recv(4 + HELLO.size, socket.MSG_WAITALL)
        connection.sendall(sent)
    assert_it_works(port)


def test_a_second_client_has_to_wait(port):
    first = LockstepClient(port)
    with pytest.raises(GazeboError, match=f"127.0.0.1:{port}: timed out; is somebody else connected"):
        LockstepClient(port, timeout=0.3)
    first.step(np.zeros((2, 2)), 20)
    first.close()
    assert_it_works(port)


def test_only_this_machine_is_listened_to(port):
    """Linux gives any address of 127/8 to the loopback interface: the plugin is at one of them alone."""
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.2", port), timeout=5)


@pytest.fixture
def stranger() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


@pytest.mark.parametrize(
    ("said", "error"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "no lock-step plugin"),
        (message(bytes(HELLO.size)), "is no lock-step plugin"),
        (message(HELLO.pack(MAGIC, VERSION + 1, 1, 1, 1, 1)), "compile it anew: deepracer gazebo install"),
        (b"", "no lock-step plugin answers"),
    ],
)
def test_what_answers_as_no_plugin_does_is_refused(stranger, said, error):
    def answer() -> None:
        connection, _ = stranger.accept()
        connection.sendall(said)
        connection.close()

    thread = threading.Thread(target=answer)
    thread.start()
    with pytest.raises(GazeboError, match=error):
        LockstepClient(stranger.getsockname()[1], timeout=5)
    thread.join()


def test_nobody_there_is_an_error_with_the_port(stranger):
    port = stranger.getsockname()[1]
    stranger.close()
    with pytest.raises(GazeboError, match=f"no lock-step plugin answers on 127.0.0.1:{port}: .*refused"):
        LockstepClient(port)


def test_a_refused_request_is_no_loss(port):
    client = LockstepClient(port)
    with pytest.raises(GazeboError, match="Gazebo refused a request: speed = 1000") as refused:
        client.step(np.full((2, 2), 1000.0) * [0, 1], 20)
    assert not isinstance(refused.value, LostError)
    client.close()
