"""What the page of a model reads from its files: metrics as they grow, logs, evaluations, comparisons."""

from __future__ import annotations

import json
import math
from types import SimpleNamespace

import pytest

pytest.importorskip("nicegui")

from small_models import definition

from deepracer_sim.console.model.kept_comparison import kept_comparisons, kept_iterations
from deepracer_sim.console.model.learning_chart import MOST_POINTS, smoothed, thinned
from deepracer_sim.console.model.log_view import MOST_LINES, PRINTS, PROGRESS, STEPS, log_text
from deepracer_sim.console.model.past_evaluations import new_evaluation, past_evaluations
from deepracer_sim.console.model.run_metrics import RunMetrics, judged, seconds_left, speed
from deepracer_sim.console.model.training_view import clock
from deepracer_sim.errors import ModelError
from deepracer_sim.garage.model_store import ModelStore
from deepracer_sim.settings import StopSettings

HEADER = "iteration,samples,seconds,evaluation_completion,evaluation_clean_runs,evaluation_lap_time\n"


@pytest.fixture
def model(tmp_path):
    model = ModelStore(tmp_path / "models").create("fast", definition())
    run = model.run_path(1)
    (run / "checkpoints").mkdir(parents=True)
    (run / "config.json").write_text(json.dumps(definition().settings.model_dump(mode="json")))
    (run / "metrics.csv").write_text(HEADER)
    return model


def test_metrics_are_read_as_they_grow_and_when_they_are_cut(tmp_path):
    file, metrics = tmp_path / "metrics.csv", RunMetrics(tmp_path)
    assert metrics.rows() == []
    file.write_text(f"{HEADER}1,100,2,,,\n2,200,4,0.5,0,\n3,30")
    assert [row["iteration"] for row in metrics.rows()] == [1, 2]
    with file.open("a") as stream:
        stream.write("0,6,1,2,8.5\n")
    rows = metrics.rows()
    assert rows[2]["samples"] == 300
    assert math.isnan(rows[0]["evaluation_completion"])
    assert [(one.iteration, one.completion, one.clean_runs) for one in judged(rows)] == [
        (2, 0.5, 0),
        (3, 1, 2),
    ]
    file.write_text(f"{HEADER}1,100,2,,,\n")  # a training goes on from an older checkpoint
    assert [row["iteration"] for row in metrics.rows()] == [1]
    replaced = tmp_path / "other"
    replaced.write_text(f"{HEADER}1,100,2,,,\n2,777,4,,,\n3,888,6,,,\n")
    replaced.rename(file)
    assert [row["samples"] for row in metrics.rows()] == [100, 777, 888]
    file.write_text(f"{HEADER}1,100\n2,x\n")
    with pytest.raises(ModelError, match="damaged"):
        RunMetrics(tmp_path).rows()


def test_speed_and_time_left():
    rows = [{"iteration": i, "samples": 100 * i, "seconds": 2.0 * i} for i in range(1, 21)]
    rows[-1]["seconds"] = 49.0  # the last ten took 49 - 22 = 27 s for 900 steps
    assert speed(rows) == pytest.approx(900 / 27)
    assert math.isnan(speed([]))
    assert seconds_left(StopSettings(minutes=1.0), rows) == pytest.approx(11.0)
    # 20 iterations took 49 s: another 2 take 4.9 s.
    assert seconds_left(StopSettings(minutes=1.0, iterations=22), rows) == pytest.approx(4.9)
    assert seconds_left(StopSettings(minutes=0.5), rows) == 0.0
    assert math.isnan(seconds_left(StopSettings(minutes=None), rows))
    assert (clock(59.9), clock(61), clock(3723)) == ("0:59", "1:01", "1:02:03")


def test_curves_have_few_points_and_keep_their_ends_and_peaks():
    points = [[float(i), float(i % 10)] for i in range(1, 10 * MOST_POINTS + 1)]
    assert len(thinned(points)) == MOST_POINTS
    assert thinned(points)[0] == [10.0, 4.5]  # the mean of 1 to 9 and 0
    assert thinned(points)[-1][0] == 10 * MOST_POINTS
    assert {value for _, value in thinned(points, max)} == {9.0}
    assert thinned(points[:3]) == points[:3]
    assert thinned([]) == []
    assert smoothed([[1.0, 5.0], [2.0, 5.0]]) == [[1.0, 5.0], [2.0, 5.0]]
    # The weights of 0 and 1 are 0.88 and 1.
    assert smoothed([[1.0, 0.0], [2.0, 1.0]])[1][1] == pytest.approx(1 / 1.88, abs=1e-4)


def test_the_log_is_searched_cut_and_made_harmless(model):
    job = SimpleNamespace(output="0:05 iteration 7\n0:10 iteration 14")
    state = SimpleNamespace(run_path=model.run_path(1), jobs={"train": job})
    assert log_text(state, PROGRESS, "ITERATION 7") == "0:05 iteration 7"
    assert log_text(state, PROGRESS, "iteration 9").startswith("No line has")
    assert log_text(state, PRINTS, "") == "The reward function has printed nothing."
    lines = [f"print {number}\nSIM_TRACE_LOG:0,{number},x" for number in range(100_000)]
    log = model.run_path(1) / "training.log"
    log.write_text("\n".join(lines) + "\n" + "x" * 10**6 + "\nend\n")
    prints = log_text(state, PRINTS, "").split("\n")
    assert prints == ["end"]  # a megabyte of print fills what is looked at
    with log.open("a") as stream:
        stream.write("\n".join(lines[:5000]) + "\n\x1b[2J\x00<b>\n")
    prints = log_text(state, PRINTS, "").split("\n")
    assert len(prints) == MOST_LINES
    assert prints[-2:] == ["print 4999", "?[2J?<b>"]
    assert log_text(state, STEPS, "").split("\n")[-1] == "SIM_TRACE_LOG:0,4999,x"
    assert log_text(state, PRINTS, "print 499").split("\n")[-1] == "print 4999"


def test_evaluations_are_found_by_name_and_get_their_pictures_one_by_one(model):
    assert past_evaluations(model) == []
    run = model.run_path(1)
    for place, name in ((run, "evaluation-20260101120000"), (run, "evaluation-x"), (run, "evaluation-2026")):
        (place / name).mkdir()
        (place / name / "evaluation.json").write_text('{"summary": {}, "settings": {}, "runs": []}')
    (run / "evaluation-20270101120000").mkdir()  # it drives
    (found,) = past_evaluations(model)
    assert (found.key, found.when, found.files) == ("1-20260101120000", "2026-01-01 12:00", ())
    assert found.report()["runs"] == []
    (found.path / "driven_lines.png").write_bytes(b"")
    (found.path / "video.mp4").symlink_to("/etc/passwd")
    (again,) = past_evaluations(model)
    assert again.files == ("driven_lines.png",)
    assert again.file("video.mp4") is None
    assert again.file("evaluation.json") is None
    (found.path / "evaluation.json").write_text("[]")
    with pytest.raises(ModelError, match="damaged"):
        found.report()
    assert new_evaluation(model, run).parent == run
    assert new_evaluation(model, model.path / "model").parent == model.path / "evaluations"


def test_comparisons_are_read_as_they_grow(model):
    run = model.run_path(1)
    assert kept_comparisons(run) == []
    result = {"iteration": 4, "completion": 0.5, "clean_runs": 1, "cars": 16, "lap_time": None,
              "best_lap_time": 9.5, "weights": "0"}  # fmt: skip
    settings = {"track": "/a/b/circle.npy", "laps": 3, "cars": 16, "randomised": True}
    (run / "comparison.json").write_text(json.dumps([{"settings": settings, "results": [result]}]))
    (found,) = kept_comparisons(run)
    assert found.title == "circle: 16 cars, 3 laps, drawn at random"
    assert (found.results[0].iteration, found.results[0].best_lap_time) == (4, 9.5)
    assert math.isnan(found.results[0].lap_time)
    (run / "comparison.json").write_text('[{"settings": 1}]')
    with pytest.raises(ModelError, match="damaged"):
        kept_comparisons(run)
    for name in ("checkpoints/iteration_00004.pt", "checkpoints/best.pt", "weights/iteration_00002.pt"):
        (run / name).parent.mkdir(exist_ok=True)
        (run / name).write_bytes(b"")
    assert kept_iterations(run) == [2, 4]
