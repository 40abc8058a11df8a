"""Watches a simulator that runs: laps on topics, and the track, the cars and their lines for RViz."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from nav_msgs.msg import Odometry
from pydantic import Field
from rclpy.clock import Clock, ClockType
from rclpy.qos import QoSProfile, ReliabilityPolicy
from std_msgs.msg import Float32
from visualization_msgs.msg import MarkerArray

from deepracer_sim.ros import params
from deepracer_sim.ros.conversions import to_nanoseconds, to_yaw
from deepracer_sim.ros.frames import LATCHED
from deepracer_sim.ros.lap_timing import LapTimer, Moment
from deepracer_sim.ros.lap_topics import LapTopics
from deepracer_sim.ros.lean_node import LeanNode, waiting
from deepracer_sim.ros.markers import DrivenLine, car_markers, track_markers
from deepracer_sim.ros.node_main import run
from deepracer_sim.settings import Settings
from deepracer_sim.starting_grid import car_namespaces
from deepracer_sim.track import Track
from deepracer_sim.track_library import load_track

PATIENT = QoSProfile(depth=500, reliability=ReliabilityPolicy.BEST_EFFORT)
"""What comes between two looks, even from a simulator that runs many times as fast as the clock."""


class MonitorSettings(Settings):
    """What `monitor_node` watches and shows."""

    track: str = Field("reinvent_2018", description="name, file, or random:SEED, as the simulator's")
    num_cars: int = Field(1, ge=1, le=8, description="one has topics of its own, several have namespaces")
    line_laps: float = Field(2.0, gt=0, le=20, description="length of the driven line that is kept, in laps")
    fastest: float = Field(4.0, ge=0.1, le=10, description="speed of the line's brightest colour, m/s")
    rate: float = Field(10.0, ge=0.5, le=60, description="how often markers and progress are published, Hz")
    reward_topic: str = Field(
        "/training_node/reward", description="std_msgs/Float32 shown above the first car"
    )


class WatchedCar:
    """What is known of a car by its odometry.

    Args:
        node: that listens and publishes.
        track: that the car is on.
        settings: what to show.
        car: its index.
    """

    def __init__(self, node: LeanNode, track: Track, settings: MonitorSettings, car: int) -> None:
        namespace = car_namespaces(settings.num_cars)[car]
        self.car = car
        self.timer = LapTimer(track)
        self.line = DrivenLine(car, settings.line_laps * float(track.length), settings.fastest)
        self.topics = LapTopics(node, namespace)
        self.reward: float | None = None
        self.last: Moment | None = None
        self._odometry = node.listen(Odometry, f"{namespace}/odom", PATIENT)

    def look(self) -> bool:
        """Take what has come since the last look, and publish the laps; tell whether there was anything."""
        moments = [_moment(message) for message in waiting(self._odometry)]
        if not moments:
            return False
        self.last = moments[-1]
        timer = self.timer
        for seconds in timer.add(moments):
            self.topics.publish_lap_time(seconds)
        self.topics.publish(timer.laps, timer.off_tracks, timer.progress)
        self.line.add(moments)
        return True

    def text(self) -> str:
        """Say in short how it stands."""
        lines = [f"lap {self.timer.laps + 1}  {100 * self.timer.progress:.0f} %"]
        if self.reward is not None:
            lines.append(f"reward {self.reward:.2f}")
        return "\n".join(lines)


class MonitorNode(LeanNode):
    """Publishes the markers /track, /car and /driven_line, and the laps under its own name."""

    def __init__(self) -> None:
        super().__init__("monitor_node")
        params.declare(self, MonitorSettings())
        settings = params.read(self, MonitorSettings())
        torch.set_num_threads(1)
        track = load_track(settings.track)
        self.cars = [WatchedCar(self, track, settings, car) for car in range(settings.num_cars)]
        self.reward = self.listen(Float32, settings.reward_topic, PATIENT)
        self.car_markers = self.create_publisher(MarkerArray, "/car", LATCHED)
        self.lines = self.create_publisher(MarkerArray, "/driven_line", LATCHED)
        self.track = self.create_publisher(MarkerArray, "/track", LATCHED)
        self.track.publish(track_markers(track, settings.num_cars))
        # Simulated time must not decide when to look: it may stand still, or run fast.
        self.create_timer(1 / settings.rate, self._look, clock=Clock(clock_type=ClockType.STEADY_TIME))
        self.get_logger().info(f"watching {settings.num_cars} car(s) on {settings.track}")

    def _look(self) -> None:
        for message in waiting(self.reward):
            self.cars[0].reward = message.data
        # A list: each car takes what has come.
        if not any([car.look() for car in self.cars]):
            return
        seen = [car for car in self.cars if car.last]
        shown = [marker for car in seen if car.last for marker in car_markers(car.car, car.last, car.text())]
        self.car_markers.publish(MarkerArray(markers=shown))
        self.lines.publish(MarkerArray(markers=[car.line.marker() for car in seen]))


def _moment(message: Odometry) -> Moment:
    pose = message.pose.pose
    return Moment(
        to_nanoseconds(message.header.stamp),
        pose.position.x,
        pose.position.y,
        to_yaw(pose.orientation),
        message.twist.twist.linear.x,
    )


def main(args: Sequence[str] | None = None) -> int:
    """Run the node."""
    return run(MonitorNode, args)
