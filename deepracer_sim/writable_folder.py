"""A folder whose files appear as a whole and grow by whole lines."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from deepracer_sim.errors import RunError
from deepracer_sim.file_replacement import replacing
from deepracer_sim.line_file import append_lines, whole_lines


class WritableFolder:
    """Writes files so that a crash or a full disk cannot spoil them.

    Args:
        path: of the folder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, name: str, content: bytes) -> Path:
        """Write a file as a whole.

        Raises:
            RunError: the disk is full or the folder cannot be written; an older file of this name is intact.
        """
        target = self.path / name
        try:
            self._replace(name, content)
        except OSError as error:
            raise RunError(self._complaint(target, error)) from error
        return target

    def _replace(self, name: str, content: bytes) -> None:
        target = self.path / name
        if not target.parent.exists():
            target.parent.mkdir()
        with replacing(target) as temporary:
            temporary.write_bytes(content)

    @staticmethod
    def _complaint(file: Path, error: OSError) -> str:
        return f"cannot write {file}: {error.strerror or error}; free some space or fix the rights"

    def append(self, name: str, text: str) -> None:
        """Add lines to a file, all of them or none.

        Raises:
            RunError: the disk is full or the folder cannot be written; the file is as it was.
        """
        file = self.path / name
        try:
            append_lines(file, text)
        except OSError as error:
            raise RunError(self._complaint(file, error)) from error

    def keep_lines(self, name: str, is_kept: Callable[[str], bool]) -> str:
        """Remove lines from a CSV, and what a kill left of a half one; return those that stay.

        Args:
            name: of the file; it need not exist.
            is_kept: tells of a line other than the header whether it stays.

        Raises:
            RunError: the file is damaged, or cannot be written.
        """
        file = self.path / name
        if not file.exists():
            return ""
        try:
            header, *lines = whole_lines(file) or [""]
            kept = "".join(line for line in lines if is_kept(line))
        except (OSError, ValueError, IndexError) as error:
            raise RunError(f"{file} cannot be used: {error}; to go on without it, remove it") from error
        self.write(name, (header + kept).encode())
        return kept
