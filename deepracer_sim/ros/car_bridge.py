"""Between a console, which has no ROS, and a car's inference node: JSON lines on stdin and stdout.

Run as `python -m deepracer_sim.ros.car_bridge` by the console, see console/car_link.py. Lines to it:

- `{"do": "alive"}` every second;
- `{"do": "forget"}`: a car that was driving and answers no more is off;
- `{"do": "start" | "stop" | "reset" | "cap", "id": NUMBER, "value": NUMBER}`;
- in each of them `"ours": BOOL`, whether the console has started the car or is about to, and `"watch": BOOL`,
  whether somebody looks at its pictures.

Lines from it:

- `{"car": {...} | null, "others": [...], "domain": NUMBER}` twice a second;
- `{"picture": BASE64}`, JPEG;
- `{"answer": NUMBER, "done": BOOL, "words": TEXT}`;
- `{"fault": TEXT}`, its last.

A car that the console has started is stopped when the console ends, dies, or says nothing for `SILENCE`.
"""

from __future__ import annotations

import json
import os
import select
import signal
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from deepracer_sim.ros.car_watch import CarWatch

SILENCE = 3.0
"""Seconds without a line after which the console counts as dead."""
LOOK = 0.25
LAST_STOP = 2.0
"""Seconds in which the car has to confirm the stop that is sent at the end."""
REFUSED = 2


class Voice:
    """Writes lines to the console."""

    def __init__(self) -> None:
        self._lock = threading.Lock()

    def say(self, line: dict[str, Any]) -> None:
        """Write a line; one that nobody reads is lost."""
        with self._lock:
            try:
                sys.stdout.write(json.dumps(line) + "\n")
                sys.stdout.flush()
            except (BrokenPipeError, ValueError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # the console has gone; stdin tells so

    def is_heard(self) -> bool:
        """Tell whether a line that may be left out would be taken at once."""
        return bool(select.select([], [sys.stdout], [], 0.0)[1])


class Ear:
    """Takes the console's lines, in a thread of its own: a stop must not wait for anything.

    Args:
        car: that they are for.
    """

    def __init__(self, car: CarWatch) -> None:
        self._car = car
        self._heard = time.monotonic()
        self.ended = threading.Event()
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        rest = b""
        try:
            while not self.ended.is_set():
                if select.select([0], [], [], LOOK)[0]:
                    read = os.read(0, 65536)
                    if not read:
                        return
                    *lines, rest = (rest + read).split(b"\n")
                    self._heard = time.monotonic()
                    for line in lines:
                        self._car.do(json.loads(line))
                elif self._car.is_ours and self._car.is_driving and time.monotonic() - self._heard > SILENCE:
                    self._car.stop()
        finally:
            self.ended.set()


def main() -> int:
    """Serve the console until its end."""
    voice = Voice()
    try:
        from deepracer_sim.ros.car_watch import CarWatch
    except ImportError as error:
        voice.say({"fault": f"ROS 2 is not installed here ({error})"})
        return REFUSED
    try:
        car = CarWatch(voice.say, voice.is_heard)
    except Exception as error:
        # Nothing but the environment can be wrong yet: ROS_DOMAIN_ID, the middleware.
        voice.say({"fault": f"ROS 2 does not start: {' '.join(str(error).split())}"})
        return REFUSED
    ear = Ear(car)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ear.ended.set())
    while not ear.ended.is_set():
        car.spin()
    if car.is_ours:
        car.stop()
        end = time.monotonic() + LAST_STOP
        while car.is_driving and time.monotonic() < end:
            car.spin()
    car.close()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
