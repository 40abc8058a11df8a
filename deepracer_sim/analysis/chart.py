"""What the figures share: colours that can be read on white and on black, axes, and fewer points."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

GREEN, BLUE, RED, ORANGE, VIOLET, GREY = "#2fa35a", "#3d86e0", "#e5534b", "#e08a2c", "#9a6ee0", "#8b949e"
SERIES = (BLUE, ORANGE, GREEN, VIOLET, RED, "#2aa5b8", "#c2569b", GREY)
CLEAR, FAINT = "rgba(0,0,0,0)", "rgba(128,128,128,0.22)"
SPEEDS = [[0.0, "#6a3cc4"], [0.25, "#b5308c"], [0.5, "#e8505b"], [0.75, "#f7963c"], [1.0, "#f5d90a"]]
"""Slow to fast."""
SIDE_COLOURS = ((31, 111, 224), (46, 160, 90), (240, 128, 32))
SIDES = [[0.0, "#1f6fe0"], [0.5, "#9aa0a6"], [1.0, "#f08020"]]
"""Right, straight, left."""
AMOUNTS = [[0.0, "#274690"], [0.4, "#1f8a8c"], [0.75, "#5ec26a"], [1.0, "#f2e34c"]]
"""Little to much."""
MOST_POINTS = 1500
"""Of a curve or a cloud; SVG stays quick up to here."""


def figure(x_title: str = "", y_title: str = "", **layout: Any) -> go.Figure:
    """Return an empty figure in our style; the page puts in the colours of text and grid."""
    axis = {"gridcolor": FAINT, "zeroline": False}
    empty = go.Figure()
    empty.update_layout(
        template="none",
        paper_bgcolor=CLEAR,
        plot_bgcolor=CLEAR,
        margin={"l": 8, "r": 8, "t": 8, "b": 46},
        font={"size": 13},
        legend={"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"},
        hovermode="closest",
        dragmode=False,
    )
    empty.update_xaxes(**axis, title_text=x_title)
    empty.update_yaxes(**axis, automargin=True, title={"text": y_title, "standoff": 8})
    empty.update_layout(**layout)
    return empty


def thinned(table: pd.DataFrame, most: int = MOST_POINTS) -> pd.DataFrame:
    """Return means of neighbouring rows where there are more than `most`; NaN is left out of them."""
    if len(table) <= most:
        return table
    block = np.arange(len(table)) * most // len(table)
    return table.groupby(block).mean(numeric_only=True)


def spread(table: pd.DataFrame, most: int = MOST_POINTS) -> pd.DataFrame:
    """Return at most `most` rows, evenly spread over the table."""
    if len(table) <= most:
        return table
    return table.iloc[np.linspace(0, len(table) - 1, most).round().astype(int)]


def smoothed(values: pd.Series) -> pd.Series:
    """Return running means over a twentieth of the values."""
    return values.rolling(max(1, round(len(values) / 20)), min_periods=1).mean()


def bounds(values: Any, low: float = 0.02, high: float = 0.98) -> tuple[float, float]:
    """Return two quantiles of the values as the ends of a colour bar; NaN is left out."""
    known = np.asarray(values, np.float64)
    known = known[np.isfinite(known)]
    if not len(known):
        return 0.0, 1.0
    bottom, top = (float(value) for value in np.quantile(known, (low, high)))
    return (bottom, top) if top > bottom else (bottom - 0.5, top + 0.5)


def colour_bar(title: str, **changes: Any) -> dict[str, Any]:
    """Return a flat colour bar above the figure."""
    bar = {
        "orientation": "h",
        "x": 1,
        "xanchor": "right",
        "y": 1.01,
        "yanchor": "bottom",
        "len": 0.7,
        "thickness": 9,
        "ypad": 3,
        "outlinewidth": 0,
        "title": {"text": title, "side": "top"},
        "tickfont": {"size": 11},
    }
    return bar | changes


def action_colours(actions: pd.DataFrame) -> list[list[Any]]:
    """Return a colour scale with a colour for each action: its side's, the faster the stronger.

    It is for values from -0.5 to the number of actions - 0.5.
    """
    angles, speeds = actions["steering_angle"].to_numpy(), actions["speed"].to_numpy()
    sides = angles / max(float(np.abs(angles).max()), 1e-9)
    strengths = 0.35 + 0.65 * speeds / float(speeds.max())
    right, straight, left = (np.array(colour) for colour in SIDE_COLOURS)
    scale: list[list[Any]] = []
    for number, (side, strength) in enumerate(zip(sides, strengths, strict=True)):
        hue = straight + abs(side) * ((left if side > 0 else right) - straight)
        red, green, blue = np.rint(strength * hue + (1 - strength) * 235).astype(int)
        colour = f"rgb({red},{green},{blue})"
        scale += [[number / len(sides), colour], [(number + 1) / len(sides), colour]]
    return scale
