"""The run folder: what a crash, a full disk or a damaged file may not spoil."""

from __future__ import annotations

import io
import json
import pickle
import zipfile

import pytest
import torch
from disk_limit import full_disk
from small_runs import small_settings

from deepracer_sim.checkpoint import Checkpoint, differences, on_device
from deepracer_sim.errors import RunError, SettingError
from deepracer_sim.run_folder import RunFolder

SETTINGS = small_settings("oval", iterations=3)
STATE = {"network": {"weight": torch.arange(6.0).view(2, 3)}, "samples": 64, "score": [1.0, float("-inf")]}


@pytest.fixture
def run(tmp_path):
    return RunFolder.create(tmp_path / "run", SETTINGS)


def names(run):
    return sorted(file.name for file in (run.path / "checkpoints").iterdir())


def temporary_files(run):
    return [file for file in run.path.rglob("*") if file.name.startswith(".")]


def test_what_is_created_can_be_opened(run):
    opened = RunFolder.open(run.path)
    assert opened.settings == SETTINGS
    assert opened.actions == run.actions
    assert len(opened.actions) == 10


def test_the_folder_keeps_copies_of_reward_function_and_action_list(tmp_path):
    reward, actions = tmp_path / "reward.py", tmp_path / "actions.json"
    reward.write_text("def reward_function(params):\n    return 1.0\n")
    actions.write_text(
        json.dumps([{"steering_angle": 10, "speed": 1.5}, {"steering_angle": -10, "speed": 1.5}])
    )
    settings = SETTINGS.replaced(reward=reward, actions=SETTINGS.actions.replaced(file=actions))
    run = RunFolder.create(tmp_path / "run", settings)
    assert (run.path / "reward_function.py").read_text() == reward.read_text()
    actions.write_text("changed later")
    assert RunFolder.open(run.path).actions.to_json() == [
        {"steering_angle": 10.0, "speed": 1.5},
        {"steering_angle": -10.0, "speed": 1.5},
    ]


def test_a_folder_with_something_in_it_is_refused(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(RunError, match=r"is not empty: choose another folder$"):
        RunFolder.create(tmp_path, SETTINGS)
    assert [file.name for file in tmp_path.iterdir()] == ["notes.txt"]


def test_a_run_is_not_overwritten(run):
    before = (run.path / "config.json").read_bytes()
    with pytest.raises(RunError, match="or go on in it: deepracer train --resume"):
        RunFolder.create(run.path, SETTINGS.replaced(seed=99))
    assert (run.path / "config.json").read_bytes() == before


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match=r"cannot make the run folder .*file/run: Not a directory"):
        RunFolder.create(tmp_path / "file/run", SETTINGS)


def test_a_disk_full_from_the_start_leaves_no_half_made_folder(tmp_path):
    with full_disk(16), pytest.raises(RunError, match=r"cannot make the run folder .*File too large"):
        RunFolder.create(tmp_path / "run", SETTINGS)
    assert not (tmp_path / "run").exists()


def test_a_wrong_action_space_is_refused_before_anything_is_written(tmp_path):
    settings = SETTINGS.replaced(actions=SETTINGS.actions.replaced(steering_granularity=4))
    with pytest.raises(SettingError, match="steering_granularity=4: must be odd"):
        RunFolder.create(tmp_path / "run", settings)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("config.json", None, "is no run folder: it has no config.json"),
        ("config.json", '{"seed": 1, "trac', "config.json cannot be used: Unterminated string"),
        ("config.json", "", "config.json cannot be used: Expecting value"),
        ("config.json", "[1, 2]", "config.json cannot be used"),
        ("config.json", '{"speed": 1}', "config.json cannot be used: speed: no such setting"),
        ("config.json", '{"ppo": {"lr": 9}}', "config.json cannot be used: ppo.lr=9: must be <= 0.1"),
        ("config.json", b"\xff\xfe\x00", "config.json cannot be used: 'utf-8' codec"),
        ("actions.json", None, "actions.json cannot be used: .*No such file"),
        ("actions.json", '[{"speed": 1}]', "actions.json cannot be used: action 0"),
    ],
)
def test_a_half_written_run_folder_is_refused(run, file, content, message):
    if content is None:
        (run.path / file).unlink()
    else:
        (run.path / file).write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(RunError, match=message):
        RunFolder.open(run.path)


def test_an_unknown_run_lists_the_ones_there_are(run):
    with pytest.raises(RunError, match=rf"run2: no such run folder; there is {run.path}"):
        RunFolder.open(run.path.parent / "run2")


def test_metrics_are_read_back(run):
    run.append_metrics({"iteration": 1, "samples": 1026048, "reward": 0.12345678, "lap_time": float("nan")})
    text = (run.path / "metrics.csv").read_text()
    assert text == "iteration,samples,reward,lap_time\n1,1026048,0.123457,\n"
    row = run.metrics()[0]
    assert (row["iteration"], row["samples"], row["reward"]) == (1.0, 1026048.0, 0.123457)
    assert row["lap_time"] != row["lap_time"]


def test_a_half_written_last_row_of_metrics_is_left_out_and_trimmed(run):
    for iteration in (1, 2, 3):
        run.append_metrics({"iteration": iteration, "samples": 1000001 * iteration, "reward": 0.5})
    file = run.path / "metrics.csv"
    whole = file.read_text()
    # "0." is a number and all columns are there: only the missing end of the line tells.
    file.write_text(whole + "4,4000004,0.")
    assert [row["iteration"] for row in run.metrics()] == [1, 2, 3]
    run.drop_after(2)
    assert file.read_text() == "".join(whole.splitlines(keepends=True)[:3])
    run.append_metrics({"iteration": 3, "samples": 3000003, "reward": 0.5})
    assert file.read_text() == whole


def test_trimming_rows_that_are_not_there_makes_no_file(run):
    run.drop_after(0)
    assert run.metrics() == []
    assert not (run.path / "metrics.csv").exists()


def test_damaged_metrics_are_named(run):
    (run.path / "metrics.csv").write_text("iteration,reward\n1,abc\n")
    with pytest.raises(RunError, match=r"metrics.csv is damaged: could not convert string to float: 'abc'"):
        run.metrics()


def test_a_checkpoint_brings_everything_back(run):
    run.save_checkpoint(7, STATE, is_best=False)
    checkpoint, problems = run.load_last()
    assert (checkpoint.iteration, checkpoint.settings, problems) == (7, SETTINGS, [])
    assert checkpoint.actions == run.actions
    assert checkpoint.state["score"] == [1.0, float("-inf")]
    assert torch.equal(checkpoint.state["network"]["weight"], STATE["network"]["weight"])


def test_only_the_newest_checkpoints_and_the_best_stay(run):
    for iteration in range(1, 7):
        run.save_checkpoint(iteration, STATE, is_best=iteration == 2)
    assert names(run) == ["best.pt", "iteration_00004.pt", "iteration_00005.pt", "iteration_00006.pt"]
    assert run.load_best().iteration == 2
    assert run.load_last()[0].iteration == 6
    assert not temporary_files(run)


def test_the_newest_checkpoint_is_the_best_while_none_was_evaluated(run):
    with pytest.raises(RunError, match="has no checkpoint: start anew in another folder"):
        run.load_best()
    run.save_checkpoint(0, STATE, is_best=False)
    assert run.load_best().iteration == 0


def truncated(content):
    return content[: len(content) // 2]


def with_a_flipped_bit(content):
    place = content.index(STATE["network"]["weight"].numpy().tobytes()) + 2
    return content[:place] + bytes([content[place] ^ 4]) + content[place + 1 :]


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (truncated, "is damaged, or no checkpoint"),
        (with_a_flipped_bit, "is damaged: the checksum of .* is wrong"),
        (lambda content: b"", "is damaged, or no checkpoint"),
        (lambda content: b"garbage" * 100, "is damaged, or no checkpoint: File is not a zip file"),
    ],
)
def test_a_damaged_checkpoint_is_passed_over_and_left_alone(run, damage, message):
    for iteration in (1, 2):
        run.save_checkpoint(iteration, STATE, is_best=False)
    newest = run.path / "checkpoints/iteration_00002.pt"
    newest.write_bytes(damage(newest.read_bytes()))
    with pytest.raises(RunError, match=message):
        Checkpoint.load(newest)
    checkpoint, problems = run.load_last()
    assert checkpoint.iteration == 1
    assert len(problems) == 1
    assert "iteration_00002.pt is damaged" in problems[0]
    (run.path / "checkpoints/iteration_00001.pt").write_bytes(b"")
    with pytest.raises(RunError, match=r"iteration_00002.pt is damaged.*; .*iteration_00001.pt is damaged"):
        run.load_last()


def test_a_damaged_best_checkpoint_names_the_others(run):
    run.save_checkpoint(1, STATE, is_best=True)
    (run.path / "checkpoints/best.pt").write_bytes(b"")
    with pytest.raises(
        RunError, match=r"best.pt is damaged.*other checkpoints of this run: .*iteration_00001.pt"
    ):
        run.load_best()


class Harm:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


@pytest.mark.parametrize("is_zip", [False, True])
def test_code_in_a_checkpoint_is_not_run(tmp_path, is_zip):
    victim, file = tmp_path / "victim", tmp_path / "bad.pt"
    if is_zip:
        torch.save({"version": 1, "state": Harm(victim)}, file)
    else:
        file.write_bytes(pickle.dumps({"version": 1, "state": Harm(victim)}))
    with pytest.raises(RunError, match="could run code" if is_zip else "no checkpoint") as caught:
        Checkpoint.load(file)
    assert "weights_only" not in str(caught.value)  # torch's own message tells how to run the code
    assert not victim.exists()
    if is_zip:
        torch.load(file, weights_only=False)
        assert victim.exists()  # the file would have done it


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"version": 99}, "has version 99: this program reads version 1"),
        ({"weights": 1}, "is no checkpoint of this program: 'version'"),
        ([1, 2], "is no checkpoint of this program"),
        ({"version": 1, "iteration": 1, "settings": {"ppo": {"lr": -1}}}, "ppo.lr=-1: must be >= 0.00000001"),
        (
            {"version": 1, "iteration": 1, "settings": {}, "actions": [], "state": {}},
            "cannot be used: action_space",
        ),
    ],
)
def test_another_programs_file_is_refused(tmp_path, content, message):
    torch.save(content, tmp_path / "other.pt")
    with pytest.raises(RunError, match=message):
        Checkpoint.load(tmp_path / "other.pt")


def test_a_zip_that_is_no_checkpoint_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "other.pt", "w") as archive:
        archive.writestr("hello", "world")
    with pytest.raises(RunError, match="is damaged, or no checkpoint"):
        Checkpoint.load(tmp_path / "other.pt")


def test_a_missing_checkpoint_or_a_folder_is_named(tmp_path):
    with pytest.raises(RunError, match=r"gone.pt: no such checkpoint"):
        Checkpoint.load(tmp_path / "gone.pt")
    with pytest.raises(RunError, match="cannot be read: Is a directory"):
        Checkpoint.load(tmp_path)


def test_weights_that_do_not_fit_the_settings_are_refused(run):
    run.save_checkpoint(1, STATE, is_best=False)
    with pytest.raises(RunError, match="the checkpoint's weights do not fit its settings"):
        run.load_best().network()


def test_a_full_disk_leaves_the_last_good_checkpoint(run):
    run.save_checkpoint(1, STATE, is_best=True)
    large = {**STATE, "network": {"weight": torch.zeros(100_000)}}
    with (
        full_disk(50_000),
        pytest.raises(RunError, match=r"cannot write .*best.pt: File too large; free some space"),
    ):
        run.save_checkpoint(2, large, is_best=True)
    assert names(run) == ["best.pt", "iteration_00001.pt"]
    assert run.load_best().iteration == run.load_last()[0].iteration == 1
    assert not temporary_files(run)


def test_a_full_disk_leaves_the_old_settings(run):
    with full_disk(100), pytest.raises(RunError, match=r"cannot write .*config.json: File too large"):
        run.change_settings(SETTINGS.replaced(seed=77))
    assert RunFolder.open(run.path).settings == run.settings == SETTINGS
    with full_disk(4), pytest.raises(RunError, match=r"cannot write .*metrics.csv: File too large"):
        run.append_metrics({"iteration": 1, "reward": 2.0})
    assert run.metrics() == []


def test_a_folder_that_has_become_a_file_cannot_be_written(run):
    for file in (run.path / "checkpoints").iterdir():
        file.unlink()
    (run.path / "checkpoints").rmdir()
    (run.path / "checkpoints").write_text("")
    with pytest.raises(RunError, match=r"cannot write .*iteration_00001.pt: Not a directory"):
        run.save_checkpoint(1, STATE, is_best=False)


def test_one_training_at_a_time_and_leftovers_go(run):
    for name in ("checkpoints/.best.123.tmp.pt", "model/.model.onnx.123.tmp", ".training_graph.123.tmp.png"):
        (run.path / name).parent.mkdir(exist_ok=True)
        (run.path / name).write_text("half a file of a training that was killed")
    video = run.path / "evaluations/oval/.video.123.tmp.mp4"
    video.parent.mkdir(parents=True)
    video.write_text("half a video that another program is writing")
    with run.training() as log:
        log.write("printed\n")
        with (
            pytest.raises(RunError, match="another training is at work in"),
            RunFolder.open(run.path).training(),
        ):
            pass
    assert temporary_files(run) == [video]
    with run.training() as log:
        log.write("printed later\n")
    assert (run.path / "training.log").read_text() == "printed\nprinted later\n"


def test_differences_are_named_from_top_to_bottom():
    theirs = SETTINGS.model_dump(mode="json")
    ours = SETTINGS.replaced(seed=6, ppo=SETTINGS.ppo.replaced(lr=0.01)).model_dump(mode="json")
    lr = SETTINGS.ppo.lr
    assert differences(theirs, theirs) == []
    assert differences(theirs, ours) == ["seed: 5 there, 6 here", f"ppo.lr: {lr} there, 0.01 here"]


def test_states_of_generators_stay_on_the_cpu():
    state = {"a": [torch.zeros(2)], "generator": torch.Generator().get_state(), "n": 3}
    moved = on_device(state, torch.device("meta"))
    assert moved["a"][0].device.type == "meta"
    assert moved["generator"].device.type == "cpu"
    assert moved["n"] == 3


def test_a_checkpoint_holds_its_settings_as_plain_values(run):
    buffer = io.BytesIO(Checkpoint(4, SETTINGS, run.actions, STATE).to_bytes())
    content = torch.load(buffer, weights_only=True)
    assert content["settings"] == SETTINGS.model_dump(mode="json")
    assert content["actions"][0] == {"steering_angle": -30.0, "speed": 1.0}
