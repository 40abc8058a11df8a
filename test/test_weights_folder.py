"""The networks of a run's iterations: which are kept, and that they drive as the checkpoints do."""

from __future__ import annotations

import pytest
import torch

from deepracer_sim import weights_folder
from deepracer_sim.checkpoint import Checkpoint
from deepracer_sim.errors import RunError
from deepracer_sim.run_folder import RunFolder
from deepracer_sim.weights_folder import WeightsFolder


def filled(folder, count, every, most, monkeypatch, needed=()):
    """A folder that `count` files of 100 bytes were written to, one by one, where `most` have room."""
    monkeypatch.setattr(weights_folder, "WEIGHTS_LIMIT", 100 * most)
    weights = WeightsFolder(folder, every)
    for iteration in range(count):
        weights.file(iteration).write_bytes(bytes(100))
        weights.thin_out(needed)
    return weights.iterations()


def test_all_are_kept_while_there_is_room(tmp_path, monkeypatch):
    assert filled(tmp_path, 10, 6, 10, monkeypatch) == list(range(10))


@pytest.mark.parametrize(
    ("count", "kept"),
    [
        (11, [0, 2, 4, 6, 8, 10]),
        (19, [0, 2, 4, 6, 8, 10, 12, 14, 16, 18]),
        (21, [0, 6, 12, 18, 19, 20]),
        (100, [0, 12, 24, 36, 48, 60, 72, 84, 96, 99]),
    ],
)
def test_fewer_and_fewer_are_kept_later(tmp_path, monkeypatch, count, kept):
    """With an evaluation every 6 iterations: every second one, evaluated ones, every second of these."""
    there = filled(tmp_path, count, 6, 10, monkeypatch)
    assert there[-1] == count - 1 and len(there) <= 10
    assert set(kept) <= set(there)
    assert len(there) < len(kept) + 5  # and some of the newest


def test_what_is_needed_stays(tmp_path, monkeypatch):
    there = filled(tmp_path, 100, 6, 10, monkeypatch, needed=(7, 13))
    assert {7, 13, 99} <= {*there}


def test_even_a_network_too_large_for_the_limit_is_kept(tmp_path, monkeypatch):
    assert filled(tmp_path, 9, 1, 0, monkeypatch) == [0, 8]


def test_every_iteration_of_a_run_can_be_had(whole):
    assert whole.weights.iterations() == [0, 1, 2, 3, 4, 5]
    assert [whole.load_iteration(iteration).iteration for iteration in range(6)] == list(range(6))
    for iteration in whole.iterations():
        full = Checkpoint.load(whole.path / f"checkpoints/iteration_{iteration:05d}.pt")
        small = Checkpoint.load(whole.weights.file(iteration))
        assert set(small.state) == {"network"}
        for name, values in full.network().state_dict().items():
            assert torch.equal(values, small.network().state_dict()[name])
    with pytest.raises(RunError, match=r"run has no iteration 99: the nearest are 4, 5"):
        whole.load_iteration(99)


def test_iterations_that_come_again_lose_their_networks(copy):
    copy.drop_after(1)
    assert copy.weights.iterations() == [0, 1]


def test_a_run_without_checkpoints_says_so(copy):
    for folder in ("checkpoints", "weights"):
        for file in (copy.path / folder).iterdir():
            file.unlink()
    with pytest.raises(RunError, match="has no iteration 1: nothing was trained yet"):
        RunFolder.open(copy.path).load_iteration(1)
