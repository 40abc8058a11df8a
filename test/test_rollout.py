"""Advantages of three steps, worked out by hand."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from deepracer_sim.rollout import Rollout, generalised_advantages


def rollout_of(
    rewards: list[list[float]],
    values: list[list[float]],
    terminated: list[list[int]] | None = None,
    truncated: list[list[int]] | None = None,
) -> Rollout:
    """Time first, a column for each car; the flags are 0 or 1."""
    steps, cars = len(rewards), len(rewards[0])
    never = [[0] * cars] * steps
    return Rollout(
        images=torch.zeros(steps, cars, 2, 2, 1, dtype=torch.uint8),
        states=torch.zeros(steps, cars, 1),
        actions=torch.zeros(steps, cars, dtype=torch.long),
        log_probabilities=torch.zeros(steps, cars),
        values=torch.tensor(values),
        rewards=torch.tensor(rewards),
        terminated=torch.tensor(terminated or never).bool(),
        truncated=torch.tensor(truncated or never).bool(),
    )


def assert_columns(found: Tensor, *columns: list[float]) -> None:
    torch.testing.assert_close(found, torch.tensor(columns).T)


def test_advantages_of_three_steps():
    """Discount and trace 1/2, so an advantage is the step's error plus 1/4 of the next advantage.

    All cars get rewards 1, 2, 3; the critic says 2, 4, 6 and 8 for the state after the last step.

    Car 0 goes on throughout:      errors 1 + 4/2 - 2 = 1,  2 + 6/2 - 4 = 1,  3 + 8/2 - 6 = 1
                                   advantages 1 + 5/16,  1 + 1/4,  1
    Car 1 crashes in step 1:       errors 1,  2 - 4 = -2 (nothing comes after),  1
                                   advantages 1 - 2/4 = 1/2,  -2,  1
    Car 2 is out of time in step 1: what would have come is worth what its last picture was, 4:
                                   errors 1,  2 + 4/2 - 4 = 0,  1
                                   advantages 1,  0,  1
    Car 3 crashes in the last step: errors 1,  1,  3 - 6 = -3
                                   advantages 1 + 1/4 * 1/4 = 17/16,  1 - 3/4 = 1/4,  -3
    Car 4 is out of time in it:    errors 1,  1,  3 + 6/2 - 6 = 0
                                   advantages 5/4,  1,  0
    """
    rollout = rollout_of(
        rewards=[[1.0] * 5, [2.0] * 5, [3.0] * 5],
        values=[[2.0] * 5, [4.0] * 5, [6.0] * 5, [8.0] * 5],
        terminated=[[0, 0, 0, 0, 0], [0, 1, 0, 0, 0], [0, 0, 0, 1, 0]],
        truncated=[[0, 0, 0, 0, 0], [0, 0, 1, 0, 0], [0, 0, 0, 0, 1]],
    )
    advantages, targets = generalised_advantages(rollout, discount=0.5, trace=0.5)
    columns = [[1.3125, 1.25, 1], [0.5, -2, 1], [1, 0, 1], [1.0625, 0.25, -3], [1.25, 1, 0]]
    assert_columns(advantages, *columns)
    # The critic should have said what the advantage was measured from, plus the advantage.
    assert_columns(targets, *([a + v for a, v in zip(column, (2, 4, 6), strict=True)] for column in columns))


def test_without_a_trace_only_the_next_step_counts():
    """Discount 0.9, trace 0: 1 + 0.9 * 4 - 2 = 2.6 and 2 + 0.9 * 6 - 4 = 3.4."""
    rollout = rollout_of(rewards=[[1.0], [2.0]], values=[[2.0], [4.0], [6.0]])
    assert_columns(generalised_advantages(rollout, 0.9, 0.0)[0], [2.6, 3.4])


def test_with_a_full_trace_the_targets_are_returns():
    """Undiscounted: 1 + 2 + 3 + 10 from the first step, whatever the critic says in between."""
    rollout = rollout_of(rewards=[[1.0], [2.0], [3.0]], values=[[5.0], [-7.0], [0.5], [10.0]])
    assert_columns(generalised_advantages(rollout, 1.0, 1.0)[1], [16.0, 15.0, 13.0])


def test_without_discount_only_the_reward_counts():
    rollout = rollout_of(rewards=[[1.0], [2.0]], values=[[5.0], [-7.0], [3.0]])
    advantages, targets = generalised_advantages(rollout, 0.0, 0.9)
    assert_columns(advantages, [-4.0, 9.0])
    assert_columns(targets, [1.0, 2.0])


def test_cars_and_episodes_do_not_leak_into_each_other():
    """A huge reward after the end of an episode, or of another car, changes nothing before it."""
    ends = [[0, 0], [1, 0], [0, 0]]
    plain = rollout_of([[1.0, 1.0], [1.0, 1.0], [1.0, 1.0]], [[0.0, 0.0]] * 4, terminated=ends)
    loud = rollout_of([[1.0, 1.0], [1.0, 1.0], [1e6, 1.0]], [[0.0, 0.0]] * 4, terminated=ends)
    one, _ = generalised_advantages(plain, 0.9, 0.9)
    other, _ = generalised_advantages(loud, 0.9, 0.9)
    assert torch.equal(one[:2, 0], other[:2, 0])
    assert torch.equal(one[:, 1], other[:, 1])
    assert not torch.equal(one[2, 0], other[2, 0])


@pytest.mark.parametrize(("steps", "cars"), [(1, 1), (3, 2)])
def test_samples_are_steps_times_cars(steps, cars):
    rollout = rollout_of([[0.0] * cars] * steps, [[0.0] * cars] * (steps + 1))
    assert rollout.num_samples == steps * cars
    advantages, targets = generalised_advantages(rollout, 0.9, 0.9)
    assert advantages.shape == targets.shape == (steps, cars)
