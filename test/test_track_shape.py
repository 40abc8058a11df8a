from __future__ import annotations

import numpy as np
import pytest

from deepracer_sim import track_shape
from deepracer_sim.errors import TrackError

SQUARE = np.array([[0.0, 0.0], [2.0, 0.0], [2.0, 2.0], [0.0, 2.0]])


def test_a_square():
    assert track_shape.length_of(SQUARE) == 8.0
    assert track_shape.area_of(SQUARE) == 4.0
    assert track_shape.area_of(SQUARE[::-1]) == -4.0
    np.testing.assert_allclose(
        track_shape.radii_of(SQUARE), 2.0 / (np.pi / 2.0)
    )  # a step of 2 m a quarter turn
    np.testing.assert_allclose(
        track_shape.resample(SQUARE, 0.5)[[0, 4, 6, 15]], [[0, 0], [2, 0], [2, 1], [0, 0.5]]
    )
    assert track_shape.crossings(SQUARE) == []


def test_a_spline_through_a_circle_is_nearly_the_circle():
    angle = np.arange(12) * 2.0 * np.pi / 12
    points = 2.0 * np.stack((np.cos(angle), np.sin(angle)), axis=1)
    line = track_shape.line_through(points)
    np.testing.assert_allclose(line[0], points[0])
    np.testing.assert_allclose(np.linalg.norm(line, axis=1), 2.0, atol=1e-3)
    np.testing.assert_allclose(track_shape.radii_of(line), 2.0, rtol=0.03)


@pytest.mark.parametrize("side", [1.0, -1.0])
def test_straights_and_arcs(side):
    """A stadium with straights of 3 m and a radius of 1 m, started in the middle of a straight, along +y."""
    half_turn = (np.pi, side * np.pi)
    line = track_shape.line_along(
        (5.0, 1.0, np.pi / 2.0), [(1.5, 0.0), half_turn, (3.0, 0.0), half_turn, (1.5, 0.0)]
    )
    assert track_shape.length_of(line) == pytest.approx(6.0 + 2.0 * np.pi, rel=1e-5)
    assert track_shape.area_of(line) == pytest.approx(side * (6.0 + np.pi), rel=1e-3)
    np.testing.assert_allclose(line[0], [5.0, 1.0])
    west, east = sorted((5.0, 5.0 - 2.0 * side))
    np.testing.assert_allclose(line.min(axis=0), [west, -1.5], atol=1e-4)
    np.testing.assert_allclose(line.max(axis=0), [east, 3.5], atol=1e-4)


def test_a_small_gap_is_spread_over_the_line():
    half_turn = (np.pi, np.pi)
    line = track_shape.line_along((0.0, 0.0, 0.0), [(2.992, 0.0), half_turn, (3.0, 0.0), half_turn])
    steps = np.linalg.norm(np.roll(line, -1, axis=0) - line, axis=1)
    assert steps.max() < 1.1 * track_shape.FINE_STEP
    with pytest.raises(TrackError, match=r"end at \(0\.020, 0\.000\), 0\.020 m and 0\.00 degrees off"):
        track_shape.line_along((0.0, 0.0, 0.0), [(3.02, 0.0), half_turn, (3.0, 0.0), half_turn])


def test_crossings_of_two_squares():
    found = track_shape.crossings(SQUARE, SQUARE + 1.0)
    assert [(first, second) for first, second, _ in found] == [(1, 0), (2, 3)]
    np.testing.assert_allclose([point for _, _, point in found], [[2.0, 1.0], [1.0, 2.0]])


def test_a_line_that_crosses_itself():
    bow = SQUARE[[0, 2, 1, 3]]  # both diagonals
    [(first, second, point)] = track_shape.crossings(bow)
    assert (first, second) == (0, 2)
    np.testing.assert_allclose(point, [1.0, 1.0])
    # In a vertex: the figure of eight goes twice through (0, 0).
    eight = np.array([[0, 0], [1, 1], [2, 0], [1, -1], [0, 0], [-1, 1], [-2, 0], [-1, -1]], dtype=float)
    assert [(first, second) for first, second, _ in track_shape.crossings(eight)] == [(0, 4)]


def test_borders_of_a_bend_tighter_than_half_the_width_have_a_corner():
    """Quarter turns of radius 0.3 m and a road 1 m wide: the plain offset would fold over inside them."""
    straight, turn = (
        (4.0, 0.0),
        [(0.3 * np.pi / 2.0, np.pi / 2.0), (1.0, 0.0), (0.3 * np.pi / 2.0, np.pi / 2.0)],
    )
    center = track_shape.resample(
        track_shape.line_along((0.0, 0.0, 0.0), [straight, *turn, straight, *turn]), 0.1
    )
    inner, outer = track_shape.borders_of(center, 1.0)
    assert len(inner) == len(outer) == len(center)
    track_shape.check_borders("tight", center, inner, outer)
    # 1.6 m between the straights' centre lines leave a strip of 0.6 m, 4.6 - 1 = 3.6 m long.
    assert track_shape.area_of(inner) == pytest.approx(0.6 * 3.6, rel=0.02)
    # The four corners: somewhere several rows share a point.
    steps = np.linalg.norm(np.roll(inner, -1, axis=0) - inner, axis=1)
    assert (steps < 1e-12).sum() >= 8


def test_a_long_loop_is_not_taken_for_a_fold():
    bow = track_shape.resample(SQUARE[[0, 2, 1, 3]] * 5.0, 0.1)
    np.testing.assert_array_equal(track_shape.untangled(bow, 2.0), bow)
