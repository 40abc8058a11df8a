"""A process that does one job of the console: a `deepracer` command, whose output and end are kept.

Run as `python -m deepracer_sim.console.job_process FOLDER WORD...`. It holds a lock on the folder as long as
it lives, so that a console which was started anew finds it, and never takes a dead one for living.
"""

from __future__ import annotations

import fcntl
import os
import signal
import sys

CODE = "code"


def main() -> None:
    """Do what the words say."""
    folder, *words = sys.argv[1:]
    lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    fcntl.flock(lock, fcntl.LOCK_EX)
    # Where the console was started in the background, Ctrl-C would be ignored here too.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.argv[1:] = words
    code: int | str | None = 1
    try:
        from deepracer_sim.cli import main as run

        run()
        code = 0
    except SystemExit as end:
        code = end.code or 0
        raise
    finally:
        with open(os.path.join(folder, CODE), "w", encoding="utf-8") as file:
            file.write(str(code))


if __name__ == "__main__":
    main()
