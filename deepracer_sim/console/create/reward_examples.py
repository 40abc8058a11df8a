"""The reward functions that come with the package, to begin with."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from deepracer_sim.shared_folder import shared_folder

FIRST = "follow_center_line"
"""What a new model begins with, as in the lab."""


@dataclass(frozen=True)
class RewardExample:
    """A reward function to begin with.

    Attributes:
        name: of its file.
        title: for people.
        about: what it pays for, a line.
        source: of the file.
    """

    name: str
    title: str
    about: str
    source: str


def reward_examples() -> list[RewardExample]:
    """Read the examples, the first one first; none where the package was installed without them."""
    folder = shared_folder("examples/rewards", "*.py")
    if folder is None:
        return []
    found = []
    for path in sorted(folder.glob("*.py"), key=lambda path: (path.stem != FIRST, path.stem)):
        source = path.read_text(encoding="utf-8")
        about = (ast.get_docstring(ast.parse(source)) or "").split("\n\n")[0].replace("\n", " ")
        title = path.stem.replace("_", " ").capitalize().replace("center", "centre")
        found.append(RewardExample(path.stem, title, about, source))
    return found
