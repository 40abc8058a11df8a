"""How far a car has come, and when a lap is complete."""

from __future__ import annotations

import math

import pytest
import torch
from scripted_world import CENTRE, circle, drive_along, env_of, move, square, started

from deepracer_sim.car import REFERENCE_POINT
from deepracer_sim.embedded_world import EmbeddedWorld
from deepracer_sim.ground import paint
from deepracer_sim.racing_env import RacingEnv, Status
from deepracer_sim.reward import ProgressReward
from deepracer_sim.settings import CameraSettings, CarSettings, EpisodeSettings, Randomisation
from deepracer_sim.world import STEP_TIME


@pytest.mark.parametrize("reversed", [False, True])
def test_progress_on_a_circle_is_angle_over_two_pi(reversed):
    env = started(env_of(tracks=[circle()], max_steps=1000), reversed=reversed)
    for step in range(1, 90):
        angle = math.radians(4 * step) * (-1 if reversed else 1)
        yaw = angle + math.pi / 2 * (-1 if reversed else 1)
        outcome = move(env, (2 * math.cos(angle), 2 * math.sin(angle), yaw))
        assert float(outcome.state.progress) == pytest.approx(100 * 4 * step / 360, abs=0.02)
        assert float(outcome.state.step_distance) == pytest.approx(2 * math.radians(4), abs=0.005)
        assert int(outcome.status) == Status.IN_PROGRESS
    angle = math.radians(360.1) * (-1 if reversed else 1)
    outcome = move(env, (2 * math.cos(angle), 2 * math.sin(angle), yaw))
    assert int(outcome.status) == Status.LAP_COMPLETE
    assert float(outcome.state.progress) == 100
    assert bool(outcome.truncated)
    assert not bool(outcome.terminated)


def test_a_lap_counts_from_where_the_car_started():
    """Started 5 m into the lap and past the start line: complete at 5 m again, not before."""
    env = started(env_of(), distance=5.0)
    outcomes = drive_along(env, [5.5 + 0.5 * step for step in range(32)])
    assert [int(outcome.status) for outcome in outcomes[:-1]] == [Status.IN_PROGRESS] * 31
    assert int(outcomes[-1].status) == Status.LAP_COMPLETE
    assert float(outcomes[21].state.progress) == pytest.approx(100 * 11 / 16, abs=0.01)  # at 16 m: the line


def test_an_episode_may_have_several_laps():
    env = started(env_of(laps=2))
    outcomes = drive_along(env, [float(step) for step in range(1, 33)])
    assert [int(outcome.status) for outcome in outcomes[:-1]] == [Status.IN_PROGRESS] * 31
    assert int(outcomes[-1].status) == Status.LAP_COMPLETE
    assert float(outcomes[20].state.progress) == 100


def test_driving_back_over_the_start_line_and_forward_again_is_no_lap():
    env = started(env_of(), distance=0.5)
    outcomes = drive_along(env, [0.2, -0.2, -0.5, 0.1, 0.6])
    gains = [float(outcome.state.step_distance) for outcome in outcomes]
    assert gains == pytest.approx([-0.3, -0.4, -0.3, 0.6, 0.5], abs=1e-4)
    assert float(outcomes[-1].state.progress) == pytest.approx(100 * 0.1 / 16, abs=1e-3)
    assert float(outcomes[2].state.progress) == 0  # never below
    assert all(int(outcome.status) == Status.IN_PROGRESS for outcome in outcomes)


def test_against_the_waypoints_progress_grows_too():
    """From x = 3.5 back over the start line at x = 2, away from corners: 0.14 m ahead is straight ahead."""
    env = started(env_of(), distance=14.5, reversed=True)
    assert float(env.episode.distance) == pytest.approx(14.5 + REFERENCE_POINT, abs=1e-5)
    outcomes = drive_along(env, [15.0, 16.0, 17.0], reversed=True)
    assert [float(outcome.state.step_distance) for outcome in outcomes] == pytest.approx(
        [0.5, 1, 1], abs=1e-4
    )
    assert float(env.episode.distance) == pytest.approx(1 + REFERENCE_POINT, abs=1e-4)
    assert bool(outcomes[0].state.reversed)


def test_each_car_is_judged_by_its_own_track():
    """Cars 0 and 2 on the square, 1 and 3 on the circle of radius 2 around the origin."""
    env = env_of(4, tracks=[square(), circle()], start="line")
    assert env.track_names == ["square", "circle", "square", "circle"]
    assert env.order_on_track.tolist() == [0, 0, 1, 1]
    assert env.track_length.tolist() == pytest.approx([16, 4 * math.pi] * 2, rel=1e-4)
    env.reset()
    torch.testing.assert_close(env.world.pose[0], torch.tensor([2.0, 0.0, 0.0]))
    torch.testing.assert_close(env.world.pose[1], torch.tensor([2.0, 0.0, math.pi / 2]), atol=0.01, rtol=0)
    # The same two places for a car on either track: on the road of one, beside that of the other.
    on_square, on_circle = (4.0, 1.0, math.pi / 2), (0.0, 2.0, math.pi)
    outcome = move(env, on_square, on_square, on_circle, on_circle)
    assert outcome.status.tolist() == [0, Status.OFF_TRACK, 0, 0]
    outcome = move(env, (2.6, 4.0, math.pi), (-2.0, 0.0, -math.pi / 2), (1.0, 1.0, 0.0), (1.42, 1.42, 0.0))
    assert outcome.status.tolist() == [0, 0, Status.OFF_TRACK, 0]
    # A quarter and a half of the circle; the reference point is atan(0.14 / 2) further.
    assert float(outcome.state.progress[1]) == pytest.approx(50, abs=0.1)
    assert float(outcome.state.progress[0]) == pytest.approx(100 * 7.4 / 16, abs=0.01)


@pytest.mark.parametrize("reversed", [False, True])
def test_a_driver_completes_a_lap_in_the_embedded_world(reversed):
    """Steers towards a point ahead on the centre line; 1 m/s on a circle of 2 m, so 12.6 s and starting."""
    track = circle()
    steering = torch.linspace(-0.5, 0.5, 41)
    actions = torch.stack((steering, torch.ones(41)), 1)
    index = torch.zeros(2, dtype=torch.long)
    camera = CameraSettings(width=16, height=12)
    world = EmbeddedWorld([paint(track)], index, camera, CarSettings(), Randomisation(enabled=False))
    reward = ProgressReward(1.0, STEP_TIME)
    env = RacingEnv(world, [track], index, actions, reward, EpisodeSettings(**CENTRE))
    started(env, reversed=reversed)
    total = 0.0
    for _ in range(250):
        aim = track.pose_at(env.episode.distance + 0.3, env.episode.reversed, torch.zeros(2))
        car = world.state()
        angle = torch.atan2(aim[:, 1] - car.y, aim[:, 0] - car.x) - car.yaw
        wanted = torch.atan2(angle.sin(), angle.cos())
        outcome = env.step((wanted[:, None] - steering).abs().argmin(1))
        total += float(outcome.reward[0])
        if bool(outcome.status.any()):
            break
    assert outcome.status.tolist() == [Status.LAP_COMPLETE] * 2
    # At most 1 / 15 m a step; 3 steps more to get up to speed.
    assert outcome.state.steps.tolist() == pytest.approx([4 * math.pi * 15 + 2] * 2, abs=4)
    # Each step at full speed earns 1, a little less off the centre line.
    assert total == pytest.approx(4 * math.pi * 15, rel=0.05)
