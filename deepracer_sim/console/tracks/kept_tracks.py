"""The tracks that users have imported or kept: .npy files of one folder."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from deepracer_sim.console.tracks.track_shapes import TrackShape, shape_of_track
from deepracer_sim.errors import ModelError, TrackError
from deepracer_sim.garage.model_name import check_name
from deepracer_sim.track_drawing import builtin_names

if TYPE_CHECKING:
    from deepracer_sim.track import Track

ENDING = ".npy"
MOST_BYTES = 1_000_000
"""Of a file; the longest track that is allowed has 144 kB."""


def kept_tracks(folder: Path) -> list[Path]:
    """Return the files in alphabetical order.

    Raises:
        TrackError: the folder cannot be read.
    """
    try:
        return sorted(path for path in folder.glob(f"*{ENDING}") if not path.name.startswith("."))
    except OSError as error:
        raise TrackError(f"{folder} cannot be read: {error.strerror or error}") from error


def track_named(folder: Path, key: str) -> str | None:
    """Return a track as settings name it; None if there is none.

    Args:
        folder: of the kept tracks.
        key: as `track_key` gives it, perhaps from an address: no path is made of it.
    """
    if key in builtin_names():
        return key
    return next((str(path) for path in kept_tracks(folder) if path.name == key), None)


def track_key(name: str) -> str:
    """Return what a track is called in an address: a kept one has its ending.

    Args:
        name: of a built-in or kept track, as settings have it.
    """
    return Path(name).name


def refuse_taken(folder: Path, name: str) -> None:
    """Refuse a name that a track has, or may not have.

    Raises:
        TrackError: it cannot be used.
    """
    try:
        check_name(name)
    except ModelError as error:
        raise TrackError(str(error)) from error
    taken = [*builtin_names(), *(path.stem for path in kept_tracks(folder))]
    if found := next((other for other in taken if other.lower() == name.lower()), None):
        raise TrackError(f"there is a track {found!r} already: choose another name")


def uploaded_shape(content: bytes, name: str) -> TrackShape:
    """Check a file's content and return the track's shape; for the workshop.

    Raises:
        TrackError: it holds no valid track.
    """
    return shape_of_track(_read(content, name), name, name)


def keep_upload(content: bytes, name: str, folder: str) -> None:
    """Keep the track of a file; for the workshop.

    Raises:
        TrackError: it holds no valid track, the name cannot be used, or the folder not be written.
    """
    refuse_taken(Path(folder), name)
    _keep(_read(content, name), name, Path(folder))


def keep_generated(seed: int, width: float, name: str, folder: str) -> None:
    """Keep a track that was made up; for the workshop.

    Raises:
        TrackError: as for `keep_upload`.
    """
    from deepracer_sim.track_generator import generate_track

    refuse_taken(Path(folder), name)
    _keep(generate_track(seed, width), name, Path(folder))


def forget(folder: Path, key: str) -> None:
    """Delete a kept track.

    Raises:
        TrackError: there is none, or it cannot be deleted.
    """
    path = next((path for path in kept_tracks(folder) if path.name == key), None)
    if path is None:
        raise TrackError(f"there is no track {key[:100]!r} among those that were kept")
    try:
        path.unlink()
    except OSError as error:
        raise TrackError(f"{path} cannot be deleted: {error.strerror or error}") from error


def _read(content: bytes, name: str) -> Track:
    from deepracer_sim.track_library import import_track

    if len(content) > MOST_BYTES:
        raise TrackError(f"{name}{ENDING}: larger than {MOST_BYTES} bytes: no track")
    with TemporaryDirectory(prefix="deepracer_track_") as place:
        file = Path(place) / f"{name}{ENDING}"
        try:
            file.write_bytes(content)
            return import_track(file)
        except TrackError as error:
            raise TrackError(str(error).replace(str(file), file.name)) from error
        except OSError as error:
            raise TrackError(f"{file} cannot be written: {error.strerror or error}") from error


def _keep(track: Track, name: str, folder: Path) -> None:
    """Let a track's file appear as a whole, and never in place of another one."""
    from deepracer_sim.track_library import save_track

    temporary = folder / f".{name}.{os.getpid()}{ENDING}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        save_track(track, temporary)
        os.link(temporary, folder / f"{name}{ENDING}")
    except FileExistsError as error:
        raise TrackError(f"there is a track {name!r} already: choose another name") from error
    except OSError as error:
        raise TrackError(f"{folder} cannot be written: {error.strerror or error}") from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
