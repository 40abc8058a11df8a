"""What the inference node publishes: servo commands, or the network's results for AWS's navigation node."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, Mapping

from deepracer_interfaces_pkg.msg import InferResults, InferResultsArray, ServoCtrlMsg
from deepracer_interfaces_pkg.srv import LoadModelSrv
from rclpy.time import Time
from sensor_msgs.msg import CompressedImage, Image

from deepracer_inference.action_space import ActionSpace, DiscreteActionSpace
from deepracer_inference.driver import Thought
from deepracer_inference.limits import STAND, Limits, Verdict
from deepracer_inference.model_bundle import MODEL_FILE
from deepracer_inference.ros.graph import LATEST, full_name, rivals

STOP_PERIOD = 0.005
"""Seconds between two stops at the end."""
RESULTS_TOPIC = "/inference_pkg/rl_results"
ACTIONS_SERVICE = "/deepracer_navigation_pkg/load_action_space"
DISCRETE, CONTINUOUS = 1, 2
"""Types of action spaces, as the navigation node numbers them."""
ASK_AGAIN = 1.0
"""Seconds after which the navigation node is asked anew: an answer may be lost."""
_IMAGES = InferResultsArray.get_fields_and_field_types()["images"]
PICTURE = CompressedImage if "CompressedImage" in _IMAGES else Image
"""In results: the community's car has the one, the stock car the other."""


class ServoOutput:
    """Publishes servo commands: each one, and the last one again and again.

    Args:
        node: the inference node.
        values: of its parameters.

    Attributes:
        topics: on which it publishes; the first is what the car drives by.
        obstacle: why the car must not drive; None if it may.
    """

    last_stops = 5
    """A stop that nothing follows is published so often: a best-effort message may be lost."""

    def __init__(self, node: Any, values: Mapping[str, Any]) -> None:
        self._node = node
        self.topics = [full_name(node, values["command_topic"])]
        self.obstacle: str | None = None
        self._commands = node.create_publisher(ServoCtrlMsg, self.topics[0], LATEST)
        self._stamp = 0.0

    def begin(self, model: str, space: ActionSpace) -> None:
        """Get ready to drive by the model in a folder."""

    def look(self) -> None:
        """Look around, several times a second, while the car drives."""

    def cap(self, limits: Limits) -> str:
        """Return the largest throttle as a text."""
        return f"{limits.cap:g}"

    def publish(self, verdict: Verdict, thought: Thought | None = None, message: Any = None) -> None:
        """Publish a verdict.

        Args:
            verdict: that counts now.
            thought: that it is on; None if the last one is repeated, or the car stops without a picture.
            message: of the camera, that the thought is on.
        """
        if thought is not None:
            self._stamp = thought.frame.stamp or 0.0
        command = ServoCtrlMsg(angle=verdict.command.angle, throttle=verdict.command.throttle)
        if hasattr(command, "source_stamp"):
            # The community's car, which measures the way from the camera by it.
            command.source_stamp = Time(nanoseconds=int(self._stamp * 1e9)).to_msg()
        self._commands.publish(command)

    def end(self) -> Verdict:
        """Publish a stop that nothing follows; return it."""
        verdict = Verdict(STAND, "not active")
        for _ in range(self.last_stops):
            self.publish(verdict)
            time.sleep(STOP_PERIOD)
        return verdict


class ResultsOutput(ServoOutput):
    """Publishes the results of each picture; servo commands go out for stops alone.

    AWS's navigation node sends a command for each result. Without results it sends none and the wheels keep
    the last one, so a stop goes past it to those who listen to it, as long as the stop lasts. Results cannot
    stop the car: in a continuous action space none means 0 m/s.

    What a result means is what the navigation node has loaded. It is told to load the actions of our model,
    and nothing is published before it has.
    """

    last_stops = 100
    """For half a second: the navigation node may still be at work on the last result."""

    def __init__(self, node: Any, values: Mapping[str, Any]) -> None:
        super().__init__(node, values)
        self.topics.insert(0, RESULTS_TOPIC)
        # Reliable, as AWS's: the navigation node hears nobody else.
        self._results = node.create_publisher(InferResultsArray, RESULTS_TOPIC, 1)
        self._navigation = node.create_client(LoadModelSrv, ACTIONS_SERVICE)
        self._request: Any = None
        self._asked = 0.0
        self._trouble: str | None = None

    def begin(self, model: str, space: ActionSpace) -> None:
        """Have the navigation node load the model's actions; until it has there is an obstacle."""
        kind = DISCRETE if isinstance(space, DiscreteActionSpace) else CONTINUOUS
        # It reads the model_metadata.json beside the file.
        path = str(Path(model).resolve() / MODEL_FILE)
        self._request = LoadModelSrv.Request(artifact_path=path, action_space_type=kind)
        self._asked = 0.0
        self._trouble = self.obstacle = "AWS's navigation node has not loaded the model's actions"

    def look(self) -> None:
        """Ask the navigation node until it has the actions, and look who else publishes results."""
        now = time.monotonic()
        if self._trouble and now - self._asked > ASK_AGAIN and self._navigation.service_is_ready():
            self._asked, request = now, self._request
            answer = self._navigation.call_async(request)
            answer.add_done_callback(lambda done: self._on_answer(request, done.result().error))
        others = rivals(self._node, RESULTS_TOPIC)
        self.obstacle = f"{', '.join(others)} publishes {RESULTS_TOPIC}, too" if others else self._trouble

    def _on_answer(self, request: Any, error: int) -> None:
        # It may be about a model from before.
        if request is self._request:
            refusal = f"AWS's navigation node cannot load the actions of {request.artifact_path}"
            self._trouble = refusal if error else None

    def cap(self, limits: Limits) -> str:
        """Return whose it is."""
        return "AWS's navigation node's"

    def publish(self, verdict: Verdict, thought: Thought | None = None, message: Any = None) -> None:
        """Publish the results of a picture, or a stop."""
        if verdict.stop is not None:
            super().publish(verdict, thought, message)
        elif thought is not None and thought.action is not None:
            # -1 stands for no box.
            box = {"x_min": -1.0, "y_min": -1.0, "x_max": -1.0, "y_max": -1.0}
            outputs = enumerate(thought.action.outputs)
            results = [InferResults(class_label=label, class_prob=value, **box) for label, value in outputs]
            self._results.publish(InferResultsArray(results=results, images=_pictures(message)))


def output_of(node: Any, values: Mapping[str, Any]) -> ServoOutput:
    """Return what the inference node publishes by its parameters' values."""
    return (ResultsOutput if values["output"] == "results" else ServoOutput)(node, values)


def _pictures(message: Any) -> list[Any]:
    """Return the pictures of a camera's message as results have them; of another type only their header."""
    images = message.images if hasattr(message, "images") else [message]
    # By its stamp the community's navigation node measures the way from the camera.
    return [image if isinstance(image, PICTURE) else PICTURE(header=image.header) for image in images]
