"""The driven lines on the track from above, coloured by speed: the picture of an evaluation."""

from __future__ import annotations

import math
import os
from functools import lru_cache
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from deepracer_sim.errors import RunError
from deepracer_sim.evaluation import CarRun, Evaluation, Trace
from deepracer_sim.evaluation_report import best_lap
from deepracer_sim.file_replacement import replacing
from deepracer_sim.ground import MARGIN, RESOLUTION, Material, paint
from deepracer_sim.racing_env import Status
from deepracer_sim.track import Track

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import LineCollection
    from matplotlib.figure import Figure

BACKGROUND, INK, FAINT_INK, FAULT = (13, 17, 23), (230, 237, 243), (139, 148, 158), (255, 82, 82)
"""RGB of the page, of what is written on it, of what is written small, and of leaving the road."""
ROAD, LINES, DASHES = (45, 51, 59), (160, 168, 178), (80, 88, 99)
GROUND_COLOURS = {
    Material.SURROUNDINGS: BACKGROUND,
    Material.SURROUNDINGS_B: BACKGROUND,
    Material.ROAD: ROAD,
    Material.ROAD_B: ROAD,
    Material.BORDER: LINES,
    Material.CENTER_LINE: DASHES,
    Material.SKY: BACKGROUND,
}
"""The ground in quiet colours without grain, so that driven lines stand out."""
VIEW_MARGIN = 0.4
"""Metres of surroundings shown around a track."""
LARGEST_VIEW = 2048
"""Pixels of the longer side of a view; a larger track is scaled down."""
COLOUR_MAP, DARKEST = "plasma", 0.2
"""Of speeds, and the share left out at its dark end, which would drown in the road."""
SLOW_SHARE, FAST_SHARE = 0.03, 0.995
"""The colours run between these quantiles of the speed: each start from rest would take half of them."""
NARROWEST_RANGE = 0.2
"""Least difference between the ends of the colour bar, m/s."""

WIDTH, HEADER, FOOTER, RIM, BAR, DPI = 16.0, 1.45, 0.95, 0.35, 4.5, 100
"""Of the picture and its parts, inches, and dots an inch."""


@lru_cache(maxsize=1)
def view_from_above(track: Track) -> tuple[NDArray[np.uint8], tuple[float, float, float, float]]:
    """Show a single track's painted ground in quiet colours, north up.

    The last one is kept: the picture and the video of an evaluation show the same track.

    Returns:
        The picture (rows, columns, 3) RGB, read-only, and its left, right, bottom and top edge in metres.
    """
    ground = paint(track.to("cpu"), num_levels=1)
    colours = np.array([GROUND_COLOURS[material] for material in Material], np.float32)
    palette = np.rint(ground.mixtures @ colours).astype(np.uint8)
    cut = round((MARGIN - VIEW_MARGIN) / RESOLUTION)
    codes = ground.levels[0][cut:-cut, cut:-cut]
    rows, columns = codes.shape
    left, bottom = (edge + cut * RESOLUTION for edge in ground.origin)
    picture = palette[codes[::-1]]
    scale = LARGEST_VIEW / max(rows, columns)
    if scale < 1:
        size = (round(columns * scale), round(rows * scale))
        picture = cv2.resize(picture, size, interpolation=cv2.INTER_AREA).astype(np.uint8)
    picture.setflags(write=False)
    return picture, (left, left + columns * RESOLUTION, bottom, bottom + rows * RESOLUTION)


def speed_range(speed: NDArray[np.float32]) -> tuple[float, float]:
    """Return the speeds at the two ends of the colours, m/s."""
    low, high = (float(value) for value in np.quantile(speed, (SLOW_SHARE, FAST_SHARE)))
    return min(low, high - NARROWEST_RANGE), high


def save_picture(evaluation: Evaluation, track: Track, path: str | os.PathLike[str]) -> None:
    """Write a .png of the lines that all cars on `track` drove, with crosses where they left the road.

    Args:
        evaluation: the runs; those on other tracks are left out.
        track: a single track.
        path: of the picture; the file appears under its name only when it is complete.

    Raises:
        RunError: no car drove on this track, or the file cannot be written.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    cars = [car for car, run in enumerate(evaluation.runs) if run.track == track.name]
    if not cars:
        driven = ", ".join(sorted({run.track for run in evaluation.runs}))
        raise RunError(f"no car drove on track {track.name!r}: the evaluation is of {driven}")
    view, extent = view_from_above(track)
    map_width = WIDTH - 2 * RIM
    map_height = min(map_width * view.shape[0] / view.shape[1], map_width)
    height = HEADER + map_height + FOOTER
    figure = Figure(figsize=(WIDTH, height), dpi=DPI, facecolor=_shade(BACKGROUND))
    FigureCanvasAgg(figure)
    axes = figure.add_axes((RIM / WIDTH, FOOTER / height, map_width / WIDTH, map_height / height))
    axes.set_axis_off()
    axes.imshow(view, extent=extent, interpolation="antialiased")
    runs = [evaluation.runs[car] for car in cars]
    _add_colour_bar(figure, _draw_lines(axes, evaluation.trace, cars))
    _draw_direction(axes, track, runs)
    _write_title(figure, track, runs)
    with replacing(path, RunError) as temporary:
        figure.savefig(temporary)


def _shade(colour: tuple[int, int, int]) -> tuple[float, float, float]:
    red, green, blue = colour
    return red / 255, green / 255, blue / 255


def _draw_lines(axes: Axes, trace: Trace, cars: list[int]) -> LineCollection:
    """Draw the cars' lines, coloured by speed, and a cross where each left the road."""
    from matplotlib import colormaps
    from matplotlib.collections import LineCollection
    from matplotlib.colors import ListedColormap
    from matplotlib.lines import Line2D

    segments, speeds, faults = [], [], []
    for car in cars:
        points = np.stack((trace.x[:, car], trace.y[:, car]), 1)
        is_step = trace.alive[1:, car] & (trace.fault[:-1, car] == 0)  # after a fault the car was put back
        segments.append(np.stack((points[:-1], points[1:]), 1)[is_step])
        speeds.append(trace.speed[1:, car][is_step])
        faults.append(points[trace.fault[:, car] == Status.OFF_TRACK])
    colours = ListedColormap(colormaps[COLOUR_MAP](np.linspace(DARKEST, 1, 256)))
    lines = LineCollection(
        list(np.concatenate(segments)), cmap=colours, linewidths=2.4 if len(cars) < 4 else 1.5
    )
    lines.set(array=np.concatenate(speeds), clim=speed_range(np.concatenate(speeds)), capstyle="round")
    axes.add_collection(lines, autolim=False)
    places = np.concatenate(faults)
    crosses = Line2D(places[:, 0], places[:, 1], linestyle="", marker="x", color=_shade(FAULT))
    crosses.set(markersize=12.0, markeredgewidth=3.0, zorder=5, clip_on=False)
    axes.add_line(crosses)
    return lines


def _add_colour_bar(figure: Figure, lines: LineCollection) -> None:
    width, height = figure.get_size_inches()
    place = figure.add_axes(((width - RIM - BAR) / width, 0.5 / height, BAR / width, 0.16 / height))
    bar = figure.colorbar(lines, cax=place, orientation="horizontal", extend="min")
    bar.outline.set_visible(False)
    place.tick_params(colors=_shade(FAINT_INK), labelsize=13, length=0, pad=6)
    place.set_title("speed in m/s", color=_shade(FAINT_INK), fontsize=13, loc="right", pad=8)


def _draw_direction(axes: Axes, track: Track, runs: list[CarRun]) -> None:
    """Draw an arrow outside the start line for each direction in which the cars drove."""
    inner, outer = track.inner[0].double().cpu().numpy(), track.outer[0].double().cpu().numpy()
    outwards = (outer - inner) / np.linalg.norm(outer - inner)
    along = (track.center[1] - track.center[0]).double().cpu().numpy()
    along /= np.linalg.norm(along)
    foot = outer + 0.14 * outwards
    for is_reversed in sorted({run.reversed for run in runs}):
        tip = foot + (-0.35 if is_reversed else 0.35) * along
        style = {"arrowstyle": "-|>", "color": _shade(FAINT_INK), "linewidth": 2.0, "mutation_scale": 20.0}
        axes.annotate("", xy=(tip[0], tip[1]), xytext=(foot[0], foot[1]), arrowprops=style)


def _write_title(figure: Figure, track: Track, runs: list[CarRun]) -> None:
    """Write what was driven at the top, and the scale at the bottom left."""
    from matplotlib.lines import Line2D

    clean = sum(lap.is_clean for run in runs for lap in run.laps)
    best = best_lap(runs)
    facts = [
        f"{clean} of {sum(run.begun_laps for run in runs)} laps clean",
        "no lap finished" if math.isnan(best) else f"best lap {best:.2f} s",
        "1 car" if len(runs) == 1 else f"{len(runs)} cars",
        f"{float(track.length):.2f} m",
    ]
    inches, height = figure.dpi_scale_trans, figure.get_figheight()
    figure.text(
        RIM, height - 0.72, track.name, transform=inches, color=_shade(INK), fontsize=34, weight="bold"
    )
    figure.text(
        RIM, height - 1.2, "   ·   ".join(facts), transform=inches, color=_shade(FAINT_INK), fontsize=18
    )
    axes = figure.axes[0]
    metre = axes.get_position().width * WIDTH / float(np.diff(axes.get_xlim())[0])
    figure.add_artist(
        Line2D((RIM, RIM + metre), (0.58, 0.58), transform=inches, color=_shade(FAINT_INK), linewidth=3.0)
    )
    figure.text(RIM, 0.28, "1 m", transform=inches, color=_shade(FAINT_INK), fontsize=13)
