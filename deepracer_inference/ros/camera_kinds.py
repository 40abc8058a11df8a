"""The message types of cameras, imported only if wanted."""

from __future__ import annotations

from deepracer_inference.parameters import ParameterError


def message_of(kind: str) -> type:
    """Return the message type of a kind of camera.

    Raises:
        ParameterError: the package with it is not installed.
    """
    try:
        if kind == "image":
            from sensor_msgs.msg import Image as message
        elif kind == "compressed":
            from sensor_msgs.msg import CompressedImage as message
        elif kind == "sensor_msg":
            from deepracer_interfaces_pkg.msg import EvoSensorMsg as message
        else:
            from deepracer_interfaces_pkg.msg import CameraMsg as message
    except ImportError as error:
        raise ParameterError(f"camera={kind}: {error}; source the workspace that has it") from error
    return message
