from __future__ import annotations

import json
import shutil
import subprocess
import sys

import pytest
from deepracer_program import ENVIRONMENT
from disk_limit import full_disk
from small_disk import read_only, small_disk
from small_models import SOURCE, contents, definition, leftovers

from deepracer_sim import run_files
from deepracer_sim.errors import ModelError
from deepracer_sim.garage import model_lock
from deepracer_sim.garage.definition import ModelDefinition
from deepracer_sim.garage.model_lock import held
from deepracer_sim.garage.model_store import ModelStore, find_policy
from deepracer_sim.garage.store_folder import default_store
from deepracer_sim.garage.stored_model import Status, StoredModel, TrainingRecord, write_record

COLUMNS = "iteration,seconds,loss,evaluation_completion,evaluation_clean_runs,evaluation_lap_time"


@pytest.fixture
def store(tmp_path):
    return ModelStore(tmp_path / "store")


def add_run(model, number, *rows):
    """A run of which only the metrics are real."""
    run = model.run_path(number)
    (run / "checkpoints").mkdir(parents=True)
    (run / "config.json").write_text(json.dumps(model.settings.model_dump(mode="json")))
    (run / "metrics.csv").write_text("".join(f"{row}\n" for row in (COLUMNS, *rows)))
    return run


def record(model, **values):
    write_record(model.path / "training.json", TrainingRecord(**values))


def test_a_model_is_what_it_was_made_of(store):
    made = store.create("fast", definition())
    assert store.names() == ["fast"]
    model = store.open("fast")
    assert made.path == model.path == store.path / "fast"
    assert model.definition == definition()
    assert model.settings.reward.read_bytes() == SOURCE
    assert (model.status, model.seconds, model.summaries) == (Status.CREATED, 0, ())
    assert model.completion != model.completion
    assert leftovers(store) == []


def test_a_store_that_is_not_there_yet_is_empty(store):
    assert store.rows() == []
    assert not store.path.exists()
    with pytest.raises(ModelError, match=r"no model 'fast' in .*store: there is none"):
        store.open("fast")


@pytest.mark.parametrize("name", ["fast", "FAST"])
def test_a_name_belongs_to_one_model(store, name):
    store.create("fast", definition())
    for make in (
        lambda: store.create(name, definition()),
        lambda: store.clone("fast", name, definition(), from_scratch=True),
        lambda: (store.create("other", definition()), store.rename("other", name)),
    ):
        with pytest.raises(ModelError, match="there is a model 'fast' already: choose another name"):
            make()
    assert store.names() == ["fast", "other"]


@pytest.mark.parametrize("name", ["a/b", "../a", ".a", "größe", "con", "x" * 65, "a\n"])
def test_a_name_that_is_none_is_refused_everywhere(store, name):
    store.create("fast", definition())
    before = contents(store.path)
    for make in (
        lambda: store.create(name, definition()),
        lambda: store.clone("fast", name, definition()),
        lambda: store.rename("fast", name),
        lambda: store.open(name),
        lambda: store.delete(name),
        lambda: store.restore(name),
    ):
        with pytest.raises(ModelError):
            make()
    assert contents(store.path) == before


def test_a_model_gets_another_name(store):
    before = contents(store.create("fast", definition()).path)
    model = StoredModel.open(store.rename("fast", "Fast"))
    assert (store.names(), model.name) == (["Fast"], "Fast")
    assert contents(model.path) == before
    assert model.settings.reward == store.path / "Fast/reward_function.py"


def test_a_deleted_model_comes_back(store):
    model = store.create("fast", definition())
    before = contents(model.path)
    trash = store.delete("fast")
    assert (store.names(), contents(trash)) == ([], before)
    store.create("fast", definition(seed=7))
    with pytest.raises(ModelError, match="there is a model 'fast' already"):
        store.restore("fast")
    store.delete("fast")
    assert contents(store.restore("fast")) != before  # the one that was deleted last
    store.rename("fast", "newer")
    assert contents(store.restore("fast")) == before
    with pytest.raises(ModelError, match="no model 'fast' in the trash: there is none"):
        store.restore("fast")


def test_a_clone_of_a_model_that_never_trained_has_its_settings(store):
    store.create("fast", definition())
    model = store.clone("fast", "faster", definition(seed=3))
    assert (model.record.parent, model.record.settings.seed) == ("fast", 3)
    assert not (model.path / "start.pt").exists()


def test_figures_of_all_runs(store):
    """Laps in 9 and 8 s, 90 % at best, 60 and 30 s of training; the last row is half-written."""
    model = store.create("fast", definition())
    add_run(model, 1, "1,30,0.1,,,", "2,60,0.2,0.9,14,9.0")
    add_run(model, 2, "1,20,0.1,0.5,3,8.0", "2,30,0.1,0.4,1,", "3,9").joinpath("metrics.csv").write_text(
        f"{COLUMNS}\n1,20,0.1,0.5,3,8.0\n2,30,0.1,0.4,1,\n3,9"
    )
    model = store.open("fast")
    assert (model.completion, model.best_lap, model.seconds) == (0.9, 8.0, 90.0)
    assert [run.iterations for run in model.summaries] == [2, 2]
    assert [run.best.iteration for run in model.summaries] == [2, 1]
    assert model.best_run.number == 1
    assert model.status is Status.STOPPED


def test_of_equal_evaluations_the_faster_then_the_later_is_the_best(store):
    model = store.create("fast", definition())
    rows = ("1,1,0,1.0,16,9.0", "2,2,0,1.0,16,8.0", "3,3,0,1.0,16,8.0", "4,4,0,1.0,16,", "5,5,0,1.0,15,7.0")
    add_run(model, 1, *rows)
    assert store.open("fast").best_run.best.iteration == 3


@pytest.mark.parametrize(
    ("rows", "outcome", "status"),
    [
        (0, None, Status.CREATED),
        (2, None, Status.STOPPED),
        (2, {"run": 1, "state": "ready", "iterations": 2}, Status.READY),
        (2, {"run": 1, "state": "stopped", "iterations": 2}, Status.STOPPED),
        (2, {"run": 1, "state": "failed", "iterations": 2}, Status.FAILED),
        (2, {"run": 1, "state": "training", "iterations": 2}, Status.STOPPED),  # it was killed
        (2, {"run": 1, "state": "ready", "iterations": 1}, Status.STOPPED),  # went on by its folder
        (0, {"run": 1, "state": "failed", "iterations": 0}, Status.FAILED),
        (0, {"run": 1, "state": "stopped", "iterations": 0}, Status.CREATED),
        (0, {"run": 1, "state": "training", "iterations": 0}, Status.CREATED),
        (2, {"run": 2, "state": "failed", "iterations": 0}, Status.FAILED),
    ],
)
def test_status(store, rows, outcome, status):
    model = store.create("fast", definition())
    if rows:
        add_run(model, 1, *(f"{row},1,0,,," for row in range(1, rows + 1)))
    if outcome:
        record(model, **outcome)
    assert store.open("fast").status is status


def test_only_a_living_program_makes_a_model_training(store):
    model = store.create("fast", definition())
    run = add_run(model, 1, "1,1,0,,,")
    record(model, run=1, state="training")
    program = "import fcntl, os, sys; fcntl.flock(os.open(sys.argv[1], 0), 2); print(flush=True); input()"
    (run / "training.log").write_text("")
    for path in (run / "training.log", model.path):
        words = [sys.executable, "-c", program, str(path)]
        process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        try:
            process.stdout.readline()
            assert store.open("fast").status is Status.TRAINING
        finally:
            process.kill()
            process.communicate()
        assert store.open("fast").status is Status.STOPPED


def test_a_model_in_use_stays_where_it_is(store, monkeypatch):
    monkeypatch.setattr(model_lock, "PATIENCE", 0.1)
    store.create("fast", definition())
    before = contents(store.path)
    with held(store.path / "fast"):
        for change in (lambda: store.rename("fast", "slow"), lambda: store.delete("fast")):
            with pytest.raises(ModelError, match="fast is in use by another program"):
                change()
    assert contents(store.path) == before
    store.delete("fast")


def test_who_waited_for_a_model_that_was_renamed_is_told(store, monkeypatch):
    model = store.create("fast", definition())

    def taken_after_a_while(*arguments):
        model.path.rename(store.path / "slow")
        return True

    monkeypatch.setattr(model_lock, "_taken", taken_after_a_while)
    with pytest.raises(ModelError, match="fast has just been renamed or deleted"), held(model.path):
        raise AssertionError


def written(name, content):
    return lambda path: (path / name).write_bytes(content)


def removed(name):
    return lambda path: (path / name).unlink()


def made_a_folder(path):
    (path / "model.json").unlink()
    (path / "model.json").mkdir()


DAMAGES = {
    "gone": (removed("model.json"), "model.json is missing"),
    "empty": (written("model.json", b""), "model.json is damaged"),
    "half": (written("model.json", b'{"description": "a'), "model.json is damaged"),
    "binary": (written("model.json", b"\xff\xfe\0"), "model.json is damaged"),
    "list": (written("model.json", b"[]"), "model.json is damaged"),
    "deep": (written("model.json", b"[" * 100_000), "model.json is damaged"),
    "unknown": (written("model.json", b'{"created": "", "settings": {}, "x": 3}'), "x: no such setting"),
    "large": (written("model.json", b" " * 1_000_001), "larger than 1000000 bytes"),
    "range": (written("model.json", b'{"created": "", "settings": {"seed": -1}}'), "seed=-1: must be >= 0"),
    "screen": (
        written("model.json", b'{"created": "\\u001b", "settings": {}}'),
        "must not have control characters",
    ),
    "folder": (made_a_folder, "Is a directory"),
    "reward": (removed("reward_function.py"), "reward_function.py: is missing"),
    "training": (written("training.json", b"{}"), "training.json cannot be used: run: missing"),
    "config": (removed("runs/1/config.json"), "config.json cannot be read: No such file"),
    "config2": (written("runs/1/config.json", b'{"seed": -1}'), "config.json cannot be used: seed=-1"),
    "metrics": (written("runs/1/metrics.csv", f"{COLUMNS}\n1,2\n".encode()), "metrics.csv is damaged"),
    "metrics2": (written("runs/1/metrics.csv", b"\xff\n"), "metrics.csv cannot be read"),
    "metrics3": (written("runs/1/metrics.csv", b"iteration\n3\n"), "metrics.csv is damaged"),
    "bad.name": (lambda path: None, "name='bad.name': must be"),
}


def test_a_damaged_model_does_not_hide_the_others(store):
    """Each is damaged in its own way; some by who renamed its folder."""
    for name in ("a", "whole", "z"):
        store.create(name, definition())
    add_run(store.open("whole"), 1, "1,1,0,1.0,16,8.0")
    for name, (damage, _) in DAMAGES.items():
        shutil.copytree(store.path / "whole", store.path / name)
        damage(store.path / name)
    (store.path / "a file").write_text("")
    rows = {row.name: row for row in store.rows()}
    assert set(rows) == {"a", "whole", "z", *DAMAGES}
    for name, row in rows.items():
        if name in DAMAGES:
            assert row.status is Status.DAMAGED, name
            assert DAMAGES[name][1] in row.fault
        else:
            assert row.fault == ""
    assert rows["whole"] == ("whole", Status.STOPPED, ("oval",), 1.0, 8.0, 1.0, "")
    for name in DAMAGES:
        if name != "bad.name":
            store.rename(name, "renamed")
            store.rename("renamed", name)
        store.delete(name)  # can be put away all the same
    assert store.names() == ["a", "whole", "z"]


def test_a_folder_that_a_killed_training_has_begun_is_no_damage(store):
    model = store.create("fast", definition())
    (model.run_path(1) / "checkpoints").mkdir(parents=True)
    assert (store.open("fast").status, store.open("fast").summaries) == (Status.CREATED, ())


def test_a_full_disk_leaves_the_store_as_it_was(store):
    big = ModelDefinition(definition().settings, "", {"reward_function.py": SOURCE * 1000})
    store.create("fast", definition())
    before = contents(store.path)
    with full_disk(20_000), pytest.raises(ModelError, match="File too large; free some space or fix"):
        store.create("big", big)
    assert contents(store.path) == before
    assert leftovers(store) == []


def test_a_disk_that_fills_up(tmp_path):
    big = ModelDefinition(definition().settings, "", {"reward_function.py": SOURCE * 10_000})
    with small_disk(tmp_path / "disk"):
        store = ModelStore(tmp_path / "disk/store")
        store.create("fast", definition())
        before = contents(store.path)
        with pytest.raises(ModelError, match=r"No space left on device; free some space or fix the rights"):
            store.create("big", big)
        assert contents(store.path) == before
        assert leftovers(store) == []
        store.create("small", definition())


def test_a_read_only_disk_can_be_looked_at(tmp_path):
    with small_disk(tmp_path / "disk"):
        store = ModelStore(tmp_path / "disk/store")
        store.create("fast", definition())
        store.delete(store.create("old", definition()).name)
        before = contents(store.path)
        with read_only(tmp_path / "disk"):
            assert [model.status for model in store.rows()] == [Status.CREATED]
            assert store.open("fast").definition == definition()
            for change in (
                lambda: store.create("new", definition()),
                lambda: store.clone("fast", "new", definition()),
                lambda: store.rename("fast", "new"),
                lambda: store.delete("fast"),
                lambda: store.restore("old"),
            ):
                message = r"Read-only file system; .* choose another store with --store or DEEPRACER_STORE"
                with pytest.raises(ModelError, match=message):
                    change()
        assert contents(store.path) == before


def test_a_store_that_cannot_be_a_folder(tmp_path):
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file", tmp_path / "file/store"):
        with pytest.raises(ModelError, match="Not a directory"):
            ModelStore(path).create("fast", definition())


def test_what_another_program_is_making_stays(store):
    with store.staging() as folder:
        (folder / "fast").mkdir()
        store.create("other", definition())
        assert (folder / "fast").exists()
    assert leftovers(store) == []


def test_what_a_killed_program_was_making_goes_with_the_next_change(store):
    store.create("fast", definition())
    (store.path / ".new-abc/fast").mkdir(parents=True)
    process = subprocess.Popen(["true"])
    process.wait()
    dead, living = store.path / f"fast/.model.{process.pid}.tmp.json", store.path / "fast/.model.1.tmp.json"
    dead.write_text("")
    living.write_text("")
    assert store.names() == ["fast"]
    store.create("other", definition())
    assert leftovers(store) == ["fast/.model.1.tmp.json"]


def test_two_programs_that_want_one_name(store, monkeypatch):
    """Both have found it free; the second one to finish is refused."""
    publish = store.publish

    def late(folder):
        monkeypatch.setattr(store, "publish", publish)
        ModelStore(store.path).create("fast", definition())
        return publish(folder)

    monkeypatch.setattr(store, "publish", late)
    with pytest.raises(ModelError, match="there is a model 'fast' already"):
        store.create("fast", definition(seed=9))
    assert store.open("fast").definition == definition()
    assert leftovers(store) == []


def test_where_the_store_is(monkeypatch, tmp_path):
    monkeypatch.setenv("DEEPRACER_STORE", str(tmp_path / "mine"))
    assert ModelStore().path == default_store() == tmp_path / "mine"
    monkeypatch.delenv("DEEPRACER_STORE")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    if sys.platform == "linux":
        assert ModelStore().path == tmp_path / "deepracer/models"


def test_what_drives_is_a_path_or_a_model_of_the_store(store, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    model = store.create("fast", definition())
    assert str(find_policy("slow", store.path)) == "slow"
    with pytest.raises(ModelError, match="fast has nothing that drives yet: deepracer models train fast"):
        find_policy("fast", store.path)
    run = add_run(model, 1, "1,1,0,1.0,16,8.0")
    with pytest.raises(ModelError, match="nothing that drives yet"):
        find_policy("fast", store.path)
    (run / "checkpoints/iteration_00001.pt").write_text("")
    assert find_policy("fast", store.path) == run
    (tmp_path / "fast").mkdir()
    assert str(find_policy("fast", store.path)) == "fast"


def test_many_models_are_listed_without_torch(store):
    model = store.create("m0", definition())
    add_run(model, 1, *(f"{row},1,0,0.5,3,9.0" for row in range(1, 21)))
    for number in range(1, 1000):
        shutil.copytree(model.path, store.path / f"m{number}")
    program = (
        "import sys; from deepracer_sim import cli; cli.run(sys.argv[1:]); print('torch' in sys.modules)"
    )
    words = [sys.executable, "-c", program, "models", "list", "--store", str(store.path)]
    ended = subprocess.run(words, env=ENVIRONMENT, capture_output=True, text=True)
    lines = ended.stdout.splitlines()
    assert (len(lines), lines[-1]) == (1003, "False"), ended.stderr
    assert lines[2].split() == ["m0", "stopped", "oval", "50", "%", "9.00", "0:00:01"]


def test_files_of_runs_keep_the_names_that_users_disks_have():
    names = ("config.json", "metrics.csv", "training.log", "checkpoints")
    assert names == (run_files.CONFIG, run_files.METRICS, run_files.LOG, run_files.CHECKPOINTS)
