"""Trainings by the `deepracer` program, in this process and in real ones."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from deepracer_program import ENVIRONMENT
from small_runs import options, small_settings, weights_of

from deepracer_inference.model_bundle import ModelBundle
from deepracer_sim import cli, run_commands, training_run
from deepracer_sim.errors import SettingError
from deepracer_sim.run_folder import RunFolder
from deepracer_sim.settings import StopSettings, TrainSettings


@pytest.fixture(scope="module")
def run_path(track, tmp_path_factory):
    """A training by a process of its own."""
    path = tmp_path_factory.mktemp("cli") / "run"
    words = ["train", "--run", str(path), *options(small_settings(track, 2))]
    ended = subprocess.run(
        [sys.executable, "-m", "deepracer_sim.cli", *words], env=ENVIRONMENT, capture_output=True
    )
    assert ended.returncode == 0, ended.stderr.decode()
    assert ended.stdout.decode() == f"The run is in {path}; drive it with: deepracer evaluate {path}\n"
    lines = ended.stderr.decode().splitlines()
    assert [line.split()[2] for line in lines] == ["1", "2"]
    return path


def test_the_command_line_is_the_settings(run_path, track):
    assert RunFolder.open(run_path).settings == small_settings(track, 2)


def test_another_process_trains_the_same_weights(run_path, track, tmp_path):
    training_run.start(small_settings(track, 2), tmp_path / "run")
    assert weights_of(tmp_path / "run/checkpoints/iteration_00002.pt") == weights_of(
        run_path / "checkpoints/iteration_00002.pt"
    )


def test_a_run_is_evaluated_and_exported(deepracer, run_path, track, tmp_path):
    code, out, err = deepracer(
        "evaluate", run_path, "--track", track, "--laps", "1", "--max-resets", "1", "--no-video"
    )
    assert (code, err) == (0, "")
    *table, _, report, picture, trace, log, metrics = out.splitlines()
    assert "lap times s" in table[0]
    assert re.fullmatch(rf"{run_path}/evaluation-\d{{14}}/evaluation.json", report)
    assert json.loads(Path(report).read_text())["runs"][0]["track"] == "circle"
    assert Path(picture).name == "driven_lines.png"
    assert trace.endswith("/evaluation-simtrace/0-iteration.csv")
    assert (Path(log).name, Path(metrics).name) == ("evaluation.log", "metrics.json")

    code, out, _ = deepracer("export", run_path, "--output", tmp_path / "first", "--iteration", "1")
    assert (code, out) == (0, f"{tmp_path}/first: the model of iteration 1\n")
    before, after = (
        ModelBundle.load(folder).onnx_bytes for folder in (tmp_path / "first", run_path / "model")
    )
    assert hashlib.sha256(before).digest() != hashlib.sha256(after).digest()
    assert deepracer("export", run_path)[1] == f"{run_path}/model: the model of iteration 2\n"


def test_an_output_that_cannot_be_written_is_refused_before_driving(
    deepracer, run_path, tmp_path, monkeypatch
):
    (tmp_path / "file").write_text("")
    monkeypatch.setattr("deepracer_sim.evaluation_run.evaluate_model", None)
    code, _, err = deepracer("evaluate", run_path, "--track", "oval", "--output", tmp_path / "file/new")
    assert code == 2
    assert "Not a directory; choose another with --output" in err


def test_a_run_folder_that_is_in_use_is_refused(deepracer, run_path, track):
    before = (run_path / "config.json").read_bytes()
    code, _, err = deepracer("train", "--run", run_path, *options(small_settings(track, 1, seed=9)))
    assert code == 2
    assert f"{run_path} is not empty: choose another folder, or go on in it: deepracer train --resume" in err
    assert (run_path / "config.json").read_bytes() == before


@pytest.mark.parametrize(
    "words", ["--seed 9", "--ppo.lr 0.001", "--profile fast", "--run other", "--from other", "--track oval"]
)
def test_a_resumed_run_takes_only_stop_rules(run_path, monkeypatch, words):
    monkeypatch.setattr(training_run, "resume", None)
    with pytest.raises(
        SettingError, match=r"only --stop options can be added. To train on with others, use --from"
    ):
        cli.run(["train", "--resume", str(run_path), "--stop.iterations", "9", *words.split()])


def test_stop_rules_of_a_resumed_run_are_those_of_the_run_where_none_is_given(run_path, monkeypatch):
    asked = []
    monkeypatch.setattr(training_run, "resume", lambda path, stop, *rest: asked.append(stop))
    minutes = StopSettings().minutes  # the default: it must not be taken for "not given"
    for words in ([], ["--stop.minutes", str(minutes)], ["--stop.target", "--stop.iterations", "None"]):
        cli.run(["train", "--resume", str(run_path), *words])
    mine = StopSettings(minutes=None, target=False, iterations=2)
    assert asked == [mine, mine.replaced(minutes=minutes), mine.replaced(target=True, iterations=None)]


def test_ctrl_c_saves_all_and_the_run_goes_on(deepracer, track, tmp_path):
    path = tmp_path / "run"
    words = ["train", "--run", str(path), *options(small_settings(track, 10_000))]
    process = subprocess.Popen(
        [sys.executable, "-m", "deepracer_sim.cli", *words],
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        while not (path / "checkpoints/iteration_00003.pt").exists() and process.poll() is None:
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=120)
    finally:
        process.kill()
    assert process.returncode == 130, err
    assert "Traceback" not in err
    run = RunFolder.open(path)
    last = run.load_last()[0].iteration
    assert err.endswith(
        f"stopped. All up to iteration {last} is saved; to go on: deepracer train --resume {path}\n"
    )
    assert out == ""
    assert [row["iteration"] for row in run.metrics()][-1] in (last, last + 1)
    assert ModelBundle.load(path / "model").action_space == run.actions
    assert (path / "training_graph.png").exists()
    assert not [file for file in path.rglob(".*")]
    code, _, err = deepracer("train", "--resume", path, "--stop.iterations", last + 1)
    assert code == 0, err
    assert [row["iteration"] for row in run.metrics()] == list(range(1, last + 2))


def test_the_demo_trains_then_drives_the_exported_model(monkeypatch, tmp_path, capsys):
    calls = []
    monkeypatch.setattr(training_run, "start", lambda settings, path, *rest: calls.append((settings, path)))
    monkeypatch.setattr(run_commands, "evaluate", lambda *words, **more: calls.append((*words, more)))
    cli.run(["demo", "--seed", "3", "--run", str(tmp_path / "run")])
    (settings, path), (model, evaluation, more) = calls
    assert (settings, path) == (TrainSettings(seed=3), tmp_path / "run")
    assert (model, evaluation.laps) == (tmp_path / "run/model", 5)
    assert more == {"output": tmp_path / "run/evaluation"}
    assert "training_graph.png" in capsys.readouterr().out


def test_iterations_are_compared_evaluated_and_chosen(deepracer, run_path, track, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(run_path, run)
    code, out, err = deepracer("compare", run, "--laps", "1", "--cars", "2", "--iterations", "0", "2")
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()[:3]] == ["iteration", "0", "2"]
    assert out.splitlines()[-1] == f"{run}/comparison.png"
    assert [line.split()[2] for line in err.splitlines()] == ["0:", "2:"]
    again = deepracer("compare", run, "--laps", "1", "--cars", "2", "--iterations", "0", "2")
    assert again == (0, out, "")  # nothing was driven

    drive = ("--track", track, "--laps", "1", "--max-resets", "0", "--no-video")
    code, out, _ = deepracer("evaluate", run, "--iteration", "1", *drive, "--output", tmp_path / "first")
    assert code == 0
    assert json.loads((tmp_path / "first/evaluation.json").read_text())["model"] == f"{run}, iteration 1"
    code, _, err = deepracer("evaluate", run / "model", "--iteration", "1", *drive)
    assert (code, "is one model, without an iteration 1: give its run folder" in err) == (2, True)

    assert deepracer("choose", run, "1") == (0, f"{run}/model: the model of iteration 1\n", "")
    assert deepracer("export", run, "--output", tmp_path / "out")[1].endswith("the model of iteration 1\n")
    assert deepracer("choose", run, "best")[1] == f"{run}/model: the model of iteration 2\n"
    assert deepracer("export", run, "--iteration", "1")[1] == f"{run}/model_1: the model of iteration 1\n"
    code, _, err = deepracer("choose", run, "7")
    assert (code, err) == (2, f"deepracer: {run} has no iteration 7: the nearest are 1, 2\n")
