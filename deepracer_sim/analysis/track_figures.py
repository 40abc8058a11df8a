"""Figures on the track from above: where cars left the road, and what they did at each place."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from numpy.typing import NDArray

from deepracer_sim.analysis import tables
from deepracer_sim.analysis.chart import (
    AMOUNTS,
    RED,
    SIDES,
    SPEEDS,
    action_colours,
    bounds,
    colour_bar,
    figure,
    spread,
)
from deepracer_sim.analysis.records import TRAINING, Records
from deepracer_sim.analysis.track_grid import TrackGrid
from deepracer_sim.analysis.track_map import line_of, track_figure

ALL, EARLY, LATE, EVALUATIONS = "All", "First third", "Last third", "Evaluations"
"""Parts of what was driven, by traced iterations."""
MAP_SHARES = (0.12, 0.98)
"""Quantiles that a map's colours run between: a penalty off the road would take half of them."""
Map = NDArray[np.float32]


def parts_of(records: Records, track: str) -> dict[str, pd.DataFrame]:
    """Return the steps on a track: all of the training, its first and last third, and the evaluations."""
    steps = records.steps[records.steps["track"] == track]
    if records.kind == "evaluation":
        return {ALL: steps}
    own, judged = steps[steps["source"] == TRAINING], steps[steps["source"] != TRAINING]
    parts = {ALL: own}
    if len(tables.traced_iterations(own)) > 1:
        parts |= {EARLY: own[tables.is_early(own)], LATE: own[tables.is_late(own)]}
    parts[EVALUATIONS] = judged
    return {name: part for name, part in parts.items() if len(part)}


def map_part(parts: Mapping[str, Any]) -> str:
    """Return the part that maps show before anybody chooses another: what the training has led to."""
    return LATE if LATE in parts else next(iter(parts))


def exit_part(parts: Mapping[str, Any]) -> str:
    """Return the part whose exits are shown first: all, for they become few."""
    return next(iter(parts))


def map_figures(records: Records, track: str) -> dict[str, go.Figure]:
    """Draw speed, steering, most chosen action and reward on a track, each part of the steps in a trace."""
    angle = float(records.actions["steering_angle"].abs().max())
    last = len(records.actions) - 1
    colours = action_colours(records.actions)
    maps = {
        "speed": _map(records, track, _mean("speed"), None, (SPEEDS, "speed in m/s", "%{z:.2f} m/s")),
        "steering": _map(
            records,
            track,
            _mean("steer"),
            (-angle, angle),
            (SIDES, "steering in degrees, left is +", "%{z:+.0f}°"),
        ),
        "choice": _map(
            records,
            track,
            TrackGrid.most_chosen,
            (-0.5, last + 0.5),
            (colours, "action", "mostly action %{z}"),
        ),
    }
    if records.kind == "training":  # evaluations pay the default reward, whatever the training paid
        words = (AMOUNTS, "reward a step", "reward %{z:.3g}")
        maps["reward"] = _map(records, track, _mean_reward, None, words)
    return maps


def _mean(column: str) -> Callable[[TrackGrid, pd.DataFrame], Map]:
    return lambda grid, steps: grid.mean(steps, column)


def _mean_reward(grid: TrackGrid, steps: pd.DataFrame) -> Map:
    return grid.mean(steps[steps["source"] == TRAINING], "reward")


def _map(
    records: Records,
    track: str,
    cells: Callable[[TrackGrid, pd.DataFrame], Map],
    limits: tuple[float, float] | None,
    words: tuple[list[Any], str, str],
) -> go.Figure:
    """Draw one map; `words` are its colours, the title of their bar and the text of a cell."""
    colours, title, hover = words
    grid = _grid(records, track)
    maps = {part: cells(grid, steps) for part, steps in parts_of(records, track).items()}
    low, high = limits or bounds(maps[map_part(maps)], *MAP_SHARES)
    chart = track_figure(records.tracks.get(track), grid)
    axis = {"colorscale": colours, "cmin": low, "cmax": high, "colorbar": colour_bar(title)}
    chart.update_layout(coloraxis=axis)
    for part, means in maps.items():
        chart.add_heatmap(
            x0=float(grid.x[0]),
            dx=grid.cell,
            y0=float(grid.y[0]),
            dy=grid.cell,
            z=means,
            name=part,
            visible=part == map_part(maps),
            coloraxis="coloraxis",
            hoverongaps=False,
            hovertemplate=f"{hover}<br>at %{{x:.1f}}, %{{y:.1f}} m<extra></extra>",
            meta={"part": part},
        )
    return chart


def _grid(records: Records, track: str) -> TrackGrid:
    steps = records.steps[records.steps["track"] == track]
    x, y = steps["X"].to_numpy(), steps["Y"].to_numpy()
    if track in records.tracks:
        edge = line_of(records.tracks[track], "outer")
        x, y = np.append(x, edge[:, 0]), np.append(y, edge[:, 1])
    return TrackGrid.around(x, y)


def exit_figure(records: Records, track: str) -> go.Figure:
    """Draw a cross on a track wherever a car left the road."""
    chart = track_figure(records.tracks.get(track), _grid(records, track))
    parts = parts_of(records, track)
    last = float(records.steps["iteration"].max())
    axis = {"colorscale": SPEEDS, "cmin": 0, "cmax": max(last, 1), "colorbar": colour_bar("from iteration")}
    chart.update_layout(coloraxis=axis, showlegend=False)
    for part, steps in parts.items():
        rows = spread(records.exits[records.exits["attempt"].isin(steps["attempt"].unique())])
        is_dated = rows["iteration"].notna().any()
        colours = {"color": rows["iteration"], "coloraxis": "coloraxis"} if is_dated else {"color": RED}
        chart.add_scatter(
            x=rows["x"],
            y=rows["y"],
            mode="markers",
            name=part,
            marker={"symbol": "x", "size": 9, "line": {"width": 0}, **colours},
            visible=part == exit_part(parts),
            customdata=rows[["distance", "side", "speed", "steering_angle", "episode"]],
            hovertemplate="%{customdata[0]:.1f} m from the start line, to the %{customdata[1]}<br>"
            "%{customdata[2]:g} m/s, steering %{customdata[3]:+g}°, episode %{customdata[4]}<extra></extra>",
            meta={"part": part},
        )
    return chart


def exit_share_figure(records: Records, track: str) -> go.Figure:
    """Draw how many of the cars that came by left the road, along a known track."""
    chart = figure("metres from the start line", "% that left the road", showlegend=False)
    parts = parts_of(records, track)
    for part, steps in parts.items():
        rows = tables.stretches(steps, records.tracks[track])
        chart.add_bar(
            x=(rows["start"] + rows["end"]) / 2,
            y=100 * rows["exit_share"],
            width=0.86 * (rows["end"] - rows["start"]),
            name=part,
            marker={"color": RED, "line": {"width": 0}},
            visible=part == exit_part(parts),
            customdata=rows[["start", "end", "exits", "passes"]],
            hovertemplate="%{customdata[0]:.1f} to %{customdata[1]:.1f} m: %{customdata[2]} of "
            "%{customdata[3]} left the road<extra></extra>",
            meta={"part": part},
        )
    chart.update_yaxes(rangemode="tozero")
    return chart
