"""Settings models as ROS parameters: declared with description and range, read back as the model."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args, get_origin

import annotated_types
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from rcl_interfaces.msg import (
    FloatingPointRange,
    IntegerRange,
    ParameterDescriptor,
    SetParametersResult,
)
from rclpy.node import Node
from rclpy.parameter import Parameter

from deepracer_sim.errors import SettingError
from deepracer_sim.settings import RANGE_LIMITS, describe

Model = TypeVar("Model", bound=BaseModel)
LARGEST = 2**53
"""A range has two ends in ROS: this stands for one that a setting leaves open."""


def declare(
    node: Node,
    defaults: BaseModel,
    prefix: str = "",
    leave_out: frozenset[str] = frozenset(),
    read_only: bool = False,
) -> None:
    """Declare one parameter a setting, "group.name" for those of a group.

    A setting that may be absent is a parameter that may be unset or an empty text. A whole number does where
    the node is started with one for a setting that is no whole number.

    Args:
        node: whose parameters.
        defaults: the model with the default values.
        prefix: of the names.
        leave_out: names, prefix included, that are not declared and keep their defaults.
        read_only: nothing can be changed after the start.

    Raises:
        SettingError: a value that was given at the start is of the wrong type or out of range.
    """
    places = {}
    for place in _places(defaults, prefix):
        if place.name in leave_out:
            continue
        # A loose declaration takes whatever was given at the start, and the model says what is wrong with it.
        loose = ParameterDescriptor(dynamic_typing=True)
        given = node.declare_parameter(place.name, _plain(place.field, place.value), loose)
        wanted = Parameter(place.name, value=_plain(place.field, place.checked(given.value)))
        if wanted.type_ not in (given.type_, Parameter.Type.NOT_SET):
            node.set_parameters([wanted])
        node.set_descriptor(place.name, _descriptor(place, node.get_parameter(place.name), read_only))
        places[place.name] = place
    if not read_only:
        node.add_on_set_parameters_callback(lambda parameters: _check(places, parameters))


def read(node: Node, defaults: Model, prefix: str = "") -> Model:
    """Return the settings with the present values of the node's parameters.

    Raises:
        SettingError: the values do not make valid settings together.
    """
    values: dict[str, Any] = {}
    for name, field in type(defaults).model_fields.items():
        value = getattr(defaults, name)
        full = f"{prefix}{name}"
        if isinstance(value, BaseModel):
            values[name] = read(node, value, f"{full}.")
        elif node.has_parameter(full):
            values[name] = _setting(field, node.get_parameter(full).value)
        else:
            values[name] = value
    return _validated(type(defaults), values, prefix)


def unknown(node: Node) -> list[str]:
    """Return the names of the parameters that the node was started with and has not declared."""
    # There is no public way to see what was given.
    given = getattr(node, "_parameter_overrides", {})
    return sorted(name for name in given if not node.has_parameter(name))


@dataclass(frozen=True)
class _Place:
    """Where a parameter comes from.

    Attributes:
        name: of the parameter.
        model: with the setting's default value.
        key: the setting's name there.
    """

    name: str
    model: BaseModel
    key: str

    @property
    def field(self) -> FieldInfo:
        return type(self.model).model_fields[self.key]

    @property
    def value(self) -> Any:
        return getattr(self.model, self.key)

    def checked(self, value: Any) -> Any:
        """Return a parameter's value as the model takes it; raises SettingError if it does not."""
        values = {name: getattr(self.model, name) for name in type(self.model).model_fields}
        values[self.key] = _setting(self.field, value)
        return getattr(_validated(type(self.model), values, self.name.removesuffix(self.key)), self.key)


def _places(model: BaseModel, prefix: str) -> Iterator[_Place]:
    for name in type(model).model_fields:
        value = getattr(model, name)
        if isinstance(value, BaseModel):
            yield from _places(value, f"{prefix}{name}.")
        else:
            yield _Place(f"{prefix}{name}", model, name)


def _validated(model: type[Model], values: dict[str, Any], prefix: str) -> Model:
    try:
        return model.model_validate(values, strict=True)
    except ValidationError as error:
        raise SettingError(f"parameter {prefix}{describe(error)}") from error


def _check(places: Mapping[str, _Place], parameters: Sequence[Parameter]) -> SetParametersResult:
    """Tell whether parameters may be set so while the node runs."""
    for parameter in parameters:
        place = places.get(parameter.name)
        if place is None:
            continue
        if parameter.type_ == Parameter.Type.NOT_SET:
            reason = f"parameter {parameter.name}: cannot be deleted; an empty text stands for no value"
            return SetParametersResult(successful=False, reason=reason)
        try:
            place.checked(parameter.value)
        except SettingError as error:
            return SetParametersResult(successful=False, reason=str(error))
    return SetParametersResult(successful=True)


def _plain(field: FieldInfo, value: Any) -> Any:
    """Return the value as ROS has it: no paths, no tuples, numbers of the declared type."""
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, tuple):
        return [item if isinstance(item, str) else float(item) for item in value]
    return float(value) if _kind(field) is float and value is not None else value


def _setting(field: FieldInfo, value: Any) -> Any:
    """Return a parameter's value as the model takes it; an empty text stands for an absent one."""
    if value == "" and _may_be_absent(field):
        return None
    if isinstance(value, str) and _kind(field) is Path:
        return Path(value)
    return tuple(value) if isinstance(value, (list, array)) else value


def _may_be_absent(field: FieldInfo) -> bool:
    return type(None) in get_args(field.annotation)


def _descriptor(place: _Place, parameter: Parameter, read_only: bool) -> ParameterDescriptor:
    field = place.field
    descriptor = ParameterDescriptor(description=field.description or "", read_only=read_only)
    # Whatever may have no value has no type of its own either.
    descriptor.dynamic_typing = _may_be_absent(field)
    descriptor.type = parameter.type_.value
    if get_origin(field.annotation) is Literal:
        descriptor.additional_constraints = f"one of: {', '.join(map(str, get_args(field.annotation)))}"
    elif field.annotation == tuple[float, float]:
        low, high = RANGE_LIMITS[place.key]
        descriptor.additional_constraints = f"low and high end, within {low} and {high}"
    low, high = _limits(field)
    if low is None and high is None:
        return descriptor
    ends = {"from_value": -LARGEST if low is None else low, "to_value": LARGEST if high is None else high}
    if _kind(field) is int:
        descriptor.integer_range = [IntegerRange(step=1, **{name: int(end) for name, end in ends.items()})]
    else:
        descriptor.floating_point_range = [
            FloatingPointRange(**{name: float(end) for name, end in ends.items()})
        ]
    return descriptor


def _limits(field: FieldInfo) -> tuple[Any, Any]:
    """Return the smallest and largest value, None where a setting has no limit."""
    low = high = None
    for item in field.metadata:
        if isinstance(item, (annotated_types.Ge, annotated_types.Gt)):
            low = item.ge if isinstance(item, annotated_types.Ge) else item.gt
        if isinstance(item, (annotated_types.Le, annotated_types.Lt)):
            high = item.le if isinstance(item, annotated_types.Le) else item.lt
    return low, high


def _kind(field: FieldInfo) -> Any:
    """Return the type of a setting's values where it has any."""
    kinds = [kind for kind in get_args(field.annotation) if kind is not type(None)]
    return kinds[0] if _may_be_absent(field) else field.annotation
