"""The topics of one simulated car: what it publishes and the commands that it listens to."""

from __future__ import annotations

import math
from typing import Any

from geometry_msgs.msg import TransformStamped, Twist
from nav_msgs.msg import Odometry
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CameraInfo, Image, JointState
from std_msgs.msg import Bool
from tf2_msgs.msg import TFMessage

from deepracer_sim.car import MAX_STEERING_ANGLE, WHEELBASE
from deepracer_sim.ros.car_camera import CarCamera
from deepracer_sim.ros.conversions import to_camera_info, to_image, to_pose, to_time, to_transform
from deepracer_sim.ros.lean_node import LeanNode, waiting
from deepracer_sim.ros.simulator import Simulator
from deepracer_sim.settings import CameraSettings
from deepracer_sim.starting_grid import car_namespaces

LATEST = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
"""How the car's own nodes listen to commands: only the newest one counts."""
WHEEL_RADIUS = 0.036
"""Metres."""
WHEEL_JOINTS = [f"{end}_{axle}_wheel_joint" for axle in ("rear", "front") for end in ("left", "right")]
STEERING_JOINTS = ["left_steering_hinge_joint", "right_steering_hinge_joint"]


def speed_of(throttle: float, full_speed: float) -> float:
    """Return the speed in m/s at which the car's own navigation node gives this throttle, -1 to 1.

    That node turns the share r of the full speed into the throttle 2.2 r - 1.2 r^2, at most 1.
    """
    size = min(abs(throttle), 1.0)
    share = 1.0 if size == 1.0 else (2.2 - math.sqrt(2.2**2 - 4.8 * size)) / 2.4
    return math.copysign(share * full_speed, throttle)


class CarTopics:
    """Publishes one car's senses and hands its commands to the simulator.

    Args:
        node: whose topics.
        simulator: where the car drives.
        car: its index there.
        camera: the size of its pictures.
        full_speed: m/s at full throttle.
    """

    def __init__(
        self, node: LeanNode, simulator: Simulator, car: int, camera: CameraSettings, full_speed: float
    ) -> None:
        self.simulator, self.car, self.full_speed = simulator, car, full_speed
        self._log = node.get_logger()
        self.namespace = car_namespaces(simulator.world.num_cars)[car]
        self.frames = f"{self.namespace[1:]}/" if self.namespace else ""
        self._listen(node)
        space = self.namespace
        self.image = node.create_publisher(Image, f"{space}/camera/image_raw", 5)
        self.car_camera = CarCamera(node, space)
        self.info = node.create_publisher(CameraInfo, f"{space}/camera/camera_info", 5)
        self.odometry = node.create_publisher(Odometry, f"{space}/odom", 10)
        self.joints = node.create_publisher(JointState, f"{space}/joint_states", 10)
        self.off_track = node.create_publisher(Bool, f"{space}/off_track", 10)
        self.transforms = node.create_publisher(TFMessage, "/tf", 100)
        # Messages that are filled in anew for each frame.
        self._info = to_camera_info(camera, f"{self.frames}camera_optical_frame")
        self._odometry = Odometry(child_frame_id=f"{self.frames}base_link")
        self._odometry.header.frame_id = "odom"
        self._joints = JointState(name=STEERING_JOINTS + WHEEL_JOINTS)
        self._transform = TransformStamped(child_frame_id=f"{self.frames}base_link")
        self._transform.header.frame_id = "odom"

    def _listen(self, node: LeanNode) -> None:
        self._commands = [(node.listen(Twist, f"{self.namespace}/cmd_vel", LATEST), self._on_twist)]
        try:
            from ackermann_msgs.msg import AckermannDriveStamped
        except ImportError:
            node.get_logger().info("ackermann_msgs is not installed: no topic drive", once=True)
        else:
            topic = f"{self.namespace}/drive"
            self._commands.append((node.listen(AckermannDriveStamped, topic, LATEST), self._on_drive))
        try:
            from deepracer_interfaces_pkg.msg import ServoCtrlMsg
        except ImportError:
            node.get_logger().info(
                "deepracer_interfaces_pkg is not installed: no topic ctrl_pkg/servo_msg", once=True
            )
        else:
            topic = f"{self.namespace}/ctrl_pkg/servo_msg"
            self._commands.append((node.listen(ServoCtrlMsg, topic, LATEST), self._on_servo))

    def take_commands(self) -> None:
        """Hand the commands that have come since the last frame to the simulator."""
        for subscription, act in self._commands:
            for message in waiting(subscription):
                act(message)

    def _on_servo(self, message: Any) -> None:
        # The car's servo node drops what is out of range, too.
        if not (abs(message.angle) <= 1 and abs(message.throttle) <= 1):
            self._ignore(
                "servo_msg", f"angle={message.angle:g}, throttle={message.throttle:g}: must be -1 to 1"
            )
            return
        speed = speed_of(message.throttle, self.full_speed)
        self.simulator.drive(self.car, message.angle * MAX_STEERING_ANGLE, speed)

    def _on_drive(self, message: Any) -> None:
        self._drive("drive", message.drive.steering_angle, message.drive.speed)

    def _on_twist(self, message: Twist) -> None:
        speed, turn = message.linear.x, message.angular.z
        self._drive("cmd_vel", math.atan(WHEELBASE * turn / speed) if speed else 0.0, speed)

    def _drive(self, topic: str, steering_angle: float, speed: float) -> None:
        if not (math.isfinite(steering_angle) and math.isfinite(speed)):
            self._ignore(topic, f"steering angle {steering_angle:g}, speed {speed:g}: must be finite")
            return
        steering_angle = max(-MAX_STEERING_ANGLE, min(MAX_STEERING_ANGLE, steering_angle))
        speed = max(-self.full_speed, min(self.full_speed, speed))
        self.simulator.drive(self.car, steering_angle, speed)

    def _ignore(self, topic: str, reason: str) -> None:
        self._log.warning(f"{self.namespace}/{topic} ignored: {reason}", throttle_duration_sec=5.0)

    def publish_motion(self) -> None:
        """Publish where the car is and how it moves; only what somebody listens to."""
        simulator, time = self.simulator, to_time(self.simulator.time)
        motion = simulator.motion(self.car)
        pose = to_pose(motion.x, motion.y, motion.yaw)
        if self.odometry.get_subscription_count():
            message = self._odometry
            message.header.stamp, message.pose.pose = time, pose
            twist = message.twist.twist
            twist.linear.x, twist.linear.y = motion.forward_speed, motion.lateral_speed
            twist.angular.z = motion.yaw_rate
            self.odometry.publish(message)
        if self.joints.get_subscription_count():
            turned = simulator.travelled[self.car] / WHEEL_RADIUS
            turning = motion.forward_speed / WHEEL_RADIUS
            joints = self._joints
            joints.header.stamp = time
            # Both hinges get the same angle, as in AWS's simulator.
            joints.position = [motion.steering_angle] * 2 + [turned] * 4
            joints.velocity = [0.0] * 2 + [turning] * 4
            self.joints.publish(joints)
        if self.transforms.get_subscription_count():
            transform = self._transform
            transform.header.stamp, transform.transform = time, to_transform(pose)
            self.transforms.publish(TFMessage(transforms=[transform]))
        if self.info.get_subscription_count():
            self._info.header.stamp = time
            self.info.publish(self._info)
        if self.off_track.get_subscription_count():
            self.off_track.publish(Bool(data=bool(simulator.off_track()[self.car])))

    def publish_picture(self, pictures: Any) -> None:
        """Publish what the car sees now, `pictures` (N, H, W, C) being that of all cars."""
        pixels, time = pictures[self.car], self.simulator.time
        if self.image.get_subscription_count():
            self.image.publish(to_image(pixels, f"{self.frames}camera_optical_frame", time))
        if self.car_camera.is_watched():
            self.car_camera.publish(pixels, time)

    def is_watched(self) -> bool:
        """Tell whether somebody wants the picture."""
        return self.image.get_subscription_count() > 0 or self.car_camera.is_watched()
