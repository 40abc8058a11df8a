"""world_node as a process: how it starts, what it refuses, how it ends, and how fast it runs."""

from __future__ import annotations

import signal
import time

import pytest

pytest.importorskip("rclpy", reason="ROS 2 is not installed: make ros")

from ros_nodes import NodeProcess, new_domain, node
from ros_peer import Peer
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import Image
from simulation_interfaces import srv
from std_srvs.srv import Empty

from deepracer_sim.ros.conversions import to_nanoseconds

STARTED = "car(s) on"


def test_bad_parameters_end_it_with_one_line(tmp_path):
    wrong = {
        "num_cars:=9": "parameter num_cars=9: must be <= 8",
        "track:=nowhere": "no track 'nowhere': the built-in ones are",
        "camera.width": "Couldn't parse parameter override rule: '-p camera.width'",
    }
    processes = {
        given: NodeProcess("world_node", ["--ros-args", "-p", given], new_domain(), tmp_path)
        for given in wrong
    }
    for given, words in wrong.items():
        process = processes[given]
        assert process.wait() == 2, process.text()
        said = [line for line in process.text().splitlines() if not line.startswith("[ERROR]")]
        assert len(said) == 1 and said[0].startswith("deepracer: ") and words in said[0]


def test_a_signal_ends_it_in_the_middle_of_a_long_answer(track, tmp_path, peer):
    """The second signal of somebody impatient changes nothing."""
    domain = new_domain()
    with node("world_node", domain, tmp_path, track=track, paused=True) as process:
        process.wait_for(STARTED)
        user = peer(domain, process)
        pictures = user.hear(Image, "/camera/image_raw")
        client = user.node.create_client(srv.StepSimulation, "/world_node/step_simulation")
        user.until(client.service_is_ready, "the service")
        client.call_async(srv.StepSimulation.Request(steps=900))
        user.until(lambda: len(pictures) > 10, "pictures")
        process.process.send_signal(signal.SIGINT)
        time.sleep(0.05)
        assert process.end(signal.SIGINT, timeout=10.0) == 0, process.text()
        assert "Traceback" not in process.text()


def test_of_two_that_start_at_once_one_stays(track, tmp_path):
    domain = new_domain()
    with (
        node("world_node", domain, tmp_path, track=track) as one,
        node("world_node", domain, tmp_path, track=track) as other,
    ):
        while one.process.poll() is None and other.process.poll() is None:
            time.sleep(0.05)
        staying, gone = (one, other) if one.process.poll() is None else (other, one)
        assert gone.wait() == 2 and f"process {staying.process.pid}" in gone.text(), gone.text()
        staying.wait_for(STARTED)
        assert staying.end() == 0, staying.text()


def test_a_simulator_of_another_kind_is_named(track, tmp_path, peer):
    domain = new_domain()
    process = NodeProcess("world_node", ["--ros-args", "-p", f"track:={track}"], domain, tmp_path)
    peer(domain, process).node.create_publisher(Clock, "/clock", 10)
    assert process.wait() == 2
    assert "there is a simulator already: /peer publishes /clock. Stop it" in process.text()


def seconds(user: Peer) -> float:
    """Return the simulated time."""
    request = srv.GetEntityState.Request(entity="racecar")
    answer = user.ask(srv.GetEntityState, "/world_node/get_entity_state", request)
    return to_nanoseconds(answer.state.header.stamp) / 1e9


def speed(user: Peer, duration: float = 1.5) -> float:
    """Return the simulated seconds a second, measured over so many seconds."""
    simulated, real = seconds(user), time.monotonic()
    user.spin(duration)
    return (seconds(user) - simulated) / (time.monotonic() - real)


def test_it_runs_in_real_time_and_refuses_a_second_one(track, tmp_path, peer):
    """Even if it is told to use simulated time: it must not wait for the clock that it makes itself."""
    domain = new_domain()
    with node("world_node", domain, tmp_path, track=track, use_sim_time=True) as first:
        first.wait_for(STARTED)
        user = peer(domain, first)
        seconds(user)
        with node("world_node", domain, tmp_path, track=track) as second:
            assert speed(user, 2.0) == pytest.approx(1.0, rel=0.3)
            assert second.wait() == 2, second.text()
            said, name = second.text().splitlines()[-1], f"/world_node (process {first.process.pid})"
            assert said.startswith(f"deepracer: there is a simulator already: {name}. Stop it, or")
            assert "Traceback" not in second.text()
        user.ask(Empty, "/pause_physics")
        assert speed(user, 0.3) == 0
        user.ask(Empty, "/unpause_physics")
        assert speed(user, 1.0) == pytest.approx(1.0, rel=0.3)
        assert first.end() == 0, first.text()


def test_with_factor_0_it_runs_as_fast_as_it_can_until_a_client_ends_it(track, tmp_path, peer):
    domain = new_domain()
    with node("world_node", domain, tmp_path, track=track, real_time_factor=0, num_car=3) as process:
        process.wait_for(STARTED)
        assert "there is no parameter num_car: it has no effect" in process.text()
        user = peer(domain, process)
        seconds(user)
        assert speed(user, 1.0) > 2
        user.ask(Empty, "/pause_physics")
        assert speed(user, 0.3) == 0
        user.ask(Empty, "/unpause_physics")
        request = srv.SetSimulationState.Request()
        request.state.state = 3
        answer = user.ask(srv.SetSimulationState, "/world_node/set_simulation_state", request)
        assert answer.result.result == 1
        assert process.wait(10.0) == 0, process.text()
        assert "Traceback" not in process.text()


def test_it_says_by_how_much_it_falls_behind(track, tmp_path, peer):
    """A hundred times real time are 1500 pictures a second, of a size that takes milliseconds each."""
    domain = new_domain()
    size = {"camera__width": 640, "camera__height": 480}
    with node("world_node", domain, tmp_path, track=track, real_time_factor=100, **size) as process:
        process.wait_for(STARTED)
        user = peer(domain, process)
        pictures = user.hear(Image, "/camera/image_raw")
        user.until(lambda: pictures, "pictures")
        user.until(lambda: "of real time instead of 100" in process.text(), "a complaint")
        assert "[WARN]" in process.text()
        assert process.end(signal.SIGTERM, timeout=10.0) == 0, process.text()
        assert "Traceback" not in process.text()
