"""The track from above with a moving car, for the video of an evaluation."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from deepracer_sim.evaluation import Trace
from deepracer_sim.evaluation_picture import (
    BACKGROUND,
    COLOUR_MAP,
    DARKEST,
    FAULT,
    INK,
    speed_range,
    view_from_above,
)
from deepracer_sim.track import Track

Picture = NDArray[np.uint8]
"""(rows, columns, 3) RGB; those of cameras may have one channel."""
Colour = tuple[int, int, int]

BODY = ((-0.15, -0.1), (0.09, -0.1), (0.15, -0.05), (0.15, 0.05), (0.09, 0.1), (-0.15, 0.1))
WINDSCREEN = ((0.04, -0.07), (0.04, 0.07), (0.09, 0.05), (0.09, -0.05))
"""Outlines of the car over bumpers and wheels, in its own frame, metres."""
OLDER_LAPS = 0.4
"""Strength of the trail of each lap before the present one."""
SUBPIXEL_BITS = 4  # of OpenCV's `shift`


class TrackView:
    """The track from above, and where to draw on it.

    Args:
        track: a single track.
        size: largest width and height in pixels.

    Attributes:
        road: the picture without cars, read-only.
        scale: pixels per metre.
    """

    def __init__(self, track: Track, size: tuple[int, int]) -> None:
        view, (left, right, _, top) = view_from_above(track)
        shrink = min(size[0] / view.shape[1], size[1] / view.shape[0])
        fitting = (round(view.shape[1] * shrink), round(view.shape[0] * shrink))
        self.road: Picture = cv2.resize(view, fitting, interpolation=cv2.INTER_AREA).astype(np.uint8)
        self.road.setflags(write=False)
        self.scale = fitting[0] / (right - left)
        self._north_west = np.array((left, top))

    def pixels(self, places: NDArray[np.float64]) -> NDArray[np.int32]:
        """Turn metres (K, 2) into OpenCV's sixteenths of a pixel."""
        pixels = (places - self._north_west) * (self.scale, -self.scale) - 0.5
        return np.rint(pixels * 2**SUBPIXEL_BITS).astype(np.int32)

    def draw_car(self, picture: Picture, place: NDArray[np.float64], yaw: float, colour: Colour) -> None:
        """Draw a car at x, y in metres, heading for `yaw` in radians."""
        cosine, sine = math.cos(yaw), math.sin(yaw)
        turn = np.array(((cosine, sine), (-sine, cosine)))
        for outline, paint in ((BODY, colour), (WINDSCREEN, BACKGROUND)):
            corners = self.pixels(place + np.array(outline) @ turn)
            cv2.fillPoly(picture, [corners], paint, cv2.LINE_AA, SUBPIXEL_BITS)


class TrackMap:
    """The track from above with a car that leaves a trail coloured by its speed.

    Args:
        track: a single track.
        trace: of the evaluation; its first car is drawn.
        steps: of that car's run.
        size: largest width and height in pixels.
    """

    def __init__(self, track: Track, trace: Trace, steps: int, size: tuple[int, int]) -> None:
        self._view = TrackView(track, size)
        self._trailed = self._view.road.copy()
        self._places = np.stack((trace.x[:steps, 0], trace.y[:steps, 0]), 1).astype(np.float64)
        self._yaw, self._fault = trace.yaw[:steps, 0], trace.fault[:steps, 0]
        self._colours = _speed_colours(trace.speed[:steps, 0])

    def begin_lap(self) -> None:
        """Dim the trail of the laps before."""
        dimmed = cv2.addWeighted(self._trailed, OLDER_LAPS, self._view.road, 1 - OLDER_LAPS, 0)
        self._trailed = dimmed.astype(np.uint8)

    def extend(self, step: int) -> None:
        """Draw the trail of one step, and a cross where a fault ended it."""
        if step and not self._fault[step - 1]:  # after a fault the car was put back
            ends = self._view.pixels(self._places[step - 1 : step + 1])
            cv2.polylines(self._trailed, [ends], False, self._colours[step], 2, cv2.LINE_AA, SUBPIXEL_BITS)
        if self._fault[step]:
            arm = 6 / self._view.scale
            for side in (1, -1):
                ends = self._view.pixels(
                    self._places[step] + np.array(((-arm, -arm * side), (arm, arm * side)))
                )
                cv2.polylines(self._trailed, [ends], False, FAULT, 2, cv2.LINE_AA, SUBPIXEL_BITS)

    def picture(self, step: int) -> Picture:
        """Return the map with the car as it was after `step`."""
        picture = self._trailed.copy()
        colour = FAULT if self._fault[step] else INK
        self._view.draw_car(picture, self._places[step], float(self._yaw[step]), colour)
        return picture


def _speed_colours(speed: NDArray[np.float32]) -> list[Colour]:
    """Return the colour of each speed, as in the picture of driven lines."""
    from matplotlib import colormaps

    low, high = speed_range(speed)
    share = np.clip((speed - low) / (high - low), 0, 1)
    colours = np.rint(colormaps[COLOUR_MAP](DARKEST + (1 - DARKEST) * share)[:, :3] * 255).astype(int)
    return [(int(red), int(green), int(blue)) for red, green, blue in colours]
