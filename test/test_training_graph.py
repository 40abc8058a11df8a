from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
from matplotlib.colors import to_rgb

from deepracer_sim.errors import RunError
from deepracer_sim.training_graph import EVALUATION, REWARD, TRAINING, _clock, _smoothed, save_training_graph


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
    [(30, 15, "30 s"), (75, 15, "1:15"), (60, 60, "1 min"), (5400, 1800, "1:30 h")],
)
def test_times_read_as_on_a_clock(seconds, step, text):
    assert _clock(seconds, step) == text
