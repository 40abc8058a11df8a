"""Names and places of several cars; the track is a circle, so places are angles."""

from __future__ import annotations

import math

import pytest
from scripted_world import circle

from deepracer_sim.starting_grid import car_names, car_namespaces, start_poses


@pytest.mark.parametrize(
    ("num_cars", "names", "namespaces"),
    [
        (1, ["racecar"], [""]),
        (2, ["racecar_1", "racecar_2"], ["/racecar_1", "/racecar_2"]),
        (3, ["racecar_1", "racecar_2", "racecar_3"], ["/racecar_1", "/racecar_2", "/racecar_3"]),
    ],
)
def test_names(num_cars, names, namespaces):
    assert car_names(num_cars) == names
    assert car_namespaces(num_cars) == namespaces


def test_cars_start_a_quarter_of_the_lap_apart():
    """From (2, 0) northwards; the heading is that of a piece of the circle, half a degree long."""
    expected = [(2, 0, 90), (0, 2, 180), (-2, 0, 270), (0, -2, 360)]
    for (x, y, yaw), (east, north, heading) in zip(start_poses(circle(), 4).tolist(), expected, strict=True):
        assert (x, y) == pytest.approx((east, north), abs=1e-3)
        assert math.remainder(yaw - math.radians(heading), math.tau) == pytest.approx(0, abs=0.01)
