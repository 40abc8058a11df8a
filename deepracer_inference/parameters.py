"""The parameters of the car's nodes: what they mean and what they may be. ROS is told of them elsewhere."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Mapping

from deepracer_inference.limits import LimitSettings


class ParameterError(ValueError):
    """A parameter that is out of range or not one of the choices."""


@dataclass(frozen=True)
class Setting:
    """A parameter.

    Attributes:
        name: of it.
        default: its type is the parameter's.
        description: one line.
        low: the smallest number.
        high: the largest number.
        choices: of a text; empty for any.
        change: when it may: "never" after the start, "standing" while the node is not active, or "always".
    """

    name: str
    default: Any
    description: str
    low: float = 0.0
    high: float = 0.0
    choices: tuple[str, ...] = ()
    change: str = "never"

    def checked(self, value: Any) -> Any:
        """Return a value that is of the type and in the range.

        Raises:
            ParameterError: it is not.
        """
        if self.choices and value not in self.choices:
            raise ParameterError(f"{self.name}={value!r}: must be one of {', '.join(self.choices)}")
        if isinstance(self.default, str):
            return value
        if not self.low <= value <= self.high:
            raise ParameterError(f"{self.name}={value:g}: must be {self.low:g} to {self.high:g}")
        return value


CAMERAS = {
    "image": "/camera/image_raw",
    "compressed": "/camera/image_raw/compressed",
    "sensor_msg": "/sensor_fusion_pkg/sensor_msg",
    "camera_msg": "/camera_pkg/video_mjpeg",
}
"""Kinds of camera messages and where they usually are."""

_LIMITS = LimitSettings()


def _limit(name: str, description: str, low: float, high: float) -> Setting:
    return Setting(name, getattr(_LIMITS, name), description, low, high, change="always")


SETTINGS = (
    Setting("model", "", "folder with model.onnx and model_metadata.json", change="standing"),
    Setting("camera", "image", "kind of the camera's messages", choices=tuple(CAMERAS)),
    Setting("camera_topic", "", "topic of the camera; empty for the usual one of its kind"),
    Setting(
        "output",
        "servo",
        "servo commands, or results that AWS's navigation node makes commands of; then ours only stop",
        choices=("servo", "results"),
    ),
    Setting("command_topic", "/ctrl_pkg/servo_msg", "topic for the commands"),
    Setting(
        "calibration",
        "",
        "file with this car's speeds and throttles; empty for AWS's curve",
        change="standing",
    ),
    Setting("joy_topic", "", "topic of a joystick whose button must be held to drive; empty for none"),
    Setting("joy_button", 4, "number of that button", 0, 31),
    Setting("cap", 0.5, "largest throttle", 0.0, 1.0, change="always"),
    Setting("max_speed", 4.0, "m/s; faster actions are slowed down to it", 0.1, 4.0, change="always"),
    _limit("steering_rate", "change of the steering, -1 to 1, a second at most", 0.1, 1000.0),
    _limit("throttle_rate", "rise of the throttle a second at most", 0.1, 1000.0),
    _limit("max_frame_age", "s; an older frame, or none for so long, stops the car", 0.02, 1.0),
    _limit("inference_budget", "s from a frame's arrival to its command", 0.001, 1.0),
    _limit("slow_frames", "frames over that budget in a row that stop the car", 1, 100),
    _limit("identical_frames", "identical frames in a row that stop the car; 0: never", 0, 1000),
    _limit("min_confidence", "probability of an action below which the car stops; 0: never", 0.0, 1.0),
)
"""Of the inference node."""


def limit_settings(values: Mapping[str, Any]) -> LimitSettings:
    """Return the limits among parameters."""
    return LimitSettings(**{field.name: values[field.name] for field in fields(LimitSettings)})
