"""What the cars of a race see, with the others as ghosts that none of them has seen."""

from __future__ import annotations

import math
from collections.abc import Sequence

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from deepracer_sim.camera import Camera
from deepracer_sim.evaluation_map import BODY, Colour, Picture
from deepracer_sim.ground import Ground
from deepracer_sim.settings import CameraSettings

BATCH = 8
"""Moments that are rendered at once."""
ROOF = 0.12
"""Height of a car, metres."""
NEAREST = 0.05
"""Ghosts that reach nearer to the camera than this are not drawn, metres."""
SHADES = ((0.0, 0.55), (0.5, 0.75), (1.0, 1.0))
"""Outlines of a ghost from the ground to the roof: share of the height, and of the colour."""
STRENGTH = 0.8
"""Of the ghosts over the road."""


class OnboardViews:
    """Pictures from all cars at any moment.

    Args:
        ground: of their track.
        poses: (T, N, 3) x, y in metres and yaw in radians.
        colours: of the N cars.
        size: width and height in pixels.
    """

    def __init__(
        self, ground: Ground, poses: NDArray[np.float32], colours: Sequence[Colour], size: tuple[int, int]
    ) -> None:
        self._poses, self._colours = poses, colours
        self._lens = CameraSettings(width=size[0], height=size[1], colour="rgb")
        self._cars = poses.shape[1]
        self._camera = Camera(self._lens, [ground], torch.zeros(BATCH * self._cars, dtype=torch.long))
        self._batch, self._pictures = -1, np.empty(0, np.uint8)

    def at(self, step: int) -> list[Picture]:
        """Return what each car sees at a step, (height, width, 3)."""
        batch, place = divmod(step, BATCH)
        if batch != self._batch:
            steps = np.arange(batch * BATCH, (batch + 1) * BATCH).clip(max=len(self._poses) - 1)
            x, y, yaw = torch.from_numpy(self._poses[steps].reshape(-1, 3)).unbind(1)
            pictures = self._camera.render(x, y, yaw).numpy()
            self._pictures = pictures.reshape(BATCH, self._cars, *pictures.shape[1:])
            self._batch = batch
        poses = self._poses[step].astype(np.float64)
        return [self._with_ghosts(self._pictures[place, car], poses, car) for car in range(self._cars)]

    def _with_ghosts(self, picture: Picture, poses: NDArray[np.float64], viewer: int) -> Picture:
        """Draw the other cars into a car's picture, the farthest first."""
        painted = picture.copy()
        distance = np.hypot(*(poses[:, :2] - poses[viewer, :2]).T)
        for car in np.argsort(-distance):
            if car != viewer:
                self._draw_ghost(painted, poses[viewer], poses[car], self._colours[car])
        blended = cv2.addWeighted(painted, STRENGTH, picture, 1 - STRENGTH, 0)
        return np.asarray(blended, dtype=np.uint8)

    def _draw_ghost(
        self,
        picture: Picture,
        viewer: NDArray[np.float64],
        pose: NDArray[np.float64],
        colour: Colour,
    ) -> None:
        outline = turned(np.array(BODY), pose[2]) + pose[:2]
        hulls = [self._seen(viewer, outline, share * ROOF) for share, _ in SHADES]
        if any(hull is None for hull in hulls):
            return
        low, middle, high = (hull for hull in hulls if hull is not None)
        for (_, shade), points in zip(SHADES, (np.concatenate((low, high)), middle, high), strict=True):
            paint = tuple(int(shade * channel) for channel in colour)
            cv2.fillConvexPoly(picture, cv2.convexHull(points), paint, cv2.LINE_AA, 4)

    def _seen(
        self, viewer: NDArray[np.float64], points: NDArray[np.float64], height: float
    ) -> NDArray[np.int32] | None:
        """Return where points (K, 2) at a height are in a car's picture, sixteenths of a pixel.

        A pinhole that looks `pitch` downwards. None if a point is behind it or too near.
        """
        lens = self._lens
        own = turned(points - viewer[:2], -viewer[2])
        ahead, left, below = own[:, 0] - lens.forward, own[:, 1], lens.height_above_ground - height
        sine, cosine = math.sin(lens.pitch), math.cos(lens.pitch)
        depth = ahead * cosine + below * sine
        if depth.min() < NEAREST:
            return None
        focal = lens.width / 2 / math.tan(lens.field_of_view / 2)
        columns = lens.width / 2 - focal * left / depth
        rows = lens.height / 2 + focal * (below * cosine - ahead * sine) / depth
        pixels = np.stack((columns, rows), 1).clip(-1e4, 1e4) - 0.5
        return np.rint(pixels * 16).astype(np.int32)


def turned(points: NDArray[np.float64], angle: float) -> NDArray[np.float64]:
    """Turn points (K, 2) counter-clockwise around the origin."""
    cosine, sine = math.cos(angle), math.sin(angle)
    return points @ np.array(((cosine, sine), (-sine, cosine)))
