"""Evaluating a trained model on a track: drive, print the table, write JSON, picture and video."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import ValidationError
from torch import Tensor

from deepracer_inference.action_space import DiscreteActionSpace
from deepracer_inference.model_bundle import MODEL_FILE, ModelBundle, ModelBundleError
from deepracer_inference.policy import OnnxPolicy
from deepracer_sim.checkpoint import Checkpoint
from deepracer_sim.embedded_world import EmbeddedWorld
from deepracer_sim.errors import RunError
from deepracer_sim.evaluation import Evaluation, Policy, evaluate, place_evenly
from deepracer_sim.file_replacement import replacing
from deepracer_sim.run_files import CHECKPOINTS, CONFIG, MODEL, WEIGHTS
from deepracer_sim.run_folder import RunFolder, listed_runs
from deepracer_sim.settings import (
    CameraSettings,
    CarSettings,
    EvaluateSettings,
    Randomisation,
    TrainSettings,
    describe,
)
from deepracer_sim.simulation import Course, make_evaluation_env
from deepracer_sim.world import World, WorldInterrupted

if TYPE_CHECKING:
    from deepracer_sim.other_simulator import OtherSimulator

VIEW_WIDTH, VIEW_HEIGHT = 640, 480
"""Pixels of the car's view in the video, as the real camera gives it before it is made small and grey."""
VIEWS_AT_ONCE = 32


@dataclass(frozen=True)
class Model:
    """A policy with what it was trained for.

    Attributes:
        name: where it came from.
        policy: images to action indices.
        actions: what the indices mean.
        camera: what it must see.
        settings: of its training; the defaults for a bundle outside of a run folder.
    """

    name: str
    policy: Policy
    actions: DiscreteActionSpace
    camera: CameraSettings
    settings: TrainSettings


def load_model(path: Path, iteration: int | None = None) -> Model:
    """Load a run folder (its best checkpoint), a checkpoint, or an exported bundle.

    Args:
        path: of it.
        iteration: of a run folder, in place of its best one.

    Raises:
        RunError: it is none of the three, or damaged; the run has no such iteration.
    """
    if path.is_dir() and _is_bundle(path):
        _refuse_iteration(path, iteration)
        return _from_bundle(path)
    if path.is_dir():
        run = RunFolder.open(path)
        return from_checkpoint(path, run.load_best() if iteration is None else run.load_iteration(iteration))
    if path.exists():
        _refuse_iteration(path, iteration)
        return from_checkpoint(path, Checkpoint.load(path))
    raise RunError(
        f"{path}: no such run folder, checkpoint (.pt) or exported model (a folder with {MODEL_FILE})"
        f"{listed_runs(path)}"
    )


def _refuse_iteration(path: Path, iteration: int | None) -> None:
    if iteration is not None:
        raise RunError(f"{path} is one model, without an iteration {iteration}: give its run folder")


def default_output(path: Path) -> Path:
    """Return a new folder for an evaluation of the model at `path`: in its run, or else beside it.

    Its name is that by which racers' tools find evaluations: evaluation- and 14 digits.
    """
    path = path.resolve()
    if path.is_dir() and not _is_bundle(path):
        base = path
    else:
        base = path.parent.parent if path.parent.name in (CHECKPOINTS, WEIGHTS) else path.parent
    now = time.time()
    while (folder := base / time.strftime("evaluation-%Y%m%d%H%M%S", time.localtime(now))).exists():
        now += 1
    return folder


def _is_bundle(folder: Path) -> bool:
    return (folder / MODEL_FILE).exists()


def from_checkpoint(path: Path, checkpoint: Checkpoint) -> Model:
    """Return the policy of a checkpoint; `path` names it."""
    network = checkpoint.network().eval()

    def policy(images: Tensor) -> Tensor:
        return network(images).argmax(1)

    settings = checkpoint.settings
    return Model(
        f"{path}, iteration {checkpoint.iteration}", policy, checkpoint.actions, settings.camera, settings
    )


def _from_bundle(folder: Path) -> Model:
    try:
        bundle = ModelBundle.load(folder)
    except ModelBundleError as error:
        raise RunError(str(error)) from error
    if not isinstance(bundle.action_space, DiscreteActionSpace):
        raise RunError(f"{folder} has a continuous action space: only discrete ones can be evaluated")
    settings = _settings_of_bundle(folder.resolve(), bundle)
    runtime = OnnxPolicy(bundle)

    def policy(images: Tensor) -> Tensor:
        return torch.from_numpy(runtime.probabilities(images.numpy()).argmax(1))

    return Model(str(folder), policy, bundle.action_space, settings.camera, settings)


def _settings_of_bundle(folder: Path, bundle: ModelBundle) -> TrainSettings:
    """Return the settings of the bundle's run, or the defaults at its size if it is in none."""
    size = {
        "width": bundle.width,
        "height": bundle.height,
        "colour": "grey" if bundle.channels == 1 else "rgb",
    }
    in_run = folder.name.split("_")[0] == MODEL and (folder.parent / CONFIG).exists()
    settings = RunFolder.open(folder.parent).settings if in_run else TrainSettings()
    try:
        return settings.replaced(camera=settings.camera.replaced(**size))
    except ValidationError as error:
        raise RunError(f"{MODEL_FILE} takes pictures that no camera gives: {describe(error)}") from error


def evaluate_model(
    model: Model,
    settings: EvaluateSettings,
    course: Course | None = None,
    simulator: OtherSimulator | None = None,
) -> Evaluation:
    """Drive `model` as `settings` say; for a video, keep what the first car saw.

    Args:
        model: what drives.
        settings: of the evaluation.
        course: its track, if it is loaded already.
        simulator: in place of an embedded one; what `settings` say about cars and pictures is up to it.
    """
    course = course or Course.load([settings.track])
    train = model.settings.replaced(
        camera=model.camera, car=model.settings.car.replaced(latency=settings.latency), device="cpu"
    )
    world = simulator.world if simulator else None
    env = make_evaluation_env(
        train, course, model.actions, settings.cars, settings.randomised, settings.seed, world
    )
    if simulator:
        env.on_step = simulator.on_step
    env.seed(settings.seed)
    if settings.cars == 1:
        first = torch.ones(1, dtype=torch.bool)
        env.place(first, torch.zeros(1), torch.full((1,), settings.reversed))
    else:
        place_evenly(env, starts=(settings.cars + 1) // 2)
    return evaluate(
        env,
        model.policy,
        settings.laps,
        settings.max_resets,
        settings.reset_penalty,
        keep_images=settings.video,
    )


def make_output(folder: Path) -> None:
    """Make the folder of an evaluation; called before it drives, so that nobody waits for nothing.

    Raises:
        RunError: it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunError(f"cannot create {folder}: {error.strerror}; choose another with --output") from error


def write_evaluation(
    evaluation: Evaluation,
    model: Model,
    settings: EvaluateSettings,
    course: Course,
    folder: Path,
    check: Callable[[], None] = lambda: None,
) -> list[Path]:
    """Write evaluation.json, driven_lines.png, what racers' tools read, and video.mp4; return their paths.

    Args:
        evaluation: what to write.
        model: that was driven.
        settings: of the evaluation.
        course: that it drove on.
        folder: to write to; it may exist.
        check: called before each picture of the video; what it raises ends the writing.

    Raises:
        RunError: the folder cannot be written.
    """
    from deepracer_sim.evaluation_picture import save_picture
    from deepracer_sim.evaluation_report import to_json
    from deepracer_sim.evaluation_trace import write_racers_files
    from deepracer_sim.evaluation_video import save_video

    make_output(folder)
    track = course.tracks[0]
    written = [folder / "evaluation.json", folder / "driven_lines.png"]
    report = to_json(evaluation, model=model.name, settings=settings.model_dump(mode="json"))
    with replacing(written[0], RunError) as temporary:
        temporary.write_text(json.dumps(report, indent=2, allow_nan=False) + "\n", encoding="utf-8")
    save_picture(evaluation, track, written[1])
    written += write_racers_files(evaluation, model.actions.table, track, settings.reset_penalty, folder)
    if settings.video:
        written.append(folder / "video.mp4")
        with closing(view_world(settings.world, course, model.camera)) as world:
            views = CarView(evaluation, world, check)
            save_video(evaluation, track, written[-1], model.actions.table, title=track.name, images=views)
    return written


def view_world(world: str, course: Course, camera: CameraSettings) -> World:
    """Return a world to look at, in colour and at full size, with a policy's camera.

    Args:
        world: "gazebo" or "embedded".
        course: its track.
        camera: whose mount and field of view it has.

    Raises:
        GazeboError: Gazebo does not start.
    """
    wide = camera.replaced(width=VIEW_WIDTH, height=VIEW_HEIGHT, colour="rgb")
    if world == "gazebo":
        from deepracer_sim.gazebo.car_model import Fleet
        from deepracer_sim.gazebo.track_server import open_world

        return open_world(course, Fleet(1, wide))
    index = torch.zeros(VIEWS_AT_ONCE, dtype=torch.long)
    return EmbeddedWorld(course.grounds[:1], index, wide, CarSettings(), Randomisation(enabled=False))


class CarView:
    """What a run's first car drove past: a picture from before each step.

    They are rendered a few at a time when they are asked for: those of a lap fill 100 MB.

    Args:
        evaluation: whose first car.
        world: where it is looked from; its cars are put where that car was.
        check: called before each picture.
    """

    def __init__(
        self, evaluation: Evaluation, world: World, check: Callable[[], None] = lambda: None
    ) -> None:
        trace = evaluation.trace
        # The trace has poses after the steps; before the first one, the car has hardly moved.
        self._before = np.maximum(np.arange(int(trace.alive[:, 0].sum())) - 1, 0)
        self._poses = torch.from_numpy(np.stack([trace.x[:, 0], trace.y[:, 0], trace.yaw[:, 0]], 1))
        self._world = world
        self._everyone = torch.ones(world.num_cars, dtype=torch.bool)
        self._batch, self._views = -1, np.empty(0, np.uint8)
        self._check = check

    def __len__(self) -> int:
        """Count the steps of the run."""
        return len(self._before)

    def __getitem__(self, step: int) -> NDArray[np.uint8]:
        """Return the picture from before a step, (H, W, 3)."""
        self._check()
        count = self._world.num_cars
        batch, place = divmod(step, count)
        steps = np.arange(batch * count, (batch + 1) * count).clip(max=len(self) - 1)
        while batch != self._batch:
            with suppress(WorldInterrupted):  # it is back
                self._world.respawn(self._everyone, self._poses[self._before[steps]])
                self._batch, self._views = batch, self._world.images().numpy()
        return self._views[place]
