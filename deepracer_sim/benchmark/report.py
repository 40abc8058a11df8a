"""What a benchmark found: figures beside their targets, and the machine that they hold for."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

from deepracer_sim.errors import RunError
from deepracer_sim.file_replacement import replacing

FILE = "benchmark.json"
RATE = "per CPU-second"


def load_average() -> float:
    """Return the machine's load average over the last minute; above the number of cores it is overbooked."""
    return round(os.getloadavg()[0], 2)


@dataclass(frozen=True)
class Figure:
    """One measured figure.

    Attributes:
        what: that was measured.
        value: in `unit`.
        unit: of value and target.
        target: to reach, None where there is none.
        better: which side of the target is the good one.
        load: the machine's load average at the end of the measurement.
    """

    what: str
    value: float
    unit: str
    target: float | None = None
    better: Literal["more", "less"] = "more"
    load: float = field(default_factory=load_average)

    @property
    def is_reached(self) -> bool | None:
        """Whether the target is reached, None without one."""
        if self.target is None:
            return None
        return self.value >= self.target if self.better == "more" else self.value <= self.target

    def row(self) -> str:
        """Return a row of the Markdown table."""
        target = ""
        if self.target is not None:
            word = "at least" if self.better == "more" else "at most"
            target = f"{word} {_shown(self.target)} ({'reached' if self.is_reached else 'missed'})"
        return f"| {self.what} | {_shown(self.value)} {self.unit} | {target} | {self.load:g} |"


@dataclass(frozen=True)
class Machine:
    """Where the figures were measured."""

    processor: str
    cores: int
    usable_cores: int
    load_averages: tuple[float, ...]
    python: str
    torch: str
    torch_threads: int
    onnxruntime: str

    @staticmethod
    def here() -> Machine:
        """Look at this machine and this process."""
        import torch

        usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        return Machine(
            processor=_processor(),
            cores=os.cpu_count() or 1,
            usable_cores=usable,
            load_averages=tuple(round(load, 2) for load in os.getloadavg()),
            python=platform.python_version(),
            torch=torch.__version__,
            torch_threads=torch.get_num_threads(),
            onnxruntime=version("onnxruntime"),
        )

    def text(self) -> str:
        """Return two lines for people."""
        loads = ", ".join(f"{load:g}" for load in self.load_averages)
        return (
            f"{self.processor}, {self.usable_cores} of {self.cores} cores, load average {loads}\n"
            f"Python {self.python}, torch {self.torch} with {self.torch_threads} thread(s) in this process, "
            f"onnxruntime {self.onnxruntime}"
        )


def table(figures: Sequence[Figure]) -> str:
    """Return the figures as a Markdown table."""
    head = ["| what | figure | target | load |", "|---|---|---|---|"]
    return "\n".join(head + [figure.row() for figure in figures])


def write_report(folder: Path, machine: Machine, figures: Sequence[Figure], details: dict[str, Any]) -> Path:
    """Write benchmark.json; return its path.

    Raises:
        RunError: the folder cannot be written.
    """
    content = {
        "machine": asdict(machine),
        "figures": [{**asdict(figure), "reached": figure.is_reached} for figure in figures],
        "details": details,
    }
    target = folder / FILE
    with replacing(target, RunError) as temporary:
        folder.mkdir(parents=True, exist_ok=True)
        temporary.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    return target


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:  # not Linux
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or platform.machine())


def _shown(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
