"""Where the data files that come with the package are."""

from __future__ import annotations

import sysconfig
from pathlib import Path


def shared_folder(name: str, pattern: str) -> Path | None:
    """Find a folder of data: in a checkout beside the package, else where pip puts it.

    Args:
        name: of the folder, as in `setup.py`.
        pattern: of the files that must be in it.

    Returns:
        None if there is none.
    """
    package = Path(__file__).resolve().parent
    prefixes = [*package.parents, Path(sysconfig.get_path("data"))]
    folders = [package.parent / name, *(prefix / "share/deepracer_sim" / name for prefix in prefixes)]
    return next((folder for folder in folders if any(folder.glob(pattern))), None)
