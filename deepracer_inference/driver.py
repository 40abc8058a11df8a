"""From a camera message to the command that it asks for, and what of it the limits let through."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import Any, Callable, Mapping

from deepracer_inference.camera_message import check_contrast, check_shape, to_picture
from deepracer_inference.limits import Command, Frame, Limits, LimitSettings, Verdict
from deepracer_inference.model_bundle import ModelBundle
from deepracer_inference.policy import Action, OnnxPolicy, PolicyError
from deepracer_inference.preprocess import ImageError
from deepracer_inference.throttle import ServoMapping, ThrottleTable


@dataclass(frozen=True)
class Thought:
    """What a message leads to, before the limits.

    Attributes:
        command: what the policy wants; None if it could not say.
        frame: what the command was made of.
        action: that the command stands for.
        trouble: why there is no command, the same text for the same kind.
        detail: more on that.
    """

    command: Command | None
    frame: Frame
    action: Action | None = None
    trouble: str = ""
    detail: str = ""


class Driver:
    """A policy with its servo mapping and its limits.

    `think` takes its time and may run beside everything else; `act` and what changes the limits may not run
    at the same time as one another.

    Args:
        policy: that looks at pictures.
        mapping: to the servo's values.
        limits: that have the last word.
        clock: seconds of the clock that stamps frames.
    """

    def __init__(
        self, policy: OnnxPolicy, mapping: ServoMapping, limits: Limits, clock: Callable[[], float]
    ) -> None:
        self.policy, self.mapping, self.limits = policy, mapping, limits
        self._clock = clock
        self.set_limits(LimitSettings(), cap=0.5, max_speed=4.0)

    def set_limits(self, settings: LimitSettings, cap: float, max_speed: float) -> None:
        """Change the limits, also while driving.

        Args:
            settings: of `Limits`.
            cap: throttle, 0 to 1.
            max_speed: m/s.
        """
        self.limits.settings = settings
        self.mapping.max_speed = max_speed
        self._scale = cap
        self.limits.cap = self.mapping.highest_throttle(cap)

    def start(self) -> None:
        """Begin to drive."""
        self.limits.start(time.monotonic())

    def think(self, message: Any, arrived: float) -> Thought:
        """Ask the policy what to do.

        Args:
            message: of a camera, as `to_picture` takes it.
            arrived: monotonic seconds.
        """
        bundle, frame = self.policy.bundle, Frame(arrived)
        try:
            picture = to_picture(message, grey=bundle.channels == 1)
            frame = Frame(arrived, picture.stamp, picture.checksum)
            check_shape(picture.pixels, bundle.height, bundle.width)
            check_contrast(picture.pixels)
            action = self.policy.act(picture.pixels, picture.encoding)
        except ImageError as error:
            return Thought(None, frame, trouble="a picture that cannot be used", detail=str(error))
        except PolicyError as error:
            return Thought(None, frame, trouble="the network's output cannot be used", detail=str(error))
        command = self.mapping.command(action, self._scale)
        return Thought(command, replace(frame, confidence=action.probability), action)

    def act(self, thought: Thought) -> Verdict:
        """Return what the wheels get."""
        now = time.monotonic()
        if thought.command is None:
            return self.limits.refuse(thought.trouble, now)
        return self.limits.drive(thought.command, thought.frame, now, self._clock())


def load_driver(values: Mapping[str, Any], limits: Limits, clock: Callable[[], float]) -> Driver:
    """Load the model and the calibration that parameters name.

    Raises:
        ModelBundleError: the model is missing or damaged, or does not fit the car.
        CalibrationError: the calibration is missing or damaged.
    """
    bundle = ModelBundle.load(values["model"])
    table = ThrottleTable.load(values["calibration"]) if values["calibration"] else None
    return Driver(OnnxPolicy(bundle), ServoMapping(bundle.action_space, table), limits, clock)
