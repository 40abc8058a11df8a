"""The lifecycle of a node for an rclpy that has none: ROS 2 Foxy and Galactic."""

from __future__ import annotations

from enum import Enum
from typing import Any

from lifecycle_msgs.msg import State, TransitionDescription
from lifecycle_msgs.srv import ChangeState, GetAvailableTransitions, GetState
from rclpy.node import Node

UNCONFIGURED, INACTIVE, ACTIVE, FINALIZED = "unconfigured", "inactive", "active", "finalized"
STATES = {UNCONFIGURED: 1, INACTIVE: 2, ACTIVE: 3, FINALIZED: 4}
"""By their numbers in lifecycle_msgs."""
TRANSITIONS = {
    (UNCONFIGURED, "configure"): (1, INACTIVE),
    (INACTIVE, "cleanup"): (2, UNCONFIGURED),
    (INACTIVE, "activate"): (3, ACTIVE),
    (ACTIVE, "deactivate"): (4, INACTIVE),
    (UNCONFIGURED, "shutdown"): (5, FINALIZED),
    (INACTIVE, "shutdown"): (6, FINALIZED),
    (ACTIVE, "shutdown"): (7, FINALIZED),
}
"""From a state by a transition: its number in lifecycle_msgs, and the state that it leads to."""


class Outcome(Enum):
    """Of a transition."""

    SUCCESS = 0
    FAILURE = 1
    ERROR = 2


class PlainLifecycleNode(Node):
    """A node with the states and services of a managed one, for `ros2 lifecycle` and launch.

    A transition that fails leaves the state as it was; one that raises calls `on_error` and leads to
    unconfigured; one that is not possible now is refused.
    """

    def __init__(self, name: str, **options: Any) -> None:
        super().__init__(name, **options)
        self._state = UNCONFIGURED
        self.create_service(ChangeState, "~/change_state", self._on_change_state)
        self.create_service(GetState, "~/get_state", self._on_get_state)
        self.create_service(GetAvailableTransitions, "~/get_available_transitions", self._on_get_transitions)

    def transition(self, name: str) -> bool:
        """Configure, activate, deactivate, cleanup or shutdown; tell whether it happened."""
        if (self._state, name) not in TRANSITIONS:
            self.get_logger().warning(f"transition refused: cannot {name} a node that is {self._state}")
            return False
        try:
            outcome = getattr(self, f"on_{name}")(None)
        except Exception as error:
            # As in rclpy: whatever goes wrong, it ends in a safe state.
            self.get_logger().error(f"{name}: {error}")
            outcome = Outcome.ERROR
        if outcome == Outcome.SUCCESS:
            self._state = TRANSITIONS[self._state, name][1]
        elif outcome == Outcome.ERROR:
            self.on_error(None)
            self._state = UNCONFIGURED
        return bool(outcome == Outcome.SUCCESS)

    def on_error(self, state: Any) -> Outcome:
        """Make everything safe."""
        return Outcome.SUCCESS

    def _possible(self) -> list[tuple[int, str, str]]:
        return [
            (number, name, goal)
            for (start, name), (number, goal) in TRANSITIONS.items()
            if start == self._state
        ]

    def _on_change_state(self, request: Any, response: Any) -> Any:
        wanted = request.transition
        names = [name for number, name, _ in self._possible() if wanted.label == name or wanted.id == number]
        response.success = bool(names) and self.transition(names[0])
        return response

    def _on_get_state(self, request: Any, response: Any) -> Any:
        response.current_state = State(id=STATES[self._state], label=self._state)
        return response

    def _on_get_transitions(self, request: Any, response: Any) -> Any:
        for number, name, goal in self._possible():
            description = TransitionDescription()
            description.transition.id, description.transition.label = number, name
            description.start_state = State(id=STATES[self._state], label=self._state)
            description.goal_state = State(id=STATES[goal], label=goal)
            response.available_transitions.append(description)
        return response
