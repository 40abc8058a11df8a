from __future__ import annotations

import os
import time

import cv2
import numpy as np
import pytest
from race_models import CIRCLING, drive_of, enter_circling, make_race, write_bundle

from deepracer_sim.errors import RaceError
from deepracer_sim.evaluation_screen import HEIGHT, WIDTH
from deepracer_sim.evaluation_video import HOLD
from deepracer_sim.races.head_to_head import drive_again, save_head_to_head
from deepracer_sim.races.head_to_head_screen import (
    COLOURS,
    LEFT,
    MAP_LEFT,
    ROW,
    TOP,
    VIEW_SIZE,
    HeadToHeadScreen,
    Racer,
)
from deepracer_sim.races.leaderboard_page import publish
from deepracer_sim.races.onboard_view import ROOF, OnboardViews


@pytest.fixture(scope="module")
def race(track, tmp_path_factory):
    """Three that circle, and a fourth that is slower."""
    folder = tmp_path_factory.mktemp("races")
    race = make_race(folder, track)
    for racer, speed in (("Лев & <b>", 1.6), ("second", 1.2), ("third", 1.0), ("fourth", 0.5)):
        enter_circling(race, folder, racer, speed, CIRCLING if speed < 1.5 else 1.05 * CIRCLING)
    return race


@pytest.fixture(scope="module")
def course(race):
    return race.course()


@pytest.fixture(scope="module")
def racers(race, course):
    entries = race.entries()[0][:3]
    return [
        Racer(entry.racer, f"FINISHED   {entry.drive.times[0]:.3f} s", drive_again(race, entry, course))
        for entry in entries
    ]


def near(picture, colour, within=12):
    return (np.abs(picture.astype(int) - np.array(colour)) < within).all(-1)


def test_a_frame_shows_each_car_where_it_is(race, course, racers):
    screen = HeadToHeadScreen(racers, course, race.rules, race.name)
    frames = list(screen.frames(hold=2))
    assert len(frames) == max(racer.steps for racer in racers) + 2 and len(frames[0]) == HEIGHT
    step = 40
    angles = []
    for row, racer in enumerate(racers):
        trace = racer.evaluation.trace
        rows, columns = np.nonzero(near(frames[step][:, MAP_LEFT:], COLOURS[row]))
        assert len(rows) > 100
        # The car's body is at the head of its trail: the pixel that is farthest around the circle.
        turned = np.arctan2(HEIGHT / 2 + 32 - rows, columns - (WIDTH - MAP_LEFT - 24) / 2) % (2 * np.pi)
        angles.append(float(np.median(turned[turned > np.quantile(turned, 0.7)])))
        assert angles[-1] == pytest.approx(
            np.arctan2(trace.y[step, 0], trace.x[step, 0]) % (2 * np.pi), abs=0.35
        )
    assert angles[0] > angles[1] > angles[2]


def test_a_car_whose_drive_is_over_stays_and_its_view_is_dimmed(race, course, racers):
    frames = list(HeadToHeadScreen(racers, course, race.rules, race.name).frames(hold=1))
    for row, racer in enumerate(racers):
        view = (slice(TOP + row * ROW, TOP + row * ROW + VIEW_SIZE[1]), slice(LEFT, LEFT + VIEW_SIZE[0]))
        driving, over = frames[racer.steps - 1][view], frames[racer.steps][view]
        assert over.mean() < 0.6 * driving.mean()
        assert near(frames[-1][:, MAP_LEFT:], COLOURS[0]).sum() > 100


def test_a_ghost_is_drawn_where_a_camera_would_see_it(course):
    """A car 1 m ahead of another on a straight line: its rear is in the middle, near the horizon."""
    poses = np.array([[[0.0, 0.0, 0.0], [1.0, 0.0, 0.0]]], np.float32)
    views = OnboardViews(course.grounds[0], poses, ((255, 0, 0), (0, 0, 255)), (320, 240))
    behind, ahead = views.at(0)
    plain = OnboardViews(course.grounds[0], poses[:, :1], ((255, 0, 0),), (320, 240)).at(0)[0]
    assert (ahead == OnboardViews(course.grounds[0], poses[:, 1:], ((0, 0, 255),), (320, 240)).at(0)[0]).all()
    rows, columns = np.nonzero((behind != plain).any(-1))
    # The rear bumper is 0.85 m from base_link, 0.7047 m from the camera, 0.2 m wide; tan(fov / 2) = 0.6325.
    focal = 160 / 0.6325
    assert columns.mean() == pytest.approx(159.5, abs=1)
    assert columns.max() - columns.min() == pytest.approx(0.2 / 0.7047 * focal, rel=0.08)
    # The roof is 0.127 - 0.12 m below the camera: 0.6 degrees below the horizon, which is 15 degrees up.
    top = 120 - focal * np.tan(0.2618 - np.arctan((0.127 - ROOF) / 0.7047))
    assert rows.min() == pytest.approx(top, abs=3)


def test_a_ghost_turns_with_its_viewer(course):
    def ghost(x, y, yaw):
        """Where a car is seen that is 1.2 m ahead, 0.2 m to the left and turned by 0.5."""
        ahead = (1.2 * np.cos(yaw) - 0.2 * np.sin(yaw), 1.2 * np.sin(yaw) + 0.2 * np.cos(yaw))
        poses = np.array([[[x, y, yaw], [x + ahead[0], y + ahead[1], yaw + 0.5]]], np.float32)
        colours = ((255, 0, 0), (255, 0, 255))
        seen = OnboardViews(course.grounds[0], poses, colours, (320, 240)).at(0)[0]
        return (seen != OnboardViews(course.grounds[0], poses[:, :1], colours, (320, 240)).at(0)[0]).any(-1)

    straight, turned = ghost(0.0, 0.0, 0.0), ghost(0.4, -0.7, 2.0)
    assert straight.sum() > 2000 and (straight != turned).sum() < 0.01 * straight.sum()
    assert np.nonzero(straight)[1].mean() < 120  # to the left of the middle


def test_ghosts_at_the_same_place_are_not_drawn(course):
    poses = np.zeros((1, 2, 3), np.float32)
    first, second = OnboardViews(course.grounds[0], poses, COLOURS[:2], (64, 48)).at(0)
    assert (first == second).all()


def test_the_video_of_a_race(race):
    path = save_head_to_head(race)
    video = cv2.VideoCapture(str(path))
    assert (video.get(cv2.CAP_PROP_FRAME_WIDTH), video.get(cv2.CAP_PROP_FRAME_HEIGHT)) == (WIDTH, HEIGHT)
    count = int(video.get(cv2.CAP_PROP_FRAME_COUNT))
    assert count == pytest.approx(2 * np.pi * 15 + HOLD, abs=6)  # the third at 1 m/s; the fourth is not shown
    assert [file.name for file in race.path.joinpath("published").iterdir()] == ["head_to_head.mp4"]
    page = race.path / "published/leaderboard.html"
    publish(race)
    assert "head_to_head.mp4" in page.read_text()


def test_a_page_does_not_link_to_a_video_of_others(track, tmp_path):
    race = make_race(tmp_path, track)
    bundle = write_bundle(tmp_path / "model")
    for number in range(3):
        race.add(bundle, f"racer {number}", "model", drive_of(6.0, laps=1))
    published = race.path / "published"
    (published / "head_to_head.mp4").write_bytes(b"video")
    hour = time.time() - 3600
    for when, is_linked in ((time.time(), True), (hour, False)):
        os.utime(published / "head_to_head.mp4", (when, when))
        publish(race)
        assert ("head_to_head.mp4" in (published / "leaderboard.html").read_text()) == is_linked


def test_a_video_would_show_a_secret_track(tmp_path):
    race = make_race(tmp_path, "unseen")
    with pytest.raises(RaceError, match="close the race first: deepracer race close cup"):
        save_head_to_head(race)
    race.close()
    with pytest.raises(RaceError, match="no entries yet"):
        save_head_to_head(race)
