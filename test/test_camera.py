"""What the camera shows, against a ray caster, against pixels worked out by hand, and its randomisation.

The pinhole: a point on the ground, `ahead` of the camera and `left` of it, lies at the depth
z = ahead cos(pitch) + height sin(pitch) along the optical axis and by
down = height cos(pitch) - ahead sin(pitch) below it. Its pixel is
(width / 2 - focal left / z, height / 2 + focal down / z).
"""

from __future__ import annotations

import math
from dataclasses import fields, replace
from functools import cache
from itertools import product

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from deepracer_sim.camera import (
    FAR,
    LUMINANCE,
    Camera,
    Lens,
    nominal_colours,
    randomised_colours,
)
from deepracer_sim.ground import (
    NOMINAL_COLOURS,
    NUM_CODES,
    RESOLUTION,
    Ground,
    Material,
    _encode,
    paint,
)
from deepracer_sim.settings import CameraSettings, Randomisation
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


def centre_of_white(picture: NDArray[np.float64]) -> tuple[float, float]:
    """Mean column and row of the white pixels, in pixels from the picture's upper left corner."""
    rows, columns = np.nonzero(picture == 255)
    assert len(rows), "nothing white in the picture"
    return columns.mean() + 0.5, rows.mean() + 0.5


def test_a_point_on_the_ground_appears_where_the_pinhole_puts_it():
    """640 pixels across and 1.13 rad: focal = 320 / tan(0.565) = 504.97.

    A bar across the road from 0.5 to 0.6 m ahead of the camera, 0.127 m above it. Its near edge is
    atan(0.127 / 0.5) = 0.24875 rad below the horizon, 0.01305 above the optical axis: row 240 - 6.59 = 233.4.
    Its far edge: atan(0.127 / 0.6) = 0.20859, so 0.05321 above: row 240 - 26.9 = 213.1.
    """
    camera_x = 0.1453 + 0.0047  # the car stands 4.7 mm ahead of the origin, the camera at 0.15
    ground = with_white((camera_x + 0.5, camera_x + 0.6, -0.9, 0.9))
    picture = picture_of(camera_over(ground, width=640, height=480), x=0.0047)
    white = np.flatnonzero(picture[:, 320] == 255)
    assert white[0] == pytest.approx(213.1, abs=1.0)
    assert white[-1] + 1 == pytest.approx(233.4, abs=1.0)
    assert len(white) == white[-1] - white[0] + 1
    # The bar is 1.8 m wide and seen edge to edge from there: 0.9 f / z > 320 with z = 0.5 cos + 0.127 sin.
    assert (picture[225] == 255).all()


MOUNTS = {
    "nominal": {},
    "forward": {"forward": 0.02},
    "height": {"height": 0.006},
    "pitch": {"pitch": 0.03},
    "yaw": {"yaw": 0.03},
    "field_of_view": {"field_of_view": -0.04},
    "all": {"forward": -0.02, "height": -0.006, "pitch": -0.03, "yaw": -0.03, "field_of_view": 0.04},
}


def pinhole(ahead: float, left: float, mount: dict[str, float]) -> tuple[float, float]:
    """Column and row in a 640x480 picture of a point on the ground, metres from the nominal camera."""
    ahead -= mount.get("forward", 0.0)
    height, pitch = 0.127 + mount.get("height", 0.0), 0.2618 + mount.get("pitch", 0.0)
    turn = mount.get("yaw", 0.0)
    ahead, left = (
        ahead * math.cos(turn) + left * math.sin(turn),
        left * math.cos(turn) - ahead * math.sin(turn),
    )
    focal = 320 / math.tan((1.13 + mount.get("field_of_view", 0.0)) / 2)
    depth = ahead * math.cos(pitch) + height * math.sin(pitch)
    down = height * math.cos(pitch) - ahead * math.sin(pitch)
    return 320 - focal * left / depth, 240 + focal * down / depth


@pytest.mark.parametrize("mount", MOUNTS.values(), ids=MOUNTS)
@pytest.mark.parametrize("pose", [(0.0, 0.0, 0.0), (1.0, 1.5, 2.1)])
def test_the_mount_moves_the_picture(mount, pose):
    """A white square of 4 cm, 0.6 m ahead of the nominal camera and 0.15 m to the left."""
    x, y, yaw = pose
    ahead, left = 0.6, 0.15
    east = x + (0.1453 + ahead) * math.cos(yaw) - left * math.sin(yaw)
    north = y + (0.1453 + ahead) * math.sin(yaw) + left * math.cos(yaw)
    # The square on whole texels nearest to that place; what it is off by is put into the expectation.
    middle = [round(value / RESOLUTION) * RESOLUTION for value in (east, north)]
    ground = with_white((middle[0] - 0.02, middle[0] + 0.02, middle[1] - 0.02, middle[1] + 0.02))
    east, north = middle[0] - x, middle[1] - y
    ahead = east * math.cos(yaw) + north * math.sin(yaw) - 0.1453
    left = north * math.cos(yaw) - east * math.sin(yaw)

    camera = camera_over(ground, width=640, height=480)
    lens = camera.lens
    camera.set_lens(replace(lens, **{name: getattr(lens, name) + value for name, value in mount.items()}))
    seen = centre_of_white(picture_of(camera, *pose))
    assert seen == pytest.approx(pinhole(ahead, left, mount), abs=1.0)
    if mount:  # or the test could not tell the mounts apart
        assert math.dist(pinhole(ahead, left, mount), pinhole(ahead, left, {})) > 3


def test_left_is_left():
    left = picture_of(camera_over(with_white((-1.0, 3.0, 0.1, 0.2))))
    right = picture_of(camera_over(with_white((-1.0, 3.0, -0.2, -0.1))))
    assert (left[:, :32] == 255).any()
    assert not (left[20:, 32:] == 255).any()
    assert (right[:, 32:] == 255).any()
    assert not (right[20:, :32] == 255).any()
    assert np.abs(left - right[:, ::-1]).mean() < 1


def test_the_horizon():
    """160x120: focal 126.24, so the horizon is 126.24 tan(0.2618) = 33.83 above the middle, at row 26.17."""
    picture = picture_of(camera_over(with_white((-1.0, 3.0, -1.0, 3.0)), width=160, height=120))
    assert (picture[:26] == HALF_GREY).all()
    assert ((picture[26] >= HALF_GREY) & (picture[26] < 255)).all()  # the row that the horizon crosses
    assert (picture[27:] == 255).all()


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


def test_the_ground_goes_on_beyond_its_texture_and_does_not_wrap():
    """West half black, east half white, texture from -1 to 3 m: seen from inside, its edge and 500 m away."""
    camera = camera_over(with_white((1.0, 3.0, -1.0, 3.0)))
    sky = 20  # rows that show sky, the horizon's included
    for x in (2.95, 3.0, 20.0, 500.0):
        assert (picture_of(camera, x=x, y=1.0, yaw=0.0)[sky:] == 255).all(), x
        assert (picture_of(camera, x=x, y=-400.0, yaw=0.0)[sky:] == 255).all(), x
    for x in (-0.95, -1.0, -20.0, -500.0):
        assert (picture_of(camera, x=x, y=1.0, yaw=math.pi)[sky:] == 0).all(), x
        assert (picture_of(camera, x=x, y=400.0, yaw=math.pi)[sky:] == 0).all(), x


def test_grounds_of_different_size_share_a_camera():
    """Each car sees what it would see if its ground were the only one."""
    grounds = [
        with_white((0.5, 0.7, -0.5, 0.5)),
        with_white((0.4, 2.0, 0.1, 0.2), (0.9, 1.0, -0.9, 0.9), low=-1.5, high=5.0),
        with_white((-1.0, 3.0, -0.3, -0.2)),
    ]
    index = torch.tensor([2, 0, 1, 1, 0])
    pose = torch.tensor(
        [[0.0, 0.0, 0.0], [0.1, 0.1, 0.2], [0.0, 0.0, -0.1], [2.0, 1.0, 3.0], [0.0, 0.3, 0.0]]
    )
    together = Camera(CameraSettings(), grounds, index)
    together.set_colours(black_and_white(5))
    images = together.render(*pose.T)
    for car, ground in enumerate(index.tolist()):
        alone = picture_of(camera_over(grounds[ground]), *pose[car].tolist())
        assert np.array_equal(images[car, ..., 0].numpy(), alone), car
    assert len({images[car].numpy().tobytes() for car in range(5)}) == 5


def test_each_car_has_its_own_colours_and_lens():
    ground = with_white((0.5, 0.7, -0.5, 0.5))
    camera = camera_over(ground, 3)
    colours = black_and_white(3)
    colours[1, Material.BORDER] = 0.5
    camera.set_colours(colours)
    camera.set_lens(replace(camera.lens, pitch=camera.lens.pitch + torch.tensor([0.0, 0.0, 0.1])))
    images = camera.render(torch.zeros(3), torch.zeros(3), torch.zeros(3))[..., 0]
    assert images.amax((1, 2)).tolist() == [255, 128, 255]
    assert torch.equal(images[0] == 255, (images[1] == 128) & (images[0] != HALF_GREY))
    assert not torch.equal(images[0], images[2])


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


def test_pictures_may_have_any_size():
    ground = with_white((0.5, 0.7, -0.1, 0.1))
    for width, height in ((16, 12), (17, 13), (320, 96)):
        images = camera_over(ground, 2, width=width, height=height).render(*torch.zeros(3, 2))
        assert images.shape == (2, height, width, 1)
        assert images.dtype == torch.uint8
