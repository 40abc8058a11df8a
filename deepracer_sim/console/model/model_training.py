"""Begins and ends trainings of models, whoever else does so at the same time."""

from __future__ import annotations

import os
import signal
from asyncio import to_thread
from contextlib import suppress

from deepracer_sim.console.garage import Garage
from deepracer_sim.console.model.model_state import ModelState, ModelStates
from deepracer_sim.errors import ModelError, RunError
from deepracer_sim.garage.model_lock import is_held
from deepracer_sim.garage.stored_model import Status
from deepracer_sim.settings import StopSettings

KIND = "train"


class Trainings:
    """Begins and ends trainings; all browsers' buttons lead here.

    Args:
        garage: of the models.
        states: of them.
    """

    def __init__(self, garage: Garage, states: ModelStates) -> None:
        self._garage, self._states = garage, states
        self._stopped: dict[str, int] = {}

    async def begin(self, name: str, stop: StopSettings | None = None, anew: bool = False) -> None:
        """Train a model, or go on with it.

        Args:
            name: of the model.
            stop: rules in place of those that it has.
            anew: in a new run.

        Raises:
            DeepRacerError: somebody trains it already, or it cannot be trained.
        """
        state = await self._states.of(name, is_fresh=True)
        if state.status is Status.TRAINING or state.is_starting:
            raise RunError(f"{name} is being trained already")
        words = ["models", "train", name, *(["--anew"] if anew else []), *(_words(stop) if stop else [])]
        await to_thread(self._garage.jobs.start, KIND, name, words)

    async def end(self, name: str) -> None:
        """Ask a model's training to end; what it has finished stays, and asking twice does no harm.

        Raises:
            DeepRacerError: nobody trains it, or it is asked already, or it was begun outside of the store.
        """
        state = await self._states.of(name, is_fresh=True)
        process = process_of(state)
        if self._stopped.get(name) == process and process:
            raise RunError(f"{name} is being stopped already")
        if process is None:
            if state.status is Status.TRAINING:
                raise ModelError(
                    f"{name}: this training was begun by its run folder: end it where it was begun"
                )
            raise RunError(f"{name} is not being trained")
        self._stopped[name] = process
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGINT)

    def is_ending(self, state: ModelState) -> bool:
        """Whether a training was asked to end and has not yet."""
        process = process_of(state)
        return process is not None and self._stopped.get(state.model.name) == process


def process_of(state: ModelState) -> int | None:
    """Return the number of the process that trains a model; None if there is none that the store knows."""
    job, last = state.running(KIND), state.last
    if last and last.state == "training" and last.process and is_held(state.model.path):
        return last.process
    return job.process if job else None


def _words(stop: StopSettings) -> list[str]:
    return [
        "--stop.minutes", f"{stop.minutes}",
        "--stop.iterations", f"{stop.iterations}",
        "--stop.target" if stop.target else "--stop.no-target",
    ]  # fmt: skip
