"""Show a simulation that is going on: markers of track, cars, lines and reward, and RViz."""

from __future__ import annotations

from pathlib import Path

from launch import LaunchContext, LaunchDescription, LaunchDescriptionEntity
from launch.actions import OpaqueFunction
from launch.conditions import IfCondition
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node

from deepracer_sim.ros.launch_arguments import declare, monitor_parameters


def generate_launch_description() -> LaunchDescription:
    """Describe the monitor and RViz."""
    return LaunchDescription(
        [
            *declare("track", "num_cars", "params_file", "rviz", "use_sim_time", rviz="true"),
            OpaqueFunction(function=processes),
        ]
    )


def processes(context: LaunchContext) -> list[LaunchDescriptionEntity]:
    """Return what is to run."""
    # What may be refused comes before what runs: launch leaves alone what it had started by then.
    parameters = monitor_parameters(context.launch_configurations)
    first_car = "/racecar_1" if parameters[0]["num_cars"] > 1 else ""
    return [
        Node(
            package="rviz2",
            executable="rviz2",
            arguments=["-d", str(Path(__file__).parents[1] / "rviz" / "deepracer.rviz")],
            parameters=[{"use_sim_time": LaunchConfiguration("use_sim_time")}],
            remappings=[(topic, first_car + topic) for topic in ("/camera/image_raw", "/odom")],
            condition=IfCondition(LaunchConfiguration("rviz")),
        ),
        Node(package="deepracer_sim", executable="monitor_node", parameters=parameters, output="screen"),
    ]
