"""How a training goes, drawn: mean reward above, completion of the lap below, the driving policy marked."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from nicegui import ui

from deepracer_sim.console.model.run_metrics import Row, judged

MOST_POINTS = 240
"""Of a curve; of more iterations, neighbours are averaged."""
SMOOTHED = 0.12
"""Share of the newest value in the smooth curve."""
INK, GRID = "#7d8996", "rgba(128, 140, 155, 0.2)"
REWARD, TRAINING, EVALUATION, MARK = "#4c8df6", "#8f9ba8", "#2fa565", "#e0912f"
"""Colours that can be seen on a light and on a dark ground."""
IN_TRAINING, IN_EVALUATION, DRIVES = "in training", "in evaluation", "drives"
Points = list[list[float]]


class LearningChart:
    """The chart of one run, on a page."""

    def __init__(self) -> None:
        self._chart = ui.echart(_options()).classes("learning-chart")
        self._chart.props("role=img aria-label='Mean reward and completion over the iterations'")
        self._shown: tuple[float, int, int | None] = (-1.0, -1, None)

    def show(self, rows: list[Row], driving: int | None) -> None:
        """Draw the rows of a run.

        Args:
            rows: of its metrics.
            driving: iteration whose policy drives.
        """
        shown = (rows[0]["seconds"] if rows else 0.0, len(rows), driving)
        if shown == self._shown:
            return
        self._shown = shown
        for series, points in zip(self._chart.options["series"], _curves(rows, driving), strict=True):
            series["data"] = points
        self._chart.update()


def _curves(rows: list[Row], driving: int | None) -> list[Points]:
    reward, completion = (
        thinned([[row["iteration"], scale * row[name]] for row in rows if not math.isnan(row[name])])
        for name, scale in (("mean_reward", 1.0), ("completion", 100.0))
    )
    evaluations = [[float(one.iteration), _percent(one.completion)] for one in judged(rows)]
    mark = [point for point in evaluations if point[0] == driving]
    return [reward, smoothed(reward), completion, smoothed(completion), thinned(evaluations, max), mark]


def thinned(points: Points, pick: Callable[[list[float]], float] | None = None) -> Points:
    """Return at most `MOST_POINTS` points: of neighbours, the mean, or what `pick` makes of their values."""
    stride = math.ceil(len(points) / MOST_POINTS)
    groups = [points[begin : begin + stride] for begin in range(0, len(points), stride or 1)]
    value = pick or (lambda values: sum(values) / len(values))
    return [[group[-1][0], round(value([point[1] for point in group]), 4)] for group in groups]


def smoothed(points: Points) -> Points:
    """Return the points with an exponential mean in place of their values."""
    mean, weight, found = 0.0, 0.0, []
    for place, value in points:
        mean += SMOOTHED * (value - mean)
        weight += SMOOTHED * (1 - weight)  # so that the first values count as they should
        found.append([place, round(mean / weight, 4)])
    return found


def _percent(share: float) -> float:
    return math.floor(1000 * share + 1e-6) / 10


def _options() -> dict[str, Any]:
    text = {"color": INK, "fontSize": 12}
    line = {"lineStyle": {"color": GRID}}
    panes = [{"top": 30, "height": "36%"}, {"bottom": 42, "height": "32%"}]
    name = {"nameTextStyle": {**text, "align": "left", "padding": [0, 0, 0, -42]}}
    value = {"type": "value", "axisLabel": text, "splitLine": line, **name}
    place: dict[str, Any] = {"type": "value", "min": 0, "max": "dataMax", "minInterval": 1}
    place |= {"axisLine": line, "axisTick": {"show": False}, "splitLine": {"show": False}}
    title = {"name": "iteration", "nameLocation": "middle", "nameGap": 26, "nameTextStyle": text}
    legend = {"itemGap": 14, "itemWidth": 16, "itemHeight": 10, "textStyle": text}
    return {
        "animation": False,
        "grid": [{"left": 52, "right": 20, **pane} for pane in panes],
        "legend": {"top": "48.5%", "right": 12, "data": [IN_TRAINING, IN_EVALUATION, DRIVES], **legend},
        "tooltip": {"trigger": "axis"},
        "axisPointer": {"link": [{"xAxisIndex": "all"}]},
        "xAxis": [
            {**place, "gridIndex": 0, "axisLabel": {"show": False}},
            {**place, "gridIndex": 1, "axisLabel": text, **title},
        ],
        "yAxis": [
            {**value, "gridIndex": 0, "name": "mean reward of an episode", "scale": True, "splitNumber": 4},
            {**value, "gridIndex": 1, "name": "lap, %", "min": 0, "max": 100, "interval": 25},
        ],
        "series": _series(),
    }


def _series() -> list[dict[str, Any]]:
    dots = {"symbol": "circle", "showSymbol": True, "smooth": False}
    return [
        _line("Reward", 0, REWARD, 0.25),
        _line("Reward", 0, REWARD, 1.0),
        _line(IN_TRAINING, 1, TRAINING, 0.25),
        _line(IN_TRAINING, 1, TRAINING, 1.0),
        {**_line(IN_EVALUATION, 1, EVALUATION, 1.0), **dots},
        {**mark(DRIVES), "xAxisIndex": 1, "yAxisIndex": 1},
    ]


def mark(name: str) -> dict[str, Any]:
    """Return a series that marks the driving policy."""
    style = {"color": MARK, "borderWidth": 1.5, "borderColor": "#ffffff"}
    size = {"symbol": "diamond", "symbolSize": 15, "z": 5}
    return {"name": name, "type": "scatter", "data": [], "itemStyle": style, **size}


def _line(name: str, pane: int, colour: str, opacity: float) -> dict[str, Any]:
    return {
        "name": name,
        "type": "line",
        "data": [],
        "xAxisIndex": pane,
        "yAxisIndex": pane,
        "symbolSize": 5,
        "showSymbol": False,
        "smooth": 0.25,
        "silent": opacity < 1,
        "itemStyle": {"color": colour},
        "lineStyle": {"color": colour, "width": 2 if opacity == 1 else 1, "opacity": opacity},
    }
