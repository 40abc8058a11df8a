"""What the table of models shows, without a browser."""

from __future__ import annotations

import pytest

pytest.importorskip("nicegui")

from small_models import definition

from deepracer_sim.console.models.model_list import ModelList
from deepracer_sim.console.models.reward_thumbnail import thumbnail
from deepracer_sim.garage.model_store import ModelStore
from deepracer_sim.garage.stored_model import Status


def test_a_thumbnail_has_the_lines_of_the_metrics(tmp_path):
    """Reward 1, 3, 2 over 116 by 32 pixels with an edge of 2: its lowest is at 34, its highest at 2."""
    metrics = tmp_path / "metrics.csv"
    metrics.write_text(
        "iteration,mean_reward,evaluation_completion\n1,1,\n2,3,0.5\n3,2,1\n4,9"  # the last one is half
    )
    drawn = thumbnail(metrics)
    assert 'class="graph-reward" points="2.0,34.0 60.0,2.0 118.0,18.0"' in drawn
    assert 'class="graph-completion" points="60.0,18.0 118.0,2.0"' in drawn
    metrics.write_text("iteration,mean_reward,evaluation_completion\n1,1,\n")
    assert thumbnail(metrics) == ""
    metrics.write_text("iteration,mean_reward,evaluation_completion\n1,</svg>,\n2,1,\n")
    assert thumbnail(metrics) == ""


def test_a_thumbnail_of_a_long_training_is_small(tmp_path):
    metrics = tmp_path / "metrics.csv"
    rows = "".join(f"{number},{number},0.5\n" for number in range(5000))
    metrics.write_text(f"iteration,mean_reward,evaluation_completion\n{rows}")
    assert thumbnail(metrics).count(",") <= 122


def test_only_what_has_changed_is_read_again(tmp_path):
    store = ModelStore(tmp_path)
    for name in ("one", "two"):
        store.create(name, definition())
    models = ModelList(store)
    first = models.entries(["one", "two", "three"])
    assert [entry.row.name for entry in first] == ["one", "two"]
    (tmp_path / "two/model.json").write_text("{}")
    second = models.entries(["one", "two"])
    assert second[0] is first[0]
    assert second[1].row.status is Status.DAMAGED
    assert models.names("O") == ["two", "one"]
