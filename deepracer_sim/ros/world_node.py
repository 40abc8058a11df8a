"""A world as a ROS simulator: topics of its cars, Gazebo's services and the standard ones."""

from __future__ import annotations

import time
from collections.abc import Sequence

import torch
from geometry_msgs.msg import Pose, PoseWithCovarianceStamped
from rclpy.clock import Clock as NodeClock
from rclpy.clock import ClockType
from rosgraph_msgs.msg import Clock

from deepracer_sim.errors import SettingError
from deepracer_sim.ros import params
from deepracer_sim.ros.car_topics import CarTopics
from deepracer_sim.ros.conversions import to_time, to_yaw
from deepracer_sim.ros.frames import FixedFrames
from deepracer_sim.ros.gazebo_services import WORLD_FRAMES, GazeboServices
from deepracer_sim.ros.lean_node import LeanNode
from deepracer_sim.ros.node_main import run
from deepracer_sim.ros.pace import Pace
from deepracer_sim.ros.pace_report import PaceReport
from deepracer_sim.ros.simulator import simulator_of
from deepracer_sim.ros.sole_simulator import SoleSimulator
from deepracer_sim.ros.world_settings import WorldSettings
from deepracer_sim.world import STEP_TIME


class WorldNode(LeanNode):
    """Simulates cars on a track, in free run or step by step.

    Each frame, and each time that a car is put elsewhere, it publishes what has subscribers: the clock, each
    car's odometry, joints, transform, picture and whether it is off the track, and the models' states. Time
    stands still while it is paused; `~/step_simulation` then drives exactly so many frames.
    """

    def __init__(self) -> None:
        super().__init__("world_node")
        params.declare(self, WorldSettings(), read_only=True)
        settings = params.read(self, WorldSettings())
        for name in params.unknown(self):
            self.get_logger().warning(f"there is no parameter {name}: it has no effect")
        self._sole = SoleSimulator(self)
        self.simulator = simulator_of(settings, self.get_logger().warning)
        self._sole.wait()
        self.clock_topic = self.create_publisher(Clock, "/clock", 10)
        self.pace = Pace(settings.real_time_factor)
        self.cars = [
            CarTopics(self, self.simulator, car, settings.camera, settings.full_speed)
            for car in range(settings.num_cars)
        ]
        self.frames = FixedFrames(self, [car.frames for car in self.cars], settings.camera)
        self.gazebo = GazeboServices(self)
        self._serve_standard()
        self.create_subscription(PoseWithCovarianceStamped, "/initialpose", self._on_initial_pose, 10)
        self._pace_report = PaceReport(self, self.simulator, self.pace)
        # Simulated time must not decide when simulated time goes on.
        self._wall_clock = NodeClock(clock_type=ClockType.STEADY_TIME)
        factor = settings.real_time_factor
        period = STEP_TIME / factor if factor else 0.0
        self._frame_timer = self.create_timer(period, self._tick, clock=self._wall_clock)
        self.pause(settings.paused)
        self.create_timer(1.0, self._report, clock=self._wall_clock)
        self.get_logger().info(
            f"{settings.num_cars} car(s) on {settings.track}, {settings.simulator}, "
            f"{'paused' if settings.paused else f'real-time factor {factor:g}'}"
        )

    def pause(self, is_paused: bool) -> None:
        """Let time stand still, or go on."""
        self.simulator.is_paused, self.simulator.is_stopped = is_paused, False
        self.pace.restart()
        if is_paused:
            self._frame_timer.cancel()
        elif self._frame_timer.is_canceled():
            self._frame_timer.reset()

    def place(self, name: str, pose: Pose, frame: str) -> None:
        """Put a car at rest at a pose and publish what it sees there.

        Raises:
            SettingError: there is no such car or frame, or the pose is no place for a car.
        """
        if frame not in WORLD_FRAMES:
            raise SettingError(f"frame {frame!r}: must be one of {', '.join(filter(None, WORLD_FRAMES))}")
        car = self.simulator.index(name)
        self._take_commands()
        self.simulator.place(
            [car], torch.tensor([[pose.position.x, pose.position.y, to_yaw(pose.orientation)]])
        )
        self.publish()

    def reset(self, clock: bool, cars: bool) -> None:
        """Set the clock back to 0, put the cars back to where they started, or both; publish that."""
        self._take_commands()
        if clock:
            self.simulator.reset_time()
        if cars:
            self.simulator.reset_cars()
        self.publish()

    def destroy_node(self) -> None:
        """End the simulator too."""
        self.simulator.world.close()
        super().destroy_node()

    def quit(self) -> None:
        """End soon: what is being answered still is."""
        self.create_timer(0.1, self.context.try_shutdown, clock=self._wall_clock)

    def advance(self) -> None:
        """Drive a frame by the newest commands and publish it."""
        self._take_commands()
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

    def _take_commands(self) -> None:
        for car in self.cars:
            car.take_commands()

    def _tick(self) -> None:
        self.advance()
        self.pace.count(time.monotonic())

    def _report(self) -> None:
        self._sole.check()
        self._pace_report.publish()

    def _on_initial_pose(self, message: PoseWithCovarianceStamped) -> None:
        """Put the first car where the user clicked in RViz."""
        try:
            self.place(self.simulator.names[0], message.pose.pose, message.header.frame_id)
        except SettingError as error:
            self.get_logger().warning(f"/initialpose: {error}")

    def _serve_standard(self) -> None:
        try:
            from deepracer_sim.ros.simulation_services import SimulationServices
        except ModuleNotFoundError as error:
            if error.name != "simulation_interfaces":
                raise
            self.get_logger().info("simulation_interfaces is not installed: no steps, no services ~/...")
        else:
            SimulationServices(self)


def main(args: Sequence[str] | None = None) -> int:
    """Run the node."""
    return run(WorldNode, args)
