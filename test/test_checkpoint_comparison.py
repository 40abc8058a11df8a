"""Comparing iterations: each drives the same laps, once."""

from __future__ import annotations

import json
import math

import pytest
from small_runs import to_the_end

from deepracer_sim import evaluation_run
from deepracer_sim.checkpoint_choice import choose
from deepracer_sim.checkpoint_comparison import Comparison, compare, format_comparison
from deepracer_sim.comparison_results import Result
from deepracer_sim.comparison_settings import ComparisonSettings
from deepracer_sim.errors import RunError
from deepracer_sim.evaluation_run import evaluate_model, load_model
from deepracer_sim.settings import EvaluateSettings
from deepracer_sim.simulation import Course

pytestmark = pytest.mark.usefixtures("fast")

SETTINGS = ComparisonSettings(cars=4, laps=1)


@pytest.fixture
def driven(monkeypatch):
    """The names of the models that drive."""
    names = []

    def spy(model, *arguments):
        names.append(model.name)
        return evaluate_model(model, *arguments)

    monkeypatch.setattr(evaluation_run, "evaluate_model", spy)
    return names


def test_each_iteration_does_what_an_evaluation_of_it_does(copy, track):
    comparison = compare(copy.path, SETTINGS)
    assert [result.iteration for result in comparison.results] == [2, 3]  # the evaluated one, and the newest
    assert (comparison.best, comparison.model) == (2, 2)
    assert (copy.path / "comparison.png").read_bytes().startswith(b"\x89PNG")
    settings = EvaluateSettings(track=str(track), cars=4, laps=1, max_resets=0, video=False)
    course = Course.load((str(track),))
    for result in comparison.results:
        evaluation = evaluate_model(load_model(copy.path, result.iteration), settings, course)
        assert (result.completion, result.cars) == (evaluation.completion, 4)
        assert 0 < result.completion < 1 and result.clean_runs == 0 and math.isnan(result.lap_time)


def test_nothing_is_driven_twice(copy, driven):
    first = compare(copy.path, SETTINGS, [0, 2])
    assert [name.split()[-1] for name in driven] == ["0", "2"]
    again, reported = compare(copy.path, SETTINGS, [2, 0, 0], driven.append), len(driven)
    assert str(again) == str(first) and reported == 2
    compare(copy.path, SETTINGS.replaced(randomised=True), [0])
    compare(copy.path, SETTINGS, [0, 1, 2])
    assert [str(name).split()[-1] for name in driven[2:]] == ["0", "1"]


def test_a_run_that_went_on_is_compared_anew_where_its_weights_changed(copy, driven):
    to_the_end(copy)
    compare(copy.path, SETTINGS, [1, 4])
    stranger = copy.load_iteration(1)
    next(iter(stranger.state["network"].values())).add_(0.1)
    copy.weights.file(1).write_bytes(stranger.to_bytes())
    compare(copy.path, SETTINGS, [1, 4])
    assert [name.split()[-1] for name in driven] == ["1", "4", "1"]
    assert len(json.loads((copy.path / "comparison.json").read_text())[0]["results"]) == 2


def test_what_was_driven_before_an_interruption_is_kept(copy, driven):
    def interrupt(result):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        compare(copy.path, SETTINGS, [0, 1], interrupt)
    compare(copy.path, SETTINGS, [0, 1])
    assert len(driven) == 2


def test_another_track_can_be_named(copy):
    comparison = compare(copy.path, SETTINGS.replaced(track="oval"), [2])
    assert comparison.settings.track == "oval"


def test_the_chosen_model_is_marked(copy):
    choose(copy.path, 1)
    comparison = compare(copy.path, SETTINGS, [1, 2])
    assert (comparison.best, comparison.model) == (2, 1)
    table = format_comparison(comparison).splitlines()
    assert table[1].endswith("model") and table[2].endswith("best in training")


def test_the_table_does_not_round_up():
    results = (
        Result(12, 0.9996, 3, 4, 9.126, 8.994),
        Result(6, 0.5, 0, 16, math.nan, math.nan),
    )
    assert format_comparison(Comparison(results, 12, None, EvaluateSettings())).splitlines() == [
        "iteration  completion  clean runs  lap time s  best lap s",
        "       12        99 %       3/4          9.13        8.99  best in training",
        "        6        50 %       0/16            -           -",
    ]


def test_damage_and_gaps_are_named(copy):
    with pytest.raises(RunError, match="has no iteration 7: the nearest are 2, 3"):
        compare(copy.path, SETTINGS, [7])
    (copy.path / "comparison.json").write_text('[{"settings": {}}]')
    with pytest.raises(
        RunError, match=r"comparison.json cannot be used: .*remove it, and all is evaluated again"
    ):
        compare(copy.path, SETTINGS, [0])
