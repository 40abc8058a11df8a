"""Which simulator a node works with, and the way to it."""

from __future__ import annotations

import threading
from typing import Literal

from pydantic import Field
from rclpy.context import Context

from deepracer_sim.ros.command_topic import CommandKind
from deepracer_sim.ros.connection import Connection
from deepracer_sim.ros.ros_world import RosWorld
from deepracer_sim.ros.simulator_client import FreeSimulator, SimulatorClient, SteppedSimulator
from deepracer_sim.settings import CameraSettings, Settings


class SimulatorSettings(Settings):
    """How a simulator is reached."""

    interface: Literal["simulation_interfaces", "gazebo_msgs"] = Field(
        "simulation_interfaces",
        description="exact steps, or Gazebo Classic's services: it runs freely and is paused for updates",
    )
    prefix: str = Field(
        "",
        description="of its services; by default /world_node (ros_gz: /gzserver), none with gazebo_msgs",
    )
    command: CommandKind = Field(
        "drive",
        description="topic of the commands: drive, or cmd_vel with the turn rate (the new Gazebo), or that "
        "with the steering angle in its place (gazebo_ros)",
    )
    discovery: float = Field(
        1.0, ge=0, le=60, description="seconds in which others who use the simulator are looked for"
    )
    timeout: float = Field(5.0, gt=0, le=600, description="seconds for an answer")
    patience: float = Field(60.0, ge=0, le=86_400, description="seconds that a lost simulator is waited for")


def connect(
    name: str,
    settings: SimulatorSettings,
    camera: CameraSettings,
    num_cars: int,
    called_off: threading.Event | None = None,
    context: Context | None = None,
) -> RosWorld:
    """Return the world behind a simulator's topics and services, for the thread that calls.

    Args:
        name: of the node that talks to it.
        settings: where it is.
        camera: the picture wanted.
        num_cars: as many as the simulator has.
        called_off: ends every wait once it is set.
        context: of ROS; by default the process's.

    Raises:
        DeepRacerError: it does not answer, or refuses.
    """
    connection = Connection(name, settings.timeout, called_off, context, settings.discovery)
    simulator: SimulatorClient
    if settings.interface == "simulation_interfaces":
        simulator = SteppedSimulator(connection, settings.prefix or "/world_node")
    else:
        simulator = FreeSimulator(connection, settings.prefix)
    try:
        return RosWorld(connection, simulator, camera, num_cars, settings.command, settings.patience)
    except BaseException:
        connection.close()
        raise
