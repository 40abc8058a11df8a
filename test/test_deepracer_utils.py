"""The published deepracer-utils reads a run folder as it is; its numbers are what really happened."""

from __future__ import annotations

import json

import numpy as np
import pytest
from small_runs import circle_track
from traced_runs import EPISODES, episodes_table, metrics_of, train_traced

from deepracer_sim import training_graph
from deepracer_sim.evaluation_run import default_output, evaluate_model, load_model, write_evaluation
from deepracer_sim.settings import EvaluateSettings
from deepracer_sim.simulation import Course

pytestmark = pytest.mark.filterwarnings("ignore:::deepracer", "ignore:::pandas", "ignore:::matplotlib")

LAPS = 2


@pytest.fixture(scope="module", autouse=True)
def quiet():
    """Plots are drawn and not shown; no cloud is asked for anything."""
    import matplotlib

    matplotlib.use("Agg")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        patch.setattr(training_graph, "save_training_graph", lambda *arguments: None)
        yield


@pytest.fixture(scope="module")
def track(tmp_path_factory):
    return circle_track(tmp_path_factory.mktemp("track"))


@pytest.fixture(scope="module")
def run(track, tmp_path_factory):
    return train_traced(track, tmp_path_factory.mktemp("racers"), iterations=6)


@pytest.fixture(scope="module")
def evaluation(run, track):
    """A drive of two laps with resets, written into the run."""
    model, course = load_model(run.path), Course.load([str(track)])
    settings = EvaluateSettings(track=str(track), laps=LAPS, max_resets=20, video=False)
    driven = evaluate_model(model, settings, course)
    write_evaluation(driven, model, settings, course, default_output(run.path))
    return driven


@pytest.fixture(scope="module")
def log(run):
    from deepracer.logs import DeepRacerLog

    log = DeepRacerLog(str(run.path))
    log.load()
    return log


@pytest.fixture(scope="module")
def racers_track(run, track):
    from deepracer.tracks import Track

    center, inner, outer = np.split(np.load(track), 3, axis=1)
    closed = [np.concatenate((line, line[:1])) for line in (center, inner, outer)]
    return Track("circle", np.concatenate(closed, axis=1))


@pytest.fixture
def shown(monkeypatch):
    """Count the pictures that would be shown; each has something drawn on it."""
    from matplotlib import pyplot

    pictures = []

    def show(*arguments, **options):
        figure = pyplot.gcf()
        figure.canvas.draw()
        pictures.append(sum(len(axes.get_children()) for axes in figure.axes))

    monkeypatch.setattr(pyplot, "show", show)
    yield pictures
    pyplot.close("all")
    assert pictures and min(pictures) > 10


def test_the_folder_is_known_and_all_steps_are_read(log, run):
    from deepracer.logs import LogFolderType

    assert log.fh.type is LogFolderType.DRFC_MODEL_SINGLE_WORKERS
    frame, table = log.dataframe(), episodes_table(run)
    assert sorted(frame["iteration"].unique()) == [0, 2, 4]
    assert (frame["unique_episode"] == frame["episode"]).all()
    assert len(frame) == sum(int(row["steps"]) + 1 for row in table)
    assert frame["action"].dtype.kind == "i" and frame["on_track"].dtype == bool
    driven = frame[frame["episode_status"] != "prepare"]
    assert set(driven["action"]) <= set(range(len(run.actions)))


def test_what_was_trained_is_read_too(log, run):
    assert log.action_space() == run.actions.to_json()
    assert log.hyperparameters()["num_episodes_between_training"] == EPISODES
    assert log.hyperparameters()["lr"] == run.settings.ppo.lr
    assert log.agent_and_network() == {
        "sensor_list": ["FRONT_FACING_CAMERA"],
        "network": "FAST",
        "simapp_version": "5",
    }


def test_aggregates_are_the_episodes(log, run):
    from deepracer.logs import AnalysisUtils

    aggregates = AnalysisUtils.simulation_agg(log.dataframe().copy(), secondgroup="unique_episode")
    table = {int(row["episode"]): row for row in episodes_table(run)}
    assert sorted(aggregates["unique_episode"]) == sorted(table)
    for row in aggregates.to_dict("records"):
        entry = table[row["unique_episode"]]
        assert row["iteration"] == row["unique_episode"] // EPISODES
        assert row["steps"] == int(entry["steps"]) + 1  # with the row of its start
        assert row["time"] == pytest.approx(int(entry["steps"]) / 15, abs=2e-4)
        assert row["reward"] == pytest.approx(float(entry["reward"]), rel=1e-5)
        assert row["progress"] >= float(entry["progress"])  # the most that it had, before it slid back
        assert row["complete"] == (entry["status"] == "lap_complete")


def test_the_charts_of_a_training_are_drawn(log, shown):
    from deepracer.logs import AnalysisUtils

    aggregates = AnalysisUtils.simulation_agg(log.dataframe().copy(), secondgroup="unique_episode")
    AnalysisUtils.analyze_training_progress(aggregates, title="progress")
    AnalysisUtils.scatter_aggregates(aggregates, "aggregates")
    AnalysisUtils.scatter_by_groups(aggregates, title="quintiles")
    assert len(shown) == 3


def test_the_log_has_the_same_steps(log, run):
    from deepracer.logs import SimulationLogsIO

    frame = SimulationLogsIO.load_pandas(str(run.path / "training.log"), EPISODES)
    for name in ("iteration", "episode", "steps", "x", "y", "yaw", "reward", "tstamp", "on_track", "done"):
        assert (frame[name].to_numpy() == log.dataframe()[name].to_numpy()).all(), name


def test_laps_are_drawn_on_the_track(log, racers_track, shown):
    from deepracer.logs import ActionBreakdownUtils, PlottingUtils

    frame = log.dataframe().copy()
    best = frame.groupby("episode")["progress"].max().nlargest(2).index.tolist()
    PlottingUtils.plot_laps(best, frame, racers_track)
    PlottingUtils.plot_laps(best, frame, racers_track, style="modern")
    PlottingUtils.plot_track(frame, racers_track, value_field="reward")
    PlottingUtils.plot_grid_world(frame[frame["episode"] == best[0]].copy(), racers_track)
    ActionBreakdownUtils.action_breakdown(frame, racers_track, iteration_ids=[0, 2, 4])
    names = ActionBreakdownUtils.determine_action_names(frame)
    assert all(name.startswith("A:") for name in names) and 2 <= len(names) <= 10
    assert len(shown) == 5


def test_an_episode_lies_on_the_road_where_it_says_so(log, racers_track):
    from shapely.geometry import Point

    frame = log.dataframe()
    for row in frame[frame["on_track"]].to_dict("records"):
        assert racers_track.road_poly.distance(Point(row["x"], row["y"])) < 0.12  # of the car's front


def test_the_training_graph(run, shown):
    from deepracer.logs import TrainingMetrics

    metrics = TrainingMetrics(None, fname=str(run.path / "metrics/TrainingMetrics.json"))
    training, evaluation = metrics.getTraining(), metrics.getEvaluation()
    table = episodes_table(run)
    assert training["iteration"].tolist() == [int(row["episode"]) // EPISODES for row in table]
    assert training["reward"].tolist() == [round(float(row["reward"])) for row in table]
    assert training["completion"].tolist() == [int(float(row["progress"])) for row in table]
    assert training["time"].to_numpy() == pytest.approx([int(row["steps"]) / 15 for row in table], abs=1e-3)
    entries = [entry for entry in metrics_of(run)["metrics"] if entry["phase"] == "evaluation"]
    assert evaluation["iteration"].tolist() == [0, 0, 2, 2, 4, 4]
    assert evaluation["completion"].tolist() == [entry["completion_percentage"] for entry in entries]
    summary = metrics.getSummary()
    judged = [row["evaluation_completion"] for row in run.metrics() if row["evaluation_completion"] >= 0]
    assert summary["eval_completion"].to_numpy() == pytest.approx(100 * np.array(judged), abs=1)
    metrics.plotProgress()
    assert len(shown) == 1


def test_the_simulators_pace_is_steady(log):
    stability = log.stability.analyze()
    assert stability["iteration"].tolist() == [0, 2, 4]
    assert stability["avg_ms"].to_numpy() == pytest.approx(1000 / 15, abs=0.01)
    assert (stability["max_ms"] < 66.9).all()


def test_an_evaluation_is_read(run, evaluation, racers_track, shown):
    from deepracer.logs import AnalysisUtils, DeepRacerLog, EvaluationUtils, PlottingUtils

    log = DeepRacerLog(str(run.path))
    log.load_evaluation_trace()
    frame = log.dataframe()
    (car,) = evaluation.runs
    assert sorted(frame["episode"].unique()) == list(range(len(car.attempts)))
    assert frame["stream"].nunique() == 1 and len(frame["stream"].iloc[0]) == 14
    aggregates = AnalysisUtils.simulation_agg(frame.copy(), "stream", is_eval=True)
    for row, attempt in zip(aggregates.to_dict("records"), car.attempts, strict=True):
        assert row["off_track"] == len(attempt.faults)
        assert row["progress"] == pytest.approx(100 * attempt.completion, abs=1e-3)
        # The trace has a lap end with a step, the lap time is taken between two of them.
        assert row["time"] == pytest.approx(attempt.time, abs=2 / 15)
    assert aggregates["time"].sum() == pytest.approx(sum(attempt.time for attempt in car.attempts), abs=0.07)
    AnalysisUtils.scatter_aggregates(aggregates, is_eval=True)
    EvaluationUtils.analyse_single_evaluation(frame.copy(), racers_track)
    PlottingUtils.plot_evaluations(frame.copy(), racers_track)
    assert len(shown) == 2 + len(car.attempts)


def test_the_log_of_an_evaluation_is_read(run, evaluation):
    from deepracer.logs import SimulationLogsIO

    (folder,) = run.path.glob("evaluation-*")
    frame = SimulationLogsIO.load_pandas(str(folder / "evaluation.log"))
    (car,) = evaluation.runs
    assert len(frame) == sum(attempt.end - attempt.begin + 1 for attempt in car.attempts)
    laps = json.loads((folder / "metrics.json").read_text())["metrics"]
    assert [lap["off_track_count"] for lap in laps] == [len(attempt.faults) for attempt in car.attempts]
    assert frame.groupby("episode")["progress"].max().tolist() == pytest.approx(
        [100 * attempt.completion for attempt in car.attempts], abs=1e-3
    )


def test_an_own_reward_function_can_be_tried_on_a_log(run, log, racers_track, tmp_path, monkeypatch):
    from deepracer.logs import NewRewardUtils

    (tmp_path / "other_reward.py").write_text(
        "class Reward:\n    def __init__(self, verbose=False):\n        pass\n\n"
        "    def reward_function(self, params):\n        return params['distance_from_center']\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    forward = [int(row["episode"]) for row in episodes_table(run) if row["reversed"] == "False"]
    frame = log.dataframe()[log.dataframe()["episode"].isin(forward)].head(60).copy()
    NewRewardUtils.new_reward(frame, racers_track.center_line, "other_reward")
    # Of a circle with a radius of 1 m; its waypoints make it a polygon, and the nearest is taken for a line.
    radius = np.hypot(frame["x"], frame["y"])
    assert frame["new_reward"].to_numpy() == pytest.approx(np.abs(radius - 1), abs=0.02)
