"""Lets others watch a training: where its cars are, and what the first one sees."""

from __future__ import annotations

import torch
from torch import Tensor

from deepracer_sim.live_file import LIVE, MOST_CARS, LiveFile
from deepracer_sim.trainer import Trainer


class LiveView:
    """Keeps the live file of a training's run folder while it drives.

    It looks at the cars ten times a second at most, whatever the number of steps, so that it costs nothing
    that can be measured.

    Args:
        trainer: whose cars.
    """

    def __init__(self, trainer: Trainer) -> None:
        self._trainer, self._steps = trainer, trainer.steps
        shown = trainer.env.track_index[:MOST_CARS].tolist()
        self._file = LiveFile(trainer.run.path / LIVE, shown)

    def __enter__(self) -> LiveView:
        """Begin to watch the collector."""
        self._trainer.collector.on_step = self._show
        return self

    def __exit__(self, *_: object) -> None:
        """Remove the file."""
        self._file.close()

    def _show(self, images: Tensor) -> None:
        self._steps += 1
        if not self._file.is_due:
            return
        car = self._trainer.env.world.state()
        rows = torch.stack((car.x, car.y, car.yaw, car.forward_speed), 1)[: self._file.num_cars]
        picture = images[0].contiguous().cpu().numpy()
        self._file.write((self._steps, self._trainer.iteration + 1), rows.float().cpu().numpy(), picture)
