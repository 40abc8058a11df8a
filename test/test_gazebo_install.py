"""The installation of Gazebo: where it comes from, what it refuses, how it is interrupted."""

from __future__ import annotations

import io
import os
import shutil
import signal
import subprocess
import sys

import pytest
from deepracer_program import ENVIRONMENT
from gazebo_server import descendants, needs_gazebo, runs, until

from deepracer_sim.errors import GazeboError
from deepracer_sim.gazebo import install as install_module
from deepracer_sim.gazebo.apt_sources import FALLBACK, host_mirror, read_sources
from deepracer_sim.gazebo.install import install
from deepracer_sim.gazebo.installation import PLUGIN_LIBRARY, plugin_folder
from deepracer_sim.gazebo.tool import STATUS_FD, Progress, Tools

DEBIAN = 'ID=debian\nVERSION_CODENAME="trixie"\n'
LINES = """
# deb http://commented.example/debian trixie main
deb-src http://source.example/debian trixie main
deb http://security.example/debian-security trixie-security main
deb [arch=amd64 signed-by=/usr/share/keyrings/vendor.gpg] https://vendor.example trixie main
deb [arch=amd64] http://mirror.example/debian/ trixie main contrib # the nearest
deb http://second.example/debian trixie main
"""
PARAGRAPHS = """
# Types: deb
Types: deb
URIs: https://off.example/debian
Suites: trixie
Components: main
Enabled: no

Types: deb deb-src
URIs: http://mirror.example/debian
Suites: trixie
 trixie-updates
# of all, this is the free one
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
"""


def make_etc(folder, release, lines="", paragraphs=""):
    (folder / "apt/sources.list.d").mkdir(parents=True)
    (folder / "os-release").write_text(release)
    (folder / "apt/sources.list").write_text(lines)
    (folder / "apt/sources.list.d/debian.sources").write_text(paragraphs)
    return folder


@pytest.mark.parametrize(
    ("lines", "paragraphs"), [(LINES, ""), ("", PARAGRAPHS)], ids=["lines", "paragraphs"]
)
def test_the_mirror_is_the_hosts(tmp_path, lines, paragraphs):
    assert host_mirror(make_etc(tmp_path, DEBIAN, lines, paragraphs)) == "http://mirror.example/debian"


def test_each_source_gives_its_address_suite_and_components(tmp_path):
    etc = make_etc(tmp_path, DEBIAN, "deb http://a.example/debian trixie main non-free\n", PARAGRAPHS)
    assert list(read_sources(etc / "apt")) == [
        ("http://a.example/debian", "trixie", ["main", "non-free"]),
        ("http://mirror.example/debian", "trixie", ["main"]),
        ("http://mirror.example/debian", "trixie-updates", ["main"]),
    ]


@pytest.mark.parametrize(
    ("release", "lines"),
    [
        ("ID=ubuntu\nVERSION_CODENAME=noble\n", "deb http://archive.ubuntu.com/debian noble main"),
        (DEBIAN, "deb cdrom:[Debian 13]/debian trixie main"),
        (DEBIAN, "deb mirror+file:/etc/apt/mirrors/debian trixie main"),
        (DEBIAN, ""),
    ],
    ids=["ubuntu", "cdrom", "list of mirrors", "nothing"],
)
def test_else_it_is_everybodys(tmp_path, release, lines):
    assert host_mirror(make_etc(tmp_path, release, lines)) == FALLBACK


def test_a_machine_that_says_nothing_of_itself_has_everybodys(tmp_path):
    assert host_mirror(tmp_path) == FALLBACK


@pytest.mark.parametrize("mirror", ["bullseye", "ftp://mirror.example/debian", "http://a b"])
def test_a_mirror_that_is_no_address_is_refused(tmp_path, mirror):
    with pytest.raises(GazeboError, match=f"--mirror {mirror}: must be an address as {FALLBACK}"):
        install(tmp_path, mirror)


@pytest.fixture
def bare(tmp_path, monkeypatch):
    """A machine that has no more than what is put into this folder of programs."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))

    def add(*names):
        for name in names:
            (folder / name).symlink_to("/bin/true")

    return add


def test_a_machine_that_lacks_everything_is_told_what(bare, tmp_path):
    with pytest.raises(GazeboError, match=r"lacks xvfb and mmdebstrap.* and has no apt-get: install them in"):
        install(tmp_path / "prefix")


def test_an_ordinary_user_is_told_what_to_install(bare, tmp_path, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    bare("apt-get", "Xvfb")
    with pytest.raises(GazeboError, match="sudo apt-get install --no-install-recommends uidmap mmdebstrap;"):
        install(tmp_path / "prefix")


def test_a_root_that_is_there_takes_no_more_than_a_display(bare, tmp_path):
    root = tmp_path / "prefix/root"
    (root / "usr/lib/x86_64-linux-gnu/gazebo-11").mkdir(parents=True)
    folder = plugin_folder(tmp_path / "prefix", root)
    folder.mkdir()
    (folder / PLUGIN_LIBRARY).touch()
    with pytest.raises(GazeboError, match="this machine lacks xvfb "):
        install(tmp_path / "prefix")


def test_too_little_space_is_refused_before_anything_is_done(bare, tmp_path, monkeypatch):
    bare("mmdebstrap", "Xvfb", "newuidmap", "unshare")
    monkeypatch.setattr(install_module, "NEEDED", 1e18)
    prefix = tmp_path / "prefix"
    with pytest.raises(GazeboError, match=r"GB are free in .*prefix, 1000000000\.0 GB are needed.* --prefix"):
        install(prefix)
    assert not (prefix / "root.unfinished").exists()


def test_what_is_there_already_needs_no_space(tmp_path, monkeypatch):
    half = tmp_path / "root.unfinished"
    half.mkdir()
    (half / "package.deb").write_bytes(bytes(3_000_000))
    monkeypatch.setattr(install_module, "NEEDED", shutil.disk_usage(tmp_path).free + 1_000_000)
    install_module._check_space(tmp_path)


def test_a_prefix_that_cannot_be_written_is_refused(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(GazeboError, match=r"cannot write to .*file/prefix: .*--prefix"):
        install(tmp_path / "file/prefix")


def test_two_installations_do_not_meet(tmp_path):
    with (
        install_module._locked(tmp_path),
        pytest.raises(GazeboError, match=f"another installation, process {os.getpid()}, .* at work in"),
    ):
        install(tmp_path)


@pytest.fixture
def tools(tmp_path):
    with (tmp_path / "lock").open("w") as lock:
        yield Tools(tmp_path / "install.log", lock.fileno(), Progress(io.StringIO()))


def test_a_tools_output_is_in_the_log(tools):
    tools.run(["echo", "first words"], "saying")
    tools.run(["echo", "more"], "saying")
    text = tools.log.read_text()
    assert "$ echo 'first words'\nfirst words\n" in text
    assert text.endswith("$ echo more\nmore\n")


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (
            "E: Unable to locate package gazebo",
            "baking failed: Unable to locate package gazebo; run it again",
        ),
        ("tar: write error: No space left on device", "No space left on device; free some space, or choose"),
        (
            "Err:1 http://m bullseye\n  Temporary failure resolving 'm'\nE: Some files failed",
            "baking failed: Temporary failure resolving 'm'; is there a network?",
        ),
        ("all was well", "baking failed: all was well; run it again, and it goes on where it stopped"),
        ("", "baking failed: exit code 3; run it again"),
    ],
)
def test_a_tool_that_fails_gives_reason_way_out_and_log(tools, said, told):
    tools.run(["echo", "E: an old fault"], "saying")
    with pytest.raises(GazeboError) as failure:
        tools.run(["sh", "-c", 'echo "$0"; exit 3', said], "baking")
    assert told in str(failure.value)
    assert str(tools.log) in str(failure.value)


def test_a_tool_that_does_not_exist_is_named(tools):
    with pytest.raises(GazeboError, match="no-such-tool"):
        tools.run(["no-such-tool"], "baking")


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(("stream", "lines"), [(Terminal(), 2), (io.StringIO(), 2)])
def test_progress_is_a_line_a_stage(tmp_path, stream, lines):
    progress = Progress(stream)
    with (tmp_path / "lock").open("w") as lock:
        tools = Tools(tmp_path / "log", lock.fileno(), progress)
        progress.begin("1/2 Downloading")
        report = "dlstatus:1:42.5:Retrieving file 1 of 2 (3s remaining)"
        tools.run(["sh", "-c", f"echo '{report}' >/proc/self/fd/$1; sleep 1", "sh", STATUS_FD], "downloading")
        progress.begin("2/2 Unpacking")
        progress.end()
    assert stream.getvalue().count("\n") == lines
    assert ("1/2 Downloading  42 %  0:0" in stream.getvalue()) == stream.isatty()


PROGRAM = """
import sys
from pathlib import Path
from deepracer_sim.gazebo.install import Progress, Tools, _interruptible, _locked
prefix = Path(sys.argv[1])
with _locked(prefix) as lock, _interruptible("the same again"):
    Tools(prefix / "log", lock.fileno(), Progress()).run(["sh", "-c", sys.argv[2]], "sleeping")
"""


@pytest.fixture
def sleeping(tmp_path):
    """Start an installation whose tool does as it is told."""
    processes = []

    def start(script):
        words = [sys.executable, "-c", PROGRAM, str(tmp_path), f"{script} echo ready; sleep 600 & wait"]
        processes.append(subprocess.Popen(words, env=ENVIRONMENT, stderr=subprocess.PIPE, text=True))
        log = tmp_path / "log"
        until(lambda: log.exists() and "\nready\n" in log.read_text(), "a tool at work")
        return processes[-1], descendants(processes[-1].pid)

    yield start
    for process in processes:
        process.kill()
        process.wait()
        process.stderr.close()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interruption_ends_the_tools_and_says_how_to_go_on(sleeping, number):
    process, tools = sleeping("")
    assert len(tools) == 2
    process.send_signal(number)
    assert "KeyboardInterrupt: the same again goes on from here" in process.stderr.read()
    assert not any(map(runs, tools))


@pytest.mark.slow
def test_a_tool_that_does_not_want_to_end_is_killed(sleeping):
    process, tools = sleeping("trap '' TERM;")
    process.send_signal(signal.SIGINT)
    process.wait()
    assert not any(map(runs, tools))


def test_a_tool_that_outlives_a_killed_installation_keeps_others_out(sleeping, tmp_path):
    process, tools = sleeping("trap '' TERM;")
    process.kill()
    process.wait()
    assert any(map(runs, tools))
    with pytest.raises(GazeboError, match=f"process {process.pid}, or a tool that it has left running"):
        install(tmp_path)
    for pid in tools:
        os.kill(pid, signal.SIGKILL)
    until(lambda: not any(map(runs, tools)), "their end")
    with install_module._locked(tmp_path):
        pass


@needs_gazebo
def test_what_is_installed_is_not_installed_again(capsys):
    install()
    assert capsys.readouterr().out.startswith("Gazebo 11 is ready: ")


@pytest.mark.skipif(shutil.which("mmdebstrap") is None or os.geteuid(), reason="needs mmdebstrap, and root")
def test_a_mirror_that_does_not_answer_is_named(tmp_path):
    with pytest.raises(
        GazeboError, match=r"setting up Debian 11 from http://127\.0\.0\.1:9/debian failed: .*network"
    ):
        install(tmp_path, "http://127.0.0.1:9/debian")
