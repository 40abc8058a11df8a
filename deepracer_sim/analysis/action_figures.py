"""Figures of the action space: what was chosen, how often, and what never."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from deepracer_sim.analysis.chart import AMOUNTS, BLUE, RED, colour_bar, figure
from deepracer_sim.analysis.records import Records

LARGEST_DOT = 46
"""Pixels across, of the action that is chosen most."""


def action_names(actions: pd.DataFrame) -> list[str]:
    """Return a short name of each action; its steering angle is positive to the left."""
    return [
        f"{'left' if angle > 0 else 'right'} {abs(angle):g}°, {speed:g} m/s"
        if angle
        else f"straight, {speed:g} m/s"
        for angle, speed in zip(actions["steering_angle"], actions["speed"], strict=True)
    ]


def action_space_figure(records: Records) -> go.Figure:
    """Draw the action space; a dot's area is how often the action was chosen in the last third."""
    use = records.action_use
    chart = figure("steering angle in degrees, left is left", "speed in m/s")
    most = max(float(use["late_share"].max()), 1e-9)
    sizes = LARGEST_DOT * np.sqrt(use["late_share"] / most)
    chosen = use["late_count"] > 0
    names = np.array(action_names(use), object)
    chart.add_scatter(
        x=use["steering_angle"][chosen],
        y=use["speed"][chosen],
        mode="markers+text",
        name="chosen",
        marker={"size": np.maximum(sizes[chosen], 5), "color": BLUE, "opacity": 0.75, "line": {"width": 0}},
        text=[f"{100 * share:.0f}" if share >= 0.03 else "" for share in use["late_share"][chosen]],
        textfont={"color": "white", "size": 12},
        customdata=np.column_stack(
            (use.index[chosen], names[chosen], 100 * use["late_share"][chosen], use["count"][chosen])
        ),
        hovertemplate="action %{customdata[0]}: %{customdata[1]}<br>%{customdata[2]:.1f} % of the last steps,"
        " %{customdata[3]} times altogether<extra></extra>",
    )
    for rows, name, symbol in (
        (~chosen & use["is_used"], "given up", "circle-open"),
        (~use["is_used"], "never used", "x-thin"),
    ):
        if rows.any():
            chart.add_scatter(
                x=use["steering_angle"][rows],
                y=use["speed"][rows],
                mode="markers",
                name=name,
                marker={"symbol": symbol, "size": 11, "color": RED, "line": {"width": 2.5, "color": RED}},
                customdata=np.column_stack((use.index[rows], names[rows])),
                hovertemplate=f"action %{{customdata[0]}}: %{{customdata[1]}}<br>{name}<extra></extra>",
            )
    chart.update_xaxes(autorange="reversed", tickvals=sorted(use["steering_angle"].unique()), ticksuffix="°")
    speeds = sorted(use["speed"].unique())
    room = 0.6 * (speeds[-1] - speeds[0] or speeds[-1]) / max(1, len(speeds) - 1)
    chart.update_yaxes(tickvals=speeds, range=[speeds[0] - room, speeds[-1] + room])
    chart.update_layout(showlegend=len(chart.data) > 1)
    return chart


def action_shares_figure(records: Records) -> go.Figure:
    """Draw the share of each action over the traced iterations."""
    shares = 100 * records.action_shares
    names = [
        f"{number}: {name}"
        for number, name in zip(shares.columns, action_names(records.actions), strict=True)
    ]
    chart = figure("iteration", coloraxis={"colorscale": AMOUNTS, "colorbar": colour_bar("% of the steps")})
    chart.add_heatmap(
        x=[f"{iteration:g}" for iteration in shares.index],
        y=names,
        z=shares.to_numpy(np.float32).T,
        coloraxis="coloraxis",
        xgap=1,
        ygap=1,
        hovertemplate="%{y}<br>%{z:.1f} % of the steps from iteration %{x}<extra></extra>",
    )
    chart.update_xaxes(type="category", showgrid=False)
    chart.update_yaxes(type="category", showgrid=False, tickfont={"size": 11})
    return chart
