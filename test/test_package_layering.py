"""Who may import whom: the car's package knows nothing of the workstation's, and ROS stays at the edge."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
CAR_FILES = sorted((ROOT / "deepracer_inference").rglob("*.py"))
ALL_FILES = CAR_FILES + sorted((ROOT / "deepracer_sim").rglob("*.py"))

CAR_MAY_IMPORT = {"deepracer_inference", "numpy", "cv2", "onnxruntime", "yaml"}
"""Beside ROS, which brings yaml."""
ROS_NAME = re.compile(
    r"rclpy|rcl_interfaces|builtin_interfaces|cv_bridge|tf2\w*|launch\w*|ament\w*|std_srvs|\w+_(msgs|srvs)"
    r"|\w+_interfaces(_pkg)?|simulation_interfaces"
)


def imported_packages(source):
    """The first names of all imports, wherever in the file they are."""
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names.update(alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names.add(node.module.split(".")[0])
    return names


def may_import_ros(path):
    relative = path.relative_to(ROOT)
    return relative.parts[1] == "ros" or relative.as_posix() in (
        "deepracer_inference/inference_node.py",
        "deepracer_inference/servo_node.py",
    )


def test_the_reader_finds_imports_inside_functions():
    source = "import numpy as np\ndef f():\n    from torch.nn import Linear\n    from . import car\n"
    assert imported_packages(source) == {"numpy", "torch"}


@pytest.mark.parametrize("name", ["rclpy", "sensor_msgs", "std_srvs", "tf2_ros", "deepracer_interfaces_pkg"])
def test_ros_names_are_recognised(name):
    assert ROS_NAME.fullmatch(name)


@pytest.mark.parametrize("path", CAR_FILES, ids=lambda path: path.name)
def test_the_cars_package_imports_only_what_the_car_has(path):
    names = imported_packages(path.read_text()) - set(sys.stdlib_module_names)
    if may_import_ros(path):
        names = {name for name in names if not ROS_NAME.fullmatch(name)}
    assert names <= CAR_MAY_IMPORT


@pytest.mark.parametrize("path", ALL_FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_ros_is_imported_only_at_the_edge(path):
    ros = {name for name in imported_packages(path.read_text()) if ROS_NAME.fullmatch(name)}
    assert not ros or may_import_ros(path)


@pytest.mark.parametrize("path", CAR_FILES, ids=lambda path: path.name)
def test_the_cars_package_is_python_3_8(path):
    source = path.read_text()
    ast.parse(source, filename=str(path), feature_version=(3, 8))
    assert path.name == "__init__.py" or "from __future__ import annotations" in source


def test_driving_loads_neither_torch_nor_the_simulator():
    modules = [f"deepracer_inference.{path.stem}" for path in CAR_FILES if not may_import_ros(path)]
    program = (
        f"import sys, {', '.join(modules).replace('.__init__', '')}, onnxruntime\n"
        "print([name for name in ('torch', 'deepracer_sim', 'gymnasium', 'rclpy') if name in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)
    assert result.stdout.strip() == "[]", result.stderr


def test_the_versions_of_the_ros_and_the_python_package_agree():
    manifest = ElementTree.parse(ROOT / "package.xml")
    setup = (ROOT / "setup.py").read_text()
    assert manifest.findtext("name") == "deepracer_sim"
    assert f'version="{manifest.findtext("version")}"' in setup
