"""Settings as parameters of a node: declared with description and range, checked when they change."""

from __future__ import annotations

from typing import Any, Callable, Mapping, Sequence

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor, SetParametersResult
from rclpy.exceptions import InvalidParameterValueException
from rclpy.node import Node
from rclpy.parameter import Parameter

from deepracer_inference.parameters import ParameterError, Setting


class Parameters:
    """The parameters of a node.

    Args:
        node: whose.
        settings: what they are.
        on_change: called with all values by name before some of them change; may raise ValueError to refuse.

    Attributes:
        is_driving: only what may change at any time may be changed.

    Raises:
        ParameterError: one was given at the start that is of the wrong type or out of range.
    """

    def __init__(
        self, node: Node, settings: Sequence[Setting], on_change: Callable[[Mapping[str, Any]], None]
    ) -> None:
        self._node, self._on_change = node, on_change
        self._settings = {setting.name: setting for setting in settings}
        self.is_driving = False
        for setting in settings:
            try:
                given = node.declare_parameter(setting.name, setting.default, _descriptor(setting))
            except InvalidParameterValueException as error:
                raise ParameterError(str(error)) from error
            except Exception as error:
                # Of the wrong type; rclpy's error for it has changed its name.
                raise ParameterError(f"parameter {setting.name}: {error}") from error
            setting.checked(given.value)
        node.add_on_set_parameters_callback(self._check)

    def values(self) -> dict[str, Any]:
        """Return all by name."""
        return {name: self._node.get_parameter(name).value for name in self._settings}

    def _check(self, changes: Sequence[Parameter]) -> SetParametersResult:
        try:
            for change in changes:
                setting = self._settings.get(change.name)
                if setting is None:
                    continue
                if self.is_driving and setting.change != "always":
                    raise ParameterError(
                        f"{change.name} cannot change while the car drives: deactivate first"
                    )
                setting.checked(change.value)
            self._on_change({**self.values(), **{change.name: change.value for change in changes}})
        except ValueError as error:
            return SetParametersResult(successful=False, reason=str(error))
        return SetParametersResult(successful=True)


def _descriptor(setting: Setting) -> ParameterDescriptor:
    descriptor = ParameterDescriptor(description=setting.description, read_only=setting.change == "never")
    if setting.choices:
        descriptor.additional_constraints = f"one of {', '.join(setting.choices)}"
    if isinstance(setting.default, float):
        descriptor.floating_point_range = [FloatingPointRange(from_value=setting.low, to_value=setting.high)]
    elif isinstance(setting.default, int):
        descriptor.integer_range = [
            IntegerRange(from_value=int(setting.low), to_value=int(setting.high), step=1)
        ]
    return descriptor
