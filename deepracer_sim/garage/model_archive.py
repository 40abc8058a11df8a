"""Models as .tar.gz: one that a racer keeps, and whatever somebody sends."""

from __future__ import annotations

import gzip
import io
import os
import tarfile
import time
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import IO

from deepracer_sim.errors import ModelError
from deepracer_sim.file_replacement import LEFTOVERS, replacing
from deepracer_sim.garage.definition_file import format_definition
from deepracer_sim.garage.model_lock import held
from deepracer_sim.garage.store_folder import remove_dead_leftovers
from deepracer_sim.garage.stored_model import POLICY, RUNS, StoredModel
from deepracer_sim.live_file import LIVE

SETTINGS_FILE = "settings.yaml"
MOST_FILES = 20_000
MOST_BYTES = 8 << 30
"""Ten times a long training of AWS's network."""
HIGHEST_RATIO, FIRST_BYTES = 200, 64 << 20
"""What is unpacked may be so many times as large as the archive, from so many bytes on."""
LONGEST_NAME = 200
CHUNK = 1 << 20
"""Bytes at once; only a header that is made to fill the memory asks for more."""
DAMAGE = (
    tarfile.TarError,
    EOFError,
    zlib.error,
    gzip.BadGzipFile,
    ValueError,
    RecursionError,
    FileExistsError,  # one name twice
    NotADirectoryError,
    IsADirectoryError,
)
LEVEL = 3  # of compression; weights hardly shrink


def download(model: StoredModel, archive: Path) -> list[str]:
    """Write a .tar.gz with all of a model; return what the owner should know.

    It has settings.yaml (what `deepracer train -f` takes), the reward function, the chosen or best checkpoint
    as ONNX model with its model_metadata.json, and the runs with metrics, traces and checkpoints; it can be
    imported.

    Raises:
        DeepRacerError: the model is being trained or damaged, or the archive cannot be written.
    """
    notes = []
    remove_dead_leftovers(archive.parent)
    with held(model.path, shared=True), TemporaryDirectory(prefix="deepracer_archive_") as folder:
        extra = Path(folder)
        if model.best_run is not None:
            export_policy(model, extra / POLICY)
        elif not model.has_policy:
            notes.append(f"{model.name} was not trained yet: the archive has no {POLICY}/")
        text = format_definition(model.name, model.definition, Path(".")).encode()
        with (
            replacing(archive, ModelError) as temporary,
            tarfile.open(temporary, "w:gz", compresslevel=LEVEL) as tar,
        ):
            info = tarfile.TarInfo(f"{model.name}/{SETTINGS_FILE}")
            info.size, info.mtime = len(text), int(time.time())
            tar.addfile(info, io.BytesIO(text))
            for root in (extra, model.path):
                for file in _own_files(root):
                    _add(tar, file, f"{model.name}/{file.relative_to(root).as_posix()}")
    return notes


def export_policy(model: StoredModel, folder: Path) -> None:
    """Write what drives a model as ONNX model.

    Raises:
        DeepRacerError: its checkpoint is damaged, or a track of its training.
    """
    from dataclasses import replace

    from deepracer_sim.garage.relocation import relocated
    from deepracer_sim.run_folder import RunFolder
    from deepracer_sim.training_run import export_checkpoint

    checkpoint = RunFolder.open(model.policy_path()).load_best()
    export_checkpoint(replace(checkpoint, settings=relocated(checkpoint.settings, model.path)), folder)


def _own_files(root: Path) -> Iterator[Path]:
    for folder, folders, files in os.walk(root):
        folders.sort()
        for name in sorted(files):
            path = Path(folder) / name
            is_copy = path.match(f"{RUNS}/*/{POLICY}/*")  # of the model at the top, or an older one
            is_leftover = path.match(LEFTOVERS) or path.match(f"{RUNS}/*/{LIVE}")
            if path.is_file() and not path.is_symlink() and not is_leftover and not is_copy:
                yield path


def _add(tar: tarfile.TarFile, file: Path, name: str) -> None:
    info = tarfile.TarInfo(name)
    with file.open("rb") as stream:
        status = os.fstat(stream.fileno())
        info.size, info.mtime, info.mode = status.st_size, int(status.st_mtime), 0o644
        tar.addfile(info, stream)


def is_archive(file: Path) -> bool:
    """Tell whether a file is a tar archive, compressed by gzip or not."""
    try:
        with file.open("rb") as stream:
            start = stream.read(512)
    except OSError as error:
        raise ModelError(f"{file}: cannot be read: {error.strerror or error}") from error
    return start[:2] == b"\x1f\x8b" or start[257:262] == b"ustar"


def unpack(archive: Path, folder: Path) -> None:
    """Unpack an archive from anybody: plain files and folders within the limits, or nothing at all.

    Args:
        archive: .tar.gz or .tar.
        folder: empty; its content is of no use after an error.

    Raises:
        ModelError: it is damaged, or holds links, devices, names that lead out of the folder, or too much.
        OSError: the folder cannot be written.
    """
    try:
        with archive.open("rb") as raw:
            limited = _LimitedReader(raw, archive)
            with tarfile.open(fileobj=limited, mode="r:") as tar:
                count = 0
                while (member := tar.next()) is not None:
                    tar.members.clear()  # type: ignore[attr-defined]  # they keep headers of any size
                    count += 1
                    if count > MOST_FILES:
                        raise ModelError(f"{archive}: more than {MOST_FILES} files: no model")
                    _unpack_member(tar, member, archive, folder)
            while limited.read(CHUNK):  # up to the checksum at the end
                pass
    except DAMAGE as error:
        raise ModelError(f"{archive}: damaged, or no .tar.gz: {error}") from error


def _unpack_member(tar: tarfile.TarFile, member: tarfile.TarInfo, archive: Path, folder: Path) -> None:
    target = folder / _checked_name(member, archive)
    if member.isdir():
        target.mkdir(parents=True, exist_ok=True)
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    source = tar.extractfile(member)
    assert source is not None
    with target.open("xb") as file:
        while chunk := source.read(CHUNK):
            file.write(chunk)


def _checked_name(member: tarfile.TarInfo, archive: Path) -> PurePosixPath:
    name = PurePosixPath(member.name)
    shown = f"{archive}: {member.name[:LONGEST_NAME]!r}"
    if not (member.isreg() or member.isdir()) or member.issparse():
        raise ModelError(f"{shown} is a link, a device or the like: a model has plain files only")
    if name.is_absolute() or ".." in name.parts or "\\" in member.name:
        raise ModelError(f"{shown} leads out of the folder that it is unpacked to")
    if len(member.name) > LONGEST_NAME or not member.name.isprintable():
        raise ModelError(f"{shown}: names must have at most {LONGEST_NAME} characters, no control characters")
    return name


class _LimitedReader(io.RawIOBase):
    """What is unpacked from a file, forwards only, up to the limits.

    Args:
        raw: the file, compressed by gzip or not.
        archive: its name.
    """

    def __init__(self, raw: IO[bytes], archive: Path) -> None:
        super().__init__()
        is_compressed = raw.read(2) == b"\x1f\x8b"
        raw.seek(0)
        self._raw, self._archive = raw, archive
        self._size = os.fstat(raw.fileno()).st_size
        self._stream: IO[bytes] = gzip.GzipFile(fileobj=raw) if is_compressed else raw  # type: ignore[assignment]
        self._position = 0

    def tell(self) -> int:
        """Return how many bytes were read."""
        return self._position

    def seek(self, position: int, whence: int = 0) -> int:
        """Skip to a position further on."""
        if whence or position < self._position:
            raise ValueError("its parts are not in order")
        while self._position < position:
            if not self.read(min(CHUNK, position - self._position)):
                break
        return self._position

    def read(self, size: int = -1) -> bytes:
        """Return as many bytes, fewer at the end.

        Raises:
            ModelError: it grows beyond the limits.
        """
        if not 0 <= size <= CHUNK:
            raise ValueError(f"a part asks for {size} bytes at once")
        content = self._stream.read(size)
        self._position += len(content)
        most = min(MOST_BYTES, max(FIRST_BYTES, HIGHEST_RATIO * self._size))
        if self._position > most:
            raise ModelError(f"{self._archive}: unpacks to more than {most} bytes: no model")
        return content
