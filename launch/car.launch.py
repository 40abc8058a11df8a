"""Drive the real car: the inference node, and the servo node on a car without AWS's."""

from __future__ import annotations

from launch import LaunchContext, LaunchDescription, LaunchDescriptionEntity
from launch.actions import DeclareLaunchArgument, OpaqueFunction, Shutdown
from launch.conditions import IfCondition
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node

from deepracer_inference.parameters import SETTINGS

# Nothing of deepracer_sim is imported here: a car has none of what that needs.


def generate_launch_description() -> LaunchDescription:
    """Describe what drives the car; it starts inactive."""
    arguments = [
        DeclareLaunchArgument(
            setting.name,
            default_value=str(setting.default),
            description=setting.description,
            choices=list(setting.choices) or None,
        )
        for setting in SETTINGS
    ]
    servo = DeclareLaunchArgument(
        "servo",
        default_value="false",
        description="drive the PWM ourselves; never beside AWS's servo node",
        choices=["true", "false"],
    )
    return LaunchDescription([*arguments, servo, OpaqueFunction(function=processes)])


def processes(context: LaunchContext) -> list[LaunchDescriptionEntity]:
    """Return what is to run; when one ends, all does."""
    given = context.launch_configurations
    # Launch knows nothing but text; each parameter has the type of its default.
    values = {setting.name: type(setting.default)(given[setting.name]) for setting in SETTINGS}
    return [
        Node(
            package="deepracer_sim",
            executable="servo_node",
            parameters=[{"command_topic": values["command_topic"]}],
            condition=IfCondition(LaunchConfiguration("servo")),
            output="screen",
            on_exit=Shutdown(),
        ),
        Node(
            package="deepracer_sim",
            executable="inference_node",
            parameters=[values],
            output="screen",
            on_exit=Shutdown(),
        ),
    ]
