"""Settings models as ROS parameters: declared with description and range, read back as the model."""

from __future__ import annotations

import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, TypeVar, Union, get_args, get_origin

import annotated_types
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor
from rclpy.node import Node

from deepracer_sim.errors import SettingError
from deepracer_sim.settings import describe

Model = TypeVar("Model", bound=BaseModel)
LARGEST = 2**53
"""A range has two ends in ROS: this stands for one that a setting leaves open."""


def declare(
    node: Node, defaults: BaseModel, prefix: str = "", leave_out: frozenset[str] = frozenset()
) -> None:
    """Declare one parameter a setting, "group.name" for those of a group.

    A setting that may be absent is a parameter that may be unset.

    Args:
        node: whose parameters.
        defaults: the model with the default values.
        prefix: of the names.
        leave_out: names, prefix included, that are not declared and keep their defaults.

    Raises:
        SettingError: a value that was given at the start is of the wrong type or out of range.
    """
    for name, field, value in _settings(defaults, prefix):
        if name in leave_out:
            continue
        try:
            node.declare_parameter(name, _plain(field, value), _descriptor(field))
        except Exception as error:
            raise SettingError(f"parameter {name}: {error}") from error


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
    try:
        return type(defaults)(**values)
    except ValidationError as error:
        raise SettingError(f"parameters: {describe(error)}") from error


def _settings(model: BaseModel, prefix: str) -> Iterator[tuple[str, FieldInfo, Any]]:
    for name, field in type(model).model_fields.items():
        value = getattr(model, name)
        if isinstance(value, BaseModel):
            yield from _settings(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", field, value


def _plain(field: FieldInfo, value: Any) -> Any:
    """Return the value as ROS has it: no paths, no tuples, numbers of the declared type."""
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, tuple):
        return [item if isinstance(item, str) else float(item) for item in value]
    return float(value) if _number_type(field) is float and value is not None else value


def _setting(field: FieldInfo, value: Any) -> Any:
    """Return a parameter's value as the model takes it; an empty text stands for an absent file."""
    return None if value == "" and _may_be_absent(field) else value


def _may_be_absent(field: FieldInfo) -> bool:
    return type(None) in get_args(field.annotation)


def _descriptor(field: FieldInfo) -> ParameterDescriptor:
    descriptor = ParameterDescriptor(description=field.description or "")
    # Whatever has no value at the start has no type of its own either.
    descriptor.dynamic_typing = _may_be_absent(field)
    if get_origin(field.annotation) is Literal:
        descriptor.additional_constraints = f"one of: {', '.join(map(str, get_args(field.annotation)))}"
    low, high = _limits(field)
    if low is None and high is None:
        return descriptor
    kind = _number_type(field)
    ends = {"from_value": -LARGEST if low is None else low, "to_value": LARGEST if high is None else high}
    if kind is int:
        descriptor.integer_range = [IntegerRange(step=1, **{name: int(end) for name, end in ends.items()})]
    elif kind is float:
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


def _number_type(field: FieldInfo) -> Any:
    """Return int or float, None for a setting that is no number."""
    annotation: Any = field.annotation
    if get_origin(annotation) in (Union, types.UnionType):
        annotation = next(kind for kind in get_args(annotation) if kind is not type(None))
    return annotation if annotation in (int, float) else None
