"""The program that tries a user's reward function, in a process of its own with limits on what it may use.

`reward_trial.py` starts it as `python -I -B -u reward_child.py FD` with a JSON request on stdin: path,
source, states, waypoints, timeout (s), memory_limit (bytes). It writes one JSON object a line to FD, so that
nothing the user's code prints can be taken for a result:

    {"loaded": true}                                       the file ran and has a usable reward_function
    {"reward": 1.0, "seconds": 2e-6}                       one call
    {"fault": {"line": 3, "message": "...", "details": []}}
    {"finished": true}                                     the last line, unless something stopped the process

Lines that are no JSON are faulthandler's: where the code was when time ran out or the interpreter crashed.
The limits are there for mistakes. They do not hold off code that is written to do harm.
"""

from __future__ import annotations

import faulthandler
import json
import linecache
import math
import os
import resource
import sys
import time
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from deepracer_sim import reward_function as user_code
else:
    # This file's folder is on the path for one import only: user code must not find our modules by accident.
    sys.path.insert(0, str(Path(__file__).parent))
    import reward_function as user_code

    del sys.path[0]

FILE_LIMIT = 1 << 20  # bytes that the user's code may write to one file
SPARE_MEMORY = 64 << 20  # bytes beyond the limit, to report that it was reached
MOST_FAULTS = 5
REFUSED_EVENTS = frozenset({  # of sys.addaudithook
    "os.exec", "os.fork", "os.forkpty", "os.kill", "os.killpg", "os.posix_spawn", "os.spawn", "os.system",
    "pty.spawn", "subprocess.Popen",
})  # fmt: skip


class Results:
    """Tells the parent what happened, one line at once, and one fault for each line of the user's file.

    Args:
        stream: where to; user code does not know it.
    """

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self.faulty_lines: set[int | None] = set()

    def write(self, **entry: Any) -> None:
        """Write one JSON object."""
        self.stream.write(json.dumps(entry) + "\n")
        self.stream.flush()

    def write_fault(self, fault: user_code.RewardFault) -> None:
        """Write a fault, unless one of the same line is written already."""
        if fault.line not in self.faulty_lines:
            self.faulty_lines.add(fault.line)
            self.write(fault={"line": fault.line, "message": fault.message, "details": fault.details})


def limit_resources(timeout: float, memory_limit: int, results: Results) -> None:
    """Set the limits of this process; when the time is over faulthandler writes where it was and ends it."""
    processor_time = math.ceil(timeout) + 2
    for kind, *limits in (
        (resource.RLIMIT_CPU, processor_time, processor_time),
        (resource.RLIMIT_AS, memory_limit, memory_limit + SPARE_MEMORY),
        (resource.RLIMIT_FSIZE, FILE_LIMIT, FILE_LIMIT),
        (resource.RLIMIT_CORE, 0, 0),
    ):
        _, most = resource.getrlimit(kind)  # what was set outside may be lower, and cannot be raised
        soft, hard = (limit if most == resource.RLIM_INFINITY else min(limit, most) for limit in limits)
        resource.setrlimit(kind, (soft, hard))
    faulthandler.enable(file=results.stream)
    faulthandler.dump_traceback_later(timeout, exit=True, file=results.stream)


def refuse_processes(path: str, results: Results) -> None:
    """Let no user code start or signal a process, and report it even if it catches the exception."""

    def refuse(event: str, _arguments: tuple) -> None:
        if event not in REFUSED_EVENTS:
            return
        frame: FrameType | None = sys._getframe(1)
        while frame and frame.f_code.co_filename != path:
            frame = frame.f_back
        message = f"starts or signals a process ({event}): a reward function may not"
        results.write_fault(user_code.RewardFault(path, frame.f_lineno if frame else 1, message))
        raise PermissionError(message)

    sys.addaudithook(refuse)


def line_of_return(function: user_code.RewardFunction, params: dict[str, Any], path: str) -> int | None:
    """Call a function once more under a tracer; return the line of its file on which it returned."""
    line = None

    def trace(frame: Any, event: str, _argument: Any) -> Any:
        nonlocal line
        if event == "return" and frame.f_code.co_filename == path:
            line = frame.f_lineno
        return trace

    sys.settrace(trace)
    try:
        function(params)
    except (Exception, SystemExit):
        return None
    finally:
        sys.settrace(None)
    return line


def try_states(function: user_code.RewardFunction, request: dict[str, Any], results: Results) -> None:
    """Call a function with every state and report each reward or fault."""
    path = request["path"]
    points = {name: [tuple(point) for point in line] for name, line in request["waypoints"].items()}
    for state in request["states"]:
        params = {**state, "waypoints": list(points[state["waypoints"]])}
        start = time.perf_counter()
        try:
            reward = user_code.call_function(function, params, path)
            results.write(reward=reward, seconds=time.perf_counter() - start)
        except user_code.RewardFault as fault:
            if fault.__cause__ is None:  # it returned, but no good number
                params = {**state, "waypoints": list(points[state["waypoints"]])}
                line = line_of_return(function, params, path) or fault.line or 1
                fault.line, fault.details = line, (linecache.getline(path, line).strip(), *fault.details)
            report(fault, request["memory_limit"], results)
            results.write(reward=None, seconds=time.perf_counter() - start)
            if len(results.faulty_lines) >= MOST_FAULTS:
                return


def report(fault: user_code.RewardFault, memory_limit: int, results: Results) -> None:
    """Write a fault; one about memory with the limit in it, and in memory kept for that."""
    if isinstance(fault.__cause__, MemoryError):
        _, most = resource.getrlimit(resource.RLIMIT_AS)
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
        fault.message = f"{fault.message}: needs more than the limit of {memory_limit >> 20} MiB of memory"
    results.write_fault(fault)


def main() -> None:
    """Answer the one request on stdin."""
    request = json.loads(sys.stdin.buffer.read())
    descriptor = int(sys.argv[1])
    os.set_inheritable(descriptor, False)
    end_process = os._exit
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        results = Results(stream)
        sys.argv = [request["path"]]
        os._exit = sys.exit  # type: ignore[assignment]  # so that it shows as an exception with a line
        refuse_processes(request["path"], results)
        limit_resources(request["timeout"], request["memory_limit"], results)
        try:
            code = user_code.compile_source(request["source"], request["path"])
            function = user_code.new_function(code, request["path"])
            results.write(loaded=True)
            try_states(function, request, results)
        except user_code.RewardFault as fault:
            report(fault, request["memory_limit"], results)
        except MemoryError as error:  # user code had taken all there was, and ours met the limit
            late_fault = user_code.fault_from(error, request["path"], 1)
            late_fault.__cause__ = error
            report(late_fault, request["memory_limit"], results)
        faulthandler.cancel_dump_traceback_later()
        results.write(finished=True)
    end_process(0)  # at once: threads that the user's code left running are not waited for


if __name__ == "__main__":
    main()
