"""The command line of the benchmark."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import torch
import tyro

from deepracer_sim.benchmark.report import Figure, Machine, table, write_report
from deepracer_sim.errors import DeepRacerError

Name = Literal["simulator", "inference", "ppo", "ros", "learning", "unseen"]


def benchmark(
    names: Annotated[tuple[Name, ...], tyro.conf.Positional] = (),
    seeds: int = 10,
    first_seed: int = 0,
    minutes: float = 10.0,
    folder: Path = Path("runs/benchmark"),
) -> None:
    """Measure the figures of the README.

    Args:
        names: what to measure, everything by default; learning takes about half an hour for ten seeds.
        seeds: trainings for each action space.
        first_seed: of the trainings, the others follow; choose one that was never used.
        minutes: to train the policy for many tracks.
        folder: for benchmark.json.
    """
    torch.set_num_threads(1)
    machine = Machine.here()
    print(f"{machine.text()}\n")
    figures: list[Figure] = []
    details: dict[str, Any] = {}
    for name in names or get_args(Name):
        print(f"measuring: {name}", flush=True)
        new, rows = _measure(name, list(range(first_seed, first_seed + seeds)), minutes)
        figures += new
        details |= {name: rows} if rows else {}
        # After each one: what takes an hour must not be lost.
        path = write_report(folder, machine, figures, details)
    print(f"\n{table(figures)}\n\nwritten: {path}")


def _measure(name: Name, seeds: list[int], minutes: float) -> tuple[list[Figure], dict[str, Any]]:
    from deepracer_sim.benchmark import learning, ppo, speed

    def tell(line: str) -> None:
        print(f"  {line}", flush=True)

    if name == "learning":
        return learning.measure_learning(seeds, tell)
    if name == "unseen":
        return learning.measure_unseen(seeds[0], tell, minutes)
    if name == "ros":
        return _measure_ros(tell), {}
    if name == "simulator":
        return speed.measure_simulator(), {}
    return (speed.measure_inference() if name == "inference" else ppo.measure_ppo()), {}


def _measure_ros(tell: Callable[[str], None]) -> list[Figure]:
    try:
        from deepracer_sim.ros.benchmark import measure_ros
    except ModuleNotFoundError as error:
        tell(f"left out, for there is no {error.name}: make ros")
        return []
    return measure_ros()


def main() -> None:
    """Run the benchmark; an error meant for the user ends it with one line and exit code 2."""
    try:
        tyro.cli(benchmark, prog="python -m deepracer_sim.benchmark")
    except DeepRacerError as error:
        print(f"benchmark: {error}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
