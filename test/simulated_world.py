"""A running world_node, somebody who uses it, and the same simulator in this process to compare it with."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("rclpy", reason="ROS 2 is not installed: make ros")

from ros_nodes import NodeProcess, new_domain, node
from ros_peer import Peer
from simulation_interfaces import srv

from deepracer_sim.ros.simulator import Simulator, simulator_of
from deepracer_sim.ros.world_settings import WorldSettings
from deepracer_sim.world import CarState

PAUSED, PLAYING = 2, 1


class SimulatedWorld:
    """A world_node with its user.

    Attributes:
        peer: who publishes, listens and calls.
        process: of the node.
        settings: that it was started with.
    """

    def __init__(self, process: NodeProcess, peer: Peer, settings: WorldSettings) -> None:
        self.process, self.peer, self.settings = process, peer, settings

    def ask(self, kind: Any, **values: Any) -> Any:
        """Call a service of simulation_interfaces; return its answer."""
        name = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in kind.__name__)
        return self.peer.ask(kind, f"/world_node/{name[1:]}", kind.Request(**values))

    def step(self, steps: int = 1) -> Any:
        """Drive frames; return the result."""
        return self.ask(srv.StepSimulation, steps=steps).result

    def set_state(self, state: int) -> Any:
        """Ask for a state; return the result."""
        request = srv.SetSimulationState.Request()
        request.state.state = state
        return self.peer.ask(srv.SetSimulationState, "/world_node/set_simulation_state", request).result

    def start_anew(self) -> None:
        """Pause and set everything back."""
        self.set_state(PAUSED)
        assert self.ask(srv.ResetSimulation).result.result == 1

    def twin(self) -> Simulator:
        """Return the same simulator, as it is at the start, in this process."""
        return simulator_of(self.settings)


@contextmanager
def simulated_world(track: Path, folder: Path, **values: Any) -> Iterator[SimulatedWorld]:
    """Run a paused world_node on a domain of its own."""
    settings = WorldSettings(track=str(track), paused=True, **values)
    domain = new_domain()
    with node("world_node", domain, folder, track=track, paused=True, **values) as process:
        process.wait_for("car(s) on")
        peer = Peer(domain, process)
        try:
            yield SimulatedWorld(process, peer, settings)
        finally:
            peer.close()
        assert process.end() == 0, process.text()
        assert "Traceback" not in process.text()


def numbers(state: CarState, car: int = 0) -> tuple[float, ...]:
    """Return a car's pose and velocity: x, y, yaw, forward and lateral speed, yaw rate."""
    columns = (state.x, state.y, state.yaw, state.forward_speed, state.lateral_speed, state.yaw_rate)
    return tuple(float(column[car]) for column in columns)
