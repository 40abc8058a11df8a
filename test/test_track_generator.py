from __future__ import annotations

import pytest
import torch

from deepracer_sim import track_generator, track_shape
from deepracer_sim.errors import TrackError
from deepracer_sim.track_generator import generate_track
from deepracer_sim.track_library import load_track


def lines_of(track):
    return [line.double().numpy() for line in (track.center, track.inner, track.outer)]


@pytest.mark.parametrize("seed", range(30))
def test_generated_tracks_are_valid(seed):
    track = generate_track(seed)
    center, inner, outer = lines_of(track)
    track_shape.check_borders(track.name, center, inner, outer)
    assert 12.0 <= float(track.length) <= 30.0
    assert track_shape.radii_of(center).min() >= 0.6 - 1e-3
    torch.testing.assert_close((track.inner - track.outer).norm(dim=1), torch.full((len(center),), 0.76))

    # 13 cm beside the road there is no road: neither this part of it nor another one.
    distance = torch.linspace(0.0, float(track.length), 400)
    still = torch.zeros(400, dtype=torch.bool)
    for side in (-1.0, 1.0):
        inside = track.pose_at(distance, still, torch.full((400,), side * 0.36))[:, None, :2]
        outside = track.pose_at(distance, still, torch.full((400,), side * 0.51))[:, None, :2]
        assert track.is_on_road(inside).all()
        assert not track.is_on_road(outside).any()


def test_the_same_seed_gives_the_same_track():
    first, again, other = generate_track(7), generate_track(7), generate_track(8)
    assert first.name == "generated_7"
    assert torch.equal(first.center, again.center)
    assert torch.equal(first.outer, again.outer)
    assert first.center.shape != other.center.shape or not torch.equal(first.center, other.center)


def test_both_directions_are_generated():
    assert {bool(generate_track(seed).is_ccw) for seed in range(10)} == {True, False}


@pytest.mark.parametrize(
    ("width", "min_radius", "expected"), [(1.07, None, 0.685), (0.76, 0.9, 0.9), (0.5, 0.5, 0.5)]
)
def test_width_and_radius_are_kept(width, min_radius, expected):
    for seed in range(5):
        track = generate_track(seed, width, min_radius)
        center, inner, outer = lines_of(track)
        track_shape.check_borders(track.name, center, inner, outer)
        assert track_shape.radii_of(center).min() >= expected - 1e-3
        torch.testing.assert_close((track.inner - track.outer).norm(dim=1), torch.full((len(center),), width))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((-1,), "seed=-1: must be >= 0"),
        ((0, 0.2), "width=0.2: must be 0.3 to 2.0 m"),
        ((0, 3.0), "width=3.0: must be 0.3 to 2.0 m"),
        ((0, 0.76, 0.4), "min_radius=0.4: must be 0.53 m"),  # (0.76 + 0.3) / 2
        ((0, 0.76, 9.0), "min_radius=9.0: must be 0.53 m .* to 4.77 m"),  # 30 / 2 pi
        ((0, float("nan")), "width=nan"),
    ],
)
def test_arguments_out_of_range(arguments, message):
    with pytest.raises(TrackError, match=message):
        generate_track(*arguments)


def test_parts_of_the_road_keep_apart():
    """The bowtie's waists are 1.41 m apart, and chords between its neighbours are at least 1.63 m long."""
    center = lines_of(load_track("bowtie"))[0]
    assert track_generator._is_drivable(center, 1.05, 0.6)  # needs 1.05 m + 0.3 m
    assert not track_generator._is_drivable(center, 1.15, 0.6)
    assert not track_generator._is_drivable(center, 0.76, 1.1)  # the waists bend at 1 m
    assert not track_generator._is_drivable(2.0 * center, 0.76, 0.6)  # 39 m long


def test_giving_up(monkeypatch):
    monkeypatch.setattr(track_generator, "ATTEMPTS", 1)
    with pytest.raises(TrackError, match=r"no track found with width=2\.0 and min_radius=3\.0"):
        generate_track(0, 2.0, 3.0)


def test_a_made_up_track_is_loaded_by_its_seed():
    track = load_track("random:7")
    assert track.name == "generated_7"
    assert torch.equal(track.center, generate_track(7).center)


@pytest.mark.parametrize("seed", ["", "-1", "1.5", "x", "\u0663", "9" * 5000])
def test_a_seed_that_is_no_number_is_refused(seed):
    with pytest.raises(TrackError, match="the seed must be a whole number from 0 on, as in random:7"):
        load_track(f"random:{seed}")
