"""`deepracer models` and `deepracer train -f` as a newcomer types them."""

from __future__ import annotations

import io
import json

import pytest
from small_models import SOURCE, definition
from small_runs import options, small_settings

from deepracer_sim import cli
from deepracer_sim.garage import making_commands
from deepracer_sim.garage.commands import COMMANDS
from deepracer_sim.garage.model_store import ModelStore
from deepracer_sim.profiles import aws_profile, for_gazebo
from deepracer_sim.settings import StopSettings, TrainSettings


@pytest.fixture(autouse=True)
def store(tmp_path, monkeypatch):
    """The store that commands use without --store."""
    monkeypatch.setenv("DEEPRACER_STORE", str(tmp_path / "store"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_bytes(SOURCE)
    return ModelStore()


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(deepracer, store, command):
    code, out, err = deepracer("models", command, "--help")
    assert (code, err) == (0, "")
    assert f"usage: deepracer models {command} " in out
    assert "--store" in out


def test_a_model_from_making_to_the_trash(deepracer, store, track, monkeypatch):
    assert deepracer("models", "list")[1].startswith(
        f"no models in {store.path} yet: deepracer models create"
    )
    words = options(small_settings(track, 2, reward="mine.py"))
    code, out, err = deepracer("models", "create", "first", "--description", "mine", *words)
    assert (code, err) == (0, "")
    assert out == "first is made; train it with: deepracer models train first\n"

    code, out, err = deepracer("models", "train", "first")
    assert code == 0, err
    assert out.startswith("first has trained")
    table = deepracer("models", "list")[1].splitlines()
    assert table[0].split() == ["name", "status", "track", "completion", "best", "lap", "s", "trained"]
    assert table[2].split()[:3] == ["first", "ready", "circle.npy"]
    code, _, err = deepracer("models", "train", "first")
    assert (code, "the stop rules" in err) == (0, True)
    assert deepracer("models", "train", "first", "--stop.iterations", "3")[0] == 0

    shown = deepracer("models", "show", "first")[1]
    for text in ("first, ready", "drives", "iteration 2 of run 1, the best", "reward_function: |", "mine"):
        assert text in shown
    assert deepracer("models", "choose", "first", "1")[1] == "first: iteration 1 of run 1, chosen\n"
    assert deepracer("models", "choose", "first", "best")[1] == "first: iteration 2 of run 1, the best\n"

    assert deepracer("models", "clone", "first", "second", "--ppo.lr", "0.001")[0] == 0
    second = store.open("second")
    assert (second.settings.ppo.lr, second.settings.stop.iterations) == (0.001, 2)
    assert (second.record.description, second.record.parent) == ("mine", "first")
    assert deepracer("models", "rename", "second", "other")[1] == f"{store.path}/other\n"
    assert deepracer("models", "download", "other")[1] == "other.tar.gz\n"
    code, out, err = deepracer("models", "import", "other.tar.gz", "--name", "third")
    assert (code, out, err) == (0, "third is in the store, created: deepracer models show third\n", "")

    monkeypatch.setattr("sys.stdin", io.StringIO("no\n"))
    assert deepracer("models", "delete", "third")[0] == 2
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    assert deepracer("models", "delete", "third")[0] == 0
    assert deepracer("models", "delete", "other", "--yes")[0] == 0
    assert store.names() == ["first"]
    assert deepracer("models", "restore", "other")[1] == f"{store.path}/other\n"
    assert store.names() == ["first", "other"]


def test_a_yaml_is_made_trained_and_printed_back(deepracer, store, track, tmp_path):
    """What is printed makes the same model in another store; the same command again goes on."""
    small = small_settings(track, 1).model_dump(mode="json")
    text = json.dumps({**small, "name": "fast", "reward": "mine.py"})  # YAML, too
    (tmp_path / "fast.yaml").write_text(text)
    code, out, err = deepracer("train", "-f", "fast.yaml")
    assert code == 0, err
    assert out.startswith("fast has trained")
    code, printed, err = deepracer("models", "show", "fast", "--yaml")
    assert (code, err) == (0, "")
    (tmp_path / "printed.yaml").write_text(printed)
    code, out, err = deepracer("train", "-f", "printed.yaml")
    assert (code, "the stop rules" in err) == (0, True)
    other = tmp_path / "other"
    assert deepracer("models", "create", "--file", "printed.yaml", "--store", other)[0] == 0
    assert ModelStore(other).open("fast").definition == store.open("fast").definition
    assert deepracer("models", "create", "again", "-f", "printed.yaml", "--store", other)[0] == 0
    code, _, err = deepracer("train", "--file", "fast.yaml", "--store", other, "--seed", "3")
    assert (code, "--file takes all settings from fast.yaml: change them there" in err) == (2, True)
    (tmp_path / "fast.yaml").write_text(text.replace('"seed": 5', '"seed": 6'))
    code, _, err = deepracer("train", "-f", "fast.yaml")
    assert (code, "there is a model 'fast' already, and it is defined otherwise" in err) == (2, True)


def test_profiles_and_gazebo_change_the_defaults_of_a_new_model(deepracer, store):
    for name, words, wanted in (
        ("plain", [], TrainSettings()),
        ("aws", ["--profile", "aws", "--seed", "3"], aws_profile().replaced(seed=3)),
        ("gazebo", ["--world", "gazebo"], for_gazebo(TrainSettings())),
        ("few", ["--world=gazebo", "--num_cars=4"], for_gazebo(TrainSettings(), 4)),
    ):
        assert deepracer("models", "create", name, *words)[0] == 0
        assert store.open(name).record.settings == wanted
    assert deepracer("models", "clone", "few", "more", "--world", "gazebo", "--num-cars", "6")[0] == 0
    assert store.open("more").settings == wanted.replaced(num_cars=6)


def test_stop_rules_are_those_of_the_model_where_none_is_given(deepracer, store, monkeypatch):
    asked = []
    monkeypatch.setattr(making_commands, "_train", lambda model, *rest: asked.append((model.name, *rest)))
    mine = StopSettings(minutes=7, iterations=9)
    store.create("fast", definition(stop=mine))
    for words in (
        ["fast"],
        ["--stop.minutes", "10", "fast"],
        ["fast", "--anew", "--gui", "--stop.no-target"],
    ):
        cli.run(["models", "train", *words])
    assert asked == [
        ("fast", mine, False, False),
        ("fast", mine.replaced(minutes=10), False, False),
        ("fast", mine.replaced(target=False), True, True),
    ]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            "models paint",
            "no command 'paint' in deepracer models: there are list, show, create, train, clone",
        ),
        ("models create", "a model needs a name: deepracer models create NAME"),
        ("models create a/b", "name='a/b': must be 1 to 64 letters a-z, A-Z, digits, - or _"),
        ("models create new --track nowhere", "no track 'nowhere': the built-in ones are"),
        ("models create new --reward bad.py", "bad.py:1: SyntaxError"),
        ("models create new --reward none.py", "none.py: cannot be read: No such file"),
        ("models create new --ppo.lr 5", "ppo.lr=5.0: must be <= 0.1"),
        ("models create new --actions.steering-granularity 4", "steering_granularity=4: must be odd"),
        ("models create new --batch_size 64", "does not know --batch_size: perhaps --ppo.batch-size"),
        ("models create fast", "there is a model 'fast' already: choose another name"),
        ("models create -f none.yaml", "none.yaml: cannot be read: No such file"),
        ("models create -f none.yaml --seed 1", "-f takes all settings from none.yaml"),
        ("models show none", "no model 'none' in"),
        ("models train none", "no model 'none' in"),
        ("models train fast --ppo.lr 1", "deepracer models train does not know --ppo.lr"),
        ("models clone none new", "no model 'none' in"),
        ("models clone fast FAST", "there is a model 'fast' already: choose another name"),
        ("models clone fast new --track nowhere", "no track 'nowhere'"),
        ("models rename fast a.b", "name='a.b': must be"),
        ("models choose fast 3", "fast has no run 1: there is none"),
        ("models download none", "no model 'none' in"),
        ("models import none", "none: no such file or folder"),
        ("models delete none", "no model 'none' in"),
        ("models restore none", "no model 'none' in the trash"),
        ("train -f none.yaml", "none.yaml: cannot be read: No such file"),
        ("train --store x", "--store=x: is for --file"),
        ("train -f none.yaml --profile aws", "--file takes all settings from none.yaml"),
    ],
)
def test_an_error_is_a_message_and_nothing_changes(deepracer, store, tmp_path, words, message):
    (tmp_path / "bad.py").write_text("def reward_function(params:\n")
    store.create("fast", definition())
    before = sorted(map(str, tmp_path.rglob("*")))
    code, out, err = deepracer(*words.split())
    assert (code, out) == (2, "")
    assert err.startswith("deepracer: ")
    assert message in err
    assert "Traceback" not in err
    assert sorted(map(str, tmp_path.rglob("*"))) == before


def test_a_failed_model_shows_what_was_said_last(deepracer, store, track, tmp_path):
    """Nobody drives at exactly 2 m/s when it is validated."""
    source = "def reward_function(params):\n    print('last words')\n    return 1 / (params['speed'] - 2)\n"
    (tmp_path / "late.py").write_text(source)
    words = options(small_settings(track, 3, reward="late.py"))
    assert deepracer("models", "create", "late", *words)[0] == 0
    assert deepracer("models", "train", "late")[0] == 2
    shown = deepracer("models", "show", "late")[1]
    assert "late, failed" in shown
    assert "The training failed: " in shown
    assert "ZeroDivisionError" in shown
    assert "last words" in shown


def test_notes_of_an_import_are_told(deepracer, tmp_path):
    (tmp_path / "lab").mkdir()
    content = {"action_space": [{"steering_angle": 0, "speed": 1}]}
    (tmp_path / "lab/model_metadata.json").write_text(json.dumps(content))
    code, out, err = deepracer("models", "import", "lab")
    assert (code, out) == (0, "lab is in the store, created: deepracer models show lab\n")
    assert "deepracer: there is no hyperparameters.json: the defaults are used\n" in err
    assert "note: there is no hyperparameters.json" in deepracer("models", "show", "lab")[1]
