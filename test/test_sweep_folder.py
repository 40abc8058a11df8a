"""A sweep's folder: what it knows of its trials, and what it survives."""

from __future__ import annotations

import csv
import io
import json
import math
import shutil

import pytest
from small_runs import same
from small_sweeps import small_base, trials

from deepracer_sim.checkpoint import Checkpoint
from deepracer_sim.errors import DeepRacerError, RunError
from deepracer_sim.run_folder import RunFolder
from deepracer_sim.sweep.results import read_results, results_csv
from deepracer_sim.sweep.sweep_folder import SweepFolder, TrialRecord
from deepracer_sim.sweep.trial_worker import pack
from deepracer_sim.training_run import resume, start

pytestmark = pytest.mark.usefixtures("fast")


@pytest.fixture(scope="module")
def two(track, tmp_path_factory, fast):
    """Two trials of one setting, and a folder in which the first one has trained."""
    place = tmp_path_factory.mktemp("sweep")
    (place / "reward.py").write_text("def reward_function(params):\n    return params['speed']\n")
    base = small_base(track, 4, reward=place / "reward.py")
    found = trials(place, base=base, vary={"ppo.lr": [0.001, 0.002]})
    with SweepFolder.opened(place / "results") as folder:
        run = start(folder.prepare(found[0]), folder.run(found[0]))
        folder.record(found[0], TrialRecord(state="finished", best=run.load_best().iteration))
    return place, found


@pytest.fixture
def folder(two, tmp_path):
    """A copy of that folder, open."""
    shutil.copytree(two[0] / "results", tmp_path / "copy")
    with SweepFolder.opened(tmp_path / "copy") as opened:
        yield opened


def test_one_sweep_at_a_time(folder):
    with pytest.raises(DeepRacerError, match="in use by another program"), SweepFolder.opened(folder.path):
        pass


def test_a_folder_of_something_else_is_refused(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(RunError, match="holds something else than a sweep"), SweepFolder.opened(tmp_path):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_a_trial_is_done_once(folder, two):
    first, second = two[1]
    assert folder.unfinished([first, second]) == [second]
    folder.record(second, TrialRecord(state="failed", message="no space", again=True))
    assert folder.unfinished([first, second]) == [second]
    folder.record(second, TrialRecord(state="failed", message="the loss is not a number"))
    assert folder.unfinished([first, second]) == []
    shutil.rmtree(folder.run(first))
    assert folder.unfinished([first, second]) == [first]


def test_changed_settings_are_refused(folder, two, track):
    place, (first, _) = two
    folder.refuse_changed([first])
    changed = trials(place, base=small_base(track, 7, reward=place / "reward.py"), vary={"ppo.lr": [0.001]})
    with pytest.raises(RunError, match=r"lr=0.001 began with other .*stop.iterations: 4 there, 7 here"):
        folder.refuse_changed(changed)


def test_a_changed_reward_function_is_refused(folder, two, track, tmp_path):
    (tmp_path / "reward.py").write_text("def reward_function(params):\n    return params['progress']\n")
    base = small_base(track, 4, reward=tmp_path / "reward.py")
    with pytest.raises(RunError, match=r"reward.py: its content \(there: .*Put them back, or"):
        folder.refuse_changed(trials(tmp_path, base=base, vary={"ppo.lr": [0.001]}))


@pytest.mark.parametrize("text", ["{", '{"trials": {"a": {"state": "lost"}}}', "[]"])
def test_damaged_records_are_named(folder, two, text):
    (folder.path / "sweep.json").write_text(text)
    with pytest.raises(RunError, match=r"sweep.json .*remove it"):
        folder.unfinished(two[1])


def test_a_folder_that_has_moved_is_trained_on_in(folder, two):
    """Its run names files in the folder that it was copied from, which now is not asked."""
    trial = two[1][0]
    settings = folder.prepare(trial)
    run = RunFolder.open(folder.run(trial))
    assert run.settings == settings and str(settings.reward).startswith(str(folder.path))
    resume(run.path, settings.stop.replaced(iterations=5))
    assert run.iterations()[-1] == 5


def test_a_run_comes_back_from_elsewhere(folder, two, tmp_path):
    """What came back has all but the networks of each iteration, and can be gone on with."""
    trial = two[1][0]
    before = Checkpoint.load(folder.run(trial) / "checkpoints/iteration_00004.pt").state
    metrics = (folder.run(trial) / "metrics.csv").read_bytes()
    archive = pack(folder.run(trial))
    (folder.run(trial) / "old").touch()
    folder.take_in(trial, archive)
    run = RunFolder.open(folder.run(trial))
    assert run.settings == folder.prepare(trial)
    assert sorted(path.name for path in run.path.glob("*/*.pt")) == ["best.pt", "iteration_00004.pt"]
    assert same(Checkpoint.load(run.path / "checkpoints/iteration_00004.pt").state, before)
    assert (run.path / "metrics.csv").read_bytes() == metrics
    assert (run.path / "model/model.onnx").exists() and not (run.path / "old").exists()
    resume(run.path, run.settings.stop.replaced(iterations=5))
    assert sorted(path.name for path in run.path.parent.iterdir()) == [trial.name]


def test_an_archive_that_was_cut_short_changes_nothing(folder, two):
    trial = two[1][0]
    archive = pack(folder.run(trial))
    with pytest.raises(DeepRacerError):
        folder.take_in(trial, archive[: len(archive) // 2])
    assert RunFolder.open(folder.run(trial)).iterations()[-1] == 4


@pytest.mark.parametrize("is_replaced", [False, True])
def test_a_kill_between_old_and_new_loses_nothing(two, tmp_path, is_replaced):
    trial = two[1][0]
    path = tmp_path / "copy"
    shutil.copytree(two[0] / "results", path)
    run = path / "trials" / trial.name
    shutil.copytree(run, run.with_name(f".old-{trial.name}"))
    if not is_replaced:
        run.rename(run.with_name(f".new-{trial.name}"))
    with SweepFolder.opened(path) as opened:
        assert opened.has_begun(trial)
        assert [entry.name for entry in run.parent.iterdir()] == [trial.name]


def test_results_are_of_the_model(folder, two):
    rows = RunFolder.open(folder.run(two[1][0])).metrics()
    best = folder.records()["lr=0.001"].best
    row = rows[best - 1]
    first, second = read_results(folder, two[1])
    assert (first.state, second.state) == ("finished", "waiting")
    assert first.outcomes["completion"] == row["evaluation_completion"]
    assert (first.outcomes["iterations"], first.outcomes["model_iteration"]) == (4, best)
    assert math.isnan(second.outcomes["completion"])
    table = list(csv.DictReader(io.StringIO(results_csv([first, second], folder.path).decode())))
    assert [line["trial"] for line in table] == ["lr=0.001", "lr=0.002"]
    assert (table[0]["ppo.lr"], table[0]["iterations"], table[1]["completion"]) == ("0.001", "4", "")
    assert float(table[0]["completion"]) == pytest.approx(row["evaluation_completion"], abs=1e-6)


def test_a_damaged_table_of_a_trial_is_told(folder, two):
    (folder.run(two[1][0]) / "metrics.csv").write_text("iteration,seconds\n1,x\n")
    first = read_results(folder, two[1])[0]
    assert "metrics.csv is damaged" in first.message and math.isnan(first.outcomes["completion"])


def test_records_are_plain_json(folder):
    assert json.loads((folder.path / "sweep.json").read_text())["trials"]["lr=0.001"]["state"] == "finished"
