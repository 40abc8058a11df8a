"""Files that appear under their name only when they are complete."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from deepracer_sim.errors import DeepRacerError

LEFTOVERS = ".*.tmp*"
"""Pattern of the temporary names; a program that was killed leaves such files behind."""


@contextmanager
def replacing(
    path: str | os.PathLike[str], error_class: type[DeepRacerError] | None = None
) -> Iterator[Path]:
    """Give a temporary name to write to, which takes the place of `path` once the block is through.

    The name ends as that of `path` does, for writers that choose the format by it. If the block fails, the
    half-written file goes and an older one at `path` is intact.

    Args:
        path: of the file.
        error_class: raised in place of an OSError, with a sentence for the user; None leaves the OSError to
            callers that have a sentence of their own.

    Raises:
        OSError: the disk is full or the folder cannot be written.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.stem}.{os.getpid()}.tmp{path.suffix}")
    try:
        yield temporary
        os.replace(temporary, path)
    except OSError as error:
        if error_class is None:
            raise
        reason = error.strerror or error
        raise error_class(
            f"cannot write {path}: {reason}; free some space or choose another folder"
        ) from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
