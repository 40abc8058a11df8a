"""The painted ground at points whose material can be worked out by hand.

The track: a square of 4 m with corners at (0, 0) and (4, 4), driven counter-clockwise from (2, 0), a waypoint
each metre, borders 0.5 m to each side: 16 m long. 44 dashes fit, so they begin 16 / 44 = 0.3636 m apart.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import torch

from deepracer_sim.ground import (
    DASH_LENGTH,
    DASH_WIDTH,
    LINE_WIDTH,
    MARGIN,
    NOMINAL_COLOURS,
    NUM_CODES,
    RESOLUTION,
    START_LINE_WIDTH,
    Ground,
    Material,
    _encode,
    paint,
)
from deepracer_sim.track import Track

SQUARE = [(2, 0), (3, 0), (4, 0), (4, 1), (4, 2), (4, 3), (4, 4), (3, 4),
          (2, 4), (1, 4), (0, 4), (0, 3), (0, 2), (0, 1), (0, 0), (1, 0)]  # fmt: skip
SURROUNDINGS = [Material.SURROUNDINGS, Material.SURROUNDINGS_B]


def beside(distance: float) -> torch.Tensor:
    """Move the square's points inwards: those in a corner along both axes, the others along one."""

    def inwards(value: int) -> float:
        return distance * ((value == 0) - (value == 4))

    return torch.tensor([(x + inwards(x), y + inwards(y)) for x, y in SQUARE])


@cache
def square(clockwise: bool = False) -> Track:
    lines = torch.tensor(SQUARE, dtype=torch.float32), beside(0.5), beside(-0.5)
    if clockwise:
        lines = tuple(torch.cat((line[:1], line[1:].flip(0))) for line in lines)
    return Track("square", *lines)


@cache
def painted_square(seed: int = 0, clockwise: bool = False) -> Ground:
    return paint(square(clockwise), seed=seed)


def texel_at(ground: Ground, x: float, y: float, level: int = 0) -> tuple[int, int]:
    size = RESOLUTION * 2**level
    return int((y - ground.origin[1]) / size), int((x - ground.origin[0]) / size)


def material_at(ground: Ground, x: float, y: float, level: int = 0) -> Material:
    """The only material there, plain for both tones of a surface; it fails where a texel is a mixture."""
    shares = ground.mixtures[ground.levels[level][texel_at(ground, x, y, level)]].copy()
    for plain, toned in ((Material.SURROUNDINGS, Material.SURROUNDINGS_B), (Material.ROAD, Material.ROAD_B)):
        shares[plain] += shares[toned]
        shares[toned] = 0
    assert shares.max() == pytest.approx(1.0), f"({x}, {y}) is a mixture: {shares}"
    return Material(int(shares.argmax()))


@pytest.mark.parametrize("clockwise", [False, True])
def test_the_road_has_its_materials(clockwise):
    ground = painted_square(clockwise=clockwise)
    for x, y in ((2.3, 0.2), (1.0, -0.3), (4.2, 1.0), (-0.3, 3.0), (4.4, 4.4), (0.2, 0.25)):
        assert material_at(ground, x, y) == Material.ROAD, (x, y)
    for x, y in ((2.0, 2.0), (2.0, -0.6), (-0.52, 1.0), (4.6, 4.6), (0.55, 0.55), (-1.4, -1.4), (5.4, 2.0)):
        assert material_at(ground, x, y) == Material.SURROUNDINGS, (x, y)


def test_border_lines_are_on_the_edge_of_the_road():
    """4.5 cm wide, all of it on the road: on the lower side from 0.5 to 0.455 m off the centre line."""
    ground = painted_square()
    for y, is_line in (
        (-0.511, False), (-0.489, True), (-0.461, True), (-0.444, False),  # outer border at y = -0.5
        (0.444, False), (0.461, True), (0.489, True), (0.511, False),  # inner border at y = 0.5
    ):  # fmt: skip
        assert (material_at(ground, 2.5, y) == Material.BORDER) is is_line, y
    assert pytest.approx(0.045) == LINE_WIDTH


def test_the_centre_line_is_dashed():
    ground = painted_square()
    period = 16 / 44
    for dash in (1, 3, 30):  # counted from the start line; 30 lies at 10.9 m, on the left side
        for share, is_dash in ((0.1, True), (0.9, True), (1.1, False), (1.9, False)):
            distance = dash * period + share * DASH_LENGTH
            x, y, _ = (
                square().pose_at(torch.tensor([distance]), torch.tensor([False]), torch.zeros(1))[0].tolist()
            )
            assert (material_at(ground, x, y) == Material.CENTER_LINE) is is_dash, (dash, share)
    # The first dash beyond the start line runs from x = 2 to 2.18; it is 3 cm wide.
    for offset, is_dash in ((0.0, True), (0.008, True), (-0.008, True), (0.022, False), (-0.022, False)):
        assert (material_at(ground, 2.1, offset) == Material.CENTER_LINE) is is_dash, offset
    assert pytest.approx(0.03) == DASH_WIDTH


def test_the_start_line_crosses_the_road_at_the_first_waypoint():
    """6 cm along the track around (2, 0), from border to border and not beyond."""
    ground = painted_square()
    for y in (-0.44, -0.3, 0.1, 0.44):
        for x, is_line in ((1.96, False), (1.976, True), (2.0, True), (2.024, True), (2.04, False)):
            assert (material_at(ground, x, y) == Material.BORDER) is is_line, (x, y)
    assert material_at(ground, 2.0, 0.53) == Material.SURROUNDINGS
    assert material_at(ground, 2.0, -0.53) == Material.SURROUNDINGS
    assert pytest.approx(0.06) == START_LINE_WIDTH


def test_the_paint_agrees_with_the_track_about_where_the_road_is():
    generator = torch.Generator().manual_seed(0)
    points = 6 * torch.rand(20_000, 2, generator=generator) - 1
    is_road = square().is_on_road(points[None])[0]
    near = [square().is_on_road((points + torch.tensor(shift))[None])[0] for shift in
            ((0.01, 0.01), (0.01, -0.01), (-0.01, 0.01), (-0.01, -0.01))]  # fmt: skip
    is_far_from_edge = torch.stack(near).eq(is_road).all(0)
    ground = painted_square()
    for (x, y), road in zip(
        points[is_far_from_edge].tolist(), is_road[is_far_from_edge].tolist(), strict=True
    ):
        shares = ground.mixtures[ground.levels[0][texel_at(ground, x, y)]]
        assert shares[SURROUNDINGS].sum() == pytest.approx(0 if road else 1, abs=1e-6), (x, y)
    assert 0.4 < float(is_road.float().mean()) < 0.5  # 16 of 36 square metres


def test_there_are_surroundings_all_around():
    """A metre at least; the rim, which goes on for ever, has hardly any grain left."""
    ground = painted_square()
    rows, columns = ground.levels[0].shape
    assert ground.origin == pytest.approx((-0.5 - MARGIN, -0.5 - MARGIN))
    assert (rows, columns) >= (7 / RESOLUTION, 7 / RESOLUTION)
    for level in ground.levels:
        for rim in (level[0], level[-1], level[:, 0], level[:, -1]):
            shares = ground.mixtures[rim].mean(0)
            assert shares[Material.SURROUNDINGS] > 0.97
            assert shares[SURROUNDINGS].sum() == pytest.approx(1)
    inside = ground.mixtures[ground.levels[0][400:1000, 400:1000]].mean((0, 1))  # from 0.5 to 3.5 m
    assert inside[Material.SURROUNDINGS_B] > 0.1


def test_codes_are_mixtures():
    ground = painted_square()
    assert ground.mixtures.shape == (NUM_CODES, len(Material))
    assert ground.mixtures.dtype == np.float32
    used = np.unique(np.concatenate([level.ravel() for level in ground.levels]))
    assert used.max() < NUM_CODES - 1  # the last code is the sky, which is not on the ground
    assert np.allclose(ground.mixtures[used].sum(1), 1)
    assert (ground.mixtures >= 0).all()
    assert (ground.mixtures[:-1, Material.SKY] == 0).all()
    assert ground.mixtures[-1].tolist() == [0, 0, 0, 0, 0, 0, 1]


def test_levels_halve_and_average():
    """What a texel shows is the mean of the four below it, within the rounding of the codes."""
    ground = painted_square()
    colours = ground.mixtures @ NOMINAL_COLOURS @ np.array([0.299, 0.587, 0.114], np.float32)
    assert len(ground.levels) == 6
    for fine, coarse in zip(ground.levels, ground.levels[1:], strict=False):
        assert fine.dtype == np.uint8
        assert coarse.shape == (fine.shape[0] // 2, fine.shape[1] // 2)
        rows, columns = coarse.shape
        mean = colours[fine].reshape(rows, 2, columns, 2).mean((1, 3))
        error = np.abs(colours[coarse] - mean)
        # Shares are kept to a sixteenth, which between white and grass is 147 / 16 = 9 levels; a mixture that
        # is too rare for a code of its own may be off by more.
        assert error.mean() < 1.3
        assert np.percentile(error, 99.8) < 14
        assert np.abs(mean - mean.mean()).mean() > 10
    assert abs(colours[ground.levels[-1]].mean() - colours[ground.levels[0]].mean()) < 1


def test_codes_keep_mixtures_to_an_eighth():
    """With few mixtures each share comes back within 1/16 and what the normalisation adds."""
    generator = np.random.default_rng(0)
    shares = generator.dirichlet(np.full(int(Material.SKY), 0.3), size=(12, 16)).astype(np.float32)
    coarse = shares.reshape(6, 2, 8, 2, -1).mean((1, 3))
    levels, mixtures = _encode([shares, coarse])
    assert len(np.unique(levels[0])) > 100
    for codes, wanted in zip(levels, (shares, coarse), strict=True):
        found = mixtures[codes]
        assert np.allclose(found.sum(-1), 1, atol=1e-6)
        assert np.abs(found[..., : Material.SKY] - wanted).max() < 0.16
        assert np.abs(found[..., : Material.SKY] - wanted).mean() < 0.03
    # Whole eighths are kept exactly.
    exact = np.zeros((1, 2, int(Material.SKY)), np.float32)
    exact[0, 0, :3] = (0.25, 0.625, 0.125)
    exact[0, 1, 4] = 1
    levels, mixtures = _encode([exact])
    assert np.array_equal(mixtures[levels[0]][..., : Material.SKY], exact)


def test_more_mixtures_than_codes_become_the_nearest():
    """The commonest 255 get a code; one that has none differs little from its substitute."""
    generator = np.random.default_rng(1)
    shares = generator.dirichlet(np.full(int(Material.SKY), 0.7), size=(60, 60)).astype(np.float32)
    levels, mixtures = _encode([shares])
    assert len(np.unique(levels[0])) == NUM_CODES - 1
    error = np.abs(mixtures[levels[0]][..., : Material.SKY] - shares)
    assert error.mean() < 0.06


def test_painted_is_north_up():
    """The start line is on the southern side of the square, so in the lower half of the picture."""
    ground = painted_square()
    picture = ground.painted()
    assert picture.shape == (*ground.levels[0].shape, 3)
    assert picture.dtype == np.uint8

    def pixel(x: float, y: float) -> list[int]:
        row, column = texel_at(ground, x, y)
        return picture[picture.shape[0] - 1 - row, column].tolist()

    assert pixel(2.0, 0.3) == NOMINAL_COLOURS[Material.BORDER].tolist()
    assert pixel(2.0, 3.7) != NOMINAL_COLOURS[Material.BORDER].tolist()
    bottom = picture.shape[0] - 1 - int((0.3 + 1.5) / RESOLUTION)
    assert bottom > picture.shape[0] / 2
    assert picture[bottom, int((2.0 + 1.5) / RESOLUTION)].tolist() == [240, 240, 236]


def test_the_seed_decides_the_grain_alone():
    first, other = painted_square(seed=0), painted_square(seed=1)
    again = paint(square(), seed=0)
    for one, two in zip(first.levels, again.levels, strict=True):
        assert np.array_equal(one, two)
    assert np.array_equal(first.mixtures, again.mixtures)
    assert not np.array_equal(first.levels[0], other.levels[0])
    # Lines stay where they are, and both surfaces have two tones.
    for ground in (first, other):
        shares = ground.mixtures[ground.levels[0]].mean((0, 1))
        assert shares[Material.BORDER] == pytest.approx(
            first.mixtures[first.levels[0]].mean((0, 1))[Material.BORDER], rel=0.01
        )
        for tone in (Material.SURROUNDINGS_B, Material.ROAD_B):
            assert shares[tone] > 0.02
    assert shares[Material.SKY] == 0


def test_the_number_of_levels_is_the_callers():
    ground = paint(square(), num_levels=2)
    assert [level.shape for level in ground.levels] == [(1400, 1400), (700, 700)]
