"""An inference node that runs elsewhere: what it says of itself, and what it is asked to do."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray
from lifecycle_msgs.msg import State, Transition
from lifecycle_msgs.srv import ChangeState, GetState
from rcl_interfaces.msg import Log
from rcl_interfaces.srv import DescribeParameters, GetParameters, SetParameters
from rclpy.node import Node
from rclpy.parameter import Parameter, parameter_value_to_python
from rclpy.qos import DurabilityPolicy, QoSProfile
from std_msgs.msg import String
from std_srvs.srv import Trigger

from deepracer_inference.parameters import CAMERAS

PARAMETERS = ("cap", "max_speed", "model", "camera", "camera_topic", "output")
PATIENCE = 1.0
"""Seconds after which a question is asked anew: an answer may be lost."""
WARNING = 30
"""Of rcl_interfaces/Log: warnings and worse."""
KEPT = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
STATES = {
    State.PRIMARY_STATE_UNCONFIGURED: "unconfigured",
    State.PRIMARY_STATE_INACTIVE: "inactive",
    State.PRIMARY_STATE_ACTIVE: "active",
}
Answer = Callable[[bool, str], None]


class RemoteCar:
    """One car; whatever is asked is answered later, from the thread that spins its node.

    Args:
        node: that asks.
        name: of the inference node, from the root.

    Attributes:
        state: of its lifecycle, as it last said; empty before.
    """

    def __init__(self, node: Node, name: str) -> None:
        self._node, self.name = node, name
        kinds = {"change_state": ChangeState, "get_state": GetState, "reset_emergency_stop": Trigger}
        kinds |= {"get_parameters": GetParameters, "set_parameters": SetParameters}
        kinds |= {"describe_parameters": DescribeParameters}
        self._clients = {key: node.create_client(kind, f"{name}/{key}") for key, kind in kinds.items()}
        self._subscriptions = [
            node.create_subscription(String, f"{name}/stop_reason", self._on_reason, KEPT),
            node.create_subscription(DiagnosticArray, "/diagnostics", self._on_diagnostics, 10),
            node.create_subscription(Log, "/rosout", self._on_log, 50),
        ]
        self._pending: dict[str, tuple[Any, float]] = {}
        self._values: dict[str, Any] = {}
        self._cap_limits: list[float] = []
        self._figures: dict[str, str] = {}
        self._reason = self._words = self.state = ""
        self._heard = time.monotonic()

    @property
    def is_active(self) -> bool:
        """It was active when it was last heard."""
        return self.state == "active"

    @property
    def silence(self) -> float:
        """Seconds since it last answered."""
        return time.monotonic() - self._heard

    @property
    def camera(self) -> tuple[str, str] | None:
        """Kind and topic, from the root, of its camera; None while that is not known."""
        kind = self._values.get("camera", "")
        topic = self._values.get("camera_topic") or CAMERAS.get(kind, "")
        return (
            (kind, topic if topic[:1] == "/" else f"{self.name.rpartition('/')[0]}/{topic}") if kind else None
        )

    def report(self) -> dict[str, Any]:
        """Return all that is known of it."""
        known = {"name": self.name, "state": self.state, "silence": self.silence, "reason": self._reason}
        said = {"words": self._words, "figures": self._figures, "cap_limits": self._cap_limits}
        return {**self._values, **known, **said}

    def look(self) -> None:
        """Ask how it stands."""
        self._ask("get_state", GetState.Request(), self._on_state)
        self._ask("get_parameters", GetParameters.Request(names=list(PARAMETERS)), self._on_values)
        if not self._cap_limits:
            self._ask("describe_parameters", DescribeParameters.Request(names=["cap"]), self._on_limits)

    def start(self, answer: Answer) -> None:
        """Let it drive; it loads its model first if it has none."""
        self._words = ""
        if self.state == "unconfigured":

            def on_configured(response: Any) -> None:
                if response.success:
                    self.look()
                    self._change(Transition.TRANSITION_ACTIVATE, True, answer)
                else:
                    answer(False, "The car could not load its model.")

            wanted = ChangeState.Request(transition=Transition(id=Transition.TRANSITION_CONFIGURE))
            self._call("change_state", wanted, on_configured)
        else:
            self._change(Transition.TRANSITION_ACTIVATE, True, answer)

    def stop(self, answer: Answer) -> None:
        """Stop it; the answer is what state it says that it is in afterwards."""
        self._change(Transition.TRANSITION_DEACTIVATE, False, answer)

    def reset(self, answer: Answer) -> None:
        """End an emergency stop."""
        done: Callable[[Any], None] = lambda response: answer(response.success, response.message)  # noqa: E731
        self._call("reset_emergency_stop", Trigger.Request(), done)

    def set_cap(self, value: float, answer: Answer) -> None:
        """Set the throttle's cap; the answer comes once it has said which cap it has."""

        def on_set(response: Any) -> None:
            result = response.results[0]

            def on_values(values: Any) -> None:
                self._on_values(values)
                answer(result.successful, result.reason)

            self._call("get_parameters", GetParameters.Request(names=list(PARAMETERS)), on_values)

        wanted = [Parameter("cap", value=float(value)).to_parameter_msg()]
        self._call("set_parameters", SetParameters.Request(parameters=wanted), on_set)

    def close(self) -> None:
        """Forget it."""
        for client in self._clients.values():
            self._node.destroy_client(client)
        for subscription in self._subscriptions:
            self._node.destroy_subscription(subscription)

    def _change(self, transition: int, is_active: bool, answer: Answer) -> None:
        """Ask for a transition, then for the state, which alone tells what has come of it."""

        def on_state(response: Any) -> None:
            self._on_state(response)
            answer(self.is_active == is_active, f"The car is {self.state}.")

        def on_changed(response: Any) -> None:
            self._call("get_state", GetState.Request(), on_state)

        wanted = ChangeState.Request(transition=Transition(id=transition))
        self._call("change_state", wanted, on_changed)

    def _call(self, key: str, request: Any, done: Callable[[Any], None]) -> Any:
        future = self._clients[key].call_async(request)
        future.add_done_callback(lambda future: done(future.result()))
        return future

    def _ask(self, key: str, request: Any, done: Callable[[Any], None]) -> None:
        """Call, unless the last call may still be answered."""
        future, asked = self._pending.get(key, (None, 0.0))
        if future is not None and not future.done():
            if time.monotonic() - asked < PATIENCE:
                return
            self._clients[key].remove_pending_request(future)
        self._pending[key] = self._call(key, request, done), time.monotonic()

    def _on_state(self, response: Any) -> None:
        self._heard = time.monotonic()
        self.state = STATES.get(response.current_state.id, response.current_state.label)

    def _on_values(self, response: Any) -> None:
        values = map(parameter_value_to_python, response.values)
        self._values = dict(zip(PARAMETERS, values))  # noqa: B905

    def _on_limits(self, response: Any) -> None:
        for limits in response.descriptors[0].floating_point_range:
            self._cap_limits = [limits.from_value, limits.to_value]

    def _on_reason(self, message: String) -> None:
        self._reason = message.data

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        for status in message.status:
            if status.name == f"{self.name.rpartition('/')[2]}: driving":
                self._figures = {value.key: value.value for value in status.values}

    def _on_log(self, message: Log) -> None:
        if message.name == self.name.strip("/").replace("/", ".") and message.level >= WARNING:
            self._words = message.msg
