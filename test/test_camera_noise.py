"""Pixel noise and blur."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from black_and_white_ground import camera_over, picture_of, with_white

from deepracer_sim.camera import Camera
from deepracer_sim.ground import Material


def grey_field(num_cars: int, noise: list[float], **settings: object) -> Camera:
    """Cars on plain ground of level 128 with pixel noise, the sky of the same colour."""
    camera = camera_over(with_white(), num_cars, **settings)
    camera.set_colours(torch.full((num_cars, len(Material), 3), 128 / 255))
    camera.set_lens(replace(camera.lens, noise=torch.tensor(noise)))
    camera.is_clean = False
    return camera


def test_noise_has_the_standard_deviation_asked_for():
    camera = grey_field(3, [0.0, 0.02, 0.06], width=160, height=120)
    zero = torch.zeros(3)
    images = camera.render(zero, zero, zero)[..., 0].double()
    assert bool((images[0] == 128).all())
    # Rounding to whole levels adds a variance of 1/12.
    for car, noise in ((1, 0.02), (2, 0.06)):
        wanted = math.sqrt((255 * noise) ** 2 + 1 / 12)
        assert float(images[car].std()) == pytest.approx(wanted, rel=0.03)
        assert float(images[car].mean()) == pytest.approx(128, abs=3 * wanted / math.sqrt(160 * 120))
    noise = (images[1:] - 128).flatten(1)
    assert abs(float(torch.corrcoef(noise)[0, 1])) < 0.03  # not the same noise for both cars


def test_noise_changes_with_the_offset_alone():
    camera = grey_field(1, [0.05])
    zero = torch.zeros(1)
    first, again, other = (camera.render(zero, zero, zero, offset) for offset in (0, 0, 611_953))
    assert torch.equal(first, again)
    correlation = torch.corrcoef(torch.stack((first.flatten(), other.flatten())).double())[0, 1]
    assert abs(float(correlation)) < 0.1


@pytest.mark.parametrize("offset", [0, (1 << 20) - 1, 7_340_037, 10**12])
def test_there_is_noise_enough_for_many_large_pictures(offset):
    """64 cars at 160x120: 1.2 million pixels, at any offset."""
    camera = grey_field(64, [0.05] * 64, width=160, height=120)
    zero = torch.zeros(64)
    images = camera.render(zero, zero, zero, offset)
    assert images.shape == (64, 120, 160, 1)
    assert float(images[-1].double().std()) == pytest.approx(255 * 0.05, rel=0.05)


def test_noise_does_not_overflow():
    camera = grey_field(1, [0.4])
    camera.set_colours(torch.ones(1, len(Material), 3))
    image = camera.render(torch.zeros(1), torch.zeros(1), torch.zeros(1))
    assert int(image.max()) == 255
    assert float((image == 255).double().mean()) == pytest.approx(0.5, abs=0.05)  # half would be above white


def test_blur_takes_its_share_from_the_neighbours():
    """Share b: each pixel keeps 1 - b / 2 and takes b / 4 from either side, along rows and along columns."""
    ground = with_white((0.5, 0.7, -0.1, 0.1))
    sharp = picture_of(camera_over(ground))
    camera = camera_over(ground)
    camera.set_lens(replace(camera.lens, blur=torch.tensor([0.6])))
    camera.is_clean = False
    wanted = sharp.copy()
    for axis in (0, 1):
        lines = np.moveaxis(wanted, axis, 0)
        lines[1:-1] = 0.7 * lines[1:-1] + 0.15 * (lines[:-2] + lines[2:])
    assert np.abs(picture_of(camera) - wanted).max() <= 1
    assert np.abs(sharp - wanted).max() > 30


def test_a_camera_without_blur_and_noise_is_clean_either_way():
    camera = camera_over(with_white((0.5, 0.7, -0.1, 0.1)))
    clean = picture_of(camera)
    camera.is_clean = False
    assert np.array_equal(picture_of(camera), clean)
