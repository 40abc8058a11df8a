"""SIGKILL at many points of every change: the store opens, and nothing that was complete is lost."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from deepracer_program import ENVIRONMENT

POINTS = 8
"""Of each action; more by hand."""
ACTIONS = {"create", "clone", "rename", "delete", "restore", "choose", "import", "download"}


@pytest.mark.slow
def test_killed_at_many_points(track, tmp_path):
    program = Path(__file__).with_name("kill_points.py")
    words = [sys.executable, str(program), str(tmp_path / "scene"), str(track), str(POINTS)]
    ended = subprocess.run(words, env=ENVIRONMENT, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr[-3000:]
    done = dict(line.split() for line in ended.stdout.splitlines())
    assert set(done) == ACTIONS
    assert all(int(count) >= 5 for count in done.values()), done
