"""Where episodes start, which cars start anew, and what the seed decides."""

from __future__ import annotations

import math

import pytest
import torch
from scripted_world import circle, drive_along, env_of, move, started

from deepracer_sim.car import REFERENCE_POINT
from deepracer_sim.racing_env import ROUND_ROBIN_ADVANCE


def test_start_at_the_line():
    env = env_of(3, start="line")
    env.reset()
    torch.testing.assert_close(env.world.pose, torch.tensor([[2.0, 0.0, 0.0]] * 3))
    env.reset()
    torch.testing.assert_close(env.world.pose, torch.tensor([[2.0, 0.0, 0.0]] * 3))


def test_round_robin_moves_on_by_a_twentieth_of_the_lap():
    """Four cars begin a quarter of the lap apart: at 0, 4, 8 and 12 m, then 0.8 m further each time."""
    env = env_of(4, start="round_robin")
    assert ROUND_ROBIN_ADVANCE == 0.05
    for episode in range(22):
        env.reset()
        wanted = [(4 * car + 0.8 * episode + REFERENCE_POINT) % 16 for car in range(4)]
        assert env.episode.distance.tolist() == pytest.approx(wanted, abs=2e-3)
    # Only the cars that begin anew move on: a car's place follows its own episodes.
    env = env_of(2, start="round_robin")
    env.reset()
    env.reset(torch.tensor([False, True]))
    env.reset(torch.tensor([False, True]))
    assert env.episode.distance.tolist() == pytest.approx([0.14, 8 + 1.6 + 0.14], abs=1e-3)
    assert env.episode.number.tolist() == [0, 2]


def test_random_starts_are_spread_over_track_and_road():
    count = 4000
    env = env_of(count, start="random", start_offset=0.2, start_heading=0.3, tracks=[circle()])
    env.reset()
    pose = env.world.pose
    place = torch.atan2(pose[:, 1], pose[:, 0]).remainder(math.tau) / math.tau
    assert torch.histc(place, 8, 0, 1).tolist() == pytest.approx([count / 8] * 8, rel=0.2)
    offset = 2 - pose[:, :2].norm(dim=1)  # left of a counter-clockwise driver is inwards
    turn = (pose[:, 2] - math.tau * place - math.pi / 2 + math.pi).remainder(math.tau) - math.pi
    for drawn, limit in ((offset, 0.2), (turn, 0.3)):
        assert float(drawn.abs().max()) <= limit + 0.01
        assert float(drawn.min()) < -0.95 * limit
        assert float(drawn.max()) > 0.95 * limit
        assert abs(float(drawn.mean())) < 0.05 * limit


def test_directions_of_driving():
    forward, backward = env_of(2, direction="forward"), env_of(2, direction="reversed")
    forward.reset()
    backward.reset()
    assert forward.episode.reversed.tolist() == [False, False]
    assert backward.episode.reversed.tolist() == [True, True]
    yaw = env_of(1, direction="reversed", start="line")
    yaw.reset()
    assert abs(float(yaw.world.pose[0, 2])) == pytest.approx(math.pi)
    alternate = env_of(3, direction="alternate")
    seen = []
    for _ in range(4):
        alternate.reset()
        seen.append(alternate.episode.reversed.tolist())
    assert seen == [[False, True, False], [True, False, True]] * 2
    mixed = env_of(1000, direction="random")
    mixed.reset()
    assert float(mixed.episode.reversed.float().mean()) == pytest.approx(0.5, abs=0.06)


def test_the_seed_decides_the_starts():
    poses = []
    for seed in (1, 1, 2):
        env = env_of(5, seed=seed, start="random", start_offset=0.2, start_heading=0.3, direction="random")
        env.reset()
        poses.append(env.world.pose)
    assert torch.equal(poses[0], poses[1])
    assert not torch.equal(poses[0], poses[2])
    env.seed(1)
    assert env.world.seeded == 1
    env.reset()
    assert torch.equal(env.world.pose, poses[0])


@pytest.mark.parametrize("start", ["random", "round_robin"])
@pytest.mark.parametrize("direction", ["random", "alternate"])
def test_a_used_environment_that_is_seeded_is_as_a_new_one(start, direction):
    settings = {"start": start, "direction": direction, "start_offset": 0.2, "start_heading": 0.3}
    new, used = env_of(3, seed=5, **settings), env_of(3, seed=1, **settings)
    used.reset()
    used.reset(torch.tensor([True, False, True]))
    used.seed(5)
    for mask in (None, torch.tensor([False, True, True]), None):
        new.reset(mask)
        used.reset(mask)
        assert torch.equal(used.world.pose, new.world.pose)
        assert torch.equal(used.episode.reversed, new.episode.reversed)
        assert torch.equal(used.episode.number, new.episode.number)


def test_reset_begins_anew_for_the_masked_cars_alone():
    env = started(env_of(3, start="line"), distance=4.0)
    drive_along(env, [4.5, 5.0, 5.0, 5.0, 4.9])
    before = env.world.pose.clone()
    env.reset(torch.tensor([False, True, False]))
    episode = env.episode
    assert torch.equal(env.world.pose[[0, 2]], before[[0, 2]])
    assert env.world.pose[1].tolist() == pytest.approx([2, 0, 0], abs=1e-6)
    assert episode.steps.tolist() == [5, 0, 5]
    assert episode.travelled.tolist() == pytest.approx([0.9, 0, 0.9], abs=1e-4)
    assert episode.still_steps.tolist() == [0, 0, 0]
    assert episode.backward_steps.tolist() == [1, 0, 1]
    assert episode.number.tolist() == [0, 1, 0]
    assert env.projection.distance.tolist() == pytest.approx([5.04, 0.14, 5.04], abs=1e-5)
    # The next step is measured from the new place, and no car seems to have jumped.
    env.world.path = [env.world.pose + torch.tensor([0.1, 0.0, 0.0])]
    outcome = env.step(torch.zeros(3, dtype=torch.long))
    assert float(outcome.state.step_distance[1]) == pytest.approx(0.1, abs=1e-5)
    assert outcome.state.steps.tolist() == [6, 1, 6]


def test_resetting_nobody_changes_nothing():
    env = started(env_of(2, start="random"), distance=4.0)
    drive_along(env, [4.5])
    env.reset(torch.tensor([False, False]))
    assert env.episode.steps.tolist() == [1, 1]
    assert env.episode.number.tolist() == [0, 0]


def test_a_step_does_not_reset():
    env = started(env_of())
    assert bool(move(env, (2.5, 2.0, 0.0)).terminated)
    assert env.world.pose[0].tolist() == pytest.approx([2.5, 2.0, 0.0])
    assert int(env.episode.steps) == 1


def test_place_puts_cars_beside_the_centre_line():
    """4.5 m into the lap of the square is (4, 2.5), driving along +y: left is -x."""
    env = env_of()
    one = torch.ones(1, dtype=torch.bool)
    env.place(one, torch.tensor([4.5]), ~one, torch.tensor([0.2]), torch.tensor([0.3]))
    assert env.world.pose[0].tolist() == pytest.approx([3.8, 2.5, math.pi / 2 + 0.3], abs=1e-5)
    env.place(one, torch.tensor([16 - 4.5]), one, torch.tensor([0.2]), torch.tensor([0.3]))
    assert env.world.pose[0].tolist() == pytest.approx([4.2, 2.5, -math.pi / 2 + 0.3], abs=1e-5)
