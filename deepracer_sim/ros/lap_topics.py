"""The topics that a car's laps are published on, by those who watch it and by those who evaluate it."""

from __future__ import annotations

from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile
from std_msgs.msg import Float32, Float64, Int32

from deepracer_sim.ros.frames import LATCHED

ALL_LAPS = QoSProfile(depth=100, durability=DurabilityPolicy.TRANSIENT_LOCAL)
"""A simulator may be so fast that laps are over before somebody who listens is found."""


class LapTopics:
    """Publishes one car's laps.

    `lap_time` (s) comes once a lap; `lap` (finished ones), `off_tracks` (a count) and `progress` (percent of
    the present lap) when they change. Who comes later gets the last 100 times, and the last of the others.

    Args:
        node: whose topics, under its own name.
        namespace: of the car, "" or "/racecar_1" and so on.
    """

    def __init__(self, node: Node, namespace: str) -> None:
        space = f"~{namespace}"
        self.lap_time = node.create_publisher(Float64, f"{space}/lap_time", ALL_LAPS)
        self.lap = node.create_publisher(Int32, f"{space}/lap", LATCHED)
        self.off_tracks = node.create_publisher(Int32, f"{space}/off_tracks", LATCHED)
        self.progress = node.create_publisher(Float32, f"{space}/progress", LATCHED)
        self._shown: tuple[int, int, float] | None = None

    def publish_lap_time(self, seconds: float) -> None:
        """Publish the time of a lap that was just finished."""
        self.lap_time.publish(Float64(data=seconds))

    def publish(self, laps: int, off_tracks: int, progress: float) -> None:
        """Publish what has changed.

        Args:
            laps: finished.
            off_tracks: how often the car left the road.
            progress: share of the present lap, 0 to 1.
        """
        shown, now = self._shown, (laps, off_tracks, progress)
        if shown is None or shown[0] != laps:
            self.lap.publish(Int32(data=laps))
        if shown is None or shown[1] != off_tracks:
            self.off_tracks.publish(Int32(data=off_tracks))
        if shown is None or shown[2] != progress:
            self.progress.publish(Float32(data=100 * progress))
        self._shown = now
