"""Two ways to move a simulator on over ROS: in exact steps, or running freely as Gazebo does."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from geometry_msgs.msg import Pose
from rclpy.client import Client

from deepracer_sim.errors import DeepRacerError
from deepracer_sim.ros.connection import Connection
from deepracer_sim.ros.conversions import to_nanoseconds, to_pose, to_yaw
from deepracer_sim.ros.simulator import NANOSECONDS
from deepracer_sim.world import STEP_TIME

FRAME = round(STEP_TIME * NANOSECONDS)
"""Nanoseconds a step of the environment."""
PLACE_TOLERANCE = 0.02
"""Metres and radians that a car may be away from where it was put."""
GroundPose = tuple[float, float, float]
"""x, y in metres, yaw in radians."""


class SimulatorError(DeepRacerError):
    """A simulator that refuses what it was asked for."""


class StepError(SimulatorError):
    """A first step of a wrong length: the simulator is of another kind, or somebody else moves it too."""


@dataclass(frozen=True)
class Placement:
    """When cars were put elsewhere.

    Attributes:
        time: simulated, nanoseconds; what is earlier shows the cars where they were before.
        is_shown: a picture of exactly that time follows. If not, the next one comes when time goes on.
    """

    time: int
    is_shown: bool


class SimulatorClient(Protocol):
    """What `RosWorld` needs of a simulator, whichever services it has.

    Attributes:
        is_exact: a step is exactly one frame.
    """

    is_exact: bool

    def names(self) -> list[str]:
        """Return the entities in the simulator."""
        ...

    def place(self, poses: Mapping[str, GroundPose]) -> Placement:
        """Put cars (by name) at rest at poses."""
        ...

    def go_on(self) -> None:
        """Let time go on; a frame will follow."""
        ...

    def hold(self) -> None:
        """Let time stand still until `go_on`."""
        ...


class SteppedSimulator:
    """A simulator with the services of simulation_interfaces: a step is exactly so long, or refused.

    Args:
        connection: to use.
        prefix: of its services, as "/world_node" or ros_gz's "/gzserver".
    """

    is_exact = True

    def __init__(self, connection: Connection, prefix: str = "/world_node") -> None:
        from simulation_interfaces import msg, srv

        self._connection, self._msg, self._srv = connection, msg, srv

        def client(kind: type, name: str) -> Client:
            return connection.node.create_client(kind, f"{prefix}/{name}")

        self._step = client(srv.StepSimulation, "step_simulation")
        self._state = client(srv.SetSimulationState, "set_simulation_state")
        self._list = client(srv.GetEntities, "get_entities")
        self._set = client(srv.SetEntityState, "set_entity_state")
        self._get = client(srv.GetEntityState, "get_entity_state")
        self._steps: int | None = None

    def names(self) -> list[str]:
        """Return the entities in the simulator."""
        answer = self._connection.call(self._list, self._srv.GetEntities.Request())
        self._check(self._list, answer.result)
        return list(answer.entities)

    def hold(self) -> None:
        """Pause, so that steps are accepted."""
        request = self._srv.SetSimulationState.Request()
        request.state.state = self._msg.SimulationState.STATE_PAUSED
        result = self._connection.call(self._state, request).result
        if result.result != self._srv.SetSimulationState.Response.ALREADY_IN_TARGET_STATE:
            self._check(self._state, result)

    def place(self, poses: Mapping[str, GroundPose]) -> Placement:
        """Put cars at poses, and read back that they are there: some simulators say yes to any name."""
        before = after = self._pose_of(next(iter(poses)))[1]
        for name, pose in poses.items():
            request = self._srv.SetEntityState.Request(entity=name)
            request.state.pose = to_pose(*pose)
            request.state.header.frame_id = "world"
            self._check(self._set, self._connection.call(self._set, request).result)
            placed, after = self._pose_of(name)
            check_place(name, pose, placed)
        return Placement(after, is_shown=after > before)

    def _pose_of(self, name: str) -> tuple[Pose, int]:
        answer = self._connection.call(self._get, self._srv.GetEntityState.Request(entity=name))
        self._check(self._get, answer.result)
        return answer.state.pose, to_nanoseconds(answer.state.header.stamp)

    def go_on(self) -> None:
        """Step the simulator by a frame."""
        if self._steps is None:
            self._steps = self._measure_steps()
        self._advance(self._steps)

    def _advance(self, steps: int) -> None:
        request = self._srv.StepSimulation.Request(steps=steps)
        self._check(self._step, self._connection.call(self._step, request).result)

    def _measure_steps(self) -> int:
        """Return how many of the simulator's own steps make a frame, by making one."""
        name = self.names()[0]
        before = self._pose_of(name)[1]
        self._advance(1)
        step = self._pose_of(name)[1] - before
        if step <= 0 or step > 1.01 * FRAME:
            raise StepError(
                f"{self._step.srv_name} moved the time by {step / NANOSECONDS:g} s: must be above 0 and at "
                "most 1/15 s"
            )
        return round(FRAME / step)

    def _check(self, client: Client, result: Any) -> None:
        if result.result != self._msg.Result.RESULT_OK:
            raise SimulatorError(f"{client.srv_name} failed ({result.result}): {result.error_message}")


class FreeSimulator:
    """A simulator with Gazebo Classic's services: it runs at its own pace unless its physics is paused.

    Args:
        connection: to use.
        prefix: of its state services: "" or "/gazebo".
    """

    is_exact = False

    def __init__(self, connection: Connection, prefix: str = "") -> None:
        from gazebo_msgs import srv
        from std_srvs.srv import Empty

        self._connection, self._srv, self._empty = connection, srv, Empty
        node = connection.node
        self._pause = node.create_client(Empty, "/pause_physics")
        self._unpause = node.create_client(Empty, "/unpause_physics")
        self._list = node.create_client(srv.GetModelList, "/get_model_list")
        self._set = node.create_client(srv.SetEntityState, f"{prefix}/set_entity_state")
        self._get = node.create_client(srv.GetEntityState, f"{prefix}/get_entity_state")
        self._is_held = True

    def names(self) -> list[str]:
        """Return the models in the simulator."""
        return list(self._connection.call(self._list, self._srv.GetModelList.Request()).model_names)

    def hold(self) -> None:
        """Pause physics."""
        self._connection.call(self._pause, self._empty.Request())
        self._is_held = True

    def go_on(self) -> None:
        """Unpause physics."""
        if self._is_held:
            self._connection.call(self._unpause, self._empty.Request())
            self._is_held = False

    def place(self, poses: Mapping[str, GroundPose]) -> Placement:
        """Put models at poses while physics is paused, and read back that they are there."""
        self.hold()
        before = after = self._pose_of(next(iter(poses)))[1]
        for name, pose in poses.items():
            request = self._srv.SetEntityState.Request()
            request.state.name, request.state.pose = name, to_pose(*pose)
            if not self._connection.call(self._set, request).success:
                raise SimulatorError(f"{self._set.srv_name} failed: there is no model {name!r}")
            placed, after = self._pose_of(name)
            check_place(name, pose, placed)
        return Placement(after, is_shown=after > before)

    def _pose_of(self, name: str) -> tuple[Pose, int]:
        answer = self._connection.call(self._get, self._srv.GetEntityState.Request(name=name))
        if not answer.success:
            raise SimulatorError(f"{self._get.srv_name} failed: there is no model {name!r}")
        return answer.state.pose, to_nanoseconds(answer.header.stamp)


def check_place(name: str, wanted: GroundPose, found: Pose) -> None:
    """Refuse a car that is not where it was put.

    Raises:
        SimulatorError: it is further away than `PLACE_TOLERANCE`.
    """
    x, y, yaw = wanted
    away = math.hypot(found.position.x - x, found.position.y - y)
    turned = abs(math.remainder(to_yaw(found.orientation) - yaw, math.tau))
    if max(away, turned) > PLACE_TOLERANCE:
        raise SimulatorError(
            f"{name} was put at ({x:.3f}, {y:.3f}), {yaw:.3f} rad and is {away:.3f} m and {turned:.3f} rad "
            f"away: must be at most {PLACE_TOLERANCE}; is there an entity of this name?"
        )
