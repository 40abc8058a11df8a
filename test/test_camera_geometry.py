"""Where things appear in the picture, against pixels worked out by hand.

The pinhole: a point on the ground, `ahead` of the camera and `left` of it, lies at the depth
z = ahead cos(pitch) + height sin(pitch) along the optical axis and by
down = height cos(pitch) - ahead sin(pitch) below it. Its pixel is
(width / 2 - focal left / z, height / 2 + focal down / z).
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from black_and_white_ground import HALF_GREY, black_and_white, camera_over, picture_of, with_white
from numpy.typing import NDArray

from deepracer_sim.camera import Camera
from deepracer_sim.ground import RESOLUTION, Material
from deepracer_sim.settings import CameraSettings


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


def test_pictures_may_have_any_size():
    ground = with_white((0.5, 0.7, -0.1, 0.1))
    for width, height in ((16, 12), (17, 13), (320, 96)):
        images = camera_over(ground, 2, width=width, height=height).render(*torch.zeros(3, 2))
        assert images.shape == (2, height, width, 1)
        assert images.dtype == torch.uint8
