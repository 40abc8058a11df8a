"""The frames of a head-to-head video: each car's view and laps on the left, all of them on the track."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from deepracer_sim.evaluation import Evaluation
from deepracer_sim.evaluation_map import SUBPIXEL_BITS, Colour, Picture, TrackView
from deepracer_sim.evaluation_picture import BACKGROUND, FAINT_INK, FAULT, INK, ROAD
from deepracer_sim.evaluation_screen import HEIGHT, WIDTH, LapClock
from deepracer_sim.races.onboard_view import OnboardViews
from deepracer_sim.races.rules import RaceRules
from deepracer_sim.simulation import Course
from deepracer_sim.world import STEP_TIME

COLOURS: tuple[Colour, ...] = ((255, 184, 28), (86, 180, 255), (232, 121, 249))
"""Of the first, second and third car."""
LEFT, TOP, GAP, ROW = 24, 88, 20, 206
"""Pixels: edges, space between parts, and from one car's part to the next."""
VIEW_SIZE = (248, 186)
TEXT_LEFT, TEXT_WIDTH = LEFT + VIEW_SIZE[0] + GAP, 228
MAP_LEFT = TEXT_LEFT + TEXT_WIDTH + GAP
MAP_SIZE = (WIDTH - MAP_LEFT - LEFT, HEIGHT - TOP - LEFT)
TRAIL = 30
"""Steps that a car's trail is long."""
MOST_LAPS_LISTED = 4


@dataclass(frozen=True)
class Racer:
    """One car of the video.

    Attributes:
        name: as it is shown.
        result: of its race in words.
        evaluation: its drive.
    """

    name: str
    result: str
    evaluation: Evaluation

    @property
    def steps(self) -> int:
        """How long it drove."""
        return int(self.evaluation.trace.alive[:, 0].sum())


class HeadToHeadScreen:
    """Lays out each frame.

    Args:
        racers: one to three, the first place first.
        course: what they drove on.
        rules: of the race.
        title: at the top.
    """

    def __init__(self, racers: Sequence[Racer], course: Course, rules: RaceRules, title: str) -> None:
        track = course.tracks[0]
        self._racers, self._rules = racers, rules
        self._steps = max(racer.steps for racer in racers)
        self._map = TrackView(track, MAP_SIZE)
        self._poses = np.stack([_poses(racer, self._steps + 1) for racer in racers], 1)
        self._views = OnboardViews(course.grounds[0], self._poses, COLOURS[: len(racers)], VIEW_SIZE)
        self._clocks = [
            LapClock(
                racer.evaluation.runs[0],
                racer.evaluation.trace.travelled[: racer.steps, 0],
                float(track.length),
            )
            for racer in racers
        ]
        self._background = self._draw_background(title, f"{track.name}   {float(track.length):.2f} m")

    def frames(self, hold: int) -> Iterator[Picture]:
        """Draw the race, a frame a step, then `hold` frames of its end."""
        yield from map(self._frame, range(self._steps))
        yield from [self._frame(self._steps)] * hold

    def _frame(self, step: int) -> Picture:
        frame = self._background.copy()
        for row, view in enumerate(self._views.at(step)):
            if step >= self._racers[row].steps:
                view = (view * 0.45).astype(np.uint8)
            _paste(frame, view, (LEFT, TOP + row * ROW))
        picture = self._map_at(step)
        rows, columns, _ = picture.shape
        _paste(frame, picture, (MAP_LEFT + (MAP_SIZE[0] - columns) // 2, TOP + (MAP_SIZE[1] - rows) // 2))
        image = Image.fromarray(frame)
        pen = ImageDraw.Draw(image)
        for row in range(len(self._racers)):
            self._write_car(pen, row, step)
        return np.asarray(image)

    def _draw_background(self, title: str, about: str) -> Picture:
        image = Image.new("RGB", (WIDTH, HEIGHT), BACKGROUND)
        pen = ImageDraw.Draw(image)
        pen.text((LEFT, 54), _fitting(title, 34, WIDTH // 2), INK, font(34), anchor="ls")
        pen.text((WIDTH - LEFT, 54), about, FAINT_INK, font(18), anchor="rs")
        for row, racer in enumerate(self._racers):
            top, colour = TOP + row * ROW, COLOURS[row]
            pen.rectangle((LEFT - 8, top, LEFT - 4, top + VIEW_SIZE[1] - 1), colour)
            name = _fitting(f"{row + 1}  {racer.name}", 21, TEXT_WIDTH)
            pen.text((TEXT_LEFT, top + 18), name, colour, font(21), anchor="ls")
        return np.asarray(image)

    def _map_at(self, step: int) -> Picture:
        """Draw the cars with their trails, the first place on top."""
        picture = self._map.road.copy()
        for car in reversed(range(len(self._racers))):
            racer, poses = self._racers[car], self._poses[:, car].astype(np.float64)
            last = min(step, racer.steps - 1)
            fault = racer.evaluation.trace.fault[:, 0]
            for start in range(max(0, step - TRAIL), last):
                if not fault[start]:  # after a fault the car was put back
                    share = 1 - (step - start) / (TRAIL + 1)
                    colour = _mixed(COLOURS[car], share)
                    ends = self._map.pixels(poses[start : start + 2, :2])
                    cv2.polylines(picture, [ends], False, colour, 3, cv2.LINE_AA, SUBPIXEL_BITS)
            colour = FAULT if fault[last] and step < racer.steps else COLOURS[car]
            self._map.draw_car(picture, poses[last, :2], float(poses[last, 2]), colour)
        return picture

    def _write_car(self, pen: ImageDraw.ImageDraw, row: int, step: int) -> None:
        """Write a car's lap, clock, finished laps and resets beside its view."""
        racer, clock, top = self._racers[row], self._clocks[row], TOP + row * ROW
        run, time = racer.evaluation.runs[0], min(step + 1, racer.steps) * STEP_TIME
        done = clock.finished(time)
        lap = f"{min(done + 1, run.wanted_laps)}/{run.wanted_laps}"
        for x, name, value in ((0, "LAP", lap), (96, "TIME s", f"{clock.since_line(time):.1f}")):
            pen.text((TEXT_LEFT + x, top + 46), name, FAINT_INK, font(14), anchor="ls")
            pen.text((TEXT_LEFT + x, top + 78), value, INK, font(30), anchor="ls")
        best = min((entry.time for entry in run.laps[:done]), default=0.0)
        for place, entry in enumerate(run.laps[:done][-MOST_LAPS_LISTED:]):
            corner = (TEXT_LEFT + 114 * (place % 2), top + 106 + 24 * (place // 2))
            colour = FAULT if entry.resets else INK if entry.time == best else FAINT_INK
            pen.text(corner, f"{entry.time:.3f}{'*' * min(entry.resets, 3)}", colour, font(18), anchor="ls")
        resets = self._resets(row, step)
        if step >= racer.steps:
            colour = COLOURS[row] if len(run.laps) == run.wanted_laps else FAULT
            pen.text((TEXT_LEFT, top + VIEW_SIZE[1] - 8), racer.result, colour, font(18), anchor="ls")
        elif resets:
            penalty = f"{resets * self._rules.off_track_penalty:g}"
            text = f"{resets} reset{'s' if resets > 1 else ''}: +{penalty} s"
            pen.text((TEXT_LEFT, top + VIEW_SIZE[1] - 8), text, FAULT, font(18), anchor="ls")

    def _resets(self, row: int, step: int) -> int:
        fault = self._racers[row].evaluation.trace.fault[: step + 1, 0]
        return min(int(np.count_nonzero(fault)), self._rules.max_resets)


@lru_cache(maxsize=8)
def font(size: int) -> ImageFont.FreeTypeFont:
    """Return a font that knows many alphabets, `size` in pixels; matplotlib brings it."""
    import matplotlib

    file = Path(matplotlib.get_data_path()) / "fonts/ttf/DejaVuSans.ttf"
    return ImageFont.truetype(str(file), size)


def _poses(racer: Racer, steps: int) -> NDArray[np.float32]:
    """Return (steps, 3) poses; a car whose drive is over stays where it was."""
    trace = racer.evaluation.trace
    poses = np.stack((trace.x[:, 0], trace.y[:, 0], trace.yaw[:, 0]), 1)[: racer.steps]
    return poses[np.arange(steps).clip(max=racer.steps - 1)]


def _fitting(text: str, size: int, width: int) -> str:
    """Cut a text that is too wide."""
    if font(size).getlength(text) <= width:
        return text
    while text and font(size).getlength(f"{text}...") > width:
        text = text[:-1]
    return f"{text}..."


def _mixed(colour: Colour, share: float) -> Colour:
    red, green, blue = (round(share * top + (1 - share) * low) for top, low in zip(colour, ROAD, strict=True))
    return red, green, blue


def _paste(frame: Picture, picture: Picture, corner: tuple[int, int]) -> None:
    frame[corner[1] : corner[1] + picture.shape[0], corner[0] : corner[0] + picture.shape[1]] = picture
