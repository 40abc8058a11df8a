"""How fast a car drives at each throttle: two drives at each, which a racer is led through.

A car takes time to speed up and rolls on after the stop: a distance over its time is not the speed. But two
drives at the same throttle speed up and roll out alike, d = v t + c with the same c in both, as long as the
shorter one lasts until the car is up to speed. The difference of the distances over the difference of the
times is therefore the steady speed v, whatever c. The times are the computer's, to some milliseconds; the
distances need a tape measure, and reading it 1 cm wrong is 1 % of a speed at one metre of difference.
"""

from __future__ import annotations

from typing import Any, Callable, NamedTuple, Sequence

from deepracer_inference.throttle import CalibrationError, ThrottleTable

FIRST_DRIVE = 1.0
"""Seconds: a car of this size is up to speed by then."""
LONGEST_DRIVE = 4.0
LEAST_DIFFERENCE = 0.5
"""Seconds between the two drives."""
MARGIN = 1.5
"""A car may be so much faster than the shorter drive's mean speed, as the longer one is planned."""
SLIP = 3.0
"""A steady speed so many times the mean speed of the shorter drive, or less, is a slip of the pen."""


class Leg(NamedTuple):
    """One drive: seconds from the first command to the first stop, metres from standing to standing."""

    seconds: float
    metres: float


class Point(NamedTuple):
    """A throttle, 0 to 1, and the steady speed at it, m/s."""

    throttle: float
    speed: float


class Skipped(Exception):
    """The racer leaves a throttle out."""


class Finished(Exception):
    """The series ends here; its text says why, if not because the racer wants it."""


def steady_speed(short: Leg, long: Leg) -> float:
    """Return the speed, m/s, at which both drives went on once the car was up to speed.

    Raises:
        ValueError: the distances do not go together.
    """
    if long.metres <= short.metres:
        raise ValueError(
            f"{long.metres:g} m in {long.seconds:.2f} s: must be more than the {short.metres:g} m in "
            f"{short.seconds:.2f} s"
        )
    speed = (long.metres - short.metres) / (long.seconds - short.seconds)
    mean = short.metres / short.seconds
    if not mean / SLIP <= speed <= SLIP * mean:
        raise ValueError(
            f"{speed:.2f} m/s steadily, {mean:.2f} m/s in the first drive: must not differ by more than "
            f"{SLIP:g} times"
        )
    return round(speed, 3)


def second_drive(short: Leg, course: float) -> float:
    """Return the seconds of the longer drive, which ends within the course.

    Args:
        short: the drive before, at the same throttle.
        course: metres.
    """
    fastest = MARGIN * short.metres / short.seconds
    return min(LONGEST_DRIVE, short.seconds + (course - short.metres) / fastest)


def read_number(text: str, low: float, high: float) -> float:
    """Return a typed number, with a point or a comma.

    Raises:
        ValueError: it is none, or out of range.
    """
    try:
        value = float(text.replace(",", "."))
    except ValueError:
        raise ValueError(f"{text!r}: must be a number, such as 1.25") from None
    if not low <= value <= high:
        raise ValueError(f"{value:g}: must be {low:g} to {high:g}")
    return value


class SpeedSeries:
    """Leads a racer through drives at rising throttles.

    Args:
        terminal: has `say` and `ask`.
        drive: drives straight ahead at a throttle for seconds; returns the seconds that it was, and why they
            do not count, "" if they do.
        save: called with the table after each throttle; may raise CalibrationError.
        course: metres of free straight.

    Attributes:
        points: what is measured; throttles and speeds rise.
    """

    def __init__(
        self,
        terminal: Any,
        drive: Callable[[float, float], tuple[float, str]],
        save: Callable[[ThrottleTable], None],
        course: float,
    ) -> None:
        self._terminal, self._drive, self._save, self._course = terminal, drive, save, course
        self.points: list[Point] = []
        # Metres of the first drives by throttle.
        self._first = {0.0: 0.0}

    def table(self) -> ThrottleTable:
        """Return what is measured; CalibrationError if it is nothing."""
        if not self.points:
            raise CalibrationError("no throttle is measured")
        throttles, speeds = zip(*self.points)
        return ThrottleTable(speeds, throttles)

    def run(self, throttles: Sequence[float]) -> None:
        """Measure at each throttle, rising, until the last one, the course's end or the racer's.

        Raises:
            Ended: nobody answers any more.
        """
        try:
            for throttle in throttles:
                self._terminal.say(f"\nThrottle {throttle:g}")
                self._check_course(throttle)
                try:
                    while not self._measure(throttle):
                        pass
                except Skipped:
                    self._first.pop(throttle, None)
        except Finished as end:
            self._terminal.say(str(end))

    def _measure(self, throttle: float) -> bool:
        """Measure at one throttle; tell whether it is done with."""
        short = self._leg(throttle, FIRST_DRIVE)
        # A slip here would make the longer drive too long.
        while short.metres < (before := self._farthest_below(throttle)):
            text = f"{short.metres:g} m: must be at least the {before:g} m at a lower throttle."
            if not self._throws_away(text):
                return False
        self._first[throttle] = short.metres
        if short.metres == 0.0:
            self._terminal.say(f"At throttle {throttle:g} the car stands: left out.")
            return True
        seconds = second_drive(short, self._course)
        if seconds < short.seconds + LEAST_DIFFERENCE:
            raise Finished(
                f"{short.metres:g} m in the first drive: the longer one needs more than the "
                f"{self._course:g} m of the course. The series ends here; a longer course would go on."
            )
        long = self._leg(throttle, seconds)
        try:
            speed = steady_speed(short, long)
        except ValueError as error:
            self._terminal.say(f"{error}. Both drives again.")
            return False
        return self._keep(Point(throttle, speed))

    def _check_course(self, throttle: float) -> None:
        """End the series where even the first drive could be longer than the course."""
        if len(self._first) == 1:
            return
        (slower, less), (faster, metres) = list(self._first.items())[-2:]
        rise = max(0.0, metres - less) / (faster - slower)
        farthest = metres + MARGIN * rise * (throttle - faster)
        if farthest > self._course:
            raise Finished(
                f"The first drive could be {farthest:.1f} m, the course is {self._course:g} m. "
                "The series ends here; a longer course would go on."
            )

    def _leg(self, throttle: float, seconds: float) -> Leg:
        """Drive, until a drive counts, and ask how far."""
        while True:
            if self._ask(f"Car at the line? Enter drives {seconds:.1f} s at throttle {throttle:g}") != "":
                self._terminal.say("Only Enter drives.")
                continue
            driven, trouble = self._drive(throttle, seconds)
            if trouble:
                self._terminal.say(f"Stopped after {driven:.2f} s, which does not count: {trouble}.")
                continue
            metres = self._distance()
            if metres is not None:
                return Leg(driven, metres)

    def _distance(self) -> float | None:
        """Ask how far it drove; None: drive again."""
        while True:
            answer = self._ask("Metres from the line (0: it did not move; r: drive again)")
            if answer == "r":
                return None
            try:
                # It may have left the course.
                return read_number(answer, 0.0, 2.0 * self._course)
            except ValueError as error:
                self._terminal.say(f"{error}, in metres.")

    def _keep(self, point: Point) -> bool:
        """Add a point, unless it is to be measured again."""
        while self.points and point.speed <= (before := self.points[-1]).speed:
            text = (
                f"{point.speed:.2f} m/s at throttle {point.throttle:g}: must be more than the "
                f"{before.speed:.2f} m/s at {before.throttle:g}."
            )
            if not self._throws_away(text):
                return False
        self.points.append(point)
        self._terminal.say(f"Throttle {point.throttle:g}: {point.speed:.2f} m/s")
        try:
            self._save(self.table())
        except CalibrationError as error:
            self._terminal.say(f"{error}. It is tried again after the next throttle.")
        return True

    def _throws_away(self, contradiction: str) -> bool:
        """Let the racer say which of two is wrong; tell whether it was the one before, which is gone then."""
        self._terminal.say(contradiction)
        if self._ask("Enter: measure this one again; p: throw the one before away") != "p":
            return False
        self._first.pop(self.points.pop().throttle)
        return True

    def _farthest_below(self, throttle: float) -> float:
        return max(metres for slower, metres in self._first.items() if slower < throttle)

    def _ask(self, prompt: str) -> str:
        answer = str(self._terminal.ask(prompt)).lower()
        if answer == "q":
            raise Finished
        if answer == "s":
            raise Skipped
        return answer
