"""Whole trainings, small ones: exact resumes, seeds, clones, and what ends a training early."""

from __future__ import annotations

import functools
import shutil
from types import SimpleNamespace

import pytest
import torch
from small_runs import circle_track, rows_of, same, small_settings, weights_of
from test_run_folder import full_disk

from deepracer_inference.model_bundle import ModelBundle
from deepracer_sim import trainer as trainer_module
from deepracer_sim import training_graph
from deepracer_sim.checkpoint import Checkpoint
from deepracer_sim.errors import RewardError, RunError, SettingError, TrackError
from deepracer_sim.run_folder import RunFolder
from deepracer_sim.settings import StopSettings, aws_profile
from deepracer_sim.simulation import Course
from deepracer_sim.training_run import resume, start

ITERATIONS = 5
SAVE_GRAPH = training_graph.save_training_graph


@pytest.fixture(scope="module", autouse=True)
def fast():
    """Paint the track once, and draw no graph but that of `whole`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Course, "load", staticmethod(functools.cache(Course.load)))
        patch.setattr(training_graph, "save_training_graph", lambda *arguments: None)
        yield patch


@pytest.fixture(scope="module")
def track(tmp_path_factory):
    return circle_track(tmp_path_factory.mktemp("track"))


@pytest.fixture(scope="module")
def whole(track, tmp_path_factory, fast):
    """A training of 5 iterations in one go; its best model is of iteration 2 or 4."""
    with fast.context() as patch:
        patch.setattr(training_graph, "save_training_graph", SAVE_GRAPH)
        return start(small_settings(track, ITERATIONS), tmp_path_factory.mktemp("whole") / "run")


@pytest.fixture(scope="module")
def part(track, tmp_path_factory):
    """The first 3 iterations of the same; tests go on with a copy of it."""
    return start(small_settings(track, 3), tmp_path_factory.mktemp("part") / "run")


@pytest.fixture
def copy(part, tmp_path):
    shutil.copytree(part.path, tmp_path / "run")
    return RunFolder.open(tmp_path / "run")


def to_the_end(copy):
    return resume(copy.path, copy.settings.stop.replaced(iterations=ITERATIONS))


def checkpoint(run, iteration):
    return run.path / f"checkpoints/iteration_{iteration:05d}.pt"


def state(run, iteration):
    """All of a checkpoint but the clock."""
    content = dict(Checkpoint.load(checkpoint(run, iteration)).state)
    assert content.pop("seconds") > 0
    return content


def assert_same_run(run, other):
    assert rows_of(run) == rows_of(other)
    assert same(state(run, ITERATIONS), state(other, ITERATIONS))
    assert run.load_best().iteration == other.load_best().iteration
    model = "model/model.onnx"
    assert (run.path / model).read_bytes() == (other.path / model).read_bytes()


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


class Interruption:
    """Ctrl-C when a training reports an iteration."""

    def __init__(self, iteration):
        self.iteration = iteration

    def __call__(self, row):
        if row["iteration"] == self.iteration:
            raise KeyboardInterrupt


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


def test_a_target_is_reached_over_a_resume(track, tmp_path, monkeypatch):
    lap = SimpleNamespace(is_clean=True, clean_runs=2, completion=1.0, lap_time=5.0)
    monkeypatch.setattr(trainer_module.Trainer, "_evaluate", lambda trainer: lap)
    stop = StopSettings(minutes=None, iterations=20, target=True, target_evaluations=2)
    with pytest.raises(KeyboardInterrupt):
        start(small_settings(track, 1, stop=stop), tmp_path / "run", report=Interruption(3))
    run = resume(tmp_path / "run")
    assert run.metrics()[-1]["iteration"] == 4  # evaluated in iterations 2 and 4
    assert run.load_best().iteration == 4  # as good as the first, but it has learnt longer


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


def test_a_clone_starts_with_the_weights_alone(whole, track, tmp_path):
    before = Checkpoint.load(whole.path / "checkpoints/best.pt")
    settings = small_settings(track, 1, seed=8, ppo={"lr": 1e-8, "rollout_steps": 4})
    for source in (whole.path, whole.path / "checkpoints/best.pt"):
        run = start(settings, tmp_path / source.name, clone=source)
        first, last = (Checkpoint.load(checkpoint(run, iteration)).state for iteration in (0, 1))
        assert (first["iteration"], first["samples"], first["best"]["iteration"]) == (0, 0, -1)
        assert same(first["network"], before.state["network"])
        assert same(first["critic"], before.state["critic"])
        assert not same(last["network"], first["network"])
        for name, value in last["network"].items():
            torch.testing.assert_close(value, before.state["network"][name], atol=1e-6, rtol=0)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"actions": {"max_speed": 3.0}}, "actions.max_speed: 2.0 there, 3.0 here"),
        ({"actions": {"steering_granularity": 7}}, "actions.steering_granularity: 5 there, 7 here"),
        ({"camera": {"width": 48}}, "camera.width: 32 there, 48 here"),
        ({"camera": {"pitch": 0.3}}, "camera.pitch: .* there, 0.3 here"),
        (
            {"network": "DEEP_CONVOLUTIONAL_NETWORK_SHALLOW", "camera": {"width": 36, "height": 36}},
            "network: FAST there, DEEP_CONVOLUTIONAL_NETWORK_SHALLOW here; camera.width",
        ),
    ],
)
def test_a_clone_with_another_meaning_is_refused_by_name(whole, track, tmp_path, changes, message):
    with pytest.raises(RunError, match=f"cannot be cloned.*{message}"):
        start(small_settings(track, 1, **changes), tmp_path / "run", clone=whole.path)
    assert not (tmp_path / "run").exists()


def test_an_unknown_clone_lists_the_runs(whole, track, tmp_path):
    with pytest.raises(RunError, match=f"run2: no such run folder or checkpoint; there is {whole.path}"):
        start(small_settings(track, 1), tmp_path / "run", clone=whole.path.parent / "run2")


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


def write_reward(folder, body):
    path = folder / "my_reward.py"
    path.write_text(
        f"count = 0\n\n\ndef reward_function(params):\n    global count\n    count += 1\n{body}\n"
    )
    return path


REMEMBERING = """
class Last:
    progress = 0.0


class History:
    def __init__(self):
        self.speeds = []


history = History()
calls = 0


def reward_function(params):
    global calls
    calls += 1
    gained = params["progress"] - Last.progress
    Last.progress = params["progress"]
    history.speeds = [*history.speeds[-3:], params["speed"]]
    return gained + sum(history.speeds) + 0.001 * calls
"""


def test_enormous_rewards_do_not_spoil_the_weights(track, tmp_path):
    reward = write_reward(tmp_path, "    return 1e5 if count % 2 else -1e5")
    run = start(small_settings(track, 3, reward=reward, ppo={"lr": 0.1}), tmp_path / "run")
    network = run.load_last()[0].state["network"]
    assert all(bool(torch.isfinite(value).all()) for value in network.values())
    assert run.metrics()[-1]["value_loss"] > 1e6


def test_a_reward_function_that_does_not_validate_is_refused(track, tmp_path):
    reward = write_reward(tmp_path, "    return params['typo']")
    with pytest.raises(RewardError, match=r"does not validate[\s\S]*my_reward.py:7: KeyError: 'typo'"):
        start(small_settings(track, 1, reward=reward), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_reward_function_that_fails_later_ends_the_run_and_can_be_mended(track, tmp_path):
    # Each car's function is called 8 times an iteration. The validation's process is an isolated one.
    body = (
        "    import sys\n    print('call', count)\n    return 1 / (1 if sys.flags.isolated else count - 20)"
    )
    reward, seen = write_reward(tmp_path, body), []

    def look(row):
        seen.append((tmp_path / "run/training.log").read_text().splitlines()[-1])

    with pytest.raises(
        RewardError, match=r"my_reward.py:9: ZeroDivisionError[\s\S]*All up to iteration 2 is saved"
    ):
        start(small_settings(track, 4, reward=reward), tmp_path / "run", report=look)
    assert seen == ["call 8", "call 16"]
    run = RunFolder.open(tmp_path / "run")
    assert run.load_last()[0].iteration == 2
    assert ModelBundle.load(run.path / "model").action_space == run.actions
    log = (run.path / "training.log").read_text()
    assert log.count("call 1\n") == log.count("call 19\n") == 8
    reward.write_text("def reward_function(params):\n    print('mended')\n    return 1.0\n")
    resume(run.path)
    assert [row["iteration"] for row in run.metrics()] == [1, 2, 3, 4]
    assert (run.path / "training.log").read_text().startswith(log)
    assert (run.path / "training.log").read_text().count("mended") == 2 * 8 * 8
    assert (run.path / "reward_function.py").read_text() == reward.read_text()


def test_what_a_reward_function_remembers_goes_on_too(track, tmp_path):
    reward = tmp_path / "my_reward.py"
    reward.write_text(REMEMBERING)
    whole = start(small_settings(track, 4, reward=reward), tmp_path / "whole")
    part = start(small_settings(track, 2, reward=reward), tmp_path / "part")
    assert rows_of(resume(part.path, whole.settings.stop)) == rows_of(whole)
    assert len({row["mean_reward"] for row in whole.metrics()}) > 2


def test_files_are_found_again_from_another_folder(track, tmp_path, monkeypatch):
    reward = write_reward(tmp_path, "    return 1.0")
    shutil.copy(track, tmp_path)
    monkeypatch.chdir(tmp_path)
    start(small_settings("circle.npy", 1, reward=reward.relative_to(tmp_path)), tmp_path / "run")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir("elsewhere")
    run = resume(tmp_path / "run", StopSettings(minutes=None, target=False, iterations=2))
    assert run.load_last()[0].iteration == 2


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"track": "nowhere"}, TrackError, "no track 'nowhere': the built-in ones are bowtie"),
        ({"actions": {"steering_granularity": 4}}, SettingError, "steering_granularity=4"),
        (
            {"device": "cuda"},
            SettingError,
            "device=cuda: torch .* finds no GPU here; train with --device cpu",
        ),
    ],
)
def test_bad_settings_leave_no_folder(track, tmp_path, monkeypatch, changes, error, message):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(error, match=message):
        start(small_settings(changes.pop("track", track), 1, **changes), tmp_path / "run")
    assert not (tmp_path / "run").exists()


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


def test_the_aws_profile_trains_by_episodes_with_its_network(track, tmp_path):
    settings = aws_profile()
    ppo = settings.ppo
    assert (ppo.batch_size, ppo.num_epochs, ppo.lr, ppo.discount_factor) == (64, 10, 3e-4, 0.999)
    assert (ppo.beta_entropy, ppo.loss_type, ppo.num_episodes_between_training) == (0.01, "huber", 20)
    assert (settings.network, settings.camera.width, settings.camera.height) == (
        "DEEP_CONVOLUTIONAL_NETWORK_SHALLOW",
        160,
        120,
    )
    small = settings.replaced(
        track=(str(track),),
        threads=1,
        num_cars=2,
        camera=settings.camera.replaced(width=48, height=36),
        ppo=ppo.replaced(num_episodes_between_training=2, num_epochs=1),
        stop=StopSettings(minutes=None, target=False, iterations=1),
        evaluation=settings.evaluation.replaced(starts=1),
    )
    run = start(small, tmp_path / "run")
    assert run.metrics()[0]["episodes"] >= 2
    assert run.load_best().iteration == 1
    bundle = ModelBundle.load(run.path / "model")
    assert bundle.metadata["neural_network"] == "DEEP_CONVOLUTIONAL_NETWORK_SHALLOW"
    assert (bundle.width, bundle.height) == (48, 36)


def test_the_interrupted_training_names_its_way_on(track, tmp_path):
    with pytest.raises(KeyboardInterrupt, match=f"deepracer train --resume '{tmp_path}/a run'"):
        start(small_settings(track, 2), tmp_path / "a run", report=Interruption(1))
    assert RunFolder.open(tmp_path / "a run").iterations() == [0, 1]
