"""The command line of the benchmark."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import torch
import tyro

from deepracer_sim.benchmark.gazebo import Measured, Part, measure_gazebo
from deepracer_sim.benchmark.report import Figure, Machine, table, write_report
from deepracer_sim.errors import DeepRacerError, GazeboError
from deepracer_sim.gazebo.installation import find

Name = Literal["simulator", "inference", "ppo", "ros", "car", "learning", "unseen", "gazebo", "console"]


@dataclass(frozen=True)
class Options:
    """Measure the figures of the README.

    Attributes:
        names: what to measure, everything by default; learning takes about half an hour for ten seeds.
        seeds: trainings for each action space.
        first_seed: of the trainings, the others follow; choose one that was never used.
        minutes: to train the policy for many tracks.
        parts: of what is measured in Gazebo, all by default; transfer trains at most five of the seeds.
        runs: folders of trained policies to drive in Gazebo; by default new ones are trained.
        folder: for benchmark.json and pictures.
    """

    names: Annotated[tuple[Name, ...], tyro.conf.Positional] = ()
    seeds: int = 10
    first_seed: int = 0
    minutes: float = 10.0
    parts: tuple[Part, ...] = ()
    runs: tuple[Path, ...] = ()
    folder: Path = Path("runs/benchmark")


def benchmark(options: Options) -> None:
    """Measure, print the figures and write benchmark.json."""
    torch.set_num_threads(1)
    machine = Machine.here()
    print(f"{machine.text()}\n")
    figures: list[Figure] = []
    details: dict[str, Any] = {}
    for name in options.names or get_args(Name):
        print(f"measuring: {name}", flush=True)
        for new, rows in _measure(name, options):
            figures += new
            details |= rows
            # After each one: what takes an hour must not be lost.
            path = write_report(options.folder, machine, figures, details)
    print(f"\n{table(figures)}\n\nwritten: {path}")


def _measure(name: Name, options: Options) -> Iterator[Measured]:
    """Yield figures, and under their name the rows that they come from."""
    from deepracer_sim.benchmark import car, learning, ppo, speed

    def tell(line: str) -> None:
        print(f"  {line}", flush=True)

    seeds = range(options.first_seed, options.first_seed + options.seeds)
    if name == "gazebo":
        yield from _measure_gazebo(seeds, options, tell)
    elif name == "learning":
        figures, rows = learning.measure_learning(seeds, tell)
        yield figures, {name: rows}
    elif name == "unseen":
        figures, rows = learning.measure_unseen(seeds[0], tell, options.minutes)
        yield figures, {name: rows}
    elif name == "ros":
        yield _measure_ros(tell), {}
    elif name == "car":
        yield car.measure_driver(), {}
        yield _measure_car_node(tell), {}
    elif name == "console":
        from deepracer_sim.benchmark.live_view import measure_live_view

        yield measure_live_view(tell), {}
    elif name == "simulator":
        yield speed.measure_simulator(), {}
    else:
        yield speed.measure_inference() if name == "inference" else ppo.measure_ppo(), {}


def _measure_gazebo(
    seeds: Sequence[int], options: Options, tell: Callable[[str], None]
) -> Iterator[Measured]:
    try:
        find()
    except GazeboError as error:
        tell(f"left out: {error}")
        yield [], {}
        return
    yield from measure_gazebo(options.parts, seeds, options.runs, options.folder, tell)


def _measure_ros(tell: Callable[[str], None]) -> list[Figure]:
    try:
        from deepracer_sim.ros.benchmark import measure_ros
    except ModuleNotFoundError as error:
        return _without_ros(error, tell)
    return measure_ros()


def _measure_car_node(tell: Callable[[str], None]) -> list[Figure]:
    try:
        from deepracer_sim.ros.car_benchmark import measure_node
    except ModuleNotFoundError as error:
        return _without_ros(error, tell)
    return measure_node()


def _without_ros(error: ModuleNotFoundError, tell: Callable[[str], None]) -> list[Figure]:
    tell(f"left out, for there is no {error.name}: make ros")
    return []


def main() -> None:
    """Run the benchmark; an error meant for the user ends it with one line and exit code 2."""
    try:
        benchmark(tyro.cli(Options, prog="python -m deepracer_sim.benchmark"))
    except DeepRacerError as error:
        print(f"benchmark: {error}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
