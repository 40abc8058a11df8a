"""What ends a training early, and what is left then: Ctrl-C, a full disk, a loss that is not a number."""

from __future__ import annotations

import pytest
import torch
from disk_limit import full_disk
from small_runs import (
    ITERATIONS,
    Interruption,
    assert_same_run,
    checkpoint,
    small_settings,
    to_the_end,
    weights_of,
)

from deepracer_inference.model_bundle import ModelBundle
from deepracer_sim import trainer as trainer_module
from deepracer_sim.checkpoint import Checkpoint
from deepracer_sim.errors import DivergenceError, RunError
from deepracer_sim.run_folder import RunFolder
from deepracer_sim.training_run import resume, start

pytestmark = pytest.mark.usefixtures("fast")


def test_an_interrupted_run_is_exported_and_goes_on_exactly(track, whole, tmp_path):
    with pytest.raises(KeyboardInterrupt, match="All up to iteration 3 is saved; to go on: deepracer"):
        start(small_settings(track, ITERATIONS), tmp_path / "run", report=Interruption(3))
    run = RunFolder.open(tmp_path / "run")
    assert ModelBundle.load(run.path / "model").action_space == run.actions
    assert_same_run(resume(run.path), whole)


def test_a_run_interrupted_in_its_first_iteration_goes_on_exactly(track, whole, tmp_path, monkeypatch):
    def interrupted(collector):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(trainer_module.Collector, "collect", interrupted)
        with pytest.raises(KeyboardInterrupt, match="All up to iteration 0 is saved"):
            start(small_settings(track, ITERATIONS), tmp_path / "run")
    assert_same_run(resume(tmp_path / "run"), whole)


@pytest.mark.parametrize("name", ["make_trainer", "EventFiles"])
def test_a_start_that_is_interrupted_leaves_nothing_that_cannot_be_gone_on_with(
    track, tmp_path, monkeypatch, name
):
    def interrupted(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(f"deepracer_sim.training_run.{name}", interrupted)
    saved = "Nothing was trained yet" if name == "make_trainer" else "All up to iteration 0 is saved"
    with pytest.raises(KeyboardInterrupt, match=saved):
        start(small_settings(track, 1), tmp_path / "run")
    assert (tmp_path / "run").exists() == (name == "EventFiles")


def test_a_disk_that_is_full_before_the_first_checkpoint_leaves_nothing(track, tmp_path):
    with (
        full_disk(10_000),
        pytest.raises(RunError, match=r"cannot write .*iteration_00000.pt[\s\S]*Nothing was trained"),
    ):
        start(small_settings(track, 1), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_full_disk_ends_a_run_that_goes_on_exactly_later(track, whole, copy):
    most = checkpoint(copy, 3).stat().st_size - 1
    with (
        full_disk(most),
        pytest.raises(RunError, match=r"cannot write .*\.pt: File too large; free some space"),
    ):
        to_the_end(copy)
    assert copy.load_last()[0].iteration == 3
    assert copy.load_best().iteration == 2
    assert ModelBundle.load(copy.path / "model").action_space == copy.actions
    assert not [file for file in copy.path.rglob(".*")]
    assert_same_run(to_the_end(copy), whole)


def spoil(run, iteration):
    """Put NaN into the network of a checkpoint."""
    content = Checkpoint.load(checkpoint(run, iteration))
    next(iter(content.state["network"].values())).fill_(float("nan"))
    checkpoint(run, iteration).write_bytes(content.to_bytes())


def test_nan_ends_a_run_and_the_best_model_stays(copy):
    best = weights_of(copy.path / "checkpoints/best.pt")
    spoil(copy, 3)
    with pytest.raises(
        RunError, match=r"iteration 4: the loss is not a number.*best model so far \(iteration 2\)"
    ):
        to_the_end(copy)
    assert [row["iteration"] for row in copy.metrics()] == [1, 2, 3]
    assert weights_of(copy.path / "checkpoints/best.pt") == best
    assert ModelBundle.load(copy.path / "model").action_space == copy.actions


def test_after_nan_the_way_on_is_a_lower_lr_and_not_a_resume(copy):
    spoil(copy, 3)
    with pytest.raises(DivergenceError) as stop:
        to_the_end(copy)
    assert str(stop.value).endswith(
        "All up to iteration 3 is saved, but resumed, this run would end the same way. Train on from its "
        "model with a lower lr and this run's other options: "
        f"deepracer train --from {copy.path} --ppo.lr {copy.settings.ppo.lr / 2:g}"
    )
    assert "--resume" not in str(stop.value)


def test_weights_that_become_nan_in_the_last_step_are_not_saved(track, tmp_path, monkeypatch):
    def last_step_spoils(ppo, rollout, update=trainer_module.PPO.update):
        report = update(ppo, rollout)
        if torch.isfinite(report.policy_loss):
            next(ppo.network.parameters()).data[0, 0] = float("nan")
        return report

    monkeypatch.setattr(trainer_module.PPO, "update", last_step_spoils)
    with pytest.raises(
        RunError, match=r"iteration 1: the loss is not a number.*the model of iteration 0 is kept"
    ):
        start(small_settings(track, 3), tmp_path / "run")
    assert RunFolder.open(tmp_path / "run").iterations() == [0]


def test_the_interrupted_training_names_its_way_on(track, tmp_path):
    with pytest.raises(KeyboardInterrupt, match=f"deepracer train --resume '{tmp_path}/a run'"):
        start(small_settings(track, 2), tmp_path / "a run", report=Interruption(1))
    assert RunFolder.open(tmp_path / "a run").iterations() == [0, 1]
