"""How the embedded car answers to steering, speeding up and braking, beside the car in Gazebo."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from deepracer_sim.benchmark.report import Figure
from deepracer_sim.car import CarMotion, CarParameters, Substep, advance
from deepracer_sim.embedded_world import SUBSTEPS
from deepracer_sim.errors import RunError
from deepracer_sim.file_replacement import replacing
from deepracer_sim.gazebo.car_model import Fleet
from deepracer_sim.gazebo.lockstep_client import LockstepClient
from deepracer_sim.gazebo.track_server import TrackServer
from deepracer_sim.settings import CameraSettings, CarSettings
from deepracer_sim.simulation import Course
from deepracer_sim.training_graph import GRID, INK
from deepracer_sim.world import STEP_TIME

if TYPE_CHECKING:
    from matplotlib.axes import Axes

STAGE = 2.0
"""Seconds of each of the two commands."""
SAMPLED_ITERATIONS = 5
"""Iterations of Gazebo's physics between two samples: 1/60 s."""
LIMIT = 5.0
"""Per cent by which the two cars may differ."""
SMALL = CameraSettings()
MOTION_COLUMNS = slice(6, 9)
"""Forward and lateral speed and yaw rate among the columns of a `Sight`."""
YAW_RATE, SPEED = "#d62728", "#1f77b4"

Motions = NDArray[np.float64]
"""(cars, samples, 3): forward and lateral speed in m/s and yaw rate in rad/s, from rest to the end."""


@dataclass(frozen=True)
class Manoeuvre:
    """From rest straight ahead for two seconds, then another command for two seconds.

    Attributes:
        speed: of the first command, m/s.
        angle: steering angle of the second one, radians.
        final_speed: of the second one, m/s.
    """

    speed: float
    angle: float
    final_speed: float

    @property
    def name(self) -> str:
        """What people call it."""
        if self.angle == 0.0:
            return f"{self.speed:g} to {self.final_speed:g} m/s"
        return f"{self.speed:g} m/s, {math.degrees(self.angle):.0f} degrees"


SPEEDS, ANGLES = (1.0, 2.0, 3.0), (5.0, 15.0, 30.0)
"""Of the turns: m/s and degrees."""
TURNS = tuple(Manoeuvre(speed, math.radians(angle), speed) for speed in SPEEDS for angle in ANGLES)
BRAKING = Manoeuvre(3.0, 0.0, 1.0)


@dataclass(frozen=True)
class Comparison:
    """How far the embedded car was from Gazebo's in a manoeuvre; the differences are of Gazebo's in per cent.

    Attributes:
        name: of the manoeuvre.
        radius, embedded_radius: steady ones, mean speed over mean yaw rate in the last second, metres; NaN
            if the car did not turn.
        radius_difference: of the steady radius.
        yaw_rate_difference: root mean square over the first second of the turn, of the largest yaw rate.
        start_difference: root mean square of the speed from rest to the second command, of the first speed.
        speed_difference: root mean square of the speed from then on, of the speed that is left in a turn and
            of the change in braking.
    """

    name: str
    radius: float
    embedded_radius: float
    radius_difference: float
    yaw_rate_difference: float
    start_difference: float
    speed_difference: float

    def row(self) -> str:
        """Return one line for people."""
        speeds = f"speed {self.speed_difference:.1f} %, speeding up {self.start_difference:.1f} %"
        if math.isnan(self.radius):
            return f"{self.name}: {speeds}"
        return (
            f"{self.name}: radius {self.radius:.3f} m, embedded {self.embedded_radius:.3f} m "
            f"({self.radius_difference:+.1f} %), yaw rate {self.yaw_rate_difference:.1f} %, {speeds}"
        )


def measure_turns(
    tell: Callable[[str], None], folder: Path, turns: Sequence[Manoeuvre] = TURNS
) -> tuple[list[Figure], dict[str, Any]]:
    """Let both cars turn and brake; draw gazebo_turns.png.

    Args:
        tell: called with a line for each manoeuvre.
        folder: for the picture.
        turns: the turns; there is always one braking.

    Returns:
        The figures, and the rows of all manoeuvres.
    """
    manoeuvres = [*turns, BRAKING]
    gazebo, embedded = drive_in_gazebo(manoeuvres), drive_embedded(manoeuvres)
    rows = [compare(*each) for each in zip(manoeuvres, gazebo, embedded, strict=True)]
    for row in rows:
        tell(row.row())
    save_turns(turns, gazebo, embedded, folder / "gazebo_turns.png")
    *turned, braked = rows
    worst = {
        "steady radius": max(abs(row.radius_difference) for row in turned),
        "yaw rate in the first second of a turn": max(row.yaw_rate_difference for row in turned),
        "speed in a turn": max(row.speed_difference for row in turned),
        "speed while speeding up": max(row.start_difference for row in turned),
        "speed while braking": braked.speed_difference,
    }
    figures = [
        Figure(f"embedded car against Gazebo's, {what}, largest difference", value, "%", LIMIT, "less")
        for what, value in worst.items()
    ]
    names = ("radius", "embedded_radius", "radius_difference", "yaw_rate_difference")
    details = {row.name: asdict(row) for row in rows}
    details[braked.name] |= dict.fromkeys(names)  # JSON has no NaN
    return figures, details


def drive_in_gazebo(manoeuvres: Sequence[Manoeuvre]) -> Motions:
    """Drive the manoeuvres side by side in a Gazebo of their own.

    Raises:
        GazeboError: it is not installed or does not start.
    """
    count = len(manoeuvres)
    server = TrackServer(Course.load(["reinvent_2018"]), Fleet(count, SMALL))
    with closing(server), closing(LockstepClient(server.port)) as client:
        client.seed(0)
        # All from one place: they pass through each other.
        client.place(np.ones(count, dtype=bool), np.zeros((count, 3)))
        samples = [
            client.step(commands, SAMPLED_ITERATIONS, pictures=False).states[:, MOTION_COLUMNS]
            for commands in _commands(manoeuvres)
            for _ in range(_samples_a_stage())
        ]
    return np.stack(samples, 1)


def drive_embedded(manoeuvres: Sequence[Manoeuvre]) -> Motions:
    """Drive the same with the embedded car as it is by default, sampled at the same times."""
    count = len(manoeuvres)
    substep = STEP_TIME / SUBSTEPS
    car = Substep.of(CarParameters.nominal(CarSettings(), count), substep)
    motion = CarMotion.at_rest(torch.zeros(count, 3))
    states = [torch.zeros(count, 3)]
    for commands in _commands(manoeuvres):
        for _ in range(round(STAGE / substep)):
            motion = advance(motion, torch.from_numpy(commands).float(), car)
            states.append(torch.stack((motion.forward_speed, motion.lateral_speed, motion.yaw_rate), 1))
    path = torch.stack(states, 1).double().numpy()
    times, wanted = substep * np.arange(path.shape[1]), sample_times()
    columns = [[np.interp(wanted, times, column) for column in car.T] for car in path]
    return np.moveaxis(np.array(columns), 1, 2)


def _samples_a_stage() -> int:
    return round(STAGE * 60)


def sample_times() -> NDArray[np.float64]:
    """Return when the samples are, seconds from the start, (samples,)."""
    return np.arange(1, 2 * _samples_a_stage() + 1) / 60


def _commands(manoeuvres: Sequence[Manoeuvre]) -> list[NDArray[np.float64]]:
    """Return the commands of the first and of the second stage, (cars, 2) each."""
    first = np.array([(0.0, each.speed) for each in manoeuvres])
    return [first, np.array([(each.angle, each.final_speed) for each in manoeuvres])]


def compare(manoeuvre: Manoeuvre, gazebo: NDArray[np.float64], embedded: NDArray[np.float64]) -> Comparison:
    """Compare two motions, (samples, 3) each."""
    half = len(gazebo) // 2
    second = half // round(STAGE)
    radius = embedded_radius = difference = yaw_rate = math.nan
    if manoeuvre.angle:
        radius, embedded_radius = _radius(gazebo[-second:]), _radius(embedded[-second:])
        difference = 100 * (embedded_radius / radius - 1)
        turn = slice(half, half + second)
        largest = float(np.abs(gazebo[half:, 2]).max())
        yaw_rate = 100 * _rms(embedded[turn, 2] - gazebo[turn, 2]) / largest
    away = _speed(embedded) - _speed(gazebo)
    scale = manoeuvre.speed if manoeuvre.angle else abs(manoeuvre.final_speed - manoeuvre.speed)
    return Comparison(
        name=manoeuvre.name,
        radius=radius,
        embedded_radius=embedded_radius,
        radius_difference=difference,
        yaw_rate_difference=yaw_rate,
        start_difference=100 * _rms(away[:half]) / manoeuvre.speed,
        speed_difference=100 * _rms(away[half:]) / scale,
    )


def _speed(motion: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.hypot(motion[:, 0], motion[:, 1])


def _radius(motion: NDArray[np.float64]) -> float:
    return float(_speed(motion).mean() / motion[:, 2].mean())


def _rms(values: NDArray[np.float64]) -> float:
    return float(np.sqrt(np.mean(values**2)))


def save_turns(turns: Sequence[Manoeuvre], gazebo: Motions, embedded: Motions, path: Path) -> None:
    """Write a .png with a panel for each turn: speed and yaw rate over time, of both cars.

    Args:
        turns: in rows of three.
        gazebo, embedded: their motions; those after the turns are left out.
        path: of the picture.

    Raises:
        RunError: the file cannot be written.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure as Drawing

    columns = len(ANGLES)
    rows = math.ceil(len(turns) / columns)
    drawing = Drawing(figsize=(12.0, 0.9 + 2.9 * rows), dpi=110, layout="constrained")
    FigureCanvasAgg(drawing)
    panels = drawing.subplots(rows, columns, sharex=True, sharey="row", squeeze=False)
    for axes in panels.flat[len(turns) :]:
        axes.set_visible(False)
    for axes, turn, *motions in zip(panels.flat, turns, gazebo, embedded, strict=False):
        _draw_turn(axes, turn, *motions)
    for axes in panels[-1]:
        axes.set_xlabel("seconds from the turn of the wheels", color=INK)
    for axes in panels[:, 0]:
        axes.set_ylabel("m/s, rad/s", color=INK)
        axes.set_ylim(bottom=0.0)
    handles, labels = panels[0, 0].get_legend_handles_labels()
    drawing.legend(
        handles, labels, loc="outside upper center", ncols=4, frameon=False, labelcolor=INK, fontsize=12
    )
    with replacing(path, RunError) as temporary:
        path.parent.mkdir(parents=True, exist_ok=True)
        drawing.savefig(temporary)


def _draw_turn(
    axes: Axes, turn: Manoeuvre, gazebo: NDArray[np.float64], embedded: NDArray[np.float64]
) -> None:
    times = sample_times() - STAGE
    wide = {"linewidth": 4.5, "alpha": 0.35, "solid_capstyle": "butt"}
    thin = {"linewidth": 1.4}
    for whose, motion, style in (("Gazebo", gazebo, wide), ("embedded", embedded, thin)):
        axes.plot(times, motion[:, 2], color=YAW_RATE, label=f"yaw rate, {whose}", **style)
        axes.plot(times, _speed(motion), color=SPEED, label=f"speed, {whose}", **style)
    radii = " and ".join(f"{_radius(motion[-len(motion) // 4 :]):.2f}" for motion in (gazebo, embedded))
    axes.set_title(f"{turn.name}: radius {radii} m", color=INK, fontsize=11, loc="left")
    axes.axvline(0.0, color=INK, linewidth=0.8, linestyle=(0, (4, 4)))
    axes.set(xlim=(-STAGE, STAGE), xticks=np.arange(-STAGE, STAGE + 1))
    axes.grid(color=GRID)
    axes.set_axisbelow(True)
    axes.tick_params(colors=INK, length=0)
    axes.spines[:].set_visible(False)
