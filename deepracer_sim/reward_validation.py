"""Try a user's reward function on states from the whole track before it trains anything."""

from __future__ import annotations

import math
import re
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from deepracer_sim.errors import SettingError
from deepracer_sim.reward import RewardState, aws_params
from deepracer_sim.reward_function import RewardFault, describe_params, read_source
from deepracer_sim.reward_trial import Trial, run_trial
from deepracer_sim.track import Track

TIMEOUT = 10.0
"""Seconds for the file to run and all calls together."""
MEMORY_LIMIT = 1 << 30
"""Bytes of address space for the child."""
LEAST_MEMORY = 256 << 20  # bytes; the interpreter with numpy takes about 175 MiB of address space


@dataclass(frozen=True)
class ValidationReport:
    """What came of trying a reward function.

    Attributes:
        path: the file as the user named it.
        track_name: the track that the states are from.
        errors: the faults, each with its line; none if the function may be used.
        output: what the user's code printed, cut at 10,000 characters.
        num_calls: calls that ended.
        seconds_per_call: mean, None without a call.
        minimum: the smallest reward, None without one.
        mean: of the rewards, None without one.
        maximum: the largest reward, None without one.
        rewards: of the states in order, None for a call with a fault; shorter if the function was ended.
    """

    path: str
    track_name: str
    errors: tuple[RewardFault, ...]
    output: str = ""
    num_calls: int = 0
    seconds_per_call: float | None = None
    minimum: float | None = None
    mean: float | None = None
    maximum: float | None = None
    rewards: tuple[float | None, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether the function may be used."""
        return not self.errors


def validate_reward(
    path: str | Path,
    track: Track,
    *,
    num_states: int = 400,
    timeout: float = TIMEOUT,
    memory_limit: int = MEMORY_LIMIT,
) -> ValidationReport:
    """Run a user's file in a child process and call its function with states from the whole track.

    The child has limits on time, memory and files, next to no environment, an empty working folder, and may
    start no process. This is there for mistakes; it does not hold off code that is written to do harm.

    Args:
        path: file that defines `reward_function(params)`.
        track: one track, not a stack.
        num_states: how many states, half of them in each driving direction.
        timeout: seconds for the file to run and all calls together.
        memory_limit: bytes of address space for the child, the interpreter's own included.

    Raises:
        SettingError: an argument is out of its range.
    """
    if num_states < 2:
        raise SettingError(f"num_states={num_states}: must be >= 2")
    if not 0.0 < timeout <= 3600.0:
        raise SettingError(f"timeout={timeout}: must be > 0 and <= 3600 seconds")
    if memory_limit < LEAST_MEMORY:
        raise SettingError(f"memory_limit={memory_limit}: must be >= {LEAST_MEMORY} bytes")
    name = str(path)
    try:
        source = read_source(path)
    except RewardFault as fault:
        return ValidationReport(name, track.name, (fault,))
    params = sample_params(track, num_states)
    request = trial_request(name, source, params, memory_limit)
    return try_params(request, track.name, params, timeout)


def trial_request(
    path: str, source: str, params: list[dict[str, Any]], memory_limit: int = MEMORY_LIMIT
) -> dict[str, Any]:
    """Return what `run_trial` asks the child; each direction's waypoints once instead of with every state."""
    lines = {str(entry["is_reversed"]): entry["waypoints"] for entry in params}
    states = [{**entry, "waypoints": str(entry["is_reversed"])} for entry in params]
    return {
        "path": path,
        "source": source,
        "memory_limit": memory_limit,
        "states": states,
        "waypoints": lines,
    }


def try_params(
    request: dict[str, Any], track_name: str, params: list[dict[str, Any]], timeout: float = TIMEOUT
) -> ValidationReport:
    """Call a user's function with states of one's own, in a child process as `validate_reward` does.

    Args:
        request: of `trial_request`, for the same params.
        track_name: that the states are from.
        params: AWS's, one dict a state.
        timeout: seconds for the file to run and all calls together.
    """
    return _make_report(request["path"], track_name, run_trial(request, timeout), params, timeout)


def sample_states(track: Track, num_states: int) -> RewardState:
    """Make states on the whole track: two laps, one in each direction, and off the road at times.

    Each lap goes evenly from the start line to the end of the last segment and from 0 to 100 percent. Offset,
    heading, speed and steering run through their ranges at rates of their own, so that they combine freely;
    the very first state is an ordinary one, in the middle of the road and straight.

    Args:
        track: one track, not a stack.
        num_states: of both laps together.
    """
    index = torch.arange(num_states, device=track.center.device)
    half = (num_states + 1) // 2
    reversed = index >= half
    step = index % half
    share = step / max(half - 1, 1)

    def sweep(rate: float, limit: float) -> torch.Tensor:
        return limit * (2.0 * (0.5 + index * rate).remainder(1.0) - 1.0)  # 0 first, then evenly over +-limit

    distance = share.clamp(max=1.0 - 1e-4) * track.length
    on_line = track.pose_at(distance, reversed, torch.zeros_like(share))
    half_width = track.project(on_line[:, :2], reversed).half_width
    pose = track.pose_at(distance, reversed, sweep(0.618, 1.5) * half_width)
    projection = track.project(pose[:, :2], reversed)
    from_border = half_width - projection.offset.abs()
    return RewardState(
        position=pose[:, :2],
        heading=pose[:, 2] + sweep(0.4142, math.pi),
        projection=projection,
        progress=100.0 * share,
        steps=step + 1,
        speed=2.05 + sweep(0.7321, 1.95),  # AWS's range, 0.1 to 4 m/s
        steering_angle=sweep(0.2361, math.radians(30.0)),
        step_distance=torch.full_like(share, float(track.length) / num_states),
        reversed=reversed,
        all_wheels_on_track=from_border > 0.08,  # the wheels are 0.08 m to the sides of the car's middle
        is_offtrack=from_border < -0.08,
        is_crashed=torch.zeros_like(reversed),
        track_length=track.length.expand(num_states),
        sim_time=(step + 1) / 15.0,
    )


def sample_params(track: Track, num_states: int) -> list[dict[str, Any]]:
    """Write the states of `sample_states` as AWS's params."""
    return aws_params(sample_states(track, num_states), track)


def format_report(report: ValidationReport) -> str:
    """Write a report for the terminal."""
    if report.ok:
        time = f"{1e6 * (report.seconds_per_call or 0.0):.1f} us"
        lines = [
            f"{report.path}: OK on {report.track_name}: {report.num_calls} calls of {time}, reward from "
            f"{report.minimum:g} to {report.maximum:g}, mean {report.mean:g}"
        ]
    else:
        count = "1 error" if len(report.errors) == 1 else f"{len(report.errors)} errors"
        lines = [f"{report.path}: refused on {report.track_name}, {count}", *map(str, report.errors)]
    if report.output:
        lines.append("It printed:")
        lines.extend(f"    {line}" for line in report.output.splitlines())
    return "\n".join(lines)


def _make_report(
    path: str, track_name: str, trial: Trial, params: list[dict[str, Any]], timeout: float
) -> ValidationReport:
    """Turn what came back from the child into a report."""
    faults = [entry["fault"] for entry in trial.entries if "fault" in entry]
    errors = [RewardFault(path, fault["line"], fault["message"], tuple(fault["details"])) for fault in faults]
    calls = [entry for entry in trial.entries if "reward" in entry]
    rewards = [entry["reward"] for entry in calls if entry["reward"] is not None]
    seconds = sum(entry["seconds"] for entry in calls)
    if not any("finished" in entry for entry in trial.entries):
        errors.append(_fault_of_end(path, trial, params, timeout, len(calls), seconds))
    return ValidationReport(
        path=path,
        track_name=track_name,
        errors=tuple(errors),
        output=trial.output,
        num_calls=len(calls),
        seconds_per_call=seconds / len(calls) if calls else None,
        minimum=min(rewards, default=None),
        mean=sum(rewards) / len(rewards) if rewards else None,
        maximum=max(rewards, default=None),
        rewards=tuple(entry["reward"] for entry in calls),
    )


def _fault_of_end(
    path: str, trial: Trial, params: list[dict[str, Any]], timeout: float, num_calls: int, seconds: float
) -> RewardFault:
    """Say why the child did not finish, and where the user's code was then."""
    where = "while the file itself ran"
    details: tuple[str, ...] = ()
    if any("loaded" in entry for entry in trial.entries) and num_calls < len(params):
        where = f"in call {num_calls + 1} of {len(params)}"
        details = (f"params: {describe_params(params[num_calls])}",)
    if trial.out_of_time or "Timeout (" in trial.trace or trial.exit_status == -signal.SIGXCPU:
        before = f"; the calls before took {seconds:.2g} s" if num_calls else ""
        message = f"was not done after {timeout:g} s, {where}: an endless loop, or too slow{before}"
    elif trial.exit_status < 0:
        message = f"the interpreter was ended by {signal.Signals(-trial.exit_status).name} {where}"
    else:
        message = f"ended the process with exit status {trial.exit_status} {where}"
    return RewardFault(path, _traced_line(path, trial.trace), message, details)


def _traced_line(path: str, trace: str) -> int:
    """Find the innermost line of the user's file in faulthandler's ASCII text; 1 if there is none."""
    name = path.encode("ascii", "backslashreplace").decode()
    found = re.search(rf'^  File "{re.escape(name)}", line (\d+) in ', trace, re.MULTILINE)
    return int(found[1]) if found else 1
