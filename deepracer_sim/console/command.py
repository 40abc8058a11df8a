"""The `deepracer console` command."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import tyro

from deepracer_sim.errors import SettingError

INSTALL = "the console needs NiceGUI: make extras, or pip install 'deepracer_sim[console]'"


def console(
    host: str = "127.0.0.1",
    port: Annotated[int, tyro.conf.arg(metavar="INT")] = 8080,
    store: Path | None = None,
    races: Path | None = None,
    set_password: bool = False,
    open: bool = True,
) -> None:
    """Open the console in the browser: create, train, watch, evaluate and race models.

    Trainings are processes of their own: they go on when the console ends.

    Args:
        host: address to listen at. Any other than this machine's own needs a password, see --set-password.
        port: to listen at; 0 takes a free one.
        store: folder of the models; by default $DEEPRACER_STORE, or one among the user's data.
        races: folder of the races; by default $DEEPRACER_RACES, or the one beside the models'.
        set_password: ask for a password, keep its hash, and end.
        open: show the console in the browser.
    """
    from deepracer_sim.console.password import ask_for_password

    if set_password:
        print(f"The hash of the password is in {ask_for_password()}")
        return
    try:
        from deepracer_sim.console.server import serve
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] not in ("nicegui", "fastapi", "uvicorn"):
            raise
        raise SettingError(INSTALL) from error
    serve(host, port, store, races, open)
