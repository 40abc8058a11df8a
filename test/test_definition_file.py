"""Models as YAML: what people write, and what every model prints."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from small_models import SOURCE, definition
from small_runs import circle_track

from deepracer_sim.errors import DeepRacerError, ModelError
from deepracer_sim.garage.definition import ModelDefinition
from deepracer_sim.garage.definition_file import format_definition, read_definition
from deepracer_sim.profiles import aws_profile, for_gazebo
from deepracer_sim.settings import ActionSettings, PPOSettings, TrainSettings

ACTIONS = [{"steering_angle": -20.0, "speed": 1.5}, {"steering_angle": 20.0, "speed": 0.7}]


@pytest.fixture
def written(tmp_path):
    """Write a file and read it."""

    def write(text, name="my-car.yaml"):
        (tmp_path / name).write_bytes(text if isinstance(text, bytes) else text.encode())
        return read_definition(tmp_path / name)

    return write


def round_trip(tmp_path, wanted, name="fast"):
    """Print a model as YAML and read it; tracks of its own lie in `tmp_path`."""
    wanted.write_files(tmp_path)
    (tmp_path / "printed.yaml").write_text(format_definition(name, wanted, tmp_path), encoding="utf-8")
    return read_definition(tmp_path / "printed.yaml")


def test_a_short_file_has_the_defaults(written):
    name, found = written("track: oval\nppo: {lr: 0.005}\nstop:\n  minutes: 30\n")
    wanted = TrainSettings(track=("oval",))
    wanted = wanted.replaced(ppo=wanted.ppo.replaced(lr=0.005), stop=wanted.stop.replaced(minutes=30))
    assert (name, found) == ("my-car", ModelDefinition(wanted))


def test_a_file_with_nothing_but_a_name(written):
    assert written("name: fast\ndescription: as it comes\n") == (
        "fast",
        ModelDefinition(TrainSettings(), "as it comes"),
    )


def test_a_profile_and_gazebo_change_the_defaults(written):
    assert written("profile: aws\nseed: 3\n")[1].settings == aws_profile().replaced(seed=3)
    assert written("world: gazebo\n")[1].settings == for_gazebo(TrainSettings())
    few = written("world: gazebo\nnum_cars: 4\n")[1].settings
    assert (few.num_cars, few.ppo.rollout_steps) == (4, 512)


def test_files_are_looked_for_beside_the_yaml(written, tmp_path, monkeypatch):
    (tmp_path / "my reward.py").write_bytes(SOURCE)
    (tmp_path / "metadata.json").write_text(json.dumps({"action_space": ACTIONS}))
    circle_track(tmp_path)
    monkeypatch.chdir("/")
    text = "reward: my reward.py\nactions: {file: metadata.json}\ntrack: [circle.npy, oval]\n"
    found = written(text)[1]
    assert found.files["reward_function.py"] == SOURCE
    assert json.loads(found.files["actions.json"]) == ACTIONS
    assert found.files["tracks/circle.npy"] == (tmp_path / "circle.npy").read_bytes()
    assert found.settings.track == ("tracks/circle.npy", "oval")
    found.check()


def test_reward_and_actions_may_be_in_the_yaml(written):
    found = written(
        "reward_function: |\n  def reward_function(params):\n      return params['speed']\n"
        "action_space:\n- {steering_angle: -20, speed: 1.5}\n- {steering_angle: 20, speed: 0.7, index: 1}\n"
    )[1]
    assert found.files["reward_function.py"] == SOURCE
    assert json.loads(found.files["actions.json"]) == ACTIONS
    found.check()


@pytest.mark.parametrize(
    "source",
    [
        SOURCE,
        b"def reward_function(params):\r\n    return 1.0\r\n",
        b"def reward_function(params):\n\tx = 1\n\n\treturn 1.0  # no newline at the end",
        b"\t\ndef reward_function(params): return 1.0   \n\n\n",
        "# größer 🚗 \N{LINE SEPARATOR}\ndef reward_function(params): return '\\x00: # - | \"'\n".encode(),
        b"\xef\xbb\xbfdef reward_function(params): return 1.0\n",
        b"   # indented\ndef reward_function(params): return 1.0\n",
        b"---\n...\n",
        b"",
    ],
)
def test_what_a_model_prints_is_the_model(tmp_path, source):
    wanted = ModelDefinition(definition().settings, "two\nlines: [1, *a", {"reward_function.py": source})
    assert round_trip(tmp_path, wanted) == ("fast", wanted)


def test_settings_of_all_kinds_are_printed(tmp_path):
    circle_track(tmp_path)
    (tmp_path / "list.json").write_text(json.dumps(ACTIONS))
    settings = aws_profile().replaced(
        track=("oval", str(tmp_path / "circle.npy"), "random:7"),
        actions=ActionSettings(file=tmp_path / "list.json", max_speed=1.1),
        ppo=PPOSettings(lr=1e-8, max_gradient_norm=1e9),
    )
    wanted = ModelDefinition.packed(settings)
    name, found = round_trip(tmp_path, wanted, name="on")  # YAML's word for true
    assert (name, found) == ("on", wanted)
    assert yaml.safe_load((tmp_path / "printed.yaml").read_text())["action_space"] == ACTIONS


def test_sources_are_printed_to_be_read():
    tabs = ModelDefinition(definition().settings, "", {"reward_function.py": b"def f():\n\treturn 1\n"})
    assert format_definition("a", tabs, Path(".")).endswith("reward_function: |\n  def f():\n  \treturn 1\n")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("velocity: 3", "velocity: no such setting"),
        ("lr: 0.1", "lr: no such setting; perhaps ppo.lr"),
        ("max_sped: 0.1", "max_sped: no such setting; perhaps actions.max_speed"),
        ("ppo: {lr: 5}", "ppo.lr=5: must be <= 0.1"),
        ("ppo: 5", "ppo=5: must be a valid dictionary"),
        ("track: []", "track=[]:"),
        ("seed: soon", "seed='soon': must be a valid integer"),
        ("profile: best", "profile='best': must be one of fast, aws"),
        ("name: a/b", "name='a/b': must be 1 to 64 letters"),
        ("name: 2024", "name=2024: must be text; put it in quotes"),
        ("name: ", "name=None: must be text"),
        ("description: [a]", "description=['a']: must be text"),
        ('description: "\\e[31m"', "must not have control characters"),
        (f"description: {'x' * 1001}", "must be at most 1000 characters"),
        ("reward_function: 3", "reward_function: must be the source as text"),
        ('reward_function: "\\ud800"', "surrogates not allowed"),
        ("reward: a.py\nreward_function: x", "has both reward_function and reward: leave one out"),
        ("actions: {file: a}\naction_space: []", "has both action_space and actions.file: leave one out"),
        ("action_space: []", "action_space is []: a discrete one must be a list"),
        ("action_space: [{steering_angle: 90, speed: 1}]", "my-car.yaml: action 0"),
        ("reward: nothing.py", "nothing.py: cannot be read: No such file or directory"),
        ("actions: {file: nothing.json}", "nothing.json"),
        ("track: nothing.npy", "nothing.npy: cannot be read: No such file"),
        ("- a", "must hold settings"),
        ("", "must hold settings"),
        ("1: 2", "must hold settings"),
        ("seed: 1\nseed: 2", "a key appears twice"),
        ("ppo: {lr: 0.1, lr: 0.2}", "a key appears twice"),
        ("a: &a [1]\nb: *a", "an alias (*): write the value out"),
        ("seed: [", "no valid YAML"),
        ("seed: !!python/object/apply:os.system ['true']", "no valid YAML"),
        ("? [a]\n: 1", "no valid YAML"),
        (b"seed: \xff", "no valid YAML"),
        (b"seed: \0", "no valid YAML"),
        ("[" * 5000, "no valid YAML"),
        ("#" * 2_000_001, "larger than 2000000 bytes"),
    ],
)
def test_what_is_wrong_with_a_file(written, text, message):
    with pytest.raises(DeepRacerError) as error:
        written(text)
    assert message in str(error.value)
    assert len(str(error.value)) < 1000


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(ModelError, match=r"no\.yaml: cannot be read: No such file or directory"):
        read_definition(tmp_path / "no.yaml")


def test_a_definition_has_the_files_that_it_names():
    for files in ({}, {"reward_function.py": SOURCE, "actions.json": b"[]"}):
        with pytest.raises(ModelError, match=r"must be those that the settings name"):
            ModelDefinition(definition().settings, "", files)


def test_two_tracks_of_one_name(tmp_path):
    (tmp_path / "a").mkdir()
    names = [str(circle_track(folder, radius)) for folder, radius in ((tmp_path, 1.0), (tmp_path / "a", 2.0))]
    with pytest.raises(ModelError, match=r"circle\.npy and .*a/circle\.npy are different tracks of one name"):
        ModelDefinition.packed(TrainSettings(track=tuple(names)))
    same = ModelDefinition.packed(TrainSettings(track=(names[0], names[0])))
    assert same.settings.track == ("tracks/circle.npy", "tracks/circle.npy")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("track: nowhere", "no track 'nowhere': the built-in ones are"),
        ("actions: {steering_granularity: 4}", "steering_granularity=4: must be odd"),
        (
            "reward_function: |\n  def reward_function(params):\n      return params['spede']\n",
            "my-car.yaml, reward_function:2: KeyError",
        ),
        ("reward: mine.py", "mine.py:1: SyntaxError"),
        ("track: bad.npy", "bad.npy cannot be read"),
    ],
)
def test_what_a_training_would_refuse(written, tmp_path, text, message):
    """The message names the owner's file, not a copy of it."""
    (tmp_path / "mine.py").write_text("def reward_function(params:\n")
    (tmp_path / "bad.npy").write_text("no track")
    found = written(text)[1]
    with pytest.raises(DeepRacerError) as error:
        found.check()
    assert message in str(error.value)
    assert "deepracer_model_" not in str(error.value)
