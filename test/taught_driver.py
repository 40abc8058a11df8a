"""A model that is taught in seconds to drive a track: the action that leads to a point ahead on the line."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import torch

from deepracer_inference.action_space import DiscreteActionSpace
from deepracer_sim.car import WHEELBASE
from deepracer_sim.embedded_world import EmbeddedWorld
from deepracer_sim.export import export
from deepracer_sim.network import PolicyNetwork
from deepracer_sim.settings import CameraSettings, CarSettings, Randomisation
from deepracer_sim.simulation import Course

SPEED, AHEAD = 1.0, 0.6
ANGLES = np.radians([-30.0, -15.0, 0.0, 15.0, 30.0])
CARS, ROUNDS, EPOCHS = 512, 12, 8


def teach(course: Course, folder: Path, camera: CameraSettings | None = None) -> Path:
    """Write a model that follows the centre line of the course's track at 1 m/s."""
    torch.manual_seed(0)
    camera = camera or CameraSettings()
    images, labels = _lessons(course, camera)
    actions = DiscreteActionSpace(ANGLES, np.full(len(ANGLES), SPEED))
    network = PolicyNetwork("FAST", (camera.height, camera.width, camera.channels), len(actions))
    optimiser = torch.optim.Adam(network.parameters(), 1e-3)
    for _ in range(EPOCHS):
        for batch in torch.randperm(len(images)).split(256):
            optimiser.zero_grad()
            torch.nn.functional.cross_entropy(network(images[batch]), labels[batch]).backward()
            optimiser.step()
    export(network, actions, images[:16], folder)
    return folder


def _lessons(course: Course, camera: CameraSettings) -> tuple[torch.Tensor, torch.Tensor]:
    """Pictures from all over the track, and the action that leads to the point ahead."""
    track = course.tracks[0]
    index = torch.zeros(CARS, dtype=torch.long)
    world = EmbeddedWorld(
        course.grounds, index, camera, CarSettings(), Randomisation(enabled=False), seed=0, device="cpu"
    )
    forwards = torch.zeros(CARS, dtype=torch.bool)
    pictures, choices = [], []
    for _ in range(ROUNDS):
        distance = torch.rand(CARS) * track.length
        pose = track.pose_at(distance, forwards, (torch.rand(CARS) - 0.5) * 0.6)
        pose[:, 2] += torch.randn(CARS) * 0.3
        world.respawn(~forwards, pose)
        target = track.pose_at(distance + AHEAD, forwards, torch.zeros(CARS))
        away = target[:, :2] - pose[:, :2]
        bearing = torch.atan2(away[:, 1], away[:, 0]) - pose[:, 2]
        steering = torch.atan(2 * WHEELBASE * torch.sin(bearing) / away.norm(dim=1))
        # Half as much more: the car lags behind its commands.
        wanted = (1.5 * steering).clamp(-math.radians(30), math.radians(30))
        choices.append((wanted[:, None] - torch.as_tensor(ANGLES)).abs().argmin(1))
        pictures.append(world.images())
    return torch.cat(pictures), torch.cat(choices)
