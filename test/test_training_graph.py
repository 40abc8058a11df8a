from __future__ import annotations

import math
from itertools import pairwise

import cv2
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from deepracer_sim.errors import RunError
from deepracer_sim.training_graph import (
    DPI,
    EVALUATION,
    HEIGHT,
    REWARD,
    TRAINING,
    WIDTH,
    _add_time_axis,
    _clock,
    _lay_out,
    _smoothed,
    save_training_graph,
)


def rows(count: int = 40, judged_every: int = 8) -> list[dict[str, float]]:
    return [
        {
            "iteration": number,
            "samples": 2048 * number,
            "seconds": 1.5 * number,
            "mean_reward": 2.0 * number,
            "completion": number / count if number > 2 else math.nan,
            "evaluation_completion": number / count if number % judged_every == 0 else math.nan,
            "evaluation_clean_runs": math.nan,
            "evaluation_lap_time": math.nan,
        }
        for number in range(1, count + 1)
    ]


def amount(path, colour: str) -> int:
    picture = cv2.imread(str(path))[..., ::-1] / 255
    return int((np.abs(picture - to_rgb(colour)).max(-1) < 0.05).sum())


def test_graph_has_all_three_curves(tmp_path):
    path = tmp_path / "graph.png"
    save_training_graph(rows(), path, best_iteration=40)
    assert cv2.imread(str(path)).shape == (780, 1560, 3)
    assert min(amount(path, colour) for colour in (REWARD, TRAINING, EVALUATION)) > 1000
    assert [file.name for file in tmp_path.iterdir()] == ["graph.png"]


def test_the_best_model_is_marked(tmp_path):
    for best in (24, None, 7):
        save_training_graph(rows(), tmp_path / f"{best}.png", best)
    # A star, its line and its place in the legend; iteration 7 was not evaluated and is not marked.
    assert amount(tmp_path / "24.png", EVALUATION) > amount(tmp_path / "None.png", EVALUATION) + 100
    assert (tmp_path / "None.png").read_bytes() == (tmp_path / "7.png").read_bytes()


@pytest.mark.parametrize("count", [1, 2])
def test_a_training_that_has_just_begun_has_a_graph(tmp_path, count):
    save_training_graph(rows(count), tmp_path / "graph.png", best_iteration=-1)
    assert amount(tmp_path / "graph.png", REWARD) > 50


def test_iterations_without_a_finished_episode_have_a_graph(tmp_path):
    empty = [{**row, "mean_reward": math.nan, "completion": math.nan} for row in rows(3)]
    save_training_graph(empty, tmp_path / "graph.png", None)
    assert (tmp_path / "graph.png").exists()


def test_no_rows_are_refused(tmp_path):
    with pytest.raises(RunError, match=r"metrics\.csv has no rows"):
        save_training_graph([], tmp_path / "graph.png", None)


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(RunError, match="nowhere"):
        save_training_graph(rows(), tmp_path / "nowhere" / "graph.png", None)


def test_smoothing_is_the_mean_of_the_last_values():
    values = np.array((math.nan, 1.0, 3.0, math.nan, 7.0))
    np.testing.assert_allclose(_smoothed(values, 2), (math.nan, 1.0, 2.0, 3.0, 7.0))
    np.testing.assert_allclose(_smoothed(values, 1), values)


@pytest.mark.parametrize(
    ("seconds", "step", "text"),
    [
        *[(30, 15, "30 s"), (75, 15, "1:15"), (7215, 15, "2:00:15")],
        *[(60, 60, "1 min"), (5400, 1800, "1:30 h"), (36060, 60, "10:01 h")],
    ],
)
def test_times_read_as_on_a_clock(seconds, step, text):
    assert _clock(seconds, step) == text


def time_axis(durations):
    """The labels of the time axis and where they lie in the picture, left to right, for seconds each."""
    figure = Figure(figsize=(WIDTH, HEIGHT), dpi=DPI, layout="constrained")
    FigureCanvasAgg(figure)
    rewards = figure.add_subplot()
    iteration, elapsed = np.arange(1.0, len(durations) + 1), np.cumsum(durations)
    _lay_out(rewards, rewards.twinx(), iteration)
    _add_time_axis(rewards, iteration, elapsed)
    figure.canvas.draw()
    labels = {label.get_text(): label.get_window_extent() for label in figure.axes[-1].get_xticklabels()}
    places = {text: (box.x0, box.x1) for text, box in sorted(labels.items(), key=lambda item: item[1].x0)}
    return list(places), list(places.values())


def test_iterations_that_take_equally_long_have_evenly_spaced_times():
    texts, places = time_axis([1.5] * 200)
    assert texts == ["30 s", "1:00", "1:30", "2:00", "2:30", "3:00", "3:30", "4:00", "4:30"]
    steps = np.diff([(left + right) / 2 for left, right in places])
    np.testing.assert_allclose(steps, steps.mean(), atol=1.0)


UNEVEN = {
    "one of two hours": [5.0] * 80 + [7200.0] + [5.0] * 60,
    "ten times as slow later": [1.0] * 100 + [10.0] * 100,
    "slower and slower": np.linspace(0.5, 20, 300),
    "the first one of eleven hours": [40_000.0] + [3.0] * 100,
    "a quarter of an hour now and then": ([4.0] * 29 + [900.0]) * 4,
    "all over the place": np.random.default_rng(0).pareto(0.8, 250) * 10,
}


@pytest.mark.parametrize("durations", UNEVEN.values(), ids=UNEVEN)
def test_times_do_not_overlap_however_uneven_the_iterations(durations):
    texts, places = time_axis(durations)
    assert len(texts) >= 5
    gaps = [right[0] - left[1] for left, right in pairwise(places)]
    assert min(gaps) > 5  # pixels
    assert places[0][0] > 0 and places[-1][1] < WIDTH * DPI


def test_one_long_iteration_leaves_the_others_their_times():
    """80 of 5 s, one of two hours, 60 of 5 s: after 6:40 min comes 2:06:40 h."""
    texts, _ = time_axis(UNEVEN["one of two hours"])
    assert texts == [
        *["1 min", "2 min", "3 min", "4 min", "5 min", "6 min", "2:00 h"],
        *["2:08 h", "2:09 h", "2:10 h", "2:11 h"],
    ]
