"""What the `deepracer` program offers: commands, options, profiles."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import contextmanager

import pytest
from deepracer_program import ENVIRONMENT
from small_runs import options

from deepracer_sim import cli, other_simulator, track_commands, training_run
from deepracer_sim.command_options import option_names
from deepracer_sim.profiles import PROFILES
from deepracer_sim.settings import TrainSettings
from deepracer_sim.train_command import train_command


@pytest.mark.parametrize("words", [(), ("--help",), ("-h",)])
def test_without_a_command_there_is_help(deepracer, words):
    code, out, _ = deepracer(*words)
    assert code == 0
    for name in ("train", "demo", "evaluate", "export", "validate", "tracks"):
        assert f"\n  {name} " in out


@pytest.mark.parametrize("command", [*cli.COMMANDS, *(f"tracks {name}" for name in track_commands.COMMANDS)])
def test_every_command_has_help(deepracer, command):
    code, out, err = deepracer(*command.split(), "--help")
    assert (code, err) == (0, "")
    assert f"usage: deepracer {command} " in out


def test_help_has_default_range_and_unit(deepracer):
    text = " ".join(deepracer("train", "--help")[1].replace("│", " ").split())
    default = TrainSettings().ppo.discount_factor
    assert (
        f"--ppo.discount-factor FLOAT of a reward one step later, >= 0 and <= 1 (default: {default})" in text
    )
    assert "--car.braking FLOAT strongest braking, m/s^2, > 0 and <= 50" in text


def test_help_takes_no_time_to_load():
    program = (
        "import sys; from deepracer_sim import cli; cli.run(['--help']); cli.run(['tracks'])\n"
        "try: cli.run(['train', '--help'])\n"
        "except SystemExit: print([name for name in ('torch', 'onnxruntime', 'cv2') if name in sys.modules])"
    )
    ended = subprocess.run([sys.executable, "-c", program], env=ENVIRONMENT, capture_output=True, text=True)
    assert ended.stdout.endswith("[]\n"), ended.stderr


@pytest.mark.parametrize(("mine", "used"), [(None, "20000"), ("300000", "300000")])
def test_threads_wait_in_a_loop_for_a_moment_only(deepracer, monkeypatch, mine, used):
    monkeypatch.setenv("GOMP_SPINCOUNT", mine or "")
    if mine is None:
        monkeypatch.delenv("GOMP_SPINCOUNT")
    deepracer("--help")
    assert os.environ["GOMP_SPINCOUNT"] == used


def test_a_reader_that_goes_away_is_no_error():
    command = f"{sys.executable} -m deepracer_sim.cli train --help | head -1"
    ended = subprocess.run(["bash", "-c", command], env=ENVIRONMENT, capture_output=True, text=True)
    assert ended.stderr == ""
    assert ended.stdout.startswith("usage: deepracer train")


def test_all_settings_are_options():
    wanted = [word for word in options(TrainSettings()) if word.startswith("--")]
    wanted = [word.replace("_", "-").replace(".no-", ".") for word in wanted]
    assert option_names(train_command([])) == [
        "--profile",
        "--run",
        "--resume",
        "--from",
        "--gui",
        "--file",
        "--store",
        *wanted,
    ]


@pytest.mark.parametrize("profile", PROFILES)
def test_a_profile_changes_the_defaults(profile, monkeypatch):
    asked = []
    monkeypatch.setattr(training_run, "start", lambda settings, *rest: asked.append(settings))
    cli.run(["train", "--seed", "3", f"--profile={profile}", "--ppo.lr", "0.005"])
    wanted = PROFILES[profile]()
    assert asked == [wanted.replaced(seed=3, ppo=wanted.ppo.replaced(lr=0.005))]


def test_gazebo_changes_the_defaults_that_nobody_gave(monkeypatch):
    """2048 samples a rollout by however many cars, all alike; an hour; a core left for Gazebo."""
    asked = []

    @contextmanager
    def opened(settings, gui, note):
        asked.append((settings, gui))
        yield None

    monkeypatch.setattr(other_simulator, "open_for_training", opened)
    monkeypatch.setattr(training_run, "start", lambda *arguments: None)

    def ask(*words):
        cli.run(["train", "--world", "gazebo", *words])
        return asked[-1][0]

    plain = ask()
    assert (plain.num_cars, plain.ppo.rollout_steps, plain.threads, plain.stop.minutes) == (8, 256, 1, 60)
    assert not (plain.randomisation.enabled or plain.evaluation.randomised or asked[-1][1])
    assert (plain.ppo.lr, plain.camera, plain.track) == (
        TrainSettings().ppo.lr,
        TrainSettings().camera,
        TrainSettings().track,
    )
    four = ask("--num_cars", "4", "--threads=2", "--gui")
    assert (four.num_cars, four.ppo.rollout_steps, four.threads, asked[-1][1]) == (4, 512, 2, True)
    short = ask("--ppo.rollout-steps", "32", "--stop.minutes", "1")
    assert (short.num_cars, short.ppo.rollout_steps, short.stop.minutes) == (8, 32, 1)
    aws = ask("--profile", "aws")
    assert (aws.num_cars, aws.ppo.num_episodes_between_training, aws.world) == (4, 20, "gazebo")
