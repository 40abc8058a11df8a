"""The fields of AWS's simulation trace, on a square of 4 m whose waypoints are a metre apart."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scripted_world import circle, square

from deepracer_sim.simulation_trace import (
    COLUMNS,
    EpisodeTrace,
    all_wheels_on_track,
    closest_waypoints,
    single_track,
    status_names,
)
from deepracer_sim.track import stack


def test_two_steps_as_text():
    trace = EpisodeTrace(
        steps=np.array([0, 1]),
        x=np.array([3.06, 3.12345]),
        y=np.array([0.68, -0.00001]),
        yaw=np.array([-12.5, 179.99996]),
        steer=np.array([0.0, -15.0]),
        throttle=np.array([0.0, 1.333333]),
        action=np.array([-1, 4]),
        reward=np.array([0.0, 1.25e-5]),
        done=np.array([False, True]),
        all_wheels_on_track=np.array([True, False]),
        progress=np.array([0.0, 0.56789]),
        closest_waypoint=np.array([0, 1]),
        track_length=np.array([17.7096, 17.7096]),
        time=np.array([2.0, 2.0 + 1 / 15]),
        status=np.array(["prepare", "off_track"]),
        pause=np.array([0.0, 5.0]),
        wall_clock=np.array([1795359587.25, 1795359587.65314]),
    )
    assert trace.text(7) == (
        "7,0,3.0600,0.6800,-12.5000,0.00,0.00,-1,0,False,True,0.0000,0,17.71,2.0000,prepare,0.00,0,"
        "1795359587.2500\n"
        "7,1,3.1235,-0.0000,180.0000,-15.00,1.33,4,1.25e-05,True,False,0.5679,1,17.71,2.0667,off_track,5.00,0,"
        "1795359587.6531\n"
    )
    assert {len(line.split(",")) for line in trace.text(7).splitlines()} == {len(COLUMNS)} == {19}


@pytest.mark.parametrize(
    ("behind", "x", "y", "reversed", "closest"),
    [
        (0, 2.4, 0.1, False, 0),
        (0, 2.6, 0.1, False, 1),
        (4, 4.0, 2.9, False, 5),
        # The last waypoint is at (1, 0); after it the first one comes again, as number 16.
        (15, 1.4, 0.0, False, 15),
        (15, 1.6, 0.0, False, 16),
        # Driven the other way round, (1, 0) is number 1 and (0, 0) number 2.
        (0, 1.4, 0.0, True, 1),
        (1, 0.9, 0.0, True, 1),
        (1, 0.1, 0.0, True, 2),
        (15, 2.1, 0.0, True, 16),
    ],
)
def test_the_nearer_one_of_the_two_waypoints(behind, x, y, reversed, closest):
    found = closest_waypoints(square(), np.array([behind]), np.array([x]), np.array([y]), reversed)
    assert found.tolist() == [closest]


@pytest.mark.parametrize(
    ("x", "y", "yaw", "is_on"),
    [
        (2.0, 0.0, 0.0, True),
        # The border is at y = -0.5, the wheels are 0.08 m to the side and at most 0.22 m behind the point.
        (2.0, -0.41, 0.0, True),
        (2.0, -0.43, 0.0, False),
        (2.0, -0.27, math.pi / 2, True),
        (2.0, -0.29, math.pi / 2, False),
    ],
)
def test_wheels_are_beside_and_behind_the_reference_point(x, y, yaw, is_on):
    assert all_wheels_on_track(square(), x, y, yaw) is is_on


def test_statuses_have_awss_names():
    names = status_names(np.arange(6, dtype=np.float32))
    assert names.tolist() == [
        *("in_progress", "lap_complete", "off_track", "immobilized", "reversed", "time_up"),
    ]


def test_a_cars_own_track_comes_out_of_a_stack_without_padding():
    tracks = [square(), circle()]
    whole = stack(tracks, torch.tensor([0, 1, 0]))
    for car, wanted in ((1, circle()), (2, square())):
        own = single_track(whole, car, wanted.name)
        assert torch.equal(own.center, wanted.center) and torch.equal(own.outer, wanted.outer)
        assert own.name == wanted.name
    assert torch.equal(single_track(square(), 5, "square").center, square().center)
