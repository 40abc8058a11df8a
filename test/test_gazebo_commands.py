"""The `deepracer gazebo` commands."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys

import pytest
from deepracer_program import ENVIRONMENT
from gazebo_server import descendants, needs_gazebo, one, runs
from small_runs import circle_track

from deepracer_sim.gazebo.commands import COMMANDS
from deepracer_sim.track_library import list_tracks


def test_the_group_has_help(deepracer):
    code, out, _ = deepracer("gazebo")
    assert code == 0
    for name in COMMANDS:
        assert f"\n  {name} " in out


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(deepracer, name):
    code, out, err = deepracer("gazebo", name, "--help")
    assert (code, err) == (0, "")
    assert f"usage: deepracer gazebo {name} " in out


def test_a_world_is_built_for_one_track_or_for_all(deepracer, tmp_path):
    track = circle_track(tmp_path)
    assert deepracer("gazebo", "build", "--track", track, "--output", tmp_path / "one", "--cars", 2)[0] == 0
    world = (tmp_path / "one/worlds/circle.world").read_text()
    assert len(re.findall(r"<car>", world)) == 2
    code, out, _ = deepracer("gazebo", "build", "--output", tmp_path / "all")
    assert code == 0
    worlds = [f"{tmp_path}/all/worlds/{row.name}.world" for row in list_tracks()]
    assert out.splitlines() == worlds


def test_without_gazebo_the_way_out_is_named(deepracer, monkeypatch, tmp_path):
    monkeypatch.setenv("DEEPRACER_GAZEBO", str(tmp_path / "nothing"))
    monkeypatch.setenv("PATH", "")
    code, _, err = deepracer("gazebo", "run")
    assert code == 2
    assert "Gazebo Classic 11 is not installed" in err
    assert "deepracer gazebo install" in err


@pytest.fixture
def running(tmp_path):
    """A `deepracer gazebo run` that is ready, and its processes."""
    words = [
        sys.executable,
        "-m",
        "deepracer_sim.cli",
        "gazebo",
        "run",
        "--track",
        str(circle_track(tmp_path)),
    ]
    pipe = subprocess.PIPE
    process = subprocess.Popen(words, env=ENVIRONMENT, stdout=pipe, stderr=pipe, text=True)
    lines = [process.stdout.readline() for _ in range(4)]
    assert re.fullmatch(r"lock-step plugin  127\.0\.0\.1:\d+\n", lines[0]), process.stderr.read()
    assert lines[3] == "Ctrl-C ends it\n"
    yield process, descendants(process.pid)
    process.kill()
    process.communicate()


@needs_gazebo
def test_ctrl_c_ends_gazebo(running):
    process, others = running
    process.send_signal(signal.SIGINT)
    assert process.wait() == 130
    assert process.stderr.read() == "deepracer: stopped\n"
    assert not any(map(runs, others))


@needs_gazebo
def test_a_gazebo_that_dies_is_an_error(running):
    process, others = running
    os.kill(one(others, "gzserver"), signal.SIGKILL)
    assert process.wait() == 2
    assert process.stderr.read().startswith("deepracer: gzserver was ended by SIGKILL")
    assert not any(map(runs, others))
