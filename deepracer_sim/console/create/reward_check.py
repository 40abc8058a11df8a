"""A reward function tried on tracks: its faults, and what it pays where.

For the workshop: it takes and gives plain values. A user's code runs in a child process of its own, with
limits, see `reward_validation`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

FILE = "reward_function.py"


@dataclass(frozen=True)
class LineFault:
    """What is wrong in a reward function.

    Attributes:
        line: of the source, from 1; None where the fault has none.
        message: in words.
        details: further lines, the params of the call among them.
    """

    line: int | None
    message: str
    details: tuple[str, ...] = ()


@dataclass(frozen=True)
class RewardCheck:
    """What came of trying a reward function.

    Attributes:
        track: the last one that it was tried on; that of the faults.
        faults: none if the function may be used.
        output: what it printed, cut.
        num_calls: on that track.
        seconds_per_call: mean; NaN without a call.
        minimum: the smallest reward on all tracks; NaN without one.
        maximum: the largest one.
    """

    track: str
    faults: tuple[LineFault, ...]
    output: str = ""
    num_calls: int = 0
    seconds_per_call: float = float("nan")
    minimum: float = float("nan")
    maximum: float = float("nan")


@dataclass(frozen=True)
class RewardMap:
    """The reward over a track: stations along it, lanes across it, the leftmost lane first.

    Attributes:
        track: its name.
        speed: of the car, m/s.
        corners: x, y in metres of the lanes' edges at the stations' edges, by station, then by lane.
        rewards: mean reward of each cell, by station, then by lane; None where there is none.
        on_road: for each lane, whether it is on the road.
        fault: why some are missing; empty if none is.
    """

    track: str
    speed: float
    corners: tuple[tuple[tuple[float, float], ...], ...]
    rewards: tuple[tuple[float | None, ...], ...]
    on_road: tuple[bool, ...]
    fault: str = ""


def check_reward(source: str, tracks: tuple[str, ...]) -> RewardCheck:
    """Try a source on states of each track, up to the first one with a fault.

    Raises:
        TrackError: there is no such track, or it is damaged.
    """
    from deepracer_sim.reward_validation import validate_reward
    from deepracer_sim.track_library import load_track

    reports = []
    with TemporaryDirectory(prefix="deepracer_console_") as folder:
        path = Path(folder) / FILE
        path.write_bytes(source.encode("utf-8", "surrogatepass"))  # what is no UTF-8 is a fault with a line
        for name in tracks:
            report = validate_reward(path, load_track(name))
            reports.append(report)
            if not report.ok:
                break
    last = reports[-1]
    rewards = [value for report in reports for value in (report.minimum, report.maximum) if value is not None]
    return RewardCheck(
        track=tracks[len(reports) - 1],
        faults=tuple(
            LineFault(
                fault.line,
                fault.message.replace(str(path), FILE),
                tuple(line.replace(str(path), FILE) for line in fault.details),
            )
            for fault in last.errors
        ),
        output=last.output.replace(str(path), FILE),
        num_calls=last.num_calls,
        seconds_per_call=float("nan") if last.seconds_per_call is None else last.seconds_per_call,
        minimum=min(rewards, default=float("nan")),
        maximum=max(rewards, default=float("nan")),
    )


def map_reward(source: str | None, track: str, speed: float, max_speed: float) -> RewardMap:
    """Work out what a reward function pays at each place of a track.

    A car drives straight along each lane, from the start line once round, at one speed.

    Args:
        source: None for the built-in reward.
        track: its name.
        speed: of the car, m/s.
        max_speed: of the action space, m/s.

    Raises:
        TrackError: there is no such track, or it is damaged.
    """
    from deepracer_sim.console.create.reward_grid import RewardGrid
    from deepracer_sim.track_library import load_track

    grid = RewardGrid(load_track(track), speed)
    rewards, fault = grid.builtin_rewards(max_speed) if source is None else grid.rewards_of(source, FILE)
    return RewardMap(track, speed, grid.corners(), grid.cells(rewards), grid.on_road, fault)
