"""Models from elsewhere: AWS's and DRfC's files, run folders, ONNX policies."""

from __future__ import annotations

import json
import os
import shutil
import tarfile

import pytest
from onnx_models import metadata, network
from small_models import SOURCE, contents, definition, leftovers
from small_runs import circle_track, weights_of

from deepracer_sim.errors import DeepRacerError, ModelError
from deepracer_sim.evaluation_run import evaluate_model, load_model
from deepracer_sim.garage import model_import as importer
from deepracer_sim.garage.model_import import import_model
from deepracer_sim.garage.model_lock import held
from deepracer_sim.garage.model_store import ModelStore
from deepracer_sim.garage.model_training import train
from deepracer_sim.garage.stored_model import Status
from deepracer_sim.profiles import aws_profile
from deepracer_sim.settings import EvaluateSettings, TrainSettings

LIST = [{"steering_angle": angle, "speed": 0.6} for angle in (-30.0, -15.0, 0.0, 15.0, 30.0)]
HYPERPARAMETERS = {
    "batch_size": 128,
    "beta_entropy": 0.02,
    "discount_factor": 0.99,
    "e_greedy_value": 0.05,
    "epsilon_steps": 10000,
    "exploration_type": "categorical",
    "loss_type": "huber",
    "lr": 0.0005,
    "num_episodes_between_training": 40,
    "num_epochs": 5,
    "stack_size": 1,
    "term_cond_avg_score": 350,
    "term_cond_max_episodes": 1000,
}
METADATA = {
    "1": {"action_space": [{**entry, "index": index} for index, entry in enumerate(LIST)]},
    "2": {"action_space": LIST, "sensor": ["FRONT_FACING_CAMERA"]},
    "3": {
        "action_space": LIST,
        "sensor": ["FRONT_FACING_CAMERA"],
        "neural_network": "DEEP_CONVOLUTIONAL_NETWORK_SHALLOW",
        "version": "3",
    },
    "5": {
        "action_space": LIST,
        "sensor": ["FRONT_FACING_CAMERA"],
        "neural_network": "DEEP_CONVOLUTIONAL_NETWORK_SHALLOW",
        "training_algorithm": "clipped_ppo",
        "action_space_type": "discrete",
        "version": "5",
    },
    "6": {"action_space": LIST, "sensor": ["FRONT_FACING_CAMERA"], "version": 6.0},
}


@pytest.fixture
def store(tmp_path):
    return ModelStore(tmp_path / "store")


@pytest.fixture
def artefacts(tmp_path):
    """A folder as DeepRacer for Cloud has it; more files or other ones by their names."""

    def make(name="lab-model", **files):
        folder = tmp_path / name
        content = {
            "model/model_metadata.json": METADATA["5"],
            "ip/hyperparameters.json": HYPERPARAMETERS,
            "reward_function.py": SOURCE,
            **files,
        }
        for path, value in content.items():
            if value is not None:
                (folder / path).parent.mkdir(parents=True, exist_ok=True)
                content = value if isinstance(value, bytes) else json.dumps(value).encode()
                (folder / path).write_bytes(content)
        return folder

    return make


def packed(folder, path=None):
    path = path or folder.with_suffix(".tar.gz")
    with tarfile.open(path, "w:gz") as tar:
        for file in sorted(folder.iterdir()):
            tar.add(file, file.name)
    return path


def onnx(shape=("batch", 24, 32, 1), **options):
    return network(shape, **options).SerializeToString()


def test_settings_of_a_model_of_the_lab(store, artefacts):
    """Its values where they mean the same, AWS's profile for the rest; what has no place here is noted."""
    model = import_model(store, artefacts())
    settings, wanted = model.settings, aws_profile()
    assert (model.name, model.status) == ("lab-model", Status.CREATED)
    assert model.record.description == "imported from lab-model"
    assert settings.ppo == wanted.ppo.replaced(
        batch_size=128,
        beta_entropy=0.02,
        discount_factor=0.99,
        lr=0.0005,
        num_episodes_between_training=40,
        num_epochs=5,
    )
    assert (settings.network, settings.camera) == (wanted.network, wanted.camera)
    assert json.loads(settings.actions.file.read_text()) == LIST
    assert settings.reward.read_bytes() == SOURCE
    assert settings.track == ("reinvent_2018",)
    notes = "\n".join(model.record.notes)
    for name in ("e_greedy_value", "epsilon_steps", "stack_size", "term_cond_max_episodes", "its track"):
        assert name in notes
    for name in ("batch_size", "lr", "exploration_type", "loss_type"):
        assert name not in notes
    model.definition.check()


@pytest.mark.parametrize("version", METADATA)
def test_all_versions_of_the_metadata(store, artefacts, version):
    folder = artefacts(**{"model/model_metadata.json": METADATA[version]})
    model = import_model(store, folder)
    assert json.loads(model.settings.actions.file.read_text()) == LIST
    assert not [note for note in model.record.notes if "sensor" in note or "neural" in note]


def test_an_archive_is_as_good_as_a_folder(store, artefacts, tmp_path):
    folder = artefacts()
    path = packed(folder, tmp_path / "Model 2.tar.gz")
    model = import_model(store, path)
    assert model.name == "Model-2"
    assert model.definition.files == import_model(store, folder).definition.files
    assert [name for name in store.names()] == ["Model-2", "lab-model"]
    assert leftovers(store) == []


def test_a_track_may_come_along(store, artefacts, tmp_path):
    circle = circle_track(tmp_path).read_bytes()
    model = import_model(store, artefacts(**{"tracks/circle.npy": circle}))
    assert model.settings.track == (str(model.path / "tracks/circle.npy"),)
    folder = artefacts("two", **{"a.npy": circle, "b.npy": circle})
    with pytest.raises(ModelError, match=r"which one of a\.npy, b\.npy is its track\? Say --track"):
        import_model(store, folder)
    assert import_model(store, folder, track=("oval",)).settings.track == ("oval",)
    with pytest.raises(DeepRacerError, match="no track 'nowhere'"):
        import_model(store, folder, "other", track=("nowhere",))


@pytest.mark.parametrize(
    ("changes", "note"),
    [
        ({"neural_network": "DEEP_CONVOLUTIONAL_NETWORK_DEEP"}, "NETWORK_DEEP' is not here: it trains AWS's"),
        ({"sensor": ["STEREO_CAMERAS", "LIDAR"]}, "the car here has one camera in front and no lidar"),
        ({"training_algorithm": "sac"}, "training_algorithm 'sac': training here is PPO"),
    ],
)
def test_what_is_not_here_is_noted(store, artefacts, changes, note):
    model = import_model(store, artefacts(**{"model/model_metadata.json": {**METADATA["5"], **changes}}))
    assert note in "\n".join(model.record.notes)


def test_a_continuous_action_space_becomes_a_list(store, artefacts):
    """-20 to 30 degrees in five steps, 1 to 2 m/s in three."""
    ranges = {"steering_angle": {"high": 30, "low": -20}, "speed": {"high": 2, "low": 1}}
    changed = {"action_space": ranges, "action_space_type": "continuous"}
    model = import_model(store, artefacts(**{"model/model_metadata.json": {**METADATA["5"], **changed}}))
    actions = json.loads(model.settings.actions.file.read_text())
    assert len(actions) == 15
    assert actions[0] == {"steering_angle": -20.0, "speed": 1.0}
    assert actions[4] == {"steering_angle": -7.5, "speed": 1.5}
    assert actions[14] == {"steering_angle": 30.0, "speed": 2.0}
    assert "15 actions, evenly over the same ranges" in "\n".join(model.record.notes)


def test_other_hyperparameters_are_noted(store, artefacts):
    values = {"exploration_type": "e-greedy", "sac_alpha": 0.2, "lr": "0.001", "o\x1b[1m": 1}
    values["loss_type"] = "Mean squared error"
    model = import_model(store, artefacts(**{"ip/hyperparameters.json": values}))
    assert (model.settings.ppo.lr, model.settings.ppo.loss_type) == (0.001, "mean squared error")
    notes = "\n".join(model.record.notes)
    assert "exploration_type 'e-greedy': here, actions are drawn" in notes
    assert "'sac_alpha' is not used: of SAC" in notes
    assert "'o\\x1b[1m' is not used: unknown" in notes


def test_what_is_missing_is_noted(store, artefacts):
    model = import_model(store, artefacts(**{"ip/hyperparameters.json": None, "reward_function.py": None}))
    assert model.settings.ppo == aws_profile().ppo
    notes = "\n".join(model.record.notes)
    assert "there is no hyperparameters.json: the defaults are used" in notes
    assert "there is no reward_function.py: the defaults are used" in notes


def test_a_reward_function_that_fails_here_can_be_mended_later(store, artefacts):
    model = import_model(store, artefacts(**{"reward_function.py": b"import shapely_of_old\n"}))
    notes = "\n".join(model.record.notes)
    assert "before it can be trained, its reward function must be mended" in notes
    assert "lab-model/reward_function.py:1: ModuleNotFoundError" in notes.replace(str(store.path.parent), "")


def test_code_is_never_run_in_this_process(store, artefacts, tmp_path):
    marker = tmp_path / "marker"
    source = f"import os\nopen({str(marker)!r}, 'a').write(f'{{os.getpid()}}\\n')\n".encode() + SOURCE
    import_model(store, artefacts(**{"reward_function.py": source}))
    import_model(store, packed(store.path / "lab-model"), "again")
    pids = set(marker.read_text().split()) if marker.exists() else set()
    assert str(os.getpid()) not in pids


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("ip/hyperparameters.json", b"{", r"lab-model.*/ip/hyperparameters\.json: no valid JSON"),
        ("ip/hyperparameters.json", b"[" * 100_000, "no valid JSON"),
        ("ip/hyperparameters.json", [1], "must hold an object, not list"),
        ("ip/hyperparameters.json", {"lr": 3}, r"hyperparameters\.json: lr=3: must be <= 0\.1"),
        ("ip/hyperparameters.json", {"batch_size": "many"}, "batch_size='many': must be a valid integer"),
        ("ip/hyperparameters.json", b" " * 1_000_001, "larger than 1000000 bytes"),
        ("model/model_metadata.json", b"\xff", r"model_metadata\.json: no valid JSON"),
        ("model/model_metadata.json", {}, "no action_space in the model's metadata"),
        ("model/model_metadata.json", {"action_space": [{"steering_angle": 45, "speed": 1}]}, "action 0"),
        ("model/model_metadata.json", {"action_space": {}, "action_space_type": "x"}, "must be discrete or"),
        ("reward_function.py", b"\n" * 10_000_001, "larger than 10000000 bytes"),
        ("track.npy", b"no track", r"track file .*lab-model.*/track\.npy cannot be read"),
    ],
)
def test_what_is_wrong_is_said_of_the_file_that_was_given(store, artefacts, tmp_path, file, content, message):
    folder = artefacts(**{file: content})
    for source in (folder, packed(folder)):
        with pytest.raises(DeepRacerError, match=message) as error:
            import_model(store, source)
        assert ".new-" not in str(error.value)
    assert (store.names(), leftovers(store)) == ([], [])


def test_two_that_differ_are_not_chosen_from(store, artefacts):
    folder = artefacts(**{"custom/hyperparameters.json": {"lr": 0.1}})
    with pytest.raises(ModelError, match=r"which one of custom/hyper.*, ip/hyper.* is meant\?"):
        import_model(store, folder)
    (folder / "custom/hyperparameters.json").rename(folder / "hyperparameters.json")  # nearer than the other
    assert import_model(store, folder).settings.ppo.lr == 0.1


@pytest.mark.parametrize(
    "name", ["model/model_12.pb", "model/11_Step-4.ckpt.index", "agent/model.pb", "a.tflite"]
)
def test_a_tensorflow_network_is_refused_and_its_settings_are_not(store, artefacts, name):
    folder = artefacts(**{name: b"weights"})
    for source in (folder, packed(folder)):
        with pytest.raises(ModelError) as error:
            import_model(store, source)
        message = str(error.value)
        assert f"{name.split('/')[-1]} is a TensorFlow network, which cannot be run here" in message
        assert f"deepracer models import {source} --settings-only, then deepracer models train" in message
    assert store.names() == []
    model = import_model(store, folder, settings_only=True)
    assert (model.status, model.settings.ppo.lr) == (Status.CREATED, 0.0005)
    with pytest.raises(
        ModelError, match=r"is a TensorFlow network, .* import the folder that has its model_met"
    ):
        import_model(store, folder / name)


def test_a_policy_from_elsewhere_drives(store, artefacts, tmp_path):
    """A bright picture or a dark one, it steers straight ahead; the lap need not be finished."""
    folder = artefacts(
        "theirs",
        **{
            "model/model_metadata.json": None,
            "model_metadata.json": metadata(),
            "their.onnx": onnx(probabilities=(0.1, 0.8, 0.1)),
            "model.pb": b"beside it",
        },
    )
    model = import_model(store, packed(folder))
    assert (model.name, model.status) == ("theirs", Status.READY)
    seen = model.settings.camera
    assert (seen.width, seen.height, model.settings.network) == (32, 24, "FAST")  # it is too small for AWS's
    loaded = load_model(model.policy_path())
    track = circle_track(tmp_path)
    asked = EvaluateSettings(track=str(track), laps=1, max_resets=0, video=False)
    evaluation = evaluate_model(loaded, asked)
    assert 0 < evaluation.completion < 1  # straight on leaves a circle
    with pytest.raises(ModelError, match="theirs is an ONNX model: it drives, but cannot be trained"):
        train(model)
    with pytest.raises(ModelError, match=r"but cannot be trained on\. Train anew .* --from-scratch"):
        store.clone("theirs", "mine", model.definition)
    assert store.clone("theirs", "mine", model.definition, from_scratch=True).status is Status.CREATED


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"model.onnx": onnx(("batch", 24, 32, 2))}, r"model\.onnx: model\.onnx: input image_0 is"),
        ({"model.onnx": onnx(probabilities=(0.5, 0.5))}, "gives an output .* but the action space needs"),
        ({"model.onnx": onnx(("batch", 8, 8, 1))}, "sees pictures that cannot be had here: .*width=8"),
        ({"model.onnx": b"no network"}, "onnxruntime cannot open"),
        ({"model.onnx": onnx(), "model_metadata.json": None}, "model_metadata.json must be with it"),
        ({"a.onnx": onnx(), "b.onnx": onnx(probabilities=(0.2, 0.2, 0.6))}, r"which one of a\.onnx, b\.onnx"),
        (
            {
                "model.onnx": network(("batch", 24, 32, 1), (0.1, 0.2), last="Tanh").SerializeToString(),
                "model_metadata.json": {
                    "action_space": {
                        "steering_angle": {"high": 30, "low": -30},
                        "speed": {"high": 2, "low": 1},
                    },
                    "action_space_type": "continuous",
                },
            },
            "has a continuous action space: only discrete ones can drive here",
        ),
    ],
)
def test_a_policy_that_does_not_fit_is_refused(store, artefacts, files, message):
    content = {"model/model_metadata.json": None, "model_metadata.json": metadata(), **files}
    with pytest.raises(ModelError, match=message):
        import_model(store, artefacts(**content))
    assert store.names() == []


def test_a_run_folder_comes_in_and_goes_on(store, whole, fast):
    before = contents(whole.path)
    model = import_model(store, whole.path, "mine")
    assert (model.status, model.summaries[0].iterations) == (Status.READY, 5)
    assert weights_of(model.policy_path() / "checkpoints/best.pt") == weights_of(
        whole.path / "checkpoints/best.pt"
    )
    run = train(model, whole.settings.stop.replaced(iterations=6))
    assert (run.path, run.iterations()[-1]) == (model.run_path(1), 6)
    assert run.settings.track == (str(model.path / "tracks/circle.npy"),)
    assert contents(whole.path) == before


def test_an_exported_model_comes_in_with_our_settings(store, whole):
    model = import_model(store, whole.path / "model", "exported")
    assert (model.status, model.policy_path()) == (Status.READY, model.path / "model")
    assert (model.settings.network, model.settings.ppo) == ("FAST", TrainSettings().ppo)
    assert not [note for note in model.record.notes if "network" in note]


def test_settings_alone_of_a_run_or_a_model(store, whole):
    model = import_model(store, whole.path, "mine", settings_only=True)
    assert (model.status, model.run_numbers()) == (Status.CREATED, [])
    again = import_model(store, model.path, "again", settings_only=True)
    assert again.definition == model.definition


def test_a_run_in_training_does_not_come_in(store, copy):
    with copy.training(), pytest.raises(ModelError, match="is being trained: wait for its end"):
        import_model(store, copy.path)
    copy.path.joinpath("config.json").write_text("{")
    with pytest.raises(DeepRacerError, match=r"config\.json cannot be used"):
        import_model(store, copy.path)
    assert (store.names(), leftovers(store)) == ([], [])


def test_a_model_of_another_store_comes_in_unless_it_is_damaged(store, tmp_path):
    other = ModelStore(tmp_path / "other").create("fast", definition())
    (other.path / "link").symlink_to("/etc/passwd")
    model = import_model(store, other.path)
    wanted = contents(other.path)
    del wanted["link"]
    assert contents(model.path) == wanted
    with pytest.raises(ModelError, match="there is a model 'fast' already: choose another name"):
        import_model(store, other.path)
    with held(other.path), pytest.raises(ModelError, match="fast is in use by another program"):
        import_model(store, other.path, "other")
    (other.path / "model.json").write_text('{"created": "", "settings": {"reward": "../../x"}}')
    (other.path / "reward_function.py").unlink()
    with pytest.raises(ModelError, match=r"reward_function\.py: is missing, but model.json names it"):
        import_model(store, other.path, "other")
    assert (store.names(), leftovers(store)) == (["fast"], [])


def test_what_is_no_model(store, tmp_path, monkeypatch):
    (tmp_path / "empty").mkdir()
    (tmp_path / "network").mkdir()
    (tmp_path / "network/model.pb").write_bytes(b"")
    (tmp_path / "a.zip").write_bytes(b"PK\3\4")
    os.mkfifo(tmp_path / "pipe")
    for name in ("a", "b"):
        ModelStore(tmp_path / "two").create(name, definition())
    (tmp_path / "a.yaml").write_text("name: a")
    os.mkfifo(tmp_path / "empty/model_metadata.json")
    for name, message in (
        ("nothing", r"nothing: no such file or folder; what can be imported: a model of"),
        ("empty", "empty: no model in it; what can be imported"),
        ("network", "network: no model_metadata.json beside model.pb; what can be imported"),
        ("pipe", r"pipe: no \.tar\.gz and no folder"),
        ("two", "there is more than one model: a, b; import the folder of one"),
        ("a.zip", r"a\.zip: no \.tar\.gz and no folder; what can be imported"),
        ("a.yaml", "settings make a model: deepracer models create -f"),
    ):
        with pytest.raises(ModelError, match=message):
            import_model(store, tmp_path / name)
    monkeypatch.setattr(importer, "MOST_FILES", 3)
    for number in range(4):
        (tmp_path / f"empty/{number}").write_text("")
    with pytest.raises(ModelError, match="more than 3 files: name the model's own folder"):
        import_model(store, tmp_path / "empty")


def test_a_source_without_a_name_needs_one(store, artefacts, tmp_path):
    folder = artefacts()
    (tmp_path / "größe").mkdir()
    shutil.move(folder, tmp_path / "größe/…")
    with pytest.raises(ModelError, match="name the model with --name; a name must be 1 to 64 letters"):
        import_model(store, tmp_path / "größe/…")
    with pytest.raises(ModelError, match="name='a/b'"):
        import_model(store, tmp_path / "größe/…", "a/b")
    assert import_model(store, tmp_path / "größe/…", "a").name == "a"
