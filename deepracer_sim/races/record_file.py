"""The small JSON files of a race, and the lock under which they change."""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated, TypeVar

from pydantic import Field, ValidationError

from deepracer_sim.errors import RaceError
from deepracer_sim.settings import Settings, describe

LARGEST = 1_000_000
"""Bytes."""
Time = Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")]
Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]

Record = TypeVar("Record", bound=Settings)


def read_record(file: Path, kind: type[Record], largest: int = LARGEST) -> Record:
    """Read a record.

    Args:
        file: of it.
        kind: of record.
        largest: bytes that it may have.

    Raises:
        RaceError: it is missing or damaged.
    """
    try:
        if (size := file.stat().st_size) > largest:
            raise RaceError(f"{file} is damaged: {size} bytes")
        return kind(**json.loads(file.read_text(encoding="utf-8")))
    except ValidationError as error:
        raise RaceError(f"{file} is damaged: {describe(error)}") from error
    except OSError as error:
        raise RaceError(f"{file} cannot be read: {error.strerror or error}") from error
    except (ValueError, TypeError, RecursionError) as error:
        raise RaceError(f"{file} is damaged: {error}") from error


def record_bytes(record: Settings) -> bytes:
    """Return the content of a record's file."""
    return (json.dumps(record.model_dump(mode="json"), indent=2) + "\n").encode()


def time_of(seconds: float) -> str:
    """Return a time in seconds since 1970 as records have it, in UTC."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def now() -> str:
    """Return the time as records have it."""
    return time_of(time.time())


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Wait until no other program changes a folder, and keep others waiting meanwhile.

    Raises:
        RaceError: the folder is gone.
    """
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise RaceError(f"{folder}: cannot be opened: {error.strerror}") from error
    try:
        with suppress(OSError):  # a file system without locks, as some network drives are
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
