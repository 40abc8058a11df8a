"""What a user's reward function remembers from call to call, so that a resumed training is the same one.

Kept are plain values in global variables, in classes of the file and in objects of them: numbers, text, and
lists, tuples and dicts of these. What a closure, a generator or an array holds cannot be kept.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Iterator, Mapping, MutableMapping
from typing import Any

from deepracer_sim.reward_function import MODULE_NAME, RewardFunction

MOST_ITEMS = 10_000
"""A longer list or dict is not kept: a history that grows with every step would fill the disk."""

Memory = dict[str, Any]
"""Values by name; a dot leads into a class or an object."""


def memory_of(function: RewardFunction) -> Memory:
    """Copy what a function from `reward_function.new_function` remembers."""
    return {
        f"{prefix}{name}": copy.deepcopy(value)
        for prefix, owner in _owners(function)
        for name, value in _variables(owner).items()
        if not name.startswith("__") and _is_plain(value)
    }


def changes(now: Memory, before: Memory) -> Memory:
    """Return what is new or has another value than before: constants need not be kept."""
    return {name: value for name, value in now.items() if name not in before or before[name] != value}


def recall(function: RewardFunction, memory: Memory) -> None:
    """Give a function its memory back; a variable whose class or object is gone is left out."""
    owners = dict(_owners(function))
    for path, value in memory.items():
        prefix, dot, name = path.rpartition(".")
        owner = owners.get(prefix + dot)
        if isinstance(owner, MutableMapping):
            owner[name] = copy.deepcopy(value)
        elif owner is not None:
            setattr(owner, name, copy.deepcopy(value))


def _owners(function: RewardFunction) -> Iterator[tuple[str, Any]]:
    """Give the function's module, then each class of the file and each object of one, with its prefix."""
    module = getattr(inspect.unwrap(function), "__globals__", {})
    if module.get("__name__") != MODULE_NAME:
        return
    yield "", module
    for name, value in list(module.items()):
        kind = value if isinstance(value, type) else type(value)
        if kind.__module__ == MODULE_NAME and hasattr(value, "__dict__"):
            yield f"{name}.", value


def _variables(owner: Any) -> Mapping[str, Any]:
    return owner if isinstance(owner, Mapping) else vars(owner)


def _is_plain(value: Any) -> bool:
    if type(value) in (list, tuple):
        return len(value) <= MOST_ITEMS and all(map(_is_plain, value))
    if type(value) is dict:
        return len(value) <= MOST_ITEMS and all(
            _is_plain(key) and _is_plain(item) for key, item in value.items()
        )
    return type(value) in (type(None), bool, int, float, str)
