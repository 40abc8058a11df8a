"""The simulator's services of simulation_interfaces: exact steps, state, reset, entities, features."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from simulation_interfaces.msg import Result, SimulationState, SimulatorFeatures
from simulation_interfaces.srv import (
    DeleteEntity,
    GetEntities,
    GetEntityState,
    GetSimulationState,
    GetSimulatorFeatures,
    ResetSimulation,
    SetEntityState,
    SetSimulationState,
    SpawnEntity,
    StepSimulation,
)

from deepracer_sim.errors import SettingError
from deepracer_sim.ros.conversions import to_time
from deepracer_sim.ros.gazebo_services import FIXED, pose_and_twist
from deepracer_sim.ros.service_offer import offer

if TYPE_CHECKING:
    from deepracer_sim.ros.world_node import WorldNode

FEATURES = (
    SimulatorFeatures.ENTITY_STATE_GETTING,
    SimulatorFeatures.ENTITY_STATE_SETTING,
    SimulatorFeatures.SIMULATION_RESET,
    SimulatorFeatures.SIMULATION_RESET_TIME,
    SimulatorFeatures.SIMULATION_RESET_STATE,
    SimulatorFeatures.SIMULATION_STATE_GETTING,
    SimulatorFeatures.SIMULATION_STATE_SETTING,
    SimulatorFeatures.SIMULATION_STATE_PAUSE,
    SimulatorFeatures.STEP_SIMULATION_SINGLE,
    SimulatorFeatures.STEP_SIMULATION_MULTIPLE,
)
LARGEST_STEP = 15 * 60
"""Frames that one request may ask for: a minute. Nothing else is answered meanwhile."""


class SimulationServices:
    """What a client of the standard simulation_interfaces finds.

    A car that is put somewhere stands still there, whatever velocity is asked for.

    Args:
        node: the simulator.
    """

    def __init__(self, node: WorldNode) -> None:
        self._node = node
        for kind, name, answer in (
            (StepSimulation, "step_simulation", self._step),
            (GetSimulationState, "get_simulation_state", self._get_simulation_state),
            (SetSimulationState, "set_simulation_state", self._set_simulation_state),
            (ResetSimulation, "reset_simulation", self._reset),
            (GetEntities, "get_entities", self._get_entities),
            (GetEntityState, "get_entity_state", self._get_entity_state),
            (SetEntityState, "set_entity_state", self._set_entity_state),
            (SpawnEntity, "spawn_entity", self._refuse),
            (DeleteEntity, "delete_entity", self._refuse),
            (GetSimulatorFeatures, "get_simulator_features", self._get_features),
        ):
            offer(node, kind, f"~/{name}", answer)

    @property
    def _state(self) -> int:
        simulator = self._node.simulator
        if not simulator.is_paused:
            return int(SimulationState.STATE_PLAYING)
        return int(SimulationState.STATE_STOPPED if simulator.is_stopped else SimulationState.STATE_PAUSED)

    def _step(self, request: Any, response: Any) -> None:
        if self._state != SimulationState.STATE_PAUSED:
            doing = "stopped" if self._state == SimulationState.STATE_STOPPED else "playing"
            response.result = _result(
                Result.RESULT_INCORRECT_STATE,
                f"the simulation is {doing}: set its state to 2 (paused) before it is stepped",
            )
        elif not 1 <= request.steps <= LARGEST_STEP:
            response.result = _result(
                Result.RESULT_OPERATION_FAILED, f"steps={request.steps}: must be 1 to {LARGEST_STEP}"
            )
        else:
            for _ in range(request.steps):
                self._node.advance()
                if not self._node.context.ok():
                    break
            response.result.result = Result.RESULT_OK

    def _get_simulation_state(self, request: Any, response: Any) -> None:
        response.state.state = self._state
        response.result.result = Result.RESULT_OK

    def _set_simulation_state(self, request: Any, response: Any) -> None:
        wanted = request.state.state
        response.result.result = Result.RESULT_OK
        if wanted not in (
            SimulationState.STATE_STOPPED,
            SimulationState.STATE_PLAYING,
            SimulationState.STATE_PAUSED,
            SimulationState.STATE_QUITTING,
        ):
            response.result = _result(
                Result.RESULT_FEATURE_UNSUPPORTED,
                f"state {wanted}: must be 0 stopped, 1 playing, 2 paused or 3 quitting",
            )
        elif wanted == self._state:
            response.result = _result(
                SetSimulationState.Response.ALREADY_IN_TARGET_STATE, f"the state is {wanted} already"
            )
        elif wanted == SimulationState.STATE_QUITTING:
            self._node.quit()
        else:
            self._node.pause(wanted != SimulationState.STATE_PLAYING)
            if wanted == SimulationState.STATE_STOPPED:
                self._node.simulator.is_stopped = True
                self._node.reset(clock=True, cars=True)

    def _reset(self, request: Any, response: Any) -> None:
        scopes = ResetSimulation.Request
        scope = request.scope or scopes.SCOPE_ALL
        known = scopes.SCOPE_TIME + scopes.SCOPE_STATE + scopes.SCOPE_SPAWNED
        if scope > known and scope != scopes.SCOPE_ALL:
            response.result = _result(
                Result.RESULT_FEATURE_UNSUPPORTED,
                f"scope {scope}: must be a sum of 1 time, 2 state and 4 spawned, or 255",
            )
            return
        self._node.reset(clock=bool(scope & scopes.SCOPE_TIME), cars=bool(scope & scopes.SCOPE_STATE))
        response.result.result = Result.RESULT_OK

    def _get_entities(self, request: Any, response: Any) -> None:
        filters = request.filters
        if filters.categories or filters.tags.tags or filters.bounds.points:
            response.result = _result(
                Result.RESULT_FEATURE_UNSUPPORTED, "cars have no categories, tags or bounds: filter by name"
            )
            return
        try:
            pattern = re.compile(filters.filter)
        except re.error as error:
            response.result = _result(Result.RESULT_OPERATION_FAILED, f"filter {filters.filter!r}: {error}")
            return
        response.entities = [name for name in self._node.simulator.names if pattern.search(name)]
        response.result.result = Result.RESULT_OK

    def _get_entity_state(self, request: Any, response: Any) -> None:
        simulator, state = self._node.simulator, response.state
        try:
            car = simulator.index(request.entity)
        except SettingError as error:
            response.result = _result(Result.RESULT_NOT_FOUND, str(error))
            return
        state.pose, state.twist = pose_and_twist(simulator, car)
        state.header.stamp, state.header.frame_id = to_time(simulator.time), "world"
        response.result.result = Result.RESULT_OK

    def _set_entity_state(self, request: Any, response: Any) -> None:
        try:
            self._node.place(request.entity, request.state.pose, request.state.header.frame_id)
        except SettingError as error:
            known = request.entity in self._node.simulator.names
            code = SetEntityState.Response.INVALID_POSE if known else Result.RESULT_NOT_FOUND
            response.result = _result(code, str(error))
            return
        response.result.result = Result.RESULT_OK

    def _refuse(self, request: Any, response: Any) -> None:
        response.result = _result(Result.RESULT_FEATURE_UNSUPPORTED, FIXED)

    def _get_features(self, request: Any, response: Any) -> None:
        response.features.features = list(FEATURES)
        response.features.custom_info = "a step is a frame of 1/15 s"


def _result(code: int, message: str = "") -> Result:
    return Result(result=code, error_message=message)
