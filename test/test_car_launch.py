"""The car's launch file: what it declares, and that it needs nothing that a car has not."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

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
