"""Means over the cells of a grid on the ground: what makes a map of any number of steps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

FINEST_CELL = 0.06
"""Metres; a car drives about twice as far in a step."""
MOST_CELLS = 100
"""Along the longer side: a longer track has larger cells, so that no map takes more room than another."""
POINTS_A_STEP = 4
"""A step counts in all cells that it went through, looked at in this many places."""
MARGIN = 0.3
"""Metres shown around what was driven."""
LEAST_WEIGHT = 0.06
"""Of a cell that is shown: that of a single step through a neighbour, about; its own counts 1 / 4."""


@dataclass(frozen=True)
class TrackGrid:
    """A grid over a rectangle.

    Attributes:
        left, bottom: its corner, metres.
        cell: side of a cell, metres.
        columns, rows: cells.
    """

    left: float
    bottom: float
    cell: float
    columns: int
    rows: int

    @classmethod
    def around(cls, x: NDArray[np.float64], y: NDArray[np.float64]) -> TrackGrid:
        """Return the grid that holds all points, in metres, and some room."""
        left, bottom = float(x.min()) - MARGIN, float(y.min()) - MARGIN
        width, height = float(x.max()) + MARGIN - left, float(y.max()) + MARGIN - bottom
        cell = max(FINEST_CELL, max(width, height) / MOST_CELLS)
        return cls(left, bottom, cell, int(np.ceil(width / cell)), int(np.ceil(height / cell)))

    @property
    def x(self) -> NDArray[np.float64]:
        """Middles of the columns, metres."""
        return self.left + self.cell * (np.arange(self.columns, dtype=np.float64) + 0.5)

    @property
    def y(self) -> NDArray[np.float64]:
        """Middles of the rows, metres."""
        return self.bottom + self.cell * (np.arange(self.rows, dtype=np.float64) + 0.5)

    def cells_of(self, x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.int64]:
        """Return the number of each point's cell, counted row by row; those outside count as on the rim."""
        column = np.clip((x - self.left) // self.cell, 0, self.columns - 1).astype(np.int64)
        row = np.clip((y - self.bottom) // self.cell, 0, self.rows - 1).astype(np.int64)
        return row * self.columns + column

    def mean(self, steps: pd.DataFrame, column: str) -> NDArray[np.float32]:
        """Return the mean of a column around each cell, `(rows, columns)`; NaN where no step went.

        A step counts most in its own cells and a little in those beside them, so that few steps make a
        smooth map, too.

        Args:
            steps: as in `Records.steps`.
            column: of numbers; NaN is left out.
        """
        cells, rows = self._driven_cells(steps)
        values = steps[column].to_numpy(np.float64)[rows]
        cells, values = cells[np.isfinite(values)], values[np.isfinite(values)]
        weights, sums = self._blurred(cells), self._blurred(cells, values)
        shown = weights >= LEAST_WEIGHT
        return np.divide(sums, weights, out=np.full_like(sums, np.nan), where=shown).astype(np.float32)

    def most_chosen(self, steps: pd.DataFrame) -> NDArray[np.float32]:
        """Return the action that was chosen most often around each cell; NaN where no step went."""
        cells, rows = self._driven_cells(steps)
        actions = steps["action"].to_numpy()[rows]
        most = np.full((self.rows, self.columns), LEAST_WEIGHT)
        chosen = np.full((self.rows, self.columns), np.nan, np.float32)
        for action in np.unique(actions[actions >= 0]):
            weights = self._blurred(cells[actions == action])
            chosen[weights >= most] = action
            most = np.maximum(most, weights)
        return chosen

    def _blurred(
        self, cells: NDArray[np.int64], values: NDArray[np.float64] | None = None
    ) -> NDArray[np.float64]:
        """Return the number of points in each cell, or the sum of their values, shared with neighbours."""
        sums = np.bincount(cells, values, minlength=self.rows * self.columns).astype(np.float64)
        padded = np.pad(sums.reshape(self.rows, self.columns), 1)
        padded = (padded[:-2] + 2 * padded[1:-1] + padded[2:]) / 4
        blurred: NDArray[np.float64] = (padded[:, :-2] + 2 * padded[:, 1:-1] + padded[:, 2:]) / 4
        return blurred

    def _driven_cells(self, steps: pd.DataFrame) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the cells along each driven step, and the row of `steps` that each is of."""
        x, y = steps["X"].to_numpy(), steps["Y"].to_numpy()
        # The row before, which a step begins at, may have been filtered out.
        follows = np.diff(steps.index.to_numpy(), prepend=-2) == 1
        rows = np.flatnonzero(steps["speed"].notna().to_numpy() & follows)
        shares = (np.arange(POINTS_A_STEP)[:, None] + 1) / POINTS_A_STEP
        along_x = x[rows - 1] + shares * (x[rows] - x[rows - 1])
        along_y = y[rows - 1] + shares * (y[rows] - y[rows - 1])
        return self.cells_of(along_x.ravel(), along_y.ravel()), np.tile(rows, POINTS_A_STEP)
