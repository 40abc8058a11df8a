"""One simulator a domain: whoever comes later makes way, however late it learns that it did."""

from __future__ import annotations

import time
from typing import NoReturn

from deepracer_sim.errors import SettingError
from deepracer_sim.ros.claim import Claim
from deepracer_sim.ros.lean_node import LeanNode

TOPIC = "/simulator"
"""Where each of these simulators says once when it started, and who it is."""
DISCOVERY_TIME = 1.0
"""Seconds that a simulator looks for another one before it starts."""
SETTLING_TIME = 10.0
"""Seconds in which it goes on looking for one of another kind: on a busy machine that may take long."""


class SoleSimulator:
    """Says that this simulator is there and looks for an older one.

    Args:
        node: the simulator, before it publishes /clock.
    """

    def __init__(self, node: LeanNode) -> None:
        self._node = node
        self._started = time.monotonic()
        self._claim = Claim(node, TOPIC)

    def wait(self) -> None:
        """Look for another simulator, of any kind, for `DISCOVERY_TIME` since this object was made.

        Raises:
            SettingError: there is one.
        """
        while time.monotonic() < self._started + DISCOVERY_TIME:
            self.check()
            time.sleep(0.05)
        if self._clocks():
            # Who it is may come in a moment.
            time.sleep(DISCOVERY_TIME)
            self.check()
            self._refuse(f"{', '.join(self._clocks())} publishes /clock")

    def check(self) -> None:
        """Look whether an older simulator of this kind or, soon after the start, one of another was found.

        Raises:
            SettingError: one was.
        """
        older = self._claim.older()
        if older is not None:
            self._refuse(older)
        if time.monotonic() < self._started + SETTLING_TIME:
            own = self._node.get_fully_qualified_name()
            others = [name for name in self._clocks() if name != own and "_UNKNOWN_" not in name]
            if others:
                self._refuse(f"{', '.join(others)} publishes /clock")

    def _clocks(self) -> list[str]:
        """Return the names of the nodes that publish a clock."""
        found = self._node.get_publishers_info_by_topic("/clock")
        return [f"{other.node_namespace.rstrip('/')}/{other.node_name}" for other in found]

    def _refuse(self, other: str) -> NoReturn:
        raise SettingError(
            f"there is a simulator already: {other}. Stop it, or give this one a ROS_DOMAIN_ID of its own"
        )
