"""The embedded simulator: a `World` of N cars in plain torch, on a CPU or a GPU."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any

import torch
from torch import Tensor

from deepracer_sim import car as dynamics
from deepracer_sim.camera import Camera, Lens, nominal_colours, randomised_colours
from deepracer_sim.car import CarMotion, CarParameters, Substep
from deepracer_sim.ground import Ground
from deepracer_sim.settings import CameraSettings, CarSettings, Randomisation
from deepracer_sim.world import STEP_TIME, CarState, wrapped

SUBSTEPS = 5
"""Physics substeps a step. More of them change a turn with grip by less than 1 %, and one that has been
sliding for two seconds by about 10 %."""
NOISE_STRIDE = 611_953
"""Prime by which consecutive frames' noise lies apart in the bank."""


class EmbeddedWorld:
    """N cars that do not meet, each on its ground, with dynamics and camera of its own when randomised.

    Args:
        grounds: painted tracks.
        ground_index: (N,) which of them each car drives on.
        camera: what the cars see.
        car: the car as it left the factory.
        randomisation: ranges from which a car is drawn anew whenever it is respawned.
        seed: of all the world's draws.
        device: "cpu" or "cuda".
    """

    def __init__(
        self,
        grounds: Sequence[Ground],
        ground_index: Tensor,
        camera: CameraSettings,
        car: CarSettings,
        randomisation: Randomisation,
        seed: int = 0,
        device: torch.device | str = "cpu",
    ) -> None:
        self.num_cars = len(ground_index)
        self.device = torch.device(device)
        self.camera = camera
        self._randomisation = randomisation
        self._generator = torch.Generator(self.device).manual_seed(seed)
        self._renderer = Camera(camera, grounds, ground_index, self.device)
        self._renderer.is_clean = not randomisation.enabled
        self._lens = self._nominal_lens = Lens.nominal(camera, self.num_cars, self.device)
        self._colours = nominal_colours(self.num_cars, self.device)
        self._parameters = CarParameters.nominal(car, self.num_cars, self.device)
        self._substep = Substep.of(self._parameters, STEP_TIME / SUBSTEPS)
        self._motion = CarMotion.at_rest(torch.zeros(self.num_cars, 3, device=self.device))
        # The share of a step that has passed before each substep: (SUBSTEPS, 1, 1).
        self._passed = torch.arange(SUBSTEPS, device=self.device)[:, None, None] / SUBSTEPS
        self._latency = torch.full((self.num_cars,), car.latency, device=self.device)
        # The commands of this step and of the two before it, newest first: (3, N, 2).
        self._commands = torch.zeros(3, self.num_cars, 2, device=self.device)
        self._frame = 0

    def respawn(self, mask: Tensor, pose: Tensor) -> None:
        """Put the cars in `mask` (N,) at rest at `pose` (N, 3), redrawn if the world is randomised."""
        self._motion = CarMotion.at_rest(pose).where(mask, self._motion)
        self._commands = self._commands.masked_fill(mask[:, None], 0.0)
        if self._randomisation.enabled:
            self._redraw(mask)

    def _redraw(self, mask: Tensor) -> None:
        ranges, generator = self._randomisation, self._generator
        self._parameters = self._parameters.randomised(ranges, generator, mask)
        self._substep = Substep.of(self._parameters, STEP_TIME / SUBSTEPS)
        low, high = ranges.latency
        draws = torch.rand(ranges.latency_draws, self.num_cars, generator=generator, device=self.device)
        unit = draws.amax(0)
        self._latency = torch.where(mask, low + (high - low) * unit, self._latency)
        self._lens = self._lens.randomised(self._nominal_lens, ranges, generator, mask)
        colours = randomised_colours(ranges, generator, self.num_cars)
        self._colours = torch.where(mask[:, None, None], colours, self._colours)
        self._renderer.set_lens(self._lens)
        self._renderer.set_colours(self._colours)

    def step(self, command: Tensor) -> None:
        """Drive for one step towards `command` (N, 2), which reaches the wheels after each car's latency."""
        self._commands = torch.cat((command[None], self._commands[:-1]))
        newest, previous, oldest = self._commands
        # How many steps ago the command that is due in each substep was given: (SUBSTEPS, N, 1).
        age = self._latency[:, None] - self._passed
        due = torch.where(age > 0, torch.where(age > 1, oldest, previous), newest)
        for command in due.unbind():
            self._motion = dynamics.advance(self._motion, command, self._substep)
        self._frame += 1

    def state(self) -> CarState:
        """Return the state at the end of the last step."""
        state = CarState(*(getattr(self._motion, field.name) for field in fields(CarState)))
        return replace(state, yaw=wrapped(state.yaw))

    def images(self) -> Tensor:
        """Return what the cameras see, (N, height, width, channels) uint8."""
        motion = self._motion
        return self._renderer.render(motion.x, motion.y, motion.yaw, self._frame * NOISE_STRIDE)

    def hidden(self) -> Tensor:
        """Return latency, grip, speed gain and steering lag of each car, centred and scaled, (N, 4)."""
        car = self._parameters
        columns = (
            self._latency,
            4 * (car.friction - 1.1),
            10 * (car.speed_gain - 1),
            50 * (car.steering_lag - 0.05),
        )
        return torch.stack(columns, 1)

    def pause(self) -> None:
        """Nothing moves between the steps anyway."""

    def seed(self, seed: int) -> None:
        """Restart the world's random draws, those of the pixel noise too."""
        self._generator.manual_seed(seed)
        self._frame = 0

    def close(self) -> None:
        """Nothing to let go of."""

    def snapshot(self) -> dict[str, Any]:
        """Return everything that changes from step to step, as tensors and numbers."""
        return {
            "motion": _tensors(self._motion),
            "parameters": _tensors(self._parameters),
            "lens": _tensors(self._lens),
            "colours": self._colours,
            "latency": self._latency,
            "commands": self._commands,
            "frame": self._frame,
            "generator": self._generator.get_state(),
        }

    def restore(self, snapshot: dict[str, Any]) -> None:
        """Go back to a `snapshot` of a world with the same settings."""
        self._motion = CarMotion(**snapshot["motion"])
        self._parameters = CarParameters(**snapshot["parameters"])
        self._substep = Substep.of(self._parameters, STEP_TIME / SUBSTEPS)
        self._lens = Lens(**snapshot["lens"])
        self._colours, self._latency = snapshot["colours"], snapshot["latency"]
        self._commands, self._frame = snapshot["commands"], snapshot["frame"]
        self._generator.set_state(snapshot["generator"])
        self._renderer.set_lens(self._lens)
        self._renderer.set_colours(self._colours)


def _tensors(record: Any) -> dict[str, Tensor]:
    return {field.name: getattr(record, field.name) for field in fields(record)}
