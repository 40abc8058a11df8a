from __future__ import annotations

import cv2
import pytest
import torch
from matplotlib.figure import Figure

from deepracer_sim.errors import TrackError
from deepracer_sim.track import stack
from deepracer_sim.track_library import load_track
from deepracer_sim.track_picture import draw_track, number_waypoints, paint_track


def test_a_picture_is_written(tmp_path):
    path = tmp_path / "oval.png"
    draw_track(load_track("oval"), path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["oval.png"]
    image = cv2.imread(str(path))
    height, width, _ = image.shape
    assert width > 1000
    assert 300 < height < width  # the oval is 8.6 m by 3.6 m
    red = (image[..., 2] > 180) & (image[..., 1] < 60)  # start line and arrow
    assert red.sum() > 200


def test_what_is_painted():
    axes = Figure().add_subplot()
    track = load_track("reinvent_2018")
    paint_track(axes, track)
    number_waypoints(axes, track)
    assert axes.get_aspect() == 1.0
    numbers = [text.get_text() for text in axes.texts if text.get_text()]
    assert numbers == [str(number) for number in range(0, 118, 5)]
    start_line = axes.lines[-1].get_xydata()
    torch.testing.assert_close(
        torch.from_numpy(start_line).float(), torch.stack((track.inner[0], track.outer[0]))
    )


def test_pictures_that_are_refused(tmp_path):
    track = load_track("oval")
    with pytest.raises(TrackError, match=r"must end in \.png, \.svg or \.pdf"):
        draw_track(track, tmp_path / "oval.bmp")
    with pytest.raises(TrackError, match="cannot be written"):
        draw_track(track, tmp_path / "gone" / "oval.png")
    with pytest.raises(TrackError, match="stack of tracks"):
        draw_track(stack([track], torch.tensor([0])), tmp_path / "oval.png")
    assert list(tmp_path.iterdir()) == []
