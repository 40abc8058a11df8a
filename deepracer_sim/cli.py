"""The `deepracer` program: one function a subcommand, its options made from the settings."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from deepracer_sim.analysis_command import analyze
from deepracer_sim.car_commands import COMMANDS as CAR_COMMANDS
from deepracer_sim.command_options import Command, format_commands, parse
from deepracer_sim.console.command import console
from deepracer_sim.errors import DeepRacerError, SettingError
from deepracer_sim.garage.commands import COMMANDS as MODEL_COMMANDS
from deepracer_sim.garage.making_commands import MAKERS as MODEL_MAKERS
from deepracer_sim.gazebo.commands import COMMANDS as GAZEBO_COMMANDS
from deepracer_sim.races.commands import COMMANDS as RACE_COMMANDS
from deepracer_sim.run_commands import COMMANDS as RUN_COMMANDS
from deepracer_sim.sweep.command import sweep
from deepracer_sim.track_commands import COMMANDS as TRACK_COMMANDS
from deepracer_sim.train_command import train_command

REFUSED, INTERRUPTED = 2, 130
"""Exit codes: of an error that is meant for the user, and after Ctrl-C (128 + SIGINT, as shells have it)."""


def tracks() -> None:
    """List, draw, import and generate tracks."""


def gazebo() -> None:
    """Install Gazebo, start it and build its worlds."""


def car() -> None:
    """Pack a model for the real car, and put it there."""


def models() -> None:
    """Keep models: make, train, clone, choose, download, import and delete them."""


def race() -> None:
    """Hold races between models, with leaderboards and seasons."""


COMMANDS: dict[str, Command] = {
    "train": train_command([]),
    **RUN_COMMANDS,
    "tracks": tracks,
    "gazebo": gazebo,
    "car": car,
    "analyze": analyze,
    "models": models,
    "race": race,
    "sweep": sweep,
    "console": console,
}
GROUPS: dict[str, dict[str, Command]] = {
    "tracks": TRACK_COMMANDS,
    "gazebo": GAZEBO_COMMANDS,
    "car": CAR_COMMANDS,
    "models": MODEL_COMMANDS,
    "race": RACE_COMMANDS,
}
"""Commands that have commands of their own."""
MAKERS = {
    "deepracer train": train_command,
    **{f"deepracer models {name}": maker for name, maker in MODEL_MAKERS.items()},
}
"""Commands whose defaults depend on the words of the command line."""
ABOUT = "Train, evaluate and race cars that drive by their camera."


def run(words: Sequence[str]) -> None:
    """Do what the words of a command line say.

    Raises:
        DeepRacerError: with a message for the user.
        SystemExit: help was asked for, or a value cannot be read.
        KeyboardInterrupt: Ctrl-C.
    """
    program, about, commands = "deepracer", ABOUT, COMMANDS
    if words and words[0] in GROUPS:
        group, words = words[0], words[1:]
        program, about, commands = f"deepracer {group}", COMMANDS[group].__doc__ or "", GROUPS[group]
    if not words or words[0] in ("-h", "--help"):
        print(format_commands(program, about, commands))
        return
    name, rest = words[0], words[1:]
    if name not in commands:
        raise SettingError(f"no command {name!r} in {program}: there are {', '.join(commands)}")
    title = f"{program} {name}"
    command = MAKERS[title](rest) if title in MAKERS else commands[name]
    parse(command, title, rest)()


def main() -> None:
    """Run the program; an error meant for the user ends it with its message alone and exit code 2."""
    # Before torch is loaded: its threads wait in a loop for a moment, as suits an idle machine, then sleep;
    # waiting longer would make them ten times as slow on a busy one.
    os.environ.setdefault("GOMP_SPINCOUNT", "20000")
    try:
        run(sys.argv[1:])
        sys.stdout.flush()
    except KeyboardInterrupt as stop:
        sys.exit(_fail(f"stopped{'. ' if stop.args else ''}{stop}", INTERRUPTED))
    except BrokenPipeError:  # nobody reads on, as after `| head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except (DeepRacerError, OSError, ValueError) as error:
        if not _is_for_user(error):
            raise
        sys.exit(_fail(str(error)))


def _is_for_user(error: Exception) -> bool:
    """Tell errors whose message says it all from those that are a fault of this program."""
    own = type(error).__module__.split(".")[0] in ("deepracer_sim", "deepracer_inference")
    return own or isinstance(error, OSError)


def _fail(message: str, code: int = REFUSED) -> int:
    print(f"deepracer: {message}", file=sys.stderr)
    return code


if __name__ == "__main__":
    main()
