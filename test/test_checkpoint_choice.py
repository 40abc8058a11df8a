"""Choosing another iteration's model: it is the run's until another one is chosen."""

from __future__ import annotations

import pytest
from small_runs import to_the_end, weights_of

from deepracer_inference.model_bundle import ModelBundle
from deepracer_sim.checkpoint import Checkpoint
from deepracer_sim.checkpoint_choice import choose
from deepracer_sim.clone import load_clone
from deepracer_sim.errors import RunError
from deepracer_sim.evaluation_run import load_model
from deepracer_sim.run_folder import RunFolder

pytestmark = pytest.mark.usefixtures("fast")


def network_of(run, iteration):
    return {
        name: values.tolist() for name, values in run.load_iteration(iteration).network().state_dict().items()
    }


def best_of(run):
    network = Checkpoint.load(run.path / "checkpoints/best.pt").network()
    return {name: values.tolist() for name, values in network.state_dict().items()}


def test_the_model_is_that_of_the_chosen_iteration(copy):
    before = ModelBundle.load(copy.path / "model").onnx_bytes
    assert choose(copy.path, 1).iteration == 1
    run = RunFolder.open(copy.path)
    assert (run.chosen, run.load_best().iteration) == (1, 1)
    assert best_of(run) == network_of(run, 1)
    assert ModelBundle.load(run.path / "model").onnx_bytes != before
    assert load_model(run.path).name.endswith("iteration 1")
    assert set(load_clone(run.path, run.settings)) == {"network"}


def test_a_training_that_goes_on_leaves_the_choice_and_says_so(copy, capsys):
    assert copy.load_best().iteration == 2
    choose(copy.path, 1)
    run = to_the_end(RunFolder.open(copy.path))
    assert run.load_best().iteration == 1
    said = capsys.readouterr().err
    assert "stays that of iteration 1, which was chosen; back to the best one: deepracer choose" in said
    assert run.iterations() == [3, 4, 5]
    assert run.load_last()[0].state["best"]["iteration"] == 4  # which is known all the same


def test_the_best_one_comes_back(copy):
    model = (copy.path / "model/model.onnx").read_bytes()
    before = best_of(copy)
    choose(copy.path, 0)
    assert choose(copy.path, None).iteration == 2
    run = RunFolder.open(copy.path)
    assert (run.chosen, best_of(run)) == (None, before)
    assert (run.path / "model/model.onnx").read_bytes() == model
    assert to_the_end(run).load_best().iteration == 4


def test_what_is_not_there_cannot_be_chosen(copy):
    before = weights_of(copy.path / "checkpoints/best.pt")
    with pytest.raises(RunError, match="has no iteration 9: the nearest are 2, 3"):
        choose(copy.path, 9)
    copy.weights.file(1).write_bytes(b"")
    (copy.path / "checkpoints/iteration_00001.pt").unlink()
    with pytest.raises(RunError, match=r"iteration_00001.pt is damaged"):
        choose(copy.path, 1)
    assert weights_of(copy.path / "checkpoints/best.pt") == before


def test_nobody_chooses_while_a_training_is_going_on(copy):
    with copy.training(), pytest.raises(RunError, match="another training is at work in"):
        choose(copy.path, 1)


def test_nothing_can_be_chosen_before_anything_was_trained(copy):
    (copy.path / "metrics.csv").unlink()
    with pytest.raises(RunError, match="nothing was trained yet"):
        choose(copy.path, 0)


def test_none_is_the_best_before_one_was_evaluated(copy):
    for iteration in (2, 3):
        (copy.path / f"checkpoints/iteration_0000{iteration}.pt").unlink()
    with pytest.raises(RunError, match="no iteration was evaluated yet, so none is the best"):
        choose(copy.path, None)
