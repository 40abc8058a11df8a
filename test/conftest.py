"""Fixtures that several test files share.

They import what they need themselves: the tests of what goes on the car run without torch, too.
"""

from __future__ import annotations

import functools
import shutil
import signal
import sys

import pytest

# Who runs the tests in the background, or under nohup, may have these signals ignored; the programs under
# test must not inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture(scope="session")
def track(tmp_path_factory):
    """The file of a circle."""
    from small_runs import circle_track

    return circle_track(tmp_path_factory.mktemp("track"))


@pytest.fixture(scope="module")
def fast():
    """Paint a track once, and draw no training graph."""
    from deepracer_sim import training_graph
    from deepracer_sim.simulation import Course

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Course, "load", staticmethod(functools.cache(Course.load)))
        patch.setattr(training_graph, "save_training_graph", lambda *arguments: None)
        yield


@pytest.fixture(scope="session")
def whole(track, tmp_path_factory):
    """A training of 5 iterations in one go; its best model is of iteration 2 or 4."""
    from small_runs import ITERATIONS, small_settings

    from deepracer_sim.training_run import start

    return start(small_settings(track, ITERATIONS), tmp_path_factory.mktemp("whole") / "run")


@pytest.fixture(scope="session")
def part(track, tmp_path_factory):
    """The first 3 iterations of the same; tests go on with a copy of it."""
    from small_runs import small_settings

    from deepracer_sim.training_run import start

    return start(small_settings(track, 3), tmp_path_factory.mktemp("part") / "run")


@pytest.fixture
def copy(part, tmp_path):
    """A copy of `part` to go on with."""
    from deepracer_sim.run_folder import RunFolder

    shutil.copytree(part.path, tmp_path / "run")
    return RunFolder.open(tmp_path / "run")


@pytest.fixture
def deepracer(monkeypatch, capsys):
    """Run the program here; return its exit code, output and errors."""
    from deepracer_sim import cli, training_graph

    monkeypatch.setattr(training_graph, "save_training_graph", lambda *arguments: None)

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["deepracer", *map(str, words)])
        try:
            cli.main()
            code = 0
        except SystemExit as end:
            code = end.code
        return code, *capsys.readouterr()

    return run


@pytest.fixture(scope="module")
def chromium():
    """The system's browser; its tests are skipped where there is none, see browser.py."""
    import browser

    with browser.started() as one:
        yield one


@pytest.fixture(scope="module", autouse=True)
def domains():
    """Give the ROS domains of a file's nodes back when its last test has ended."""
    yield
    if nodes := sys.modules.get("ros_nodes"):
        nodes.give_back_domains()


@pytest.fixture
def peer():
    """Make peers of node processes; they are closed at the end."""
    from ros_peer import Peer

    peers = []

    def make(domain, process):
        peers.append(Peer(domain, process))
        return peers[-1]

    yield make
    for one in peers:
        one.close()
