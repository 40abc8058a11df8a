"""A picture of a track from above: road, borders, numbered waypoints, start line and direction."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from deepracer_sim.errors import TrackError
from deepracer_sim.file_replacement import replacing
from deepracer_sim.track import Track

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ROAD, BORDER, CENTER, START = "#d9dde3", "#30363d", "#e8912d", "#c62828"
NUMBERED_EVERY = 5  # waypoints; each number would hide the next otherwise
PICTURE_WIDTH = 11.0  # inches
ARROW_LENGTH = 0.6  # metres


def draw_track(track: Track, path: str | os.PathLike[str]) -> None:
    """Write a picture of a single track as .png, .svg or .pdf, by the ending of its name.

    The file appears under its name only when it is complete.

    Raises:
        TrackError: the track is a stack, or the file cannot be written.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    path = Path(path)
    if track.center.dim() != 2:
        raise TrackError(f"track {track.name!r} is a stack of tracks: draw them one by one")
    if path.suffix not in (".png", ".svg", ".pdf"):
        raise TrackError(f"picture {path}: the name must end in .png, .svg or .pdf")
    sizes = (track.outer.amax(dim=0) - track.outer.amin(dim=0)).tolist()
    height = min(max(PICTURE_WIDTH * sizes[1] / sizes[0] + 1.0, 4.0), 2.0 * PICTURE_WIDTH)
    figure = Figure(figsize=(PICTURE_WIDTH, height), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    paint_track(axes, track)
    number_waypoints(axes, track)
    width = (track.outer - track.inner).norm(dim=1).mean()
    direction = "counter-clockwise" if track.is_ccw else "clockwise"
    axes.set_title(f"{track.name}   {track.length:.2f} m long, {width:.2f} m wide, {direction}")
    axes.set_xlabel("x in metres")
    axes.set_ylabel("y in metres")
    try:
        with replacing(path) as temporary:
            figure.savefig(temporary, dpi=120)
    except OSError as error:
        raise TrackError(f"picture {path} cannot be written: {error}") from error


def paint_track(axes: Axes, track: Track) -> None:
    """Paint road, borders, centre line, start line and an arrow in the waypoints' direction onto axes.

    Args:
        axes: Matplotlib axes; their aspect becomes equal.
        track: a single track.
    """
    center, inner, outer = (
        _closed(line.double().cpu().numpy()) for line in (track.center, track.inner, track.outer)
    )
    # One polygon out along one border and back along the other: filled, it is the road with its hole.
    axes.fill(*np.concatenate((outer, inner[::-1])).T, color=ROAD, linewidth=0.0, zorder=0)
    for border in (inner, outer):
        axes.plot(*border.T, color=BORDER, linewidth=1.5, zorder=1)
    axes.plot(*center.T, color=CENTER, linewidth=0.8, linestyle=(0, (6, 4)), zorder=1)
    axes.plot(*np.stack((inner[0], outer[0])).T, color=START, linewidth=3.0, zorder=3)
    ahead = (center[1] - center[0]) / np.linalg.norm(center[1] - center[0])
    axes.annotate(
        "",
        xy=tuple(center[0] + ARROW_LENGTH * ahead),
        xytext=tuple(center[0]),
        arrowprops={"arrowstyle": "-|>", "color": START, "linewidth": 2.0, "mutation_scale": 18},
        zorder=4,
    )
    axes.set_aspect("equal")


def number_waypoints(axes: Axes, track: Track) -> None:
    """Mark every waypoint of a single track and number every fifth, between it and the inner border."""
    center, inner = track.center.double().cpu().numpy(), track.inner.double().cpu().numpy()
    axes.scatter(center[:, 0], center[:, 1], s=5.0, color=BORDER, zorder=2)
    label = {"boxstyle": "round,pad=0.15", "facecolor": ROAD, "edgecolor": "none"}
    for index in range(0, len(center) - NUMBERED_EVERY // 2, NUMBERED_EVERY):  # the last ones would hide 0
        x, y = center[index] + 0.55 * (inner[index] - center[index])
        axes.text(x, y, str(index), fontsize=7, color=BORDER, ha="center", va="center", bbox=label, zorder=4)


def _closed(line: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.concatenate((line, line[:1]))
