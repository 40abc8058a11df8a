"""Where Gazebo is looked for, and how its programs are started."""

from __future__ import annotations

import shutil
import subprocess

import pytest
from gazebo_server import needs_gazebo

from deepracer_sim.errors import GazeboError
from deepracer_sim.gazebo import installation
from deepracer_sim.gazebo.installation import (
    HOST,
    PLUGIN_LIBRARY,
    PLUGIN_SOURCES,
    Installation,
    default_prefix,
    find,
    plugin_folder,
)

LIBRARIES = "usr/lib/x86_64-linux-gnu"


@pytest.fixture
def prefix(tmp_path, monkeypatch):
    """The default prefix, on a machine without a Gazebo of its own."""
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("DEEPRACER_GAZEBO", str(tmp_path / "prefix"))
    return tmp_path / "prefix"


def make_root(prefix):
    (prefix / "root" / LIBRARIES / "gazebo-11").mkdir(parents=True)
    return prefix / "root"


def make_plugin(prefix, root):
    folder = plugin_folder(prefix, root)
    folder.mkdir(parents=True)
    (folder / PLUGIN_LIBRARY).touch()
    return folder


def make_gzserver(tmp_path, answer):
    """A gzserver on the PATH that knows its version and nothing else."""
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin/gzserver"
    program.write_text(f"#!/bin/sh\necho '{answer}'\n")
    program.chmod(0o755)
    return program


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"DEEPRACER_GAZEBO": "/data/gazebo", "XDG_CACHE_HOME": "/cache"}, "/data/gazebo"),
        ({"DEEPRACER_GAZEBO": "~/gazebo"}, "/home/me/gazebo"),
        ({"XDG_CACHE_HOME": "/cache"}, "/cache/deepracer/gazebo"),
        ({"XDG_CACHE_HOME": "", "DEEPRACER_GAZEBO": ""}, "/home/me/.cache/deepracer/gazebo"),
        ({}, "/home/me/.cache/deepracer/gazebo"),
    ],
)
def test_the_default_prefix_is_in_the_cache(monkeypatch, variables, expected):
    monkeypatch.setenv("HOME", "/home/me")
    for name in ("DEEPRACER_GAZEBO", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert str(default_prefix()) == expected


def test_a_finished_installation_is_found(prefix):
    root = make_root(prefix)
    folder = make_plugin(prefix, root)
    assert find() == find(prefix) == Installation(root, folder)


def test_nothing_at_all_says_what_was_looked_for_and_the_way_out(prefix):
    with pytest.raises(GazeboError) as refusal:
        find()
    assert str(refusal.value) == (
        f"Gazebo Classic 11 is not installed: nothing is in {prefix}, and no gzserver is on the PATH. "
        "Set it up with: deepracer gazebo install"
    )


def test_another_prefix_has_another_way_out(prefix, tmp_path):
    with pytest.raises(GazeboError, match=f"deepracer gazebo install --prefix {tmp_path}$"):
        find(tmp_path)


def test_half_an_installation_is_none(prefix):
    (prefix / "root.unfinished").mkdir(parents=True)
    with pytest.raises(GazeboError, match="is not finished: deepracer gazebo install goes on with it"):
        find()


def test_a_plugin_of_other_sources_has_to_be_compiled_anew(prefix, tmp_path, monkeypatch):
    root = make_root(prefix)
    shutil.copytree(PLUGIN_SOURCES, tmp_path / "sources")
    monkeypatch.setattr(installation, "PLUGIN_SOURCES", tmp_path / "sources")
    make_plugin(prefix, root)
    find()
    with next((tmp_path / "sources").glob("*.cc")).open("a") as source:
        source.write("// changed\n")
    with pytest.raises(GazeboError, match=r"not compiled for this version: .*\. Compile it with: deepracer"):
        find()


def test_the_hosts_gazebo_11_is_found_where_there_is_no_other(prefix, tmp_path):
    make_gzserver(tmp_path, "Gazebo multi-robot simulator, version 11.10.2")
    with pytest.raises(GazeboError, match="not compiled"):
        find()
    folder = make_plugin(prefix, HOST)
    assert find() == Installation(HOST, folder)
    assert find().command("gzserver") == ["gzserver"]
    root = make_root(prefix)
    assert find_with_plugin(prefix, root).root == root


def find_with_plugin(prefix, root):
    make_plugin(prefix, root)
    return find(prefix)


@pytest.mark.parametrize(
    ("answer", "version"),
    [("Gazebo multi-robot simulator, version 9.12.0", "9.12.0"), ("110 apples", "unknown")],
)
def test_another_gazebo_does_not_do(prefix, tmp_path, answer, version):
    program = make_gzserver(tmp_path, answer)
    with pytest.raises(GazeboError, match=f"nothing is in {prefix}, and {program} is {version}"):
        find()


def test_programs_of_a_root_take_nothing_of_the_host(prefix, monkeypatch):
    root = make_root(prefix)
    monkeypatch.setenv("LD_LIBRARY_PATH", "/opt/ros/jazzy/lib")
    monkeypatch.setenv("LD_PRELOAD", "libjemalloc.so")
    monkeypatch.setenv("QT_PLUGIN_PATH", "/usr/lib/qt6/plugins")
    monkeypatch.setenv("HOME", "/home/me")
    found = Installation(root, prefix / "plugin")
    environment = found.environment([prefix / "models"])
    assert not {"LD_LIBRARY_PATH", "LD_PRELOAD"} & set(environment)
    assert environment["QT_PLUGIN_PATH"] == str(root / LIBRARIES / "qt5/plugins")
    assert environment["HOME"] == "/home/me"
    assert environment["GAZEBO_PLUGIN_PATH"] == f"{prefix}/plugin:{root}/{LIBRARIES}/gazebo-11/plugins"
    assert environment["GAZEBO_MODEL_PATH"] == f"{prefix}/models:{root}/usr/share/gazebo-11/models"
    loader, *options, program = found.command("gzserver")
    assert (loader, program) == (f"{root}/lib/x86_64-linux-gnu/ld-2.31.so", f"{root}/usr/bin/gzserver")
    assert all(path.startswith(f"{root}/") for path in options[-1].split(":"))


def test_a_root_without_gazebo_is_refused(tmp_path):
    with pytest.raises(GazeboError, match=f"{tmp_path} has no Gazebo 11"):
        Installation(tmp_path, tmp_path).command("gzserver")


@needs_gazebo
def test_gazebo_loads_its_own_libraries_only():
    found = find()
    listing = subprocess.run(
        found.command("gzserver"),
        env={**found.environment(), "LD_TRACE_LOADED_OBJECTS": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    paths = [line.split(" => ")[1].split()[0] for line in listing.stdout.splitlines() if " => " in line]
    assert len(paths) > 100
    assert [path for path in paths if not path.startswith(str(found.root))] == []


@needs_gazebo
def test_gazebo_is_version_11():
    found = find()
    words = [*found.command("gzserver"), "--version"]
    said = subprocess.run(words, env=found.environment(), capture_output=True, text=True)
    assert "version 11." in said.stdout
