"""Run the program in `reward_child.py`: start it, feed it, gather what it writes, and end it for certain."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

OUTPUT_LIMIT = 10_000  # characters of the user's output that are kept
START_ALLOWANCE = 20.0  # seconds for the interpreter to start and to end, on a very busy machine
CHILD = Path(__file__).with_name("reward_child.py")


@dataclass(frozen=True)
class Trial:
    """What came back from the child process.

    Attributes:
        entries: its results, see `reward_child.py`.
        trace: what faulthandler wrote among them: where the code was at its end.
        output: what the user's code printed, cut at 10,000 characters.
        exit_status: of the process; negative: minus the signal that ended it.
        out_of_time: it had to be ended from outside.
    """

    entries: list[dict[str, Any]]
    trace: str
    output: str
    exit_status: int
    out_of_time: bool


def run_trial(request: dict[str, Any], timeout: float) -> Trial:
    """Start the child with a request, gather what it writes, and end it with everything it started.

    Args:
        request: as `reward_child.py` describes it, without the timeout.
        timeout: seconds for the user's code.
    """
    deadline = time.monotonic() + timeout + START_ALLOWANCE
    read_end, write_end = os.pipe()
    with (
        tempfile.TemporaryDirectory(prefix="deepracer_reward_") as folder,
        open(read_end, "rb", 0) as results,
    ):
        try:
            process = subprocess.Popen(
                [sys.executable, "-I", "-B", "-u", "-X", "utf8", str(CHILD), str(write_end)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                cwd=folder,
                env=_environment(folder),
                pass_fds=(write_end,),
                start_new_session=True,
            )
        finally:
            os.close(write_end)
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            with contextlib.suppress(BrokenPipeError), process.stdin as stdin:
                stdin.write(json.dumps({**request, "timeout": timeout}).encode())
            output, lines, out_of_time = _gather(process.stdout, results, deadline)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            exit_status = process.wait()
            process.stdout.close()
    return Trial(*_parse(lines), _cut(output), exit_status, out_of_time)


def _environment(folder: str) -> dict[str, str]:
    """Give the child next to nothing of ours; one thread for numpy, since each one takes address space."""
    kept = {name: os.environ[name] for name in ("LD_LIBRARY_PATH",) if name in os.environ}
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    return {"PATH": os.defpath, "LANG": "C.UTF-8", "HOME": folder, "TMPDIR": folder, **threads, **kept}


def _gather(output: IO[bytes], results: IO[bytes], deadline: float) -> tuple[bytes, bytes, bool]:
    """Read both pipes to their ends, or until the deadline; keep the output's start and all results."""
    kept = {"output": bytearray(), "results": bytearray()}
    with selectors.DefaultSelector() as selector:
        selector.register(output, selectors.EVENT_READ, "output")
        selector.register(results, selectors.EVENT_READ, "results")
        while selector.get_map():
            left = deadline - time.monotonic()
            if left <= 0:
                return bytes(kept["output"]), bytes(kept["results"]), True
            for key, _ in selector.select(left):
                data = os.read(key.fd, 1 << 16)
                if not data:
                    selector.unregister(key.fileobj)
                elif key.data == "results" or len(kept["output"]) <= 4 * OUTPUT_LIMIT:  # 4 bytes a character
                    kept[key.data] += data
    return bytes(kept["output"]), bytes(kept["results"]), False


def _parse(results: bytes) -> tuple[list[dict[str, Any]], str]:
    """Tell the child's JSON lines from faulthandler's text; a line that was cut short belongs to neither."""
    entries, trace = [], []
    for line in results.decode("utf-8", "replace").splitlines():
        if line.startswith("{"):
            with contextlib.suppress(json.JSONDecodeError):
                entries.append(json.loads(line))
        else:
            trace.append(line)
    return entries, "\n".join(trace)


def _cut(output: bytes) -> str:
    text = output.decode("utf-8", "replace")
    return (
        text
        if len(text) <= OUTPUT_LIMIT
        else text[:OUTPUT_LIMIT] + f"\n[cut after {OUTPUT_LIMIT} characters]"
    )
