"""The Debian mirror that a machine takes its own packages from."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from deepracer_sim.errors import GazeboError

FALLBACK = "http://deb.debian.org/debian"
ARCHIVE = "http://archive.debian.org/debian"
"""Where Debian releases go that mirrors have dropped."""
SCHEMES = ("http://", "https://")


def host_mirror(etc: Path = Path("/etc")) -> str:
    """Return the mirror of a Debian machine's own release; that of everybody on other machines.

    Args:
        etc: folder with os-release and apt/.
    """
    release = read_os_release(etc)
    if release.get("ID") != "debian":
        return FALLBACK
    codename = release.get("VERSION_CODENAME", "stable")
    for uri, suite, components in read_sources(etc / "apt"):
        # Other repositories (security updates, vendors) have other suites, paths or components.
        is_debian = "main" in components and uri.rstrip("/").endswith("/debian")
        if suite in (codename, "stable") and is_debian and uri.startswith(SCHEMES):
            return uri.rstrip("/")
    return FALLBACK


def checked_mirror(mirror: str) -> str:
    """Return a mirror's address without its last slash.

    Raises:
        GazeboError: it is no address.
    """
    if not mirror.startswith(SCHEMES) or any(character.isspace() for character in mirror):
        raise GazeboError(f"--mirror {mirror}: must be an address as {FALLBACK}")
    return mirror.rstrip("/")


def read_os_release(etc: Path = Path("/etc")) -> dict[str, str]:
    """Return what a system says of itself: ID, VERSION_CODENAME and so on; nothing where there is no file."""
    try:
        lines = (etc / "os-release").read_text().splitlines()
    except OSError:
        return {}
    pairs = (line.partition("=") for line in lines if "=" in line)
    return {name.strip(): value.strip().strip("\"'") for name, _, value in pairs}


def read_sources(apt: Path) -> Iterator[tuple[str, str, list[str]]]:
    """Yield (address, suite, components) of every source of binary packages, in the order of apt.

    Args:
        apt: folder with sources.list and sources.list.d/, whose files are of one line a source (.list) or of
            one paragraph (.sources).
    """
    folder = apt / "sources.list.d"
    files = sorted((*folder.glob("*.list"), *folder.glob("*.sources")))
    for path in (apt / "sources.list", *files):
        try:
            text = path.read_text()
        except OSError:
            continue
        yield from _read_paragraphs(text) if path.suffix == ".sources" else _read_lines(text)


def _read_lines(text: str) -> Iterator[tuple[str, str, list[str]]]:
    for line in text.splitlines():
        kind, _, rest = line.partition("#")[0].strip().partition(" ")
        if rest.lstrip().startswith("["):  # options
            rest = rest.partition("]")[2]
        words = rest.split()
        if kind == "deb" and len(words) >= 2:
            yield words[0], words[1], words[2:]


def _read_paragraphs(text: str) -> Iterator[tuple[str, str, list[str]]]:
    lines = (line for line in text.splitlines() if not line.startswith("#"))
    for paragraph in "\n".join(line.strip() and line for line in lines).split("\n\n"):
        fields: dict[str, list[str]] = {}
        name = ""
        for line in paragraph.splitlines():
            if not line[:1].isspace():  # else it continues the field before
                name, _, line = line.partition(":")
                name = name.strip().lower()
            fields.setdefault(name, []).extend(line.split())
        if "deb" not in fields.get("types", []) or fields.get("enabled", [""])[0].lower() in (
            "no",
            "false",
            "0",
        ):
            continue
        for uri in fields.get("uris", []):
            for suite in fields.get("suites", []):
                yield uri, suite, fields.get("components", [])
