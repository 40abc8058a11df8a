"""The program that builds the message packages: what it builds, what it leaves alone and what it refuses."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

rclpy = pytest.importorskip("rclpy", reason="ROS 2 is not installed: make ros")
pytestmark = pytest.mark.skipif(
    not Path(rclpy.__file__).is_relative_to(sys.prefix), reason="this ROS 2 is not from wheels"
)

INTERFACES = Path(__file__).resolve().parent.parent / "interfaces"
BUILD = INTERFACES / "build.py"


def build(definitions, prefix, **environment):
    """Run the build program; return its exit status and what it says."""
    command = [sys.executable, str(BUILD), "--definitions", str(definitions), "--prefix", str(prefix)]
    result = subprocess.run(command, env=os.environ | environment, capture_output=True, text=True)
    return result.returncode, result.stdout + result.stderr


@pytest.fixture
def prefix(tmp_path):
    (tmp_path / "prefix").mkdir()
    return tmp_path / "prefix"


def define(tmp_path, name, text):
    """Write a definition like tiny_msgs/msg/Pair.msg; return the folder of packages."""
    file = tmp_path / "definitions" / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return tmp_path / "definitions"


@pytest.mark.slow
def test_what_has_changed_is_built_and_nothing_else(tmp_path, prefix):
    definitions = define(tmp_path, "tiny_msgs/msg/Pair.msg", "float32 left\ngeometry_msgs/Point[] points\n")
    define(tmp_path, "other_msgs/srv/Ask.srv", "---\nbool answer\n")
    status, said = build(definitions, prefix)
    assert status == 0 and "other_msgs, tiny_msgs: built" in said
    assert build(definitions, prefix) == (0, "")
    assert build(definitions, prefix, PATH="") == (0, "")

    define(tmp_path, "tiny_msgs/msg/Pair.msg", "float32 left\nfloat32 right\n")
    status, said = build(definitions, prefix)
    assert status == 0 and "  tiny_msgs: built" in said
    (modules,) = prefix.glob("lib/python3*/site-packages")
    program = "from tiny_msgs.msg import Pair; from rclpy.serialization import serialize_message as wire; "
    program += "print(len(wire(Pair(left=1.0, right=2.0))))"
    environment = os.environ | {"PYTHONPATH": str(modules)}
    result = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, cwd=tmp_path
    )
    assert result.stdout == "12\n", result.stderr  # four bytes that say how, and twice four
    index = prefix / "share/ament_index/resource_index"
    assert (index / "rosidl_interfaces/tiny_msgs").read_text() == "msg/Pair.idl\nmsg/Pair.msg"
    assert (index / "packages/tiny_msgs").exists()
    assert {path.name for path in prefix.iterdir()} == {"lib", "share"}


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("flaot32 right", "'flaot32 right' is neither a field nor a constant"),
        ("float32", "'float32' is neither a field nor a constant"),
        ("float32 Right", "'float32 Right' is neither a field nor a constant"),
        ("uint8 MOST=256", "'uint8 MOST=256' is neither a field nor a constant"),
        ("geometry_msgs/Posse pose", "'geometry_msgs/Posse pose': there is no message geometry_msgs/Posse"),
        ("Twin[] twins", "'Twin[] twins': there is no message tiny_msgs/Twin"),
    ],
)
def test_a_malformed_line_is_named_and_nothing_is_installed(tmp_path, prefix, line, complaint):
    define(tmp_path, "other_msgs/msg/Right.msg", "bool right\n")
    definitions = define(tmp_path, "tiny_msgs/msg/Pair.msg", f"# left and right\nfloat32 left\n{line}\n")
    file = definitions / "tiny_msgs/msg/Pair.msg"
    assert build(definitions, prefix) == (1, f"interfaces: {file}:3: {complaint}\n")
    assert not list(prefix.iterdir())


@pytest.mark.parametrize(
    ("name", "text"), [("srv/Ask.srv", "bool question\n"), ("msg/Pair.msg", "bool left\nbool left\n")]
)
def test_a_malformed_file_is_named(tmp_path, prefix, name, text):
    definitions = define(tmp_path, f"tiny_msgs/{name}", text)
    status, said = build(definitions, prefix)
    assert status == 1 and said.startswith(f"interfaces: {definitions}/tiny_msgs/{name}: ")
    assert said.count("\n") == 1


def test_a_missing_compiler_is_named(tmp_path, prefix):
    definitions = define(tmp_path, "tiny_msgs/msg/Pair.msg", "float32 left\n")
    complaint = "interfaces: no compiler cc on the PATH; install it: sudo apt install gcc\n"
    assert build(definitions, prefix, PATH="") == (1, complaint)
    assert not list(prefix.iterdir())


def test_missing_headers_of_python_are_named(monkeypatch):
    monkeypatch.syspath_prepend(INTERFACES)
    program = import_module("build")
    monkeypatch.setattr(program.sysconfig, "get_path", lambda name: "/nowhere")
    with pytest.raises(program.BuildError, match=r"no /nowhere/Python.h; .* apt install python3.\d+-dev"):
        program.check_compiler()


def test_a_python_without_ros_is_refused():
    result = subprocess.run([sys.executable, "-S", str(BUILD)], capture_output=True, text=True)
    assert result.returncode == 1
    assert result.stderr.endswith("has no rclpy; install ROS 2 there: make ros\n")
