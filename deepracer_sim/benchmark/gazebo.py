"""How near the embedded simulator is to Gazebo, how fast Gazebo is, and whether policies drive there too."""

from __future__ import annotations

import hashlib
import math
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal, get_args

import torch

from deepracer_sim.benchmark.gazebo_pictures import measure_pictures
from deepracer_sim.benchmark.gazebo_turns import measure_turns
from deepracer_sim.benchmark.learning import SPEEDS, count_laps, train
from deepracer_sim.benchmark.report import Figure
from deepracer_sim.car import MAX_STEERING_ANGLE
from deepracer_sim.evaluation import Evaluation
from deepracer_sim.evaluation_run import Model, evaluate_model, load_model
from deepracer_sim.gazebo.car_model import Fleet
from deepracer_sim.gazebo.gazebo_world import GazeboWorld
from deepracer_sim.gazebo.track_server import open_world
from deepracer_sim.other_simulator import open_for_evaluation
from deepracer_sim.settings import CameraSettings, EvaluateSettings
from deepracer_sim.simulation import Course
from deepracer_sim.starting_grid import start_poses
from deepracer_sim.world import STEP_TIME, CarState

Part = Literal["turns", "pictures", "steps", "same", "transfer"]
Tell = Callable[[str], None]
Measured = tuple[list[Figure], dict[str, Any]]

TRACK = "reinvent_2018"
CIRCLE = (0.16, 1.0)
"""Steering angle (radians) and speed (m/s): around a circle of 1 m, so that each picture is a new one."""
WARM_UP = 30
STARTS, LAPS = 8, 3
"""Of each policy: places along the track, in both directions of each, and laps from each."""
MOST_SEEDS = 5
"""Of each kind of policy: with training, each takes a minute and a half."""
ONE_STEP = 1.0
"""More latency, steps."""
FOR_SPEED = ["--stop.minutes", "5", "--stop.no-target"]
FAST_LAPS = ", trained on for speed"
AIMS = {("1/2 m/s", 0.0): 98.0, ("1.5/3 m/s", 0.0): 90.0, ("1/2 m/s", ONE_STEP): 90.0}
"""Per cent of clean laps, by kind of policy and latency."""


def measure_gazebo(
    parts: Sequence[Part], seeds: Sequence[int], runs: Sequence[Path], folder: Path, tell: Tell
) -> Iterator[Measured]:
    """Measure against a real Gazebo, one part after the other.

    Args:
        parts: all if empty.
        seeds: of the policies that are trained to drive in Gazebo.
        runs: folders of trained policies instead.
        folder: for the pictures.
        tell: called with each line of progress.

    Yields:
        The figures of a part and its rows by name.

    Raises:
        GazeboError: Gazebo is not installed or does not start.
    """
    measures: dict[str, Callable[[], Measured]] = {
        "turns": lambda: measure_turns(tell, folder),
        "pictures": lambda: measure_pictures(tell, folder),
        "steps": lambda: (measure_steps(), {}),
        "same": lambda: (measure_same(), {}),
        "transfer": lambda: measure_transfer(seeds[:MOST_SEEDS], runs, tell),
    }
    for part in parts or get_args(Part):
        tell(f"{part}:")
        figures, rows = measures[part]()
        yield figures, {f"gazebo {part}": rows} if rows else {}


def measure_steps(steps: int = 300, fleet: int = 8) -> list[Figure]:
    """Measure the wall time of lock-step, with one car of AWS's picture size and with a fleet of small ones.

    Args:
        steps: between two looks at the clock.
        fleet: cars with pictures of 64x48.
    """
    one, due = _drive_in_circles(Fleet(), steps)
    several, due_of_several = _drive_in_circles(Fleet(fleet, CameraSettings()), steps)
    alone, together = (f"Gazebo in lock-step, {cars}" for cars in ("1 car, 160x120", f"{fleet} cars, 64x48"))
    in_time, all_of_them = "new pictures at their due time", fleet * steps
    return [
        Figure(alone, one, "steps per second", 70.0),
        Figure(f"{alone}: {in_time}", due, f"of {steps}", steps),
        Figure(together, fleet * several, "car steps per second"),
        Figure(f"{together}: {in_time}", due_of_several, f"of {all_of_them}", all_of_them),
    ]


def _drive_in_circles(fleet: Fleet, steps: int) -> tuple[float, int]:
    """Return steps a second, and how many pictures came at their due time and were not those of before."""
    course = Course.load([TRACK])
    with closing(open_world(course, fleet)) as world:
        everyone = torch.ones(fleet.num_cars, dtype=torch.bool)
        command = torch.tensor(CIRCLE).expand(fleet.num_cars, 2)
        world.respawn(everyone, start_poses(course.tracks[0], fleet.num_cars))
        for _ in range(WARM_UP):
            world.step(command)
        seen, started = [(world.time, world.images())], time.perf_counter()
        for _ in range(steps):
            world.step(command)
            seen.append((world.time, world.images()))
        rate = steps / (time.perf_counter() - started)
    begin, before = seen[0]
    due = 0
    for step, (now, images) in enumerate(seen[1:], 1):
        # Gazebo counts in whole nanoseconds, which makes its steps a few of them too short.
        if round((now - begin) / 1e9 / STEP_TIME, 3) == step:
            due += int((images != before).flatten(1).any(1).sum())
        before = images
    return rate, due


def measure_same(steps: int = 100) -> list[Figure]:
    """Give two fresh Gazebos the same random commands and two respawns, and compare all that they answer."""
    first, second = _record(steps), _record(steps)
    alike = sum(one == other for one, other in zip(first, second, strict=True))
    what = "two fresh Gazebos, same commands: steps with identical states and pictures"
    return [Figure(what, alike, f"of {steps}", steps)]


def _record(steps: int) -> list[tuple[int, list[list[float]], str]]:
    """Return time, states and a hash of the pictures after each step of a fresh Gazebo."""
    generator = torch.Generator().manual_seed(0)
    course, fleet = Course.load([TRACK]), Fleet(2, CameraSettings())
    everyone = torch.ones(fleet.num_cars, dtype=torch.bool)
    second_alone = torch.tensor([False, True])
    poses = start_poses(course.tracks[0], fleet.num_cars)
    moved = {steps // 3: second_alone, 2 * steps // 3: everyone}
    with closing(open_world(course, fleet)) as world:
        world.respawn(everyone, poses)
        answers = []
        for step in range(steps):
            if step in moved:
                world.respawn(moved[step], poses)
            angle, speed = torch.rand(2, fleet.num_cars, generator=generator)
            world.step(torch.stack(((2 * angle - 1) * MAX_STEERING_ANGLE, 3 * speed), 1))
            answers.append(_answer(world))
    return answers


def _answer(world: GazeboWorld) -> tuple[int, list[list[float]], str]:
    state = world.state()
    columns = [getattr(state, field.name).tolist() for field in fields(CarState)]
    return world.time, columns, hashlib.sha256(world.images().numpy().tobytes()).hexdigest()


@dataclass(frozen=True)
class Drive:
    """How a policy of the embedded simulator drove in Gazebo.

    Attributes:
        policy: where it came from.
        kind: what it was trained for.
        latency: more of it than in Gazebo by itself, steps.
        clean_laps, wanted_laps: laps not got to after a fault are wanted, too.
        clean_runs, runs: cars that drove all their laps without a fault, and all cars.
        lap_time: median of the clean laps, seconds; None without any.
        faults: how the other runs ended.
    """

    policy: str
    kind: str
    latency: float
    clean_laps: int
    wanted_laps: int
    clean_runs: int
    runs: int
    lap_time: float | None
    faults: list[str]

    def row(self) -> str:
        """Return one line for people."""
        late = f", {self.latency:g} more step of latency" if self.latency else ""
        lap = f", {self.lap_time:.2f} s a lap" if self.lap_time is not None else ""
        faults = f" ({', '.join(self.faults)})" if self.faults else ""
        return (
            f"{self.policy}, {self.kind}{late}: {self.clean_laps} of {self.wanted_laps} laps clean, "
            f"{self.clean_runs} of {self.runs} runs{faults}{lap}"
        )


def measure_transfer(
    seeds: Sequence[int], runs: Sequence[Path], tell: Tell, starts: int = STARTS, laps: int = LAPS
) -> Measured:
    """Drive policies in Gazebo that learnt in the embedded simulator alone.

    Args:
        seeds: of the trainings: one of each kind for each, and one for speed.
        runs: folders of trained policies; nothing is trained then.
        tell: called with a line for each policy.
        starts: places along the track from which each policy drives, in both directions.
        laps: from each start.

    Returns:
        The figures, and the rows of all policies.
    """
    course, drives = Course.load([TRACK]), []
    policies = map(_given, runs) if runs else _trained(seeds, tell)
    for name, model in policies:
        for latency in (0.0, ONE_STEP):
            if latency and (kind_of(model), latency) not in AIMS:
                continue
            settings = EvaluateSettings(
                world="gazebo", cars=2 * starts, laps=laps, latency=latency, max_resets=0, video=False
            )
            with open_for_evaluation(settings, model, course) as simulator:
                evaluation = evaluate_model(model, settings, course, simulator)
            drives.append(_judged(name, model, latency, evaluation))
            tell(drives[-1].row())
    return transfer_figures(drives), {"policies": [asdict(drive) for drive in drives]}


def _given(path: Path) -> tuple[str, Model]:
    return path.name, load_model(path)


def _trained(seeds: Sequence[int], tell: Tell) -> Iterator[tuple[str, Model]]:
    """Train the policies, each in a process of its own."""
    speeds = [max_speed for max_speed, _ in SPEEDS.values()]
    trainings: list[tuple[int, float, list[str]]] = [(seed, speed, []) for speed in speeds for seed in seeds]
    for seed, speed, stop in [*trainings, (seeds[0], max(speeds), FOR_SPEED)]:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "run"
            options = ["--seed", str(seed), "--actions.max-speed", str(speed), *stop]
            wall_seconds, _ = train(["--run", str(path), *options])
            tell(f"trained for {wall_seconds:.0f} s: {' '.join(options)}")
            yield f"seed {seed}", load_model(path)


def kind_of(model: Model) -> str:
    """Return what a policy was trained for."""
    fastest = model.actions.max_speed
    names = {max_speed: name for name, (max_speed, _) in SPEEDS.items()}
    return names.get(fastest, f"up to {fastest:g} m/s") + ("" if model.settings.stop.target else FAST_LAPS)


def _judged(policy: str, model: Model, latency: float, evaluation: Evaluation) -> Drive:
    clean, wanted = count_laps(evaluation)
    lap_time = evaluation.lap_time
    return Drive(
        policy=policy,
        kind=kind_of(model),
        latency=latency,
        clean_laps=clean,
        wanted_laps=wanted,
        clean_runs=evaluation.clean_runs,
        runs=len(evaluation.runs),
        lap_time=None if math.isnan(lap_time) else lap_time,
        faults=[run.ending.value for run in evaluation.runs if not run.is_clean],
    )


def transfer_figures(drives: Sequence[Drive]) -> list[Figure]:
    """Return the share of clean laps and the lap time of each kind of policy and latency."""
    figures = []
    for kind, latency in dict.fromkeys((drive.kind, drive.latency) for drive in drives):
        alike = [drive for drive in drives if (drive.kind, drive.latency) == (kind, latency)]
        clean = sum(drive.clean_laps for drive in alike)
        wanted = sum(drive.wanted_laps for drive in alike)
        times = [drive.lap_time for drive in alike if drive.lap_time is not None]
        late = f", {latency:g} more step of latency" if latency else ""
        what = f"policies that learnt without Gazebo ({len(alike)}), driving there, {kind}{late}"
        figures.append(Figure(f"{what}: clean laps", 100 * clean / wanted, "%", AIMS.get((kind, latency))))
        if times:
            figures.append(Figure(f"{what}: lap time, median", statistics.median(times), "s"))
    return figures
