"""The trainings of a sweep: what each of them has in place of the common settings, and what it is called."""

from __future__ import annotations

import copy
import hashlib
import itertools
import math
import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deepracer_sim.errors import DeepRacerError, SettingError
from deepracer_sim.garage.definition import ModelDefinition
from deepracer_sim.garage.definition_file import parse_definition
from deepracer_sim.settings import Settings, TrainSettings
from deepracer_sim.sweep.sweep_file import MOST_TRIALS, DrawRange, SweepSettings

LONGEST_NAME = 120
LONGEST_LABEL = 40
DIGITS = 3
"""Of drawn numbers: what is drawn can be read, and written down exactly."""
DRAWS_OF_ONE = 100
"""Draws in a row that gave nothing new after which there is perhaps no more."""


@dataclass(frozen=True)
class Value:
    """What a trial has for a setting.

    Attributes:
        raw: as in the file.
        label: a short word for it.
    """

    raw: Any
    label: str


Values = Mapping[str, Value]
"""By the settings' dotted names."""


@dataclass(frozen=True)
class Trial:
    """One training of a sweep.

    Attributes:
        name: unique in the sweep; that of its folder.
        values: what it has in place of the common settings, without the seed.
        definition: all of its settings, with the content of the files that they name.
    """

    name: str
    values: Values
    definition: ModelDefinition

    @property
    def seed(self) -> int:
        """Of everything random in it."""
        return self.definition.settings.seed


def trials_of(path: Path, sweep: SweepSettings) -> list[Trial]:
    """Return the trials of a sweep: grid, draws and seeds, the seeds running fastest.

    Args:
        path: of its file; other files are relative to it.
        sweep: what it holds.

    Raises:
        DeepRacerError: there are too many, or a trial's settings are unknown or out of their ranges.
    """
    seeds = _seeds(path, sweep)
    variants = _variants(path, sweep)
    if len(variants) * len(seeds) > MOST_TRIALS:
        raise SettingError(
            f"{path}: {len(variants)} variants with {len(seeds)} seeds each are {len(variants) * len(seeds)} "
            f"trials: must be at most {MOST_TRIALS}; draw some of them with draw and samples"
        )
    trials = []
    for values in variants:
        for seed in seeds:
            content = copy.deepcopy(sweep.base)
            for setting, value in values.items():
                _set(path, content, setting, copy.deepcopy(value.raw))
            content |= {"seed": seed, "name": "trial"}
            # Several trials share the cores: as a rule one thread each makes the best use of them.
            content.setdefault("threads", 1)
            definition = parse_definition(path, content)[1]
            _refuse_simulators(path, definition.settings)
            name = _name(values, seed if sweep.seeds is not None else None)
            trials.append(Trial(name, values, definition))
    return trials


def check_trials(trials: Sequence[Trial]) -> None:
    """Try what the trainings would refuse at their start, alike ones once.

    Raises:
        DeepRacerError: a track, an action space or a reward function is not valid.
    """
    seen = []
    for trial in trials:
        settings, files = trial.definition.settings, dict(trial.definition.files)
        key = (settings.track, settings.actions, files)
        if key not in seen:
            seen.append(key)
            try:
                trial.definition.check()
            except DeepRacerError as error:
                raise type(error)(f"trial {trial.name}: {error}") from error


def _seeds(path: Path, sweep: SweepSettings) -> list[int]:
    first = sweep.base.get("seed", 0)
    if isinstance(sweep.seeds, int):
        if not isinstance(first, int):
            raise SettingError(f"{path}: seed={first!r}: must be a whole number")
        return [first + number for number in range(sweep.seeds)]
    if sweep.seeds is not None and "seed" in sweep.base:
        raise SettingError(f"{path}: has both base.seed and a list of seeds: leave one out")
    return list(sweep.seeds or [first])


def _variants(path: Path, sweep: SweepSettings) -> list[Values]:
    grid = [_labelled(values) for values in sweep.vary.values()]
    size = math.prod(map(len, grid)) * (sweep.samples or 1)
    if size > MOST_TRIALS:
        raise SettingError(
            f"{path}: {size} variants: must be at most {MOST_TRIALS}; draw some with draw and samples"
        )
    points = [dict(zip(sweep.vary, values, strict=True)) for values in itertools.product(*grid)]
    draws = _draws(path, sweep) if sweep.draw else [{}]
    return [{**point, **drawn} for point in points for drawn in draws]


def _draws(path: Path, sweep: SweepSettings) -> list[dict[str, Value]]:
    """Draw: the first ones stay the same when there are to be more."""
    chance = random.Random(sweep.draw_seed)
    choices = {name: _labelled(values) for name, values in sweep.draw.items() if isinstance(values, list)}
    found: dict[tuple[str, ...], dict[str, Value]] = {}
    assert sweep.samples is not None
    tries = 0
    while len(found) < sweep.samples:
        drawn = {
            name: chance.choice(choices[name]) if name in choices else _number(chance, name, limits)
            for name, limits in sweep.draw.items()
        }
        tries += 1
        key = tuple(value.label for value in drawn.values())
        if key not in found:
            found[key], tries = drawn, 0
        elif tries == DRAWS_OF_ONE:
            raise SettingError(
                f"{path}: samples={sweep.samples}: there are about {len(found)} different draws; ask for at "
                "most so many, or put the lists into vary"
            )
    return list(found.values())


def _number(chance: random.Random, setting: str, limits: DrawRange) -> Value:
    if limits.scale == "log":
        number = math.exp(chance.uniform(math.log(limits.low), math.log(limits.high)))
    else:
        number = chance.uniform(limits.low, limits.high)
    number = min(max(float(f"{number:.{DIGITS}g}"), limits.low), limits.high)
    raw = round(number) if _is_whole(setting) else number
    return Value(raw, f"{raw:.6g}")


def _is_whole(setting: str) -> bool:
    """Tell whether a setting is a whole number; an unknown one is found out later."""
    group, _, name = setting.rpartition(".")
    model: Any = TrainSettings.model_fields[group].annotation if group in TrainSettings.model_fields else None
    fields = model.model_fields if isinstance(model, type) and issubclass(model, Settings) else {}
    field = (fields if group else TrainSettings.model_fields).get(name)
    return field is not None and field.annotation in (int, int | None)


def _set(path: Path, content: dict[str, Any], setting: str, value: Any) -> None:
    *groups, name = setting.split(".")
    for group in groups:
        content = content.setdefault(group, {})
        if not isinstance(content, dict):
            raise SettingError(f"{path}: {setting}: {group} is no group of settings in base")
    content[name] = value


def _refuse_simulators(path: Path, settings: TrainSettings) -> None:
    if settings.world != "embedded":
        raise SettingError(
            f"{path}: world={settings.world}: a sweep trains in the embedded simulator; train its best trial "
            "on in another one, with deepracer train --from"
        )


def _labelled(values: Sequence[Any]) -> list[Value]:
    """Give the values of a list short words, each its own."""
    labels = [_label(value, number) for number, value in enumerate(values, 1)]
    return [
        Value(value, f"{label}-{number}" if labels.count(label) > 1 else label)
        for number, (value, label) in enumerate(zip(values, labels, strict=True), 1)
    ]


def _label(value: Any, number: int) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (int, float)):
        return f"{value:.6g}"
    if isinstance(value, list) and all(isinstance(item, (str, int, float)) for item in value):
        return _shortened("+".join(_label(item, number) for item in value), number)
    if isinstance(value, str) and "\n" not in value:
        is_file = re.search(r"\.(py|npy|ya?ml|json)$", value)
        return _shortened(Path(value).stem if is_file else value, number)
    return str(number)


def _shortened(text: str, number: int) -> str:
    plain = re.sub(r"[^A-Za-z0-9.+_-]+", "-", text).strip("-.")
    return plain if plain and len(plain) <= LONGEST_LABEL else str(number)


def _name(values: Values, seed: int | None) -> str:
    """Put together what varies: a word that needs no quotes in a shell, and a folder's name on any system."""
    last = [setting.rpartition(".")[2] for setting in values]
    parts = [
        f"{setting if last.count(word) > 1 else word}={value.label}"
        for word, (setting, value) in zip(last, values.items(), strict=True)
    ]
    name = ",".join(parts if seed is None else [*parts, f"seed={seed}"])
    if len(name) <= LONGEST_NAME:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:8]
    return f"{name[: LONGEST_NAME - 9]}-{digest}"
