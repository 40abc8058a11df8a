"""The node that drives the car: camera pictures in, commands out, and every reason to stop."""

from __future__ import annotations

import sys
import threading
import time
from typing import Any, Mapping, Sequence

from deepracer_inference.driver import Driver, Thought, load_driver
from deepracer_inference.health import Health
from deepracer_inference.limits import STAND, Limits, Verdict
from deepracer_inference.parameters import CAMERAS, SETTINGS, ParameterError, limit_settings
from deepracer_inference.ros.camera_kinds import message_of
from deepracer_inference.ros.car_services import CarServices
from deepracer_inference.ros.graph import LATEST, full_name
from deepracer_inference.ros.last_stop import stop_wheels
from deepracer_inference.ros.lifecycle import ManagedNode, Outcome
from deepracer_inference.ros.outputs import output_of
from deepracer_inference.ros.parameters import Parameters
from deepracer_inference.ros.process import Watchdog, run
from deepracer_inference.ros.reports import Reports

WATCH_PERIOD = 0.025
"""Seconds between two looks whether a stop is due; the last command is repeated as often."""


class InferenceNode(ManagedNode):
    """Drives by a model while it is active, and stops the car for any reason of `Limits`.

    configure loads and tries the model; activate: the car may drive; deactivate, an error and the end of the
    process send a stop. Nothing is sent while it is inactive, so that others can drive.
    """

    def __init__(self) -> None:
        super().__init__("inference_node")
        self.lock = threading.Lock()
        self.limits, self.health = Limits(), Health()
        self.driver: Driver | None = None
        self.is_active = False
        self.parameters = Parameters(self, SETTINGS, self._on_change)
        values = self.parameters.values()
        self.camera_topic = full_name(self, values["camera_topic"] or CAMERAS[values["camera"]])
        self.create_subscription(message_of(values["camera"]), self.camera_topic, self._on_picture, LATEST)
        self.output = output_of(self, values)
        self._reports, self._car_services = Reports(self), CarServices(self)
        self._watchdog = Watchdog(self._watch, WATCH_PERIOD)
        if values["model"]:
            self.transition("configure")

    def on_configure(self, state: Any) -> Outcome:
        """Load the model and try it."""
        values, clock = self.parameters.values(), self.get_clock()
        try:
            driver = load_driver(values, self.limits, lambda: clock.now().nanoseconds / 1e9)
        except ValueError as error:
            self.get_logger().error(str(error))
            return Outcome.FAILURE
        latency = driver.policy.warm_up()
        self.driver = driver
        self._on_change(values)
        self.get_logger().info(f"{values['model']}: {latency:.1f} ms a picture")
        return Outcome.SUCCESS

    def on_activate(self, state: Any) -> Outcome:
        """Let the car drive, unless the wrong ones are on its topics."""
        trouble = self._car_services.look_around()
        if trouble or self.driver is None:
            self.get_logger().error(f"cannot drive: {trouble or 'no model'}")
            return Outcome.FAILURE
        self.output.begin(self.parameters.values()["model"], self.driver.policy.bundle.action_space)
        with self.lock:
            self.driver.start()
            self.limits.obstacle = self._car_services.obstacle()
            self.is_active = self.parameters.is_driving = True
        self.get_logger().info(f"driving, throttle cap: {self.output.cap(self.limits)}")
        return Outcome.SUCCESS

    def on_deactivate(self, state: Any) -> Outcome:
        """Stop the car and leave it to others."""
        self.stand_still()
        return Outcome.SUCCESS

    def on_cleanup(self, state: Any) -> Outcome:
        """Stop the car and forget the model."""
        self.stand_still()
        self.driver = None
        return Outcome.SUCCESS

    on_shutdown = on_error = on_cleanup

    def stand_still(self) -> None:
        """Drive no more, and say so to the wheels several times."""
        with self.lock:
            was_active, self.is_active, self.parameters.is_driving = self.is_active, False, False
            if was_active:
                self._reports.say(self.output.end())

    def destroy_node(self) -> None:
        """End the watch, too."""
        self._watchdog.end()
        super().destroy_node()

    def emergency_stop(self, reason: str) -> None:
        """Stop the car until `Limits.reset`."""
        with self.lock:
            self.limits.emergency = reason
            self._publish(Verdict(STAND, reason))

    def _on_picture(self, message: Any) -> None:
        arrived = time.monotonic()
        if not self.is_active or self.driver is None:
            return
        thought = self.driver.think(message, arrived)
        with self.lock:
            # The watch, too, sends commands: what was thought must not go out after its stop.
            self._publish(self.driver.act(thought), thought, message)
        self.health.count(arrived, time.monotonic(), thought.command is None)

    def _watch(self) -> None:
        obstacle = self._car_services.obstacle()
        with self.lock:
            self.limits.obstacle = obstacle
            if self.is_active:
                self._publish(self.limits.watch(time.monotonic()))

    def _publish(self, verdict: Verdict, thought: Thought | None = None, message: Any = None) -> None:
        self.output.publish(verdict, thought, message)
        self._reports.say(verdict, thought.detail if thought else "")

    def _on_change(self, values: Mapping[str, Any]) -> None:
        if values["output"] == "results" and values["cap"] != self.parameters.values()["cap"]:
            raise ParameterError("cap: the throttle of results is set by AWS's navigation_throttle")
        with self.lock:
            if self.driver is not None:
                self.driver.set_limits(limit_settings(values), values["cap"], values["max_speed"])


def main(args: Sequence[str] | None = None) -> int:
    """Run the node, or with `--stop` send stops and end, as has to follow a process that was killed."""
    if "--stop" in (sys.argv if args is None else args):
        stop_wheels(args)
        return 0
    return run(InferenceNode, args)


if __name__ == "__main__":
    raise SystemExit(main())
