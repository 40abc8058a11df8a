"""Recording steps: cars that are moved by hand on a square, driven counter-clockwise from (2, 0)."""

from __future__ import annotations

import io

import pytest
import torch
from scripted_world import drive_along, env_of, started

from deepracer_sim.held_prints import HeldPrints
from deepracer_sim.step_recorder import RECORDED_CARS, StepRecorder
from deepracer_sim.world import STEP_TIME

OUT = (9.0, 9.0, 0.0)
"""Off the road."""


class Drive:
    """Cars with a recorder; a car that left the road starts anew at the line."""

    def __init__(self, num_cars=1):
        self.env = started(env_of(num_cars, max_steps=5))
        self.prints = HeldPrints(io.StringIO())
        self.recorder = StepRecorder(self.env, self.prints)
        self.distance = torch.zeros(num_cars)

    def step(self, *out):
        """Move on by 0.1 m, or off the road the cars in `out`."""
        self.distance += 0.1
        zero = torch.zeros_like(self.distance)
        pose = self.env.track.pose_at(self.distance, zero.bool(), zero)
        for car in out:
            pose[car] = torch.tensor(OUT)
        self.env.world.path = [pose]
        self.recorder.look()
        actions = zero.long() + 1
        outcome = self.env.step(actions)
        self.recorder.record(actions, outcome)
        done = outcome.terminated | outcome.truncated
        self.distance = self.distance.masked_fill(done, 0.0)
        self.env.place(done, zero, zero.bool())


def test_an_episode_is_cut_out_with_its_times():
    drive = Drive()
    for _ in range(3):
        drive.step()
    drive.step(0)
    drive.step()
    (episode,) = drive.recorder.take(steps_before=30)
    assert episode.is_whole and episode.car == 0
    assert episode["steps"].tolist() == [1, 2, 3, 4]
    assert episode["done"].tolist() == [0, 0, 0, 1]
    assert (episode.time / STEP_TIME).round(6).tolist() == [31, 32, 33, 34]
    assert episode["action"].tolist() == [1] * 4
    # AWS's point is 0.14 m ahead: it was at 2.14 before the first step, and at 2.24 after it.
    assert episode["start_x"][:3] == pytest.approx([2.14, 2.24, 2.34])
    assert episode["x"][:3] == pytest.approx([2.24, 2.34, 2.44])
    assert len(episode.wall_clock) == len(episode.prints) == 4


def test_an_episode_goes_on_over_several_rollouts():
    drive = Drive()
    drive.step()
    drive.step()
    assert drive.recorder.take(0) == []
    drive.step()
    assert drive.recorder.take(2) == []
    drive.step(0)
    drive.step()
    (episode,) = drive.recorder.take(3)
    assert episode["steps"].tolist() == [1, 2, 3, 4]
    assert (episode.time / STEP_TIME).round(6).tolist() == [1, 2, 3, 4]
    assert drive.recorder.take(5) == []


def test_each_cars_episodes_come_in_turn():
    drive = Drive(num_cars=3)
    drive.step()
    drive.step(2)
    drive.step(0, 2)
    drive.step()
    episodes = drive.recorder.take(0)
    assert [(episode.car, len(episode.rows)) for episode in episodes] == [(0, 3), (2, 2), (2, 1)]
    drive.step()  # the fifth step of car 1 is its last
    (episode,) = drive.recorder.take(4)
    assert (episode.car, len(episode.rows), episode["status"][-1]) == (1, 5, 5)


def test_an_episode_that_was_met_in_the_middle_is_not_whole():
    drive = Drive()
    drive.step()
    drive.recorder = StepRecorder(drive.env, drive.prints)
    drive.step()
    drive.step(0)
    drive.step(0)
    first, second = drive.recorder.take(0)
    assert (first.is_whole, second.is_whole) == (False, True)


def test_what_is_dropped_does_not_come_back():
    drive = Drive()
    drive.step()
    drive.recorder.take(0)
    drive.step()
    drive.recorder.drop()
    drive.step(0)
    (episode,) = drive.recorder.take(0)
    assert not episode.is_whole and len(episode.rows) == 1


def test_prints_stay_with_their_step_until_the_episode_ends():
    drive = Drive(num_cars=2)
    log = drive.prints.log
    car = None
    drive.prints.car = lambda: car
    drive.prints.write("loaded\n")
    for step in (1, 2):
        for car in (0, 1):
            drive.prints.write(f"car {car}")
            drive.prints.write(f" step {step}\n")
        car = None
        drive.step(*[0] * (step == 2))
    (episode,) = drive.recorder.take(0)
    assert episode.prints == ["car 0 step 1\n", "car 0 step 2\n"]
    assert log.getvalue() == "loaded\n"
    assert drive.recorder.drop() == "car 1 step 1\ncar 1 step 2\n"
    car = 2  # as if it were beyond those that are recorded
    drive.prints.write("at once\n")
    assert log.getvalue() == "loaded\nat once\n"


def test_only_the_first_cars_are_recorded():
    env = started(env_of(RECORDED_CARS + 3, max_steps=1))
    recorder = StepRecorder(env, HeldPrints(io.StringIO()))
    recorder.look()
    (outcome,) = drive_along(env, [0.1])
    recorder.record(torch.zeros(env.num_cars, dtype=torch.long), outcome)
    assert [episode.car for episode in recorder.take(0)] == list(range(RECORDED_CARS))
