"""What a training leaves for racers' tools, held against what its reward function was told."""

from __future__ import annotations

import itertools
import json
import math
import os
import shutil
import signal
import sys

import pytest
from disk_limit import full_disk
from small_runs import Interruption, checkpoint, circle_track, small_settings
from traced_runs import (
    EPISODES,
    assert_sound,
    episodes_table,
    logged,
    metrics_of,
    trace_files,
    traced_settings,
    train_traced,
)

from deepracer_sim.embedded_world import EmbeddedWorld
from deepracer_sim.errors import RunError
from deepracer_sim.run_folder import RunFolder
from deepracer_sim.settings import StopSettings
from deepracer_sim.training_run import resume, start
from deepracer_sim.training_trace import begins_file, spread
from deepracer_sim.world import WorldInterrupted

pytestmark = pytest.mark.usefixtures("fast")

ITERATIONS = 4


@pytest.fixture(scope="module")
def traced(track, tmp_path_factory):
    return train_traced(track, tmp_path_factory.mktemp("traced"), ITERATIONS)


@pytest.fixture
def go_on(traced, tmp_path):
    """A copy of it, to go on with for some iterations."""
    shutil.copytree(traced.path, tmp_path / "run")
    run = RunFolder.open(tmp_path / "run")

    def to(iteration):
        return resume(run.path, StopSettings(minutes=None, target=False, iterations=iteration))

    return run, to


def test_files_have_the_same_number_of_whole_episodes(traced):
    files = assert_sound(traced)
    assert list(files) == [0, 2]
    assert [len({row["episode"] for row in rows}) for rows in files.values()] == [EPISODES, EPISODES]


def test_each_step_is_what_the_reward_function_was_told_and_gave(traced):
    header = trace_files(traced)[0][0].keys()
    driven = 0
    for printed, line in logged(traced):
        row = dict(zip(header, line.split(","), strict=True))
        if row["episode_status"] == "prepare":
            continue
        told = json.loads(printed)  # the line before a step's is what was printed in that very step
        driven += 1
        assert int(row["steps"]) == told["steps"]
        for name, key in (("X", "x"), ("Y", "y"), ("progress", "progress")):
            assert float(row[name]) == pytest.approx(told[key], abs=6e-5)
        turn = math.radians(float(row["yaw"]) - told["heading"])
        assert math.cos(turn) == pytest.approx(1, abs=1e-9)
        assert (float(row["steer"]), float(row["throttle"])) == (told["steering_angle"], told["speed"])
        assert float(row["reward"]) == pytest.approx(told["reward"], rel=1e-6)
        assert row["all_wheels_on_track"] == str(told["all_wheels_on_track"])
        assert int(row["closest_waypoint"]) in told["closest_waypoints"]
        assert float(row["track_len"]) == pytest.approx(told["track_length"], abs=0.006)
        assert (row["episode_status"] == "off_track") == told["is_offtrack"]
        chosen = traced.actions.to_json()[int(row["action"])]
        assert chosen == {"steering_angle": told["steering_angle"], "speed": told["speed"]}
    assert driven > 100


def test_an_episode_begins_with_where_and_when_it_began(traced):
    for rows in trace_files(traced).values():
        for start_row, first in itertools.pairwise(rows):
            if start_row["episode_status"] != "prepare":
                continue
            values = [
                start_row[name] for name in ("steps", "steer", "throttle", "action", "reward", "progress")
            ]
            assert [float(value) for value in values] == [0, 0, 0, -1, 0, 0]
            assert float(first["tstamp"]) - float(start_row["tstamp"]) == pytest.approx(1 / 15, abs=1e-4)
            moved = math.dist(*((float(row["X"]), float(row["Y"])) for row in (start_row, first)))
            assert moved < 0.1  # from rest, in a fifteenth of a second
            assert abs(int(first["closest_waypoint"]) - int(start_row["closest_waypoint"])) <= 1


def test_time_is_the_simulators(traced):
    """Cars that drive side by side share a clock; an iteration takes steps times 1/15 s."""
    steps = {int(row["iteration"]): row["samples"] / 8 for row in traced.metrics()}
    table = {row["episode"]: row for row in episodes_table(traced)}
    for rows in trace_files(traced).values():
        for row in rows:
            if row["done"] == "True":
                iteration = int(table[row["episode"]]["iteration"])
                step = 15 * float(row["tstamp"])
                assert step == pytest.approx(round(step), abs=1e-2)
                assert steps.get(iteration - 1, 0) < round(step) <= steps[iteration]


def test_the_table_of_episodes_says_what_the_trace_cannot(traced):
    rows = [row for rows in trace_files(traced).values() for row in rows]
    for entry in episodes_table(traced):
        own = [row for row in rows if row["episode"] == entry["episode"]]
        assert int(entry["steps"]) == len(own) - 1
        assert float(entry["reward"]) == pytest.approx(sum(float(row["reward"]) for row in own), rel=1e-5)
        assert (entry["status"], entry["progress"]) == (own[-1]["episode_status"], own[-1]["progress"])
        lines = [before for before, line in logged(traced) if line.startswith(f"{entry['episode']},")]
        assert {str(json.loads(line)["is_reversed"]) for line in lines[1:]} == {entry["reversed"]}
        assert (entry["track"], 0 <= int(entry["car"]) < 8) == ("circle", True)


def test_metrics_are_in_awss_words(traced):
    content = metrics_of(traced)
    assert (content["version"], content["best_model_metric"]) == (2.0, "progress")
    rows = [row for rows in trace_files(traced).values() for row in rows]
    training = [entry for entry in content["metrics"] if entry["phase"] == "training"]
    assert len(training) == 2 * EPISODES
    labels = {"off_track": "Off track", "time_up": "Time Up", "lap_complete": "Lap complete",
              "reversed": "Reversed", "immobilized": "Immobilized"}  # fmt: skip
    for entry in training:
        own = [row for row in rows if int(row["episode"]) == entry["episode"] - 1]
        assert entry["trial"] == (entry["episode"] - 1) % EPISODES + 1
        assert entry["reward_score"] == round(sum(float(row["reward"]) for row in own))
        assert entry["elapsed_time_in_milliseconds"] == round(1000 * (len(own) - 1) / 15)
        assert entry["metric_time"] == pytest.approx(1000 * float(own[-1]["tstamp"]), abs=1)
        assert entry["start_time"] == pytest.approx(1000 * float(own[0]["tstamp"]), abs=1)
        assert entry["completion_percentage"] == int(float(own[-1]["progress"]))
        assert entry["episode_status"] == labels[own[-1]["episode_status"]]


def test_evaluations_are_in_the_metrics_with_the_iteration_that_led_to_them(traced):
    judged = {row["iteration"]: row for row in traced.metrics() if row["evaluation_completion"] >= 0}
    assert list(judged) == [2, 4]
    laps = [entry for entry in metrics_of(traced)["metrics"] if entry["phase"] == "evaluation"]
    assert [entry["episode"] for entry in laps] == [EPISODES] * 2 + [3 * EPISODES] * 2  # two cars, a lap each
    assert {entry["trial"] for entry in laps} == {EPISODES}
    for iteration, pair in ((2, laps[:2]), (4, laps[2:])):
        mean = sum(entry["completion_percentage"] for entry in pair) / 2
        assert 100 * judged[iteration]["evaluation_completion"] - 1 <= mean
        assert mean <= 100 * judged[iteration]["evaluation_completion"]


def test_hyperparameters_say_how_episodes_are_numbered(traced):
    values = json.loads((traced.path / "ip/hyperparameters.json").read_text())
    assert values["num_episodes_between_training"] == EPISODES
    assert (values["batch_size"], values["lr"], values["num_epochs"]) == (32, traced.settings.ppo.lr, 2)


def test_a_file_that_is_not_full_goes_on_after_the_next_evaluation(track, tmp_path):
    """20 episodes where the settings name no number; 8 cars end fewer in two rollouts of 8 steps."""
    run = start(small_settings(track, 6), tmp_path / "run")
    files = trace_files(run)
    assert list(files) == [0, 4] or list(files) == [0]
    assert len({row["episode"] for row in files[0]}) <= 20
    entries = [entry["episode"] for entry in metrics_of(run)["metrics"] if entry["phase"] == "evaluation"]
    assert sorted({*entries}) == [20, 60, 100]  # of iterations 0, 2 and 4, as AWS counts


def test_prints_of_all_cars_are_kept(traced):
    """Each of the 8 cars calls its function once a step, whether its episode is traced or not."""
    lines = (traced.path / "training.log").read_text().splitlines()
    assert sum(line.startswith("{") for line in lines) == traced.metrics()[-1]["samples"]


def test_a_resumed_training_goes_on_without_doubles(go_on):
    run, to = go_on
    before = {first: rows for first, rows in trace_files(run).items()}
    to(8)
    files = assert_sound(run)
    assert list(files) == [0, 2, 4]
    assert {first: files[first] for first in before} == before
    assert {int(row["iteration"]) for row in episodes_table(run) if int(row["episode"]) >= 4 * EPISODES} <= {
        *range(5, 9)
    }


def test_what_an_iteration_that_was_lost_had_written_goes(go_on):
    """Killed after the trace of iteration 4 and before its checkpoint: the fourth comes again."""
    run, to = go_on
    checkpoint(run, 4).unlink()
    (run.path / "training-simtrace/4-iteration.csv").write_text("begun")
    with (run.path / "training.log").open("a") as log:
        log.write("SIM_TRACE_LOG:2")
    to(3)
    assert list(assert_sound(run)) == [0, 2]
    to(6)
    files = assert_sound(run)
    assert list(files) == [0, 2, 4]
    assert max(int(row["iteration"]) for row in episodes_table(run)) >= 4


def test_a_training_that_is_interrupted_leaves_its_metrics(track, tmp_path):
    settings = traced_settings(track, tmp_path, 9)
    with pytest.raises(KeyboardInterrupt):
        start(settings, tmp_path / "run", report=Interruption(3))
    run = RunFolder.open(tmp_path / "run")
    assert_sound(run)
    lines = (run.path / "training.log").read_text().splitlines()
    assert sum(line.startswith("{") for line in lines) == run.metrics()[-1]["samples"]
    resume(run.path, settings.stop.replaced(iterations=5))
    assert_sound(run)


def test_a_full_disk_is_the_usual_error_and_leaves_whole_lines(go_on):
    run, to = go_on
    size = (run.path / "training.log").stat().st_size
    with (
        full_disk(size + 1000),
        pytest.raises(
            RunError, match=r"cannot write .*: File too large; free some space[\s\S]*is saved; to go"
        ),
    ):
        to(9)
    assert (run.path / "training.log").read_text().endswith("\n")
    to(9)
    assert_sound(run)


def test_cars_on_several_tracks_have_the_lengths_of_their_own(track, tmp_path):
    other = circle_track(tmp_path, radius=2.0, name="large")
    settings = traced_settings(track, tmp_path, 2).replaced(track=(str(track), str(other)))
    run = start(settings, tmp_path / "run")
    assert_sound(run)
    table = {row["episode"]: row for row in episodes_table(run)}
    rows = [row for rows in trace_files(run).values() for row in rows]
    assert {row["track"] for row in table.values()} == {"circle", "large"}
    for row in rows:
        name, radius = table[row["episode"]]["track"], math.hypot(float(row["X"]), float(row["Y"]))
        assert row["track_len"] == {"circle": "6.28", "large": "12.55"}[name]
        if row["episode_status"] == "prepare":  # starts are at most 0.2 m off the middle of the road
            assert (name == "large") == (radius > 1.5)


def test_what_a_lost_simulator_left_unfinished_is_not_traced(track, tmp_path, monkeypatch):
    calls = 0

    def step(world, command, step=EmbeddedWorld.step):
        nonlocal calls
        calls += 1
        if calls in (7, 20):
            raise WorldInterrupted("lost, and back")
        step(world, command)

    monkeypatch.setattr(EmbeddedWorld, "step", step)
    run = train_traced(track, tmp_path, 4)
    files = assert_sound(run)
    samples = run.metrics()[-1]["samples"]
    assert max(float(row["tstamp"]) for rows in files.values() for row in rows) <= samples / 8 / 15 + 1e-3


def killed(action, call):
    """Do an action in a fork that SIGKILL ends at its n-th writing call; tell whether it came so far."""
    child = os.fork()
    if not child:
        count = 0

        def look(frame, event, function):
            nonlocal count
            if event in ("c_call", "c_return") and function.__name__ in (
                "write",
                "replace",
                "flush",
                "unlink",
            ):
                count += 1
                if count == call:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.setprofile(look)
        try:
            action()
        finally:
            os._exit(0)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


@pytest.mark.parametrize("call", [3, 20, 33, 46, 59, 72])
def test_a_kill_at_any_point_leaves_whole_files_that_go_on(go_on, call):
    run, to = go_on
    assert killed(lambda: to(7), call)
    for file in (run.path / "training-simtrace").glob("*.csv"):
        assert file.read_text().endswith("\n")
    assert all(len(row) == 19 and None not in row for rows in trace_files(run).values() for row in rows)
    assert all(len(line.split(",")) == 19 for _, line in logged(run))
    metrics_of(run)
    to(8)
    assert_sound(run)
    assert [row["iteration"] for row in run.metrics()] == list(range(1, 9))


def test_damaged_files_are_named(go_on):
    run, to = go_on
    (run.path / "metrics/TrainingMetrics.json").write_text('{"metrics": [')
    with pytest.raises(RunError, match=r"TrainingMetrics.json cannot be used: .*go on without it, remove it"):
        to(5)
    (run.path / "metrics/TrainingMetrics.json").unlink()
    (run.path / "training-simtrace/episodes.csv").write_text("episode,iteration\n1,abc\n")
    with pytest.raises(RunError, match=r"episodes.csv cannot be used: invalid literal"):
        to(5)


def test_files_begin_at_fewer_evaluations_the_longer_a_training_takes():
    assert all(begins_file(evaluation) for evaluation in range(1, 33))
    assert [evaluation for evaluation in range(33, 72) if begins_file(evaluation)] == [
        *range(34, 65, 2),
        68,
    ]
    assert sum(map(begins_file, range(1, 601))) == 32 + 16 + 16 + 16 + 16 + 2


def test_a_choice_of_episodes_is_even():
    assert spread(list("abc"), 5) == ["a", "b", "c"]
    assert spread(list("abcdefg"), 3) == ["a", "c", "e"]
    assert spread(list("abc"), 0) == []
