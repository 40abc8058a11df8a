"""The launch files as text: what they call and declare, read without launch."""

from __future__ import annotations

import ast
from pathlib import Path

from deepracer_sim.ros.launch_arguments import ARGUMENTS, LEARNING

ROOT = Path(__file__).parents[1]
FILES = sorted((ROOT / "launch").glob("*.launch.py"))


def calls(file: Path, name: str) -> list[ast.Call]:
    """All calls of a function or class in a launch file."""
    tree = ast.parse(file.read_text())
    found = (node for node in ast.walk(tree) if isinstance(node, ast.Call))
    return [call for call in found if getattr(call.func, "id", getattr(call.func, "attr", "")) == name]


def declared(file: Path) -> dict[str, str | None]:
    """The arguments that a launch file declares, with their defaults."""
    arguments = {}
    for call in calls(file, "declare"):
        own = {}
        for keyword in call.keywords:
            own.update({keyword.arg: ast.literal_eval(keyword.value)} if keyword.arg else LEARNING)
        for name in map(ast.literal_eval, call.args):
            arguments[name] = own.pop(name, ARGUMENTS[name].default)
        assert not own, f"{file.name} has defaults for what it does not declare: {own}"
    return arguments


def values(name: str, **given: str) -> dict[str, str]:
    """What the functions of a launch file see when a user gives some arguments."""
    return {**declared(ROOT / "launch" / "sim.launch.py"), **declared(ROOT / "launch" / name), **given}
