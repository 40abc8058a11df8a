"""Gazebo Classic's services and topics, offered by the simulator: gazebo_msgs and the pausing of physics."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from geometry_msgs.msg import Pose, Twist
from std_srvs.srv import Empty

from deepracer_sim.errors import SettingError
from deepracer_sim.ros.conversions import to_pose, to_time
from deepracer_sim.ros.service_offer import offer
from deepracer_sim.ros.simulator import Simulator

if TYPE_CHECKING:
    from deepracer_sim.ros.world_node import WorldNode

FIXED = "the cars of this simulator are fixed when it starts: set its parameter num_cars"
WORLD_FRAMES = ("", "world", "map", "odom")
"""Names of the one frame in which poses are given."""


class GazeboServices:
    """What a client of Gazebo Classic's ROS plugins finds, at the same names.

    A car that is put somewhere stands still there, whatever velocity is asked for.

    Args:
        node: the simulator.
    """

    def __init__(self, node: WorldNode) -> None:
        self._node = node
        self._models: Any = None
        offer(node, Empty, "/pause_physics", lambda *_: node.pause(True))
        offer(node, Empty, "/unpause_physics", lambda *_: node.pause(False))
        offer(node, Empty, "/reset_simulation", lambda *_: node.reset(clock=True, cars=True))
        offer(node, Empty, "/reset_world", lambda *_: node.reset(clock=False, cars=True))
        try:
            from gazebo_msgs import msg, srv
        except ImportError:
            node.get_logger().info("gazebo_msgs is not installed: no entity services, no topic /model_states")
            return
        self._models = node.create_publisher(msg.ModelStates, "/model_states", 10)
        offer(node, srv.SetEntityState, "/set_entity_state", self._set_state)
        offer(node, srv.GetEntityState, "/get_entity_state", self._get_state)
        offer(node, srv.GetModelList, "/get_model_list", self._list)
        offer(node, srv.SpawnEntity, "/spawn_entity", self._refuse)
        offer(node, srv.DeleteEntity, "/delete_entity", self._refuse)

    def publish(self) -> None:
        """Publish where all cars are, if somebody listens."""
        if self._models is None or not self._models.get_subscription_count():
            return
        simulator = self._node.simulator
        moving = [pose_and_twist(simulator, car) for car in range(simulator.world.num_cars)]
        message = self._models.msg_type(name=simulator.names)
        message.pose, message.twist = [pose for pose, _ in moving], [twist for _, twist in moving]
        self._models.publish(message)

    def _set_state(self, request: Any, response: Any) -> None:
        state = request.state
        try:
            self._node.place(state.name, state.pose, state.reference_frame)
        except SettingError as error:
            # The response has no room for a reason.
            self._node.get_logger().warning(f"/set_entity_state: {error}")
            return
        response.success = True

    def _get_state(self, request: Any, response: Any) -> None:
        simulator, state = self._node.simulator, response.state
        if request.name not in simulator.names or request.reference_frame not in WORLD_FRAMES:
            return
        state.pose, state.twist = pose_and_twist(simulator, simulator.index(request.name))
        state.name, state.reference_frame = request.name, "world"
        response.header.stamp, response.header.frame_id = to_time(simulator.time), "world"
        response.success = True

    def _list(self, request: Any, response: Any) -> None:
        response.model_names, response.success = self._node.simulator.names, True
        response.header.stamp = to_time(self._node.simulator.time)

    def _refuse(self, request: Any, response: Any) -> None:
        response.status_message = FIXED


def pose_and_twist(simulator: Simulator, car: int) -> tuple[Pose, Twist]:
    """Return a car's pose, and its velocity in the world's axes, as simulators have it."""
    motion = simulator.motion(car)
    yaw, forward, lateral = motion.yaw, motion.forward_speed, motion.lateral_speed
    twist = Twist()
    twist.linear.x = forward * math.cos(yaw) - lateral * math.sin(yaw)
    twist.linear.y = forward * math.sin(yaw) + lateral * math.cos(yaw)
    twist.angular.z = motion.yaw_rate
    return to_pose(motion.x, motion.y, yaw), twist
