"""A whole training from its settings: reward checked, run folder kept, best model exported, graph drawn."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TextIO

import torch

from deepracer_sim.errors import RewardError, RunError
from deepracer_sim.export import export
from deepracer_sim.network import PolicyNetwork
from deepracer_sim.run_folder import LOG, MODEL, TENSORBOARD, RunFolder, load_checkpoint
from deepracer_sim.settings import TrainSettings
from deepracer_sim.simulation import Course, load_actions, make_env, make_evaluation_env
from deepracer_sim.trainer import Row, Trainer

GRAPH = "training_graph.png"
PARITY_FRAMES = 64
"""Pictures on which onnxruntime and torch are compared at export."""


def start(
    settings: TrainSettings,
    path: Path,
    clone: Path | None = None,
    report: Callable[[Row], None] = lambda row: None,
) -> RunFolder:
    """Train from scratch, or from the weights of `clone`, into a new folder.

    Args:
        settings: of the run.
        path: the new run folder.
        clone: run folder or checkpoint whose network is the start; it must have the same actions and camera.
        report: called with each row of metrics.

    Raises:
        DeepRacerError: bad settings, reward function, track or folder; the loss became NaN.
    """
    check_reward(settings)
    weights = _load_clone(clone, settings) if clone else None
    run = RunFolder.create(path, settings)
    _train(run, report, lambda trainer: weights and trainer.network.load_state_dict(weights))
    return run


def reopen(path: Path, **changes: object) -> RunFolder:
    """Open a run to go on with; `changes` are settings of the stop rules that replace those of the run."""
    run = RunFolder.open(path)
    if changes:
        run.change_settings(run.settings.replaced(stop=run.settings.stop.replaced(**changes)))
    return run


def resume(run: RunFolder, report: Callable[[Row], None] = lambda row: None) -> None:
    """Go on with a run as if it had never stopped."""
    check_reward(run.settings)
    checkpoint = run.load_last()
    run.drop_metrics_after(checkpoint["iteration"])
    _train(run, report, lambda trainer: trainer.restore(checkpoint))


def _train(run: RunFolder, report: Callable[[Row], None], prepare: Callable[[Trainer], object]) -> None:
    settings = run.settings
    torch.set_num_threads(settings.threads)
    course = Course.load(settings.track)
    with (run.path / LOG).open("a", encoding="utf-8") as log, _TensorBoard(run.path / TENSORBOARD) as board:

        def write(row: Row) -> None:
            board.write(row)
            report(row)

        trainer = make_trainer(run, course, log, write)
        prepare(trainer)
        try:
            trainer.train()
        except KeyboardInterrupt:
            # The iteration that was under way is lost; all before it is on disk.
            print(f"\nstopped; go on with: deepracer train --resume {run.path}")
        finally:
            finish(run)


def make_trainer(run: RunFolder, course: Course, log: TextIO, report: Callable[[Row], None]) -> Trainer:
    """Return a trainer in the embedded world."""
    settings = run.settings
    actions = load_actions(settings.actions)
    env = make_env(
        settings,
        course,
        actions,
        settings.num_cars,
        settings.episode,
        settings.randomisation,
        settings.seed,
        log,
    )
    judged = settings.evaluation
    num_cars = 2 * judged.starts * len(course.tracks)
    evaluation_env = make_evaluation_env(
        settings, course, actions, num_cars, judged.randomised, settings.seed
    )
    return Trainer(env, evaluation_env, settings, run, report)


def finish(run: RunFolder) -> None:
    """Export the best checkpoint and draw the training graph, as far as the run has got."""
    if run.iterations():
        export_run(run, run.path / MODEL)
    rows = run.metrics()
    if rows:
        from deepracer_sim.training_graph import save_training_graph

        best = load_checkpoint(run.best_or_last())["iteration"]
        save_training_graph(rows, run.path / GRAPH, best)


def export_run(run: RunFolder, folder: Path, checkpoint: Path | None = None) -> None:
    """Write the ONNX model of a checkpoint, the best one by default, to `folder`."""
    settings = run.settings
    content = load_checkpoint(checkpoint or run.best_or_last())
    export(restore_network(settings, content), load_actions(settings.actions), _frames(settings), folder)


def restore_network(settings: TrainSettings, checkpoint: dict) -> PolicyNetwork:
    """Return the network of a checkpoint.

    Raises:
        RunError: the weights do not fit the settings.
    """
    camera = settings.camera
    shape = (camera.height, camera.width, camera.channels)
    network = PolicyNetwork(settings.network, shape, len(load_actions(settings.actions)))
    try:
        network.load_state_dict(checkpoint["network"])
    except (RuntimeError, KeyError) as error:
        raise RunError(
            f"the checkpoint does not fit its config.json: {str(error).splitlines()[0]}"
        ) from error
    return network


def check_reward(settings: TrainSettings) -> None:
    """Validate the reward function in a child process.

    Raises:
        RewardError: with the whole report.
    """
    if settings.reward is None:
        return
    from deepracer_sim.reward_validation import format_report, validate_reward
    from deepracer_sim.track_library import load_track

    for name in settings.track:
        report = validate_reward(settings.reward, load_track(name))
        if not report.ok:
            raise RewardError(f"the reward function does not validate\n{format_report(report)}")


def _load_clone(source: Path, settings: TrainSettings) -> dict:
    """Return the weights of a run or checkpoint to start from."""
    folder = source if source.is_dir() else source.parent.parent
    run = RunFolder.open(folder)
    if load_actions(run.settings.actions) != load_actions(settings.actions):
        raise RunError(
            f"{source} was trained with another action space: a clone must keep it, since each output of the "
            "network stands for one action. Leave out the --actions settings, or train from scratch"
        )
    for name in ("network", "camera"):
        theirs, ours = getattr(run.settings, name), getattr(settings, name)
        if theirs != ours:
            raise RunError(f"{source} was trained with another {name} ({theirs}): a clone must keep it")
    checkpoint = load_checkpoint(run.best_or_last() if source.is_dir() else source)
    return restore_network(settings, checkpoint).state_dict()


def _frames(settings: TrainSettings) -> torch.Tensor:
    """Return pictures from all over the first track, (PARITY_FRAMES, H, W, C)."""
    course = Course.load(settings.track[:1])
    env = make_env(
        settings.replaced(reward=None, device="cpu"),
        course,
        load_actions(settings.actions),
        PARITY_FRAMES,
        settings.episode,
        settings.randomisation,
        seed=0,
    )
    env.reset()
    return env.images()


class _TensorBoard:
    """Event files of the metrics."""

    def __init__(self, folder: Path) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self._writer = SummaryWriter(str(folder))

    def __enter__(self) -> _TensorBoard:
        return self

    def __exit__(self, *_: object) -> None:
        self._writer.close()

    def write(self, row: Row) -> None:
        for name, value in row.items():
            if value == value and name != "iteration":
                self._writer.add_scalar(name, value, int(row["iteration"]))
