"""An evaluation over ROS: the same laps, table and files as in the embedded simulator."""

from __future__ import annotations

import json
from contextlib import closing

import pytest

pytest.importorskip("rclpy", reason="ROS 2 is not installed: make ros")

from rclpy.qos import DurabilityPolicy, QoSProfile
from ros_nodes import new_domain, node
from ros_peer import Peer
from small_runs import small_settings
from std_msgs.msg import Float32, Float64, Int32, String

from deepracer_sim import training_graph
from deepracer_sim.evaluation_report import format_table, to_json
from deepracer_sim.evaluation_run import evaluate_model, load_model
from deepracer_sim.settings import EvaluateSettings
from deepracer_sim.simulation import Course
from deepracer_sim.training_run import start

KINDS = {"lap_time": Float64, "lap": Int32, "off_tracks": Int32, "progress": Float32, "result": String}
DRIVING = {"laps": 2, "max_resets": 200, "video": False}
"""A model that has hardly learned gets round with many resets only."""
WORLD = {"paused": True, "camera__width": 32, "camera__height": 24, "camera__colour": "grey"}
"""A simulator with the pictures of the run."""
KEPT = QoSProfile(depth=100, durability=DurabilityPolicy.TRANSIENT_LOCAL)


@pytest.fixture(scope="module")
def run(track, tmp_path_factory):
    """Two iterations of training."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training_graph, "save_training_graph", lambda *arguments: None)
        return start(small_settings(track, 2), tmp_path_factory.mktemp("runs") / "run")


def simulators(track, folder, num_cars):
    """Start a simulator of so many cars; yield its domain."""
    domain = new_domain()
    with node("world_node", domain, folder, track=track, num_cars=num_cars, **WORLD) as world:
        world.wait_for("car(s) on")
        yield domain


@pytest.fixture(scope="module")
def domain(track, tmp_path_factory):
    yield from simulators(track, tmp_path_factory.mktemp("world"), 1)


@pytest.fixture(scope="module")
def domain_of_two(track, tmp_path_factory):
    yield from simulators(track, tmp_path_factory.mktemp("world"), 2)


def expected(run, track, **settings):
    """The same in the embedded simulator."""
    return evaluate_model(
        load_model(run.path), EvaluateSettings(track=str(track), **settings), Course.load([str(track)])
    )


def values(heard):
    return [message.data for message in heard]


def test_it_drives_the_laps_of_the_embedded_simulator(run, track, domain, tmp_path):
    output = tmp_path / "new/folder"
    with (
        node(
            "evaluation_node", domain, tmp_path, track=track, model=run.path, output=output, **DRIVING
        ) as evaluation,
        closing(Peer(domain, evaluation)) as peer,
    ):
        heard = {name: peer.hear(kind, f"/evaluation_node/{name}", KEPT) for name, kind in KINDS.items()}
        peer.until(lambda: all(heard.values()) and len(heard["lap_time"]) == 2, "the laps and the result", 60)
        assert evaluation.wait() == 0, evaluation.text()
        said = evaluation.text()
    ours = expected(run, track, **DRIVING)
    assert values(heard["result"]) == [format_table(ours)]
    assert format_table(ours) in said
    assert sorted(path.name for path in output.iterdir()) == [
        *("driven_lines.png", "evaluation-simtrace", "evaluation.json", "evaluation.log", "metrics.json")
    ]
    report = json.loads((output / "evaluation.json").read_text())
    assert report["runs"] == to_json(ours)["runs"]
    assert values(heard["lap_time"]) == pytest.approx([lap.time for lap in ours.runs[0].laps], abs=1e-3)
    assert values(heard["lap"])[-1] == 2
    assert values(heard["off_tracks"])[-1] == report["runs"][0]["off_tracks"] > 0
    assert 0 <= min(values(heard["progress"])) <= max(values(heard["progress"])) <= 100


def test_the_exported_model_and_the_other_direction(run, track, domain, tmp_path):
    settings = {**DRIVING, "laps": 1, "reversed": True}
    model, output = run.path / "model", tmp_path / "output"
    with node(
        "evaluation_node", domain, tmp_path, track=track, model=model, output=output, **settings
    ) as evaluation:
        assert evaluation.wait() == 0, evaluation.text()
    report = json.loads((output / "evaluation.json").read_text())
    assert report["runs"] == to_json(expected(run, track, **settings))["runs"]
    assert report["runs"][0]["direction"] == "reversed"


def test_two_cars_and_a_video(run, track, domain_of_two, tmp_path):
    settings = {**DRIVING, "laps": 1, "cars": 2, "video": True}
    output = tmp_path / "output"
    with (
        node(
            "evaluation_node", domain_of_two, tmp_path, track=track, model=run.path, output=output, **settings
        ) as evaluation,
        closing(Peer(domain_of_two, evaluation)) as peer,
    ):
        heard = [peer.hear(Float64, f"/evaluation_node/racecar_{car}/lap_time", KEPT) for car in (1, 2)]
        peer.until(lambda: all(heard), "a lap of each car", 60)
        assert evaluation.wait() == 0, evaluation.text()
    for times, car in zip(heard, expected(run, track, **settings).runs, strict=True):
        assert values(times) == pytest.approx([lap.time for lap in car.laps], abs=1e-3)
    assert (output / "video.mp4").read_bytes()[4:8] == b"ftyp"


def test_it_can_be_called_off(run, track, domain, tmp_path):
    output = tmp_path / "output"
    settings = {"laps": 1000, "max_resets": 100_000, "video": False}
    with node(
        "evaluation_node", domain, tmp_path, track=track, model=run.path, output=output, **settings
    ) as evaluation:
        evaluation.wait_for("driving")
        assert evaluation.end() == 0, evaluation.text()
        assert "Traceback" not in evaluation.text()
    assert list(output.iterdir()) == []


def test_it_drives_all_laps_again_when_the_simulator_was_lost(run, track, tmp_path):
    domain, settings = new_domain(), {"laps": 1000, "max_resets": 100_000, "video": False}
    with (
        node("world_node", domain, tmp_path, track=track, **WORLD) as first,
        node(
            "evaluation_node",
            domain,
            tmp_path,
            track=track,
            model=run.path,
            simulator__timeout=1.0,
            **settings,
        ) as evaluation,
        closing(Peer(domain, evaluation)) as peer,
    ):
        evaluation.wait_for("lap 1: ")
        first.process.kill()
        evaluation.wait_for("waiting up to")
        with node("world_node", domain, tmp_path, track=track, **WORLD):
            evaluation.wait_for("driving all laps again")
            peer.until(lambda: "lap 1: " in evaluation.text().rpartition("again")[2], "a lap")
            assert evaluation.end() == 0, evaluation.text()


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({}, "parameter model: must name a run folder, a checkpoint or an exported model"),
        ({"model": "nowhere"}, "nowhere: no such run folder"),
        ({"model": "nowhere", "laps": 0}, "parameter laps=0: must be >= 1"),
    ],
)
def test_what_cannot_be_driven_is_refused(parameters, message, tmp_path):
    with node("evaluation_node", new_domain(), tmp_path, **parameters) as evaluation:
        assert evaluation.wait() == 2, evaluation.text()
        assert message in evaluation.text()


def test_a_simulator_with_fewer_cars_is_refused(run, track, domain, tmp_path):
    with node(
        "evaluation_node", domain, tmp_path, track=track, model=run.path, cars=2, output=tmp_path / "output"
    ) as evaluation:
        assert evaluation.wait() == 2, evaluation.text()
        assert "the simulator has no racecar_1, racecar_2: it has racecar" in evaluation.text()
