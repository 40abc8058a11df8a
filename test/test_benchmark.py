"""That the benchmarks measure what they say, on sizes too small for the figures to mean anything."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from deepracer_sim.benchmark import learning, ppo, speed
from deepracer_sim.benchmark.report import Figure, Machine, table, write_report
from deepracer_sim.errors import RunError
from deepracer_sim.evaluation import CarRun, Ending, Evaluation, Lap, Trace
from deepracer_sim.network import ImageCritic, PolicyNetwork
from deepracer_sim.racing_env import Status
from deepracer_sim.settings import TrainSettings

TINY = ["--num-cars", "2", "--ppo.rollout-steps", "16", "--ppo.batch-size", "16", "--threads", "1"]
QUICK = [
    "--stop.iterations",
    "1",
    "--evaluation.every",
    "1",
    "--evaluation.starts",
    "1",
    "--evaluation.laps",
    "1",
]


def values(figures):
    return {figure.what: figure.value for figure in figures}


def test_a_figure_knows_its_target():
    assert Figure("speed", 15_000, "steps", 15_000).is_reached
    assert not Figure("speed", 14_999, "steps", 15_000).is_reached
    assert Figure("time", 0.5, "ms", 0.5, "less").is_reached
    assert not Figure("time", 0.51, "ms", 0.5, "less").is_reached
    assert Figure("time", 0.5, "ms").is_reached is None


def test_the_table_is_markdown():
    figures = [
        Figure("speed", 16_123.4, "steps", 15_000, load=1.5),
        Figure("time", 0.1234, "ms", 0.1, "less", load=2),
    ]
    assert table([*figures, Figure("size", 3, "", load=0)]).splitlines()[2:] == [
        "| speed | 16,123 steps | at least 15,000 (reached) | 1.5 |",
        "| time | 0.123 ms | at most 0.1 (missed) | 2 |",
        "| size | 3  |  | 0 |",
    ]


def test_the_report_is_json_with_the_machine(tmp_path):
    path = write_report(
        tmp_path / "new", Machine.here(), [Figure("speed", 2.0, "steps", 1.0, load=0.5)], {"a": [1]}
    )
    content = json.loads(path.read_text())
    assert content["figures"] == [
        {
            "what": "speed",
            "value": 2.0,
            "unit": "steps",
            "target": 1.0,
            "better": "more",
            "load": 0.5,
            "reached": True,
        }
    ]
    assert content["details"] == {"a": [1]}
    assert content["machine"]["processor"] and content["machine"]["usable_cores"] >= 1
    assert len(content["machine"]["load_averages"]) == 3
    assert [file.name for file in path.parent.iterdir()] == ["benchmark.json"]


def test_a_folder_that_cannot_be_written_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match=r"cannot write .*benchmark\.json"):
        write_report(tmp_path / "file", Machine.here(), [], {})


def test_the_simulator_is_measured_at_three_sizes():
    found = values(speed.measure_simulator(num_cars=2, steps=2, repeats=1))
    sizes = [f"simulator, {size} grey, {how}" for size in ("64x48", "80x60", "160x120") for how in _HOW]
    assert list(found) == [*sizes, "whole environment, 64x48, defaults"]
    assert all(0 < value < 1e7 for value in found.values())


_HOW = ("not randomised", "randomised")


def test_inference_is_measured_for_both_networks():
    figures = speed.measure_inference(calls=20)
    assert len(figures) == 12
    assert all(0 < figure.value < 1000 for figure in figures)
    for median, slow in zip(figures[::2], figures[1::2], strict=True):
        assert median.what.endswith("median") and slow.what.endswith("99th percentile")
        assert median.value <= slow.value
    assert [figure.target for figure in figures if figure.target] == [0.5]


def test_both_ppos_are_measured_and_compared():
    pytest.importorskip("stable_baselines3")
    ours, theirs, ratio, default = ppo.measure_ppo(num_cars=16, rounds=1, iterations=2)
    assert min(ours.value, theirs.value, default.value) > 0
    assert ratio.value == pytest.approx(ours.value / theirs.value)
    assert ratio.target == 1.0


def test_a_learner_gives_the_time_of_each_iteration(tmp_path):
    learn = ppo._own_ppo(TrainSettings(num_cars=2), tmp_path / "run")
    for iterations in (1, 3):
        times = learn(iterations)
        assert len(times) == iterations and min(times) > 0


def test_both_ppos_train_networks_of_one_size():
    pytest.importorskip("stable_baselines3")
    model = ppo.stable_baselines3_model(TrainSettings(num_cars=16))
    shape = (48, 64, 1)
    ours = [*PolicyNetwork("FAST", shape, 10).parameters(), *ImageCritic("FAST", shape).parameters()]
    count = sum(weights.numel() for weights in ours)
    assert sum(weights.numel() for weights in model.policy.parameters()) == count


def run_of(clean, dirty, wanted=3):
    laps = tuple(Lap(10.0, resets) for resets in [0] * clean + [1] * dirty)
    ending = Ending.FINISHED if clean + dirty == wanted else Ending.OFF_TRACK
    faults = () if ending is Ending.FINISHED else (Status.OFF_TRACK,)
    return CarRun("oval", 0.0, False, wanted, float(clean + dirty), laps, faults, ending)


def test_laps_after_a_fault_count_as_not_clean():
    nothing = np.zeros((0, 3), np.float32)
    trace = Trace(*[nothing] * 8)
    # 3 of 3, 1 of 3 and 0 of 3 laps.
    assert learning.count_laps(Evaluation((run_of(3, 0), run_of(1, 0), run_of(0, 0)), trace)) == (4, 9)
    # A lap with a reset is driven, but not clean.
    assert learning.count_laps(Evaluation((run_of(2, 1),), trace)) == (2, 3)


@pytest.mark.slow
def test_a_training_is_timed_from_outside_and_judged(monkeypatch):
    monkeypatch.setattr(learning, "SPEEDS", {"1/2 m/s": (2.0, 60.0)})
    lines = []
    figures, details = learning.measure_learning([5], lines.append, [*TINY, *QUICK])
    (row,) = details["1/2 m/s"]
    assert (row["seed"], row["samples"], row["wanted_laps"], row["reached"]) == (5, 32, 96, False)
    assert row["wall_seconds"] > 0 and row["cpu_seconds"] > 0
    assert 0 <= row["clean_laps"] <= 96
    found = values(figures)
    assert found["learning, 1/2 m/s: seeds that reached clean laps"] == 0
    assert found["learning, 1/2 m/s: wall time, median"] == row["wall_seconds"]
    assert found["learning, 1/2 m/s: clean laps of held-out starts"] == pytest.approx(
        row["clean_laps"] / 0.96
    )
    assert len(lines) == 1 and "seed 5: NOT reached" in lines[0]
    json.dumps(details, allow_nan=False)


def test_a_training_that_fails_is_an_error():
    with pytest.raises(RunError, match="failed with code 2"):
        learning.train(["--track", "silverstone"])


@pytest.mark.slow
def test_one_policy_is_judged_on_tracks_that_it_never_saw(monkeypatch):
    monkeypatch.setattr(learning, "TRAINED_TRACKS", ("oval", "random:0"))
    monkeypatch.setattr(learning, "UNSEEN_TRACKS", ("bowtie", "random:1000"))
    figures, shares = learning.measure_unseen(0, lambda line: None, 1.0, [*TINY, *QUICK])
    assert {kind: list(tracks) for kind, tracks in shares.items()} == {
        "trained on": ["oval", "generated_0"],
        "unseen": ["bowtie", "generated_1000"],
    }
    for figure, kind in zip(figures, shares, strict=True):
        assert figure.value == pytest.approx(50 * math.fsum(shares[kind].values()))
    assert [figure.target for figure in figures] == [None, 80.0]
