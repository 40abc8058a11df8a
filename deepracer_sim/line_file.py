"""Text files that grow by whole lines: a reader, a full disk or a kill meets no half ones."""

from __future__ import annotations

import os
from pathlib import Path


def append_lines(path: Path, text: str) -> None:
    """Add lines to the end of a file, which is made if there is none; all of them or none.

    Raises:
        OSError: the disk is full or the file cannot be written; it is as it was before.
    """
    content = memoryview(text.encode())
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
    try:
        size = os.fstat(file).st_size
        try:
            while content:
                content = content[os.write(file, content) :]
        except BaseException:
            os.ftruncate(file, size)
            raise
    finally:
        os.close(file)


def whole_lines(path: Path) -> list[str]:
    """Return the complete lines of a file, each with its end; none if there is no file.

    What a kill cut off in the middle of a line is left out.

    Raises:
        OSError: it cannot be read.
        UnicodeDecodeError: it is no text.
    """
    if not path.exists():
        return []
    return [f"{line}\n" for line in path.read_text(encoding="utf-8").split("\n")[:-1]]
