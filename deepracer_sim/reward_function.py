"""A user's file with `reward_function(params)`: read it, run it, call the function, say what went wrong.

Training (`reward.py`) and the child process of the validation (`reward_child.py`) both go through this file,
so what validates behaves the same in training. The child must start fast and in little memory: only the
standard library is imported here.
"""

from __future__ import annotations

import contextlib
import inspect
import io
import linecache
import math
import sys
import traceback
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TextIO

FUNCTION_NAME = "reward_function"
MODULE_NAME = "user_reward"
REWARD_LIMIT = 1e5  # AWS stops a training job whose reward is not finite or beyond it
SOURCE_LIMIT = 1_000_000  # bytes
LOG_LIMIT = 10_000_000  # characters that go into a log

RewardFunction = Callable[[dict[str, Any]], Any]


class RewardFault(Exception):
    """What is wrong with a user's file, and where.

    Attributes:
        path: the file as the user named it.
        line: its line, from 1; None where the fault has none.
        message: the fault in words, in one line.
        details: further lines, e.g. the source line and the params.
    """

    def __init__(self, path: str, line: int | None, message: str, details: tuple[str, ...] = ()) -> None:
        super().__init__(path, line, message, details)
        self.path = path
        self.line = line
        self.message = message
        self.details = details

    def __str__(self) -> str:
        """Give `file:line: message` and the details, indented."""
        place = self.path if self.line is None else f"{self.path}:{self.line}"
        return "\n    ".join((f"{place}: {self.message}", *self.details))


class UserOutput(io.TextIOBase):
    """Stands for stdout and stderr while a user's code runs, and writes to a log up to a limit.

    Args:
        log: where to; None drops everything.
    """

    def __init__(self, log: TextIO | None) -> None:
        super().__init__()
        self._log = log
        self._left = LOG_LIMIT

    def write(self, text: str) -> int:
        """Write what is within the limit, and a note when it is reached."""
        if self._log is not None and self._left > 0:
            self._log.write(text[: self._left].encode("utf-8", "backslashreplace").decode("utf-8"))
            self._left -= len(text)
            if self._left <= 0:
                self._log.write(f"\n[over {LOG_LIMIT} characters printed: no more is kept]\n")
        return len(text)

    def writable(self) -> bool:
        """Return True."""
        return True


@contextlib.contextmanager
def capture(output: UserOutput) -> Iterator[None]:
    """Send stdout and stderr to an output."""
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(output):
        yield


def read_source(path: str | Path) -> str:
    """Read a user's file.

    Raises:
        RewardFault: the file is missing, not readable, too large or not UTF-8.
    """
    name = str(path)
    try:
        with open(path, "rb") as file:
            data = file.read(SOURCE_LIMIT + 1)
    except OSError as error:
        raise RewardFault(name, None, f"cannot be read: {error.strerror or error}") from error
    if len(data) > SOURCE_LIMIT:
        raise RewardFault(name, None, f"is larger than {SOURCE_LIMIT} bytes: move its tables into code")
    try:
        source = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        message = f"byte 0x{data[error.start]:02x} is not UTF-8: save the file as UTF-8 text"
        raise RewardFault(name, line, message) from error
    if "\0" in source:
        line = source.count("\n", 0, source.index("\0")) + 1
        raise RewardFault(name, line, "holds a null byte: this is not Python source")
    return source


def compile_source(source: str, path: str) -> types.CodeType:
    """Compile a user's file under its own name, so that tracebacks lead to it and show its lines.

    Raises:
        RewardFault: the source is not valid Python.
    """
    linecache.cache[path] = (len(source), None, source.splitlines(keepends=True), path)
    try:
        return compile(source, path, "exec", dont_inherit=True)
    except SyntaxError as error:
        details = (error.text.strip(),) if error.text else ()
        raise RewardFault(path, error.lineno or 1, f"{type(error).__name__}: {error.msg}", details) from error
    except (ValueError, RecursionError, MemoryError, OverflowError) as error:
        raise RewardFault(path, 1, f"cannot be compiled: {type(error).__name__}: {error}") from error


def new_function(code: types.CodeType, path: str) -> RewardFunction:
    """Run a compiled file in a module of its own and return its `reward_function`.

    Every call gives a function with its own global variables. On AWS one worker drives one car, so a file may
    remember the last step in a global; with one function a car that still works for many cars at once.

    Raises:
        RewardFault: the file raises, defines no `reward_function`, or defines one that does not take params.
    """
    module = types.ModuleType(MODULE_NAME)
    module.__file__ = path
    sys.modules[MODULE_NAME] = module  # dataclasses and the like look their module up while it runs
    try:
        exec(code, module.__dict__)
    except (Exception, SystemExit) as error:
        raise fault_from(error, path, code.co_firstlineno or 1) from error
    finally:
        sys.modules.pop(MODULE_NAME, None)
    function = module.__dict__.get(FUNCTION_NAME)
    if function is None:
        others = [name for name, value in vars(module).items() if inspect.isfunction(value)]
        found = f"; it defines {', '.join(others)}" if others else ""
        raise RewardFault(path, 1, f"defines no function {FUNCTION_NAME}(params){found}")
    if not callable(function):
        kind = type(function).__name__
        raise RewardFault(path, 1, f"{FUNCTION_NAME} is of type {kind}: must be a function")
    _check_arguments(function, path)
    return function


def call_function(function: RewardFunction, params: dict[str, Any], path: str) -> float:
    """Call a user's function once and check what it returns.

    Args:
        function: from `new_function`, or any callable.
        params: AWS's params; the function may change them.
        path: the file of the function, to find the line of an error.

    Raises:
        RewardFault: it raises, calls `sys.exit`, or returns no finite number within +-1e5.
    """
    try:
        value = function(params)
    except (Exception, SystemExit) as error:
        raise fault_from(error, path, first_line(function), params) from error
    if type(value) is not float and not _is_number(value):
        hint = ": does a branch lack its return?" if value is None else ""
        kind = "None" if value is None else f"{_shorten(repr(value), 60)}, a {type(value).__name__}"
        raise _fault_of_value(function, params, path, f"returned {kind}; must be a number{hint}")
    try:
        reward = float(value)
    except OverflowError:
        reward = math.inf if value > 0 else -math.inf
    if not math.isfinite(reward):
        raise _fault_of_value(function, params, path, f"returned {reward}: must be a finite number")
    if abs(reward) > REWARD_LIMIT:
        message = f"returned {reward:g}: must be within +-{REWARD_LIMIT:g}"
        raise _fault_of_value(function, params, path, message)
    return reward


def fault_from(
    error: BaseException, path: str, line: int, params: dict[str, Any] | None = None
) -> RewardFault:
    """Make a fault of what a user's code raised, at the innermost line of it that is in the user's file.

    Args:
        error: the exception, with its traceback.
        path: the user's file.
        line: where to point if no frame of the traceback is in that file.
        params: what the function was called with; None while the file itself ran.
    """
    for frame, frame_line in traceback.walk_tb(error.__traceback__):
        if frame.f_code.co_filename == path:
            line = frame_line
    if isinstance(error, SystemExit):
        message = "ended the program (sys.exit or os._exit): return a number instead"
    else:
        message = " ".join("".join(traceback.format_exception_only(type(error), error)).split())
    return RewardFault(path, line, _shorten(message, 300), _details(path, line, params))


def first_line(function: RewardFunction) -> int:
    """Return the line on which a function's definition starts, 1 if it has none."""
    code = getattr(inspect.unwrap(function), "__code__", None)
    code = code or getattr(type(function).__call__, "__code__", None)
    return code.co_firstlineno if code else 1


def describe_params(params: dict[str, Any]) -> str:
    """Write params in one line: no lists of waypoints, no keys about objects where there are none."""
    parts = []
    for name, value in params.items():
        if name == "waypoints" and isinstance(value, (list, tuple)):
            value = f"<{len(value)} points>"
        elif isinstance(value, float):
            value = f"{value:.6g}"
        elif "object" in name and not (isinstance(value, list) and any(value)):
            continue
        parts.append(f"{name}={value}")
    return _shorten(", ".join(parts), 1000)


def _is_number(value: Any) -> bool:
    """Accept int, bool and numpy's scalars, as AWS does; refuse text, lists and arrays."""
    is_scalar = not getattr(value, "shape", ())
    return isinstance(value, (int, float)) or (hasattr(value, "__float__") and is_scalar)


def _check_arguments(function: RewardFunction, path: str) -> None:
    try:
        signature = inspect.signature(function)
    except ValueError:  # written in C: the first call will tell
        return
    try:
        signature.bind({})
    except TypeError as error:
        message = f"{FUNCTION_NAME}{signature}: must take one argument, {FUNCTION_NAME}(params)"
        raise RewardFault(path, first_line(function), message) from error


def _fault_of_value(function: RewardFunction, params: dict[str, Any], path: str, message: str) -> RewardFault:
    return RewardFault(path, first_line(function), f"{FUNCTION_NAME} {message}", _details(path, None, params))


def _details(path: str, line: int | None, params: dict[str, Any] | None) -> tuple[str, ...]:
    source = linecache.getline(path, line).strip() if line else ""
    details = (_shorten(source, 200),) if source else ()
    return details if params is None else (*details, f"params: {describe_params(params)}")


def _shorten(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 3] + "..."
