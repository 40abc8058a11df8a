"""What all pages of a console work on."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from deepracer_sim.console.jobs import Jobs
from deepracer_sim.console.tracks.track_shapes import TrackShapes
from deepracer_sim.console.workshop import Workshop
from deepracer_sim.garage.model_store import ModelStore
from deepracer_sim.garage.store_folder import ENVIRONMENT as STORE
from deepracer_sim.races.commands import ENVIRONMENT as RACES
from deepracer_sim.races.commands import races_folder

JOBS = ".console"
"""Folder of the jobs, beside the models'."""


@dataclass(frozen=True)
class Garage:
    """What all pages of a console work on.

    Attributes:
        store: of the models.
        races: folder of the races.
        jobs: what is done outside of the console's process.
        workshop: what is done outside of it, but within a moment.
        shapes: of tracks.
    """

    store: ModelStore
    races: Path
    jobs: Jobs
    workshop: Workshop
    shapes: TrackShapes

    @property
    def tracks(self) -> Path:
        """Folder of the tracks that were imported or kept, .npy files."""
        return self.store.path.parent / "tracks"

    @classmethod
    def opened(cls, store: Path | None, races: Path | None) -> Garage:
        """Return the one of these folders, see `deepracer console`."""
        models = ModelStore(store)
        if races is None and store is not None and RACES not in os.environ:
            races = models.path.parent / "races"
        folder = races_folder(races)
        environment = {STORE: str(models.path), RACES: str(folder)}
        jobs = Jobs(models.path.parent / JOBS / "jobs", environment)
        workshop = Workshop()
        return cls(models, folder, jobs, workshop, TrackShapes(workshop))
