"""A world_node whose topics are all listened to, and what it published of each frame."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("rclpy", reason="ROS 2 is not installed: make ros")

from ackermann_msgs.msg import AckermannDriveStamped
from deepracer_interfaces_pkg.msg import ServoCtrlMsg
from gazebo_msgs.msg import ModelStates
from geometry_msgs.msg import Twist
from nav_msgs.msg import Odometry
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CameraInfo, Image, JointState
from simulated_world import SimulatedWorld, simulated_world
from std_msgs.msg import Bool
from tf2_msgs.msg import TFMessage

from deepracer_sim.ros.conversions import to_nanoseconds, to_yaw
from deepracer_sim.ros.simulator import Simulator

TOPICS = {
    "/camera/image_raw": Image,
    "/camera/camera_info": CameraInfo,
    "/odom": Odometry,
    "/joint_states": JointState,
    "/tf": TFMessage,
    "/off_track": Bool,
    "/model_states": ModelStates,
    "/clock": Clock,
}


class Listener:
    """What a world_node published.

    Attributes:
        world: the node and its user.
        heard: messages of each topic.
    """

    def __init__(self, world: SimulatedWorld) -> None:
        self.world = world
        self.heard: dict[str, list[Any]] = {
            topic: world.peer.hear(kind, topic) for topic, kind in TOPICS.items()
        }
        # The node knows its listeners once all of them have heard something.
        self._repeat(lambda: None, lambda: all(self.heard.values()))
        # Who publishes knows of a listener before that one hears anything.
        for topic, message in (
            ("/drive", ackermann(0.0, 1.0)),
            ("/cmd_vel", twist(1.0, 0.0)),
            ("/ctrl_pkg/servo_msg", ServoCtrlMsg(throttle=1.0)),
        ):
            self.start_anew()
            self._repeat(
                lambda topic=topic, message=message: world.peer.say(topic, message),
                lambda: self.heard["/odom"] and self.heard["/odom"][-1].twist.twist.linear.x > 0,
            )

    def _repeat(self, act, is_done) -> None:
        for _ in range(100):
            act()
            self.world.step()
            self.world.peer.spin(0.05)
            if is_done():
                return
        pytest.fail("nobody listens")

    def start_anew(self) -> None:
        """Set everything back and forget what was heard."""
        self.world.start_anew()
        self.world.peer.spin(0.1)
        for messages in self.heard.values():
            messages.clear()

    def drive(self, steering_angle: float, speed: float) -> Simulator:
        """Command the car; return a twin that stands at the start with the same command."""
        message = ackermann(steering_angle, speed)
        self.world.peer.say("/drive", message)
        return self.twin_driven(message.drive.steering_angle, message.drive.speed)

    def twin_driven(self, steering_angle: float, speed: float) -> Simulator:
        """Return a twin that stands at the start and has a command."""
        twin = self.world.twin()
        twin.drive(0, steering_angle, speed)
        return twin

    def step(self, twin: Simulator, steps: int = 1) -> SimpleNamespace:
        """Step the node and its twin; return what was heard of the last frame."""
        heard, peer = self.heard, self.world.peer
        self.world.step(steps)
        for _ in range(steps):
            twin.advance()

        def is_complete() -> bool:
            if not all(len(messages) >= steps for messages in heard.values()):
                return False
            last = {topic: messages[-1] for topic, messages in heard.items()}
            stamps = [last["/clock"].clock, last["/tf"].transforms[0].header.stamp]
            stamps += [message.header.stamp for message in last.values() if hasattr(message, "header")]
            is_newest = all(to_nanoseconds(stamp) == twin.time for stamp in stamps)
            return is_newest and last["/model_states"].pose[0] == last["/odom"].pose.pose

        peer.until(is_complete, f"the frame of {twin.time} ns")
        last = {topic: messages[-1] for topic, messages in heard.items()}
        return SimpleNamespace(
            image=last["/camera/image_raw"],
            info=last["/camera/camera_info"],
            odometry=last["/odom"],
            joints=last["/joint_states"],
            transform=last["/tf"].transforms[0],
            off_track=last["/off_track"],
            models=last["/model_states"],
        )


@contextmanager
def listener(track: Path, folder: Path) -> Iterator[Listener]:
    """Run a paused world_node with one car and listen to it."""
    with simulated_world(track, folder) as world:
        yield Listener(world)


def odometry_numbers(message: Odometry) -> tuple[float, ...]:
    """Return the same as `simulated_world.numbers` of a state."""
    pose, motion = message.pose.pose, message.twist.twist
    yaw = to_yaw(pose.orientation)
    return (
        pose.position.x,
        pose.position.y,
        yaw,
        motion.linear.x,
        motion.linear.y,
        motion.angular.z,
    )


def ackermann(steering_angle: float, speed: float) -> AckermannDriveStamped:
    """Return a command."""
    message = AckermannDriveStamped()
    message.drive.steering_angle, message.drive.speed = steering_angle, speed
    return message


def twist(speed: float, turn: float) -> Twist:
    """Return a command."""
    message = Twist()
    message.linear.x, message.angular.z = speed, turn
    return message
