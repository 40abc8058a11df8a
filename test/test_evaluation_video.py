from __future__ import annotations

import dataclasses

import cv2
import imageio_ffmpeg
import numpy as np
import pytest
from driven_circle import ACTIONS, LAP, circle, circle_evaluation

from deepracer_sim.errors import RunError
from deepracer_sim.evaluation_picture import FAULT
from deepracer_sim.evaluation_screen import (
    ACCENT,
    HEIGHT,
    LEFT,
    MAP_LEFT,
    PANEL,
    SPEED_TOP,
    STEERING_TOP,
    TOP,
    VIEW_SIZE,
    WIDTH,
    LapClock,
    Screen,
)
from deepracer_sim.evaluation_video import HOLD, save_video

CAMERA = slice(TOP, TOP + VIEW_SIZE[1]), slice(LEFT, LEFT + VIEW_SIZE[0])


def frames_of(evaluation, table=ACTIONS, images=None, inset=None) -> list[np.ndarray]:
    screen = Screen(evaluation, circle(), np.asarray(table, np.float64), "title")
    return list(screen.frames(evaluation.trace.images if images is None else images, inset, hold=2))


def test_video_has_a_frame_a_step_and_holds_its_end(tmp_path):
    path = tmp_path / "run.mp4"
    save_video(circle_evaluation(), circle(), path, ACTIONS)
    video = cv2.VideoCapture(str(path))
    assert (video.get(cv2.CAP_PROP_FRAME_WIDTH), video.get(cv2.CAP_PROP_FRAME_HEIGHT)) == (WIDTH, HEIGHT)
    assert video.get(cv2.CAP_PROP_FPS) == 15
    frames = []
    while (read := video.read())[0]:
        frames.append(read[1])
    assert len(frames) == 189 + HOLD  # two laps of 94.2 steps
    assert imageio_ffmpeg.count_frames_and_secs(str(path))[0] == len(frames)
    for step in (30, 90, 150):
        # The hand-made camera images get brighter by 1 with each step; nothing else is drawn there.
        assert frames[step][CAMERA].mean() == pytest.approx(step, abs=4)
        assert frames[step][CAMERA].max() < step + 40
        assert frames[step][:, MAP_LEFT:].std() > 10
    assert [file.name for file in tmp_path.iterdir()] == ["run.mp4"]


def test_a_run_that_ended_early_ends_the_video(tmp_path):
    save_video(circle_evaluation(steps=20), circle(), tmp_path / "short.mp4", ACTIONS)
    assert imageio_ffmpeg.count_frames_and_secs(str(tmp_path / "short.mp4"))[0] == 20 + HOLD


def test_given_images_replace_those_of_the_policy(tmp_path):
    evaluation = circle_evaluation(steps=8)
    images = np.empty((8, 60, 80, 3), np.uint8)
    images[:] = (200, 40, 10)
    frame = frames_of(evaluation, images=images, inset=evaluation.trace.images)[7]
    assert frame[TOP + 5, LEFT + 5].tolist() == [200, 40, 10]
    # The policy's own grey image of step 7, small in the corner.
    assert frame[TOP + VIEW_SIZE[1] - 30, LEFT + VIEW_SIZE[0] - 30].tolist() == [7, 7, 7]


def test_bars_show_the_chosen_action():
    evaluation = circle_evaluation(steps=3)
    evaluation.trace.action[:, 0] = (0, 1, 2)
    table = np.array(((0.5, 2.0), (-0.25, 1.0), (0.0, 0.0)))
    left, right, none = frames_of(evaluation, table)[:3]
    middle, end = LEFT + VIEW_SIZE[0] // 2, LEFT + VIEW_SIZE[0]

    def columns(frame: np.ndarray, top: int) -> tuple[int, int]:
        found = np.flatnonzero((frame[top + 2] == ACCENT).all(-1))
        return int(found[0]), int(found[-1]) + 1

    assert columns(left, STEERING_TOP) == (LEFT, middle + 2)
    assert columns(right, STEERING_TOP) == (middle - 2, middle + VIEW_SIZE[0] // 4)
    assert columns(none, STEERING_TOP) == (middle - 2, middle + 2)
    assert columns(left, SPEED_TOP) == (LEFT, end)
    assert columns(right, SPEED_TOP)[0] == LEFT and columns(right, SPEED_TOP)[1] == pytest.approx(
        middle, abs=3
    )
    assert not (none[SPEED_TOP + 2, LEFT:end] == ACCENT).all(-1).any()
    assert (none[SPEED_TOP + 2, LEFT + 5] == PANEL).all()


def test_a_fault_is_marked_on_the_map():
    def marked(frame: np.ndarray) -> int:
        return int((np.abs(frame[:, MAP_LEFT:].astype(int) - FAULT).max(-1) < 40).sum())

    frames = frames_of(circle_evaluation(steps=20, left_at=5))
    # Frame 6 shows where step 5 had led; the cross stays.
    assert marked(frames[5]) == 0 and marked(frames[6]) > 20 and marked(frames[15]) > 10
    assert marked(frames_of(circle_evaluation(steps=20))[15]) == 0


def test_lap_clock_starts_again_with_each_lap():
    evaluation = circle_evaluation()
    clock = LapClock(evaluation.runs[0], evaluation.trace.travelled[:189, 0], LAP)
    assert [clock.finished(time) for time in (0.0, LAP - 0.01, LAP + 0.01, 2 * LAP + 0.01)] == [0, 0, 1, 2]
    assert clock.since_line(3.0) == pytest.approx(3.0)
    assert clock.since_line(LAP + 1.5) == pytest.approx(1.5, abs=1e-3)
    # After the last lap it stands still at that lap's time.
    assert clock.since_line(2 * LAP + 9.0) == pytest.approx(LAP, abs=1e-3)


def test_lap_clock_goes_on_in_a_lap_that_is_not_finished():
    evaluation = circle_evaluation(steps=150)
    clock = LapClock(evaluation.runs[0], evaluation.trace.travelled[:150, 0], LAP)
    assert clock.finished(9.0) == 1 and clock.since_line(9.0) == pytest.approx(9.0 - LAP, abs=1e-3)


def test_a_trace_without_images_is_refused(tmp_path):
    with pytest.raises(RunError, match="kept no images"):
        save_video(circle_evaluation(images=False), circle(), tmp_path / "run.mp4", ACTIONS)


def test_too_few_images_are_refused(tmp_path):
    evaluation = circle_evaluation(steps=20)
    trace = dataclasses.replace(evaluation.trace, images=evaluation.trace.images[:12])
    with pytest.raises(RunError, match="12 images of a run of 20 steps"):
        save_video(dataclasses.replace(evaluation, trace=trace), circle(), tmp_path / "run.mp4", ACTIONS)


def test_what_ffmpeg_says_is_passed_on(tmp_path):
    with pytest.raises(RunError, match=r"cannot write .*nowhere/run\.mp4: ffmpeg: .*No such file"):
        save_video(circle_evaluation(steps=20), circle(), tmp_path / "nowhere" / "run.mp4", ACTIONS)


def test_a_failing_ffmpeg_leaves_the_older_video(tmp_path, monkeypatch):
    program = tmp_path / "ffmpeg"
    program.write_text(
        "#!/bin/sh\nhead -c 1000 > \"$(eval echo \\${$#})\"\necho 'No space left on device' >&2\nexit 1\n"
    )
    program.chmod(0o755)
    monkeypatch.setattr(imageio_ffmpeg, "get_ffmpeg_exe", lambda: str(program))
    path = tmp_path / "run.mp4"
    path.write_text("older")
    with pytest.raises(RunError, match=r"run\.mp4: ffmpeg: No space left on device"):
        save_video(circle_evaluation(steps=20), circle(), path, ACTIONS)
    assert path.read_text() == "older"
    assert sorted(file.name for file in tmp_path.iterdir()) == ["ffmpeg", "run.mp4"]


def test_a_missing_ffmpeg_says_what_to_install(tmp_path, monkeypatch):
    def missing() -> str:
        raise RuntimeError("No ffmpeg exe could be found")

    monkeypatch.setattr(imageio_ffmpeg, "get_ffmpeg_exe", missing)
    with pytest.raises(RunError, match="pip install --force-reinstall imageio-ffmpeg"):
        save_video(circle_evaluation(steps=20), circle(), tmp_path / "run.mp4", ACTIONS)
