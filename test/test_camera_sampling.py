"""The mean that each pixel is, against a ray caster."""

from __future__ import annotations

import math
from dataclasses import fields, replace
from itertools import product

import numpy as np
import pytest
import torch
from black_and_white_ground import (
    HALF_GREY,
    black_and_white,
    camera_over,
    picture_of,
    poses_on,
    reinvent,
    with_white,
)
from numpy.typing import NDArray
from torch import Tensor

from deepracer_sim.camera import FAR, LUMINANCE, Camera, nominal_colours
from deepracer_sim.ground import RESOLUTION, Ground, Material, _encode
from deepracer_sim.settings import CameraSettings, Randomisation


def ray_cast(
    camera: Camera, ground: Ground, colours: Tensor, pose: Tensor, supersampling: int = 8
) -> NDArray[np.float32]:
    """What the cars should see: the mean of `supersampling`^2 rays a pixel, (N, height, width), grey.

    Each ray takes the colour of the finest texel that it meets; texels at the edge go on for ever.
    """
    settings, lens = camera.settings, camera.lens
    palette = (torch.from_numpy(ground.mixtures) @ colours @ torch.tensor(LUMINANCE) * 255).numpy()
    texels = palette[:, ground.levels[0]] if palette.ndim == 2 else palette[ground.levels[0]][None]
    rows = (np.arange(settings.height * supersampling, dtype=np.float32) + 0.5) / supersampling
    columns = (np.arange(settings.width * supersampling, dtype=np.float32) + 0.5) / supersampling
    pictures = []
    for car, (x, y, yaw) in enumerate(pose.tolist()):
        forward, height, pitch, turn, view = (
            float(getattr(lens, field.name)[car]) for field in fields(lens)[:5]
        )
        focal = settings.width / 2 / math.tan(view / 2)
        below = ((rows - settings.height / 2) / focal)[:, None]
        right = ((columns - settings.width / 2) / focal)[None]
        falling = math.sin(pitch) + below * math.cos(pitch)
        going = math.cos(pitch) - below * math.sin(pitch)
        meets = falling * FAR > height * going
        reach = height / np.where(meets, falling, 1)
        ahead, left = reach * going, -reach * right
        east = x + forward * math.cos(yaw) + ahead * math.cos(yaw + turn) - left * math.sin(yaw + turn)
        north = y + forward * math.sin(yaw) + ahead * math.sin(yaw + turn) + left * math.cos(yaw + turn)
        texel_rows, texel_columns = ground.levels[0].shape
        column = ((east - ground.origin[0]) / RESOLUTION).clip(0, texel_columns - 1).astype(np.int32)
        row = ((north - ground.origin[1]) / RESOLUTION).clip(0, texel_rows - 1).astype(np.int32)
        own = min(car, len(texels) - 1)
        seen = np.where(meets, texels[own][row, column], palette[..., -1].reshape(-1)[own])
        blocks = seen.reshape(settings.height, supersampling, settings.width, supersampling)
        pictures.append(blocks.mean((1, 3)))
    return np.stack(pictures)


# Mean absolute difference from the supersampled picture, in grey levels of 255.
BOUNDS = [(64, 48, 24, 1.65), (80, 60, 16, 1.65), (160, 120, 8, 1.05)]


@pytest.mark.parametrize(("width", "height", "count", "bound"), BOUNDS)
def test_the_picture_is_close_to_an_8x8_supersample(width, height, count, bound):
    track, ground = reinvent()
    pose = poses_on(track, count, seed=1)
    settings = CameraSettings(width=width, height=height)
    camera = Camera(settings, [ground], torch.zeros(count, dtype=torch.long))
    picture = camera.render(*pose.T)[..., 0].numpy().astype(np.float32)
    truth = ray_cast(camera, ground, nominal_colours(1)[0], pose)
    assert np.abs(picture - truth).mean() < bound
    assert abs((picture - truth).mean()) < 0.3  # neither too bright nor too dark
    # The pictures are worth comparing: a plain one would differ far more.
    assert np.abs(truth - truth.mean()).mean() > 20


def test_patterns_too_fine_to_see_become_grey():
    """A chequerboard of single texels, 5 mm: from row 20 up a pixel sees more than two of them each way."""
    board = np.zeros((800, 800, int(Material.SKY)), np.float32)
    is_white = np.indices((800, 800)).sum(0) % 2
    board[..., Material.SURROUNDINGS], board[..., Material.BORDER] = 1 - is_white, is_white
    weights = [board]
    for _ in range(4):
        rows, columns, count = weights[-1].shape
        weights.append(weights[-1].reshape(rows // 2, 2, columns // 2, 2, count).mean((1, 3)))
    levels, mixtures = _encode(weights)
    camera = camera_over(Ground(levels, mixtures, (-1.0, -1.0)))
    picture = picture_of(camera, yaw=0.3)
    assert np.abs(picture[15:21] - 127.5).max() < 2
    assert np.abs(picture[-5:] - 127.5).mean() > 40  # near the car it can be seen


def test_no_mount_that_randomisation_draws_cuts_the_horizon():
    """The corners of the default ranges of pitch, field of view and height."""
    ranges = Randomisation()
    corners = list(product(ranges.camera_pitch, ranges.camera_field_of_view, ranges.camera_height))
    ground = with_white((-1.0, 3.0, -1.0, 3.0))
    for settings in ({}, {"width": 160, "height": 120}):
        camera = camera_over(ground, len(corners), **settings)
        pitch, view, height = torch.tensor(corners).T
        lens = camera.lens
        camera.set_lens(
            replace(
                lens,
                pitch=lens.pitch + pitch,
                field_of_view=lens.field_of_view + view,
                height=lens.height + height,
            )
        )
        pose = torch.zeros(len(corners), 3)
        picture = camera.render(*pose.T)[..., 0].numpy().astype(np.float32)
        truth = ray_cast(camera, ground, black_and_white(1)[0], pose, supersampling=16)
        # The row with the horizon has as many grey levels as taps; every other row is all sky or all ground.
        is_mixed = (truth > HALF_GREY + 0.6) & (truth < 254.9)
        assert np.abs(picture - truth)[~is_mixed].max() <= 1
        assert np.abs(picture - truth)[is_mixed].max(initial=0) < 80
