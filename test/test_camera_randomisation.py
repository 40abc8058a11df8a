"""Colours, and what randomisation draws of colours and lenses."""

from __future__ import annotations

from dataclasses import fields

import torch
from black_and_white_ground import poses_on, reinvent, with_white
from torch import Tensor

from deepracer_sim.camera import LUMINANCE, Camera, Lens, nominal_colours, randomised_colours
from deepracer_sim.ground import NOMINAL_COLOURS, Material
from deepracer_sim.settings import CameraSettings, Randomisation


def test_grey_is_the_luminance_of_the_colours():
    track, ground = reinvent()
    pose = poses_on(track, 4, seed=3)
    index = torch.zeros(4, dtype=torch.long)
    colours = randomised_colours(Randomisation(), torch.Generator().manual_seed(0), 4)
    grey, rgb = (
        Camera(CameraSettings(width=160, height=120, colour=colour), [ground], index)
        for colour in ("grey", "rgb")
    )
    grey.set_colours(colours)
    rgb.set_colours(colours)
    single, triple = grey.render(*pose.T), rgb.render(*pose.T).float()
    assert single.shape == (4, 120, 160, 1)
    assert triple.shape == (4, 120, 160, 3)
    luminance = 0.299 * triple[..., 0] + 0.587 * triple[..., 1] + 0.114 * triple[..., 2]
    assert float((single[..., 0] - luminance).abs().max()) <= 1.0
    assert float((triple[..., 0] - triple[..., 2]).abs().max()) > 50  # there was colour


def test_rgb_is_red_green_blue():
    ground = with_white((-1.0, 3.0, -1.0, 3.0))
    camera = Camera(CameraSettings(colour="rgb"), [ground], torch.zeros(1, dtype=torch.long))
    image = camera.render(torch.zeros(1), torch.zeros(1), torch.zeros(1))[0]
    assert image[-1, 5].tolist() == NOMINAL_COLOURS[Material.BORDER].tolist()
    assert image[0, 5].tolist() == NOMINAL_COLOURS[Material.SKY].tolist()


NEUTRAL = {"brightness": (0, 0), "contrast": (1, 1), "gamma": (1, 1), "texture": (1, 1), "colour": 0}


def colours_with(count: int = 1, **changed: object) -> Tensor:
    ranges = Randomisation(**{**NEUTRAL, **changed})
    return randomised_colours(ranges, torch.Generator().manual_seed(4), count)


def test_neutral_ranges_give_the_nominal_colours():
    torch.testing.assert_close(colours_with(2), nominal_colours(2))
    torch.testing.assert_close(nominal_colours(2)[1] * 255, torch.from_numpy(NOMINAL_COLOURS))


def test_brightness_contrast_and_gamma_do_what_their_names_say():
    plain = nominal_colours(1)
    torch.testing.assert_close(colours_with(brightness=(0.1, 0.1)), (plain + 0.1).clamp(0, 1))
    torch.testing.assert_close(colours_with(contrast=(0.5, 0.5)), 0.5 + 0.5 * (plain - 0.5))
    torch.testing.assert_close(colours_with(gamma=(2, 2)), plain * plain)


def test_texture_scales_the_grain():
    plain, strong = nominal_colours(1)[0], colours_with(texture=(2, 2))[0]
    for surface, toned in (
        (Material.SURROUNDINGS, Material.SURROUNDINGS_B),
        (Material.ROAD, Material.ROAD_B),
    ):
        torch.testing.assert_close(strong[surface], plain[surface])
        torch.testing.assert_close(strong[toned] - strong[surface], 2 * (plain[toned] - plain[surface]))


def test_colours_change_as_far_as_they_may():
    """0.25 for sky and surroundings, half of it for road and lines; both tones of a surface together."""
    plain, colours = nominal_colours(400), colours_with(400, colour=0.25)
    change = (colours - plain).abs().amax((0, 2))
    far = [Material.SURROUNDINGS, Material.SURROUNDINGS_B, Material.SKY]
    near = [Material.ROAD, Material.ROAD_B, Material.CENTER_LINE]
    assert bool((change[far] <= 0.25 + 1e-6).all())
    assert bool((change[far] > 0.24).all())
    assert bool((change[near] <= 0.125 + 1e-6).all())
    assert bool((change[near] > 0.12).all())
    grain = colours[:, Material.ROAD_B] - colours[:, Material.ROAD]
    torch.testing.assert_close(grain, plain[:, Material.ROAD_B] - plain[:, Material.ROAD])
    assert bool((colours.std(0)[far] > 0.1).all())  # each car is drawn by itself


def test_default_colours_stay_colours_and_follow_the_seed():
    first, again, other = (
        randomised_colours(Randomisation(), torch.Generator().manual_seed(seed), 200) for seed in (1, 1, 2)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert float(first.min()) >= 0
    assert float(first.max()) <= 1
    # However the light falls, the border lines stay brighter than the road.
    weights = torch.tensor(LUMINANCE)
    assert bool((first[:, Material.BORDER] @ weights > first[:, Material.ROAD] @ weights + 0.15).all())


def test_a_lens_is_drawn_around_the_nominal_one_for_the_masked_cars():
    ranges = Randomisation()
    count = 500
    nominal = Lens.nominal(CameraSettings(), count)
    mask = torch.arange(count) % 2 == 0
    lens = nominal.randomised(nominal, ranges, torch.Generator().manual_seed(0), mask)
    drawn_from = {
        "forward": ranges.camera_forward,
        "height": ranges.camera_height,
        "pitch": ranges.camera_pitch,
        "yaw": ranges.camera_yaw,
        "field_of_view": ranges.camera_field_of_view,
        "noise": ranges.noise,
        "blur": ranges.blur,
    }
    assert set(drawn_from) == {field.name for field in fields(Lens)}
    for name, (low, high) in drawn_from.items():
        change = getattr(lens, name) - getattr(nominal, name)
        assert bool((change[~mask] == 0).all()), name
        assert low - 1e-6 <= float(change[mask].min()) < low + 0.05 * (high - low), name
        assert high - 0.05 * (high - low) < float(change[mask].max()) <= high + 1e-6, name
    # Drawn again it starts from the nominal lens, not from the last draw.
    again = lens.randomised(nominal, ranges, torch.Generator().manual_seed(0), mask)
    assert torch.equal(again.pitch, lens.pitch)
