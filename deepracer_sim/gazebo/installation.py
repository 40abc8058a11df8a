"""Where Gazebo Classic 11 is, and how its programs are started."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from deepracer_sim.errors import GazeboError

PLUGIN_SOURCES = Path(__file__).parent / "plugin"
PLUGIN_LIBRARY = "libdeepracer_lockstep.so"
ROOT_NAME, UNFINISHED_NAME = "root", "root.unfinished"
"""Folders of a prefix: the Debian 11 root that has Gazebo in it, and one whose installation has not ended."""
HOST = Path("/")
LIBRARY_FOLDERS = (
    "lib/{0}",
    "usr/lib/{0}",
    "usr/lib",
    # Found through links in /etc/alternatives and run paths, both of which lead to the host's files.
    *(f"usr/lib/{{0}}/{name}" for name in ("blas", "lapack", "pulseaudio", "openmpi/lib", "OGRE-1.9.0")),
    "usr/lib/{0}/gazebo-11/plugins",
)
FOREIGN = re.compile("LD_|QT_|GAZEBO_|OGRE_|LIBGL_|MESA_|__GLX_|__EGL_")
"""Variables by which Debian 11's programs would load the host's libraries, or which are set here."""


@dataclass(frozen=True)
class Installation:
    """A Gazebo Classic 11, and the lock-step plugin compiled for it.

    Its programs run as ordinary processes among the host's files: those of a Debian 11 root are started by
    that root's own loader, which takes neither rights nor mounts.

    Args:
        root: `/` for the host's own Gazebo, else the folder of a Debian 11 root.
        plugin: folder of the compiled plugin.
    """

    root: Path
    plugin: Path

    def command(self, program: str) -> list[str]:
        """Return the words that start gzserver or gzclient; its arguments follow."""
        if self.root == HOST:
            return [program]
        libraries = _path(*(self.root / folder.format(self._platform) for folder in LIBRARY_FOLDERS))
        loader = self.root / "lib" / self._platform / "ld-2.31.so"
        # Without the cache: it names the host's libraries.
        return [
            str(loader),
            "--inhibit-cache",
            "--library-path",
            libraries,
            str(self.root / "usr/bin" / program),
        ]

    def environment(self, models: Sequence[Path] = ()) -> dict[str, str]:
        """Return the variables of Gazebo's programs; DISPLAY and the address of a master are still to be set.

        Args:
            models: folders that `model://` is looked up in, before Gazebo's own.
        """
        shared, libraries = self.root / "usr/share/gazebo-11", self.root / "usr/lib" / self._platform
        return {
            **(dict(os.environ) if self.root == HOST else self._debian_environment()),
            "GAZEBO_MODEL_PATH": _path(*models, shared / "models"),
            "GAZEBO_RESOURCE_PATH": str(shared),
            "GAZEBO_PLUGIN_PATH": _path(self.plugin, libraries / "gazebo-11/plugins"),
            "OGRE_RESOURCE_PATH": str(libraries / "OGRE-1.9.0"),
            "GAZEBO_MODEL_DATABASE_URI": "",  # else models are looked for on the internet, for minutes
            "GAZEBO_IP": "127.0.0.1",
            "LIBGL_ALWAYS_SOFTWARE": "1",
            "ALSOFT_DRIVERS": "null",  # no sound, and no complaints that there is none
            "LC_ALL": "C.UTF-8",  # numbers have a decimal point, whatever the user's language
        }

    def _debian_environment(self) -> dict[str, str]:
        libraries = self.root / "usr/lib" / self._platform
        return {
            **{name: value for name, value in os.environ.items() if not FOREIGN.match(name)},
            "LIBGL_DRIVERS_PATH": str(libraries / "dri"),
            "__GLX_VENDOR_LIBRARY_NAME": "mesa",
            "LOCPATH": str(self.root / "usr/lib/locale"),
            "QT_PLUGIN_PATH": str(libraries / "qt5/plugins"),
            "QT_QPA_PLATFORM": "xcb",
            "XKB_CONFIG_ROOT": str(self.root / "usr/share/X11/xkb"),
        }

    @property
    def _platform(self) -> str:
        """The processor's name in library folders, as x86_64-linux-gnu."""
        for folder in self.root.glob("usr/lib/*/gazebo-11"):
            return folder.parent.name
        raise GazeboError(f"{self.root} has no Gazebo 11: there is no usr/lib/*/gazebo-11 in it")


def default_prefix() -> Path:
    """Return where Gazebo gets installed: $DEEPRACER_GAZEBO, else a folder in the user's cache."""
    if chosen := os.environ.get("DEEPRACER_GAZEBO"):
        return Path(chosen).expanduser().absolute()
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser().absolute() / "deepracer/gazebo"


def find(prefix: Path | None = None) -> Installation:
    """Return the Gazebo of a prefix, else the host's own.

    Args:
        prefix: folder of `deepracer gazebo install`; `default_prefix()` if absent.

    Raises:
        GazeboError: there is none, or its plugin is not compiled from this package's sources.
    """
    prefix = prefix or default_prefix()
    command = install_command(prefix)
    root = find_root(prefix)
    if root is None and (prefix / UNFINISHED_NAME).exists():
        raise GazeboError(
            f"the installation of Gazebo in {prefix} is not finished: {command} goes on with it"
        )
    if root is None:
        version = host_version()
        host = f"{shutil.which('gzserver')} is {version}" if version else "no gzserver is on the PATH"
        raise GazeboError(
            f"Gazebo Classic 11 is not installed: nothing is in {prefix}, and {host}. "
            f"Set it up with: {command}"
        )
    folder = plugin_folder(prefix, root)
    if not (folder / PLUGIN_LIBRARY).is_file():
        raise GazeboError(
            f"Gazebo's lock-step plugin is not compiled for this version: no {folder / PLUGIN_LIBRARY}. "
            f"Compile it with: {command}"
        )
    return Installation(root, folder)


def install_command(prefix: Path) -> str:
    """Return what the user types to install Gazebo into a prefix."""
    option = "" if prefix == default_prefix() else f" --prefix {prefix}"
    return f"deepracer gazebo install{option}"


def find_root(prefix: Path) -> Path | None:
    """Return the Debian 11 root of a prefix, `/` if the host has a Gazebo 11 of its own, or nothing."""
    root = prefix / ROOT_NAME
    if root.is_dir():
        return root
    return HOST if re.match(r"11\b", host_version()) else None


def host_version() -> str:
    """Return the version of the gzserver on the PATH, "" if there is none, "unknown" if it does not tell."""
    if shutil.which("gzserver") is None:
        return ""
    try:
        answer = subprocess.run(["gzserver", "--version"], capture_output=True, text=True, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return "unknown"
    found = re.search(r"version (\d[\w.]*)", answer.stdout)
    return found.group(1) if found else "unknown"


def plugin_folder(prefix: Path, root: Path) -> Path:
    """Return where the plugin of this package's sources lies, compiled for the Gazebo of a root."""
    sources = hashlib.sha256(b"host" if root == HOST else b"root")
    for path in sorted(path for path in PLUGIN_SOURCES.glob("*") if path.suffix in (".cc", ".hh", ".txt")):
        sources.update(f"{path.name}\0".encode() + path.read_bytes())
    return prefix / f"plugin-{sources.hexdigest()[:12]}"


def _path(*folders: Path) -> str:
    return ":".join(map(str, folders))
