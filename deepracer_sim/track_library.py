"""The tracks that come with the package, and those that a user brings along as files."""

from __future__ import annotations

import io
import os
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import torch
from numpy.typing import NDArray

from deepracer_sim import track_shape
from deepracer_sim.errors import TrackError
from deepracer_sim.file_replacement import replacing
from deepracer_sim.track import Track
from deepracer_sim.track_drawing import (
    FARTHEST,
    NARROWEST,
    RANDOM,
    builtin_names,
    read_drawing,
    worlds_folder,
)
from deepracer_sim.track_shape import Line, TrackRow

DUPLICATE_DISTANCE = 1e-4  # metres; what float32 can tell apart at the largest distance allowed
FEWEST_WAYPOINTS, MOST_WAYPOINTS = 8, 3000  # the checks compare every segment with every other one
OPEN_GAP_FACTOR = 3.0  # the closing step may be this many times as long as the longest other one


def load_track(name: str | os.PathLike[str]) -> Track:
    """Load a track.

    Args:
        name: a built-in track, or the path of an `(N, 6)` .npy file or of a track's .yaml file, or
            random:SEED for one that is made up.

    Raises:
        TrackError: there is no such track, or it is not a valid closed one.
    """
    path = Path(name)
    if path.suffix == ".npy":
        return import_track(path)
    if path.suffix in (".yaml", ".yml"):
        return draw_file(path)
    if str(name).startswith(RANDOM):
        return _made_up(str(name))
    if str(name) not in builtin_names():
        raise TrackError(
            f"no track {str(name)!r}: the built-in ones are {', '.join(builtin_names())}; "
            f"a track of your own is the path of a .npy or .yaml file, a made-up one {RANDOM}SEED"
        )
    return draw_file(worlds_folder() / f"{name}.yaml")


def _made_up(name: str) -> Track:
    from deepracer_sim.track_generator import generate_track

    seed = name.removeprefix(RANDOM)
    if not (seed.isascii() and seed.isdigit() and len(seed) < 19):
        raise TrackError(f"no track {name!r}: the seed must be a whole number from 0 on, as in {RANDOM}7")
    return generate_track(int(seed))


def draw_file(path: Path) -> Track:
    """Draw the track of a .yaml file.

    Raises:
        TrackError: it cannot be read, or is not a valid closed track.
    """
    drawing = read_drawing(path)
    return track_from_center(path.stem, drawing.draw(), drawing.width)


def track_from_center(name: str, center: Line, width: float) -> Track:
    """Make a track of even width around a centre line `(M, 2)`.

    Raises:
        TrackError: a border crosses itself or the other one.
    """
    if len(center) > MOST_WAYPOINTS:
        raise TrackError(
            f"track {name!r}: {len(center)} waypoints: must be at most {MOST_WAYPOINTS}: space them out"
        )
    inner, outer = track_shape.borders_of(center, width)
    track_shape.check_borders(name, center, inner, outer)
    return _track_from_lines(name, center, inner, outer)


def import_track(path: str | os.PathLike[str]) -> Track:
    """Load a track from an .npy file in AWS's layout; its name is the file's.

    Raises:
        TrackError: the file cannot be read, or does not hold a valid closed track.
    """
    path = Path(path)
    try:
        rows = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError, MemoryError, BadZipFile) as error:
        reason = str(error).partition(" If you trust")[0]  # nobody should trust a pickle
        raise TrackError(f"track file {path} cannot be read: {reason}") from error
    if not isinstance(rows, np.ndarray):
        rows.close()
        raise TrackError(
            f"track file {path} holds several arrays (.npz): must hold one, saved with numpy.save"
        )
    return track_from_rows(path.stem, rows)


def track_from_rows(name: str, rows: NDArray[np.generic]) -> Track:
    """Make a track of rows in AWS's layout.

    Rows that repeat the row before, and a last one that repeats the first, are dropped. Either direction is
    fine, and so are borders in either order: the one that encloses the smaller area becomes the inner one.

    Args:
        name: of the track.
        rows: x, y of centre line, inner and outer border in metres, `(N, 6)`, any real type.

    Raises:
        TrackError: they do not make a valid closed track, and why.
    """
    lines = _distinct_rows(name, rows)
    center, inner, outer = lines[:, 0:2], lines[:, 2:4], lines[:, 4:6]
    _check_closed(name, center)
    if abs(track_shape.area_of(inner)) > abs(track_shape.area_of(outer)):
        inner, outer = outer, inner
    widths = np.linalg.norm(outer - inner, axis=1)
    if widths.min() < NARROWEST:
        raise TrackError(
            f"track {name!r}: the borders are {widths.min():.3f} m apart at waypoint {widths.argmin()}: "
            f"must be at least {NARROWEST} m"
        )
    reach = 2.0 * float(np.median(widths))
    inner, outer = track_shape.untangled(inner, reach), track_shape.untangled(outer, reach)
    track_shape.check_borders(name, center, inner, outer)
    return _track_from_lines(name, center, inner, outer)


def save_track(track: Track, path: str | os.PathLike[str]) -> None:
    """Write a single track as an .npy file in AWS's layout, the first row repeated at the end.

    The file appears under its name only when it is complete.

    Raises:
        TrackError: the track is a stack, the name does not end in .npy, or the file cannot be written.
    """
    path = Path(path)
    if track.center.dim() != 2:
        raise TrackError(f"track {track.name!r} is a stack of tracks: save them one by one")
    if path.suffix != ".npy":
        raise TrackError(f"track file {path}: the name must end in .npy")
    rows = torch.cat((track.center, track.inner, track.outer), dim=1).double().cpu().numpy()
    content = io.BytesIO()  # given a file, NumPy says nothing when the disk is full
    np.save(content, np.concatenate((rows, rows[:1])), allow_pickle=False)
    try:
        with replacing(path) as temporary:
            temporary.write_bytes(content.getvalue())
    except OSError as error:
        raise TrackError(f"track file {path} cannot be written: {error}") from error


def list_tracks() -> list[TrackRow]:
    """Describe the built-in tracks in alphabetical order."""
    folder = worlds_folder()
    return [
        describe(load_track(name), read_drawing(folder / f"{name}.yaml").title) for name in builtin_names()
    ]


def describe(track: Track, title: str = "") -> TrackRow:
    """Describe a single track."""
    lines = (line.double().cpu().numpy() for line in (track.center, track.inner, track.outer))
    return track_shape.row_of(track.name, title, *lines)


def _distinct_rows(name: str, rows: NDArray[np.generic]) -> NDArray[np.float64]:
    """Drop repeated rows; refuse what is not an array of enough finite numbers."""
    if rows.ndim != 2 or rows.shape[1] != 6:
        raise TrackError(
            f"track {name!r}: shape {rows.shape}: must be (N, 6), "
            "the x and y of centre line, inner border and outer border"
        )
    if rows.dtype.kind not in "fiu":
        raise TrackError(f"track {name!r}: values of type {rows.dtype}: must be numbers, in metres")
    lines = rows.astype(np.float64)
    usable = np.isfinite(lines)
    if not usable.all():
        row, column = np.argwhere(~usable)[0]
        raise TrackError(
            f"track {name!r}: row {row}, column {column} is {lines[row, column]}: must be finite"
        )
    if lines.size and np.abs(lines).max() > FARTHEST:
        raise TrackError(
            f"track {name!r}: {np.abs(lines).max():g} m: must be within {FARTHEST} m of the origin"
        )
    steps = np.linalg.norm(np.diff(lines[:, :2], axis=0), axis=1)
    lines = lines[np.append(True, steps > DUPLICATE_DISTANCE)] if len(lines) else lines
    if len(lines) > 1 and np.linalg.norm(lines[-1, :2] - lines[0, :2]) <= DUPLICATE_DISTANCE:
        lines = lines[:-1]
    if not FEWEST_WAYPOINTS <= len(lines) <= MOST_WAYPOINTS:
        raise TrackError(
            f"track {name!r}: {len(lines)} distinct waypoints: must be {FEWEST_WAYPOINTS} to {MOST_WAYPOINTS}"
        )
    return lines


def _check_closed(name: str, center: Line) -> None:
    steps = np.linalg.norm(np.diff(center, axis=0), axis=1)
    gap = float(np.linalg.norm(center[0] - center[-1]))
    limit = OPEN_GAP_FACTOR * float(steps.max())
    if gap > limit:
        raise TrackError(
            f"track {name!r}: the line is open, its ends are {gap:.2f} m apart: "
            f"must be at most {limit:.2f} m, {OPEN_GAP_FACTOR:.0f} times the longest step between waypoints"
        )


def _track_from_lines(name: str, center: Line, inner: Line, outer: Line) -> Track:
    return Track(name, *(torch.from_numpy(line).float() for line in (center, inner, outer)))
