"""The tables of docs/ros.md: what the nodes themselves say."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("rclpy", reason="ROS 2 is not installed: make ros")

from deepracer_sim.ros.reference import filled

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "ros.md"


def reference(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Run the program; ROS can be started once in a process and this one keeps it off."""
    command = [sys.executable, "-m", "deepracer_sim.ros.reference", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)


def test_the_page_says_what_the_nodes_say():
    checked = reference("--check")
    assert checked.returncode == 0, checked.stderr


def test_an_outdated_page_is_noticed_and_written_anew(tmp_path):
    page = Path(shutil.copy(PAGE, tmp_path))
    page.write_text(PAGE.read_text().replace("| 15 |", "| 16 |").replace("| `track` |", "| `tracks` |", 1))
    assert page.read_text() != PAGE.read_text()
    checked = reference(page, "--check")
    assert checked.returncode == 1
    assert "out of date: python -m deepracer_sim.ros.reference" in checked.stderr
    assert reference(page).returncode == 0
    assert page.read_text() == PAGE.read_text()


def test_tables_are_put_between_their_marks():
    page = "a\n<!-- one -->\nold\n<!-- end -->\nb\n<!-- two -->\n<!-- end -->\nc\n"
    new = "a\n<!-- one -->\n1\n<!-- end -->\nb\n<!-- two -->\n2\n<!-- end -->\nc\n"
    assert filled(page, {"one": "1", "two": "2"}) == new
    assert filled(new, {"one": "1", "two": "2"}) == new
    with pytest.raises(ValueError, match="three"):
        filled(page, {"three": "3"})
