"""A disk that is full."""

from __future__ import annotations

import contextlib
import resource


@contextlib.contextmanager
def full_disk(most_bytes):
    """No file may grow beyond a size: a disk that is full as soon as that much is written, for any user."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
