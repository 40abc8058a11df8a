"""Drive laps with a trained model, in a simulator with the car and the camera of its training."""

from __future__ import annotations

from pathlib import Path

from launch import LaunchContext, LaunchDescription, LaunchDescriptionEntity
from launch.actions import IncludeLaunchDescription, OpaqueFunction
from launch_ros.actions import Node

from deepracer_sim.ros.launch_arguments import declare, end_all, evaluation_parameters


def generate_launch_description() -> LaunchDescription:
    """Describe the evaluation and its simulator."""
    return LaunchDescription(
        [
            *declare("model", "track", "sim", "headless", "laps", "num_cars", "seed", "randomised"),
            *declare("interface", "real_time_factor", "params_file", "rviz", "use_sim_time"),
            OpaqueFunction(function=processes),
        ]
    )


def processes(context: LaunchContext) -> list[LaunchDescriptionEntity]:
    """Return what is to run; when the evaluation ends, all does."""
    # What may be refused comes before what runs: launch leaves alone what it had started by then.
    parameters = evaluation_parameters(context.launch_configurations)
    return [
        IncludeLaunchDescription(
            str(Path(__file__).with_name("sim.launch.py")), launch_arguments=[("paused", "true")]
        ),
        Node(
            package="deepracer_sim",
            executable="evaluation_node",
            parameters=parameters,
            output="screen",
            on_exit=end_all,
        ),
    ]
