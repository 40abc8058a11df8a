"""`deepracer gazebo install`: Gazebo Classic 11 where the host has none, and the plugin compiled for it."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TextIO

from deepracer_sim.errors import GazeboError
from deepracer_sim.gazebo.apt_sources import checked_mirror, host_mirror, read_os_release
from deepracer_sim.gazebo.debian_root import KEYRING, DebianRoot, check_rights
from deepracer_sim.gazebo.installation import (
    HOST,
    PLUGIN_LIBRARY,
    PLUGIN_SOURCES,
    ROOT_NAME,
    UNFINISHED_NAME,
    default_prefix,
    find,
    find_root,
    install_command,
    plugin_folder,
)
from deepracer_sim.gazebo.tool import Progress, Tools

NEEDED = 2.5e9
"""Bytes that an installation takes at most; some of them only until it is through."""
BUILD = Path("tmp/deepracer-plugin")
ALWAYS = {"Xvfb": "xvfb"}
ROOT_PACKAGES = {"mmdebstrap": "mmdebstrap", str(KEYRING): "debian-archive-keyring"}
USER_PACKAGES = {"newuidmap": "uidmap"}
HOST_PACKAGES = {"cmake": "cmake", "make": "make", "c++": "g++"}
GAZEBO_HEADERS = "/usr/include/gazebo-11"
"""Programs and files that must be there, and the host's packages that bring them."""
Run = Callable[[Sequence[str], str], None]
"""Runs a command line, where Gazebo is; the second argument says what it does, for errors."""


def install(prefix: Path | None = None, mirror: str | None = None) -> None:
    """Set up as much of Gazebo as is missing, and print where it is.

    Args:
        prefix: folder of the installation; `default_prefix()` if absent.
        mirror: address of a Debian mirror; that of the host if absent.

    Raises:
        GazeboError: it cannot be done; what has been done stays, and the next call goes on.
        KeyboardInterrupt: likewise.
    """
    prefix = (prefix or default_prefix()).expanduser().absolute()
    address = host_mirror() if mirror is None else checked_mirror(mirror)
    start = time.monotonic()
    with _locked(prefix) as lock, _interruptible(install_command(prefix)):
        tools = Tools(prefix / "install.log", lock.fileno(), Progress())
        stages = _stages(prefix, address, tools)
        try:
            for number, (title, stage) in enumerate(stages.items(), 1):
                tools.progress.begin(f"{number}/{len(stages)} {title}")
                stage()
        finally:
            tools.progress.end()
    installation = find(prefix)
    is_hosts = installation.root == HOST
    where = "the host's own" if is_hosts else f"{installation.root} ({_size(prefix) / 1e9:.1f} GB)"
    minutes = f"{(time.monotonic() - start) / 60:.1f} min" if stages else "nothing to do"
    print(f"Gazebo 11 is ready: {where}, with the plugin in {installation.plugin}; {minutes}")
    if prefix != default_prefix():
        print(f"Let deepracer find it: export DEEPRACER_GAZEBO={prefix}")


def _stages(prefix: Path, mirror: str, tools: Tools) -> dict[str, Callable[[], None]]:
    """Return what is to be done, under titles for the user, after a look at what it takes."""
    root = find_root(prefix)
    stages: dict[str, Callable[[], None]] = {}
    packages = {**ALWAYS, **(USER_PACKAGES if root != HOST and os.geteuid() != 0 else {})}
    if root is None:
        packages |= ROOT_PACKAGES
    elif root == HOST:
        packages |= {**HOST_PACKAGES, GAZEBO_HEADERS: _headers_package()}
    missing = [package for name, package in packages.items() if not _is_there(name)]
    if missing:
        stages[f"Installing {' '.join(missing)}"] = partial(_install_host_packages, missing, tools)
    if root is None:
        _check_space(prefix)
        if not missing:
            check_rights(prefix)
        debian = DebianRoot(prefix, mirror, tools)
        stages["Setting up Debian 11"] = debian.make
        stages["Downloading Gazebo"] = debian.download
        stages["Unpacking Gazebo"] = debian.install
        root = prefix / ROOT_NAME
    if not (plugin_folder(prefix, root) / PLUGIN_LIBRARY).is_file():
        run = tools.run if root == HOST else DebianRoot(prefix, mirror, tools).run
        stages["Compiling the lock-step plugin"] = partial(_compile, prefix, root, run)
    return stages


def _headers_package() -> str:
    return "libgazebo11-dev" if read_os_release().get("VERSION_ID") == "20.04" else "libgazebo-dev"


def _is_there(name: str) -> bool:
    return Path(name).exists() if "/" in name else shutil.which(name) is not None


def _install_host_packages(packages: list[str], tools: Tools) -> None:
    command = f"apt-get install --no-install-recommends {' '.join(packages)}"
    if shutil.which("apt-get") is None:
        raise GazeboError(
            f"this machine lacks {' and '.join(packages)} (as Debian and Ubuntu call these packages) and "
            "has no apt-get: install them in its own way, then run this again"
        )
    if os.geteuid() != 0:
        raise GazeboError(f"this machine lacks {' and '.join(packages)}: sudo {command}; then run this again")
    tools.run(["apt-get", "update"], "apt-get update")
    tools.run([*command.split(), "-y"], command)


def _check_space(prefix: Path) -> None:
    needed = NEEDED - _size(prefix / UNFINISHED_NAME)
    free = shutil.disk_usage(prefix).free
    if free < needed:
        raise GazeboError(
            f"too little space for Gazebo: {free / 1e9:.1f} GB are free in {prefix}, {needed / 1e9:.1f} GB "
            "are needed; free some, or choose another folder with --prefix"
        )


def _size(folder: Path) -> int:
    """Return how many bytes the files below a folder take on its disk."""
    size = 0
    for path, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):
                size += os.lstat(os.path.join(path, name)).st_blocks * 512
    return size


def _compile(prefix: Path, root: Path, run: Run) -> None:
    """Compile the plugin where Gazebo is, and put it into its folder once it is complete."""
    work = prefix / "build" if root == HOST else root / BUILD
    inside = work if root == HOST else HOST / BUILD
    shutil.rmtree(work, ignore_errors=True)
    shutil.copytree(PLUGIN_SOURCES, work / "source")
    doing = "compiling the lock-step plugin"
    run(["cmake", "-S", f"{inside}/source", "-B", str(inside)], doing)
    run(["cmake", "--build", str(inside), "--parallel", str(os.cpu_count() or 1)], doing)
    folder = plugin_folder(prefix, root)
    half = folder.with_name(f"{folder.name}.unfinished")
    shutil.rmtree(half, ignore_errors=True)
    half.mkdir()
    shutil.copy2(work / PLUGIN_LIBRARY, half)
    half.rename(folder)
    shutil.rmtree(work)


@contextlib.contextmanager
def _locked(prefix: Path) -> Iterator[TextIO]:
    """Keep other installations out of a prefix, until the last tool of this one has ended."""
    try:
        prefix.mkdir(parents=True, exist_ok=True)
        lock = (prefix / "install.lock").open("a+")
    except OSError as error:
        raise GazeboError(
            f"cannot write to {prefix}: {error.strerror}; choose another folder with --prefix"
        ) from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            lock.seek(0)
            raise GazeboError(
                f"another installation, process {lock.read()}, or a tool that it has left running is at work "
                f"in {prefix}: wait until it has ended"
            ) from error
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield lock


@contextlib.contextmanager
def _interruptible(command: str) -> Iterator[None]:
    """Take a hang-up and a termination as Ctrl-C, and say what comes after one."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    numbers = (signal.SIGTERM, signal.SIGHUP)
    former = [signal.signal(number, interrupt) for number in numbers]
    try:
        yield
    except KeyboardInterrupt as stop:
        raise KeyboardInterrupt(f"{command} goes on from here") from stop
    finally:
        for number, handler in zip(numbers, former, strict=True):
            signal.signal(number, handler)
