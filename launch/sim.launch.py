"""Simulate cars on a track, as ROS knows a simulator."""

from __future__ import annotations

from pathlib import Path

from launch import LaunchContext, LaunchDescription, LaunchDescriptionEntity
from launch.actions import IncludeLaunchDescription, OpaqueFunction
from launch.conditions import IfCondition
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node

from deepracer_sim.ros.launch_arguments import declare, end_all, world_parameters


def generate_launch_description() -> LaunchDescription:
    """Describe the simulator, and what shows it."""
    return LaunchDescription(
        [
            *declare("track", "sim", "headless", "num_cars", "seed", "paused", "real_time_factor"),
            *declare("camera_width", "camera_height", "camera_colour", "randomised"),
            *declare("params_file", "rviz", "use_sim_time"),
            OpaqueFunction(function=processes),
        ]
    )


def processes(context: LaunchContext) -> list[LaunchDescriptionEntity]:
    """Return what is to run; when the simulator ends, all does."""
    # What may be refused comes before what runs: launch leaves alone what it had started by then.
    parameters = world_parameters(context.launch_configurations)
    return [
        IncludeLaunchDescription(
            str(Path(__file__).with_name("monitor.launch.py")),
            condition=IfCondition(LaunchConfiguration("rviz")),
        ),
        Node(
            package="deepracer_sim",
            executable="world_node",
            parameters=parameters,
            output="screen",
            on_exit=end_all,
        ),
    ]
