"""What an environment tells of a step, and what it remembers."""

from __future__ import annotations

import math

import pytest
import torch
from scripted_world import drive_along, env_of, move, started


def test_what_the_reward_is_told():
    """The second action: 0.3 rad and 2 m/s; 0.3 m along the lower side, 0.1 m to the left."""
    env = started(env_of())
    outcome = move(env, (2.3, 0.1, 0.05), action=1)
    state = outcome.state
    x, y = 2.3 + 0.14 * math.cos(0.05), 0.1 + 0.14 * math.sin(0.05)
    assert state.position[0].tolist() == pytest.approx([x, y], abs=1e-6)
    assert float(state.heading) == pytest.approx(0.05)
    assert float(state.step_distance) == pytest.approx(x - 2.14, abs=1e-5)
    assert float(state.progress) == pytest.approx(100 * (x - 2.14) / 16, abs=1e-4)
    assert float(state.projection.offset) == pytest.approx(y, abs=1e-6)
    assert float(state.projection.distance) == pytest.approx(x - 2, abs=1e-5)
    assert (float(state.speed), float(state.steering_angle)) == pytest.approx((2.0, 0.3))
    assert (int(state.steps), float(state.sim_time)) == (1, pytest.approx(1 / 15))
    assert float(state.track_length) == 16
    assert not bool(state.is_crashed)
    assert env.world.commands[-1].tolist() == [pytest.approx([0.3, 2.0])]
    # The reward and its terms are the reward's.
    assert float(outcome.reward) == pytest.approx(x - 2.14 - 0.1, abs=1e-5)
    assert set(outcome.terms) == {"gain", "time"}
    assert float(outcome.terms["time"]) == pytest.approx(-0.1)
    assert torch.equal(env.projection.offset, state.projection.offset)
    assert int(move(env, (2.4, 0.1, 0.0)).state.steps) == 2


def test_a_restored_environment_goes_on_as_it_would_have():
    env = env_of(2, start="random", direction="random", start_offset=0.1)
    env.reset()
    move(env, (2.5, 0.0, 0.0), (2.6, 0.1, 0.0))
    snapshot = env.snapshot()

    def go_on() -> list:
        outcome = move(env, (2.9, 0.0, 0.0), (3.0, 0.1, 0.0))
        env.reset(torch.tensor([True, False]))
        return [
            *(outcome.reward, outcome.state.steps, outcome.state.progress),
            *(env.world.pose, env.episode.reversed, env.episode.number, env.recent_commands),
            env.projection.distance,
        ]

    first = go_on()
    move(env, (4.0, 2.0, 0.0), (4.0, 2.0, 0.0))
    env.restore(snapshot)
    for one, other in zip(first, go_on(), strict=True):
        assert torch.equal(one, other)


def test_a_world_that_cannot_be_put_back_starts_new_episodes():
    env = env_of(2, start="line")
    env.reset()
    env.world.snapshot = lambda: None
    drive_along(env, [0.5, 1.0])
    snapshot = env.snapshot()
    drive_along(env, [1.5])
    env.restore(snapshot)
    assert env.episode.steps.tolist() == [0, 0]
    torch.testing.assert_close(env.world.pose, torch.tensor([[2.0, 0.0, 0.0]] * 2))


def test_the_last_two_commands_are_kept():
    env = started(env_of())
    assert env.recent_commands.abs().sum() == 0
    move(env, (2.1, 0.0, 0.0), action=1)
    move(env, (2.2, 0.0, 0.0), action=0)
    assert env.recent_commands[:, 0].tolist() == [pytest.approx([0.0, 1.0]), pytest.approx([0.3, 2.0])]
    env.reset()
    assert env.recent_commands.abs().sum() == 0


def test_the_picture_is_the_worlds():
    env = started(env_of())
    move(env, (2.1, 0.0, 0.0))
    assert env.images().tolist() == env.world.images().tolist()
