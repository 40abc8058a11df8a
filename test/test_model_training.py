"""Training models of the store: their runs, how they end, and who else may be at work."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import time

import pytest
from deepracer_program import ENVIRONMENT
from disk_limit import full_disk
from small_models import contents
from small_runs import Interruption, rows_of, same, small_settings, weights_of

from deepracer_sim import training_run
from deepracer_sim.checkpoint import Checkpoint
from deepracer_sim.errors import DeepRacerError, DivergenceError, ModelError, RewardError, RunError
from deepracer_sim.garage import model_lock
from deepracer_sim.garage.definition import ModelDefinition
from deepracer_sim.garage.model_store import ModelStore
from deepracer_sim.garage.model_training import make_or_find, train
from deepracer_sim.garage.relocation import relocate_runs
from deepracer_sim.garage.stored_model import POLICY, Status
from deepracer_sim.run_folder import RunFolder

REWARD = "def reward_function(params):\n    print('paid')\n    return params['speed']\n"
FAULTY = "def reward_function(params):\n    return 1 / (params['speed'] - 2)\n"
"""It validates, for nobody drives at exactly 2 m/s there."""


@pytest.fixture
def store(tmp_path, fast):
    return ModelStore(tmp_path / "store")


@pytest.fixture
def make(store, track, tmp_path):
    """Make a model that trains for some iterations, paid by a function of its own."""

    def made(iterations=2, source=REWARD, name="small", **changes):
        (tmp_path / "reward.py").write_text(source)
        settings = small_settings(track, iterations, reward=tmp_path / "reward.py", **changes)
        return store.create(name, ModelDefinition.packed(settings))

    return made


@pytest.fixture(scope="module")
def once(track, tmp_path_factory, fast):
    """A store whose model has trained for two iterations."""
    folder = tmp_path_factory.mktemp("once")
    (folder / "reward.py").write_text(REWARD)
    settings = small_settings(track, 2, reward=folder / "reward.py")
    train(ModelStore(folder / "store").create("small", ModelDefinition.packed(settings)))
    return folder / "store"


@pytest.fixture
def trained(once, store):
    """The same model in a store of the test's own."""
    shutil.copytree(once, store.path)
    return store.open("small")


def more(model, iterations):
    return model.settings.stop.replaced(iterations=iterations)


def opened(model):
    return ModelStore(model.path.parent).open(model.name)


def test_a_model_trains_and_goes_on_where_it_stopped(make):
    """As one that trains in one go."""
    model = make(3)
    with pytest.raises(KeyboardInterrupt, match=r"iteration 1 is saved; .*: deepracer models train small$"):
        train(model, report=Interruption(1))
    assert opened(model).status is Status.STOPPED
    run = train(opened(model))
    model = opened(model)
    assert (model.status, model.run_numbers(), run.path) == (Status.READY, [1], model.run_path(1))
    assert model.summaries[0].iterations == 3
    assert model.policy_path() == run.path
    assert "paid" in (run.path / "training.log").read_text()
    other = make(3, name="other")
    assert rows_of(train(other)) == rows_of(run)
    assert train(model, more(model, 4)).iterations()[-1] == 4
    assert opened(model).status is Status.READY


def test_a_run_anew_has_another_seed_and_the_first_one_stays(trained):
    first = contents(trained.run_path(1))
    run = train(trained, more(trained, 1), anew=True)
    model = opened(trained)
    assert (model.run_numbers(), model.status) == ([1, 2], Status.READY)
    assert run.settings.seed == model.settings.seed + 1
    name = "checkpoints/iteration_00002.pt"
    assert train(model, more(model, 2)).path == run.path
    assert weights_of(run.path / name) != weights_of(model.run_path(1) / name)
    changed = {name for name, content in contents(model.run_path(1)).items() if first[name] != content}
    assert {name.split("/")[0] for name in changed} <= {"config.json", "checkpoints", "weights"}  # new paths


def test_a_clone_begins_with_the_weights_of_the_best(trained, store):
    best = RunFolder.open(trained.policy_path()).load_best()
    clone = store.clone("small", "clone", ModelDefinition.packed(trained.settings.replaced(seed=8)))
    assert clone.record.parent == "small"
    store.delete("small")  # it stands on its own
    run = train(clone)
    assert same(Checkpoint.load(clone.path / "start.pt").state["network"], best.state["network"])
    begun = Checkpoint.load(run.path / "weights/iteration_00000.pt").state["network"]
    assert same(begun, best.state["network"])


def test_weights_that_would_mean_something_else_are_not_cloned(trained, store):
    wide = trained.settings.replaced(camera=trained.settings.camera.replaced(width=40))
    with pytest.raises(RunError, match=r"its weights mean something else here: camera\.width"):
        store.clone("small", "clone", ModelDefinition.packed(wide))
    assert store.names() == ["small"]
    clone = store.clone("small", "clone", ModelDefinition.packed(wide), from_scratch=True)
    assert not (clone.path / "start.pt").exists()


def test_an_iteration_is_chosen_to_drive(trained, store):
    for iteration in (0, 1, None):
        run = RunFolder.open(store.choose("small", iteration).policy_path())
        assert run.load_best().iteration == (2 if iteration is None else iteration)
    for iteration, run, message in ((3, 1, "has no iteration 3"), (1, 2, "has no run 2: there is 1")):
        with pytest.raises(DeepRacerError, match=message):
            store.choose("small", iteration, run)
    train(trained, more(trained, 1), anew=True)
    assert store.choose("small", 1, run=1).policy_path() == trained.run_path(1)
    assert store.choose("small", 1).policy_path() == trained.run_path(2)


def test_a_faulty_reward_fails_the_model_with_its_words(make):
    """training.json keeps what was said; the function is mended in the model's folder."""
    model = make(5, FAULTY)
    with pytest.raises(RewardError, match=r"ZeroDivisionError(.|\n)*to go on: deepracer models train small$"):
        train(model)
    model = opened(model)
    assert (model.status, model.run_numbers()) == (Status.FAILED, [1])
    assert "ZeroDivisionError" in model.last_training.message
    model.settings.reward.write_text(REWARD)
    train(model, more(model, 1))
    assert opened(model).status is Status.READY


def test_a_training_that_cannot_begin_fails_the_model(make):
    model = make(1, "def reward_function(params):\n    return None\n")
    with pytest.raises(RewardError, match="does not validate"):
        train(model)
    assert (opened(model).status, opened(model).run_numbers()) == (Status.FAILED, [])


def test_a_loss_that_is_no_number_leads_to_a_clone(make, monkeypatch):
    def diverge(*arguments):
        raise DivergenceError("the loss is not a number")

    model = make(1)
    monkeypatch.setattr("deepracer_sim.trainer.Trainer._refuse_nan", diverge)
    with pytest.raises(DivergenceError, match=r": deepracer models clone small NEW --ppo\.lr 0\.001"):
        train(model)
    assert opened(model).status is Status.FAILED


def test_a_full_disk_fails_the_model_and_it_goes_on(trained):
    relocate_runs(trained)
    with full_disk(100_000), pytest.raises(RunError, match="File too large; free some space"):
        train(trained, more(trained, 3))
    assert opened(trained).status is Status.FAILED
    train(trained, more(trained, 3))
    assert (opened(trained).status, opened(trained).summaries[0].iterations) == (Status.READY, 3)


def test_a_renamed_model_goes_on(trained, store):
    """Its runs and checkpoints name its files by their paths."""
    store.rename("small", "large")
    renamed = store.open("large")
    run = train(renamed, more(renamed, 3))
    assert run.path == store.path / "large/runs/1"
    assert run.settings.reward == store.path / "large/reward_function.py"
    for file in run.path.glob("*/*.pt"):
        settings = Checkpoint.load(file).settings
        assert (settings.reward, settings.track) == (renamed.settings.reward, renamed.settings.track)
    assert training_run.resume(run.path, more(renamed, 4)).iterations()[-1] == 4  # by its folder, too


def test_a_model_whose_renaming_was_cut_short_goes_on(trained, store):
    trained.path.rename(store.path / "moved")
    assert train(store.open("moved"), more(trained, 3)).iterations()[-1] == 3


def test_what_a_killed_training_has_begun_is_made_anew(make):
    model = make(1)
    (model.run_path(1) / "checkpoints").mkdir(parents=True)
    (model.run_path(1) / "config.json").write_text("{")
    assert train(model).path == model.run_path(1)
    assert opened(model).status is Status.READY


def test_a_run_without_checkpoints_is_left_alone(trained):
    for file in (trained.run_path(1) / "checkpoints").glob("*.pt"):
        file.unlink()
    assert train(trained, more(trained, 1)).path == trained.run_path(2)
    assert (trained.run_path(1) / "metrics.csv").exists()


def test_an_onnx_model_cannot_be_trained(make):
    model = make(1)
    (model.path / POLICY).mkdir()
    (model.path / POLICY / "model.onnx").write_text("")
    with pytest.raises(ModelError, match=r"Train anew .*: deepracer models clone small NEW --from-scratch"):
        train(model)


def test_the_same_file_again_is_the_same_model(make, store):
    model = make(1)
    assert make_or_find(store, "small", model.definition).path == model.path
    other = ModelDefinition(model.definition.settings.replaced(seed=9), "", model.definition.files)
    with pytest.raises(ModelError, match="there is a model 'small' already, and it is defined otherwise"):
        make_or_find(store, "small", other)
    files = {**model.definition.files, "reward_function.py": b"x"}
    wrong = ModelDefinition(other.settings, "", files)
    with pytest.raises(RewardError):
        make_or_find(store, "new", wrong)
    assert store.names() == ["small"]


def test_a_training_program_is_alone_and_may_be_killed(make, store, monkeypatch):
    """While it lives the model is its own; after SIGKILL it is stopped, and goes on."""
    monkeypatch.setattr(model_lock, "PATIENCE", 0.1)
    model = make(100_000)
    words = ["-m", "deepracer_sim.cli", "models", "train", "small", "--store", str(store.path)]
    process = subprocess.Popen([sys.executable, *words], env=ENVIRONMENT, stderr=subprocess.PIPE, text=True)
    run = model.run_path(1)
    try:
        while not (run / "checkpoints/iteration_00003.pt").exists() and process.poll() is None:
            time.sleep(0.02)
        assert opened(model).status is Status.TRAINING
        for change in (
            lambda: train(opened(model)),
            lambda: train(opened(model), anew=True),
            lambda: store.rename("small", "other"),
            lambda: store.delete("small"),
            lambda: store.clone("small", "other", model.definition),
        ):
            with pytest.raises(ModelError, match="small is in use by another program, perhaps a training"):
                change()
        process.send_signal(signal.SIGKILL)
    finally:
        process.kill()
        assert process.communicate()[1].count("Traceback") == 0
    assert store.names() == ["small"]
    assert opened(model).status is Status.STOPPED
    trained = opened(model).summaries[0].iterations
    assert train(opened(model), more(model, trained + 1)).iterations()[-1] == trained + 1
    assert opened(model).status is Status.READY


def test_a_training_of_the_run_itself_keeps_the_store_out(trained):
    with RunFolder.open(trained.run_path(1)).training():
        assert opened(trained).status is Status.TRAINING
        with pytest.raises(ModelError, match=r"another training is at work in .*runs/1"):
            train(trained, more(trained, 3))
    assert opened(trained).status is Status.READY
