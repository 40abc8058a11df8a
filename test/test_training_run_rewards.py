"""Trainings with a reward function of the user's own."""

from __future__ import annotations

import shutil

import pytest
import torch
from small_runs import rows_of, small_settings

from deepracer_inference.model_bundle import ModelBundle
from deepracer_sim.errors import RewardError
from deepracer_sim.run_folder import RunFolder
from deepracer_sim.settings import StopSettings
from deepracer_sim.training_run import resume, start

pytestmark = pytest.mark.usefixtures("fast")


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
    reward = write_reward(tmp_path, body)
    with pytest.raises(
        RewardError, match=r"my_reward.py:9: ZeroDivisionError[\s\S]*All up to iteration 2 is saved"
    ):
        start(small_settings(track, 4, reward=reward), tmp_path / "run")
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
