"""Evaluating a trained model on a track: drive, print the table, write JSON, picture and video."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from deepracer_inference.action_space import DiscreteActionSpace
from deepracer_inference.model_bundle import MODEL_FILE, ModelBundle, ModelBundleError
from deepracer_inference.policy import OnnxPolicy
from deepracer_sim.camera import Camera
from deepracer_sim.errors import RunError
from deepracer_sim.evaluation import Evaluation, Policy, evaluate, place_evenly
from deepracer_sim.run_folder import RunFolder, load_checkpoint
from deepracer_sim.settings import CameraSettings, CarSettings, EvaluateSettings, TrainSettings
from deepracer_sim.simulation import Course, load_actions, make_evaluation_env
from deepracer_sim.training_run import restore_network

VIDEO_CAMERA = CameraSettings(width=640, height=480, colour="rgb")
"""The car's view in the video: what its camera would give before it is made small and grey."""


@dataclass(frozen=True)
class Model:
    """A policy with what it was trained for.

    Attributes:
        name: where it came from.
        policy: images to action indices.
        actions: what the indices mean.
        camera: what it must see.
        settings: of its training; the defaults for a bundle, which does not carry them.
    """

    name: str
    policy: Policy
    actions: DiscreteActionSpace
    camera: CameraSettings
    settings: TrainSettings


def load_model(path: Path) -> Model:
    """Load a run folder (its best checkpoint), a checkpoint in a run folder, or an exported bundle.

    Raises:
        RunError: it is none of the three, or damaged.
    """
    if (path / MODEL_FILE).exists():
        return _from_bundle(path)
    if path.is_dir():
        run = RunFolder.open(path)
        return _from_checkpoint(run, run.best_or_last())
    if path.suffix == ".pt":
        return _from_checkpoint(RunFolder.open(path.resolve().parent.parent), path)
    raise RunError(f"{path}: no run folder, checkpoint (.pt) or exported model (a folder with {MODEL_FILE})")


def _from_checkpoint(run: RunFolder, file: Path) -> Model:
    network = restore_network(run.settings, load_checkpoint(file)).eval()

    def policy(images: Tensor) -> Tensor:
        return network(images)[0].argmax(1)

    return Model(str(file), policy, load_actions(run.settings.actions), run.settings.camera, run.settings)


def _from_bundle(folder: Path) -> Model:
    try:
        bundle = ModelBundle.load(folder)
    except ModelBundleError as error:
        raise RunError(str(error)) from error
    if not isinstance(bundle.action_space, DiscreteActionSpace):
        raise RunError(f"{folder} has a continuous action space: only discrete ones can be evaluated")
    colour = "grey" if bundle.channels == 1 else "rgb"
    camera = CameraSettings(width=bundle.width, height=bundle.height, colour=colour)
    runtime = OnnxPolicy(bundle)

    def policy(images: Tensor) -> Tensor:
        return torch.from_numpy(runtime.probabilities(images.numpy()).argmax(1))

    return Model(str(folder), policy, bundle.action_space, camera, TrainSettings(camera=camera))


def evaluate_model(model: Model, settings: EvaluateSettings, course: Course | None = None) -> Evaluation:
    """Drive `model` as `settings` say."""
    course = course or Course.load([settings.track])
    train = model.settings.replaced(
        camera=model.camera, car=CarSettings(latency=settings.latency), device="cpu"
    )
    env = make_evaluation_env(train, course, model.actions, settings.cars, settings.randomised, settings.seed)
    if settings.cars == 1:
        first = torch.ones(1, dtype=torch.bool)
        env.place(first, torch.zeros(1), torch.full((1,), settings.reversed))
    else:
        place_evenly(env, starts=(settings.cars + 1) // 2)
    return evaluate(
        env, model.policy, settings.laps, settings.max_resets, settings.reset_penalty, keep_images=True
    )


def write_evaluation(
    evaluation: Evaluation, model: Model, settings: EvaluateSettings, course: Course, folder: Path
) -> list[Path]:
    """Write evaluation.json, driven_lines.png and video.mp4; return their paths.

    Raises:
        RunError: the folder cannot be written.
    """
    from deepracer_sim.evaluation_report import save_picture, to_json
    from deepracer_sim.evaluation_video import save_video

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunError(f"cannot create {folder}: {error.strerror}") from error
    track = course.tracks[0]
    written = [folder / "evaluation.json", folder / "driven_lines.png"]
    report = to_json(evaluation, model=model.name, settings=settings.model_dump(mode="json"))
    written[0].write_text(json.dumps(report, indent=2, allow_nan=False) + "\n", encoding="utf-8")
    save_picture(evaluation, track, written[1])
    if settings.video:
        written.append(folder / "video.mp4")
        views = _car_view(evaluation, course)
        save_video(evaluation, track, written[2], model.actions.table, title=track.name, images=views)
    return written


def _car_view(evaluation: Evaluation, course: Course, batch: int = 32) -> NDArray[np.uint8]:
    """Render what the first car drove past in colour and at full size, (T, H, W, 3)."""
    trace = evaluation.trace
    steps = int(trace.alive[:, 0].sum())
    pose = torch.from_numpy(np.stack([trace.x[:steps, 0], trace.y[:steps, 0], trace.yaw[:steps, 0]]))
    views = []
    for part in pose.split(batch, 1):
        camera = Camera(VIDEO_CAMERA, course.grounds[:1], torch.zeros(part.shape[1], dtype=torch.long))
        views.append(camera.render(*part).numpy())
    return np.concatenate(views)
