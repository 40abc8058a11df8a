"""Evaluating what a training leaves: run folder, checkpoint and exported model."""

from __future__ import annotations

import json
import re
import shutil

import numpy as np
import pytest
from onnx_models import metadata, network_bytes
from small_runs import circle_track, small_settings

from deepracer_inference.model_bundle import ModelBundle
from deepracer_sim import evaluation_run, training_graph
from deepracer_sim.errors import RunError
from deepracer_sim.evaluation_run import (
    CarView,
    default_output,
    evaluate_model,
    load_model,
    view_world,
    write_evaluation,
)
from deepracer_sim.settings import EvaluateSettings
from deepracer_sim.simulation import Course
from deepracer_sim.training_run import start


@pytest.fixture(scope="module")
def track(tmp_path_factory):
    return circle_track(tmp_path_factory.mktemp("track"))


@pytest.fixture(scope="module")
def run(track, tmp_path_factory):
    """Two iterations: it drives badly, which is what resets are for."""
    settings = small_settings(track, 2, car={"friction": 0.9}, camera={"field_of_view": 1.2})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training_graph, "save_training_graph", lambda *arguments: None)
        return start(settings, tmp_path_factory.mktemp("runs") / "run")


@pytest.fixture(scope="module")
def course(track):
    return Course.load([str(track)])


def settings_for(track, **changes):
    return EvaluateSettings(**{"track": str(track), "laps": 1, "max_resets": 3, "video": False, **changes})


def driven(evaluation):
    trace = evaluation.trace
    return np.stack([trace.x, trace.y, trace.yaw]), trace.action


def test_run_checkpoint_and_bundle_drive_the_same(run, track, course, tmp_path):
    shutil.copy(run.path / "checkpoints/best.pt", tmp_path / "lonely.pt")
    sources = (
        run.path,
        run.path / "checkpoints/iteration_00002.pt",
        run.path / "model",
        tmp_path / "lonely.pt",
    )
    models = [load_model(source) for source in sources]
    assert [len(model.actions) for model in models] == [10] * 4
    assert {model.camera for model in models} == {run.settings.camera}
    evaluations = [evaluate_model(model, settings_for(track, cars=4), course) for model in models]
    for evaluation in evaluations[1:]:
        assert evaluation.runs == evaluations[0].runs
        assert np.array_equal(driven(evaluation)[1], driven(evaluations[0])[1])


def test_an_older_checkpoint_is_another_model(run, track, course):
    first, last = (
        evaluate_model(
            load_model(run.path / f"checkpoints/iteration_0000{n}.pt"), settings_for(track), course
        )
        for n in (0, 2)
    )
    assert driven(first)[0].tobytes() != driven(last)[0].tobytes()


def test_a_bundle_on_its_own_gets_the_usual_camera_at_its_size(run, tmp_path):
    shutil.copytree(run.path / "model", tmp_path / "copied")
    camera = load_model(tmp_path / "copied").camera
    assert (camera.width, camera.height, camera.channels) == (32, 24, 1)
    assert camera.field_of_view != run.settings.camera.field_of_view


def test_a_bundle_for_pictures_that_no_camera_gives_is_refused(tmp_path):
    (tmp_path / "model.onnx").write_bytes(network_bytes(shape=("batch", 4, 6, 1)))
    (tmp_path / "model_metadata.json").write_text(json.dumps(metadata()))
    with pytest.raises(RunError, match="takes pictures that no camera gives: width=6: must be >= 16"):
        load_model(tmp_path)


def test_the_car_of_the_training_is_evaluated(run, track, course, monkeypatch):
    asked = []
    make = evaluation_run.make_evaluation_env

    def spy(settings, *arguments):
        asked.append(settings)
        return make(settings, *arguments)

    monkeypatch.setattr(evaluation_run, "make_evaluation_env", spy)
    evaluate_model(load_model(run.path), settings_for(track, latency=0.5), course)
    assert asked[0].car == run.settings.car.replaced(latency=0.5)
    assert asked[0].car.friction == 0.9


def test_many_cars_start_all_over_the_track_in_both_directions(run, track, course):
    evaluation = evaluate_model(load_model(run.path), settings_for(track, cars=16, max_resets=0), course)
    starts = [(round(entry.start, 1), entry.reversed) for entry in evaluation.runs]
    assert len(set(starts)) == 16
    assert sum(entry.reversed for entry in evaluation.runs) == 8


def test_one_car_starts_at_the_line_in_the_direction_asked_for(run, track, course):
    model = load_model(run.path)
    for reversed in (False, True):
        evaluation = evaluate_model(model, settings_for(track, reversed=reversed, max_resets=0), course)
        (entry,) = evaluation.runs
        assert entry.reversed is reversed
        # AWS's reference point is 0.14 m ahead of the car's middle, which is on the line.
        assert entry.start == pytest.approx(0.14, abs=0.01)


def test_randomised_cars_depend_on_the_seed_and_clean_ones_do_not(run, track, course):
    model = load_model(run.path)

    def lines(**changes):
        return driven(evaluate_model(model, settings_for(track, cars=4, **changes), course))[0].tobytes()

    assert lines(seed=1) == lines(seed=2)
    assert lines(seed=1, randomised=True) == lines(seed=1, randomised=True)
    assert lines(seed=1, randomised=True) != lines(seed=2, randomised=True)


def test_another_track_can_be_driven(run):
    evaluation = evaluate_model(load_model(run.path), settings_for("oval", max_resets=0))
    assert [entry.track for entry in evaluation.runs] == ["oval"]


def refuse(constant):
    raise AssertionError(f"{constant} is not JSON")


def test_everything_is_written(run, track, course, tmp_path):
    model, settings = load_model(run.path), settings_for(track, cars=2, max_resets=1, video=True)
    evaluation = evaluate_model(model, settings, course)
    assert evaluation.trace.images is not None
    paths = write_evaluation(evaluation, model, settings, course, tmp_path / "new/folder")
    names = [str(path.relative_to(tmp_path / "new/folder")) for path in paths]
    racers = ["evaluation-simtrace/0-iteration.csv", "evaluation.log", "metrics.json"]
    assert names == ["evaluation.json", "driven_lines.png", *racers, "video.mp4"]
    assert {path for path in (tmp_path / "new/folder").rglob("*") if path.is_file()} == {*paths}
    report = json.loads(paths[0].read_text(), parse_constant=refuse)
    assert report["model"] == f"{run.path}, iteration 2"
    assert report["settings"]["reset_penalty"] == 5.0
    assert [entry["resets"] for entry in report["runs"]] == [1, 1]
    assert report["summary"]["median_clean_lap_time"] is None
    assert paths[1].read_bytes().startswith(b"\x89PNG")
    assert paths[-1].read_bytes()[4:8] == b"ftyp"


def test_no_images_are_kept_and_no_video_is_made_unless_wanted(run, track, course, tmp_path):
    model, settings = load_model(run.path), settings_for(track, max_resets=0)
    evaluation = evaluate_model(model, settings, course)
    assert evaluation.trace.images is None
    paths = write_evaluation(evaluation, model, settings, course, tmp_path)
    assert not [path for path in paths if path.suffix == ".mp4"]
    assert not (tmp_path / "video.mp4").exists()


def test_the_view_is_rendered_from_before_each_step(run, track, course, monkeypatch):
    monkeypatch.setattr(evaluation_run, "VIEWS_AT_ONCE", 4)
    model = load_model(run.path)
    evaluation = evaluate_model(model, settings_for(track, max_resets=0, video=True), course)
    view = CarView(evaluation, view_world("embedded", course, model.camera))
    seen = evaluation.trace.images
    assert len(view) == int(evaluation.trace.alive.sum()) > 8
    steps = [0, 1, 5, 6, len(view) - 1, 2]
    for step in steps:
        assert view[step].shape == (480, 640, 3)
        # The policy's picture is the same in small and grey; it changes more from step to step.
        small = view[step].reshape(24, 20, 32, 20, 3).mean((1, 3)) @ (0.299, 0.587, 0.114)
        assert np.abs(small - seen[step][..., 0]).mean() < 4


def test_the_output_goes_into_the_run_or_beside_the_model(run, tmp_path, monkeypatch):
    shutil.copytree(run.path / "model", tmp_path / "copied/model")
    shutil.copy(run.path / "checkpoints/best.pt", tmp_path / "copied/best.pt")
    monkeypatch.chdir(run.path / "checkpoints")
    for source, base in (
        (run.path, run.path),
        (run.path / "model", run.path),
        (type(run.path)("best.pt"), run.path),
        (run.path / "weights/iteration_00001.pt", run.path),
        (tmp_path / "copied/model", tmp_path / "copied"),
        (tmp_path / "copied/best.pt", tmp_path / "copied"),
    ):
        folder = default_output(source)
        assert folder.parent == base
        assert re.fullmatch(r"evaluation-2\d{13}", folder.name)
    folder.mkdir()
    assert default_output(source) != folder


def test_an_output_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(
        RunError, match=r"cannot create .*file/new: Not a directory; choose another with --output"
    ):
        evaluation_run.make_output(tmp_path / "file/new")


def test_what_is_no_model_is_refused(run, tmp_path):
    with pytest.raises(RunError, match=f"run2: no such run folder, checkpoint .*; there is {run.path}"):
        load_model(run.path.parent / "run2")
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(RunError, match=r"notes.txt is damaged, or no checkpoint"):
        load_model(tmp_path / "notes.txt")
    with pytest.raises(RunError, match=r"is no run folder: it has no config.json"):
        load_model(tmp_path)
    (tmp_path / "model.onnx").write_bytes(b"onnx?")
    with pytest.raises(RunError, match=r"model_metadata.json: cannot be read: No such file"):
        load_model(tmp_path)


def test_a_continuous_model_is_refused(tmp_path):
    ranges = {"steering_angle": {"low": -30, "high": 30}, "speed": {"low": 1, "high": 2}}
    content = {**metadata(), "action_space_type": "continuous", "action_space": ranges}
    ModelBundle.save(tmp_path, network_bytes(probabilities=(0.1, 0.2), last="Tanh"), content)
    with pytest.raises(RunError, match="has a continuous action space: only discrete ones can be evaluated"):
        load_model(tmp_path)
