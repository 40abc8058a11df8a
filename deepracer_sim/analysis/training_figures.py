"""Figures over the iterations of a training: reward, completion, lap times, terms of the reward."""

from __future__ import annotations

import html

import numpy as np
import plotly.graph_objects as go

from deepracer_sim.analysis.chart import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    RED,
    SERIES,
    SPEEDS,
    colour_bar,
    figure,
    smoothed,
    spread,
    thinned,
)
from deepracer_sim.analysis.records import TRAINING, Records

RAW = 0.3
"""Opacity of a curve beneath its smoothed one."""


def learning_figure(records: Records) -> go.Figure:
    """Draw mean reward and completion over the iterations, with the evaluations and the best of them."""
    rows = thinned(records.iterations)
    chart = figure("iteration", hovermode="x unified")
    chart.set_subplots(rows=2, cols=1, shared_xaxes=True, vertical_spacing=0.07)
    for row, name, factor, colour, label, unit in (
        (1, "mean_reward", 1, GREEN, "mean reward of an episode", ""),
        (2, "completion", 100, BLUE, "completion in training", " %"),
    ):
        values = factor * rows[name]
        line = {"color": colour, "width": 1}
        raw = go.Scatter(x=rows["iteration"], y=values, line=line, opacity=RAW, hoverinfo="skip")
        chart.add_trace(raw.update(showlegend=False, mode="lines"), row=row, col=1)
        smooth = go.Scatter(x=rows["iteration"], y=smoothed(values), name=label, line={"color": colour})
        hover = f"%{{y:.4g}}{unit}<extra>{label}</extra>"
        mode = "lines" if len(rows) > 1 else "markers"
        chart.add_trace(smooth.update(line_width=2.5, mode=mode, hovertemplate=hover), row=row, col=1)
    _add_evaluations(chart, records)
    own = figure().layout
    chart.update_layout(legend=own.legend)
    chart.update_xaxes(own.xaxis)
    chart.update_yaxes(own.yaxis)
    chart.update_xaxes(title_text="iteration", row=2, col=1)
    chart.update_yaxes(title_text="reward", row=1, col=1)
    chart.update_yaxes(title_text="completion in %", range=[0, 106], row=2, col=1)
    return chart


def _add_evaluations(chart: go.Figure, records: Records) -> None:
    rows, best = records.iterations, records.best_evaluation
    if best is None:
        return
    judged = thinned(rows[rows["evaluation_completion"].notna()])
    points = go.Scatter(
        x=judged["iteration"],
        y=100 * judged["evaluation_completion"],
        name="completion in evaluation",
        mode="lines+markers",
        line={"color": RED, "width": 1.5},
        marker={"size": 8},
        hovertemplate="%{y:.1f} %<extra>completion in evaluation</extra>",
    )
    chart.add_trace(points, row=2, col=1)
    star = go.Scatter(
        x=[best["iteration"]],
        y=[100 * best["evaluation_completion"]],
        name="best evaluation",
        mode="markers",
        marker={"symbol": "star", "size": 16, "color": ORANGE, "line": {"width": 1, "color": "white"}},
        hoverinfo="skip",
    )
    chart.add_trace(star, row=2, col=1)


def has_laps(records: Records) -> bool:
    """Tell whether there is a lap time to draw."""
    rows = records.iterations
    return len(records.laps) > 0 or (
        "evaluation_lap_time" in rows and rows["evaluation_lap_time"].notna().any()
    )


def lap_figure(records: Records) -> go.Figure:
    """Draw the time of each finished lap, over the iterations or, of an evaluation, over its laps."""
    if records.kind == "evaluation":
        return _evaluation_laps(records)
    chart = figure("iteration", "lap time in s")
    laps = records.laps[records.laps["source"] == TRAINING].sort_values("episode")
    points = spread(laps)
    chart.add_scatter(
        x=points["iteration"],
        y=points["lap_time"],
        name="laps in training",
        mode="markers",
        marker={"color": BLUE, "size": 8, "opacity": 0.55},
        customdata=points[["episode", "mean_speed"]],
        hovertemplate="%{y:.2f} s, %{customdata[1]:.2f} m/s on average<br>from iteration %{x}, "
        "episode %{customdata[0]}<extra></extra>",
    )
    best = laps.groupby("iteration")["lap_time"].min()
    chart.add_scatter(
        x=best.index,
        y=best,
        name="fastest of them",
        mode="lines",
        line={"color": BLUE, "width": 1.5, "dash": "dot"},
        hoverinfo="skip",
    )
    rows = records.iterations
    if "evaluation_lap_time" in rows and rows["evaluation_lap_time"].notna().any():
        judged = thinned(rows[rows["evaluation_lap_time"].notna()])
        chart.add_scatter(
            x=judged["iteration"],
            y=judged["evaluation_lap_time"],
            name="median clean lap in evaluation",
            mode="lines+markers",
            line={"color": RED, "width": 2},
            hovertemplate="%{y:.2f} s, iteration %{x}<extra>evaluation</extra>",
        )
    return chart


def _evaluation_laps(records: Records) -> go.Figure:
    laps = records.laps.sort_values("episode")
    chart = figure("lap", "lap time in s", bargap=0.35)
    for is_clean, colour, name in (
        (True, GREEN, "clean"),
        (False, ORANGE, "with resets, penalties included"),
    ):
        rows = spread(laps[(laps["resets"] == 0) == is_clean])
        if len(rows):
            chart.add_bar(
                x=rows["episode"] + 1,
                y=rows["lap_time"],
                name=name,
                marker_color=colour,
                customdata=rows[["resets", "mean_speed"]],
                hovertemplate="lap %{x}: %{y:.2f} s, %{customdata[0]} resets, "
                "%{customdata[1]:.2f} m/s on average<extra></extra>",
            )
    chart.update_xaxes(dtick=max(1, len(laps) // 12))
    return chart


def reward_terms_figure(records: Records) -> go.Figure:
    """Draw the mean of each term of the reward a step over the iterations."""
    chart = figure("iteration", "mean reward a step", hovermode="x unified", showlegend=True)
    terms = thinned(records.reward_terms.reset_index())
    for number, name in enumerate(terms.columns[1:]):
        chart.add_scatter(
            x=terms["iteration"],
            y=smoothed(terms[name]),
            name=html.escape(name, quote=False),
            mode="lines" if len(terms) > 1 else "markers",
            line={"color": SERIES[number % len(SERIES)], "width": 2},
            hovertemplate="%{y:.3g}",
        )
    if len(terms.columns) > 2:
        total = smoothed(terms[terms.columns[1:]].sum(axis=1))
        line = {"color": GREY, "width": 2, "dash": "dot"}
        chart.add_scatter(x=terms["iteration"], y=total, name="sum", line=line, hovertemplate="%{y:.3g}")
    return chart


def reward_figure(records: Records) -> go.Figure:
    """Draw how far each traced episode came and what it was paid."""
    chart = figure("completion in %", "reward of the episode")
    episodes = spread(records.episodes[records.episodes["source"] == TRAINING])
    details = np.column_stack(
        (
            episodes["episode"],
            episodes["steps"],
            [html.escape(status.replace("_", " "), quote=False) for status in episodes["status"]],
        )
    )
    chart.add_scatter(
        x=episodes["completion"],
        y=episodes["reward"],
        mode="markers",
        marker={
            "size": 8,
            "opacity": 0.75,
            "color": episodes["iteration"],
            "colorscale": SPEEDS,
            "colorbar": colour_bar("iteration"),
        },
        customdata=details,
        hovertemplate="%{x:.0f} % driven, reward %{y:.1f}<br>episode %{customdata[0]}, "
        "%{customdata[1]} steps, %{customdata[2]}<extra></extra>",
        showlegend=False,
    )
    return chart
