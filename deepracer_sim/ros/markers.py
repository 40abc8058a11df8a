"""What RViz shows: the track, the cars, and the lines that they drove, as markers in the frame map."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from geometry_msgs.msg import Point, Vector3
from numpy.typing import NDArray
from std_msgs.msg import ColorRGBA
from visualization_msgs.msg import Marker, MarkerArray

from deepracer_sim.car import WHEEL_POINTS
from deepracer_sim.evaluation_picture import COLOUR_MAP, DARKEST
from deepracer_sim.ground import LINE_WIDTH, START_LINE_WIDTH
from deepracer_sim.ros.conversions import to_pose
from deepracer_sim.ros.lap_timing import Change, Moment, change
from deepracer_sim.starting_grid import start_poses
from deepracer_sim.track import Track
from deepracer_sim.track_picture import ARROW_LENGTH, NUMBERED_EVERY

FRAME = "map"
Colour = tuple[float, float, float]
"""Red, green and blue, 0 to 1."""
ROAD, BORDER, CENTER = (0.33, 0.35, 0.38), (1.0, 1.0, 1.0), (0.95, 0.7, 0.2)
WAYPOINT, NUMBER, START = (0.75, 0.8, 0.86), (0.95, 0.97, 1.0), (0.9, 0.2, 0.2)
CABIN, WHEEL = (0.12, 0.13, 0.15), (0.03, 0.03, 0.03)
CARS: tuple[Colour, ...] = (
    (0.1, 0.6, 0.95),
    (0.95, 0.45, 0.15),
    (0.3, 0.8, 0.35),
    (0.85, 0.3, 0.75),
    (0.95, 0.85, 0.25),
    (0.3, 0.85, 0.85),
    (0.7, 0.55, 0.4),
    (0.8, 0.8, 0.85),
)
"""Of the cars' bodies, in turn."""
LINES_HEIGHT, POINTS_HEIGHT, DRIVEN_HEIGHT, NUMBER_HEIGHT, TEXT_HEIGHT = 0.004, 0.008, 0.012, 0.05, 0.3
"""Metres above the ground, so that nothing hides what lies on it."""
TEXT_BESIDE = 0.3
"""Metres north of the car, so that its text does not hide it from above either."""
BODY, CABIN_SIZE, WHEEL_SIZE = (0.28, 0.15, 0.07), (0.15, 0.12, 0.05), (0.072, 0.04, 0.072)
BODY_HEIGHT, CABIN_HEIGHT, CABIN_BEHIND = 0.065, 0.125, -0.03
"""Sizes and places of what a car is put together from, metres: the cabin is behind the middle."""
START_BOX = ((-0.15, -0.11), (-0.15, 0.11), (0.15, 0.11), (0.21, 0.0), (0.15, -0.11), (-0.15, -0.11))
"""Outline of a start position, which points ahead, metres."""
SHORTEST_STEP = 0.02
"""Metres between two points of a driven line."""
MOST_SEGMENTS = 5000
"""Of a driven line, however long its laps are."""


def track_markers(track: Track, num_starts: int) -> MarkerArray:
    """Return a single track: road, borders, centre line, numbered waypoints, start line and positions.

    Args:
        track: what to show.
        num_starts: start positions, spread evenly from the start line as the simulator's cars.
    """
    center, inner, outer = (line.double().cpu().numpy() for line in (track.center, track.inner, track.outer))
    road = _marker("road", Marker.TRIANGLE_LIST, ROAD, (1.0, 1.0, 1.0))
    road.points = _points(_triangles(inner, outer), 0.0)
    borders = []
    for number, line in enumerate((inner, outer)):
        border = _marker("borders", Marker.LINE_STRIP, BORDER, (LINE_WIDTH, 0.0, 0.0), number)
        border.points = _points(np.concatenate((line, line[:1])), LINES_HEIGHT)
        borders.append(border)
    dashes = _marker("center_line", Marker.LINE_LIST, CENTER, (LINE_WIDTH / 2, 0.0, 0.0))
    ends = np.stack((center, np.roll(center, -1, axis=0)), axis=1)
    dashes.points = _points(ends[: len(center) // 2 * 2 : 2].reshape(-1, 2), LINES_HEIGHT)
    waypoints = _marker("waypoints", Marker.SPHERE_LIST, WAYPOINT, (0.035, 0.035, 0.01))
    waypoints.points = _points(center, POINTS_HEIGHT)
    return MarkerArray(
        markers=[
            road,
            *borders,
            dashes,
            waypoints,
            *_waypoint_numbers(center, inner),
            *_start_line(center, inner, outer),
            *_start_positions(track, num_starts),
        ]
    )


def car_markers(car: int, moment: Moment, text: str) -> list[Marker]:
    """Return a car where it is, with a text above it.

    Args:
        car: its index.
        moment: where it is.
        text: lines to show.
    """
    name, (x, y, yaw) = f"car_{car + 1}", (moment.x, moment.y, moment.yaw)
    body = _marker(name, Marker.CUBE, CARS[car % len(CARS)], BODY, 0)
    body.pose = to_pose(x, y, yaw)
    body.pose.position.z = BODY_HEIGHT
    cabin = _marker(name, Marker.CUBE, CABIN, CABIN_SIZE, 1)
    cabin.pose = to_pose(x + CABIN_BEHIND * math.cos(yaw), y + CABIN_BEHIND * math.sin(yaw), yaw)
    cabin.pose.position.z = CABIN_HEIGHT
    wheels = _marker(name, Marker.CUBE_LIST, WHEEL, WHEEL_SIZE, 2)
    wheels.pose = to_pose(x, y, yaw)
    wheels.points = _points(np.array(WHEEL_POINTS), WHEEL_SIZE[2] / 2)
    label = _marker(name, Marker.TEXT_VIEW_FACING, NUMBER, (0.0, 0.0, 0.13), 3)
    label.pose = to_pose(x, y + TEXT_BESIDE, 0.0)
    label.pose.position.z = TEXT_HEIGHT
    label.text = text
    return [body, cabin, wheels, label]


class DrivenLine:
    """The line that a car drove last, coloured by its speed.

    It is broken where the car was put elsewhere, and cleared when the time is set back.

    Args:
        car: its index.
        longest: length that is kept, metres.
        fastest: speed of the brightest colour, m/s.
    """

    def __init__(self, car: int, longest: float, fastest: float) -> None:
        self.car, self.longest, self.fastest = car, longest, fastest
        self.driven = 0.0
        self._last: Moment | None = None
        self._drawn: tuple[Moment, Point, ColorRGBA] | None = None
        self._segments: deque[tuple[float, Sequence[Point], Sequence[ColorRGBA]]] = deque(
            maxlen=MOST_SEGMENTS
        )

    def add(self, moments: Iterable[Moment]) -> None:
        """Draw on to where the car has come."""
        for moment in moments:
            how = None if self._last is None else change(self._last, moment)
            self._last = moment
            if how is Change.TIME_SET_BACK:
                self._segments.clear()
            if how is not Change.DRIVEN:
                self._drawn = self._end(moment)
            elif self._drawn is not None:
                self._extend(moment)
        while self._segments and self._segments[0][0] < self.driven - self.longest:
            self._segments.popleft()

    def marker(self) -> Marker:
        """Return the line: pairs of ends, for it may be broken."""
        marker = _marker("driven_line", Marker.LINE_LIST, BORDER, (0.03, 0.0, 0.0), self.car)
        # RViz takes a line without points for a mistake.
        marker.action = Marker.ADD if self._segments else Marker.DELETE
        marker.points = [point for _, points, _ in self._segments for point in points]
        marker.colors = [colour for _, _, colours in self._segments for colour in colours]
        return marker

    def _extend(self, moment: Moment) -> None:
        assert self._drawn is not None
        before, *start = self._drawn
        step = math.hypot(moment.x - before.x, moment.y - before.y)
        if step < SHORTEST_STEP:
            return
        self.driven += step
        self._drawn = self._end(moment)
        points, colours = zip(start, self._drawn[1:], strict=True)
        self._segments.append((self.driven, points, colours))

    def _end(self, moment: Moment) -> tuple[Moment, Point, ColorRGBA]:
        share = min(max(moment.speed / self.fastest, 0.0), 1.0)
        colours = speed_colours()
        colour = colours[round(share * (len(colours) - 1))]
        return moment, Point(x=moment.x, y=moment.y, z=DRIVEN_HEIGHT), colour


@lru_cache(maxsize=1)
def speed_colours() -> list[ColorRGBA]:
    """Return colours from standing to the fastest, those of the picture of an evaluation."""
    from matplotlib import colormaps

    return [_rgba(colour[:3]) for colour in colormaps[COLOUR_MAP](np.linspace(DARKEST, 1.0, 64)).tolist()]


def _triangles(inner: NDArray[np.float64], outer: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the corners of two triangles for each piece of road, (6 M, 2), all turning to the left."""
    next_inner, next_outer = np.roll(inner, -1, axis=0), np.roll(outer, -1, axis=0)
    corners = np.stack((inner, outer, next_outer, inner, next_outer, next_inner), axis=1).reshape(-1, 3, 2)
    one, other = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    turns_right = one[:, 0] * other[:, 1] < one[:, 1] * other[:, 0]
    corners[turns_right] = corners[turns_right][:, ::-1]
    return corners.reshape(-1, 2)


def _waypoint_numbers(center: NDArray[np.float64], inner: NDArray[np.float64]) -> list[Marker]:
    labels = []
    # The last ones would hide 0.
    for index in range(0, len(center) - NUMBERED_EVERY // 2, NUMBERED_EVERY):
        label = _marker("waypoint_numbers", Marker.TEXT_VIEW_FACING, NUMBER, (0.0, 0.0, 0.1), index)
        x, y = (center[index] + 0.5 * (inner[index] - center[index])).tolist()
        label.pose = to_pose(x, y, 0.0)
        label.pose.position.z = NUMBER_HEIGHT
        label.text = str(index)
        labels.append(label)
    return labels


def _start_line(
    center: NDArray[np.float64], inner: NDArray[np.float64], outer: NDArray[np.float64]
) -> list[Marker]:
    """Return the line across the road and an arrow in the waypoints' direction."""
    line = _marker("start_line", Marker.LINE_STRIP, START, (START_LINE_WIDTH, 0.0, 0.0), 0)
    line.points = _points(np.stack((inner[0], outer[0])), POINTS_HEIGHT)
    ahead = (center[1] - center[0]) / np.linalg.norm(center[1] - center[0])
    arrow = _marker("start_line", Marker.ARROW, START, (0.03, 0.1, 0.15), 1)
    arrow.points = _points(np.stack((center[0], center[0] + ARROW_LENGTH * ahead)), NUMBER_HEIGHT)
    return [line, arrow]


def _start_positions(track: Track, count: int) -> list[Marker]:
    boxes = []
    for number, pose in enumerate(start_poses(track, count).tolist()):
        box = _marker(
            "start_positions", Marker.LINE_STRIP, CARS[number % len(CARS)], (0.015, 0.0, 0.0), number
        )
        box.pose = to_pose(*pose)
        box.points = _points(np.array(START_BOX), POINTS_HEIGHT)
        boxes.append(box)
    return boxes


def _marker(
    namespace: str, kind: int, colour: Colour, scale: tuple[float, float, float], number: int = 0
) -> Marker:
    """Return a marker without a time stamp: shown where it is, whatever time it is."""
    marker = Marker(ns=namespace, id=number, type=kind, action=Marker.ADD, color=_rgba(colour))
    marker.header.frame_id = FRAME
    marker.pose.orientation.w = 1.0
    marker.scale = Vector3(x=scale[0], y=scale[1], z=scale[2])
    return marker


def _rgba(colour: Sequence[float]) -> ColorRGBA:
    red, green, blue = colour
    return ColorRGBA(r=red, g=green, b=blue, a=1.0)


def _points(places: Any, height: float) -> list[Point]:
    return [Point(x=x, y=y, z=height) for x, y in places.tolist()]
