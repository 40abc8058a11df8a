"""What watching a training costs it: nobody, then twenty browsers' connections, then a page, in turn."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from multiprocessing.synchronize import Semaphore
from pathlib import Path
from tempfile import TemporaryDirectory

from deepracer_sim.benchmark.report import Figure
from deepracer_sim.errors import RunError
from deepracer_sim.event_files import EventFiles
from deepracer_sim.garage.definition import ModelDefinition
from deepracer_sim.garage.model_store import ModelStore
from deepracer_sim.live_view import LiveView
from deepracer_sim.run_folder import RunFolder
from deepracer_sim.settings import EvaluationSettings, StopSettings, TrainSettings
from deepracer_sim.simulation import Course
from deepracer_sim.trainer import Trainer
from deepracer_sim.training_run import make_trainer

NAME = "watched"
NUM_CARS, WATCHERS = 64, 20
MOST_COST = 0.1
"""Share of the throughput."""
SECONDS, WARM_UP = 6.0, 1.5
"""Of training between two changes of who watches, and before each of these."""
START_LIMIT = 30.0
"""Seconds for the connections to be there."""
CHROMIUM = ("chromium", "chromium-browser", "google-chrome")


@dataclass(frozen=True)
class Block:
    """Some seconds of a training.

    Attributes:
        rate: samples a second.
        cpu: seconds of the training's own processor time, a sample.
        console: share of a core that the console took.
    """

    rate: float
    cpu: float
    console: float


def measure_live_view(tell: Callable[[str], None], rounds: int = 8) -> list[Figure]:
    """Train, and let nobody, twenty connections and a page watch in turn.

    Each is compared with nobody's in the same round, so that what else the machine does hardly counts.

    Args:
        tell: told of what is left out.
        rounds: of all of them.
    """
    with TemporaryDirectory(prefix="deepracer_benchmark_") as folder, _served(Path(folder)) as console:
        return _measure(Path(folder), console, tell, rounds)


def _measure(folder: Path, console: Console, tell: Callable[[str], None], rounds: int) -> list[Figure]:
    modes = {
        "nobody, no live file": _nothing,
        "nobody": lambda trainer, url: LiveView(trainer),
        f"{WATCHERS} connections": lambda trainer, url: _together(LiveView(trainer), _connections(url)),
    }
    if page := _page():
        modes["a page in Chromium"] = lambda trainer, url: _together(LiveView(trainer), page(url))
    else:
        tell("a page in Chromium: left out, for there is none, or no playwright")
    found: dict[str, list[Block]] = {name: [] for name in modes}
    with _training(folder) as trainer:
        _drive(trainer, console, 2 * SECONDS)
        for turn in range(rounds):
            order = list(modes.items())
            for name, mode in order[turn % len(order) :] + order[: turn % len(order)]:
                with mode(trainer, console.url):
                    _drive(trainer, console, WARM_UP)
                    found[name].append(_drive(trainer, console, SECONDS))
                trainer.collector.on_step = lambda images: None
    return list(_figures(found))


def _figures(found: dict[str, list[Block]]) -> Iterator[Figure]:
    first = next(iter(found))
    yield Figure(
        f"training of {NUM_CARS} cars, {first}", _median(found[first], lambda b: b.rate), "samples/s"
    )
    for name, blocks in found.items():
        if name == first:
            continue
        pairs = list(zip(blocks, found[first], strict=True))
        wall = 1 - statistics.median(block.rate / free.rate for block, free in pairs)
        own = statistics.median(block.cpu / free.cpu for block, free in pairs) - 1
        what = f"live view at 10 Hz of {NUM_CARS} cars, watched by {name}"
        yield Figure(f"{what}: throughput that it costs", wall, "of 1", MOST_COST, "less")
        yield Figure(f"{what}: processor time of the training", own, "more, of 1")
        yield Figure(f"{what}: the console", _median(blocks, lambda b: b.console), "of a core")


def _median(blocks: list[Block], value: Callable[[Block], float]) -> float:
    return statistics.median(map(value, blocks))


@contextmanager
def _training(folder: Path) -> Iterator[Trainer]:
    settings = TrainSettings(
        num_cars=NUM_CARS,
        evaluation=EvaluationSettings(every=10**6),
        stop=StopSettings(minutes=None, target=False, iterations=10**9),
    )
    model = ModelStore(folder / "models").create(NAME, ModelDefinition(settings))
    run = RunFolder.create(model.run_path(1), settings)
    with run.training() as log, EventFiles(run.path / "tensorboard", 0):
        yield make_trainer(run, Course.load(settings.track), log)


def _drive(trainer: Trainer, console: Console, seconds: float) -> Block:
    """Train for some seconds, to the end of an iteration."""
    samples, cpu, served, started = trainer.samples, time.process_time(), console.seconds(), time.monotonic()
    while time.monotonic() - started < seconds:
        stop = trainer.settings.stop.replaced(iterations=trainer.iteration + 1)
        trainer.settings = trainer.settings.replaced(stop=stop)
        trainer.train()
    wall, driven = time.monotonic() - started, trainer.samples - samples
    return Block(driven / wall, (time.process_time() - cpu) / driven, (console.seconds() - served) / wall)


@dataclass(frozen=True)
class Console:
    """A console that serves the model.

    Attributes:
        url: of it.
        process: its number.
    """

    url: str
    process: int

    def seconds(self) -> float:
        """Return its processor time so far."""
        fields = Path(f"/proc/{self.process}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def _served(folder: Path) -> Iterator[Console]:
    words = [
        "-m",
        "deepracer_sim.cli",
        "console",
        "--no-open",
        "--port",
        "0",
        "--store",
        str(folder / "models"),
    ]
    program = subprocess.Popen([sys.executable, *words], stdout=subprocess.PIPE, text=True)
    try:
        assert program.stdout is not None
        found = re.search(r"http://\S+:\d+", program.stdout.readline())
        if found is None:
            raise RunError("the console does not start")
        yield Console(found.group(), program.pid)
    finally:
        program.send_signal(signal.SIGINT)
        program.wait()


def _nothing(trainer: Trainer, url: str) -> AbstractContextManager[object]:
    return nullcontext()


@contextmanager
def _together(one: AbstractContextManager[object], other: AbstractContextManager[object]) -> Iterator[None]:
    with one, other:
        yield


@contextmanager
def _connections(url: str) -> Iterator[None]:
    context = multiprocessing.get_context("spawn")
    ready = context.Semaphore(0)
    process = context.Process(target=_watch, args=(url, ready), daemon=True)
    process.start()
    try:
        for _ in range(WATCHERS):
            if not ready.acquire(timeout=START_LIMIT):
                raise RunError(f"the {WATCHERS} connections are not there after {START_LIMIT:g} s")
        yield
    finally:
        process.terminate()
        process.join()


def _watch(url: str, ready: Semaphore) -> None:
    asyncio.run(_watch_all(url, ready))


async def _watch_all(url: str, ready: Semaphore) -> None:
    from websockets.asyncio.client import connect
    from websockets.typing import Origin

    async def watch() -> None:
        place = f"{url.replace('http', 'ws', 1)}/live/{NAME}"
        async with connect(place, origin=Origin(url), max_size=None) as socket:
            ready.release()
            async for _ in socket:
                pass

    await asyncio.gather(*(watch() for _ in range(WATCHERS)))


def _page() -> Callable[[str], AbstractContextManager[object]] | None:
    program = next((path for path in map(shutil.which, CHROMIUM) if path), None)
    try:
        from playwright.sync_api import sync_playwright
    except ModuleNotFoundError:
        return None
    if program is None:
        return None

    @contextmanager
    def opened(url: str) -> Iterator[None]:
        options = ["--no-sandbox", "--disable-dev-shm-usage"]
        with sync_playwright() as playwright:
            page = playwright.chromium.launch(executable_path=program, args=options).new_page()
            page.goto(f"{url}/models/{NAME}")
            page.wait_for_selector(".live-ground svg")
            yield

    return opened
