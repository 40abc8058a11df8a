"""AWS's rules that end an episode."""

from __future__ import annotations

import math

import pytest
from scripted_world import circle, drive_along, env_of, move, started

from deepracer_sim.racing_env import IMMOBILISED_DISTANCE, IMMOBILISED_STEPS, REVERSED_STEPS, Status


# On the lower side, driving along +x, the borders are at y = -0.5 and 0.5. The wheels lie 0.0796 m (front)
# and 0.08105 m (rear) to either side of the car.
@pytest.mark.parametrize(
    ("y", "all_on", "is_off"),
    [
        (0.0, True, False),
        (-0.418, True, False),  # outermost: the right rear wheel at -0.49905
        (-0.420, False, False),  # right rear at -0.50105, right front at -0.4996
        (-0.570, False, False),  # both left wheels on the road still
        (-0.5805, False, False),  # left front at -0.5009, left rear at -0.49945: one wheel is enough
        (-0.582, False, True),  # left rear at -0.50095
        (0.418, True, False),
        (0.420, False, False),
        (0.5805, False, False),
        (0.582, False, True),
        (3.0, False, True),
    ],
)
def test_off_track_is_when_no_wheel_is_on_the_road(y, all_on, is_off):
    outcome = move(started(env_of()), (2.5, y, 0.0))
    assert bool(outcome.state.all_wheels_on_track) is all_on
    assert bool(outcome.state.is_offtrack) is is_off
    assert int(outcome.status) == (Status.OFF_TRACK if is_off else Status.IN_PROGRESS)
    assert bool(outcome.terminated) is is_off
    assert not bool(outcome.truncated)


def test_wheels_turn_with_the_car():
    """Across the road at y = -0.43, heading outwards: both front wheels at -0.5123, both rear ones on it."""
    outcome = move(started(env_of()), (2.5, -0.43, -math.pi / 2))
    assert not bool(outcome.state.all_wheels_on_track)
    assert not bool(outcome.state.is_offtrack)
    # Rear wheels 0.0817 m behind: off the road from y = -0.5817.
    assert not bool(move(started(env_of()), (2.5, -0.580, -math.pi / 2)).state.is_offtrack)
    assert bool(move(started(env_of()), (2.5, -0.583, -math.pi / 2)).state.is_offtrack)
    # Heading inwards the front is on the road where the rear was off it.
    assert not bool(move(started(env_of()), (2.5, -0.43, math.pi / 2)).state.all_wheels_on_track)
    assert bool(move(started(env_of()), (2.5, -0.41, math.pi / 2)).state.all_wheels_on_track)


def test_wheels_lie_where_the_car_has_them_at_any_angle():
    """On the circle, whose road ends at 2.4 m, 45 degrees to the left of the way out.

    The right front wheel is 0.0823 cos 45 + 0.0796 sin 45 = 0.1145 m further out than the car, and nearly
    level with it; the left front wheel is as far to the side.
    """
    inside, beyond = (
        move(started(env_of(tracks=[circle()])), (x, 0.0, math.pi / 4)).state for x in (2.2845, 2.2865)
    )
    assert bool(inside.all_wheels_on_track)
    assert not bool(beyond.all_wheels_on_track)
    assert not bool(beyond.is_offtrack)


def test_immobilised_after_fifteen_steps_without_moving():
    env = started(env_of())
    pose = (2.0, 0.0, 0.0)
    statuses = [int(move(env, pose).status) for _ in range(IMMOBILISED_STEPS)]
    assert IMMOBILISED_STEPS == 15
    assert statuses == [Status.IN_PROGRESS] * 14 + [Status.IMMOBILIZED]
    assert bool(move(env, pose).terminated)


def test_the_smallest_motion_that_counts():
    """0.2 mm a step is standing, 0.4 mm is driving; one move starts the count anew."""
    assert IMMOBILISED_DISTANCE == 0.0003

    def end(step: float) -> int:
        env = started(env_of())
        return [int(move(env, (2 + step * (k + 1), 0.0, 0.0)).status) for k in range(20)].count(
            Status.IMMOBILIZED
        )

    assert end(0.0002) == 6  # steps 15 to 20
    assert end(0.0004) == 0
    env = started(env_of())
    # Ten steps of standing, a move in the eleventh, and 15 steps of standing after it.
    statuses = [int(move(env, (2.0 if step < 10 else 2.1, 0.0, 0.0)).status) for step in range(26)]
    assert statuses == [Status.IN_PROGRESS] * 25 + [Status.IMMOBILIZED]


def test_reversed_after_fifteen_steps_of_falling_progress():
    env = started(env_of(), distance=3.0)
    outcomes = drive_along(env, [3.0 - 0.05 * step for step in range(1, 16)])
    assert REVERSED_STEPS == 15
    assert [int(outcome.status) for outcome in outcomes] == [Status.IN_PROGRESS] * 14 + [Status.REVERSED]
    assert bool(outcomes[-1].terminated)


def test_one_step_forward_forgives_the_steps_back():
    env = started(env_of(), distance=5.5)
    back = [5.5 - 0.05 * step for step in range(1, 15)]
    outcomes = drive_along(env, [*back, 5.0, *[5.0 - 0.05 * step for step in range(1, 16)]])
    statuses = [int(outcome.status) for outcome in outcomes]
    assert statuses == [Status.IN_PROGRESS] * 29 + [Status.REVERSED]


def test_a_reversed_car_that_drives_along_the_waypoints_goes_backwards():
    env = started(env_of(), distance=8.0, reversed=True)
    outcomes = drive_along(env, [8.0 - 0.05 * step for step in range(1, 16)], reversed=True)
    assert int(outcomes[-1].status) == Status.REVERSED


def test_time_is_up_after_max_steps():
    env = started(env_of(max_steps=5))
    outcomes = drive_along(env, [0.1 * step for step in range(1, 6)])
    assert [int(outcome.status) for outcome in outcomes] == [Status.IN_PROGRESS] * 4 + [Status.TIME_UP]
    assert bool(outcomes[-1].truncated)
    assert not bool(outcomes[-1].terminated)


def test_which_rule_wins_when_several_apply():
    # Over the line with no wheel on the road: the lap counts.
    env = started(env_of())
    drive_along(env, [4.0, 8.0, 12.0, 15.9])
    assert int(move(env, (2.2, -0.8, 0.0)).status) == Status.LAP_COMPLETE
    # Off the road in the last step: the car's own fault, not the clock's.
    outcome = move(started(env_of(max_steps=1)), (2.5, 2.0, 0.0))
    assert int(outcome.status) == Status.OFF_TRACK
    # Standing beside the road for 15 steps.
    env = started(env_of())
    assert [int(move(env, (2.5, 2.0, 0.0)).status) for _ in range(16)][-1] == Status.OFF_TRACK
