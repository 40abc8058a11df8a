from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
import torch
from driven_circle import circle, circle_evaluation
from matplotlib import colormaps

from deepracer_sim.errors import RunError
from deepracer_sim.evaluation_picture import (
    BACKGROUND,
    DARKEST,
    FAULT,
    ROAD,
    save_picture,
    speed_range,
    view_from_above,
)


def read(path) -> np.ndarray:
    return cv2.imread(str(path))[..., ::-1].astype(int)


def is_near(picture: np.ndarray, colour: tuple[int, int, int]) -> np.ndarray:
    return np.abs(picture - colour).max(-1) < 12


def test_view_shows_the_road_where_it_is():
    view, (left, right, bottom, top) = view_from_above(circle())
    rows, columns, _ = view.shape
    # The outer border at 1.5 m and 0.4 m around it, to within a few texels.
    assert (left, right, bottom, top) == pytest.approx((-1.9, 1.9, -1.9, 1.9), abs=0.02)
    assert (right - left) / columns == pytest.approx((top - bottom) / rows, rel=1e-6)

    def at(x: float, y: float) -> tuple[int, ...]:
        return tuple(
            view[int((top - y) / (top - bottom) * rows), int((x - left) / (right - left) * columns)].tolist()
        )

    assert at(0.0, 0.0) == BACKGROUND and at(-1.7, 1.7) == BACKGROUND
    assert at(0.0, 0.75) == at(-1.25, 0.0) == ROAD


def test_view_has_north_at_the_top():
    track = circle()
    stretched = [line * torch.where(line[:, 1:] > 0, torch.tensor((1.0, 2.0)), torch.tensor(1.0)) for line in
                 (track.center, track.inner, track.outer)]  # fmt: skip
    view, (_, _, bottom, top) = view_from_above(type(track)("egg", *stretched))
    assert (bottom, top) == pytest.approx((-1.9, 3.4), abs=0.02)
    # Twice as wide in the north: road from 1 to 3 m there, from 0.5 to 1.5 m in the south.
    column = view[:, view.shape[1] // 2]
    at = {y: tuple(column[int((top - y) / (top - bottom) * len(column))].tolist()) for y in (1.2, -0.3)}
    assert at == {1.2: ROAD, -0.3: BACKGROUND}


def test_large_tracks_are_scaled_down(monkeypatch):
    monkeypatch.setattr("deepracer_sim.evaluation_picture.LARGEST_VIEW", 300)
    view, (left, right, _, _) = view_from_above(circle())
    assert max(view.shape) == 300 and right - left == pytest.approx(3.8, abs=0.02)


def test_colours_span_the_usual_speeds():
    # Half of the samples at 1 m/s, half at 2 m/s, a few from rest: those do not stretch the range.
    speed = np.array([0.0] * 2 + [1.0] * 99 + [2.0] * 99, np.float32)
    assert speed_range(speed) == (1.0, 2.0)
    assert speed_range(np.full(9, 1.5, np.float32)) == pytest.approx((1.3, 1.5))


def column_and_row(x: float, y: float) -> tuple[int, int]:
    """Where the picture shows a place: 3.8 m over 1530 pixels, 0.35 inches from the left, 0.95 from below."""
    return round(35 + (x + 1.9) / 3.8 * 1530), round(145 + (1.9 - y) / 3.8 * 1530)


def test_picture_has_the_line_in_the_colours_of_the_speed(tmp_path):
    save_picture(circle_evaluation(), circle(), tmp_path / "lines.png")
    picture = read(tmp_path / "lines.png")
    assert picture.shape[1] == 1600 and picture.shape[0] == pytest.approx(1530 + 145 + 95, abs=5)
    for x, y in ((0.8, 0.6), (0.8, -0.6), (-0.8, 0.6), (-0.8, -0.6)):
        column, row = column_and_row(x, y)
        around = picture[row - 4 : row + 5, column - 4 : column + 5].reshape(-1, 3)
        wanted = np.array(colormaps["plasma"](1.0 if x > 0 else DARKEST)[:3]) * 255
        assert np.abs(around - wanted).max(1).min() < 12
    assert not is_near(picture, FAULT).any()
    assert [file.name for file in tmp_path.iterdir()] == ["lines.png"]


def test_picture_has_a_cross_where_the_car_left(tmp_path):
    save_picture(circle_evaluation(left_at=10), circle(), tmp_path / "lines.png")
    rows, columns = np.nonzero(is_near(read(tmp_path / "lines.png"), FAULT))
    # After step 10 the hand-made car is 11/15 rad round the circle and 2 m from its middle.
    column, row = column_and_row(2 * math.cos(11 / 15), 2 * math.sin(11 / 15))
    assert (columns.mean(), rows.mean()) == pytest.approx((column, row), abs=3)
    assert len(rows) > 50


def test_a_car_on_another_track_is_refused(tmp_path):
    with pytest.raises(RunError, match="no car drove on track 'oval': the evaluation is of circle"):
        save_picture(circle_evaluation(), circle("oval"), tmp_path / "lines.png")
    assert not list(tmp_path.iterdir())


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(RunError, match=r"cannot write .*nowhere/lines\.png: No such file"):
        save_picture(circle_evaluation(), circle(), tmp_path / "nowhere" / "lines.png")
