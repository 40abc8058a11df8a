"""Where a car was during its drive in a race, kept so that the drive can be shown again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field

from deepracer_sim.errors import RaceError
from deepracer_sim.races.record_file import read_record
from deepracer_sim.settings import Settings

if TYPE_CHECKING:
    from deepracer_sim.evaluation import Evaluation

LINE = "driven_line.json"
LARGEST = 16_000_000
"""Bytes: a hundred of the slowest laps on a long track."""


class DrivenLine(Settings):
    """A car's poses; row 0 is the start, each further one a step of the simulator later.

    Attributes:
        step: seconds from one row to the next.
        resets: rows after which it was put back on the road.
        x, y: base_link, millimetres.
        yaw: milliradians.
    """

    step: float = Field(gt=0)
    resets: tuple[int, ...] = ()
    x: tuple[int, ...] = Field(min_length=1)
    y: tuple[int, ...] = Field(min_length=1)
    yaw: tuple[int, ...] = Field(min_length=1)

    @classmethod
    def of(cls, evaluation: Evaluation) -> DrivenLine:
        """Return the line of an evaluation's first car, from its start on."""
        import numpy as np

        from deepracer_sim.world import STEP_TIME

        trace, judged = evaluation.trace, evaluation.trace.judged
        if judged is None:
            raise ValueError("an evaluation that was not judged has no start")
        steps = trace.alive[:, 0]
        columns = zip(judged.start[:, 0], (trace.x, trace.y, trace.yaw), strict=True)
        rows = [np.concatenate(([start], column[steps, 0])) for start, column in columns]
        x, y, yaw = (tuple(np.rint(1000 * row).astype(int).tolist()) for row in rows)
        # A step leads to the row after it; a fault in the last one ends the drive.
        faults = np.flatnonzero(trace.fault[steps, 0]) + 1
        resets = tuple(faults[faults < len(x) - 1].tolist())
        return cls(step=STEP_TIME, resets=resets, x=x, y=y, yaw=yaw)

    @classmethod
    def load(cls, folder: Path) -> DrivenLine | None:
        """Read the line of an entry from its folder; None for an entry that has kept none.

        Raises:
            RaceError: it is damaged.
        """
        file = folder / LINE
        if not file.exists():
            return None
        line = read_record(file, cls, LARGEST)
        if not len(line.x) == len(line.y) == len(line.yaw):
            raise RaceError(f"{file} is damaged: {len(line.x)} x, {len(line.y)} y and {len(line.yaw)} yaw")
        return line
