"""A sweep as a YAML file: what all its trainings have in common, and what they differ in."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, ValidationError, field_validator, model_validator

from deepracer_sim.errors import SettingError
from deepracer_sim.garage.definition_file import load_yaml
from deepracer_sim.garage.model_name import check_name, suggested_name
from deepracer_sim.settings import Settings, describe

MOST_TRIALS = 1000
LARGEST_SEED = 2**31 - 1


class DrawRange(Settings):
    """From what a number is drawn."""

    low: float = Field(description="least value")
    high: float = Field(description="largest value")
    scale: Literal["linear", "log"] = Field("linear", description="log: each order of magnitude as often")

    @model_validator(mode="after")
    def _possible(self) -> DrawRange:
        if self.low >= self.high:
            raise ValueError(f"low={self.low:g}: must be < high={self.high:g}")
        if self.scale == "log" and self.low <= 0:
            raise ValueError(f"low={self.low:g}: must be > 0 where scale is log")
        return self


def _choices(value: Any) -> Any:
    if not isinstance(value, list) or not value:
        raise ValueError("must be a list of values; settings of a group are named as in ppo.lr")
    repeated = [item for number, item in enumerate(value) if item in value[:number]]
    if repeated:
        raise ValueError(f"has {repeated[0]!r} twice: leave one out")
    return value


def _choices_or_range(value: Any) -> Any:
    if not isinstance(value, Mapping):
        return _choices(value)
    try:
        return DrawRange(**value)
    except ValidationError as error:
        raise ValueError(f"{describe(error)}; a range is {{low: 0.001, high: 0.01, scale: log}}") from error


def _seeds(value: Any) -> Any:
    values = value if isinstance(value, list) else [value]
    numbers = [item for item in values if isinstance(item, int) and not isinstance(item, bool)]
    if not values or len(numbers) != len(values) or not all(0 <= item <= LARGEST_SEED for item in numbers):
        raise ValueError(f"must be how many, or a list of seeds from 0 to {LARGEST_SEED}")
    if isinstance(value, list):
        return _choices(value)
    if not 1 <= value <= MOST_TRIALS:
        raise ValueError(f"must be from 1 to {MOST_TRIALS}; a certain seed is a list: [{value}]")
    return value


Choices = Annotated[list[Any], BeforeValidator(_choices)]
ChoicesOrRange = Annotated[Any, BeforeValidator(_choices_or_range)]
Seeds = Annotated[Any, BeforeValidator(_seeds)]


class SweepSettings(Settings):
    """What a sweep's file holds.

    Every combination of the values of `vary` is trained, each with every draw of `draw`, each with every
    seed.
    """

    name: str | None = Field(None, description="the file's if absent")
    base: dict[str, Any] = Field({}, description="settings of all, as in a model's file")
    vary: dict[str, Choices] = Field({}, description="values of settings by dotted names")
    draw: dict[str, ChoicesOrRange] = Field({}, description="the same, or a range; drawn at random")
    samples: int | None = Field(None, ge=1, le=MOST_TRIALS, description="how many draws")
    draw_seed: int = Field(0, ge=0, le=LARGEST_SEED, description="of the draws")
    seeds: Seeds = Field(None, validate_default=False, description="how many, or a list of them")

    @field_validator("vary", "draw")
    @classmethod
    def _without_seed(cls, value: dict[str, Any]) -> dict[str, Any]:
        if "seed" in value:
            raise ValueError("seed has a place of its own: seeds: [1, 2, 3], or how many")
        return value

    @model_validator(mode="after")
    def _complete(self) -> SweepSettings:
        if bool(self.draw) != (self.samples is not None):
            there, missing = ("draw", "samples") if self.draw else (f"samples={self.samples}", "draw")
            raise ValueError(f"{there}: needs {missing} too")
        if both := sorted(set(self.vary) & set(self.draw)):
            raise ValueError(f"{both[0]}: is in vary and in draw: leave one out")
        if not (self.vary or self.draw or self.seeds):
            raise ValueError("nothing varies: add vary, draw with samples, or seeds")
        return self


def read_sweep(path: Path) -> tuple[str, SweepSettings]:
    """Read a sweep's name and settings.

    Raises:
        DeepRacerError: the file cannot be read, or something in it is unknown or out of its range.
    """
    try:
        settings = SweepSettings(**load_yaml(path))
    except ValidationError as error:
        keys = ", ".join(SweepSettings.model_fields)
        is_unknown = any(item["type"] == "extra_forbidden" for item in error.errors())
        raise SettingError(
            f"{path}: {describe(error)}{f'; a sweep has {keys}' if is_unknown else ''}"
        ) from error
    if settings.name is None:
        return suggested_name(path.stem) or "sweep", settings
    return check_name(settings.name), settings
