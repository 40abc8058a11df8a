"""The launch files: what they name is there, their arguments stand for the right things."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
from itertools import chain
from pathlib import Path

import pytest
from launch_files import FILES, ROOT, calls, declared, values

from deepracer_sim.errors import RunError, SettingError
from deepracer_sim.ros import launch_arguments
from deepracer_sim.ros.launch_arguments import (
    ARGUMENTS,
    bridges,
    evaluation_parameters,
    monitor_parameters,
    training_parameters,
    world_file,
    world_parameters,
)
from deepracer_sim.settings import TrainSettings

NODES = ("world_node", "training_node", "evaluation_node", "monitor_node", "inference_node", "servo_node")
OTHERS = (("rviz2", "rviz2"), ("ros_gz_bridge", "parameter_bridge"))
PREFIX = Path(sys.prefix)


def page_parameters(node: str) -> set[str]:
    """The parameters of a node; the page is compared with the node itself elsewhere."""
    page = (ROOT / "docs" / "ros.md").read_text()
    table = page.split(f"<!-- parameters of {node} -->")[1].split("<!-- end -->")[0]
    return set(re.findall(r"^\| `(.*?)` \|", table, re.MULTILINE)) | {"use_sim_time"}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_executables_and_files_that_a_launch_file_names_are_there(file):
    compile(file.read_text(), file, "exec")
    for call in calls(file, "Node"):
        named = {item.arg: item.value for item in call.keywords}
        package, executable = (ast.literal_eval(named[key]) for key in ("package", "executable"))
        assert (package, executable) in OTHERS or package == "deepracer_sim"
        if package == "deepracer_sim":
            assert executable in NODES
            folder = "deepracer_inference" if file.name == "car.launch.py" else "deepracer_sim/ros"
            assert (ROOT / folder / f"{executable}.py").is_file()
    for other in calls(file, "with_name"):
        assert (file.parent / ast.literal_eval(other.args[0])).is_file()
    assert file.name != "monitor.launch.py" or (ROOT / "rviz" / "deepracer.rviz").is_file()


def test_every_argument_is_declared_somewhere_with_a_default_that_is_a_choice():
    assert set(chain.from_iterable(map(declared, FILES))) == set(ARGUMENTS)
    for file in FILES:
        for name, default in declared(file).items():
            assert not ARGUMENTS[name].choices or default in ARGUMENTS[name].choices


def test_what_an_included_file_declares_is_shown_by_the_file_that_includes_it():
    monitor, sim, train, evaluate = (
        set(declared(ROOT / "launch" / f"{name}.launch.py"))
        for name in ("monitor", "sim", "train", "evaluate")
    )
    assert monitor < sim
    assert sim - train == {"paused"}
    # The model's run knows its camera.
    assert sim - evaluate == {"paused", "camera_width", "camera_height", "camera_colour"}


@pytest.mark.parametrize(
    ("make", "file", "node"),
    [
        (world_parameters, "sim.launch.py", "world_node"),
        (world_parameters, "train.launch.py", "world_node"),
        (training_parameters, "train.launch.py", "training_node"),
        (evaluation_parameters, "evaluate.launch.py", "evaluation_node"),
        (monitor_parameters, "monitor.launch.py", "monitor_node"),
    ],
)
def test_only_parameters_that_the_nodes_have_are_named(make, file, node):
    (parameters,) = make(values(file, model="somewhere"))
    assert set(parameters) <= page_parameters(node)


def test_simulator_and_training_agree_about_cars_and_camera():
    given = values("train.launch.py", camera_width="80", num_cars="3", seed="7", track="oval")
    (world,), (training,) = world_parameters(given), training_parameters(given)
    common = (set(world) & set(training)) - {"track"}
    assert {"camera.width", "camera.height", "camera.colour", "randomisation.enabled"} < common
    assert {name: world[name] for name in common} == {name: training[name] for name in common}
    assert (world["camera.width"], world["num_cars"], world["seed"]) == (80, 3, 7)
    assert (world["track"], training["track"]) == ("oval", ["oval"])


def test_a_training_by_default_is_that_of_the_command_line():
    (parameters,) = training_parameters(values("train.launch.py"))
    defaults = TrainSettings()
    assert parameters["num_cars"] * parameters["ppo.rollout_steps"] == 2048
    (parameters,) = training_parameters(values("train.launch.py", num_cars="8"))
    assert (parameters["num_cars"], parameters["ppo.rollout_steps"]) == (8, 256)
    for name in parameters.keys() - {"num_cars", "ppo.rollout_steps", "stop.minutes", "run", "resume"}:
        group, _, setting = name.rpartition(".")
        if group == "simulator":
            continue
        wanted = getattr(getattr(defaults, group) if group else defaults, setting)
        found = parameters[name]
        assert (tuple(found) if isinstance(found, list) else found or None) == (wanted or None), name


def test_gazebo_is_started_with_or_without_its_window_and_draws_nothing():
    given = values("train.launch.py", sim="gazebo")
    (world,), (training,) = world_parameters(given), training_parameters(given)
    assert (world["simulator"], world["gui"]) == ("gazebo", False)
    assert given["randomised"] == "true"
    assert not (world["randomisation.enabled"] or training["randomisation.enabled"])
    (world,) = world_parameters({**given, "headless": "false"})
    assert world["gui"]


def test_gazebo_takes_of_the_car_of_a_training_what_it_can(tmp_path):
    settings = TrainSettings(track=("oval",))
    settings = settings.replaced(car=settings.car.replaced(friction=0.9, latency=1.0))
    (tmp_path / "config.json").write_text(settings.model_dump_json())
    (world,) = world_parameters(values("evaluate.launch.py", model=str(tmp_path), sim="gazebo"))
    assert world["car.latency"] == 1.0
    assert {name for name in world if name.startswith("car.")} == {
        f"car.{name}" for name in ("acceleration", "braking", "steering_lag", "latency")
    }
    assert not [name for name in world if name.startswith("randomisation.")]


def test_the_new_gazebo_has_the_topics_of_each_car(tmp_path):
    given = values("gz.launch.py", world=str(tmp_path / "a.sdf"))
    assert bridges({**given, "num_cars": "2"}) == [
        "/clock@rosgraph_msgs/msg/Clock[gz.msgs.Clock",
        "/racecar_1/cmd_vel@geometry_msgs/msg/Twist]gz.msgs.Twist",
        "/racecar_1/odom@nav_msgs/msg/Odometry[gz.msgs.Odometry",
        "/racecar_1/camera/image_raw@sensor_msgs/msg/Image[gz.msgs.Image",
        "/racecar_2/cmd_vel@geometry_msgs/msg/Twist]gz.msgs.Twist",
        "/racecar_2/odom@nav_msgs/msg/Odometry[gz.msgs.Odometry",
        "/racecar_2/camera/image_raw@sensor_msgs/msg/Image[gz.msgs.Image",
    ]
    with pytest.raises(SettingError, match=r"no such .sdf file; make one with: deepracer gazebo build"):
        world_file(given)
    (tmp_path / "a.sdf").write_text("")
    assert world_file(given) == str(tmp_path / "a.sdf")


def test_the_bridge_carries_the_topics_that_the_world_for_the_new_gazebo_has(tmp_path):
    from deepracer_sim.gazebo.car_model import Fleet
    from deepracer_sim.gazebo.world_file import build
    from deepracer_sim.simulation import Course

    course = Course.load(["oval"])
    world = build(course.tracks[0], course.grounds[0], tmp_path, Fleet(num_cars=2)).with_suffix(".sdf")
    named = set(re.findall(r"<(?:odom_)?topic>(.*?)</", world.read_text()))
    carried = {line.split("@")[0] for line in bridges({"num_cars": "2"})} - {"/clock"}
    assert named - carried == {"/racecar_1/wheel_odom", "/racecar_2/wheel_odom"}
    assert carried < named


@pytest.mark.parametrize("place", ["", "model", "checkpoints/best.pt"])
def test_a_model_drives_the_car_and_sees_the_picture_of_its_training(tmp_path, place):
    settings = TrainSettings(track=("oval",), num_cars=4).replaced(
        camera=TrainSettings().camera.replaced(width=72, pitch=0.4)
    )
    (tmp_path / "config.json").write_text(settings.model_dump_json())
    given = values("evaluate.launch.py", model=str(tmp_path / place), track="bowtie", randomised="true")
    (world,) = world_parameters(given)
    assert (world["camera.width"], world["camera.pitch"]) == (72, 0.4)
    assert (world["track"], world["num_cars"]) == ("bowtie", 1)
    assert world["randomisation.enabled"]
    assert world["randomisation.latency_draws"] == 1, "a policy is judged by an even draw"
    assert world["randomisation.latency"] == list(settings.randomisation.latency)


def test_a_model_that_lies_alone_is_shown_the_cars_own_picture(tmp_path):
    (world,) = world_parameters(values("evaluate.launch.py", model=str(tmp_path / "a" / "b" / "c")))
    assert (world["camera.width"], world["camera.height"], world["camera.colour"]) == (160, 120, "rgb")


def test_a_training_is_gone_on_with_as_it_was(tmp_path):
    settings = TrainSettings(track=("oval",), num_cars=4, seed=9)
    (tmp_path / "config.json").write_text(settings.model_dump_json())
    given = values("train.launch.py", run=str(tmp_path), resume="true", track="bowtie")
    for make in (world_parameters, monitor_parameters):
        (parameters,) = make(given)
        assert (parameters["track"], parameters["num_cars"]) == ("oval", 4)
    (world,) = world_parameters(given)
    assert world["seed"] == 9
    assert world["randomisation.latency_draws"] == settings.randomisation.latency_draws


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"headless": "false"}, "headless:=false: sim:=embedded has no window; rviz:=true shows it"),
        ({"num_cars": "two"}, "num_cars:=two: must be a whole number"),
        ({"real_time_factor": "fast"}, "real_time_factor:=fast: must be a number"),
        ({"params_file": "/nowhere.yaml"}, "params_file:=/nowhere.yaml: no such file"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_starts(given, message):
    with pytest.raises(SettingError, match=re.escape(message)):
        world_parameters(values("train.launch.py", **given))


def test_a_run_that_is_none_cannot_be_gone_on_with(tmp_path):
    with pytest.raises(RunError, match=re.escape(str(tmp_path / "config.json"))):
        world_parameters(values("train.launch.py", run=str(tmp_path), resume="true"))


def test_what_launch_starts_under_pip_is_the_program_of_that_name(tmp_path):
    for folder in ("lib/deepracer_sim", "bin"):
        (tmp_path / folder).mkdir(parents=True)
    for name in NODES:
        program = tmp_path / "bin" / name
        program.write_text(f'#!/bin/sh\necho {name} "$@"\n')
        program.chmod(0o755)
        wrapper = Path(shutil.copy(ROOT / "scripts" / name, tmp_path / "lib" / "deepracer_sim" / name))
        said = subprocess.run([wrapper, "--ros-args", "a b"], capture_output=True, text=True, check=True)
        assert said.stdout == f"{name} --ros-args a b\n"


@pytest.mark.skipif(not (PREFIX / "installed-ros").exists(), reason="ROS 2 is not installed: make ros")
def test_ros_finds_nodes_and_launch_files_in_the_environment():
    assert (PREFIX / "share/ament_index/resource_index/packages/deepracer_sim").is_file()
    for file in (*FILES, ROOT / "rviz" / "deepracer.rviz", ROOT / "package.xml"):
        assert (PREFIX / "share" / "deepracer_sim" / file.relative_to(ROOT)).samefile(file)
    for name in NODES:
        assert os.access(PREFIX / "lib" / "deepracer_sim" / name, os.X_OK)
    node = [PREFIX / "lib" / "deepracer_sim" / "world_node", "--ros-args", "-p", "num_cars:=9"]
    refused = subprocess.run(node, capture_output=True, text=True, check=False)
    assert refused.returncode == 2
    assert "num_cars=9: must be <= 8" in refused.stderr


def test_a_failed_process_fails_the_launch_and_one_that_ended_ends_it():
    pytest.importorskip("launch_ros", reason="launch is not installed: docs/ros.md")
    from types import SimpleNamespace

    def end(returncode: int, is_shutdown: bool = False):
        event = SimpleNamespace(process_name="world_node-1", returncode=returncode)
        return launch_arguments.end_all(event, SimpleNamespace(is_shutdown=is_shutdown))

    assert type(end(0)).__name__ == "Shutdown"
    assert end(-2, is_shutdown=True) is None
    with pytest.raises(RuntimeError, match="world_node-1 ended with the exit code 2"):
        end(2)
