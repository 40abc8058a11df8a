from __future__ import annotations

import math

import numpy as np
import pytest

from deepracer_inference.action_space import (
    ActionSpaceError,
    ContinuousActionSpace,
    DiscreteActionSpace,
    load_action_space,
)


def entries(*pairs):
    return [{"steering_angle": angle, "speed": speed} for angle, speed in pairs]


def test_the_labs_grid_is_its_table_of_fifteen_actions():
    space = DiscreteActionSpace.from_grid(30, 5, 3, 3)
    expected = [
        (-30, 1), (-30, 2), (-30, 3),
        (-15, 1), (-15, 2), (-15, 3),
        (0, 1), (0, 2), (0, 3),
        (15, 1), (15, 2), (15, 3),
        (30, 1), (30, 2), (30, 3),
    ]  # fmt: skip
    assert space.to_json() == entries(*expected)
    assert len(space) == 15


def test_the_default_grid_is_five_angles_at_one_and_two_metres_per_second():
    space = DiscreteActionSpace.from_grid()
    assert len(space) == 10
    assert space.to_json()[:4] == entries((-30, 1), (-30, 2), (-15, 1), (-15, 2))
    assert space.max_speed == 2.0
    assert space.max_steering_angle == pytest.approx(math.pi / 6)


def test_speeds_of_a_grid_are_multiples_of_maximum_over_granularity():
    space = DiscreteActionSpace.from_grid(20, 3, 0.8, 2)
    assert space.to_json() == entries((-20, 0.4), (-20, 0.8), (0, 0.4), (0, 0.8), (20, 0.4), (20, 0.8))


@pytest.mark.parametrize("granularity", range(3, 16, 2))
def test_a_grid_is_symmetric_with_straight_ahead_exactly_zero(granularity):
    angles = DiscreteActionSpace.from_grid(6.5, granularity, 1, 1).steering_angles
    assert angles[granularity // 2] == 0.0
    np.testing.assert_array_equal(angles, -angles[::-1])


def test_table_is_float32_radians_and_metres_per_second():
    table = DiscreteActionSpace.from_json(entries((30, 1.5), (-15, 0.5))).table
    assert table.dtype == np.float32
    np.testing.assert_allclose(table, [[math.pi / 6, 1.5], [-math.pi / 12, 0.5]], rtol=1e-6)


def test_a_json_list_keeps_its_order_and_its_values():
    listed = entries((12.34, 0.6), (-30, 4), (0, 0.1), (30, 1))
    assert DiscreteActionSpace.from_json(listed).to_json() == listed


def test_numbers_written_as_strings_are_read():
    assert DiscreteActionSpace.from_json(entries(("-15.0", "1"))).to_json() == entries((-15, 1))


def test_the_older_files_index_is_accepted_when_it_is_the_position():
    listed = [{**entry, "index": i} for i, entry in enumerate(entries((-15, 1), (15, 1)))]
    assert DiscreteActionSpace.from_json(listed).to_json() == entries((-15, 1), (15, 1))


def test_an_index_that_is_not_the_position_is_refused():
    listed = [{**entry, "index": 1 - i} for i, entry in enumerate(entries((-15, 1), (15, 1)))]
    with pytest.raises(ActionSpaceError, match=r"action 0: index is 1 but .* position in the list is 0"):
        DiscreteActionSpace.from_json(listed)


def test_equality_is_by_content_and_order():
    space = DiscreteActionSpace.from_grid(30, 5, 3, 3)
    assert space == DiscreteActionSpace.from_json(space.to_json())
    assert space != DiscreteActionSpace.from_json(space.to_json()[::-1])
    assert space != DiscreteActionSpace.from_grid(30, 5, 3, 2)
    assert space != "space"


def test_the_arrays_cannot_be_changed():
    space = DiscreteActionSpace.from_grid()
    with pytest.raises(ValueError, match="read-only"):
        space.speeds[0] = 9.0


@pytest.mark.parametrize(
    ("listed", "message"),
    [
        (entries((0, 1), (31, 1)), r"action 1: steering angle 31 degrees, must be within \+-30"),
        (entries((0, 1), (-30.5, 1)), r"action 1: steering angle -30.5 degrees"),
        (entries((0, 4.5)), "action 0: speed 4.5 m/s, must be 0.1 to 4"),
        (entries((0, 0.05)), "action 0: speed 0.05 m/s, must be 0.1 to 4"),
        (entries((0, 1), (0, -1)), "action 1: speed -1 m/s"),
        (entries((0, float("nan"))), "action 0: speed is nan, must be a finite number"),
        (entries((True, 1)), "action 0: steering_angle is True"),
        (entries(("left", 1)), "action 0: steering_angle is 'left'"),
        ([{"speed": 1}], "action 0: {'speed': 1} has no steering_angle"),
        ([7], "action 0: 7 has no steering_angle"),
        ([], "must be a list of entries"),
        ({"speed": {}}, "must be a list of entries"),
    ],
)
def test_a_bad_list_is_refused_with_entry_value_and_limit(listed, message):
    with pytest.raises(ActionSpaceError, match=message):
        DiscreteActionSpace.from_json(listed)


@pytest.mark.parametrize(
    ("grid", "message"),
    [
        ((31, 5, 2, 2), "max_steering_angle_degrees=31: must be 1 to 30"),
        ((0, 5, 2, 2), "max_steering_angle_degrees=0"),
        ((30, 4, 2, 2), "steering_granularity=4: must be odd"),
        ((30, 1, 2, 2), "steering_granularity=1: must be odd"),
        ((30, 17, 2, 2), "steering_granularity=17"),
        ((30, 5, 4.1, 2), "max_speed: speed 4.1 m/s, must be 0.1 to 4"),
        ((30, 5, 2, 0), "speed_granularity=0"),
        ((30, 5, 2, 11), "speed_granularity=11"),
        ((30, 5, 0.2, 3), "lowest speed, max_speed / speed_granularity: speed 0.0666667 m/s"),
    ],
)
def test_a_grid_outside_the_limits_is_refused(grid, message):
    with pytest.raises(ActionSpaceError, match=message):
        DiscreteActionSpace.from_grid(*grid)


CONTINUOUS = {"steering_angle": {"high": 30.0, "low": -20.0}, "speed": {"high": 2.0, "low": 1.0}}


def test_a_continuous_space_maps_minus_one_to_low_and_one_to_high():
    space = ContinuousActionSpace.from_json(CONTINUOUS)
    values = space.from_normalised(np.array([[-1, -1], [1, 1], [0, 0], [5, -5]]))
    degrees = np.column_stack([np.degrees(values[:, 0]), values[:, 1]])
    np.testing.assert_allclose(degrees, [[-20, 1], [30, 2], [5, 1.5], [30, 1]], atol=1e-5)
    assert values.dtype == np.float32


def test_a_continuous_space_survives_json():
    space = ContinuousActionSpace.from_json(CONTINUOUS)
    assert space.to_json() == CONTINUOUS
    assert space.max_speed == 2.0
    assert space.max_steering_angle == pytest.approx(math.pi / 6)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"steering_angle": {"high": 40, "low": -30}}, "steering_high: steering angle 40 degrees"),
        ({"speed": {"high": 5, "low": 1}}, "speed_high: speed 5 m/s"),
        ({"speed": {"high": 1, "low": 2}}, "low must be below high"),
        ({"steering_angle": {"high": 10, "low": 10}}, "low must be below high"),
        ({"speed": {"high": 1}}, "speed: {'high': 1} has no low"),
    ],
)
def test_a_bad_continuous_space_is_refused(change, message):
    with pytest.raises(ActionSpaceError, match=message):
        ContinuousActionSpace.from_json({**CONTINUOUS, **change})


def test_load_picks_the_kind_from_the_metadata():
    listed = entries((0, 1))
    assert isinstance(load_action_space({"action_space": listed}), DiscreteActionSpace)
    continuous = {"action_space": CONTINUOUS, "action_space_type": "continuous"}
    assert load_action_space(continuous) == ContinuousActionSpace.from_json(CONTINUOUS)


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        ({}, "no action_space"),
        ({"action_space": [], "action_space_type": "fuzzy"}, "'fuzzy': must be discrete or continuous"),
        ({"action_space": CONTINUOUS}, "must be a list of entries"),
        ({"action_space": [], "action_space_type": "continuous"}, "must have steering_angle and speed"),
    ],
)
def test_metadata_without_a_valid_space_is_refused(metadata, message):
    with pytest.raises(ActionSpaceError, match=message):
        load_action_space(metadata)
