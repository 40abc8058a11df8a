"""The messages of the community's car: those of the stock car's names with other fields."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("rclpy", reason="ROS 2 is not installed: make ros")

import rclpy

ROOT = Path(__file__).parents[1]
FIELDS = {
    "CameraMsg": "sensor_msgs/CompressedImage[] images\n",
    "EvoSensorMsg": "sensor_msgs/CompressedImage[] images\nfloat32[] lidar_data\n",
    "InferResultsArray": "InferResults[] results\nsensor_msgs/CompressedImage[] images\n",
    "ServoCtrlMsg": "float32 angle\nfloat32 throttle\nbuiltin_interfaces/Time source_stamp\n",
}
needs_wheels = pytest.mark.skipif(
    not Path(rclpy.__file__).is_relative_to(sys.prefix), reason="this ROS 2 is not from wheels"
)


def build(folder: Path) -> Path:
    """Build the community's messages; return the folder to import them from."""
    definitions = folder / "definitions" / "deepracer_interfaces_pkg"
    shutil.copytree(ROOT / "interfaces" / "deepracer_interfaces_pkg", definitions)
    for name, fields in FIELDS.items():
        (definitions / "msg" / f"{name}.msg").write_text(fields)
    (folder / "prefix").mkdir()
    command = [sys.executable, ROOT / "interfaces/build.py", "--definitions", folder / "definitions"]
    subprocess.run([*command, "--prefix", folder / "prefix"], check=True)
    (modules,) = (folder / "prefix").glob("lib/python3*/site-packages")
    return modules


def use(modules: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give processes that are started from now on the community's messages."""
    paths = [str(modules), os.environ.get("PYTHONPATH", "")]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, paths)))
