"""A Debian 11 in a folder, with Gazebo Classic 11 and what compiles its plugins."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from deepracer_sim.errors import GazeboError
from deepracer_sim.gazebo.installation import ROOT_NAME, UNFINISHED_NAME
from deepracer_sim.gazebo.tool import STATUS_FD, Tools

RELEASE = "bullseye"
"""Debian 11: the last release with a Gazebo Classic 11."""
PACKAGES = ("gazebo", "gazebo-plugin-base", "libgl1-mesa-dri", "libgazebo-dev", "g++", "cmake", "make")
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
APT_OPTIONS = ('APT::Install-Recommends "false"', 'Acquire::Languages "none"', 'Acquire::Retries "3"')
DPKG_OPTIONS = (
    *(f"path-exclude=/usr/share/{folder}/*" for folder in ("doc", "man", "locale", "info", "help")),
    # 400 MB of static libraries; those that compilers need and that CMake looks for stay.
    "path-exclude=/usr/lib/*.a",
    "path-include=/usr/lib/*/liboct*.a",
    "path-include=/usr/lib/gcc/*",
    "path-include=/usr/lib/*_nonshared.a",
    "force-unsafe-io",  # what a loss of power would spoil is made safe once, at the end
)
NAMES = Path("/etc/resolv.conf")
AS_USER = ("unshare", "--map-root-user", "--map-auto", "--mount")
"""Makes an ordinary user root of a namespace, with the range of users that /etc/subuid gives him."""
ENTER_AS_USER = 'mount --rbind /dev "$0/dev" && exec chroot "$0" "$@"'
BASE_STAGE, DOWNLOAD_STAGE = "base", "packages"


class DebianRoot:
    """The root of a prefix, made in stages: base system, downloads, packages.

    Until the last stage is through it has another name. Each stage leaves a mark, so that a later
    installation goes on where one was interrupted.

    Args:
        prefix: folder of the installation.
        mirror: address of a Debian mirror.
        tools: run what is needed.
    """

    def __init__(self, prefix: Path, mirror: str, tools: Tools) -> None:
        self.path, self.unfinished = prefix / ROOT_NAME, prefix / UNFINISHED_NAME
        self.mirror, self.tools = mirror, tools

    def make(self) -> None:
        """Unpack the base system, with apt in it."""
        if self._is_done(BASE_STAGE):
            return
        # Of other users' files too, and never of what something has mounted there.
        self.tools.run([*_isolation(), "rm", "-rf", "--one-file-system", self.unfinished], "removing")
        options = [f"--aptopt={option}" for option in APT_OPTIONS] + [
            f"--dpkgopt={one}" for one in DPKG_OPTIONS
        ]
        self.tools.run(
            [
                *_isolation(),
                *("mmdebstrap", "--mode=root", "--variant=apt", "--format=directory", *options),
                *(f"--keyring={KEYRING}", RELEASE, self.unfinished, self.mirror),
            ],
            f"setting up Debian 11 from {self.mirror}",
        )
        self._mark(BASE_STAGE)

    def download(self) -> None:
        """Fetch the packages; apt goes on in the middle of a file."""
        if self._is_done(DOWNLOAD_STAGE):
            return
        # Names are looked up as the host does it now, which may not be as it did it before.
        if NAMES.exists():
            shutil.copyfile(NAMES, self.unfinished / "etc/resolv.conf")
        doing = f"downloading from {self.mirror}"
        (self.unfinished / "etc/apt/sources.list").write_text(f"deb {self.mirror} {RELEASE} main\n")
        self.run(["apt-get", "update", "-o", "APT::Update::Error-Mode=any"], doing)
        self.run(_apt("install", "--download-only", *PACKAGES), doing)
        self._mark(DOWNLOAD_STAGE)

    def install(self) -> None:
        """Unpack and configure the packages, and give the root its final name."""
        if self.path.exists():
            return
        # If it was interrupted, dpkg ends what it was at, as far as it can, and apt brings what that lacks.
        with suppress(GazeboError):
            self.run(["dpkg", "--configure", "-a"], "configuring")
        self.run(_apt("install", "--fix-broken"), "unpacking Gazebo")
        self.run(_apt("install", *PACKAGES), "unpacking Gazebo")
        self.run(["apt-get", "clean"], "tidying up")
        self.run(["sh", "-c", "rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin"], "tidying up")
        if os.geteuid() != 0:  # some files are of other users; let this one be able to delete them
            self.tools.run([*AS_USER, "chown", "-Rh", "0:0", self.unfinished], "tidying up")
        os.sync()
        self.unfinished.rename(self.path)

    def run(self, words: Sequence[str], doing: str) -> None:
        """Run a program of the root in it."""
        self.tools.run([*self._enter(), *words], doing)

    def _enter(self) -> list[str]:
        folder = str(self.path if self.path.exists() else self.unfinished)
        return ["chroot", folder] if os.geteuid() == 0 else [*AS_USER, "sh", "-c", ENTER_AS_USER, folder]

    def _is_done(self, stage: str) -> bool:
        return self.path.exists() or (self.unfinished / f".{stage}-is-done").exists()

    def _mark(self, stage: str) -> None:
        os.sync()
        (self.unfinished / f".{stage}-is-done").touch()


def check_rights(prefix: Path) -> None:
    """See whether this user can make a root.

    Raises:
        GazeboError: an ordinary user who may not be root of a namespace.
    """
    if os.geteuid() == 0:
        return
    answer = subprocess.run([*AS_USER, "true"], capture_output=True, text=True)
    if answer.returncode != 0:
        reason = (answer.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise GazeboError(
            f"an ordinary user cannot set up a Debian 11 root on this machine ({reason}); do it as root: "
            f'sudo "$(command -v deepracer)" gazebo install --prefix {prefix}'
        )


def _isolation() -> list[str]:
    """Return the words before a tool that mounts: whatever happens to it, its mounts vanish with it."""
    if os.geteuid() != 0:
        return list(AS_USER)
    may_unshare = subprocess.run(["unshare", "--mount", "true"], stderr=subprocess.DEVNULL).returncode == 0
    return ["unshare", "--mount"] if may_unshare else []


def _apt(*words: str) -> list[str]:
    options = (f"APT::Status-Fd={STATUS_FD}", "Dpkg::Use-Pty=0")
    return ["apt-get", "-y", *(f"-o{option}" for option in options), *words]
