"""What the `deepracer` program says when it cannot do what it was asked."""

from __future__ import annotations

import pytest

from deepracer_inference.model_bundle import ModelBundleError
from deepracer_sim import cli


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            "trane",
            "no command 'trane' in deepracer: there are train, demo, evaluate, export, compare, choose, ",
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
            "does not know --velocity: its options are --profile, --run, --resume, --from, --gui, --file, ",
        ),
        ("train --gui", "--gui: the embedded simulator has no window; Gazebo has one: --world gazebo"),
        ("train --world gazebo --track oval bowtie", "track=oval, bowtie: Gazebo has one track at a time"),
        (
            "train --world gazebo --device cuda",
            "device=cuda: with Gazebo, learning runs on the CPU beside it",
        ),
        (
            "train --world gazebo --randomisation.enabled",
            "randomisation.enabled=True: Gazebo's cars and pictures",
        ),
        ("train --world gazebo --evaluation.randomised", "evaluation.randomised=True: Gazebo's cars and"),
        (
            "train --world gazebo --car.friction 1",
            "car.friction=1.0: is of the embedded car; Gazebo's has tyres",
        ),
        (
            "evaluate here --world gazebo --randomised",
            "randomised=True: Gazebo's cars and pictures are all alike",
        ),
        ("evaluate here --laps 0", "laps=0: must be >= 1"),
        ("evaluate here there", "deepracer evaluate does not know there: its options are --iteration"),
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
