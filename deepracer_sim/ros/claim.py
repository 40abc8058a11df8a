"""Who was first: a node says once when it began, for those who come later, and hears the same of others."""

from __future__ import annotations

import os
import time

from rclpy.qos import DurabilityPolicy, QoSProfile
from std_msgs.msg import Header

from deepracer_sim.ros.conversions import to_nanoseconds, to_time
from deepracer_sim.ros.lean_node import LeanNode, waiting

KEPT = QoSProfile(depth=10, durability=DurabilityPolicy.TRANSIENT_LOCAL)


class Claim:
    """A claim to be the only one of a kind: the younger makes way, however late it learns of the other.

    Args:
        node: that claims.
        topic: where all of the kind do.
    """

    def __init__(self, node: LeanNode, topic: str) -> None:
        name = f"{node.get_fully_qualified_name()} (process {os.getpid()})"
        self._own = Header(stamp=to_time(time.time_ns()), frame_id=name)
        self._others = node.listen(Header, topic, KEPT)
        self._publisher = node.create_publisher(Header, topic, KEPT)
        self._publisher.publish(self._own)

    def older(self) -> str | None:
        """Return who claimed the same before, if one was newly heard of."""
        for claim in waiting(self._others):
            if _age(claim) < _age(self._own):
                return str(claim.frame_id)
        return None


def _age(claim: Header) -> tuple[int, str]:
    """Return what is smaller the older a claim is, and never equal for two."""
    return to_nanoseconds(claim.stamp), claim.frame_id
