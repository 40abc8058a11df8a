"""The `deepracer` command line: one function a subcommand, settings from their types."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from deepracer_sim.errors import DeepRacerError

COMMANDS: dict[str, Callable[..., Any]] = {}


def main() -> None:
    """Run the program; a `DeepRacerError` ends it with one line and exit code 2."""
    import tyro

    try:
        tyro.extras.subcommand_cli_from_dict(COMMANDS, prog="deepracer", description=__doc__)
    except DeepRacerError as error:
        print(f"deepracer: {error}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
