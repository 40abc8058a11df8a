"""The `deepracer` program: one function a subcommand, its options made from the settings."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro
from pydantic import ValidationError

from deepracer_sim.errors import DeepRacerError, RewardError, SettingError
from deepracer_sim.settings import PROFILES, EvaluateSettings, TrainSettings, describe

RUNS = Path("runs")
DEMO_LAPS = 5


def train_command(profile: str) -> Callable[..., None]:
    """Return the `train` subcommand with the defaults of a profile."""
    defaults = PROFILES[profile]()

    def train(
        settings: Annotated[TrainSettings, tyro.conf.arg(name="")] = defaults,
        profile: Literal["fast", "aws"] = profile,  # type: ignore[assignment]
        run: Path | None = None,
        resume: Path | None = None,
        clone: Annotated[Path | None, tyro.conf.arg(name="from")] = None,
    ) -> None:
        """Train a car from its camera.

        Args:
            settings: of the run.
            profile: which defaults the other options have: ours, or those of the AWS console.
            run: folder to write; by default one under runs/ named by the time.
            resume: run folder to go on with exactly where it stopped; only --stop options may be added.
            clone: run folder or checkpoint whose weights are the start.
        """
        from deepracer_sim import training_run
        from deepracer_sim.progress_line import ProgressLine

        if resume is not None:
            folder = training_run.reopen(resume, **_stop_changes(settings, defaults))
            with ProgressLine(folder.settings) as line:
                training_run.resume(folder, line)
        else:
            path = run or RUNS / time.strftime("%Y-%m-%d_%H-%M-%S")
            with ProgressLine(settings) as line:
                folder = training_run.start(settings, path, clone, line)
        print(f"The run is in {folder.path}; drive it with: deepracer evaluate {folder.path}")

    return train


def _stop_changes(settings: TrainSettings, defaults: TrainSettings) -> dict[str, Any]:
    """Return the stop rules that were given on the command line of a resumed run."""
    if settings.replaced(stop=defaults.stop) != defaults:
        raise SettingError("--resume goes on with the run's own settings: only --stop options can be added")
    stop = settings.stop.model_dump()
    return {name: value for name, value in stop.items() if value != getattr(defaults.stop, name)}


def evaluate(
    model: tyro.conf.Positional[Path],
    settings: Annotated[EvaluateSettings, tyro.conf.arg(name="")] = EvaluateSettings(),  # noqa: B008
    output: Path | None = None,
) -> None:
    """Drive a trained model for some laps; write the laps, a picture of the driven lines and a video.

    Args:
        model: a run folder (its best checkpoint), a checkpoint, or an exported model.
        settings: of the evaluation.
        output: folder to write; by default one under the model's, named by the track and the time.
    """
    from deepracer_sim.evaluation_report import format_table
    from deepracer_sim.evaluation_run import evaluate_model, load_model, write_evaluation
    from deepracer_sim.simulation import Course

    loaded = load_model(model)
    course = Course.load([settings.track])
    evaluation = evaluate_model(loaded, settings, course)
    print(format_table(evaluation))
    base = model if model.is_dir() else model.parent.parent
    folder = output or base / "evaluations" / f"{course.tracks[0].name}_{time.strftime('%Y-%m-%d_%H-%M-%S')}"
    for path in write_evaluation(evaluation, loaded, settings, course, folder):
        print(path)


def export(
    run: tyro.conf.Positional[Path], output: Path | None = None, checkpoint: Path | None = None
) -> None:
    """Write the ONNX model for the car: model.onnx and model_metadata.json.

    Args:
        run: run folder.
        output: folder to write; by default model/ in the run folder.
        checkpoint: which of the run's checkpoints; by default the best one.
    """
    from deepracer_sim.run_folder import MODEL, RunFolder
    from deepracer_sim.training_run import export_run

    folder = output or run / MODEL
    export_run(RunFolder.open(run), folder, checkpoint)
    print(folder)


def validate(file: tyro.conf.Positional[Path], track: str = "reinvent_2018") -> None:
    """Try a reward function on states from the whole track, in a process of its own.

    Args:
        file: Python file with reward_function(params).
        track: name or file.
    """
    from deepracer_sim.reward_validation import format_report, validate_reward
    from deepracer_sim.track_library import load_track

    report = validate_reward(file, load_track(track))
    if not report.ok:
        raise RewardError(format_report(report))
    print(format_report(report))


def list_tracks() -> None:
    """List the built-in tracks."""
    from deepracer_sim.track_library import list_tracks as rows

    for row in rows():
        print(row)


def show_track(name: tyro.conf.Positional[str], output: Path | None = None) -> None:
    """Draw a track with its borders, numbered waypoints, start line and direction.

    Args:
        name: of a built-in track, or a file.
        output: picture to write (.png, .svg or .pdf); by default NAME.png here.
    """
    from deepracer_sim.track_library import load_track
    from deepracer_sim.track_picture import draw_track

    track = load_track(name)
    path = output or Path(f"{track.name}.png")
    draw_track(track, path)
    print(path)


def import_track(file: tyro.conf.Positional[Path], output: Path | None = None) -> None:
    """Check a published track file and save it cleaned, ready to train on.

    Args:
        file: .npy of shape (N, 6): centre, inner and outer x, y in metres.
        output: file to write; by default NAME_clean.npy here.
    """
    from deepracer_sim.track_library import describe as describe_track
    from deepracer_sim.track_library import import_track as read
    from deepracer_sim.track_library import save_track

    track = read(file)
    path = output or Path(f"{file.stem}_clean.npy")
    save_track(track, path)
    print(describe_track(track))
    print(path)


def generate_track(seed: int, output: Path | None = None) -> None:
    """Make up a track; the same seed always gives the same one.

    Args:
        seed: 0 or more.
        output: .npy to write; by default random_SEED.npy here.
    """
    from deepracer_sim.track_generator import generate_track as draw
    from deepracer_sim.track_library import save_track

    path = output or Path(f"random_{seed}.npy")
    save_track(draw(seed), path)
    print(path)


def demo(seed: int = 0, run: Path | None = None) -> None:
    """Train on re:Invent 2018 from scratch, then drive the exported model for five laps.

    Args:
        seed: of the training.
        run: folder to write; by default one under runs/ named by the time.
    """
    from deepracer_sim.run_folder import MODEL

    path = run or RUNS / time.strftime("demo_%Y-%m-%d_%H-%M-%S")
    train_command("fast")(TrainSettings(seed=seed), run=path)
    print(f"\nDriving {path / MODEL} for {DEMO_LAPS} laps:\n")
    evaluate(path / MODEL, EvaluateSettings(laps=DEMO_LAPS), output=path / "evaluation")
    print(path / "training_graph.png")


COMMANDS: dict[str, Callable[..., Any]] = {
    "demo": demo,
    "evaluate": evaluate,
    "export": export,
    "validate": validate,
    "tracks list": list_tracks,
    "tracks show": show_track,
    "tracks import": import_track,
    "tracks generate": generate_track,
}


def main() -> None:
    """Run the program; an error meant for the user ends it with its message alone and exit code 2."""
    profile = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    profile.add_argument("--profile", default="fast")
    chosen = profile.parse_known_args()[0].profile
    commands = {"train": train_command(chosen if chosen in PROFILES else "fast"), **COMMANDS}
    try:
        tyro.extras.subcommand_cli_from_dict(commands, prog="deepracer", description=__doc__)
    except ValidationError as error:
        sys.exit(_fail(describe(error)))
    except DeepRacerError as error:
        sys.exit(_fail(str(error)))


def _fail(message: str) -> int:
    print(f"deepracer: {message}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    main()
