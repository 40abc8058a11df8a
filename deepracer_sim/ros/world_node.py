"""The embedded simulator as a ROS simulator: topics of its cars, Gazebo's services and the standard ones."""

from __future__ import annotations

import time
from collections.abc import Sequence

import torch
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from geometry_msgs.msg import PoseWithCovarianceStamped
from rclpy.clock import Clock as NodeClock
from rclpy.clock import ClockType
from rosgraph_msgs.msg import Clock

from deepracer_sim.embedded_world import EmbeddedWorld
from deepracer_sim.errors import SettingError
from deepracer_sim.ros import params
from deepracer_sim.ros.car_topics import CarTopics
from deepracer_sim.ros.conversions import to_time
from deepracer_sim.ros.frames import FixedFrames
from deepracer_sim.ros.gazebo_services import GazeboServices, place
from deepracer_sim.ros.lean_node import LeanNode
from deepracer_sim.ros.node_main import run
from deepracer_sim.ros.pace import Pace
from deepracer_sim.ros.simulation_services import SimulationServices
from deepracer_sim.ros.simulator import Simulator
from deepracer_sim.ros.world_settings import WorldSettings
from deepracer_sim.simulation import Course
from deepracer_sim.world import STEP_TIME

DISCOVERY_TIME = 1.0
"""Seconds that a simulator looks for another one before it starts."""


class WorldNode(LeanNode):
    """Simulates cars on a track, in free run or step by step.

    Each frame, and each time that a car is put elsewhere, it publishes what has subscribers: the clock, each
    car's odometry, joints, transform, picture and whether it is off the track, and the models' states. Time
    stands still while it is paused; `~/step_simulation` then drives exactly so many frames.
    """

    def __init__(self) -> None:
        super().__init__("world_node")
        params.declare(self, WorldSettings())
        settings = params.read(self, WorldSettings())
        self.clock_topic = self.create_publisher(Clock, "/clock", 10)
        self._refuse_second()
        torch.set_num_threads(1)
        course = Course.load([settings.track])
        world = EmbeddedWorld(
            course.grounds,
            torch.zeros(settings.num_cars, dtype=torch.long),
            settings.camera,
            settings.car,
            settings.randomisation,
            seed=settings.seed,
        )
        self.simulator = Simulator(world, course.tracks[0])
        self.simulator.is_paused = settings.paused
        self.pace = Pace(settings.real_time_factor)
        self.cars = [
            CarTopics(self, self.simulator, car, settings.camera, settings.full_speed)
            for car in range(settings.num_cars)
        ]
        self.frames = FixedFrames(self, [car.frames for car in self.cars], settings.camera)
        self.gazebo = GazeboServices(self, self.simulator, self.publish)
        SimulationServices(self, self.simulator, self.advance, self.publish, self.context.shutdown)
        self.create_subscription(PoseWithCovarianceStamped, "/initialpose", self._on_initial_pose, 10)
        self.diagnostics = self.create_publisher(DiagnosticArray, "/diagnostics", 10)
        # Simulated time must not decide when simulated time goes on.
        steady = NodeClock(clock_type=ClockType.STEADY_TIME)
        factor = settings.real_time_factor
        self.create_timer(STEP_TIME / factor if factor else 0.0, self._tick, clock=steady)
        self.create_timer(1.0, self._report, clock=steady)
        self.get_logger().info(
            f"{settings.num_cars} car(s) on {settings.track}, "
            f"{'paused' if settings.paused else f'real-time factor {factor:g}'}"
        )

    def advance(self) -> None:
        """Drive a frame by the newest commands and publish it."""
        for car in self.cars:
            car.take_commands()
        with torch.inference_mode():
            self.simulator.advance()
        self.publish()

    def publish(self) -> None:
        """Publish what is now."""
        if self.clock_topic.get_subscription_count():
            self.clock_topic.publish(Clock(clock=to_time(self.simulator.time)))
        for car in self.cars:
            car.publish_motion()
        self.gazebo.publish()
        watched = [car for car in self.cars if car.is_watched()]
        if watched:
            with torch.inference_mode():
                pictures = self.simulator.world.images().numpy()
            for car in watched:
                car.publish_picture(pictures)

    def _tick(self) -> None:
        if self.simulator.is_paused:
            self.pace.restart()
            return
        self.advance()
        self.pace.count(time.monotonic())

    def _report(self) -> None:
        complaint, factor = self.pace.complaint, self.pace.factor
        if complaint:
            self.get_logger().warning(complaint, throttle_duration_sec=5.0)
        level = DiagnosticStatus.WARN if complaint else DiagnosticStatus.OK
        values = {
            "simulated_time": f"{self.simulator.time / 1e9:.3f}",
            "paused": str(self.simulator.is_paused).lower(),
            "real_time_factor": "" if factor is None else f"{factor:.3f}",
        }
        status = DiagnosticStatus(level=level, name=f"{self.get_name()}: pace", message=complaint or "")
        status.values = [KeyValue(key=key, value=value) for key, value in values.items()]
        message = DiagnosticArray(status=[status])
        message.header.stamp = self.get_clock().now().to_msg()
        self.diagnostics.publish(message)

    def _on_initial_pose(self, message: PoseWithCovarianceStamped) -> None:
        """Put the first car where the user clicked in RViz."""
        place(self.simulator, self.simulator.names[0], message.pose.pose)
        self.publish()

    def _refuse_second(self) -> None:
        deadline = time.monotonic() + DISCOVERY_TIME
        while time.monotonic() < deadline:
            others = self.get_publishers_info_by_topic("/clock")
            if len(others) > 1:
                names = ", ".join(f"{other.node_namespace.rstrip('/')}/{other.node_name}" for other in others)
                raise SettingError(
                    f"there is a simulator already: /clock is published by {names} (this one included). Stop "
                    "the other one, or give this one a ROS_DOMAIN_ID of its own"
                )
            time.sleep(0.05)


def main(args: Sequence[str] | None = None) -> int:
    """Run the node."""
    return run(WorldNode, args)
