"""Training and evaluating in Gazebo, and what becomes of them when gzserver is killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from deepracer_program import ENVIRONMENT
from gazebo_server import descendants, needs_gazebo, one, until
from small_runs import checkpoint, options, small_settings

from deepracer_sim.errors import GazeboError
from deepracer_sim.gazebo import gazebo_world
from deepracer_sim.gazebo.gazebo_world import GazeboWorld
from deepracer_sim.other_simulator import OtherSimulator, open_for_training
from deepracer_sim.profiles import for_gazebo
from deepracer_sim.run_folder import RunFolder
from deepracer_sim.settings import StopSettings
from deepracer_sim.training_run import resume, start

pytestmark = needs_gazebo
ROLLOUT = 8
"""Steps."""


def settings_for(track, iterations):
    """Two cars, a rollout of 8 steps, an evaluation each second iteration."""
    small = for_gazebo(small_settings(track, iterations), num_cars=2)
    return small.replaced(
        ppo=small.ppo.replaced(rollout_steps=ROLLOUT, batch_size=16),
        stop=StopSettings(minutes=None, target=False, iterations=iterations),
        evaluation=small.evaluation.replaced(every=2, starts=1, laps=1),
        car=small.car.replaced(latency=0.5),
    )


def kill():
    """End the one gzserver of this process as a crash does."""
    os.kill(one(descendants(os.getpid()), "bin/gzserver"), signal.SIGKILL)


@pytest.fixture(scope="module")
def run_path(track, tmp_path_factory):
    """A training by a process of its own, whose gzserver is killed on the way, and its gzserver's world."""
    path = tmp_path_factory.mktemp("gazebo") / "run"
    words = [sys.executable, "-m", "deepracer_sim.cli", "train", "--run", str(path)]
    words += options(settings_for(track, 4))
    process = subprocess.Popen(words, env=ENVIRONMENT, stderr=subprocess.PIPE, text=True)
    until(lambda: checkpoint(RunPath(path), 1).exists(), "the first iteration")
    found = descendants(process.pid)
    os.kill(one(found, "bin/gzserver"), signal.SIGKILL)
    _, said = process.communicate(timeout=100)
    assert process.returncode == 0, said
    assert "Gazebo was lost: " in said
    assert "starting it again (1 of at most 3 times)" in said
    assert "Traceback" not in said
    return path


class RunPath:
    """What `small_runs.checkpoint` wants of a run that is not there yet."""

    def __init__(self, path):
        self.path = path


def test_a_training_goes_on_when_gzserver_was_killed(run_path, track):
    run = RunFolder.open(run_path)
    assert run.settings == settings_for(track, 4)
    assert [row["iteration"] for row in run.metrics()] == [1, 2, 3, 4]
    assert {row["samples"] for row in run.metrics()} == {2 * ROLLOUT * n for n in (1, 2, 3, 4)}
    assert run.load_best().iteration in (2, 4)
    assert (run_path / "model/model.onnx").exists()
    steps = (run_path / "training-simtrace/0-iteration.csv").read_text().splitlines()
    log = (run_path / "training.log").read_text().splitlines()
    assert 1 < len(steps) == len(log) + 1
    assert {len(line.split(",")) for line in steps} == {19}


def test_it_is_gone_on_with(deepracer, run_path):
    code, out, err = deepracer("train", "--resume", run_path, "--stop.iterations", "5")
    assert code == 0, err
    assert out.endswith(f"drive it with: deepracer evaluate {run_path} --world gazebo\n")
    assert RunFolder.open(run_path).metrics()[-1]["iteration"] == 5


def test_a_model_is_evaluated_in_gazebo_though_gzserver_is_killed(deepracer, run_path, track, monkeypatch):
    """Once while it drives and once while the video is made; the table is that of the last try alone."""
    step, respawn, calls = GazeboWorld.step, GazeboWorld.respawn, {"step": 0, "respawn": 0}

    def counted(name, call):
        def count(self, *arguments):
            calls[name] += 1
            if calls[name] == 10:
                kill()
            call(self, *arguments)

        return count

    monkeypatch.setattr(GazeboWorld, "step", counted("step", step))
    monkeypatch.setattr(GazeboWorld, "respawn", counted("respawn", respawn))
    words = ("--track", track, "--laps", "1", "--max-resets", "0", "--latency", "1")
    code, out, err = deepracer("evaluate", run_path, "--world", "gazebo", *words)
    assert code == 0, err
    assert err.startswith("deepracer: Gazebo was lost: ") and err.count("\n") == 1
    *table, _, report, picture, trace, _log, _metrics, video = out.splitlines()
    assert "lap times s" in table[0]
    content = json.loads(Path(report).read_text())
    assert content["settings"]["world"] == "gazebo"
    assert len(content["runs"]) == 1
    assert Path(picture).name == "driven_lines.png"
    assert len(Path(trace).read_text().splitlines()) > 10
    assert Path(video).read_bytes()[4:8] == b"ftyp"
    assert calls["respawn"] > 10
    assert not [line for line in descendants(os.getpid()).values() if "gzserver" in line]


def test_losses_in_an_episode_an_update_and_an_evaluation_lose_no_checkpoint(track, tmp_path, monkeypatch):
    """The fourth one is too much: the error says how to go on, and going on works."""
    settings, notes, steps = settings_for(track, 6), [], []

    def on_step(actions, outcome):
        steps.append(actions)
        # In the first rollout, and in the first evaluation: it comes after two rollouts, one of them twice.
        if len(steps) in (5, 5 + 2 * ROLLOUT + 3):
            kill()

    def on_row(row):
        if row["iteration"] in (3, 5):
            kill()

    with open_for_training(settings, note=notes.append) as simulator:
        watched = OtherSimulator(simulator.world, on_step)
        with pytest.raises(GazeboError) as error:
            start(settings, tmp_path / "run", report=on_row, simulator=watched)
    assert len(notes) == gazebo_world.MOST_RESTARTS == 3
    lines = str(error.value).splitlines()
    assert "it was lost 4 times, so it is not started again" in lines[0]
    assert lines[1] == (
        f"All up to iteration 5 is saved; to go on: deepracer train --resume {tmp_path / 'run'}"
    )
    run = RunFolder.open(tmp_path / "run")
    assert [row["iteration"] for row in run.metrics()] == [1, 2, 3, 4, 5]
    assert run.load_last()[0].iteration == 5
    assert (run.path / "model/model.onnx").exists()
    with open_for_training(settings) as simulator:
        resume(tmp_path / "run", simulator=simulator)
    assert run.metrics()[-1]["iteration"] == 6


def test_repeated_losses_end_the_program_with_one_sentence(deepracer, run_path, track, monkeypatch):
    def lost(self, command):
        kill()
        step(self, command)

    step = GazeboWorld.step
    monkeypatch.setattr(GazeboWorld, "step", lost)
    monkeypatch.setattr(gazebo_world, "MOST_RESTARTS", 0)
    code, out, err = deepracer("evaluate", run_path, "--world", "gazebo", "--track", track)
    assert (code, out) == (2, "")
    assert err.startswith("deepracer: Gazebo was lost: ")
    assert err.endswith("; it was lost 1 times, so it is not started again\n")
    assert err.count("\n") == 1
