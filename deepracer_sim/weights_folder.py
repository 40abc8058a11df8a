"""The networks of a run's iterations: small files, so that any of them can be evaluated and chosen later."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from pathlib import Path

WEIGHTS_LIMIT = 160_000_000
"""Bytes; about 680 networks of the default size, which is more than ten minutes of training."""


class WeightsFolder:
    """Files iteration_00012.pt with a checkpoint that has a network and nothing else.

    Every iteration has one until they fill `WEIGHTS_LIMIT`. Then every second one stays or the like, at last
    only evaluated ones, and fewer and fewer of those.

    Args:
        path: of the folder; it need not exist.
        every: iterations between evaluations.
    """

    def __init__(self, path: Path, every: int) -> None:
        self.path, self.every = path, every

    def file(self, iteration: int) -> Path:
        """Return where an iteration's network is, or would be."""
        return self.path / checkpoint_name(iteration)

    def iterations(self) -> list[int]:
        """Return the iterations that there are, oldest first."""
        return numbered_files(self.path)

    def thin_out(self, needed: Collection[int]) -> None:
        """Remove files until the rest is within the limit; the newest and those in `needed` stay."""
        there = self.iterations()
        if not there:
            return
        newest = there[-1]
        most = WEIGHTS_LIMIT // max(1, self.file(newest).stat().st_size)
        kept = there
        for stride in self._strides():
            if len(kept) <= most or stride > newest:
                break
            kept = [number for number in there if number % stride == 0 or number in (newest, *needed)]
        for number in set(there) - set(kept):
            self.file(number).unlink(missing_ok=True)

    def _strides(self) -> Iterator[int]:
        """Give distances between kept iterations, each a multiple of the one before, `every` among them."""
        stride = 1
        while True:
            rest = self.every // stride if stride < self.every else 2
            stride *= next(factor for factor in range(2, rest + 1) if rest % factor == 0)
            yield stride

    def drop_after(self, iteration: int) -> None:
        """Remove the networks of later iterations."""
        for number in self.iterations():
            if number > iteration:
                self.file(number).unlink(missing_ok=True)


def checkpoint_name(iteration: int) -> str:
    """Return the name of an iteration's file."""
    return f"iteration_{iteration:05d}.pt"


def numbered_files(folder: Path) -> list[int]:
    """Return the iterations that have a file in a folder, oldest first."""
    names = (re.fullmatch(r"iteration_(\d+)\.pt", file.name) for file in folder.glob("*.pt"))
    return sorted(int(match.group(1)) for match in names if match)
