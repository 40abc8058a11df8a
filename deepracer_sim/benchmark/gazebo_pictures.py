"""What the embedded camera sees beside what Gazebo's sees from the same places."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from deepracer_sim.benchmark.report import Figure
from deepracer_sim.camera import Camera
from deepracer_sim.errors import RunError
from deepracer_sim.file_replacement import replacing
from deepracer_sim.gazebo.car_model import Fleet
from deepracer_sim.gazebo.track_server import open_world
from deepracer_sim.settings import CameraSettings
from deepracer_sim.simulation import Course
from deepracer_sim.track import Track
from deepracer_sim.training_graph import GRID, INK

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SIZES = ((160, 120), (64, 48))
LIMIT = 6.0
"""Grey levels of 255 by which the pictures may differ, on average over their pixels."""
TURN = 0.4
"""Radians by which a car looks away from the centre line at most."""
SEED = 0
CARS = 10
"""Cars in a Gazebo, so that fewer requests look from all places."""
SHOWN = 6
"""Pairs in the picture, from the most to the least alike."""
DARKEST = 64
"""Grey levels of difference that are drawn black."""


def measure_pictures(
    tell: Callable[[str], None], folder: Path, count: int = 100
) -> tuple[list[Figure], dict[str, Any]]:
    """Look from many places on re:Invent 2018 with both cameras; draw gazebo_pictures.png.

    Args:
        tell: called with a line for each size.
        folder: for the picture.
        count: places.

    Returns:
        The figures, and for each size the difference at each place.
    """
    course = Course.load(["reinvent_2018"])
    poses = places(course.tracks[0], count)
    figures, details = [], {}
    for width, height in SIZES:
        size = f"{width}x{height}"
        away = difference(*_both(course, CameraSettings(width=width, height=height), poses))
        mean, worst = float(away.mean()), float(away.max())
        tell(f"{size}: the same picture differs by {mean:.2f} of 255 on average, {worst:.2f} at worst")
        what = f"grey pictures of {count} places, {size}, embedded against Gazebo's: mean difference"
        figures.append(Figure(what, mean, "of 255", LIMIT, "less"))
        figures.append(Figure(f"{what}, worst picture", worst, "of 255", LIMIT, "less"))
        details[size] = away.tolist()
    _show(course, poses, torch.tensor(details[f"{SIZES[0][0]}x{SIZES[0][1]}"]), folder)
    return figures, details


def places(track: Track, count: int) -> Tensor:
    """Return poses all along a track, (count, 3), every second one against the waypoints.

    They are up to half a lane off the centre line and look up to 0.4 rad away from it, in seeded draws.
    """
    generator = torch.Generator().manual_seed(SEED)
    aside, turn = 2 * torch.rand(2, count, generator=generator) - 1
    distance = torch.arange(count) / count * track.length
    reversed = torch.arange(count) % 2 == 1
    middle = track.pose_at(distance, reversed, torch.zeros(count))
    # A lane is half the road.
    half_lane = track.project(middle[:, :2], reversed).half_width / 2
    pose = track.pose_at(distance, reversed, aside * half_lane)
    pose[:, 2] += TURN * turn
    return pose


def difference(one: Tensor, other: Tensor) -> Tensor:
    """Return the mean absolute difference of each of N pairs of pictures, (N,), in grey levels."""
    return (one.float() - other.float()).abs().flatten(1).mean(1)


def _both(course: Course, camera: CameraSettings, poses: Tensor) -> tuple[Tensor, Tensor]:
    """Return what Gazebo's and the embedded camera see, (N, height, width, channels) each."""
    x, y, yaw = poses.unbind(1)
    embedded = Camera(camera, course.grounds, torch.zeros(len(poses)).long()).render(x, y, yaw)
    return see_in_gazebo(course, camera, poses), embedded


def see_in_gazebo(course: Course, camera: CameraSettings, poses: Tensor) -> Tensor:
    """Return what a Gazebo of its own shows from N poses, (N, height, width, channels).

    Raises:
        GazeboError: it is not installed or does not start.
    """
    cars = min(CARS, len(poses))
    everyone = torch.ones(cars, dtype=torch.bool)
    seen = []
    with closing(open_world(course, Fleet(cars, camera))) as world:
        for first in range(0, len(poses), cars):
            # The last ones look several times if the cars outnumber the places that are left.
            world.respawn(everyone, poses[torch.arange(first, first + cars).clamp(max=len(poses) - 1)])
            seen.append(world.images())
    return torch.cat(seen)[: len(poses)]


def _show(course: Course, poses: Tensor, away: Tensor, folder: Path) -> None:
    """Draw the pairs from the most to the least alike, in colour."""
    ranks = torch.linspace(0, len(poses) - 1, min(SHOWN, len(poses))).round().long()
    chosen = away.argsort()[ranks]
    width, height = SIZES[0]
    pairs = _both(course, CameraSettings(width=width, height=height, colour="rgb"), poses[chosen])
    save_pairs(*pairs, away[chosen], folder / "gazebo_pictures.png")


def save_pairs(gazebo: Tensor, embedded: Tensor, away: Tensor, path: Path) -> None:
    """Write a .png of pairs of pictures and how they differ, two pairs a row.

    Args:
        gazebo, embedded: (N, height, width, 3) uint8.
        away: (N,) mean grey difference of each pair, to be written beside it.
        path: of the picture.

    Raises:
        RunError: the file cannot be written.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure as Drawing
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    rows = (len(gazebo) + 1) // 2
    layout = ConstrainedLayoutEngine(w_pad=0.03, h_pad=0.03, wspace=0.0, hspace=0.0)
    drawing = Drawing(figsize=(15.0, 0.35 + 1.88 * rows), dpi=110, layout=layout)
    FigureCanvasAgg(drawing)
    panels = drawing.subplots(rows, 7, squeeze=False, width_ratios=[1, 1, 1, 0.1, 1, 1, 1])
    for axes in panels.flat:
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set_color(GRID)
    for axes in (*panels[:, 3], *panels.flat[7 * rows - 3 :][: 3 * (len(gazebo) % 2)]):
        axes.set_visible(False)
    for pair, (one, other) in enumerate(zip(gazebo.numpy(), embedded.numpy(), strict=True)):
        axes = panels[pair // 2, 4 * (pair % 2) :][:3]
        apart = np.abs(one.astype(int) - other).mean(2)
        _draw_pair(axes, [one, other, apart], float(away[pair]))
        if pair < 2:
            for each, title in zip(
                axes, ("Gazebo", "embedded", f"difference (black: {DARKEST} of 255)"), strict=True
            ):
                each.set_title(title, color=INK, fontsize=12)
    with replacing(path, RunError) as temporary:
        path.parent.mkdir(parents=True, exist_ok=True)
        drawing.savefig(temporary)


def _draw_pair(axes: Any, pictures: list[Any], away: float) -> None:
    for each, picture in zip(axes, pictures, strict=True):
        each.imshow(picture, cmap="gray_r", vmin=0, vmax=DARKEST, interpolation="nearest")
    label: Axes = axes[2]
    label.text(0.03, 0.95, f"{away:.1f} of 255", transform=label.transAxes, va="top", color=INK, fontsize=11)
