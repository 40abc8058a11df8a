"""The `deepracer` program, in this process and in real ones."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from small_runs import circle_track, options, small_settings, weights_of

from deepracer_inference.model_bundle import ModelBundle, ModelBundleError
from deepracer_sim import cli, track_commands, training_graph, training_run
from deepracer_sim.command_options import option_names
from deepracer_sim.errors import SettingError
from deepracer_sim.run_folder import RunFolder
from deepracer_sim.settings import PROFILES, StopSettings, TrainSettings

ROOT = Path(__file__).resolve().parent.parent
EXAMPLES = sorted((ROOT / "examples/rewards").glob("*.py"))
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}


@pytest.fixture(scope="module")
def track(tmp_path_factory):
    return circle_track(tmp_path_factory.mktemp("track"))


@pytest.fixture
def deepracer(monkeypatch, capsys):
    """Run the program here; return its exit code, output and errors."""
    monkeypatch.setattr(training_graph, "save_training_graph", lambda *arguments: None)

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["deepracer", *map(str, words)])
        try:
            cli.main()
            code = 0
        except SystemExit as end:
            code = end.code
        return code, *capsys.readouterr()

    return run


@pytest.fixture(scope="module")
def run_path(track, tmp_path_factory):
    """A training by a process of its own."""
    path = tmp_path_factory.mktemp("cli") / "run"
    words = ["train", "--run", str(path), *options(small_settings(track, 2))]
    ended = subprocess.run(
        [sys.executable, "-m", "deepracer_sim.cli", *words], env=ENVIRONMENT, capture_output=True
    )
    assert ended.returncode == 0, ended.stderr.decode()
    assert ended.stdout.decode() == f"The run is in {path}; drive it with: deepracer evaluate {path}\n"
    lines = ended.stderr.decode().splitlines()
    assert [line.split()[2] for line in lines] == ["1", "2"]
    return path


def test_the_command_line_is_the_settings(run_path, track):
    assert RunFolder.open(run_path).settings == small_settings(track, 2)


def test_another_process_trains_the_same_weights(run_path, track, tmp_path):
    training_run.start(small_settings(track, 2), tmp_path / "run")
    assert weights_of(tmp_path / "run/checkpoints/iteration_00002.pt") == weights_of(
        run_path / "checkpoints/iteration_00002.pt"
    )


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


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            "trane",
            "no command 'trane' in deepracer: there are train, demo, evaluate, export, validate, tracks",
        ),
        ("tracks paint", "no command 'paint' in deepracer tracks: there are list, show, import, generate"),
        ("train --ppo.lr 5", "ppo.lr=5.0: must be <= 0.1"),
        ("train --ppo.discount-factor 1.5", "discount_factor=1.5: must be <= 1"),
        ("train --randomisation.noise nan 1", "randomisation.noise.0=nan: must be a finite number"),
        ("train --randomisation.blur 0.5 0.1", "blur=(0.5, 0.1): the low end 0.5 is above the high end 0.1"),
        ("train --camera.height 13", "camera.height=13: must be >= 16 for the network FAST"),
        (
            "train --seed 1 --batch_size 64",
            "does not know --batch_size: perhaps --ppo.batch-size; deepracer train --help",
        ),
        (
            "train --velocity 3",
            "does not know --velocity: its options are --profile, --run, --resume, --from, --track",
        ),
        ("evaluate here --laps 0", "laps=0: must be >= 1"),
        ("evaluate here there", "deepracer evaluate does not know there: its options are --output"),
        ("train --track nowhere", "no track 'nowhere': the built-in ones are bowtie, fast_wide, oval"),
        ("train --track oval random:x", "no track 'random:x': the seed must be a whole number from 0 on"),
        ("evaluate nothing", "nothing: no such run folder, checkpoint (.pt) or exported model"),
        ("export nothing", "nothing: no such run folder"),
        ("train --resume nothing", "nothing: no such run folder"),
        ("train --from nothing", "nothing: no such run folder or checkpoint"),
        ("train --reward nothing.py", "nothing.py: cannot be read: No such file"),
        ("train --actions.file nothing.json", "nothing.json"),
        ("train --actions.steering-granularity 4", "steering_granularity=4: must be odd"),
        ("validate nothing.py", "nothing.py: cannot be read: No such file"),
        ("tracks show nowhere", "no track 'nowhere'"),
        ("tracks show oval --output oval.txt", "oval.txt: the name must end in .png, .svg or .pdf"),
        ("tracks import nothing.npy", "track file nothing.npy cannot be read"),
        ("tracks generate --seed -1", "seed=-1: must be >= 0"),
    ],
)
def test_an_error_is_a_message_and_nothing_is_written(deepracer, tmp_path, monkeypatch, words, message):
    monkeypatch.chdir(tmp_path)
    code, out, err = deepracer(*words.split())
    assert code == 2
    assert err.startswith("deepracer: ")
    assert message in err
    assert "Traceback" not in err + out
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "words",
    ["train --profile best", "train --profile", "train --stop.minutes soon", "evaluate", "tracks generate"],
)
def test_what_cannot_be_read_is_refused(deepracer, words):
    code, _, err = deepracer(*words.split())
    assert code == 2
    assert err
    assert "Traceback" not in err


def test_cuda_without_a_gpu_names_the_way_out(deepracer, track, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    code, _, err = deepracer("train", "--device", "cuda", "--track", track)
    assert code == 2
    assert "finds no GPU here; train with --device cpu" in err


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (KeyboardInterrupt(), 130, "deepracer: stopped\n"),
        (KeyboardInterrupt("All is saved"), 130, "deepracer: stopped. All is saved\n"),
        (ModelBundleError("model.onnx is odd"), 2, "deepracer: model.onnx is odd\n"),
        (PermissionError(13, "Permission denied", "x"), 2, "deepracer: [Errno 13] Permission denied: 'x'\n"),
    ],
)
def test_what_a_user_can_mend_has_no_traceback(deepracer, monkeypatch, error, code, message):
    def fail():
        """Fail."""
        raise error

    monkeypatch.setitem(cli.COMMANDS, "demo", fail)
    assert deepracer("demo") == (code, "", message)


def test_a_fault_of_the_program_has_a_traceback(deepracer, monkeypatch):
    def fail():
        """Fail."""
        raise ValueError("a bug")

    monkeypatch.setitem(cli.COMMANDS, "demo", fail)
    with pytest.raises(ValueError, match="a bug"):
        deepracer("demo")


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
    assert option_names(cli.train_command([])) == ["--profile", "--run", "--resume", "--from", *wanted]


@pytest.mark.parametrize("profile", PROFILES)
def test_a_profile_changes_the_defaults(profile, monkeypatch):
    asked = []
    monkeypatch.setattr(training_run, "start", lambda settings, *rest: asked.append(settings))
    cli.run(["train", "--seed", "3", f"--profile={profile}", "--ppo.lr", "0.005"])
    wanted = PROFILES[profile]()
    assert asked == [wanted.replaced(seed=3, ppo=wanted.ppo.replaced(lr=0.005))]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_the_examples_validate(deepracer, example):
    code, out, _ = deepracer("validate", example)
    assert code == 0
    assert f"{example}: OK on reinvent_2018: 400 calls" in out


def test_a_bad_reward_function_does_not_validate(deepracer, tmp_path):
    (tmp_path / "bad.py").write_text("def reward_function(params):\n    print('hello')\n    return 1 / 0\n")
    code, _, err = deepracer("validate", tmp_path / "bad.py", "--track", "oval")
    assert code == 2
    assert f"{tmp_path}/bad.py:3: ZeroDivisionError: division by zero" in err
    assert "hello" in err


def test_tracks_are_listed_in_a_table(deepracer):
    code, out, _ = deepracer("tracks", "list")
    lines = out.splitlines()
    assert code == 0
    assert lines[0].split("  ")[0] == "name"
    for word in ("title", "length m", "width m", "direction", "smallest radius m"):
        # Numbers stand under the end of their heading, words under its start.
        assert word in lines[0]
    assert [line.split()[0] for line in lines[1:]] == [
        "bowtie",
        "fast_wide",
        "oval",
        "reinvent_2018",
        "technical",
    ]
    reinvent = lines[4]
    assert reinvent[lines[0].index("title") :].startswith("re:Invent 2018 ")
    assert reinvent[: lines[0].index("length m") + len("length m")].endswith(" 17.70")
    assert len({len(line) for line in lines}) == 1


def test_tracks_can_be_drawn_imported_and_generated(deepracer, tmp_path, monkeypatch, track):
    monkeypatch.chdir(tmp_path)
    assert deepracer("tracks", "show", "oval")[:2] == (0, "oval.png\n")
    assert (tmp_path / "oval.png").read_bytes().startswith(b"\x89PNG")

    rows = np.load(track)
    np.save("mine.npy", np.concatenate((rows, rows[-1:], rows[:1])))
    code, out, _ = deepracer("tracks", "import", "mine.npy")
    # 40 chords of a circle of radius 1: 80 sin(pi / 40) = 6.277 m.
    assert out.splitlines()[0].startswith("40 waypoints, 6.28 m long, 0.76 m wide, counter-clockwise")
    assert code == 0
    assert np.load("mine_clean.npy").shape == (41, 6)
    assert deepracer("tracks", "show", "mine_clean.npy", "--output", "mine.svg")[0] == 0

    assert deepracer("tracks", "generate", "--seed", "4")[:2] == (0, "random_4.npy\n")
    assert deepracer("tracks", "generate", "--seed", "4", "--output", "again.npy")[0] == 0
    assert Path("random_4.npy").read_bytes() == Path("again.npy").read_bytes()
    np.save("open.npy", rows[:25])
    code, _, err = deepracer("tracks", "import", "open.npy")
    assert code == 2
    assert "the line is open" in err
    assert not Path("open_clean.npy").exists()


def test_a_run_is_evaluated_and_exported(deepracer, run_path, track, tmp_path):
    code, out, err = deepracer(
        "evaluate", run_path, "--track", track, "--laps", "1", "--max-resets", "1", "--no-video"
    )
    assert (code, err) == (0, "")
    *table, _, report, picture = out.splitlines()
    assert "lap times s" in table[0]
    assert Path(report).parent.parent == run_path / "evaluations"
    assert json.loads(Path(report).read_text())["runs"][0]["track"] == "circle"
    assert Path(picture).name == "driven_lines.png"

    chosen = run_path / "checkpoints/iteration_00001.pt"
    code, out, _ = deepracer("export", run_path, "--output", tmp_path / "first", "--checkpoint", chosen)
    assert (code, out) == (0, f"{tmp_path}/first: the model of iteration 1\n")
    before, after = (
        ModelBundle.load(folder).onnx_bytes for folder in (tmp_path / "first", run_path / "model")
    )
    assert hashlib.sha256(before).digest() != hashlib.sha256(after).digest()
    assert deepracer("export", run_path)[1] == f"{run_path}/model: the model of iteration 2\n"


def test_an_output_that_cannot_be_written_is_refused_before_driving(
    deepracer, run_path, tmp_path, monkeypatch
):
    (tmp_path / "file").write_text("")
    monkeypatch.setattr("deepracer_sim.evaluation_run.evaluate_model", None)
    code, _, err = deepracer("evaluate", run_path, "--track", "oval", "--output", tmp_path / "file/new")
    assert code == 2
    assert "Not a directory; choose another with --output" in err


def test_a_run_folder_that_is_in_use_is_refused(deepracer, run_path, track):
    before = (run_path / "config.json").read_bytes()
    code, _, err = deepracer("train", "--run", run_path, *options(small_settings(track, 1, seed=9)))
    assert code == 2
    assert f"{run_path} is not empty: choose another folder, or go on in it: deepracer train --resume" in err
    assert (run_path / "config.json").read_bytes() == before


@pytest.mark.parametrize(
    "words", ["--seed 9", "--ppo.lr 0.001", "--profile fast", "--run other", "--from other", "--track oval"]
)
def test_a_resumed_run_takes_only_stop_rules(run_path, monkeypatch, words):
    monkeypatch.setattr(training_run, "resume", None)
    with pytest.raises(
        SettingError, match=r"only --stop options can be added. To train on with others, use --from"
    ):
        cli.run(["train", "--resume", str(run_path), "--stop.iterations", "9", *words.split()])


def test_stop_rules_of_a_resumed_run_are_those_of_the_run_where_none_is_given(run_path, monkeypatch):
    asked = []
    monkeypatch.setattr(training_run, "resume", lambda path, stop, report: asked.append(stop))
    minutes = StopSettings().minutes  # the default: it must not be taken for "not given"
    for words in ([], ["--stop.minutes", str(minutes)], ["--stop.target", "--stop.iterations", "None"]):
        cli.run(["train", "--resume", str(run_path), *words])
    mine = StopSettings(minutes=None, target=False, iterations=2)
    assert asked == [mine, mine.replaced(minutes=minutes), mine.replaced(target=True, iterations=None)]


def test_ctrl_c_saves_all_and_the_run_goes_on(deepracer, track, tmp_path):
    path = tmp_path / "run"
    words = ["train", "--run", str(path), *options(small_settings(track, 10_000))]
    process = subprocess.Popen(
        [sys.executable, "-m", "deepracer_sim.cli", *words],
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        while not (path / "checkpoints/iteration_00003.pt").exists() and process.poll() is None:
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=120)
    finally:
        process.kill()
    assert process.returncode == 130, err
    assert "Traceback" not in err
    run = RunFolder.open(path)
    last = run.load_last()[0].iteration
    assert err.endswith(
        f"stopped. All up to iteration {last} is saved; to go on: deepracer train --resume {path}\n"
    )
    assert out == ""
    assert [row["iteration"] for row in run.metrics()][-1] in (last, last + 1)
    assert ModelBundle.load(path / "model").action_space == run.actions
    assert (path / "training_graph.png").exists()
    assert not [file for file in path.rglob(".*")]
    code, _, err = deepracer("train", "--resume", path, "--stop.iterations", last + 1)
    assert code == 0, err
    assert [row["iteration"] for row in run.metrics()] == list(range(1, last + 2))


def test_the_demo_trains_then_drives_the_exported_model(monkeypatch, tmp_path, capsys):
    calls = []
    monkeypatch.setattr(training_run, "start", lambda settings, path, *rest: calls.append((settings, path)))
    monkeypatch.setattr(cli, "evaluate", lambda *words, **more: calls.append((*words, more)))
    cli.run(["demo", "--seed", "3", "--run", str(tmp_path / "run")])
    (settings, path), (model, evaluation, more) = calls
    assert (settings, path) == (TrainSettings(seed=3), tmp_path / "run")
    assert (model, evaluation.laps) == (tmp_path / "run/model", 5)
    assert more == {"output": tmp_path / "run/evaluation"}
    assert "training_graph.png" in capsys.readouterr().out
