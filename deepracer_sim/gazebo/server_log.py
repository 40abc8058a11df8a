"""What gzserver says: when it is ready, why it is not, and what matters of the rest."""

from __future__ import annotations

import re
from pathlib import Path

COLOURS = re.compile(r"\x1b\[[\d;]*m")
LISTENING = re.compile(r"lock-step: listening on 127\.0\.0\.1:(\d+)")
NEVER_READY = re.compile(
    r"lock-step: (?!listening)|Failed to load plugin libdeepracer|Falling back on worlds/empty\.world"
)
NO_PORT = re.compile(r"Unable to start server.*Address already in use")
FAULT = re.compile(
    r"\[Err\]|\berror\b|exception|terminate|abort|assert|fault|unable to|failed", re.IGNORECASE
)
NOISE = re.compile(r"ALSA lib|AL lib|\[Msg\]|\[Wrn\]")
ORIGIN = re.compile(r"^\[\w+\] \[[\w.]+:\d+\] ")
MOST_FAULTS = 3


class ServerLog:
    """The output of a gzserver.

    Args:
        path: of its file.
        begin: bytes of it that an earlier gzserver has written.
    """

    def __init__(self, path: Path, begin: int = 0) -> None:
        self.path, self.begin = path, begin

    @property
    def text(self) -> str:
        """All that has been said, without colours."""
        if not self.path.exists():
            return ""
        return COLOURS.sub("", self.path.read_bytes()[self.begin :].decode(errors="replace"))

    def lockstep_port(self) -> int | None:
        """Return where the lock-step plugin listens, once it does."""
        found = LISTENING.search(self.text)
        return int(found.group(1)) if found else None

    def has_no_master_port(self) -> bool:
        """Tell whether gzserver ended because its master's port was taken."""
        return NO_PORT.search(self.text) is not None

    def start_fault(self) -> str | None:
        """Return why the world never gets ready, although gzserver runs on."""
        return self.faults() if NEVER_READY.search(self.text) else None

    def faults(self) -> str:
        """Return the last lines that tell of a fault, or the last of all if none does."""
        lines = [line.strip() for line in self.text.splitlines() if line.strip() and not NOISE.match(line)]
        # Without those that Gazebo says twice.
        faults = list(dict.fromkeys(ORIGIN.sub("", line) for line in lines if FAULT.search(line)))
        return "; ".join(faults[-MOST_FAULTS:] or lines[-1:])
