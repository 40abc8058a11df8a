"""Gazebo Classic's services and topics, offered by the simulator: gazebo_msgs and the pausing of physics."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from gazebo_msgs.msg import EntityState, ModelStates
from gazebo_msgs.srv import DeleteEntity, GetEntityState, GetModelList, SetEntityState, SpawnEntity
from rclpy.node import Node
from std_srvs.srv import Empty

from deepracer_sim.ros.conversions import to_pose, to_time, to_yaw
from deepracer_sim.ros.simulator import Simulator

FIXED = "the cars of this simulator are fixed when it starts: set its parameter num_cars"


class GazeboServices:
    """What a client of Gazebo Classic's ROS plugins finds, at the same names.

    Args:
        node: that offers it.
        simulator: that it acts on.
        changed: called after the cars were put elsewhere, to publish what they see there.
    """

    def __init__(self, node: Node, simulator: Simulator, changed: Callable[[], None]) -> None:
        self.simulator, self._changed = simulator, changed
        self.models = node.create_publisher(ModelStates, "/model_states", 10)
        for name, act in (
            ("/pause_physics", self._pause),
            ("/unpause_physics", self._unpause),
            ("/reset_simulation", self._reset_simulation),
            ("/reset_world", self._reset_world),
        ):
            node.create_service(Empty, name, act)
        node.create_service(SetEntityState, "/set_entity_state", self._set_state)
        node.create_service(GetEntityState, "/get_entity_state", self._get_state)
        node.create_service(GetModelList, "/get_model_list", self._list)
        node.create_service(SpawnEntity, "/spawn_entity", self._refuse)
        node.create_service(DeleteEntity, "/delete_entity", self._refuse)

    def publish(self) -> None:
        """Publish where all cars are, if somebody listens."""
        if not self.models.get_subscription_count():
            return
        entities = [entity_state(self.simulator, car) for car in range(self.simulator.world.num_cars)]
        self.models.publish(
            ModelStates(
                name=self.simulator.names,
                pose=[entity.pose for entity in entities],
                twist=[entity.twist for entity in entities],
            )
        )

    def _pause(self, request: Empty.Request, response: Empty.Response) -> Empty.Response:
        self.simulator.is_paused = True
        return response

    def _unpause(self, request: Empty.Request, response: Empty.Response) -> Empty.Response:
        self.simulator.is_paused = False
        return response

    def _reset_simulation(self, request: Empty.Request, response: Empty.Response) -> Empty.Response:
        self.simulator.reset_time()
        return self._reset_world(request, response)

    def _reset_world(self, request: Empty.Request, response: Empty.Response) -> Empty.Response:
        self.simulator.reset_cars()
        self._changed()
        return response

    def _set_state(self, request: Any, response: Any) -> Any:
        state = request.state
        response.success = state.name in self.simulator.names and state.reference_frame in (
            "",
            "world",
            "map",
        )
        if response.success:
            place(self.simulator, state.name, state.pose)
            self._changed()
        return response

    def _get_state(self, request: Any, response: Any) -> Any:
        response.success = request.name in self.simulator.names
        if response.success:
            response.state = entity_state(self.simulator, self.simulator.names.index(request.name))
            response.header.stamp = to_time(self.simulator.time)
            response.header.frame_id = "world"
        return response

    def _list(self, request: Any, response: Any) -> Any:
        response.model_names, response.success = self.simulator.names, True
        response.header.stamp = to_time(self.simulator.time)
        return response

    def _refuse(self, request: Any, response: Any) -> Any:
        response.success, response.status_message = False, FIXED
        return response


def place(simulator: Simulator, name: str, pose: Any) -> None:
    """Put the car of that name at a `geometry_msgs/Pose`, at rest."""
    target = torch.tensor([[pose.position.x, pose.position.y, to_yaw(pose.orientation)]])
    simulator.place([simulator.names.index(name)], target)


def entity_state(simulator: Simulator, car: int) -> EntityState:
    """Return a car's pose, and its velocity in the world's axes, as Gazebo has it."""
    state = simulator.state()
    yaw = float(state.yaw[car])
    forward, lateral = float(state.forward_speed[car]), float(state.lateral_speed[car])
    entity = EntityState(name=simulator.names[car], reference_frame="world")
    entity.pose = to_pose(float(state.x[car]), float(state.y[car]), yaw)
    entity.twist.linear.x = forward * math.cos(yaw) - lateral * math.sin(yaw)
    entity.twist.linear.y = forward * math.sin(yaw) + lateral * math.cos(yaw)
    entity.twist.angular.z = float(state.yaw_rate[car])
    return entity
