"""What RViz is given: its pieces add up to the track, the car and the way it drove."""

from __future__ import annotations

import math

import pytest

pytest.importorskip("rclpy", reason="ROS 2 is not installed: make ros")

import numpy as np
from driven_circle import circle
from visualization_msgs.msg import Marker

from deepracer_sim.ros.conversions import to_yaw
from deepracer_sim.ros.lap_timing import Moment
from deepracer_sim.ros.markers import MOST_SEGMENTS, DrivenLine, car_markers, track_markers
from deepracer_sim.track_library import load_track

SECOND = 1_000_000_000


def places(marker):
    """Points in the frame of the marker, (K, 2)."""
    return np.array([(point.x, point.y) for point in marker.points]).reshape(-1, 2)


def named(markers, name):
    return [marker for marker in markers if marker.ns == name]


def lengths(line):
    return np.linalg.norm(np.diff(line, axis=0), axis=1)


@pytest.fixture
def shown():
    return track_markers(circle(), 4).markers


def test_every_marker_is_one_that_rviz_takes():
    for name in ("reinvent_2018", "bowtie", "random:3"):
        markers = track_markers(load_track(name), 8).markers
        assert len({(marker.ns, marker.id) for marker in markers}) == len(markers)
        for marker in markers:
            assert marker.header.frame_id == "map"
            assert (marker.header.stamp.sec, marker.header.stamp.nanosec) == (0, 0)
            turn = marker.pose.orientation
            assert math.hypot(turn.x, turn.y, turn.z, turn.w) == pytest.approx(1.0)
            assert marker.color.a == 1.0
            assert max(marker.scale.x, marker.scale.z) > 0
            assert bool(marker.text) == (marker.type == Marker.TEXT_VIEW_FACING)
            assert (
                len(marker.points) % {Marker.LINE_LIST: 2, Marker.TRIANGLE_LIST: 3}.get(marker.type, 1) == 0
            )


def test_the_triangles_are_the_road(shown):
    """Between circles of 0.5 m and 1.5 m: 2 pi square metres, all seen from above."""
    (road,) = named(shown, "road")
    corners = places(road).reshape(-1, 3, 2)
    one, other = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    areas = (one[:, 0] * other[:, 1] - one[:, 1] * other[:, 0]) / 2
    assert (areas > 0).all()
    assert areas.sum() == pytest.approx(math.tau, rel=1e-3)


def test_the_borders_are_closed_circles(shown):
    inner, outer = (places(border) for border in named(shown, "borders"))
    assert lengths(inner).sum() == pytest.approx(math.pi, rel=1e-3)
    assert lengths(outer).sum() == pytest.approx(3 * math.pi, rel=1e-3)


def test_half_of_the_centre_line_is_dashes(shown):
    (dashes,) = named(shown, "center_line")
    assert lengths(places(dashes))[::2].sum() == pytest.approx(math.pi, rel=1e-3)
    assert np.linalg.norm(places(dashes), axis=1) == pytest.approx(np.ones(400), abs=1e-3)


def test_every_fifth_waypoint_is_numbered(shown):
    assert len(named(shown, "waypoints")[0].points) == 400
    numbers = named(shown, "waypoint_numbers")
    assert [label.text for label in numbers] == [str(number) for number in range(0, 400, 5)]
    quarter = numbers[20].pose.position
    assert (numbers[20].text, quarter.x, quarter.y) == (
        "100",
        pytest.approx(0, abs=1e-6),
        pytest.approx(0.75),
    )


def test_the_start_line_crosses_the_road_and_points_ahead(shown):
    line, arrow = named(shown, "start_line")
    assert places(line) == pytest.approx(np.array([(0.5, 0.0), (1.5, 0.0)]))
    assert places(arrow) == pytest.approx(np.array([(1.0, 0.0), (1.0, 0.6)]), abs=0.01)


def test_start_positions_are_those_of_the_simulators_cars(shown):
    """Four on the circle: a quarter apart, each looking along it."""
    boxes = named(shown, "start_positions")
    for quarter, box in enumerate(boxes):
        angle = quarter * math.pi / 2
        assert box.pose.position.x == pytest.approx(math.cos(angle), abs=1e-3)
        assert box.pose.position.y == pytest.approx(math.sin(angle), abs=1e-3)
        turned = math.remainder(to_yaw(box.pose.orientation) - angle - math.pi / 2, math.tau)
        assert turned == pytest.approx(0, abs=0.01)
    assert len(boxes) == 4
    assert lengths(places(boxes[0])).sum() > 2 * (0.3 + 0.2)


def test_the_car_is_where_it_is():
    markers = car_markers(1, Moment(0, 3.0, 4.0, math.pi / 2, 1.0), "reward 0.53")
    body, cabin, wheels, label = markers
    assert {marker.ns for marker in markers} == {"car_2"}
    assert (body.pose.position.x, body.pose.position.y) == (3.0, 4.0)
    assert to_yaw(body.pose.orientation) == pytest.approx(math.pi / 2)
    assert cabin.pose.position.y < 4.0  # behind the middle of a car that looks north
    assert len(wheels.points) == 4
    assert label.text == "reward 0.53"
    assert label.pose.position.z > 0.2


def drive(line, start, end, speed=1.0, begin=0.0, y=0.0):
    """Drive along x in steps of 5 cm."""
    count = round(abs(end - start) / 0.05)
    line.add(
        Moment(
            round((begin + step * 0.05 / speed) * SECOND),
            start + (end - start) * step / count,
            y,
            0.0,
            speed,
        )
        for step in range(count + 1)
    )


def test_the_line_leads_along_the_way():
    line = DrivenLine(0, longest=10.0, fastest=4.0)
    drive(line, 0.0, 1.0)
    marker = line.marker()
    ends = places(marker).reshape(-1, 2, 2)
    assert len(ends) == 20
    assert (ends[0, 0, 0], ends[-1, 1, 0]) == (0.0, pytest.approx(1.0))
    assert (ends[1:, 0] == ends[:-1, 1]).all()
    assert len(marker.colors) == len(marker.points)


def test_faster_is_brighter():
    brightness = []
    for speed in (0.5, 2.0, 4.0, 9.0):
        line = DrivenLine(0, longest=10.0, fastest=4.0)
        drive(line, 0.0, 1.0, min(speed, 5.0))
        colour = line.marker().colors[0]
        brightness.append(0.3 * colour.r + 0.6 * colour.g + 0.1 * colour.b)
    assert brightness[0] < brightness[1] < brightness[2] == brightness[3]


def test_only_the_last_metres_are_kept():
    line = DrivenLine(0, longest=3.0, fastest=4.0)
    drive(line, 0.0, 100.0)
    ends = places(line.marker())
    assert lengths(ends)[::2].sum() == pytest.approx(3.0, abs=0.06)
    assert ends[-1, 0] == pytest.approx(100.0)


def test_however_long_a_track_is_the_line_stays_small():
    line = DrivenLine(0, longest=1e9, fastest=4.0)
    drive(line, 0.0, (MOST_SEGMENTS + 500) * 0.05)
    assert len(line.marker().points) == 2 * MOST_SEGMENTS


def test_a_standing_car_adds_nothing():
    line = DrivenLine(0, longest=3.0, fastest=4.0)
    line.add(Moment(step * SECOND, 1.0, 1.0, 0.0, 0.0) for step in range(100))
    assert line.marker().action == Marker.DELETE
    assert line.marker().points == []


def test_the_line_is_broken_where_the_car_was_put_elsewhere():
    line = DrivenLine(0, longest=10.0, fastest=4.0)
    drive(line, 0.0, 1.0)
    drive(line, 5.0, 6.0, begin=1.001, y=2.0)
    ends = places(line.marker())
    assert lengths(ends)[::2].max() == pytest.approx(0.05)
    assert len(ends) == 80


def test_the_line_is_cleared_when_the_time_is_set_back():
    line = DrivenLine(0, longest=10.0, fastest=4.0)
    drive(line, 0.0, 1.0, begin=50.0)
    line.add([Moment(0, 1.0, 0.0, 0.0, 0.0)])
    assert line.marker().action == Marker.DELETE
    drive(line, 1.0, 2.0)
    assert line.marker().action == Marker.ADD
    assert places(line.marker())[0, 0] == 1.0
