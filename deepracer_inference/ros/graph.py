"""Who else is on the topics: DDS connects by the type's name, and two types of one name garble each other."""

from __future__ import annotations

from typing import Any, Sequence

from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy

LATEST = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
"""How the car's nodes publish and listen: only the newest counts."""


def full_name(node: Node, topic: str) -> str:
    """Return a topic's name from the root."""
    return topic if topic.startswith("/") else f"{node.get_namespace().rstrip('/')}/{topic}"


def stranger(node: Node, camera_topic: str, output_topics: Sequence[str]) -> str | None:
    """Return why the car must not drive with those who are on its topics; None if it may.

    Args:
        node: that listens to the camera and publishes.
        camera_topic: full name; exactly one may publish there.
        output_topics: full names; whoever listens there must have the same messages.
    """
    cameras = node.get_publishers_info_by_topic(camera_topic)
    if len(cameras) > 1:
        return f"{len(cameras)} nodes publish {camera_topic}: must be one camera"
    ends = [(camera_topic, cameras, node.get_subscriptions_info_by_topic(camera_topic))]
    for topic in output_topics:
        listeners = node.get_subscriptions_info_by_topic(topic)
        ends.append((topic, listeners, node.get_publishers_info_by_topic(topic)))
    for topic, others, ours in ends:
        own = next((type_of(end) for end in ours if _is_of(end, node)), None)
        for other in others:
            if own is not None and type_of(other) != own:
                return (
                    f"{other.node_name} has another {other.topic_type} on {topic}: build this car's "
                    "deepracer_interfaces_pkg, stock or community, for both"
                )
    return None


def rivals(node: Node, topic: str) -> list[str]:
    """Return the names of the other nodes that publish there."""
    ends = node.get_publishers_info_by_topic(topic)
    return sorted(end.node_name for end in ends if not _is_of(end, node))


def _is_of(end: Any, node: Node) -> bool:
    """Tell whether an end of a topic is a node's; AWS's inference node has the same name elsewhere."""
    return (end.node_namespace, end.node_name) == (node.get_namespace(), node.get_name())


def type_of(end: Any) -> tuple[str, str]:
    """Return a type's name and its hash, which ROS 2 has since Iron; "" where it is unknown."""
    return end.topic_type, str(getattr(end, "topic_type_hash", ""))
