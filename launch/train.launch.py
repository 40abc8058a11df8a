"""Train a car from its camera, in a simulator whose time stands still while the policy is improved."""

from __future__ import annotations

from pathlib import Path

from launch import LaunchContext, LaunchDescription, LaunchDescriptionEntity
from launch.actions import IncludeLaunchDescription, OpaqueFunction
from launch_ros.actions import Node

from deepracer_sim.ros.launch_arguments import LEARNING, declare, end_all, training_parameters


def generate_launch_description() -> LaunchDescription:
    """Describe the training and its simulator."""
    return LaunchDescription(
        [
            *declare("track", "sim", "headless", "run", "resume", "reward", "max_speed", "minutes"),
            *declare(
                "num_cars", "seed", "camera_width", "camera_height", "camera_colour", "randomised", **LEARNING
            ),
            *declare("interface", "real_time_factor", "params_file", "rviz", "use_sim_time"),
            OpaqueFunction(function=processes),
        ]
    )


def processes(context: LaunchContext) -> list[LaunchDescriptionEntity]:
    """Return what is to run; when the training ends, all does."""
    # What may be refused comes before what runs: launch leaves alone what it had started by then.
    parameters = training_parameters(context.launch_configurations)
    return [
        IncludeLaunchDescription(
            str(Path(__file__).with_name("sim.launch.py")), launch_arguments=[("paused", "true")]
        ),
        Node(
            package="deepracer_sim",
            executable="training_node",
            parameters=parameters,
            output="screen",
            on_exit=end_all,
        ),
    ]
