"""Finds the car on the ROS graph, and does what a console wants of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import rclpy
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import NodeNameNonExistentError
from rclpy.signals import SignalHandlerOptions

from deepracer_sim.ros.car_pictures import CarPictures
from deepracer_sim.ros.lean_node import LeanNode
from deepracer_sim.ros.remote_car import RemoteCar

SERVICES = ("change_state", "inference_state", "emergency_stop")
"""Of an inference node; AWS's has not all of them."""
PERIOD = 0.5
"""Seconds between two looks at the car, and two reports of it."""
SILENT, GONE = 1.5, 6.0
"""Seconds without an answer after which a car may be forgotten, and after which one that stood is."""
WAIT = 0.1


class CarWatch:
    """A node that watches one car.

    Args:
        say: takes reports.
        is_heard: whether a report that may be left out would be taken at once.

    Attributes:
        is_ours: the console has started the car.
    """

    def __init__(self, say: Callable[[dict[str, Any]], None], is_heard: Callable[[], bool]) -> None:
        self._say = say
        self._context = Context()
        rclpy.init(args=[], context=self._context, signal_handler_options=SignalHandlerOptions.NO)
        self._node = LeanNode("deepracer_console", context=self._context, start_parameter_services=False)
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self._node)
        self._pictures = CarPictures(self._node, say, is_heard)
        self._car: RemoteCar | None = None
        self._others: list[str] = []
        self._looked = 0.0
        self._is_watched = self._is_forgotten = False
        self.is_ours = False

    @property
    def is_driving(self) -> bool:
        """The car was active when it was last heard."""
        return self._car is not None and self._car.is_active

    def spin(self) -> None:
        """Take what comes for a moment."""
        self._executor.spin_once(timeout_sec=WAIT)
        now = time.monotonic()
        if now - self._looked >= PERIOD:
            self._looked = now
            self._look()

    def do(self, wanted: dict[str, Any]) -> None:
        """Do what a line of the console wants; called from another thread."""
        self.is_ours, self._is_watched = wanted["ours"], wanted["watch"]
        if wanted["do"] == "alive":
            return
        if wanted["do"] == "forget":
            self._is_forgotten = True
            return

        def answer(done: bool, words: str) -> None:
            self._say({"answer": wanted["id"], "done": done, "words": words})

        car = self._car
        if car is None:
            # Said by the thread that spins: this one must never wait for the console.
            self._executor.create_task(answer, False, "no car is connected")
        elif wanted["do"] == "cap":
            car.set_cap(wanted["value"], answer)
        else:
            {"start": car.start, "stop": car.stop, "reset": car.reset}[wanted["do"]](answer)

    def stop(self) -> None:
        """Stop the car, whoever hears of it."""
        if self._car is not None:
            self._car.stop(lambda done, words: None)

    def close(self) -> None:
        """Leave the graph."""
        self._executor.shutdown()
        self._node.destroy_node()
        rclpy.shutdown(context=self._context)

    def _look(self) -> None:
        names = self._find()
        if self._car is not None and self._is_gone(self._car):
            self._car.close()
            self._car = None
        self._is_forgotten = False
        if self._car is None and len(names) == 1:
            self._car = RemoteCar(self._node, names[0])
        self._others = [name for name in names if self._car is None or name != self._car.name]
        if self._car is not None:
            self._car.look()
        self._pictures.show(self._car.camera if self._car and self._is_watched else None)
        report = self._car.report() if self._car is not None and self._car.state else None
        self._say({"car": report, "others": self._others, "domain": self._context.get_domain_id()})

    def _is_gone(self, car: RemoteCar) -> bool:
        """Tell whether to look for another car; one that drove is missed until it is called off."""
        if self._is_forgotten:
            return car.silence > SILENT
        return car.silence > GONE and not car.is_active

    def _find(self) -> list[str]:
        """Return the full names of all inference nodes."""
        found = []
        for name, namespace in set(self._node.get_node_names_and_namespaces()):
            full = f"{namespace.rstrip('/')}/{name}"
            try:
                offered = {
                    service for service, _ in self._node.get_service_names_and_types_by_node(name, namespace)
                }
            except NodeNameNonExistentError:  # it has just left
                continue
            if all(f"{full}/{service}" in offered for service in SERVICES):
                found.append(full)
        return sorted(found)
