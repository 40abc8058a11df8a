"""Ground in black and white whose pictures can be worked out by hand, and cars on a real track."""

from __future__ import annotations

from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from deepracer_sim.camera import Camera
from deepracer_sim.ground import NUM_CODES, RESOLUTION, Ground, Material, paint
from deepracer_sim.settings import CameraSettings
from deepracer_sim.track import Track
from deepracer_sim.track_library import load_track

BLACK, WHITE = 0, 1  # codes of a ground from `drawn`

HALF_GREY = 128


def drawn(codes: NDArray[np.uint8], origin: tuple[float, float]) -> Ground:
    """A ground of one level; code 0 is surroundings, 1 is a border line, 255 the sky."""
    mixtures = np.zeros((NUM_CODES, len(Material)), np.float32)
    mixtures[BLACK, Material.SURROUNDINGS] = 1
    mixtures[WHITE, Material.BORDER] = 1
    mixtures[-1, Material.SKY] = 1
    return Ground((codes,), mixtures, origin)


def with_white(
    *rectangles: tuple[float, float, float, float], low: float = -1.0, high: float = 3.0
) -> Ground:
    """Black ground from `low` to `high` in x and y with white rectangles (x from, x to, y from, y to)."""
    size = round((high - low) / RESOLUTION)
    codes = np.zeros((size, size), np.uint8)
    for rectangle in rectangles:
        west, east, south, north = (round((edge - low) / RESOLUTION) for edge in rectangle)
        codes[south:north, west:east] = WHITE
    return drawn(codes, (low, low))


def black_and_white(num_cars: int) -> Tensor:
    colours = torch.zeros(num_cars, len(Material), 3)
    colours[:, Material.BORDER] = 1.0
    colours[:, Material.SKY] = HALF_GREY / 255
    return colours


def camera_over(ground: Ground, num_cars: int = 1, **settings: object) -> Camera:
    """A camera whose cars all stand on one black and white ground."""
    camera = Camera(CameraSettings(**settings), [ground], torch.zeros(num_cars, dtype=torch.long))
    camera.set_colours(black_and_white(num_cars))
    return camera


def picture_of(camera: Camera, x: float = 0.0, y: float = 0.0, yaw: float = 0.0) -> NDArray[np.float64]:
    """What the first car sees with all cars at one pose, (height, width), grey."""
    count = camera.num_cars
    images = camera.render(torch.full((count,), x), torch.full((count,), y), torch.full((count,), yaw))
    return images[0, ..., 0].numpy().astype(np.float64)


@cache
def reinvent() -> tuple[Track, Ground]:
    track = load_track("reinvent_2018")
    return track, paint(track)


def poses_on(track: Track, count: int, seed: int) -> Tensor:
    """Cars up to 0.25 m off the centre line and 0.3 rad off its direction, both ways round, (count, 3)."""
    place, side, offset, turn = torch.rand(4, count, generator=torch.Generator().manual_seed(seed))
    pose = track.pose_at(place * track.length, side < 0.5, 0.5 * offset - 0.25)
    pose[:, 2] += 0.6 * turn - 0.3
    return pose
