"""Who works on a model: a lock on its folder, which the system takes back when a program dies."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deepracer_sim.errors import ModelError

PATIENCE = 1.0
"""Seconds to wait for a lock: whoever asks for a model's status holds it for a moment."""


@contextmanager
def held(folder: Path, shared: bool = False) -> Iterator[None]:
    """Keep other programs away from a folder; it may be renamed meanwhile.

    Args:
        folder: a model's.
        shared: others may read it too, but nobody may train or change it.

    Raises:
        ModelError: another program is at work there, or the folder is gone.
    """
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise ModelError(f"{folder}: cannot be opened: {error.strerror}") from error
    try:
        if not _taken(descriptor, shared):
            raise ModelError(
                f"{folder.name} is in use by another program, perhaps a training: wait for it, or end it"
            )
        if not folder.exists() or not os.path.samestat(os.fstat(descriptor), os.stat(folder)):
            raise ModelError(f"{folder.name} has just been renamed or deleted by another program")
        yield
    finally:
        os.close(descriptor)


def is_held(path: Path) -> bool:
    """Tell whether a living program has a file or folder for itself."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False  # a file system without locks, as some network drives are
    finally:
        os.close(descriptor)
    return False


def _taken(descriptor: int, shared: bool) -> bool:
    kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.02)
        except OSError:
            return True  # a file system without locks
