"""Nodes as processes of their own, on a domain that nobody else uses, and their orderly end."""

from __future__ import annotations

import fcntl
import itertools
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

import pytest

pytest.importorskip("rclpy", reason="ROS 2 is not installed: make ros")

os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
DOMAINS = [*range(1, 31), *range(61, 99)]
"""Domains for tests; above 101 their ports would lie among those that Linux hands out to anybody."""
_first = os.getpid() % len(DOMAINS)
_turn = itertools.cycle(DOMAINS[_first:] + DOMAINS[:_first])
_locks: list[TextIO] = []


def new_domain() -> int:
    """Return a domain that no other test on this machine uses until `give_back_domains`."""
    for domain in itertools.islice(_turn, len(DOMAINS)):
        lock = (Path(tempfile.gettempdir()) / f"deepracer_test_domain_{domain}").open("w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.close()
        else:
            _locks.append(lock)
            return domain
    pytest.fail(f"all {len(DOMAINS)} domains for tests are in use")


def give_back_domains() -> None:
    """Let other tests have the domains of the nodes that have ended."""
    while _locks:
        _locks.pop().close()


class NodeProcess:
    """A node that runs.

    Attributes:
        process: to look at and to send signals to.
        log: file with everything that it says.
    """

    def __init__(self, name: str, arguments: list[str], domain: int, folder: Path) -> None:
        self.name, self.log = name, folder / f"{name}_{time.monotonic_ns()}.log"
        module = name if "." in name else f"deepracer_sim.ros.{name}"
        program = f"from {module} import main; raise SystemExit(main())"
        environment = {
            **os.environ,
            "ROS_DOMAIN_ID": str(domain),
            "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST",
            "ROS_LOG_DIR": str(folder),
            "OMP_NUM_THREADS": "1",
            "PYTHONUNBUFFERED": "1",
        }
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-c", program, *arguments],
                env=environment,
                cwd=Path(__file__).parents[1],
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def text(self) -> str:
        """Return what it said so far."""
        return self.log.read_text()

    def wait_for(self, words: str, timeout: float = 60.0) -> None:
        """Wait until it has said `words`; fail with all that it said instead."""
        deadline = time.monotonic() + timeout
        while words not in self.text():
            if self.process.poll() is not None:
                pytest.fail(f"{self.name} ended with {self.process.returncode}:\n{self.text()}")
            if time.monotonic() > deadline:
                pytest.fail(f"{self.name} did not say {words!r} within {timeout:g} s:\n{self.text()}")
            time.sleep(0.02)

    def end(self, how: int = signal.SIGINT, timeout: float = 20.0) -> int:
        """Send a signal; return the exit code."""
        self.process.send_signal(how)
        return self.wait(timeout)

    def wait(self, timeout: float = 60.0) -> int:
        """Wait for its end; return the exit code."""
        try:
            return self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            pytest.fail(f"{self.name} did not end within {timeout:g} s:\n{self.text()}")


@contextmanager
def node(name: str, domain: int, folder: Path, **parameters: object) -> Iterator[NodeProcess]:
    """Run deepracer_sim.ros.<name>, or a module, with ROS parameters; "group__name" stands for group.name."""
    arguments = ["--ros-args"] if parameters else []
    for key, value in parameters.items():
        text = str(value).lower() if isinstance(value, bool) else str(value)
        arguments += ["-p", f"{key.replace('__', '.')}:={text}"]
    with running(name, arguments, domain, folder) as process:
        yield process


@contextmanager
def running(name: str, arguments: list[str], domain: int, folder: Path) -> Iterator[NodeProcess]:
    """Run deepracer_sim.ros.<name> with arguments."""
    process = NodeProcess(name, arguments, domain, folder)
    try:
        yield process
    finally:
        if process.process.poll() is None:
            process.process.kill()
            process.process.wait()
