"""Drive a simulated car by the very node that drives the real one: its camera and servo are simulated."""

from __future__ import annotations

from pathlib import Path

from launch import LaunchDescription
from launch.actions import GroupAction, IncludeLaunchDescription, UnsetLaunchConfiguration
from launch_ros.actions import SetParameter

HERE = Path(__file__)


def generate_launch_description() -> LaunchDescription:
    """Describe the simulator and the car's node, which starts inactive."""
    simulator = [
        # The simulator would give the car the camera of the model's training; a real car has its own.
        UnsetLaunchConfiguration("model"),
        IncludeLaunchDescription(str(HERE.with_name("sim.launch.py"))),
    ]
    car = [
        # Pictures with a stamp have one of simulated time.
        SetParameter("use_sim_time", True),
        IncludeLaunchDescription(
            str(HERE.with_name("car.launch.py")),
            launch_arguments=[("camera", "sensor_msg"), ("servo", "false")],
        ),
    ]
    return LaunchDescription([GroupAction(simulator), GroupAction(car)])
