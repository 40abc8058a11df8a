"""The car's launch files: what they declare, and that the real car's needs nothing that a car has not."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from deepracer_inference.parameters import SETTINGS

FILE = Path(__file__).parents[1] / "launch" / "car.launch.py"
PROGRAM = """
import importlib.util, sys
from types import ModuleType, SimpleNamespace
made = []
class Any:
    def __init__(self, *args, **options):
        self.args, self.options = args, options
        made.append(self)
for name in ("launch", "launch.actions", "launch.conditions", "launch.substitutions", "launch_ros",
             "launch_ros.actions"):
    sys.modules[name] = ModuleType(name)
    for thing in ("LaunchContext", "LaunchDescription", "LaunchDescriptionEntity", "DeclareLaunchArgument",
                  "OpaqueFunction", "Shutdown", "IfCondition", "LaunchConfiguration", "Node"):
        setattr(sys.modules[name], thing, Any)
for name in ("deepracer_sim", "torch", "pydantic", "tyro", "yaml"):
    sys.modules[name] = None
spec = importlib.util.spec_from_file_location("car_launch", sys.argv[1])
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
module.generate_launch_description()
given = {one.args[0]: one.options["default_value"] for one in made if "default_value" in one.options}
nodes = module.processes(SimpleNamespace(launch_configurations=given))
print(sorted(given))
print(nodes[1].options["parameters"][0])
"""


def test_it_declares_every_parameter_and_passes_its_type():
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, FILE], capture_output=True, text=True, cwd=FILE.parents[1]
    )
    assert done.returncode == 0, done.stderr
    names, values = done.stdout.splitlines()
    assert names == str(sorted([*(setting.name for setting in SETTINGS), "servo"]))
    assert values == str({setting.name: setting.default for setting in SETTINGS})


@pytest.mark.slow
def test_ros2_launch_drives_a_car_in_simulation(tmp_path, track, peer):
    pytest.importorskip("launch_ros", reason="launch is not installed: docs/ros.md")
    from car_peer import NAME, save_model
    from deepracer_interfaces_pkg.srv import InferenceStateSrv
    from nav_msgs.msg import Odometry
    from ros_nodes import new_domain

    domain = new_domain()
    environment = {
        **os.environ,
        "AMENT_PREFIX_PATH": sys.prefix,
        "ROS_DOMAIN_ID": str(domain),
        "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST",
        "ROS_LOG_DIR": str(tmp_path),
        "OMP_NUM_THREADS": "1",
    }
    command = [Path(sys.prefix, "bin", "ros2"), "launch", "deepracer_sim", "car_in_simulation.launch.py"]
    # It must touch no servo of the machine that it runs on.
    arguments = [f"model:={save_model(tmp_path / 'model')}", f"track:={track}", "servo:=true"]
    log = tmp_path / "launch.log"
    with log.open("w") as output:
        process = subprocess.Popen(
            [*command, *arguments], env=environment, stdout=output, stderr=subprocess.STDOUT
        )
    try:
        other = peer(domain, SimpleNamespace(process=process, text=log.read_text))
        places = other.hear(Odometry, "/odom")
        start = InferenceStateSrv.Request(start=1)
        assert other.ask(InferenceStateSrv, f"{NAME}/inference_state", start).error == 0
        other.until(lambda: places and places[-1].twist.twist.linear.x > 0.5, "a car that drives")
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0, log.read_text()
        assert "servo_node" not in log.read_text()
    finally:
        process.kill()
        process.wait()
