"""A whole training from its settings: reward checked, run folder kept, best model exported, graph drawn."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TextIO, cast

import torch

from deepracer_sim.checkpoint import Checkpoint, differences, on_device
from deepracer_sim.clone import load_clone
from deepracer_sim.errors import (
    DeepRacerError,
    DivergenceError,
    RewardError,
    RunError,
    SettingError,
    ShutdownInterrupt,
)
from deepracer_sim.event_files import EventFiles
from deepracer_sim.export import export
from deepracer_sim.held_prints import HeldPrints
from deepracer_sim.live_view import LiveView
from deepracer_sim.other_simulator import OtherSimulator, print_note
from deepracer_sim.run_files import BEST, CHECKPOINTS, GRAPH, MODEL, REWARD, TENSORBOARD
from deepracer_sim.run_folder import RunFolder
from deepracer_sim.settings import StopSettings, TrainSettings
from deepracer_sim.simulation import Course, make_env, make_evaluation_env
from deepracer_sim.trainer import Best, Row, Trainer
from deepracer_sim.training_trace import TrainingTrace

PARITY_FRAMES = 64
"""Pictures on which onnxruntime and torch are compared at export."""


def start(
    settings: TrainSettings,
    path: Path,
    clone: Path | None = None,
    report: Callable[[Row], None] = lambda row: None,
    simulator: OtherSimulator | None = None,
) -> RunFolder:
    """Train from scratch, or from the weights of `clone`, into a new folder.

    Args:
        settings: of the run.
        path: the new run folder.
        clone: run folder or checkpoint whose networks are the start; with the same actions and camera.
        report: called with each row of metrics.
        simulator: in place of embedded ones.

    Raises:
        DeepRacerError: bad settings, reward function, track or folder; the loss became NaN.
        KeyboardInterrupt: Ctrl-C; all that was finished is saved, and the message says how to go on.
    """
    settings = _with_absolute_paths(settings)
    _check_device(settings)
    _check_world(settings, simulator)
    course = Course.load(settings.track)
    weights = load_clone(clone, settings) if clone else {}
    check_reward(settings, course)
    run = RunFolder.create(path, settings)

    def prepare(trainer: Trainer) -> None:
        for name, values in weights.items():
            getattr(trainer, name).load_state_dict(values)
        # Now even a training that is ended in its first iteration can be gone on with.
        run.save_checkpoint(0, trainer.checkpoint(), is_best=False)

    with run.training() as log:
        _train(run, course, log, (report, simulator), prepare)
    return run


def resume(
    path: Path,
    stop: StopSettings | None = None,
    report: Callable[[Row], None] = lambda row: None,
    simulator: OtherSimulator | None = None,
) -> RunFolder:
    """Go on with a run as if it had never stopped.

    Args:
        path: the run folder.
        stop: rules that replace those of the run.
        report: called with each row of metrics.
        simulator: in place of embedded ones.

    Raises:
        DeepRacerError: as `start`, or the run cannot be gone on with.
        KeyboardInterrupt: as `start`.
    """
    run = RunFolder.open(path)
    _check_device(run.settings)
    _check_world(run.settings, simulator)
    course = Course.load(run.settings.track)
    check_reward(run.settings, course)
    with run.training() as log:
        checkpoint, problems = run.load_last()
        for problem in problems:
            print_note(f"{problem}; going on from iteration {checkpoint.iteration}")
        _refuse_changes(run, checkpoint)
        _note_changed_reward(run)
        if stop is not None:
            run.change_settings(run.settings.replaced(stop=stop))
        run.drop_after(checkpoint.iteration)

        def prepare(trainer: Trainer) -> None:
            try:
                trainer.restore(on_device(checkpoint.state, trainer.env.device))
            except (KeyError, RuntimeError, TypeError, ValueError) as error:
                raise RunError(f"{path}: its checkpoint does not fit its settings: {error}") from error
            _drop_damaged_best(run, trainer)
            if run.chosen is not None:
                print_note(
                    f"the model of {path} stays that of iteration {run.chosen}, which was chosen; back to "
                    f"the best one: deepracer choose {path} best"
                )
            if trainer.is_over():
                print_note(
                    f"the stop rules of {path} hold already, at iteration {trainer.iteration}: to go on, add "
                    "--stop.no-target, or larger --stop.minutes or --stop.iterations"
                )

        _train(run, course, log, (report, simulator), prepare)
    return run


def _train(
    run: RunFolder,
    course: Course,
    log: TextIO,
    surroundings: tuple[Callable[[Row], None], OtherSimulator | None],
    prepare: Callable[[Trainer], None],
) -> None:
    torch.set_num_threads(run.settings.threads)
    report, simulator = surroundings
    try:
        trainer = make_trainer(run, course, log, simulator)
        prepare(trainer)
        with EventFiles(run.path / TENSORBOARD, trainer.iteration) as board, LiveView(trainer):
            trainer.report = lambda row: _tell(row, log, board, report)
            try:
                trainer.train()
            except BaseException:
                with suppress(DeepRacerError, OSError):
                    trainer.trace.finish()
                raise
            trainer.trace.finish()
    except KeyboardInterrupt as interruption:
        if not isinstance(interruption, ShutdownInterrupt):
            finish(run, course)
        raise KeyboardInterrupt(_what_is_saved(run)) from None
    except (DeepRacerError, OSError) as error:
        with suppress(DeepRacerError, OSError):  # the first error is the one that matters
            finish(run, course)
        if isinstance(error, OSError):
            place = error.filename or run.path
            error = RunError(
                f"cannot write {place}: {error.strerror or error}; free some space or fix the rights"
            )
        raise type(error)(f"{error}\n{_what_is_saved(run, error)}") from error
    finish(run, course)


def _what_is_saved(run: RunFolder, error: Exception | None = None) -> str:
    """Say how to go on; a folder without a checkpoint is removed, for there is nothing to go on from."""
    iterations = run.iterations()
    if not iterations:
        run.remove()
        return f"Nothing was trained yet, so {run.path} is not kept"
    # The iteration that was under way is lost; all before it is on disk.
    saved = f"All up to iteration {iterations[-1]} is saved"
    if isinstance(error, DivergenceError):
        return (
            f"{saved}, but resumed, this run would end the same way. Train on from its model with a lower "
            f"lr and this run's other options: {run.clone_command} --ppo.lr {run.settings.ppo.lr / 2:g}"
        )
    return f"{saved}; to go on: {run.resume_command}"


def _tell(row: Row, log: TextIO, board: EventFiles, report: Callable[[Row], None]) -> None:
    log.flush()
    board.write(row)
    report(row)


def make_trainer(
    run: RunFolder, course: Course, log: TextIO, simulator: OtherSimulator | None = None
) -> Trainer:
    """Return a trainer in the embedded world, or in another simulator."""
    settings, judged = run.settings, run.settings.evaluation
    world = simulator.world if simulator else None
    prints = HeldPrints(log)
    env = make_env(
        settings,
        course,
        run.actions,
        settings.num_cars,
        settings.episode,
        settings.randomisation,
        settings.seed,
        cast(TextIO, prints),
        world,
    )
    # A simulator of which there is but one serves both in turn, with the cars that it has.
    num_cars = world.num_cars if world else judged.cars_per_track * len(course.tracks)
    evaluation_env = make_evaluation_env(
        settings, course, run.actions, num_cars, judged.randomised, settings.seed, world
    )
    if simulator:
        env.on_step = evaluation_env.on_step = simulator.on_step
    return Trainer(env, evaluation_env, run, TrainingTrace(env, run, prints))


def finish(run: RunFolder, course: Course) -> None:
    """Export the best checkpoint and draw the training graph, as far as the run has got."""
    rows = run.metrics()
    if not rows:
        return
    from deepracer_sim.training_graph import save_training_graph

    best = run.load_best()
    export_checkpoint(best, run.path / MODEL, course)
    save_training_graph(rows, run.path / GRAPH, best.iteration)


def export_checkpoint(checkpoint: Checkpoint, folder: Path, course: Course | None = None) -> None:
    """Write the ONNX model of a checkpoint to `folder`, compared with torch on pictures of the run's tracks.

    Args:
        checkpoint: whose network.
        folder: made if it does not exist; a model in it is replaced.
        course: of the run, if it is loaded already.

    Raises:
        RunError: the two differ, or the folder cannot be written.
    """
    settings = checkpoint.settings
    course = course or Course.load(settings.track)
    env = make_env(
        settings.replaced(reward=None, device="cpu"),
        course,
        checkpoint.actions,
        PARITY_FRAMES,
        settings.episode,
        settings.randomisation,
        seed=0,
    )
    env.reset()
    export(checkpoint.network(), checkpoint.actions, env.images(), folder)


def check_reward(settings: TrainSettings, course: Course) -> None:
    """Validate the reward function in a child process, on every track.

    Raises:
        RewardError: with the whole report.
    """
    if settings.reward is None:
        return
    from deepracer_sim.reward_validation import format_report, validate_reward

    for track in course.tracks:
        report = validate_reward(settings.reward, track)
        if not report.ok:
            raise RewardError(f"the reward function does not validate\n{format_report(report)}")


def _check_device(settings: TrainSettings) -> None:
    if settings.device == "cuda" and not torch.cuda.is_available():
        raise SettingError(
            f"device=cuda: torch {torch.__version__} finds no GPU here; train with --device cpu, or install "
            "a torch with CUDA and NVIDIA's driver"
        )


def _check_world(settings: TrainSettings, simulator: OtherSimulator | None) -> None:
    if settings.world == "embedded" or simulator is not None:
        return
    way = {
        "ros": "this training goes through ROS; start it by ros2 launch deepracer_sim train.launch.py",
        "gazebo": "needs a running Gazebo as simulator; other_simulator.open_for_training opens one",
    }
    raise SettingError(f"world={settings.world}: {way[settings.world]}")


def _refuse_changes(run: RunFolder, checkpoint: Checkpoint) -> None:
    before, now = (
        settings.replaced(stop=StopSettings()).model_dump(mode="json")
        for settings in (checkpoint.settings, run.settings)
    )
    found = differences(before, now)
    if found:
        raise RunError(
            f"{run.path} was trained with other settings than its config.json has now: {'; '.join(found)} "
            "(there: its checkpoint). Put them back, or train from its weights in another folder with --from"
        )


def _note_changed_reward(run: RunFolder) -> None:
    """Say that the reward function is another one than before, and keep a copy of the new one."""
    reward = run.settings.reward
    if reward is None:
        return
    copy, source = run.path / REWARD, reward.read_bytes()
    if not copy.exists() or copy.read_bytes() != source:
        print_note(f"{reward} has changed since this run last began: going on with the new one")
        run.write(REWARD, source)


def _drop_damaged_best(run: RunFolder, trainer: Trainer) -> None:
    """Forget a best checkpoint that cannot be read, so that the next evaluation finds a new best one."""
    best = run.path / CHECKPOINTS / BEST
    if trainer.best.iteration < 0:
        return
    try:
        Checkpoint.load(best)
    except RunError as error:
        print_note(f"{error}; the next evaluated model becomes the best")
        best.unlink(missing_ok=True)
        trainer.best = Best()


def _with_absolute_paths(settings: TrainSettings) -> TrainSettings:
    """Name files so that the run can be gone on with from any folder."""
    reward, actions = settings.reward, settings.actions
    return settings.replaced(
        track=tuple(
            str(Path(name).resolve()) if Path(name).suffix in (".npy", ".yaml", ".yml") else name
            for name in settings.track
        ),
        reward=reward and reward.resolve(),
        actions=actions.replaced(file=actions.file and actions.file.resolve()),
    )
