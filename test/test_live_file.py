"""The live file of a training: whole states whatever happens, and nothing that could hurt the training."""

from __future__ import annotations

import os
import signal
import struct
import subprocess
import sys
import time
import zlib

import numpy as np
import pytest
from deepracer_program import ENVIRONMENT
from small_disk import small_disk
from small_runs import Interruption, circle_track, small_settings

from deepracer_sim import live_view, training_run
from deepracer_sim.live_file import HEADER, LIVE, LiveFile, number_of, read_live

WRITER = """
import sys, time
from pathlib import Path
import numpy as np
from deepracer_sim import live_file
live_file.INTERVAL = 0.0
live = live_file.LiveFile(Path(sys.argv[1]), [0] * 200)
for step in range(10**9):
    cars = np.full((200, 4), step % 1000, np.float32)
    live.write((step, 1), cars, np.full((120, 160, 3), step % 251, np.uint8))
"""


def cars_in(state):
    """(N, 4), the tracks, and the picture of a state."""
    _, _, _, _, _, _, _, count, *shape = HEADER.unpack_from(state)
    cars = np.frombuffer(state, "<f4", 4 * count, HEADER.size).reshape(count, 4)
    tracks = np.frombuffer(state, "<u2", count, HEADER.size + 16 * count)
    return cars, tracks, np.frombuffer(state, np.uint8, offset=HEADER.size + 18 * count).reshape(shape)


def test_a_state_is_read_as_it_was_written(tmp_path):
    live = LiveFile(tmp_path / LIVE, [0, 1, 0])
    assert live.is_due
    assert read_live(tmp_path / LIVE) is None  # nothing has driven yet
    before = time.time()
    cars = np.array([[1, 2, 3, 4], [5, 6, 7, 8], [9, 10, 11, 12]], np.float32)
    picture = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    live.write((7, 2), cars, picture)
    assert not live.is_due  # not before another tenth of a second
    state = read_live(tmp_path / LIVE)
    magic, _, version, number, when, steps, iteration, count, *shape = HEADER.unpack_from(state)
    assert (magic, version, number, steps, iteration, count, shape) == (b"DRLV", 1, 1, 7, 2, 3, [2, 4, 3])
    assert before <= when <= time.time()
    assert len(state) == 64 + 3 * 18 + 24
    read = cars_in(state)
    assert (read[0] == cars).all()
    assert read[1].tolist() == [0, 1, 0]
    assert (read[2] == picture).all()
    live.write((8, 2), cars, picture)
    assert number_of(read_live(tmp_path / LIVE)) == 2
    live.close()
    assert list(tmp_path.iterdir()) == []


def test_states_are_whole_while_another_process_writes_and_after_its_death(tmp_path):
    file = tmp_path / LIVE
    writer = subprocess.Popen([sys.executable, "-c", WRITER, str(file)], env=ENVIRONMENT)
    try:
        numbers, deadline = [], time.monotonic() + 30
        while len(set(numbers)) < 300 and time.monotonic() < deadline:
            if (state := read_live(file)) is None:
                continue
            cars, _, picture = cars_in(state)
            steps = number_of(state) - 1
            assert (cars == steps % 1000).all()
            assert (picture == steps % 251).all()
            numbers.append(steps)
        assert len(set(numbers)) >= 300
        assert numbers == sorted(numbers)
    finally:
        writer.send_signal(signal.SIGKILL)
        writer.wait()
    last = [read_live(file) for _ in range(3)]
    assert last[0] == last[1] == last[2]  # it may have died in the middle of one: then there is none


def test_what_is_no_whole_state_is_none(tmp_path):
    file = tmp_path / LIVE
    LiveFile(file, [0]).write((1, 1), np.zeros((1, 4), np.float32), np.zeros((2, 2, 1), np.uint8))
    whole = file.read_bytes()
    assert read_live(file) == whole
    for place in (0, 5, 20, 70, len(whole) - 1):
        file.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        assert read_live(file) is None
    for size in (0, 63, len(whole) - 1):
        file.write_bytes(whole[:size])
        assert read_live(file) is None
    other = whole[8:].replace(struct.pack("<I", 1), struct.pack("<I", 2), 1)  # another version, else sound
    file.write_bytes(b"DRLV" + struct.pack("<I", zlib.crc32(other)) + other)
    assert read_live(file) is None
    file.unlink()
    assert read_live(file) is None


def test_a_training_shows_its_cars_and_removes_the_file(tmp_path, monkeypatch):
    monkeypatch.setattr("deepracer_sim.live_file.INTERVAL", 0.0)
    tracks = (str(circle_track(tmp_path)), str(circle_track(tmp_path, 2.0, "wide")))
    run, states = tmp_path / "run", []
    settings = small_settings(tracks[0], 3).replaced(track=tracks)
    training_run.start(settings, run, report=lambda row: states.append(read_live(run / LIVE)))
    fields = [HEADER.unpack_from(state) for state in states]
    assert [(steps, iteration) for *_, steps, iteration, _, _, _, _ in fields] == [(8, 1), (16, 2), (24, 3)]
    cars, on, picture = cars_in(states[-1])
    assert on.tolist() == [0, 1] * 4
    radius = np.hypot(cars[:, 0], cars[:, 1])
    assert (abs(radius - (1 + on)) < 0.7).all()  # on their circles
    assert (cars[:, 3] > 0.1).any()
    assert picture.shape == (24, 32, 1)
    assert len(np.unique(picture)) > 10
    assert not (run / LIVE).exists()


def test_an_interrupted_training_removes_the_file_and_goes_on_counting(tmp_path, monkeypatch):
    monkeypatch.setattr("deepracer_sim.live_file.INTERVAL", 0.0)
    run = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        training_run.start(small_settings(circle_track(tmp_path), 4), run, report=Interruption(2))
    assert not (run / LIVE).exists()
    states = []
    training_run.resume(run, report=lambda row: states.append(read_live(run / LIVE)))
    assert [HEADER.unpack_from(state)[5] for state in states] == [24, 32]


def test_a_full_disk_means_no_live_view_and_no_more(tmp_path):
    with small_disk(tmp_path / "disk", "64k") as disk:
        (disk / "filler").write_bytes(bytes(32_000))
        live = LiveFile(disk / LIVE, [0])
        picture = np.zeros((120, 160, 3), np.uint8)
        live.write((1, 1), np.zeros((1, 4), np.float32), picture)
        assert not live.is_due
        assert not (disk / LIVE).exists()
        live.write((2, 1), np.zeros((1, 4), np.float32), picture)
        live.close()


def test_a_folder_that_cannot_be_written_means_no_live_view(tmp_path):
    live = LiveFile(tmp_path / "absent" / LIVE, [0])
    assert not live.is_due
    live.write((1, 1), np.zeros((1, 4), np.float32), np.zeros((2, 2, 1), np.uint8))
    live.close()


def test_it_is_looked_at_ten_times_a_second_at_most(tmp_path, monkeypatch):
    looks = []
    monkeypatch.setattr(LiveFile, "is_due", property(lambda self: looks.append(1)))
    training_run.start(small_settings(circle_track(tmp_path), 2), tmp_path / "run")
    assert len(looks) == 16  # once a step, and nothing was written
    assert live_view.MOST_CARS == 256
    assert os.listdir(tmp_path / "run").count(LIVE) == 0
