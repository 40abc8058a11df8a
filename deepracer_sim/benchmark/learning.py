"""How soon and how well a car learns: whole trainings in processes of their own, judged on unseen starts."""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from deepracer_sim.benchmark.report import Figure
from deepracer_sim.errors import RunError
from deepracer_sim.evaluation import Evaluation, evaluate
from deepracer_sim.evaluation_run import Model, load_model
from deepracer_sim.run_folder import RunFolder
from deepracer_sim.simulation import Course, make_env

SPEEDS = {"1/2 m/s": (2.0, 60.0), "1.5/3 m/s": (3.0, 180.0)}
"""Fastest of the two speeds, and the wall time to reach in seconds."""
HELD_OUT_CARS, HELD_OUT_LAPS = 32, 3
HELD_OUT_SEED = 1 << 40
"""Added to the seed of a training for the starts and cars of its judgement; no training draws from there."""
TRAINED_TRACKS = ("bowtie", "fast_wide", "oval", "technical", *(f"random:{seed}" for seed in range(12)))
UNSEEN_TRACKS = ("reinvent_2018", *(f"random:{seed}" for seed in range(1000, 1009)))
CARS_PER_TRACK = 8

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Training:
    """What a training in a process of its own came to.

    Attributes:
        seed: of the training.
        reached: its last evaluation was clean, which is what stops it.
        wall_seconds: from the start of the process to its end.
        cpu_seconds: of all its threads.
        samples: car steps that it learnt from.
        clean_laps, wanted_laps: on held-out starts, randomised; a car's run ends with its first fault.
        lap_time: median of the clean laps there, seconds; NaN without any.
    """

    seed: int
    reached: bool
    wall_seconds: float
    cpu_seconds: float
    samples: int
    clean_laps: int
    wanted_laps: int
    lap_time: float

    def row(self) -> str:
        """Return one line for people."""
        return (
            f"seed {self.seed}: {'reached' if self.reached else 'NOT reached'}, "
            f"{self.wall_seconds:.1f} s wall, {self.cpu_seconds:.1f} s CPU, {self.samples} samples; "
            f"held out: {self.clean_laps} of {self.wanted_laps} laps clean, {self.lap_time:.2f} s a lap"
        )


def measure_learning(
    seeds: Sequence[int], tell: Tell, arguments: Sequence[str] = ()
) -> tuple[list[Figure], dict[str, Any]]:
    """Train from scratch with the defaults, once a seed and action space, one after the other.

    Args:
        seeds: of the trainings.
        tell: called with each line of progress.
        arguments: further ones for `deepracer train`.

    Returns:
        The figures, and the rows of all trainings by action space.
    """
    figures, details = [], {}
    for name, (max_speed, limit) in SPEEDS.items():
        speeds = ["--actions.max-speed", str(max_speed), "--actions.speed-granularity", "2"]
        trainings = []
        for seed in seeds:
            trainings.append(_learn(seed, [*speeds, *arguments]))
            tell(f"{name}, {trainings[-1].row()}")
        figures += _figures(name, limit, trainings)
        details[name] = [_plain(asdict(training)) for training in trainings]
    return figures, details


def _figures(name: str, limit: float, trainings: Sequence[Training]) -> list[Figure]:
    clean = sum(training.clean_laps for training in trainings)
    wanted = sum(training.wanted_laps for training in trainings)
    reached, count = sum(training.reached for training in trainings), len(trainings)
    walls = [training.wall_seconds for training in trainings]
    cpus = [training.cpu_seconds for training in trainings]
    samples = [training.samples for training in trainings]
    return [
        Figure(f"learning, {name}: seeds that reached clean laps", reached, f"of {count}", count),
        Figure(f"learning, {name}: wall time, median", statistics.median(walls), "s", limit, "less"),
        Figure(f"learning, {name}: wall time, longest", max(walls), "s"),
        Figure(f"learning, {name}: CPU time, median", statistics.median(cpus), "s"),
        Figure(f"learning, {name}: samples, median", statistics.median(samples), ""),
        Figure(f"learning, {name}: clean laps of held-out starts", 100 * clean / wanted, "%", 95.0),
    ]


def _learn(seed: int, arguments: Sequence[str]) -> Training:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run"
        wall_seconds, cpu_seconds = train(["--seed", str(seed), "--run", str(path), *arguments])
        run, model = RunFolder.open(path), load_model(path)
        last, course = run.metrics()[-1], Course.load(run.settings.track)
        judged = judge(model, course, HELD_OUT_CARS, HELD_OUT_LAPS, HELD_OUT_SEED + seed)
    everyone = run.settings.evaluation.cars_per_track * len(run.settings.track)
    clean, wanted = count_laps(judged)
    return Training(
        seed=seed,
        reached=last["evaluation_clean_runs"] == everyone,
        wall_seconds=wall_seconds,
        cpu_seconds=cpu_seconds,
        samples=int(last["samples"]),
        clean_laps=clean,
        wanted_laps=wanted,
        lap_time=judged.lap_time,
    )


def train(arguments: Sequence[str]) -> tuple[float, float]:
    """Run `deepracer train`; return its wall time and CPU time in seconds.

    Raises:
        RunError: it failed.
    """
    command = [sys.executable, "-m", "deepracer_sim.cli", "train", *arguments]
    cpu_before, started = _children_cpu_seconds(), time.perf_counter()
    result = subprocess.run(command, capture_output=True, text=True)
    wall_seconds = time.perf_counter() - started
    if result.returncode != 0:
        raise RunError(f"{' '.join(command)} failed with code {result.returncode}:\n{result.stderr[-2000:]}")
    return wall_seconds, _children_cpu_seconds() - cpu_before


def _children_cpu_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def judge(model: Model, course: Course, num_cars: int, laps: int, seed: int) -> Evaluation:
    """Drive randomised cars from random starts in both directions, each until its first fault.

    Args:
        model: to judge.
        course: tracks, dealt out to the cars in turn.
        num_cars: altogether.
        laps: of each car.
        seed: of starts, cars and pictures.
    """
    settings = model.settings.replaced(reward=None, device="cpu")
    episode = settings.episode.replaced(start="random", direction="random", laps=1000, max_steps=100_000)
    ranges = settings.randomisation.evenly()
    env = make_env(settings, course, model.actions, num_cars, episode, ranges, seed)
    env.reset()
    return evaluate(env, model.policy, laps)


def count_laps(evaluation: Evaluation) -> tuple[int, int]:
    """Return the clean laps and the laps that were to be driven, those after a fault included."""
    clean = sum(lap.is_clean for run in evaluation.runs for lap in run.laps)
    return clean, sum(run.wanted_laps for run in evaluation.runs)


def measure_unseen(
    seed: int, tell: Tell, minutes: float, arguments: Sequence[str] = ()
) -> tuple[list[Figure], dict[str, Any]]:
    """Train one policy on built-in and generated tracks, judge it on tracks that it never saw.

    Args:
        seed: of the training.
        tell: called with each line of progress.
        minutes: of wall time to train.
        arguments: further ones for `deepracer train`.

    Returns:
        The figures, and the share of clean laps by track.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run"
        # Evaluated on all its tracks; one start each, in both directions, keeps that from taking over.
        frugal = [f"--evaluation.{name}" for name in ("starts=1", "laps=1", "every=16")]
        stop = ["--stop.minutes", str(minutes), "--stop.no-target"]
        options = ["--seed", str(seed), "--run", str(path), *frugal, *stop, *arguments]
        wall_seconds, _ = train([*options, "--track", *TRAINED_TRACKS])
        tell(f"trained on {len(TRAINED_TRACKS)} tracks in {wall_seconds:.0f} s")
        model, shares = load_model(path), {}
        for kind, names in (("trained on", TRAINED_TRACKS), ("unseen", UNSEEN_TRACKS)):
            course = Course.load(names)
            cars = CARS_PER_TRACK * len(names)
            shares[kind] = _shares(judge(model, course, cars, HELD_OUT_LAPS, HELD_OUT_SEED + seed))
            for name, share in shares[kind].items():
                tell(f"{kind}, {name}: {100 * share:.0f} % of laps clean")
    trained, new = (100 * statistics.mean(shares[kind].values()) for kind in ("trained on", "unseen"))
    return [
        Figure(
            f"one policy for many tracks: clean laps on the {len(TRAINED_TRACKS)} it trained on", trained, "%"
        ),
        Figure(
            f"one policy for many tracks: clean laps on {len(UNSEEN_TRACKS)} it never saw", new, "%", 80.0
        ),
    ], shares


def _shares(evaluation: Evaluation) -> dict[str, float]:
    """Return the share of clean laps on each track, 0 to 1."""
    shares = {}
    for name in dict.fromkeys(run.track for run in evaluation.runs):
        runs = tuple(run for run in evaluation.runs if run.track == name)
        clean, wanted = count_laps(Evaluation(runs, evaluation.trace))
        shares[name] = clean / wanted
    return shares


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    """Return the row without NaN, which JSON does not know."""
    return {name: None if value != value else value for name, value in row.items()}
