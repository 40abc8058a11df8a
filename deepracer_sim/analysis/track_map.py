"""The road from above, for figures to draw on."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from deepracer_sim.analysis.chart import FAINT, GREY, figure
from deepracer_sim.analysis.track_grid import TrackGrid
from deepracer_sim.track import Track

ROAD, EDGE = "rgba(128,128,128,0.16)", "rgba(128,128,128,0.75)"
Line = NDArray[np.float64]


def track_figure(track: Track | None, grid: TrackGrid) -> go.Figure:
    """Return a map with a scale and, of a known track, road, start line and the direction of its waypoints.

    Args:
        track: a single one, or None.
        grid: what the map shows.
    """
    chart = figure(margin={"l": 8, "r": 8, "t": 8, "b": 8})
    right, top = grid.left + grid.columns * grid.cell, grid.bottom + grid.rows * grid.cell
    chart.update_xaxes(range=[grid.left, right], visible=False, constrain="domain")
    chart.update_yaxes(range=[grid.bottom, top], visible=False, constrain="domain")
    chart.update_yaxes(scaleanchor="x", scaleratio=1)
    _add_scale(chart, grid)
    if track is not None:
        _add_road(chart, track)
        _add_direction(chart, track)
    return chart


def _add_scale(chart: go.Figure, grid: TrackGrid) -> None:
    x, y = grid.left + 0.1, grid.bottom + 0.1
    chart.add_shape(type="line", x0=x, x1=x + 1, y0=y, y1=y, line={"width": 3, "color": GREY})
    chart.add_annotation(
        x=x, y=y, text="1 m", showarrow=False, xanchor="left", yanchor="bottom", font={"size": 11}
    )


def _add_road(chart: go.Figure, track: Track) -> None:
    inner, outer, center = (line_of(track, name) for name in ("inner", "outer", "center"))
    road = {"type": "path", "path": f"{_path(outer)} {_path(inner)}", "fillrule": "evenodd"}
    chart.add_shape(road, fillcolor=ROAD, line={"width": 0}, layer="below")
    for border in (inner, outer):
        chart.add_shape(type="path", path=_path(border), line={"width": 1.2, "color": EDGE})
    chart.add_shape(type="path", path=_path(center), line={"width": 1, "color": FAINT, "dash": "dash"})
    (x0, y0), (x1, y1) = inner[0], outer[0]
    chart.add_shape(type="line", x0=x0, y0=y0, x1=x1, y1=y1, line={"width": 3, "color": GREY})


def _add_direction(chart: go.Figure, track: Track) -> None:
    inner, outer, center = (line_of(track, name) for name in ("inner", "outer", "center"))
    outwards = (outer[0] - inner[0]) / np.linalg.norm(outer[0] - inner[0])
    along = (center[1] - center[0]) / np.linalg.norm(center[1] - center[0])
    foot = outer[0] + 0.14 * outwards
    tip = foot + 0.45 * along
    chart.add_annotation(
        x=tip[0],
        y=tip[1],
        ax=foot[0],
        ay=foot[1],
        axref="x",
        ayref="y",
        text="",
        arrowhead=2,
        arrowwidth=2,
        arrowcolor=GREY,
    )


def line_of(track: Track, name: str) -> Line:
    """Return one of a single track's lines, `(M, 2)` in metres."""
    line: Line = getattr(track, name).double().cpu().numpy()
    return line


def _path(line: Line) -> str:
    return "M" + "L".join(f"{x:.3f},{y:.3f}" for x, y in line) + "Z"
