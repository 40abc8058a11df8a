"""The `deepracer` program: one function a subcommand, its options made from the settings."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Literal

import tyro

from deepracer_sim.analysis_command import analyze
from deepracer_sim.car_commands import COMMANDS as CAR_COMMANDS
from deepracer_sim.command_options import Command, format_commands, parse
from deepracer_sim.comparison_settings import ComparisonSettings
from deepracer_sim.console.command import console
from deepracer_sim.errors import DeepRacerError, RewardError, SettingError
from deepracer_sim.garage.commands import COMMANDS as MODEL_COMMANDS
from deepracer_sim.garage.making_commands import MAKERS as MODEL_MAKERS
from deepracer_sim.garage.making_commands import train_file
from deepracer_sim.gazebo.commands import COMMANDS as GAZEBO_COMMANDS
from deepracer_sim.profiles import PROFILES, for_gazebo
from deepracer_sim.races.commands import COMMANDS as RACE_COMMANDS
from deepracer_sim.settings import EvaluateSettings, TrainSettings, tyre_fault
from deepracer_sim.sweep.command import sweep
from deepracer_sim.track_commands import COMMANDS as TRACK_COMMANDS

RUNS = Path("runs")
DEMO_LAPS = 5
REFUSED, INTERRUPTED = 2, 130
"""Exit codes: of an error that is meant for the user, and after Ctrl-C (128 + SIGINT, as shells have it)."""


def train_command(words: Sequence[str]) -> Command:
    """Return the `train` subcommand with the defaults of a profile, or of the run that is to be resumed.

    Args:
        words: of the command line; only what the other options' defaults depend on is looked at.
    """
    early = argparse.ArgumentParser(prog="deepracer train", add_help=False, allow_abbrev=False)
    for name in ("--profile", "--world", "--num-cars"):
        early.add_argument(name, name.replace("-c", "_c"), nargs="?")
    early.add_argument("--resume", type=Path, nargs="?")
    given = early.parse_known_args(words)[0]
    profile = given.profile if given.profile in PROFILES else "fast"
    defaults = PROFILES[profile]() if given.resume is None else _settings_of(given.resume)
    if given.resume is None and given.world == "gazebo":
        num_cars = given.num_cars or ""
        defaults = for_gazebo(defaults, int(num_cars) if num_cars.isdecimal() else None)

    def train(
        settings: Annotated[TrainSettings, tyro.conf.arg(name="")] = defaults,
        profile: Literal["fast", "aws"] = profile,  # type: ignore[assignment]
        run: Path | None = None,
        resume: Path | None = None,
        clone: Annotated[Path | None, tyro.conf.arg(name="from")] = None,
        gui: bool = False,
        file: Annotated[Path | None, tyro.conf.arg(aliases=["-f"])] = None,
        store: Path | None = None,
    ) -> None:
        """Train a car from its camera.

        Ctrl-C ends a training with all its finished iterations saved and its best model exported; the exit
        code is then 130. It is 2 after an error.

        Args:
            settings: of the run.
            profile: which defaults the other options have: ours, or those of the AWS console.
            run: folder to write; by default one under runs/ named by the time.
            resume: run folder to go on with exactly where it stopped; only --stop options may be added.
            clone: run folder or checkpoint whose weights are the start.
            gui: show Gazebo's window.
            file: YAML of a model, in place of all other options: it is made in the store and trained there.
            store: folder of the models, for --file.
        """
        if file is not None:
            if given.profile or run or resume or clone or settings != defaults:
                raise SettingError(f"--file takes all settings from {file}: change them there")
            train_file(file, store, gui)
            return
        if store is not None:
            raise SettingError(f"--store={store}: is for --file, whose model is kept there; a run has --run")
        from deepracer_sim import training_run
        from deepracer_sim.other_simulator import open_for_training
        from deepracer_sim.progress_line import ProgressLine

        path = resume or run or RUNS / time.strftime("%Y-%m-%d_%H-%M-%S")
        if resume and (given.profile or run or clone or settings.replaced(stop=defaults.stop) != defaults):
            raise SettingError(
                f"--resume goes on with {path}'s own settings: only --stop options can be added. "
                f"To train on with others, use --from {path}"
            )
        if settings.world == "gazebo" and not resume and (fault := tyre_fault(settings.car)):
            raise SettingError(fault)
        with ProgressLine(settings) as line, open_for_training(settings, gui, line.note) as simulator:
            if resume:
                training_run.resume(path, settings.stop, line, simulator)
            else:
                training_run.start(settings, path, clone, line, simulator)
        way = " --world gazebo" if settings.world == "gazebo" else ""
        print(f"The run is in {path}; drive it with: deepracer evaluate {path}{way}")

    return train


def _settings_of(run: Path) -> TrainSettings:
    from deepracer_sim.run_folder import RunFolder

    return RunFolder.open(run).settings


def evaluate(
    model: tyro.conf.Positional[Path],
    settings: Annotated[EvaluateSettings, tyro.conf.arg(name="")] = EvaluateSettings(),  # noqa: B008
    iteration: int | None = None,
    output: Path | None = None,
    gui: bool = False,
) -> None:
    """Drive a trained model for some laps; write the laps, a picture of the driven lines and a video.

    Args:
        model: a model's name, a run folder (its best checkpoint), a checkpoint, or an exported model.
        settings: of the evaluation.
        iteration: of a run folder, in place of the best one.
        output: folder to write; by default one in the model's run, named by the time.
        gui: show Gazebo's window.
    """
    from deepracer_sim import evaluation_run
    from deepracer_sim.evaluation_report import format_table
    from deepracer_sim.garage.model_store import find_policy
    from deepracer_sim.other_simulator import open_for_evaluation
    from deepracer_sim.simulation import Course
    from deepracer_sim.world import WorldInterrupted

    model = find_policy(model)
    loaded = evaluation_run.load_model(model, iteration)
    course = Course.load([settings.track])
    folder = output or evaluation_run.default_output(model)
    evaluation_run.make_output(folder)
    evaluation = None
    with open_for_evaluation(settings, loaded, course, gui) as simulator:
        while evaluation is None:
            with suppress(WorldInterrupted):  # the simulator is back, and has said so: all laps again
                evaluation = evaluation_run.evaluate_model(loaded, settings, course, simulator)
    print(format_table(evaluation))
    print()
    for path in evaluation_run.write_evaluation(evaluation, loaded, settings, course, folder):
        print(path)


def export(run: tyro.conf.Positional[Path], iteration: int | None = None, output: Path | None = None) -> None:
    """Write the ONNX model for the car: model.onnx and model_metadata.json.

    Args:
        run: run folder, or a model's name.
        iteration: which one; by default the best one, or the one that was chosen.
        output: folder to write; by default model/ in the run folder, or model_ITERATION/.
    """
    from deepracer_sim.garage.model_store import find_policy
    from deepracer_sim.run_folder import MODEL, RunFolder
    from deepracer_sim.training_run import export_checkpoint

    run = find_policy(run)
    opened = RunFolder.open(run)
    checkpoint = opened.load_best() if iteration is None else opened.load_iteration(iteration)
    folder = output or run / (MODEL if iteration is None else f"{MODEL}_{iteration}")
    export_checkpoint(checkpoint, folder)
    print(f"{folder}: the model of iteration {checkpoint.iteration}")


def compare(
    run: tyro.conf.Positional[Path],
    settings: Annotated[ComparisonSettings, tyro.conf.arg(name="")] = ComparisonSettings(),  # noqa: B008
    iterations: tuple[int, ...] = (),
) -> None:
    """Drive several iterations of a run on the same laps; print a table, draw a picture.

    What each did is kept in the run, so that nothing is driven twice.

    Args:
        run: run folder, or a model's name.
        settings: of the laps.
        iterations: to compare; by default at most 20, evenly spaced.
    """
    from deepracer_sim import checkpoint_comparison
    from deepracer_sim.garage.model_store import find_policy

    run = find_policy(run)

    def show(result: checkpoint_comparison.Result) -> None:
        done = checkpoint_comparison.percent(result.completion)
        print(f"deepracer: iteration {result.iteration}: completion {done}", file=sys.stderr)

    comparison = checkpoint_comparison.compare(run, settings, iterations, show)
    print(checkpoint_comparison.format_comparison(comparison))
    print(f"\n{run / checkpoint_comparison.PICTURE}")


def choose(run: tyro.conf.Positional[Path], iteration: tyro.conf.Positional[int | Literal["best"]]) -> None:
    """Make an iteration's model that of the run: best.pt and model/; a resumed training leaves it so.

    Args:
        run: run folder.
        iteration: its number, or "best" to go back to the best evaluated one.
    """
    from deepracer_sim.checkpoint_choice import choose as choose_iteration
    from deepracer_sim.run_folder import MODEL

    chosen = choose_iteration(run, None if iteration == "best" else iteration)
    print(f"{run / MODEL}: the model of iteration {chosen.iteration}")


def validate(file: tyro.conf.Positional[Path], track: str = "reinvent_2018") -> None:
    """Try a reward function on states from the whole track, in a process of its own.

    Args:
        file: Python file with reward_function(params).
        track: name, file, or random:SEED.
    """
    from deepracer_sim.reward_validation import format_report, validate_reward
    from deepracer_sim.track_library import load_track

    report = validate_reward(file, load_track(track))
    if not report.ok:
        raise RewardError(format_report(report))
    print(format_report(report))


def demo(seed: int = 0, run: Path | None = None) -> None:
    """Train on re:Invent 2018 from scratch, then drive the exported model for five laps.

    Args:
        seed: of the training.
        run: folder to write; by default one under runs/ named by the time.
    """
    from deepracer_sim.run_folder import GRAPH, MODEL

    path = run or RUNS / time.strftime("demo_%Y-%m-%d_%H-%M-%S")
    train_command([])(TrainSettings(seed=seed), run=path)
    print(f"\nDriving {path / MODEL} for {DEMO_LAPS} laps:\n")
    evaluate(path / MODEL, EvaluateSettings(laps=DEMO_LAPS), output=path / "evaluation")
    print(path / GRAPH)


def tracks() -> None:
    """List, draw, import and generate tracks."""


def gazebo() -> None:
    """Install Gazebo, start it and build its worlds."""


def car() -> None:
    """Pack a model for the real car, and put it there."""


def models() -> None:
    """Keep models: make, train, clone, choose, download, import and delete them."""


def race() -> None:
    """Hold races between models, with leaderboards and seasons."""


COMMANDS: dict[str, Command] = {
    "train": train_command([]),
    "demo": demo,
    "evaluate": evaluate,
    "export": export,
    "compare": compare,
    "choose": choose,
    "validate": validate,
    "tracks": tracks,
    "gazebo": gazebo,
    "car": car,
    "analyze": analyze,
    "models": models,
    "race": race,
    "sweep": sweep,
    "console": console,
}
GROUPS: dict[str, dict[str, Command]] = {
    "tracks": TRACK_COMMANDS,
    "gazebo": GAZEBO_COMMANDS,
    "car": CAR_COMMANDS,
    "models": MODEL_COMMANDS,
    "race": RACE_COMMANDS,
}
"""Commands that have commands of their own."""
MAKERS = {
    "deepracer train": train_command,
    **{f"deepracer models {name}": maker for name, maker in MODEL_MAKERS.items()},
}
"""Commands whose defaults depend on the words of the command line."""
ABOUT = "Train, evaluate and race cars that drive by their camera."


def run(words: Sequence[str]) -> None:
    """Do what the words of a command line say.

    Raises:
        DeepRacerError: with a message for the user.
        SystemExit: help was asked for, or a value cannot be read.
        KeyboardInterrupt: Ctrl-C.
    """
    program, about, commands = "deepracer", ABOUT, COMMANDS
    if words and words[0] in GROUPS:
        group, words = words[0], words[1:]
        program, about, commands = f"deepracer {group}", COMMANDS[group].__doc__ or "", GROUPS[group]
    if not words or words[0] in ("-h", "--help"):
        print(format_commands(program, about, commands))
        return
    name, rest = words[0], words[1:]
    if name not in commands:
        raise SettingError(f"no command {name!r} in {program}: there are {', '.join(commands)}")
    title = f"{program} {name}"
    command = MAKERS[title](rest) if title in MAKERS else commands[name]
    parse(command, title, rest)()


def main() -> None:
    """Run the program; an error meant for the user ends it with its message alone and exit code 2."""
    # Before torch is loaded: its threads wait in a loop for a moment, as suits an idle machine, then sleep;
    # waiting longer would make them ten times as slow on a busy one.
    os.environ.setdefault("GOMP_SPINCOUNT", "20000")
    try:
        run(sys.argv[1:])
        sys.stdout.flush()
    except KeyboardInterrupt as stop:
        sys.exit(_fail(f"stopped{'. ' if stop.args else ''}{stop}", INTERRUPTED))
    except BrokenPipeError:  # nobody reads on, as after `| head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except (DeepRacerError, OSError, ValueError) as error:
        if not _is_for_user(error):
            raise
        sys.exit(_fail(str(error)))


def _is_for_user(error: Exception) -> bool:
    """Tell errors whose message says it all from those that are a fault of this program."""
    own = type(error).__module__.split(".")[0] in ("deepracer_sim", "deepracer_inference")
    return own or isinstance(error, OSError)


def _fail(message: str, code: int = REFUSED) -> int:
    print(f"deepracer: {message}", file=sys.stderr)
    return code


if __name__ == "__main__":
    main()
