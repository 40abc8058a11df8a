"""The car's package in a virtual environment that has what a car has and nothing else: there it drives."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

import pytest

pytest.importorskip("deepracer_interfaces_pkg", reason="the car's messages are not built: make ros")

import rclpy
from car_peer import running_car

ROOT = Path(__file__).resolve().parent.parent
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not Path(rclpy.__file__).is_relative_to(sys.prefix), reason="this ROS 2 is not from wheels"
    ),
]

ON_THE_CAR = re.compile(r"(ros-.*|numpy|onnxruntime|opencv-python-headless)==")
NO_NETWORK = "connection broken"
"""In what pip says, whatever broke it."""
OF_THIS_ENVIRONMENT = re.compile("LD_LIBRARY_PATH|PYTHONPATH|AMENT_PREFIX_PATH|_ROS_WHEELS_.*")
"""What a program of another environment must not inherit."""


@pytest.fixture(scope="module")
def python():
    """The Python of a new environment, where that of the tests neither is nor is seen."""
    with tempfile.TemporaryDirectory() as name, pytest.MonkeyPatch.context() as patch:
        folder = Path(name)
        for variable in filter(OF_THIS_ENVIRONMENT.fullmatch, list(os.environ)):
            patch.delenv(variable)
        # The folder that a program starts in, this repository, is not for imports.
        patch.setenv("PYTHONSAFEPATH", "1")
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        python = folder / "bin/python"
        _install(python)
        modules = Path(sysconfig.get_path("platlib", "venv", {"base": name, "platbase": name}))
        shutil.copytree(ROOT / "deepracer_inference", modules / "deepracer_inference")
        # It has no wheel, and to build it takes a compiler.
        messages = "deepracer_interfaces_pkg"
        shutil.copytree(Path(sysconfig.get_path("platlib"), messages), modules / messages)
        patch.setattr(sys, "executable", str(python))
        yield python


def _install(python):
    files = [ROOT / name for name in ("requirements.txt", "requirements-ros.txt")]
    pins = [line for file in files for line in file.read_text().splitlines() if ON_THE_CAR.match(line)]
    command = [python, "-m", "pip", "install", "--disable-pip-version-check", "--retries=1", *pins]
    result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode:
        if NO_NETWORK in result.stderr:
            pytest.skip(f"no network to install {len(pins)} packages from")
        pytest.fail(result.stderr)


def test_both_nodes_are_imported_where_there_is_no_workstation(python):
    program = (
        "import importlib.util\n"
        "for name in ('torch', 'onnx', 'pydantic', 'gymnasium', 'matplotlib', 'deepracer_sim'):\n"
        "    assert importlib.util.find_spec(name) is None, name\n"
        "import deepracer_inference.inference_node, deepracer_inference.servo_node\n"
        "print(deepracer_inference.__file__)\n"
    )
    result = subprocess.run([python, "-c", program], capture_output=True, text=True, cwd=ROOT)
    assert result.stdout.startswith(str(python.parents[1])), result.stderr


def test_it_drives_by_a_model(python, tmp_path):
    with running_car(tmp_path) as car:
        car.process.wait_for("ms a picture")
        files = Path(f"/proc/{car.process.process.pid}/maps").read_text()
        assert f"{python.parents[1]}/" in files and f"{sys.prefix}/" not in files
        assert car.start() == 0
        angles_and_throttles = [command[1:] for command in car.show(1.0)]
        # 30 degrees to the left, and the cap.
        assert angles_and_throttles[-1] == pytest.approx((1.0, 0.5))
        assert car.process.end() == 0


def test_without_a_model_it_refuses(python, tmp_path):
    with running_car(tmp_path, model=tmp_path / "nowhere") as car:
        car.process.wait_for("nowhere: no such folder")
        assert car.start() == 1
        assert not car.show(0.3)
