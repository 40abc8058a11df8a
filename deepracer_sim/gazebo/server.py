"""Start and stop of Gazebo Classic: a display in memory, gzserver, and a window if wanted."""

from __future__ import annotations

import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

from deepracer_sim.errors import GazeboError
from deepracer_sim.gazebo import keeper
from deepracer_sim.gazebo.installation import PLUGIN_LIBRARY, Installation, find
from deepracer_sim.gazebo.keeper import Program
from deepracer_sim.gazebo.server_log import ServerLog

START_LIMIT = 90.0
"""Seconds until gzserver must be ready; it takes 2 or 3, on a busy machine some more."""
LOOK = 0.01
"""Seconds between two looks while it starts."""
ATTEMPTS = 5
"""How many ports are tried for Gazebo's master: a free one may be taken before it is used."""
MAX_PORT = 65535
PORT_VARIABLE = "DEEPRACER_LOCKSTEP_PORT"
SCREEN = ("-screen", "0", "640x480x24", "-nolisten", "tcp", "-noreset", "+extension", "GLX")


class GazeboServer:
    """A running gzserver whose world has the lock-step plugin.

    It runs on a display of its own in memory, with ports of its own: several do not disturb each other. All
    that it has started ends with `close()`, and with this process, however that ends.

    Args:
        world: .world file; models are looked for in ../models beside its folder.
        gui: whether to open Gazebo's window too, on the user's display.
        installation: of Gazebo; what `find()` gives if absent.
        log: file for gzserver's output; if absent one that goes when the server does.
        port: of the lock-step plugin on 127.0.0.1; $DEEPRACER_LOCKSTEP_PORT or a free one if 0.

    Raises:
        GazeboError: something is missing, or gzserver does not start.
    """

    def __init__(
        self,
        world: Path,
        *,
        gui: bool = False,
        installation: Installation | None = None,
        log: Path | None = None,
        port: int = 0,
    ) -> None:
        self.world, self.port, self.master_uri = Path(world).absolute(), 0, ""
        self._wanted_port = str(port or os.environ.get(PORT_VARIABLE) or 0)
        self._installation = installation or find()
        _check(self.world, gui, self._wanted_port)
        self._log, self._gui = log, gui
        self._open()

    @property
    def log(self) -> Path:
        """Where gzserver's output is."""
        return self._group.scratch / "gzserver.log" if self._log is None else Path(self._log).absolute()

    def is_running(self) -> bool:
        """Tell whether gzserver and its display still run."""
        return self._group.end() is None

    def end_reason(self) -> str:
        """Return one sentence on why it runs no more."""
        end = self._group.end()
        if end is None:
            return "gzserver runs"
        faults = self._said.faults() if end.startswith("gzserver") else ""
        return f"{end}{': ' if faults else ''}{faults}"

    def restart(self) -> None:
        """End what still runs and start anew; port and master_uri change, the log grows."""
        self.close()
        self._open()

    def close(self) -> None:
        """End gzserver and all that was started with it; return when they have ended."""
        self._group.close()

    def __enter__(self) -> GazeboServer:
        """Return the running server."""
        return self

    def __exit__(self, *_: object) -> None:
        """End it."""
        self.close()

    def _open(self) -> None:
        for _ in range(ATTEMPTS):
            self._group = _Group()
            try:
                if self._start():
                    return
            except BaseException:
                self.close()
                raise
            self.close()
        raise GazeboError(f"the port of Gazebo's master was taken {ATTEMPTS} times, lastly {self.master_uri}")

    def _start(self) -> bool:
        """Start a display and gzserver; return False if somebody else has taken its port."""
        group, installation = self._group, self._installation
        self.master_uri = f"http://127.0.0.1:{_free_port()}"
        try:
            self.log.parent.mkdir(parents=True, exist_ok=True)
            self.log.touch()
            self._said = ServerLog(self.log, self.log.stat().st_size)
        except OSError as error:
            raise GazeboError(f"cannot write gzserver's log {self.log}: {error.strerror}") from error
        display = group.start_display()
        self._environment = {
            **installation.environment([self.world.parent.parent / "models"]),
            "GAZEBO_MASTER_URI": self.master_uri,
            "GAZEBO_LOG_PATH": str(group.scratch),
        }
        environment = {
            **self._environment,
            "HOME": str(group.scratch),  # for what it keeps there, which several would get mixed up
            "TMPDIR": str(group.scratch),
            "DISPLAY": display,
            PORT_VARIABLE: self._wanted_port,
        }
        words = [*installation.command("gzserver"), "--verbose", "-u", str(self.world)]
        group.start(Program("gzserver", words, environment, str(self.log)))
        return self._wait_until_ready()

    def _wait_until_ready(self) -> bool:
        log, deadline = self._said, time.monotonic() + START_LIMIT
        while (port := log.lockstep_port()) is None:
            if not self.is_running():
                if log.has_no_master_port():
                    return False
                raise GazeboError(f"Gazebo did not start: {self.end_reason()}")
            if fault := log.start_fault():
                raise GazeboError(f"Gazebo did not start with {self.world}: {fault}")
            if time.monotonic() > deadline:
                raise GazeboError(
                    f"Gazebo was not ready with {self.world} after {START_LIMIT:g} s; "
                    f"it last said: {log.faults()}"
                )
            time.sleep(LOOK)
        self.port = port
        if self._gui:
            self._start_window()
        return True

    def _start_window(self) -> None:
        """Open the window; the server goes on when the user closes it."""
        words = [*self._installation.command("gzclient"), "--verbose"]
        log = str(self.log.with_name("gzclient.log"))
        environment = {**self._environment, "DISPLAY": os.environ["DISPLAY"]}
        self._group.start(Program("gzclient", words, environment, log, is_needed=False))


class _Group:
    """The keeper and the programs that it keeps, with a folder for what they write."""

    def __init__(self) -> None:
        self.scratch = Path(tempfile.mkdtemp(prefix="deepracer-gazebo-"))
        self._end: str | None = None
        self._display_reader, self._display_writer = os.pipe()
        own = os.pidfd_open(os.getpid())
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", keeper.__file__, str(own), str(self.scratch)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
            pass_fds=(own, self._display_writer),
            start_new_session=True,
        )
        assert self._process.stdin is not None and self._process.stdout is not None
        self._input, self._output = self._process.stdin, self._process.stdout
        os.close(own)
        os.close(self._display_writer)

    def start(self, program: Program) -> None:
        """Start a program that ends with this process."""
        try:
            self._input.write(json.dumps(asdict(program)).encode() + b"\n")
        except BrokenPipeError as error:
            raise GazeboError(f"cannot start {program.name}: {self.end()}") from error

    def start_display(self) -> str:
        """Start Xvfb; return the name of the display that it has found free."""
        words = ["Xvfb", "-displayfd", str(self._display_writer), *SCREEN]
        log = self.scratch / "Xvfb.log"
        self.start(
            Program(
                "Xvfb",
                words,
                dict(os.environ),
                str(log),
                ending=signal.SIGTERM,
                # So that it removes its lock.
                on_death=signal.SIGTERM,
                shared=[self._display_writer],
            )
        )
        deadline, text = time.monotonic() + START_LIMIT, b""
        while not text.endswith(b"\n"):
            if select.select([self._display_reader], [], [], LOOK)[0]:
                text += os.read(self._display_reader, 16)
            if self.end() is not None or time.monotonic() > deadline:
                raise GazeboError(
                    f"the display for Gazebo did not start: {self.end() or 'no answer'}: "
                    f"{ServerLog(log).faults()}"
                )
        return f":{text.decode().strip()}"

    def end(self) -> str | None:
        """Return how the first of the needed programs ended, None while all of them run."""
        if self._end is None and select.select([self._output], [], [], 0)[0]:
            line = self._output.readline()
            self._end = _describe(json.loads(line)) if line else "the keeper of Gazebo's processes was ended"
        return self._end

    def close(self) -> None:
        """End all programs, and remove what they have written here."""
        if self._output.closed:
            return
        self._end = self.end() or "it was closed"
        self._input.close()
        self._process.wait()
        self._output.close()
        os.close(self._display_reader)
        shutil.rmtree(self.scratch, ignore_errors=True)


def _check(world: Path, gui: bool, port: str) -> None:
    """Raise an error if what is needed besides Gazebo is missing."""
    if not port.isdecimal() or int(port) > MAX_PORT:
        raise GazeboError(f"port {port} ({PORT_VARIABLE} or --port): must be 0 to {MAX_PORT}")
    if not world.is_file():
        raise GazeboError(f"there is no world {world}; make one with: deepracer gazebo build")
    if PLUGIN_LIBRARY not in world.read_text(errors="replace"):
        raise GazeboError(
            f"{world} has no plugin {PLUGIN_LIBRARY} to step it; make a world with: deepracer gazebo build"
        )
    if shutil.which("Xvfb") is None:
        raise GazeboError("Xvfb, which Gazebo's cameras need, is not installed: sudo apt-get install xvfb")
    if gui and not os.environ.get("DISPLAY"):
        raise GazeboError("Gazebo's window needs a display, and DISPLAY is not set; leave out --gui")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _describe(end: dict[str, str | int]) -> str:
    """Return how a program ended, from what the keeper tells."""
    if "reason" in end:
        return f"{end['name']} cannot be started: {end['reason']}"
    code = int(end["code"])
    how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
    return f"{end['name']} {how}"
