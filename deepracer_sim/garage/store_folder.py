"""The store as a folder: one program at a time changes it, and what a killed one left half made goes."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from deepracer_sim.errors import ModelError

ENVIRONMENT = "DEEPRACER_STORE"
LOCK = ".lock"
HALF_MADE = ".new-"
"""How the folders begin in which models are made before they appear under their name."""


def default_store() -> Path:
    """Return $DEEPRACER_STORE, or else the models' folder among the user's data."""
    if named := os.environ.get(ENVIRONMENT):
        return Path(named)
    from platformdirs import user_data_path

    return user_data_path("deepracer", appauthor=False) / "models"


class StoreFolder:
    """A folder of folders, hidden ones of its own beside them.

    Args:
        path: the folder; `default_store` if absent. It need not exist.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.path = (path or default_store()).expanduser().resolve()

    def names(self) -> list[str]:
        """Name the models in alphabetical order, damaged ones too.

        Raises:
            ModelError: the store cannot be read.
        """
        try:
            with os.scandir(self.path) as entries:
                return sorted(entry.name for entry in entries if _is_model(entry))
        except FileNotFoundError:
            return []
        except OSError as error:
            raise ModelError(f"the store {self.path} cannot be read: {error.strerror}") from error

    @contextmanager
    def staging(self) -> Iterator[Path]:
        """Give a folder in the store to make a model in; what is left of it at the end goes.

        Raises:
            ModelError: the store cannot be written.
        """
        with self.complaining(), ExitStack() as stack:
            with self.changing():
                folder = Path(tempfile.mkdtemp(prefix=HALF_MADE, dir=self.path))
                descriptor = stack.enter_context(_opened(folder))
                with suppress(OSError):  # a file system without locks, as some network drives are
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                stack.callback(shutil.rmtree, folder, ignore_errors=True)
            yield folder

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Let one program at a time change what is in the store, and first remove what killed ones left.

        Raises:
            ModelError: the store cannot be written.
        """
        with self.complaining():
            self.path.mkdir(parents=True, exist_ok=True)
            with (self.path / LOCK).open("w") as lock:
                with suppress(OSError):  # a file system without locks
                    fcntl.flock(lock, fcntl.LOCK_EX)
                self._tidy()
                yield

    @contextmanager
    def complaining(self) -> Iterator[None]:
        """Turn an OSError into a sentence.

        Raises:
            ModelError: the store cannot be written.
        """
        try:
            yield
        except OSError as error:
            raise ModelError(
                f"cannot write {error.filename or self.path}: {error.strerror or error}; free some space or "
                f"fix the rights, or choose another store with --store or {ENVIRONMENT}"
            ) from error

    def _tidy(self) -> None:
        for folder in self.path.glob(f"{HALF_MADE}*"):
            # An error: somebody is making a model there, or has just ended.
            with suppress(OSError), _opened(folder) as descriptor:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
        for folder in (self.path / name for name in self.names()):
            remove_dead_leftovers(folder)


@contextmanager
def _opened(folder: Path) -> Iterator[int]:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def remove_dead_leftovers(folder: Path) -> None:
    """Remove the half-written files of programs that live no more, see `replacing`."""
    for file in folder.glob(".*.tmp*"):
        found = re.fullmatch(r"\..+\.(\d+)\.tmp(\..*)?", file.name)
        if found and not _lives(int(found[1])):
            file.unlink(missing_ok=True)


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        pass  # it is another user's
    return True


def _is_model(entry: os.DirEntry[str]) -> bool:
    return not entry.name.startswith(".") and entry.is_dir()
