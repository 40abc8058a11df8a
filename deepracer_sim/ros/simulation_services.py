"""The simulator's services of simulation_interfaces: exact steps, state, reset, entities, features."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from rclpy.node import Node
from simulation_interfaces.msg import EntityState, Result, SimulationState, SimulatorFeatures
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

from deepracer_sim.ros.conversions import to_time
from deepracer_sim.ros.gazebo_services import FIXED, entity_state, place
from deepracer_sim.ros.simulator import Simulator

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

    Args:
        node: that offers it.
        simulator: that it acts on.
        advance: drives a frame and publishes it.
        changed: called after the cars were put elsewhere, to publish what they see there.
        quit: called when a client wants the simulator to end.
    """

    def __init__(
        self,
        node: Node,
        simulator: Simulator,
        advance: Callable[[], None],
        changed: Callable[[], None],
        quit: Callable[[], None],
    ) -> None:
        self.simulator, self._advance, self._changed, self._quit = simulator, advance, changed, quit
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
            node.create_service(kind, f"~/{name}", answer)

    def _step(self, request: Any, response: Any) -> Any:
        if not self.simulator.is_paused:
            response.result = _result(
                Result.RESULT_INCORRECT_STATE, "the simulation is playing: pause it before it can be stepped"
            )
        elif not 1 <= request.steps <= LARGEST_STEP:
            response.result = _result(
                Result.RESULT_OPERATION_FAILED, f"steps={request.steps}: must be 1 to {LARGEST_STEP}"
            )
        else:
            for _ in range(request.steps):
                self._advance()
            response.result.result = Result.RESULT_OK
        return response

    def _get_simulation_state(self, request: Any, response: Any) -> Any:
        paused = self.simulator.is_paused
        response.state.state = SimulationState.STATE_PAUSED if paused else SimulationState.STATE_PLAYING
        response.result.result = Result.RESULT_OK
        return response

    def _set_simulation_state(self, request: Any, response: Any) -> Any:
        wanted = request.state.state
        response.result.result = Result.RESULT_OK
        if wanted == SimulationState.STATE_STOPPED:
            self.simulator.is_paused = True
            self.simulator.reset_time()
            self.simulator.reset_cars()
            self._changed()
        elif wanted == SimulationState.STATE_QUITTING:
            self._quit()
        elif wanted in (SimulationState.STATE_PLAYING, SimulationState.STATE_PAUSED):
            self.simulator.is_paused = wanted == SimulationState.STATE_PAUSED
        else:
            response.result = _result(
                Result.RESULT_FEATURE_UNSUPPORTED,
                f"state {wanted}: must be 0 stopped, 1 playing, 2 paused or 3 quitting",
            )
        return response

    def _reset(self, request: Any, response: Any) -> Any:
        scope = request.scope or ResetSimulation.Request.SCOPE_ALL
        if scope & ResetSimulation.Request.SCOPE_TIME:
            self.simulator.reset_time()
        if scope & ResetSimulation.Request.SCOPE_STATE:
            self.simulator.reset_cars()
        self._changed()
        response.result.result = Result.RESULT_OK
        return response

    def _get_entities(self, request: Any, response: Any) -> Any:
        try:
            pattern = re.compile(request.filters.filter)
        except re.error as error:
            response.result = _result(
                Result.RESULT_OPERATION_FAILED, f"filter {request.filters.filter!r}: {error}"
            )
            return response
        response.entities = [name for name in self.simulator.names if pattern.search(name)]
        response.result.result = Result.RESULT_OK
        return response

    def _get_entity_state(self, request: Any, response: Any) -> Any:
        response.result = self._found(request.entity)
        if response.result.result == Result.RESULT_OK:
            state = entity_state(self.simulator, self.simulator.names.index(request.entity))
            response.state = EntityState(pose=state.pose, twist=state.twist)
            response.state.header.stamp = to_time(self.simulator.time)
            response.state.header.frame_id = "world"
        return response

    def _set_entity_state(self, request: Any, response: Any) -> Any:
        response.result = self._found(request.entity)
        if response.result.result == Result.RESULT_OK:
            place(self.simulator, request.entity, request.state.pose)
            self._changed()
        return response

    def _found(self, name: str) -> Result:
        if name in self.simulator.names:
            return _result(Result.RESULT_OK)
        return _result(
            Result.RESULT_NOT_FOUND, f"no entity {name!r}: there are {', '.join(self.simulator.names)}"
        )

    def _refuse(self, request: Any, response: Any) -> Any:
        response.result = _result(Result.RESULT_FEATURE_UNSUPPORTED, FIXED)
        return response

    def _get_features(self, request: Any, response: Any) -> Any:
        response.features.features = list(FEATURES)
        response.features.custom_info = "a step is a frame of 1/15 s"
        return response


def _result(code: int, message: str = "") -> Result:
    return Result(result=code, error_message=message)
