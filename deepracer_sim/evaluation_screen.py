"""The frames of an evaluation's video: the car's view and choice, the track from above, the laps."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from deepracer_sim.evaluation import CarRun, Ending, Evaluation, crossing_time
from deepracer_sim.evaluation_map import Colour, Picture, TrackMap
from deepracer_sim.evaluation_picture import BACKGROUND, FAINT_INK, FAULT, INK
from deepracer_sim.track import Track
from deepracer_sim.world import STEP_TIME

Point = tuple[int, int]


class Pictures(Protocol):
    """A picture a step: an array (T, H, W, C), or something that makes them when they are asked for."""

    def __len__(self) -> int:
        """Count the pictures."""
        ...

    def __getitem__(self, step: int, /) -> Picture:
        """Return one, (H, W, C) uint8."""
        ...


WIDTH, HEIGHT = 1280, 720
LEFT, TOP, GAP = 24, 88, 24
"""Pixels: left edge of the car's view, top edge of view and map, space between them."""
VIEW_SIZE = (512, 384)
INSET_SIZE = (128, 96)
MAP_LEFT = LEFT + VIEW_SIZE[0] + GAP
MAP_SIZE = (WIDTH - MAP_LEFT - LEFT, 464)
STEERING_TOP, SPEED_TOP, BAR_HEIGHT = 530, 622, 16
"""Pixels: the bars of the chosen steering angle and speed."""
FIGURES_BASE, LAPS_BASE = 636, 692
"""Baselines of the large figures and of the list of laps."""
ACCENT, PANEL, CLEAN = (88, 166, 255), (33, 38, 45), (86, 211, 100)
MOST_LAPS_LISTED = 6


class LapClock:
    """Which lap a car was in at any moment of its run.

    Args:
        run: the judged laps.
        travelled: (T,) metres after each step.
        length: of the track, metres.
    """

    def __init__(self, run: CarRun, travelled: NDArray[np.float32], length: float) -> None:
        self.run = run
        ends = (crossing_time(travelled, number * length) for number in range(1, len(run.laps) + 1))
        self._ends = [end for end in ends if end is not None]

    def finished(self, time: float) -> int:
        """Return how many laps were complete after `time` seconds."""
        return sum(end <= time for end in self._ends)

    def since_line(self, time: float) -> float:
        """Return the seconds driven in the present lap without penalties; after the last lap, those of it."""
        lap = min(self.finished(time), self.run.wanted_laps - 1)
        started = self._ends[lap - 1] if lap else 0.0
        stopped = self._ends[lap] if lap < len(self._ends) else time
        return min(time, stopped) - started


class Screen:
    """Lays out each frame: view and choice on the left, map and laps on the right.

    Args:
        evaluation: whose first car is shown.
        track: what it drove on.
        action_table: (A, 2) steering angle in radians and speed in m/s of each action.
        title: at the top.
    """

    def __init__(
        self, evaluation: Evaluation, track: Track, action_table: NDArray[np.float64], title: str
    ) -> None:
        trace = evaluation.trace
        self._steps = int(trace.alive[:, 0].sum())
        self._run, self._table = evaluation.runs[0], action_table
        self._action, self._speed = trace.action[:, 0], trace.speed[:, 0]
        self._resets = np.cumsum(trace.fault[:, 0] != 0)
        self._clock = LapClock(self._run, trace.travelled[: self._steps, 0], float(track.length))
        self._map = TrackMap(track, trace, self._steps, MAP_SIZE)
        self._background = self._draw_background(title, track)

    def frames(self, images: Pictures, inset: Pictures | None, hold: int) -> Iterator[Picture]:
        """Draw the run, a frame a step, then `hold` frames of its end.

        Args:
            images: (T, H, W, C) what the car saw before each step.
            inset: the same, shown small, if there is any.
            hold: number of frames at the end.
        """
        lap = 0
        for step in range(self._steps):
            # The picture was taken before the step, where the step before had left the car.
            pose, time = max(step - 1, 0), step * STEP_TIME
            if self._clock.finished(time) > lap:
                lap = self._clock.finished(time)
                self._map.begin_lap()
            self._map.extend(pose)
            frame = self._background.copy()
            _put_view(frame, images[step], None if inset is None else inset[step])
            self._put_choice(frame, step, pose)
            self._put_laps(frame, time, pose)
            self._put_map(frame, pose)
            yield frame
        yield from [self._end(frame)] * hold

    def _end(self, last: Picture) -> Picture:
        pose = self._steps - 1
        self._map.extend(pose)
        frame = last.copy()
        frame[TOP + MAP_SIZE[1] :, MAP_LEFT:] = self._background[TOP + MAP_SIZE[1] :, MAP_LEFT:]
        self._put_laps(frame, self._steps * STEP_TIME, pose)
        self._put_map(frame, pose)
        self._put_ending(frame)
        return frame

    def _draw_background(self, title: str, track: Track) -> Picture:
        frame = np.empty((HEIGHT, WIDTH, 3), np.uint8)
        frame[:] = BACKGROUND
        _write(frame, title or track.name, (LEFT, 54), 1.1, INK)
        name = "" if title in ("", track.name) else f"{track.name}   "
        about = f"{name}{float(track.length):.2f} m{', reversed' if self._run.reversed else ''}"
        _write(frame, about, (WIDTH - LEFT, 54), 0.6, FAINT_INK, "right")
        for name, top in (("STEERING", STEERING_TOP), ("SPEED", SPEED_TOP)):
            _write(frame, name, (LEFT, top - 14), 0.5, FAINT_INK)
            _fill(frame, (LEFT, top), (LEFT + VIEW_SIZE[0], top + BAR_HEIGHT), PANEL)
        return frame

    def _put_map(self, frame: Picture, pose: int) -> None:
        picture = self._map.picture(pose)
        rows, columns, _ = picture.shape
        _paste(frame, picture, (MAP_LEFT + (MAP_SIZE[0] - columns) // 2, TOP + (MAP_SIZE[1] - rows) // 2))

    def _put_choice(self, frame: Picture, step: int, pose: int) -> None:
        """Draw the chosen steering angle and speed as bars, and the car's own speed as a mark."""
        angle, speed = self._table[self._action[step]]
        widest = max(float(np.abs(self._table[:, 0]).max()), 1e-6)
        fastest = float(self._table[:, 1].max())
        middle, half = LEFT + VIEW_SIZE[0] // 2, VIEW_SIZE[0] // 2
        tip = middle - round(half * angle / widest)  # a left turn is positive and goes to the left
        _fill(
            frame,
            (min(tip, middle - 2), STEERING_TOP),
            (max(tip, middle + 2), STEERING_TOP + BAR_HEIGHT),
            ACCENT,
        )
        _fill(
            frame,
            (LEFT, SPEED_TOP),
            (LEFT + round(2 * half * speed / fastest), SPEED_TOP + BAR_HEIGHT),
            ACCENT,
        )
        for value in np.unique(self._table[:, 0]):
            _tick(frame, middle - round(half * value / widest), STEERING_TOP)
        for value in np.unique(self._table[:, 1]):
            _tick(frame, LEFT + round(2 * half * value / fastest), SPEED_TOP)
        driven = LEFT + round(2 * half * min(max(float(self._speed[pose]) / fastest, 0.0), 1.0))
        _fill(frame, (driven - 2, SPEED_TOP - 4), (driven + 2, SPEED_TOP + BAR_HEIGHT + 4), INK)
        right = LEFT + VIEW_SIZE[0]
        side = " left" if angle > 0.001 else " right" if angle < -0.001 else ""
        _write(
            frame, f"{abs(math.degrees(angle)):.0f} deg{side}", (right, STEERING_TOP - 14), 0.6, INK, "right"
        )
        _write(frame, f"{speed:.1f} m/s", (right, SPEED_TOP - 14), 0.6, INK, "right")

    def _put_laps(self, frame: Picture, time: float, pose: int) -> None:
        """Write lap, clock, speed and best lap in large figures, and the finished laps below."""
        run, finished = self._run, self._clock.finished(time)
        best = min((lap.time for lap in run.laps[:finished]), default=math.nan)
        figures = (
            ("LAP", f"{min(finished + 1, run.wanted_laps)}/{run.wanted_laps}"),
            ("TIME s", f"{self._clock.since_line(time):.1f}"),
            ("SPEED m/s", f"{self._speed[pose]:.1f}"),
            ("BEST LAP s", "-" if math.isnan(best) else f"{best:.2f}"),
        )
        for column, (name, value) in enumerate(figures):
            x = MAP_LEFT + column * MAP_SIZE[0] // len(figures)
            _write(frame, name, (x, FIGURES_BASE - 46), 0.5, FAINT_INK)
            _write(frame, value, (x, FIGURES_BASE), 1.2, INK)
        first = max(0, finished - MOST_LAPS_LISTED)
        for place, lap in enumerate(run.laps[first:finished]):
            x = MAP_LEFT + place * MAP_SIZE[0] // MOST_LAPS_LISTED
            colour = FAULT if not lap.is_clean else CLEAN if lap.time == best else INK
            _write(frame, str(first + place + 1), (x, LAPS_BASE), 0.5, FAINT_INK)
            _write(frame, f"{lap.time:.2f}", (x + 24, LAPS_BASE), 0.7, colour)

    def _put_ending(self, frame: Picture) -> None:
        """Write how the run ended into the corner of the map."""
        ending = self._run.ending
        text = ending.value.replace("_", " ").upper()
        colour = CLEAN if self._run.is_clean else INK if ending is Ending.FINISHED else FAULT
        _write(frame, text, (WIDTH - LEFT, TOP + MAP_SIZE[1] + 6), 0.8, colour, "right")


def _put_view(frame: Picture, image: Picture, inset: Picture | None) -> None:
    """Put the car's picture in its place, with a second one small in its corner."""
    _paste(frame, _enlarged(image, VIEW_SIZE), (LEFT, TOP))
    if inset is not None:
        corner = (LEFT + VIEW_SIZE[0] - INSET_SIZE[0] - 12, TOP + VIEW_SIZE[1] - INSET_SIZE[1] - 12)
        end = (corner[0] + INSET_SIZE[0] + 2, corner[1] + INSET_SIZE[1] + 2)
        _fill(frame, (corner[0] - 2, corner[1] - 2), end, INK)
        _paste(frame, _enlarged(inset, INSET_SIZE), corner)


def _enlarged(image: Picture, size: Point) -> Picture:
    """Scale a picture to fill `size`; a grey one gets three channels."""
    method = cv2.INTER_AREA if image.shape[1] > size[0] else cv2.INTER_CUBIC
    picture = cv2.resize(image, size, interpolation=method)
    if image.shape[2] == 1:
        picture = cv2.cvtColor(picture, cv2.COLOR_GRAY2RGB)
    return picture.astype(np.uint8)


def _paste(frame: Picture, picture: Picture, corner: Point) -> None:
    frame[corner[1] : corner[1] + picture.shape[0], corner[0] : corner[0] + picture.shape[1]] = picture


def _fill(frame: Picture, corner: Point, end: Point, colour: Colour) -> None:
    frame[corner[1] : end[1], corner[0] : end[0]] = colour


def _tick(frame: Picture, x: int, top: int) -> None:
    _fill(frame, (x - 1, top + BAR_HEIGHT + 5), (x + 1, top + BAR_HEIGHT + 11), FAINT_INK)


def _write(frame: Picture, text: str, place: Point, size: float, colour: Colour, align: str = "left") -> None:
    """Write text with its baseline at `place`, which is its left or its right end."""
    font, weight = cv2.FONT_HERSHEY_SIMPLEX, 2 if size > 1 else 1
    if align == "right":
        place = (place[0] - cv2.getTextSize(text, font, size, weight)[0][0], place[1])
    cv2.putText(frame, text, place, font, size, colour, weight, cv2.LINE_AA)
