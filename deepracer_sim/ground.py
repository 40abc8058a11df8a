"""The ground as the camera sees it: a track painted into a texture of material codes.

A texel does not hold a colour but one of 256 codes; each code is a mixture of materials (road, lines,
surroundings, ...). A palette turns codes into colours, so every car can see the same track in colours of
its own at the cost of one table look-up. `painted` is the same texture in the nominal colours.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import cv2
import numpy as np
from numpy.typing import NDArray

from deepracer_sim.track import Track

RESOLUTION = 0.005
"""Metres per texel of the finest level."""
MARGIN = 1.0
"""Metres of surroundings painted around the track; beyond it the edge texels go on for ever."""
LINE_WIDTH = 0.045
"""Width of the border lines, metres, painted on the road's edge."""
DASH_WIDTH, DASH_LENGTH, DASH_PERIOD = 0.03, 0.18, 0.36
"""The dashed centre line, metres."""
START_LINE_WIDTH = 0.06
"""Metres along the track."""
NUM_CODES = 256
SUPERSAMPLING = 2
NONE, FULL = np.uint8(0), np.uint8(252)
"""A material's share of a texel while it is painted; 252 can be divided by all that a texel can hold."""


class Material(IntEnum):
    """What the ground is made of; `_B` is the second tone of a grained surface."""

    SURROUNDINGS = 0
    SURROUNDINGS_B = 1
    ROAD = 2
    ROAD_B = 3
    BORDER = 4
    CENTER_LINE = 5
    SKY = 6


NOMINAL_COLOURS = np.array(
    [
        (62, 116, 58),
        (74, 130, 66),
        (58, 60, 64),
        (66, 68, 72),
        (240, 240, 236),
        (236, 170, 44),
        (176, 200, 220),
    ],
    dtype=np.float32,
)
"""RGB of each material, 0 to 255."""


@dataclass(frozen=True)
class Ground:
    """One track's texture.

    Attributes:
        levels: pyramid of uint8 codes, level k has texels of RESOLUTION * 2**k; row 0 is the smallest y.
        mixtures: (NUM_CODES, len(Material)) share of each material in each code; the last code is the sky.
        origin: world position of the outer corner of texel (0, 0), metres.
    """

    levels: tuple[NDArray[np.uint8], ...]
    mixtures: NDArray[np.float32]
    origin: tuple[float, float]

    def painted(self) -> NDArray[np.uint8]:
        """Return the finest level as an RGB picture (rows, columns, 3), north up."""
        palette = np.rint(self.mixtures @ NOMINAL_COLOURS).astype(np.uint8)
        return palette[self.levels[0]][::-1]


def paint(track: Track, num_levels: int = 6, seed: int = 0) -> Ground:
    """Paint `track` (unbatched) with road, lines, start line and grained surroundings."""
    origin, shape = _extent(track, 2 ** (num_levels - 1))
    labels = _labels(track, origin, shape, seed)
    size = (shape[1], shape[0])
    shares = [
        cv2.resize(np.where(labels == material, FULL, NONE), size, interpolation=cv2.INTER_AREA)
        for material in range(Material.SKY)
    ]
    weights = [np.stack(shares, -1) / np.float32(FULL)]
    for _ in range(num_levels - 1):
        rows, columns, count = weights[-1].shape
        weights.append(weights[-1].reshape(rows // 2, 2, columns // 2, 2, count).mean((1, 3)))
    levels, mixtures = _encode(weights)
    return Ground(levels, mixtures, origin)


def _extent(track: Track, multiple: int) -> tuple[tuple[float, float], tuple[int, int]]:
    """Return the texture's origin and its (rows, columns), both multiples of `multiple`."""
    points = track.outer.double().numpy()
    low = points.min(0) - MARGIN
    count = np.ceil((points.max(0) + MARGIN - low) / RESOLUTION / multiple).astype(int) * multiple
    return (float(low[0]), float(low[1])), (int(count[1]), int(count[0]))


def _labels(
    track: Track, origin: tuple[float, float], shape: tuple[int, int], seed: int
) -> NDArray[np.uint8]:
    """Draw the material of every sub-texel, SUPERSAMPLING times finer than the texture."""
    rows, columns = shape[0] * SUPERSAMPLING, shape[1] * SUPERSAMPLING
    scale = SUPERSAMPLING / RESOLUTION
    generator = np.random.default_rng(seed)
    grain = _grain(generator, rows, columns)
    tone = grain > _rim(rows, columns, MARGIN * scale)
    labels = np.where(tone, np.uint8(Material.SURROUNDINGS_B), np.uint8(Material.SURROUNDINGS))

    def pixels(points: NDArray[np.float64]) -> NDArray[np.int32]:
        # Pixel centres are whole numbers in OpenCV; `shift=4` adds sixteenths.
        return np.rint(((points - np.array(origin)) * scale - 0.5) * 16).astype(np.int32)

    outer, inner = track.outer.double().numpy(), track.inner.double().numpy()
    road = np.zeros_like(labels)
    cv2.fillPoly(road, [pixels(outer)], 1, shift=4)
    cv2.fillPoly(road, [pixels(inner)], 0, shift=4)
    lines = np.zeros_like(labels)
    for border in (outer, inner):
        thickness = max(1, round(2 * LINE_WIDTH * scale))
        cv2.polylines(lines, [pixels(border)], True, 1, thickness, shift=4)
    on_road = road == 1
    labels[on_road] = np.where(grain[on_road] > 0.6, np.uint8(Material.ROAD_B), np.uint8(Material.ROAD))
    for quad in _dashes(track):
        cv2.fillPoly(labels, [pixels(quad)], int(Material.CENTER_LINE), shift=4)
    cv2.fillPoly(labels, [pixels(_start_line(track))], int(Material.BORDER), shift=4)
    labels[on_road & (lines == 1)] = Material.BORDER
    return labels


def _grain(generator: np.random.Generator, rows: int, columns: int) -> NDArray[np.float32]:
    """Return smooth noise of unit variance with blobs of a few centimetres, (rows, columns)."""
    blob = 10 * SUPERSAMPLING
    coarse = generator.standard_normal((rows // blob + 2, columns // blob + 2)).astype(np.float32)
    smooth = cv2.resize(coarse, (columns, rows), interpolation=cv2.INTER_CUBIC)
    return np.asarray(smooth, dtype=np.float32) / float(smooth.std())


def _rim(rows: int, columns: int, width: float) -> NDArray[np.float32]:
    """Return a threshold that lets the grain fade out at the edge, whose texels go on for ever."""
    row, column = np.arange(rows), np.arange(columns)
    distance = np.minimum(np.minimum(row, rows - 1 - row)[:, None], np.minimum(column, columns - 1 - column))
    return np.asarray(np.maximum(0, 6 - 8 * distance / width), dtype=np.float32)


def _strip(track: Track, start: float, end: float, half_width: float) -> NDArray[np.float64]:
    """Return the outline of the band around the centre line between two distances, (2K, 2)."""
    import torch

    distance = torch.linspace(start, end, 5)
    pose = track.pose_at(distance, torch.zeros(5, dtype=torch.bool), torch.zeros(5)).double().numpy()
    left = np.stack([-np.sin(pose[:, 2]), np.cos(pose[:, 2])], 1) * half_width
    return np.concatenate([pose[:, :2] + left, (pose[:, :2] - left)[::-1]])


def _dashes(track: Track) -> list[NDArray[np.float64]]:
    length = float(track.length)
    count = max(1, round(length / DASH_PERIOD))
    starts = np.arange(count) * length / count
    return [_strip(track, start, start + DASH_LENGTH, DASH_WIDTH / 2) for start in starts]


def _start_line(track: Track) -> NDArray[np.float64]:
    half = float((track.inner[0] - track.outer[0]).norm()) / 2
    return _strip(track, -START_LINE_WIDTH / 2, START_LINE_WIDTH / 2, half)


def _encode(
    weights: list[NDArray[np.float32]],
) -> tuple[tuple[NDArray[np.uint8], ...], NDArray[np.float32]]:
    """Give each texel of all levels the code of the nearest of the NUM_CODES - 1 commonest mixtures."""
    steps = 8
    places = (steps + 1) ** np.arange(Material.SKY)
    keys = [(np.rint(level * steps) @ places.astype(np.float32)).astype(np.int32) for level in weights]
    num_keys = (steps + 1) ** int(Material.SKY)
    counts = np.sum([np.bincount(key.ravel(), minlength=num_keys) for key in keys], axis=0)
    present = np.flatnonzero(counts)
    mixtures = (present[:, None] // places % (steps + 1)).astype(np.float32)
    mixtures /= mixtures.sum(1, keepdims=True)
    commonest = np.argsort(-counts[present], kind="stable")[: NUM_CODES - 1]
    distance = ((mixtures[:, None] - mixtures[commonest]) ** 2).sum(-1)
    code_of_key = np.zeros(num_keys, np.uint8)
    code_of_key[present] = distance.argmin(1)
    table = np.zeros((NUM_CODES, len(Material)), np.float32)
    table[: len(commonest), : Material.SKY] = mixtures[commonest]
    table[-1, Material.SKY] = 1.0
    return tuple(code_of_key[key] for key in keys), table
