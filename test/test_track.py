from __future__ import annotations

import dataclasses
import math
from bisect import bisect_right

import pytest
import torch

from deepracer_sim.errors import TrackError
from deepracer_sim.track import Track, stack

FORWARD, REVERSED = torch.tensor([False]), torch.tensor([True])


def circle(rows=360, radius=2.0, clockwise=False):
    """A road 0.8 m wide around the origin; the start line is at (radius, 0)."""
    angle = torch.arange(rows) * 2.0 * math.pi / rows * (-1.0 if clockwise else 1.0)
    ring = torch.stack((angle.cos(), angle.sin()), dim=1)
    return Track("circle", radius * ring, (radius - 0.4) * ring, (radius + 0.4) * ring)


def square():
    """Counter-clockwise around (2, 2) from (0, 0), sides of 4 m, a waypoint each metre, borders at 0.5 m."""
    along, still = torch.arange(4.0), torch.zeros(4)
    x = torch.cat((along, still + 4.0, 4.0 - along, still))
    y = torch.cat((still, along, still + 4.0, 4.0 - along))
    center = torch.stack((x, y), dim=1)
    return Track("square", center, 2.0 + 0.75 * (center - 2.0), 2.0 + 1.25 * (center - 2.0))


def stadium(straight=3.0, radius=1.0, rows_each=20):
    """Counter-clockwise from the origin along +x: straight, half turn, straight, half turn; 0.6 m wide."""

    def line(offset):
        share = torch.arange(rows_each) / rows_each
        angle = share * math.pi - math.pi / 2.0
        arc = (radius + offset) * torch.stack((angle.cos(), angle.sin()), dim=1)
        bottom = torch.stack((share * straight, torch.full_like(share, -offset)), dim=1)
        right = arc + torch.tensor([straight, radius])
        # The way back is the way there, turned by half a turn around the middle.
        there = torch.cat((bottom, right))
        return torch.cat((there, torch.tensor([straight, 2.0 * radius]) - there))

    return Track("stadium", line(0.0), line(-0.3), line(0.3))


def test_progress_on_a_circle_is_angle_over_two_pi():
    angle = torch.linspace(0.01, 6.27, 200)
    radius = torch.linspace(1.7, 2.3, 200)
    position = radius[:, None] * torch.stack((angle.cos(), angle.sin()), dim=1)
    track = circle(rows=3600)
    ahead = track.project(position, torch.zeros(200, dtype=torch.bool))
    back = track.project(position, torch.ones(200, dtype=torch.bool))
    # A side of 0.1 degrees: everything in the wedge outside a corner is level with the corner, which shifts
    # the angle by up to 0.05 degrees x 0.3 / 2 = 2e-5 of a turn.
    torch.testing.assert_close(ahead.distance / track.length, angle / (2.0 * math.pi), atol=3e-5, rtol=0)
    torch.testing.assert_close(back.distance / track.length, 1.0 - angle / (2.0 * math.pi), atol=3e-5, rtol=0)
    torch.testing.assert_close(ahead.offset, 2.0 - radius, atol=1e-4, rtol=0)
    torch.testing.assert_close(back.offset, radius - 2.0, atol=1e-4, rtol=0)
    assert ((ahead.heading - angle - math.pi / 2.0).cos() > math.cos(math.radians(0.2))).all()
    assert ((back.heading - angle + math.pi / 2.0).cos() > math.cos(math.radians(0.2))).all()
    torch.testing.assert_close(ahead.half_width, torch.full((200,), 0.4))


@pytest.mark.parametrize("clockwise", [False, True])
def test_direction_and_sides(clockwise):
    track = circle(clockwise=clockwise)
    assert bool(track.is_ccw) is not clockwise
    assert float(track.length) == pytest.approx(4.0 * math.pi, rel=1e-4)
    inside = track.project(torch.tensor([[1.8, 0.0]]), FORWARD)  # left of a counter-clockwise driver
    assert float(inside.offset) == pytest.approx(-0.2 if clockwise else 0.2, abs=1e-4)


@pytest.mark.parametrize(
    ("position", "reversed", "distance", "offset", "heading", "half_width", "waypoints"),
    [
        # Half the border distance is 0.25 x the distance from (2, 2): at (2, 0) 0.5, at (3, 0) 0.25 sqrt 5.
        ((2.25, 0.5), False, 2.25, 0.5, 0.0, 0.75 * 0.5 + 0.25 * 0.25 * 5**0.5, (2, 3)),
        # Waypoint k of a reversed car is row 16 - k: it has passed row 3 and comes to row 2.
        ((2.25, 0.5), True, 13.75, -0.5, math.pi, 0.75 * 0.5 + 0.25 * 0.25 * 5**0.5, (13, 14)),
        # Outside a corner the nearest point is the corner: sides 0.3 and 0.4, distance 0.5. Level with
        # waypoint 4, so that is the one behind.
        ((4.3, -0.4), False, 4.0, -0.5, math.pi / 2.0, 0.25 * 8**0.5, (4, 5)),
        ((4.3, -0.4), True, 12.0, 0.5, -math.pi / 2.0, 0.25 * 8**0.5, (12, 13)),
        # Last segment, just before the start line, and just after it when driven the other way.
        (
            (-0.1, 0.25),
            False,
            15.75,
            -0.1,
            -math.pi / 2.0,
            0.75 * 0.25 * 8**0.5 + 0.25 * 0.25 * 5**0.5,
            (15, 0),
        ),
        ((-0.1, 0.25), True, 0.25, 0.1, math.pi / 2.0, 0.75 * 0.25 * 8**0.5 + 0.25 * 0.25 * 5**0.5, (0, 1)),
        # On the start line.
        ((0.0, 0.0), False, 0.0, 0.0, 0.0, 0.25 * 8**0.5, (0, 1)),
        ((0.0, 0.0), True, 0.0, 0.0, math.pi, 0.25 * 8**0.5, (0, 1)),
        # First segment driven backwards: from row 1 to the start line.
        ((0.25, 0.1), True, 15.75, -0.1, math.pi, 0.75 * 0.25 * 8**0.5 + 0.25 * 0.25 * 5**0.5, (15, 0)),
    ],
)
def test_projection_onto_a_square(position, reversed, distance, offset, heading, half_width, waypoints):
    found = square().project(torch.tensor([position]), torch.tensor([reversed]))
    assert float(found.distance) == pytest.approx(distance, abs=1e-5)
    assert float(found.offset) == pytest.approx(offset, abs=1e-5)
    assert abs(math.remainder(float(found.heading) - heading, math.tau)) < 1e-5
    assert float(found.half_width) == pytest.approx(half_width, abs=1e-5)
    assert found.closest_waypoints.dtype == torch.long
    assert tuple(found.closest_waypoints[0].tolist()) == waypoints


def test_projection_is_exact_where_waypoints_are_far_apart():
    """A star with segments of several metres: compared with 200,000 points along it."""
    random = torch.Generator().manual_seed(1)
    angle = torch.arange(12) * 2.0 * math.pi / 12
    center = (2.0 + 3.0 * torch.rand(12, generator=random))[:, None] * torch.stack(
        (angle.cos(), angle.sin()), 1
    )
    track = Track("star", center, 0.9 * center, 1.1 * center)
    position = 8.0 * torch.rand(300, 2, generator=random) - 4.0
    found = track.project(position, torch.zeros(300, dtype=torch.bool))
    share = torch.linspace(0.0, 1.0, 200_000 // 12, dtype=torch.double)[:, None, None]
    points = (center.double() + share * (center.roll(-1, 0) - center).double()).flatten(0, 1)
    nearest = torch.cdist(position.double(), points, compute_mode="donot_use_mm_for_euclid_dist").amin(1)
    torch.testing.assert_close(found.offset.abs().double(), nearest, atol=1e-4, rtol=0)
    # The nearest waypoint alone would not do.
    to_segment_ends = torch.cdist(position, center).amin(1)
    assert (to_segment_ends - found.offset.abs() > 0.3).any()


def test_closest_waypoints_are_those_around_the_distance():
    """AWS looks for the car's distance in the sorted distances of the waypoints."""
    track = circle(rows=37)
    step = float(track.length) / 37
    random = torch.Generator().manual_seed(2)
    position = 5.0 * torch.rand(500, 2, generator=random) - 2.5
    reversed = torch.rand(500, generator=random) < 0.5
    found = track.project(position, reversed)
    distances = [row * step for row in range(37)]
    for distance, waypoints in zip(found.distance.tolist(), found.closest_waypoints.tolist(), strict=True):
        if abs(math.remainder(distance, step)) > 1e-5:
            following = bisect_right(distances, distance)
            assert waypoints == [following - 1, following % 37]


def test_positions_beside_a_corner_have_the_later_segment():
    """The whole wedge outside a corner is level with its waypoint: rounding must not decide there."""
    random = torch.Generator().manual_seed(3)
    position = torch.tensor([4.0, 0.0]) + torch.rand(200, 2, generator=random) * torch.tensor([1.0, -1.0])
    found = square().project(position, torch.zeros(200, dtype=torch.bool))
    assert (found.closest_waypoints == torch.tensor([4, 5])).all()
    torch.testing.assert_close(found.heading, torch.full((200,), math.pi / 2.0))


@pytest.mark.parametrize(
    ("distance", "reversed", "offset", "pose"),
    [
        (0.0, False, 0.0, (0.0, 0.0, 0.0)),
        (1.5, False, 0.2, (1.5, 0.2, 0.0)),
        (5.0, False, 0.2, (3.8, 1.0, math.pi / 2.0)),
        (21.0, False, 0.2, (3.8, 1.0, math.pi / 2.0)),  # a lap later
        (1.0, True, 0.2, (-0.2, 1.0, math.pi / 2.0)),
        (15.0, True, 0.0, (1.0, 0.0, math.pi)),
        (-1.0, False, 0.0, (0.0, 1.0, -math.pi / 2.0)),
    ],
)
def test_pose_at(distance, reversed, offset, pose):
    found = square().pose_at(torch.tensor([distance]), torch.tensor([reversed]), torch.tensor([offset]))
    assert found.shape == (1, 3)
    x, y, yaw = found[0].tolist()
    assert (x, y) == pytest.approx(pose[:2], abs=1e-5)
    assert abs(math.remainder(yaw - pose[2], math.tau)) < 1e-5


def test_pose_at_and_project_are_inverse():
    random = torch.Generator().manual_seed(4)
    track = stadium()
    reversed = torch.arange(400) % 2 == 1
    distance = torch.rand(400, generator=random) * track.length
    # Towards the outside of the bends: on their inside the normals of neighbouring segments cross.
    outward = torch.where(reversed, 0.3, -0.3) * torch.rand(400, generator=random)
    pose = track.pose_at(distance, reversed, outward)
    found = track.project(pose[:, :2], reversed)
    torch.testing.assert_close(found.distance, distance, atol=1e-4, rtol=0)
    torch.testing.assert_close(found.offset, outward, atol=1e-4, rtol=0)
    assert ((found.heading - pose[:, 2]).cos() > 1.0 - 1e-6).all()


def test_square_road():
    points = {
        (2.0, 0.0): True,
        (2.0, 0.4): True,
        (2.0, 0.6): False,
        (2.0, -0.4): True,
        (2.0, -0.6): False,
        (2.0, 2.0): False,
        (-0.4, -0.4): True,  # outside the corner of the centre line, inside that of the border
        (4.6, 4.6): False,
        (9.0, 1.0): False,
        (-9.0, 1.0): False,
        # Level with vertices and with horizontal edges of the borders.
        (0.0, 0.5): True,
        (2.0, 1.25): False,
        (4.0, 1.25): True,
        (-1.0, -0.5): False,
        (-1.0, 0.5): False,
        (-1.0, 4.5): False,
        (-1.0, 3.5): False,
    }
    found = square().is_on_road(torch.tensor([list(points)]))
    assert found.shape == (1, len(points))
    assert found.dtype == torch.bool
    assert dict(zip(points, found[0].tolist(), strict=True)) == points


def test_circular_road():
    random = torch.Generator().manual_seed(5)
    points = 6.0 * torch.rand(50, 4, 2, generator=random) - 3.0
    radius = points.norm(dim=-1)
    # 360 sides lie at most 0.1 mm inside their circle.
    clear = ((radius - 1.6).abs() > 1e-3) & ((radius - 2.4).abs() > 1e-3)
    found = circle().is_on_road(points)
    assert found.shape == (50, 4)
    assert (found == ((radius > 1.6) & (radius < 2.4)))[clear].all()
    assert found.any() and not found.all()


def test_stack_equals_each_track():
    tracks = [circle(rows=40, radius=3.0), square(), stadium(), circle(rows=23, clockwise=True)]
    index = torch.arange(800) % 4
    random = torch.Generator().manual_seed(6)
    reversed = torch.rand(800, generator=random) < 0.5
    position = 8.0 * torch.rand(800, 2, generator=random) - 4.0
    # Some at the last waypoints and at the start: that is where the padding is.
    for number, track in enumerate(tracks):
        position[number::4][:6] = torch.cat((track.center[-2:], track.center[:1])).repeat(2, 1)
        position[number::4][6:9] = (track.center[-1] + track.center[0]) / 2.0
    points = 8.0 * torch.rand(800, 4, 2, generator=random) - 4.0
    distance = 40.0 * torch.rand(800, generator=random) - 20.0
    offset = torch.rand(800, generator=random) - 0.5
    together = stack(tracks, index)
    assert together.center.shape == (800, 80, 2)
    found = together.project(position, reversed)
    poses, on_road = together.pose_at(distance, reversed, offset), together.is_on_road(points)
    for number, track in enumerate(tracks):
        cars = index == number
        alone = track.project(position[cars], reversed[cars])
        for entry in dataclasses.fields(alone):
            torch.testing.assert_close(
                getattr(found, entry.name)[cars], getattr(alone, entry.name), msg=entry.name
            )
        torch.testing.assert_close(poses[cars], track.pose_at(distance[cars], reversed[cars], offset[cars]))
        assert (on_road[cars] == track.is_on_road(points[cars])).all()
        torch.testing.assert_close(together.length[cars], track.length.expand(200))
        assert (together.is_ccw[cars] == track.is_ccw).all()
        assert (together.num_waypoints[cars] == len(track.center)).all()


def test_to_moves_every_tensor():
    for track in (square(), stack([square(), stadium()], torch.tensor([0, 1, 1]))):
        moved = track.to("meta")
        assert moved.name == track.name
        for entry in dataclasses.fields(track):
            value = getattr(track, entry.name)
            if isinstance(value, torch.Tensor):
                assert value.device.type == "cpu"
                assert getattr(moved, entry.name).device.type == "meta", entry.name


def test_wrong_shapes_are_refused():
    line = square().center
    with pytest.raises(TrackError, match=r"inner has shape \(15, 2\)"):
        Track("short", line, line[:-1], line)
    with pytest.raises(TrackError, match=r"center has shape \(16, 3\)"):
        Track("solid", torch.zeros(16, 3), line, line)


def test_stacks_that_are_refused():
    with pytest.raises(TrackError, match="no tracks"):
        stack([], torch.tensor([], dtype=torch.long))
    pair = stack([square(), circle()], torch.tensor([0, 1]))
    with pytest.raises(TrackError, match="a stack already"):
        stack([pair], torch.tensor([0]))
