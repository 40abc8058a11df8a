"""Measure how fast this car drives at each throttle, guided, so that it can honour metres a second."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Sequence

from deepracer_inference.parameters import SETTINGS
from deepracer_inference.speed_series import FIRST_DRIVE, LONGEST_DRIVE, SpeedSeries, read_number
from deepracer_inference.terminal import Ended, Terminal
from deepracer_inference.throttle import CalibrationError

if TYPE_CHECKING:
    from deepracer_inference.ros.straight_drive import StraightDrive

COURSE = (1.5, 15.0)
"""Metres that the straight may have."""
GUIDE = f"""
Each throttle takes two drives, {FIRST_DRIVE:g} s and a longer one: what it does more was driven steadily.

  Charge the car. Take a straight, free floor like the track's, and mark a start line on it.
  Before each drive put the front wheels on the line. It begins half a second after Enter.
  When the car stands, measure from the line to its front wheels.
  ANY KEY STOPS THE CAR. It stops by itself after {LONGEST_DRIVE:g} s at most.
  At each throttle: s leaves it out, q ends. What is measured is in the file at once.
"""


def main(args: Sequence[str] | None = None) -> int:
    """Run the program; return its exit code: 0, 1 where it was broken off, 2 where it cannot go."""
    options = _options(args)
    terminal, path = Terminal(), options.output.resolve()
    try:
        _check_new(path)
        with _car(options, terminal) as car:
            terminal.catch_signals()
            series = _begin(terminal, car, path)
            try:
                series.run(_throttles(options))
            finally:
                # Whatever ends it: what is measured counts.
                is_saved = _report(series, terminal, path)
        return 0 if is_saved else 2
    except Ended as end:
        terminal.say(f"\nBroken off: {end}")
        return 1
    except ValueError as error:
        print(f"deepracer-calibrate: {error}", file=sys.stderr)
        return 2


def _options(args: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="deepracer-calibrate", description=__doc__)
    topic = next(setting.default for setting in SETTINGS if setting.name == "command_topic")
    add = parser.add_argument
    add("--output", type=Path, default=Path("throttle.yaml"), help="file to write; must be new")
    add("--command-topic", default=topic, help=f"where the servo listens, {topic} unless given")
    add("--max-throttle", type=_ratio, default=0.5, help="the car never gets more; 0.5 unless given")
    add("--first-throttle", type=_ratio, default=0.15, help="where to begin, 0.15 unless given")
    add("--step", type=_ratio, default=0.05, help="from one throttle to the next, 0.05 unless given")
    options = parser.parse_args(args)
    if options.first_throttle > options.max_throttle:
        parser.error(
            f"--first-throttle {options.first_throttle:g}: must be at most --max-throttle "
            f"{options.max_throttle:g}"
        )
    return options


def _ratio(text: str) -> float:
    try:
        return read_number(text, 0.01, 1.0)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _throttles(options: argparse.Namespace) -> list[float]:
    steps = int((options.max_throttle - options.first_throttle) / options.step + 1e-6)
    return [round(options.first_throttle + step * options.step, 4) for step in range(steps + 1)]


def _check_new(path: Path) -> None:
    """Refuse a file that is there, and one that could not be written at the end."""
    try:
        path.open("x").close()
        path.unlink()
    except FileExistsError:
        raise CalibrationError(
            f"{path} is there already: move it away, or name another with --output"
        ) from None
    except OSError as error:
        raise CalibrationError(
            f"{path} cannot be written: {error.strerror}; name another with --output"
        ) from error


def _car(options: argparse.Namespace, terminal: Terminal) -> StraightDrive:
    try:
        # Only driving needs ROS.
        from deepracer_inference.ros.straight_drive import StraightDrive
    except ImportError as error:
        raise CalibrationError(f"{error}: source the car's ROS workspace first") from error
    return StraightDrive(options.command_topic, options.max_throttle, terminal)


def _begin(terminal: Terminal, car: StraightDrive, path: Path) -> SpeedSeries:
    """Explain, and ask for the course."""
    trouble = car.trouble()
    if trouble and terminal.end is None:
        raise CalibrationError(trouble)
    terminal.say(GUIDE)
    if car.others():
        terminal.say(f"Meanwhile nobody may drive with {', '.join(car.others())}.\n")
    while True:
        answer = terminal.ask("Metres of free straight from the line")
        try:
            course = read_number(answer, *COURSE)
        except ValueError as error:
            terminal.say(f"{error}, in metres.")
        else:
            return SpeedSeries(terminal, car.drive, lambda table: table.save(path), course)


def _report(series: SpeedSeries, terminal: Terminal, path: Path) -> bool:
    """Show what is measured, save it, and tell whether it is saved."""
    if not series.points:
        terminal.say("\nNo throttle is measured: no file.")
        return False
    table = series.table()
    terminal.say("\nthrottle     m/s")
    for throttle, speed in series.points:
        terminal.say(f"{throttle:8g}{speed:8.2f}")
    try:
        table.save(path)
    except CalibrationError as error:
        terminal.say(f"\n{error}. A file with these lines does as well:\n\n{table.text()}")
        return False
    terminal.say(
        f"\nSet the inference node's parameter: calibration: {path}\n"
        f"Under a cap of {table.throttles[-1]:g} or more it honours up to {table.speeds[-1]:.2f} m/s then."
    )
    return True


if __name__ == "__main__":
    raise SystemExit(main())
