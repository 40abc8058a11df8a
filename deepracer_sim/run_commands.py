"""What is done with a trained run: `deepracer evaluate`, `export`, `compare`, `choose`; and with rewards."""

from __future__ import annotations

import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Literal

import tyro

from deepracer_sim.command_options import Command
from deepracer_sim.comparison_results import Result
from deepracer_sim.comparison_settings import ComparisonSettings
from deepracer_sim.errors import RewardError
from deepracer_sim.settings import EvaluateSettings, TrainSettings
from deepracer_sim.train_command import RUNS, train_command

DEMO_LAPS = 5


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
    from deepracer_sim.run_files import MODEL
    from deepracer_sim.run_folder import RunFolder
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

    def show(result: Result) -> None:
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
    from deepracer_sim.run_files import MODEL

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
    from deepracer_sim.run_files import GRAPH, MODEL

    path = run or RUNS / time.strftime("demo_%Y-%m-%d_%H-%M-%S")
    train_command([])(TrainSettings(seed=seed), run=path)
    print(f"\nDriving {path / MODEL} for {DEMO_LAPS} laps:\n")
    evaluate(path / MODEL, EvaluateSettings(laps=DEMO_LAPS), output=path / "evaluation")
    print(path / GRAPH)


COMMANDS: dict[str, Command] = {
    "demo": demo,
    "evaluate": evaluate,
    "export": export,
    "compare": compare,
    "choose": choose,
    "validate": validate,
}
