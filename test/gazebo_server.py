"""What tests of a running Gazebo share."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from deepracer_sim.errors import GazeboError
from deepracer_sim.gazebo.installation import find

PATIENCE = 30.0
"""Seconds; far more than anything takes."""


def is_installed():
    try:
        find()
    except GazeboError:
        return False
    return True


needs_gazebo = pytest.mark.skipif(
    not is_installed(), reason="Gazebo is not installed: deepracer gazebo install"
)


def until(is_so, what):
    """Wait until something is so."""
    deadline = time.monotonic() + PATIENCE
    while not is_so():
        if time.monotonic() > deadline:
            pytest.fail(f"{what} was not so within {PATIENCE:g} s")
        time.sleep(0.02)


def command_line(pid):
    return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()


def descendants(pid):
    """All processes that a process has started, and those that these have: {pid: command line}."""
    found = {}
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in map(int, (task / "children").read_text().split()):
            found |= {child: command_line(child), **descendants(child)}
    return found


def one(processes, word):
    """The process that has a word in its command line."""
    (pid,) = (pid for pid, line in processes.items() if word in line)
    return pid


def runs(pid):
    """Whether a process exists and is no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
