"""Several cars on one track: what each is called and where it stands before the start."""

from __future__ import annotations

import torch
from torch import Tensor

from deepracer_sim.track import Track


def car_names(num_cars: int) -> list[str]:
    """Return the cars' names: "racecar" for one, "racecar_1" and so on for several."""
    return ["racecar"] if num_cars == 1 else [f"racecar_{number}" for number in range(1, num_cars + 1)]


def car_namespaces(num_cars: int) -> list[str]:
    """Return the namespaces of the cars' topics: none for one, "/racecar_1" and so on for several."""
    return [""] if num_cars == 1 else [f"/{name}" for name in car_names(num_cars)]


def start_poses(track: Track, count: int) -> Tensor:
    """Return `count` poses spread evenly along a track, (count, 3): x, y in metres, yaw in radians."""
    distance = torch.arange(count) / count * track.length
    return track.pose_at(distance, torch.zeros(count, dtype=torch.bool), torch.zeros(count))
