"""Random closed tracks: the same seed draws the same track."""

from __future__ import annotations

import numpy as np

from deepracer_sim import track_shape
from deepracer_sim.errors import TrackError
from deepracer_sim.track import Track
from deepracer_sim.track_drawing import NARROWEST
from deepracer_sim.track_library import track_from_center
from deepracer_sim.track_shape import Line

SPACING = 0.15  # metres between waypoints
WIDEST = 2.0  # metres
SHORTEST, LONGEST = 12.0, 30.0  # metres of centre line
TIGHTEST = 0.6  # metres, radius of the centre line
CLEARANCE = 0.3  # metres of ground between two parts of the road
START_STRETCH = 1.2  # metres either side of the start line in which the road should be straight
LARGEST_ARC = 3.0  # metres, radius of a rounded corner
ATTEMPTS = 1000  # about one in five succeeds


def generate_track(seed: int, width: float = 0.76, min_radius: float | None = None) -> Track:
    """Draw a random closed track, 12 to 30 m long, in either direction.

    Args:
        seed: any number from 0 on.
        width: between the borders in metres, 0.3 to 2.
        min_radius: of the centre line in metres; without one, 0.6 or what the width needs.

    Returns:
        A track called `generated_SEED` whose start line is where it is straightest.

    Raises:
        TrackError: an argument is out of its range, or no track was found for them.
    """
    least = (width + CLEARANCE) / 2.0
    if min_radius is None:
        min_radius = max(TIGHTEST, least)
    if seed < 0:
        raise TrackError(f"seed={seed}: must be >= 0")
    if not NARROWEST <= width <= WIDEST:
        raise TrackError(f"width={width}: must be {NARROWEST} to {WIDEST} m")
    if not least <= min_radius <= LONGEST / (2.0 * np.pi):
        raise TrackError(
            f"min_radius={min_radius}: must be {least:.2f} m (half of width and clearance) to "
            f"{LONGEST / (2.0 * np.pi):.2f} m"
        )
    random = np.random.default_rng(seed)
    for _ in range(ATTEMPTS):
        center = _sketch(random, min_radius)
        if center is not None and _is_drivable(center, width, min_radius):
            return track_from_center(f"generated_{seed}", center, width)
    raise TrackError(
        f"no track found with width={width} and min_radius={min_radius} in {ATTEMPTS} attempts: "
        "make one of them smaller or take another seed"
    )


def _sketch(random: np.random.Generator, min_radius: float) -> Line | None:
    """Draw a polygon around a centre and round its corners, `(M, 2)`; None if a corner has no room for it.

    One in three is a smooth curve through the corners instead, without straights.
    """
    count = random.integers(6, 13)
    angles = (np.arange(count) + random.uniform(-0.4, 0.4, count)) * 2.0 * np.pi / count
    distances = random.uniform(0.25, 1.0, count)
    corners = distances[:, None] * np.stack(
        (random.uniform(1.0, 1.8) * np.cos(angles), np.sin(angles)), axis=1
    )
    if random.random() < 0.5:
        corners = corners[::-1]
    length = random.uniform(SHORTEST, LONGEST)
    corners = corners * length / track_shape.length_of(corners)
    shares = random.random(count)
    if random.random() < 1.0 / 3.0:
        line = track_shape.line_through(corners)
    else:
        segments = _round_corners(corners, min_radius, shares)
        if segments is None:
            return None
        ahead = corners[1] - corners[0]
        x, y = corners[0] + ahead / 2.0
        line = track_shape.line_along((x, y, float(np.arctan2(ahead[1], ahead[0]))), segments)
    line = track_shape.resample(line, SPACING)
    line = np.roll(line, -_straightest(line), axis=0)
    return line - line.min(axis=0)


def _round_corners(corners: Line, min_radius: float, shares: Line) -> list[tuple[float, float]] | None:
    """Replace the corners of a polygon by arcs that take up to half of each edge.

    Args:
        corners: `(K, 2)` in metres.
        min_radius: of the arcs in metres.
        shares: where each radius lies between the least and the largest possible, 0 to 1, `(K,)`.

    Returns:
        Straights and arcs as `line_along` takes them, from the middle of the first edge on; None if a corner
        has no room for an arc.
    """
    edges = np.roll(corners, -1, axis=0) - corners
    sizes = np.linalg.norm(edges, axis=1)
    headings = np.arctan2(edges[:, 1], edges[:, 0])
    turns = np.remainder(headings - np.roll(headings, 1) + np.pi, 2.0 * np.pi) - np.pi  # at each edge's start
    reach = np.minimum(sizes, np.roll(sizes, 1)) / 2.0
    largest = reach / np.maximum(np.tan(np.abs(turns) / 2.0), 1e-6)
    if largest.min() < min_radius:
        return None
    radii = min_radius + shares**2 * (np.minimum(largest, LARGEST_ARC) - min_radius)
    cuts = radii * np.tan(np.abs(turns) / 2.0)
    segments: list[tuple[float, float]] = []
    for edge in range(len(corners)):
        corner = (edge + 1) % len(corners)
        segments.append((sizes[edge] / 2.0 - cuts[corner], 0.0))
        segments.append((radii[corner] * abs(turns[corner]), turns[corner]))
        segments.append((sizes[corner] / 2.0 - cuts[corner], 0.0))
    return segments


def _straightest(line: Line) -> int:
    """Find the row in the middle of the straightest stretch."""
    bends = 1.0 / track_shape.radii_of(line)
    reach = round(START_STRETCH / SPACING)
    worst = np.max([np.roll(bends, shift) for shift in range(-reach, reach + 1)], axis=0)
    return int(worst.argmin())


def _is_drivable(center: Line, width: float, min_radius: float) -> bool:
    """Check the length, the radius, and the ground between parts of the road that are not neighbours.

    Along a line that bends no tighter than R, points up to pi R apart are neighbours: the chord between them
    grows all the way, to at least 2 R. So only those farther apart along the line can come too near.
    """
    length = track_shape.length_of(center)
    if not SHORTEST <= length <= LONGEST or track_shape.radii_of(center).min() < min_radius:
        return False
    step = length / len(center)
    rows = np.arange(len(center))
    apart = np.abs(rows[:, None] - rows)
    apart = np.minimum(apart, len(center) - apart) * step
    distances = np.linalg.norm(center[:, None] - center, axis=2)
    return bool((distances[apart > np.pi * min_radius] >= width + CLEARANCE).all())
