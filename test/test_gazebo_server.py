"""Gazebo starts, tells why if it does not, and leaves nothing behind, however it ends."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from deepracer_program import ENVIRONMENT
from gazebo_server import command_line, descendants, needs_gazebo, one, runs, until
from small_runs import circle_track

from deepracer_sim.errors import GazeboError
from deepracer_sim.gazebo import server as server_module
from deepracer_sim.gazebo.commands import build_worlds
from deepracer_sim.gazebo.installation import Installation, find
from deepracer_sim.gazebo.server import GazeboServer
from deepracer_sim.gazebo.server_log import ServerLog

pytestmark = needs_gazebo
# Its child has its pipes, which therefore do not close with it.
PROGRAM = """
import os, sys, time
from pathlib import Path
from deepracer_sim.gazebo.server import GazeboServer
server = GazeboServer(Path(sys.argv[1]))
child = os.fork()
if child:
    print(child, flush=True)
time.sleep(600)
"""


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    folder = tmp_path_factory.mktemp("gazebo")
    build_worlds(str(circle_track(folder)), folder)
    return folder / "worlds/circle.world"


@pytest.fixture
def started(world):
    """A process that has started Gazebo, and the three processes that belong to it."""
    words = [sys.executable, "-c", PROGRAM, str(world)]
    process = subprocess.Popen(words, env=ENVIRONMENT, stdout=subprocess.PIPE, text=True)
    child = int(process.stdout.readline())
    found = descendants(process.pid)
    assert len(found) == 4
    yield process, [one(found, name) for name in ("keeper.py", "Xvfb", "gzserver")]
    assert runs(child)
    os.kill(child, signal.SIGKILL)
    process.kill()
    process.communicate()


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Where temporary files are made."""
    path = tmp_path / "temporary"
    path.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(path))
    return path


def display_socket(server):
    """Where the display of a gzserver listens."""
    variables = Path(f"/proc/{server}/environ").read_bytes().split(b"\0")
    (number,) = (value[9:].decode() for value in variables if value.startswith(b"DISPLAY=:"))
    return Path(f"/tmp/.X11-unix/X{number}")


def connects(port):
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def test_a_server_answers_until_it_is_closed(world, folder):
    with GazeboServer(world) as server:
        processes = descendants(os.getpid())
        display = display_socket(one(processes, "gzserver"))
        assert display.exists()
        assert server.is_running()
        assert connects(server.port)
        assert server.end_reason() == "gzserver runs"
        assert ServerLog(server.log).lockstep_port() == server.port
    assert not any(map(runs, processes))
    until(lambda: not connects(server.port), "its port free")
    assert not server.is_running()
    assert not display.exists()
    assert not any(folder.iterdir())
    server.close()


def test_a_log_stays_where_it_was_asked_for(world, tmp_path):
    log = tmp_path / "deeper/gzserver.log"
    with GazeboServer(world, log=log) as server:
        first = server.port
        server.restart()
        assert server.is_running()
        assert connects(server.port)
    assert f"127.0.0.1:{first}" in log.read_text()
    assert f"127.0.0.1:{server.port}" in log.read_text()


def test_two_servers_do_not_clash(world):
    with GazeboServer(world) as one, GazeboServer(world) as other:
        assert one.port != other.port
        assert one.master_uri != other.master_uri
        other.close()
        assert one.is_running()
        assert connects(one.port)


@pytest.fixture
def user_display(monkeypatch):
    """A display that Gazebo's window opens on."""
    reader, writer = os.pipe()
    process = subprocess.Popen(["Xvfb", "-displayfd", str(writer), "+extension", "GLX"], pass_fds=[writer])
    monkeypatch.setenv("DISPLAY", f":{os.read(reader, 9).decode().strip()}")
    yield
    process.terminate()
    process.wait()
    os.close(reader)
    os.close(writer)


def test_a_window_may_be_closed(world, user_display):
    with GazeboServer(world, gui=True) as server:
        until(lambda: "gzclient" in " ".join(descendants(os.getpid()).values()), "a window")
        window = one(descendants(os.getpid()), "gzclient")
        # What it says once it has found the server.
        until(
            lambda: "Connected to gazebo master" in server.log.with_name("gzclient.log").read_text(),
            "greeting",
        )
        os.kill(window, signal.SIGKILL)
        until(lambda: not runs(window), "its end")
        assert server.is_running()
        assert connects(server.port)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_nothing_outlives_the_program_that_started_it(started, number):
    process, others = started
    folder = Path(command_line(others[0]).split()[-1])
    assert folder.is_dir()
    process.send_signal(number)
    until(lambda: not any(map(runs, others)), "the end of everything")
    assert process.wait() != 0
    assert not folder.exists()


def test_ctrl_c_at_a_terminal_reaches_the_program_alone(started):
    process, others = started
    assert all(os.getsid(pid) != os.getsid(process.pid) for pid in others)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
@pytest.mark.parametrize("index", [0, 1, 2], ids=["keeper", "display", "server"])
def test_what_belongs_together_ends_together(world, folder, number, index):
    with GazeboServer(world) as server:
        found = descendants(os.getpid())
        names = ("keeper.py", "Xvfb", "gzserver")
        display = display_socket(one(found, "gzserver"))
        os.kill(one(found, names[index]), number)
        until(lambda: not server.is_running(), "the end of the server")
        until(lambda: not any(map(runs, found)), "the end of everything")
        reason = server.end_reason()
    if index:
        assert reason.startswith(f"{names[index]} ")
    if index == 2:
        assert f"was ended by {number.name}" in reason
    if (index, number) != (1, signal.SIGKILL):  # a display that is killed cannot tidy up
        assert not display.exists()
    assert not any(folder.iterdir())
    until(lambda: not connects(server.port), "its port free")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("<sdf", "Error parsing XML in file"),
        ('<sdf version="1.6"><world name="w"><plugin name="p" filename="libdeepracer_lockstep.so">'
         "<car>nobody</car></plugin></world></sdf>", "there is no model nobody"),
    ],
    ids=["no XML", "no car"],
)  # fmt: skip
def test_a_bad_world_is_refused_with_gazebos_reason(tmp_path, folder, text, reason):
    bad = tmp_path / "bad.world"
    bad.write_text(f"{text}<!-- libdeepracer_lockstep.so -->")
    with pytest.raises(GazeboError, match=reason) as refusal:
        GazeboServer(bad)
    assert str(bad) in str(refusal.value)
    assert not any(folder.iterdir())
    assert not descendants(os.getpid())


def test_a_world_that_is_missing_or_cannot_be_stepped_is_refused(tmp_path):
    with pytest.raises(
        GazeboError, match=r"there is no world .*none.world; make one with: deepracer gazebo build"
    ):
        GazeboServer(tmp_path / "none.world")
    (tmp_path / "plain.world").write_text("<sdf/>")
    with pytest.raises(GazeboError, match=r"has no plugin libdeepracer_lockstep.so"):
        GazeboServer(tmp_path / "plain.world")


def test_a_plugin_that_is_missing_is_named(world, tmp_path):
    with pytest.raises(GazeboError, match=r"Failed to load plugin libdeepracer_lockstep\.so"):
        GazeboServer(world, installation=Installation(find().root, tmp_path))


def test_a_port_that_is_taken_is_named(world, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        monkeypatch.setenv("DEEPRACER_LOCKSTEP_PORT", str(port))
        with pytest.raises(GazeboError, match=f"cannot listen on 127.0.0.1:{port}: Address already in use"):
            GazeboServer(world)
    with GazeboServer(world) as server:
        assert server.port == port


@pytest.mark.parametrize("port", ["many", "70000", "-1"])
def test_a_port_that_is_none_is_refused(world, monkeypatch, port):
    monkeypatch.setenv("DEEPRACER_LOCKSTEP_PORT", port)
    with pytest.raises(GazeboError, match=f"port {port} .*: must be 0 to 65535"):
        GazeboServer(world)


def test_another_port_is_tried_for_the_master(world, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as holder:
        taken = holder.getsockname()[1]
        ports = iter([taken, server_module._free_port()])
        monkeypatch.setattr(server_module, "_free_port", lambda: next(ports))
        with GazeboServer(world) as server:
            assert server.master_uri != f"http://127.0.0.1:{taken}"
            assert connects(server.port)


def test_a_missing_xvfb_is_named(world, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(GazeboError, match=r"Xvfb.* not installed: sudo apt-get install xvfb"):
        GazeboServer(world)


def test_an_xvfb_that_fails_gives_its_reason(world, monkeypatch, tmp_path):
    (tmp_path / "Xvfb").write_text("#!/bin/sh\necho 'Fatal server error: no memory' >&2; exit 1\n")
    (tmp_path / "Xvfb").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with pytest.raises(GazeboError, match="Xvfb ended with exit code 1: Fatal server error: no memory"):
        GazeboServer(world)


def test_a_window_needs_a_display(world, monkeypatch):
    monkeypatch.delenv("DISPLAY", raising=False)
    with pytest.raises(GazeboError, match="DISPLAY is not set"):
        GazeboServer(world, gui=True)


def test_the_server_is_light_to_import():
    program = (
        "import sys; from deepracer_sim.gazebo import server\nprint({'torch', 'numpy'} & {*sys.modules})"
    )
    ended = subprocess.run([sys.executable, "-c", program], env=ENVIRONMENT, capture_output=True, text=True)
    assert ended.stdout == "set()\n", ended.stderr
