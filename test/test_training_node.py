"""The training node and a simulator as processes: what it learns, when time stands still, what it says."""

from __future__ import annotations

import csv
import json
import signal
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("rclpy", reason="ROS 2 is not installed: make ros")

import rclpy
from nav_msgs.msg import Odometry
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from ros_nodes import new_domain, node
from rosgraph_msgs.msg import Clock
from std_msgs.msg import Float64, Int32, String
from std_srvs.srv import Trigger

SMALL = {
    "camera__width": 32,
    "camera__height": 24,
    "camera__colour": "grey",
}
"""Of both nodes: small pictures are trained on quickly."""
TRAINING = {
    **SMALL,
    "critic": "image",
    "seed": 5,
    "threads": 1,
    "ppo__rollout_steps": 100,
    "ppo__batch_size": 64,
    "evaluation__every": 1000,
    "stop__minutes": 10.0,
}


class Observer:
    """A node of the test in a context of its own: listens, calls services."""

    def __init__(self, domain: int) -> None:
        self.context = Context()
        rclpy.init(context=self.context, domain_id=domain)
        self.node = Node("observer", context=self.context)
        self._executor = SingleThreadedExecutor(context=self.context)
        self._executor.add_node(self.node)

    def hear(self, kind: type, topic: str, qos: Any = 10) -> list[Any]:
        heard: list[Any] = []
        self.node.create_subscription(kind, topic, lambda message: heard.append(message), qos)
        return heard

    def until(self, is_done: Callable[[], bool], timeout: float = 60.0) -> None:
        deadline = time.monotonic() + timeout
        while not is_done():
            assert time.monotonic() < deadline, "it did not happen in time"
            self._executor.spin_once(timeout_sec=0.05)

    def call(self, kind: type, name: str, request: Any = None) -> Any:
        client = self.node.create_client(kind, name)
        self.until(client.service_is_ready)
        future = client.call_async(request or kind.Request())
        self.until(future.done)
        self.node.destroy_client(client)
        return future.result()

    def close(self) -> None:
        self._executor.shutdown()
        self.node.destroy_node()
        rclpy.shutdown(context=self.context)


@pytest.fixture
def domain() -> int:
    return new_domain()


@pytest.fixture
def observer(domain) -> Iterator[Observer]:
    observer = Observer(domain)
    yield observer
    observer.close()


def rows(run: Path) -> list[dict[str, str]]:
    with (run / "metrics.csv").open() as file:
        return list(csv.DictReader(file))


def traced_steps(run: Path) -> list[str]:
    """The simulation trace without its last column, the time on the wall."""
    lines = (run / "training-simtrace/0-iteration.csv").read_text().splitlines()
    return [line.rpartition(",")[0] for line in lines]


def test_it_learns_what_the_embedded_simulator_teaches(domain, tmp_path):
    """300 steps and three updates: the same seed gives the same weights, bit for bit."""
    from deepracer_sim.ros.training_node import defaults
    from deepracer_sim.run_folder import RunFolder
    from deepracer_sim.training_run import start

    with node("world_node", domain, tmp_path, paused=True, **SMALL) as world:
        world.wait_for("paused")
        with node(
            "training_node", domain, tmp_path, run=tmp_path / "ros", stop__iterations=3, **TRAINING
        ) as training:
            assert training.wait() == 0, training.text()
    theirs = RunFolder.open(tmp_path / "ros")
    settings = theirs.settings
    assert settings.world == "ros" and settings.num_cars == defaults().num_cars == 1
    clean = settings.randomisation.replaced(enabled=False)
    ours = start(settings.replaced(world="embedded", randomisation=clean), tmp_path / "embedded")
    one, other = (run.load_last()[0].state for run in (theirs, ours))
    assert one["samples"] == other["samples"] == 300
    for name in ("network", "critic"):
        for key, value in one[name].items():
            assert bool((value == other[name][key]).all()), f"{name}.{key}"
    for row, twin in zip(rows(theirs.path), rows(ours.path), strict=True):
        assert {**row, "seconds": ""} == {**twin, "seconds": ""}
    assert traced_steps(theirs.path) == traced_steps(ours.path)
    assert len(traced_steps(ours.path)) > 30


def test_time_stands_still_while_the_policy_improves(domain, observer, tmp_path):
    """The simulator runs freely; the clock comes 15 times a second but for the time of the update."""
    clock: list[tuple[float, float]] = []

    def on_clock(message: Clock) -> None:
        clock.append((time.monotonic(), message.clock.sec + 1e-9 * message.clock.nanosec))

    observer.node.create_subscription(Clock, "/clock", on_clock, 100)
    with (
        node("world_node", domain, tmp_path, **SMALL) as world,
        node(
            "training_node",
            domain,
            tmp_path,
            run=tmp_path / "run",
            simulator__interface="gazebo_msgs",
            **{**TRAINING, "ppo__rollout_steps": 100, "ppo__num_epochs": 100, "ppo__batch_size": 16},
        ) as training,
    ):
        world.wait_for("real-time factor")
        for iteration in (1, 2):
            heard = observer.hear(Float64, "/training_node/metrics/iteration")
            observer.until(lambda heard=heard, last=iteration: heard and heard[-1].data >= last)
        assert training.end() == 0, training.text()
    gaps = [(after[0] - before[0], after[1] - before[1]) for before, after in pairwise(clock)]
    longest, advanced = max(gaps)
    assert longest > 0.4  # seconds that 600 gradient steps take at the least: six frames and more
    assert advanced < 0.2  # of simulated time, while it would have been as long
    assert "steps took" in training.text()  # the drift is reported


def test_services_start_stop_and_save(domain, observer, tmp_path):
    run = tmp_path / "run"
    with (
        node("world_node", domain, tmp_path, paused=True, **SMALL) as world,
        node("training_node", domain, tmp_path, run=run, autostart=False, **TRAINING) as training,
    ):
        world.wait_for("paused")
        refused = observer.call(Trigger, "/training_node/save")
        assert not refused.success and "nothing was trained" in refused.message
        assert not observer.call(Trigger, "/training_node/stop").success
        actions = observer.hear(Int32, "/training_node/action")
        from rclpy.qos import DurabilityPolicy, QoSProfile

        latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        models = observer.hear(String, "/training_node/model", latched)
        losses = observer.hear(Float64, "/training_node/metrics/policy_loss", latched)
        assert observer.call(Trigger, "/training_node/start").success
        assert not observer.call(Trigger, "/training_node/start").success
        observer.until(lambda: losses and actions)
        assert all(0 <= message.data < 10 for message in actions)
        saved = observer.call(Trigger, "/training_node/save")
        assert saved.success, saved.message
        assert (Path(saved.message) / "model.onnx").exists()
        observer.until(lambda: models)
        assert models[-1].data == saved.message == str((run / "model").resolve())
        assert observer.call(Trigger, "/training_node/stop").success
        training.wait_for("to go on:")
        assert training.end() == 0
    assert len(rows(run)) >= 1
    assert json.loads((run / "config.json").read_text())["world"] == "ros"


def test_a_simulator_that_dies_is_waited_for(domain, observer, tmp_path):
    run = tmp_path / "run"
    with node("training_node", domain, tmp_path, run=run, simulator__timeout=2.0, **TRAINING) as training:
        with node("world_node", domain, tmp_path, paused=True, **SMALL):
            metrics = observer.hear(Float64, "/training_node/metrics/iteration")
            observer.until(lambda: metrics)
        # It was killed in the middle of an episode.
        training.wait_for("waiting up to 60 s for the simulator")
        before = int(metrics[-1].data)
        with node("world_node", domain, tmp_path, paused=True, **SMALL):
            training.wait_for("the simulator is back")
            observer.until(lambda: metrics[-1].data >= before + 2)
            assert training.end() == 0, training.text()
    iterations = [float(row["iteration"]) for row in rows(run)]
    assert iterations == [float(number) for number in range(1, len(iterations) + 1)]


def test_a_simulator_that_never_comes_is_named(domain, tmp_path):
    run = tmp_path / "run"
    with node(
        "training_node",
        domain,
        tmp_path,
        run=run,
        simulator__timeout=0.5,
        simulator__patience=1.0,
        **TRAINING,
    ) as training:
        assert training.wait() == 2
    assert "/world_node/set_simulation_state" in training.text()
    assert "Traceback" not in training.text()
    assert not run.exists()


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_in_order(domain, observer, tmp_path, how):
    run = tmp_path / "run"
    with (
        node("world_node", domain, tmp_path, paused=True, **SMALL),
        node("training_node", domain, tmp_path, run=run, **TRAINING) as training,
    ):
        metrics = observer.hear(Float64, "/training_node/metrics/iteration")
        observer.until(lambda: metrics)
        assert training.end(how) == 0, training.text()
    assert "Traceback" not in training.text()
    assert len(rows(run)) >= 1


def test_it_evaluates_in_the_same_simulator(domain, tmp_path):
    """Two cars take turns at four starts; the training goes on with new episodes."""
    run = tmp_path / "run"
    judging = {"evaluation__every": 1, "evaluation__starts": 2, "evaluation__laps": 1}
    with (
        node("world_node", domain, tmp_path, paused=True, num_cars=2, **SMALL),
        node(
            "training_node",
            domain,
            tmp_path,
            run=run,
            num_cars=2,
            stop__iterations=2,
            **{**TRAINING, "ppo__rollout_steps": 30, **judging},
        ) as training,
    ):
        assert training.wait() == 0, training.text()
    for row in rows(run):
        assert 0 <= float(row["evaluation_clean_runs"]) <= 4
        assert 0 < float(row["evaluation_completion"]) <= 1
    assert (run / "model" / "model.onnx").exists()


def test_a_car_whose_driver_was_killed_stops(domain, observer, tmp_path):
    odometry = observer.hear(Odometry, "/odom")
    with (
        node("world_node", domain, tmp_path, **SMALL),
        node(
            "training_node",
            domain,
            tmp_path,
            run=tmp_path / "run",
            simulator__interface="gazebo_msgs",
            **TRAINING,
        ) as training,
    ):
        observer.until(lambda: odometry and odometry[-1].twist.twist.linear.x > 0.5)
        training.process.kill()
        killed = len(odometry)
        # Half a second of simulated time without a command, and what braking takes.
        observer.until(lambda: len(odometry) > killed + 30)
        assert abs(odometry[-1].twist.twist.linear.x) < 0.01


def test_a_second_trainer_is_refused_and_disturbs_nobody(domain, observer, tmp_path):
    run, other = tmp_path / "run", tmp_path / "other"
    with (
        node("world_node", domain, tmp_path, paused=True, **SMALL),
        node("training_node", domain, tmp_path, run=run, **TRAINING),
    ):
        metrics = observer.hear(Float64, "/training_node/metrics/iteration")
        observer.until(lambda: metrics)
        for folder, message in (
            (run, f"{run} exists: choose another"),
            (other, "somebody else drives racecar"),
        ):
            with node("training_node", domain, tmp_path, run=folder, **TRAINING) as second:
                assert second.wait() == 2, second.text()
            assert message in second.text()
            assert "Traceback" not in second.text()
        before = metrics[-1].data
        observer.until(lambda: metrics[-1].data > before + 1)
    assert not other.exists()
