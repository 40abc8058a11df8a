"""The metrics of a training for TensorBoard."""

from __future__ import annotations

from pathlib import Path

from deepracer_sim.trainer import Row


class EventFiles:
    """Writes rows of metrics as scalars.

    Args:
        folder: that TensorBoard is to look at.
        iteration: from which a training goes on; what later ones wrote before is taken back.
    """

    def __init__(self, folder: Path, iteration: int) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self._writer = SummaryWriter(str(folder), purge_step=iteration + 1)

    def __enter__(self) -> EventFiles:
        """Give the files themselves."""
        return self

    def __exit__(self, *_: object) -> None:
        """Write what is left and close them."""
        self._writer.close()

    def write(self, row: Row) -> None:
        """Add a row; a value that is NaN is left out."""
        for name, value in row.items():
            if value == value and name != "iteration":
                self._writer.add_scalar(name, value, int(row["iteration"]))
