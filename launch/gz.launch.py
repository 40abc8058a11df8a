"""Run a world in the new Gazebo (Harmonic and later) with its topics in ROS; never run on any machine yet."""

from __future__ import annotations

from pathlib import Path

from launch import LaunchContext, LaunchDescription, LaunchDescriptionEntity
from launch.actions import AppendEnvironmentVariable, IncludeLaunchDescription, OpaqueFunction
from launch.substitutions import PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.substitutions import FindPackageShare

from deepracer_sim.ros.launch_arguments import bridges, declare, end_all, world_file


def generate_launch_description() -> LaunchDescription:
    """Describe the server and the bridge between its topics and those of ROS."""
    return LaunchDescription([*declare("world", "num_cars"), OpaqueFunction(function=processes)])


def processes(context: LaunchContext) -> list[LaunchDescriptionEntity]:
    """Return what is to run; when the bridge ends, all does."""
    world = world_file(context.launch_configurations)
    server = PathJoinSubstitution([FindPackageShare("ros_gz_sim"), "launch", "gz_server.launch.py"])
    return [
        AppendEnvironmentVariable("GZ_SIM_RESOURCE_PATH", str(Path(world).parents[1] / "models")),
        IncludeLaunchDescription(server, launch_arguments=[("world_sdf_file", world)]),
        Node(
            package="ros_gz_bridge",
            executable="parameter_bridge",
            arguments=bridges(context.launch_configurations),
            output="screen",
            on_exit=end_all,
        ),
    ]
