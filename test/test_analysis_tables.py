"""The tables of the analysis, on traces whose figures follow from a circle of radius 1."""

import math

import numpy as np
import pytest

pytest.importorskip("pandas")
pytest.importorskip("plotly")

from written_run import LENGTH, STEPS_A_LAP, Drive, write_run

from deepracer_sim.analysis import read_records
from deepracer_sim.analysis.track_grid import TrackGrid
from deepracer_sim.errors import TrackError

LAP = Drive(STEPS_A_LAP)
CHORD = 2 * math.sin(math.pi / STEPS_A_LAP)
"""Metres between two steps."""
ROUNDING = 2e-3
"""Of speeds: AWS's trace has four decimals of a second."""
QUARTER_OFF = Drive(15, "off_track", action=7, reward=-1.0, radius=1.5)
QUARTER_OFF_REVERSED = Drive(15, "off_track", radius=0.5, is_reversed=True)


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    """Untrained, one car leaves the road after a quarter; after 2 and 4 iterations there are laps, too."""
    drives = {
        0: [QUARTER_OFF],
        2: [QUARTER_OFF_REVERSED, Drive(60, action=3)],
        4: [LAP, Drive(30, "in_progress")],
    }
    return read_records(write_run(tmp_path_factory.mktemp("run"), drives, iterations=range(1, 6)).path)


def test_an_episode_has_its_time_reward_completion_and_end(records):
    table = records.episodes.set_index("episode")
    assert list(table.index) == [0, 40, 41, 80, 81]
    first = table.loc[0]
    assert (first["steps"], first["status"], first["iteration"]) == (15, "off_track", 0)
    assert first["time"] == pytest.approx(1.0)
    assert first["reward"] == pytest.approx(-15.0)
    assert first["completion"] == pytest.approx(100 * 14 / 60, abs=1e-3)  # of the last step on the road
    assert (first["x"], first["y"]) == pytest.approx((0.0, 1.5), abs=1e-5)
    assert table.loc[81, "status"] == "in_progress"
    assert list(table["reversed"]) == [False, True, False, False, False]


def test_speed_is_what_was_driven_not_what_was_wanted(records):
    steps = records.steps[records.steps["episode"] == 80]
    assert math.isnan(steps["speed"].iloc[0])
    assert steps["speed"].iloc[1:].to_numpy() == pytest.approx(15 * CHORD, rel=ROUNDING)
    assert records.episodes.set_index("episode").loc[80, "mean_speed"] == pytest.approx(
        15 * CHORD, rel=ROUNDING
    )


def test_a_car_that_was_put_back_did_not_drive_there(tmp_path):
    run = write_run(tmp_path, {0: [LAP, QUARTER_OFF]})
    file = run.path / "training-simtrace/0-iteration.csv"
    lines = file.read_text().splitlines(keepends=True)
    lines[21] = lines[21].replace("in_progress", "off_track")  # step 20
    lines[41] = lines[41].replace("in_progress", "immobilized")
    file.write_text("".join(lines))
    records = read_records(run.path)
    speed = records.steps["speed"][: STEPS_A_LAP + 1]
    assert list(np.flatnonzero(speed.isna())) == [0, 21, 41]
    assert list(records.episodes["resets"]) == [2, 0]
    assert list(records.laps["resets"]) == [2]
    assert list(records.exits["time"]) == pytest.approx([20 / 15, 1.0], abs=1e-3)


def test_where_the_clock_jumps_there_is_no_speed(tmp_path):
    run = write_run(tmp_path, {0: [LAP]})
    file = run.path / "training-simtrace/0-iteration.csv"
    lines = file.read_text().splitlines(keepends=True)
    file.write_text("".join(lines[:30] + lines[40:]))  # 11 steps are missing
    speed = read_records(run.path).steps["speed"]
    assert list(np.flatnonzero(speed.isna())) == [0, 29]


def test_finished_laps_have_their_times(records):
    assert list(records.laps["episode"]) == [41, 80]
    assert list(records.laps["lap_time"]) == pytest.approx([4.0, 4.0], abs=1e-3)
    assert list(records.laps["reward"]) == pytest.approx([60.0, 60.0])


def test_places_are_metres_from_the_start_line(records):
    steps = records.steps[records.steps["episode"] == 80]
    # The middle of a chord of the polyline is 1 - cos(pi / 40) inside of the circle.
    assert steps["distance"].iloc[15] == pytest.approx(LENGTH / 4, abs=1e-3)
    assert steps["distance"].iloc[45] == pytest.approx(LENGTH * 3 / 4, abs=1e-3)
    assert steps["offset"].abs().max() < 1.01 * (1 - math.cos(math.pi / 40))


def test_an_exit_is_on_the_side_that_the_driver_saw(records):
    table = records.exits.set_index("episode")
    assert list(table.index) == [0, 40]
    # Outwards is to the right on a circle that runs counter-clockwise; inwards, driven the other way, too.
    assert list(table["side"]) == ["right", "right"]
    assert table.loc[0, "distance"] == pytest.approx(LENGTH / 4, abs=1e-3)
    assert table.loc[40, "distance"] == pytest.approx(LENGTH * 3 / 4, abs=LENGTH / 80)  # half a side
    assert table.loc[0, "time"] == pytest.approx(1.0)


def test_stretches_count_who_came_by_and_who_left(records):
    table = records.stretches("circle")
    assert len(table) == round(LENGTH / 0.5) == 13
    assert table["end"].iloc[-1] == pytest.approx(LENGTH, abs=1e-4)
    quarter, three_quarters = table.iloc[3], table.iloc[9]  # 1.57 m is in 1.45 to 1.93, 4.71 in 4.35 to 4.83
    assert (quarter["exits"], quarter["passes"]) == (1, 4)
    assert quarter["exit_share"] == pytest.approx(0.25)
    assert (three_quarters["exits"], three_quarters["passes"]) == (1, 3)
    assert table["exits"].sum() == 2
    with pytest.raises(TrackError, match="there is circle"):
        records.stretches("oval")


def test_actions_that_were_never_chosen_are_seen(records):
    use = records.action_use
    assert len(use) == 10  # 5 steering angles with 2 speeds
    assert dict(use["count"][use["count"] > 0]) == {2: 15 + 60 + 30, 3: 60, 7: 15}
    assert list(use.index[~use["is_used"]]) == [0, 1, 4, 5, 6, 8, 9]
    assert use["share"].sum() == pytest.approx(1.0)
    # The last third of three traced iterations is the last one.
    assert dict(use["late_count"][use["late_count"] > 0]) == {2: 90}
    assert (use.loc[9, "steering_angle"], use.loc[9, "speed"]) == (30.0, 2.0)


def test_action_shares_are_those_of_each_traced_iteration(records):
    shares = records.action_shares
    assert list(shares.index) == [0, 2, 4]
    assert shares.loc[0, 7] == 1.0
    assert shares.loc[2, 3] == pytest.approx(60 / 75)
    assert shares.sum(axis=1).to_numpy() == pytest.approx(1.0)


def test_iterations_and_reward_terms_are_those_of_all_cars(records):
    assert list(records.iterations["iteration"]) == [1, 2, 3, 4, 5]
    assert list(records.reward_terms.columns) == ["progress", "off_track"]
    assert records.reward_terms.loc[5].to_dict() == {"progress": 0.75, "off_track": -0.25}
    assert records.best_evaluation["iteration"] == 4


def test_a_map_of_an_even_speed_is_even_and_empty_where_nobody_was(records):
    steps = records.steps[records.steps["episode"] == 80]
    grid = TrackGrid.around(steps["X"].to_numpy(), steps["Y"].to_numpy())
    speed = grid.mean(steps, "speed")
    assert speed.shape == (grid.rows, grid.columns)
    driven = np.isfinite(speed)
    assert speed[driven] == pytest.approx(15 * CHORD, rel=ROUNDING)
    radii = np.hypot(*np.meshgrid(grid.x, grid.y))
    assert driven[np.abs(radii - 1) < 0.02].all()
    assert not driven[np.abs(radii - 1) > 0.2].any()


def test_a_map_shows_the_action_that_was_chosen_most(records):
    # Two cars with action 2 and one with action 3 drove the upper half, one of each the lower one.
    steps = records.steps[records.steps["episode"].isin([41, 80, 81])]
    chosen = TrackGrid.around(np.array((-1.5, 1.5)), np.array((-1.5, 1.5))).most_chosen(steps)
    upper = chosen[len(chosen) // 2 + 4 :]
    assert np.isfinite(upper).any()
    assert set(upper[np.isfinite(upper)]) == {2.0}
