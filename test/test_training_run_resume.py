"""What a run folder holds, and going on with it exactly where it stopped."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from small_runs import (
    ITERATIONS,
    Interruption,
    assert_same_run,
    checkpoint,
    rows_of,
    small_settings,
    to_the_end,
)

from deepracer_inference.model_bundle import ModelBundle
from deepracer_sim import trainer as trainer_module
from deepracer_sim.errors import RunError
from deepracer_sim.run_folder import RunFolder
from deepracer_sim.settings import StopSettings
from deepracer_sim.training_run import resume, start

pytestmark = pytest.mark.usefixtures("fast")


def test_a_run_folder_is_complete(whole, part):
    assert [row["iteration"] for row in whole.metrics()] == [1, 2, 3, 4, 5]
    assert whole.iterations() == [3, 4, 5]
    assert part.iterations() == [1, 2, 3]
    assert (whole.path / "training_graph.png").read_bytes().startswith(b"\x89PNG")
    bundle = ModelBundle.load(whole.path / "model")
    assert (bundle.height, bundle.width, bundle.channels) == (24, 32, 1)
    assert bundle.action_space == whole.actions
    assert not [file for file in whole.path.rglob(".*")]
    assert len({str(row) for row in rows_of(whole)}) == 6  # the rows differ: comparing them means something


def test_the_best_is_the_evaluated_iteration_with_the_highest_score(whole):
    evaluated = {row["iteration"]: row for row in whole.metrics() if row["evaluation_completion"] >= 0}
    assert sorted(evaluated) == [2, 4]
    best = max(
        evaluated.values(),
        key=lambda row: (row["evaluation_clean_runs"], row["evaluation_completion"], row["iteration"]),
    )
    assert whole.load_best().iteration == best["iteration"]


def test_a_stopped_run_goes_on_exactly(whole, copy):
    (copy.path / "training.log").write_text("printed before\n")
    messages = to_the_end(copy)
    assert_same_run(messages, whole)
    assert copy.settings.stop.iterations == 3
    assert RunFolder.open(copy.path).settings.stop.iterations == ITERATIONS
    assert (copy.path / "training.log").read_text().startswith("printed before\n")


def test_a_resume_after_a_crash_in_the_middle_of_saving_is_exact(whole, copy):
    with (copy.path / "metrics.csv").open("a") as metrics:
        metrics.write("4,256,0.0")  # the row of iteration 4 was cut off, its checkpoint never written
    (copy.path / "checkpoints/.iteration_00004.pt.123.tmp").write_bytes(b"half")
    assert_same_run(to_the_end(copy), whole)
    assert not [file for file in copy.path.rglob(".*")]


def test_a_resume_after_damage_falls_back_and_is_exact(whole, copy, capsys):
    newest = checkpoint(copy, 3)
    newest.write_bytes(newest.read_bytes()[:1000])
    assert_same_run(to_the_end(copy), whole)
    assert "iteration_00003.pt is damaged" in (said := capsys.readouterr().err)
    assert "going on from iteration 2" in said


def test_a_damaged_best_checkpoint_is_replaced_by_the_next_evaluated_one(copy, capsys):
    assert copy.load_best().iteration == 2
    (copy.path / "checkpoints/best.pt").write_bytes(b"")
    assert to_the_end(copy).load_best().iteration == 4
    assert "the next evaluated model becomes the best" in capsys.readouterr().err


def test_a_run_that_has_reached_its_end_says_so(copy, capsys):
    before = copy.path.joinpath("metrics.csv").read_text()
    resume(copy.path)
    assert "the stop rules of" in (said := capsys.readouterr().err)
    assert "at iteration 3: to go on, add --stop.no-target" in said
    assert copy.path.joinpath("metrics.csv").read_text() == before


def test_settings_that_were_changed_by_hand_are_refused(copy):
    copy.change_settings(copy.settings.replaced(ppo=copy.settings.ppo.replaced(lr=0.05)))
    with pytest.raises(
        RunError, match=r"other settings than its config.json has now: ppo.lr: .* there, 0.05 here"
    ):
        to_the_end(copy)


def test_another_seed_is_another_run(track, whole, tmp_path):
    other = start(small_settings(track, 1, seed=6), tmp_path / "run")
    assert rows_of(other)[0] == rows_of(whole)[0]
    assert rows_of(other)[1] != rows_of(whole)[1]


def test_a_target_takes_all_its_evaluations_of_one_policy(track, tmp_path, monkeypatch):
    """The second evaluation of iteration 2 is not clean; both of iteration 4 are, after a resume."""

    def judged(trainer, attempt):
        is_clean = (trainer.iteration, attempt) != (2, 1)
        return SimpleNamespace(is_clean=is_clean, clean_runs=2, completion=1.0, lap_time=5.0, runs=())

    monkeypatch.setattr(trainer_module.Trainer, "_evaluate", judged)
    stop = StopSettings(minutes=None, iterations=20, target=True, target_evaluations=2)
    with pytest.raises(KeyboardInterrupt):
        start(small_settings(track, 1, stop=stop), tmp_path / "run", report=Interruption(3))
    run = resume(tmp_path / "run")
    assert run.metrics()[-1]["iteration"] == 4  # evaluated in iterations 2 and 4
    assert run.load_best().iteration == 4


def test_tensorboard_shows_the_metrics_of_a_resumed_run(copy):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    checkpoint(copy, 3).write_bytes(b"")  # iteration 3 comes again: its first value must not show twice
    run = to_the_end(copy)
    events = EventAccumulator(str(run.path / "tensorboard"))
    events.Reload()
    rows = run.metrics()
    with_values = {name for row in rows for name, value in row.items() if value == value}
    assert {*events.Tags()["scalars"], "iteration"} == with_values
    for name in ("samples", "policy_loss", "entropy", "evaluation_completion"):
        shown = {event.step: event.value for event in events.Scalars(name)}
        wanted = {int(row["iteration"]): row[name] for row in rows if row[name] == row[name]}
        assert shown == pytest.approx(wanted, rel=1e-5)
        assert len(events.Scalars(name)) == len(wanted)
