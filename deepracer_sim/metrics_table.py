"""metrics.csv: a row of numbers for each iteration of a training."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from deepracer_sim.errors import RunError
from deepracer_sim.line_file import whole_lines


class MetricsTable:
    """A CSV of numbers that grows by a row an iteration.

    Args:
        path: of the file; it need not exist.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def lines_for(self, row: Mapping[str, Any]) -> str:
        """Return what a row adds to the file; the first one gives the columns."""
        is_new = not self.path.exists() or not self.path.stat().st_size
        header = ",".join(row) + "\n" if is_new else ""
        return header + ",".join(_cell(value) for value in row.values()) + "\n"

    def rows(self) -> list[dict[str, float]]:
        """Return the rows; an empty cell is NaN, and a half-written last row is left out.

        Raises:
            RunError: the file holds something other than numbers.
        """
        header, *lines = self._lines() or [""]
        names = header.strip().split(",")
        try:
            return [
                {
                    name: float(cell or "nan")
                    for name, cell in zip(names, line.strip().split(","), strict=True)
                }
                for line in lines
            ]
        except ValueError as error:
            raise RunError(f"{self.path} is damaged: {error}") from error

    def text_until(self, iteration: int) -> str:
        """Return the file's text without the rows of later iterations."""
        kept = len([row for row in self.rows() if row["iteration"] <= iteration])
        return "".join(self._lines()[: kept + 1])

    def _lines(self) -> list[str]:
        try:
            return whole_lines(self.path)
        except (OSError, UnicodeDecodeError) as error:
            raise RunError(f"{self.path} cannot be read: {error}") from error


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return "" if value != value else f"{value:.6g}"
    return str(value)
