"""The last step before the wheels: what a command may be at most, and when the car has to stand.

Knows nothing of ROS, cameras and clocks: times come in as seconds. Nothing after this changes a command.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Hashable

SLEW_TIME = 0.1
"""Seconds: however long ago the last command was, a slew limit allows no larger step than in this time."""


@dataclass(frozen=True)
class Command:
    """What the wheels are told.

    Attributes:
        angle: -1 (right stop) to 1 (left stop).
        throttle: -1 to 1 (full ahead).
    """

    angle: float
    throttle: float


STAND = Command(0.0, 0.0)


@dataclass(frozen=True)
class LimitSettings:
    """When to stop, and how fast a command may change.

    Attributes:
        steering_rate: change of the angle a second at most.
        throttle_rate: rise of the throttle's size a second at most; it may fall at once.
        max_frame_age: seconds between a frame's stamp and the command by it; also without any frame.
        inference_budget: seconds from a frame's arrival to its command.
        slow_frames: this many frames over the budget in a row stop the car.
        identical_frames: this many in a row stop the car; 0 turns that off.
        min_confidence: probability of the chosen action below which the car stops; 0 turns that off.
    """

    steering_rate: float = 30.0
    throttle_rate: float = 4.0
    max_frame_age: float = 0.2
    inference_budget: float = 0.05
    slow_frames: int = 3
    identical_frames: int = 10
    min_confidence: float = 0.0


@dataclass(frozen=True)
class Frame:
    """What is known of the camera frame that a command was made of.

    Attributes:
        arrived: monotonic seconds.
        stamp: seconds of the camera's clock; None where the camera gives none.
        picture: equal for equal pictures, as a checksum is.
        confidence: probability of the chosen action; None where there is none.
    """

    arrived: float
    stamp: float | None = None
    picture: Hashable = None
    confidence: float | None = None


@dataclass(frozen=True)
class Verdict:
    """The command that the wheels get, and why it is a stop if it is one."""

    command: Command
    stop: str | None = None


class Limits:
    """Checks every command, in this order: finite, -1 to 1, cap, slew; then the reasons to stop.

    A stop ends with the first frame that gives no reason for one. An emergency stop lasts until `reset`.

    A reason is the same text as long as it lasts.

    Args:
        settings: may be replaced at any time.
        cap: largest size of the throttle, 0 to 1; may be set at any time.

    Attributes:
        emergency: who pressed the emergency stop; None while nobody has.
        obstacle: anything else that must not be driven with, as long as it is so.
    """

    def __init__(self, settings: LimitSettings | None = None, cap: float = 0.5) -> None:
        self.settings = settings or LimitSettings()
        self.emergency: str | None = None
        self.obstacle: str | None = None
        self._cap = 0.0
        self.cap = cap
        self.start(0.0)

    @property
    def cap(self) -> float:
        """The largest size of the throttle."""
        return self._cap

    @cap.setter
    def cap(self, value: float) -> None:
        # Also refuses NaN.
        if not 0.0 <= value <= 1.0:
            raise ValueError(f"cap={value:g}: must be 0 to 1")
        self._cap = float(value)

    def start(self, monotonic: float) -> None:
        """Forget all frames: driving begins anew, and the first frame is waited for from now on."""
        self._last = STAND
        self._stopped: str | None = None
        self._commanded = self._arrived = monotonic
        self._stamp: float | None = None
        self._picture: Hashable = None
        self._same = self._slow = 0

    def drive(self, wanted: Command, frame: Frame, monotonic: float, clock: float) -> Verdict:
        """Return what may be done of what the policy wants.

        Args:
            wanted: the policy's command, perhaps out of range or not finite.
            frame: that it was made of.
            monotonic: seconds now.
            clock: seconds now of the clock that stamps frames.
        """
        finite = math.isfinite(wanted.angle) and math.isfinite(wanted.throttle)
        # All are looked at, whichever stops: each counts frames of its own.
        reasons = [
            None if finite else "the command is not finite",
            self._age(frame, clock),
            self._gap(frame, monotonic),
            self._delay(frame, monotonic),
            self._sequence(frame),
            self._repetition(frame),
            self._doubt(frame),
        ]
        stop = self.emergency or self.obstacle or next(filter(None, reasons), None)
        if stop is not None:
            return self.stop(stop, monotonic)
        seconds = min(max(monotonic - self._commanded, 0.0), SLEW_TIME)
        self._last = self._slewed(self._capped(wanted), seconds)
        self._commanded, self._stopped = monotonic, None
        return Verdict(self._last)

    def stop(self, reason: str, monotonic: float) -> Verdict:
        """Return a stop for another reason; the next command rises from standing."""
        if reason != self._stuck_text():
            # A car that stands sees the same again and again.
            self._same = 0
        self._last, self._commanded, self._stopped = STAND, monotonic, reason
        return Verdict(STAND, reason)

    def refuse(self, reason: str, monotonic: float) -> Verdict:
        """Return a stop because of a frame that came but is of no use."""
        self._arrived = monotonic
        return self.stop(self.emergency or self.obstacle or reason, monotonic)

    def watch(self, monotonic: float) -> Verdict:
        """Return a stop if there is a reason for one that needs no frame, else the last verdict again.

        To be called by a timer: what comes after this stops the wheels when it hears nothing.
        """
        reason = self.emergency or self.obstacle
        silence = monotonic - self._arrived
        if reason is None and not silence <= self.settings.max_frame_age:
            reason = f"no frame for more than {self.settings.max_frame_age:g} s"
        reason = reason or self._stopped
        return Verdict(self._capped(self._last)) if reason is None else self.stop(reason, monotonic)

    def reset(self) -> None:
        """End an emergency stop."""
        self.emergency = None

    def _capped(self, wanted: Command) -> Command:
        angle = max(-1.0, min(1.0, wanted.angle))
        throttle = max(-1.0, min(1.0, wanted.throttle))
        return Command(angle, max(-self._cap, min(self._cap, throttle)))

    def _slewed(self, target: Command, seconds: float) -> Command:
        turn, rise = self.settings.steering_rate * seconds, self.settings.throttle_rate * seconds
        before = self._last
        angle = max(before.angle - turn, min(before.angle + turn, target.angle))
        # Backwards is a new rise from 0: a car never has to go on because it may not slow down so soon.
        lowest, highest = min(before.throttle, 0.0) - rise, max(before.throttle, 0.0) + rise
        throttle = max(lowest, min(highest, target.throttle))
        return Command(angle, throttle)

    def _age(self, frame: Frame, clock: float) -> str | None:
        if frame.stamp is None:
            return None
        age, limit = clock - frame.stamp, self.settings.max_frame_age
        if age < -limit:
            return f"a frame more than {limit:g} s ahead of the clock"
        return None if age <= limit else f"a frame older than {limit:g} s"

    def _gap(self, frame: Frame, monotonic: float) -> str | None:
        self._arrived = frame.arrived
        limit = self.settings.max_frame_age
        return None if monotonic - frame.arrived <= limit else f"a frame that waited longer than {limit:g} s"

    def _delay(self, frame: Frame, monotonic: float) -> str | None:
        limits = self.settings
        self._slow = 0 if monotonic - frame.arrived <= limits.inference_budget else self._slow + 1
        if self._slow < limits.slow_frames:
            return None
        return f"inference over its budget of {1000 * limits.inference_budget:g} ms, frame after frame"

    def _sequence(self, frame: Frame) -> str | None:
        before, self._stamp = self._stamp, frame.stamp
        if before is None or frame.stamp is None or frame.stamp >= before:
            return None
        return "the camera's time went backwards"

    def _repetition(self, frame: Frame) -> str | None:
        same = frame.picture is not None and frame.picture == self._picture
        self._same = self._same + 1 if same else 0
        self._picture = frame.picture
        limit = self.settings.identical_frames
        # The first of them has none to be identical to.
        return self._stuck_text() if limit and self._same + 1 >= limit else None

    def _stuck_text(self) -> str:
        return f"the camera is stuck: {self.settings.identical_frames} identical frames"

    def _doubt(self, frame: Frame) -> str | None:
        limit = self.settings.min_confidence
        if frame.confidence is None or frame.confidence >= limit:
            return None
        return f"confidence below {limit:g}"
