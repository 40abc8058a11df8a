"""From the recording of an episode to AWS's fields."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from deepracer_sim.simulation_trace import (
    NO_ACTION,
    PREPARE,
    EpisodeTrace,
    all_wheels_on_track,
    closest_waypoints,
    status_names,
)
from deepracer_sim.step_recorder import Recording
from deepracer_sim.track import Track
from deepracer_sim.world import STEP_TIME


def episode_trace(episode: Recording, track: Track) -> EpisodeTrace:
    """Return an episode in AWS's fields, with a row for its start.

    Args:
        episode: a whole one.
        track: its car's own.
    """

    def column(name: str, first: float) -> NDArray[np.float64]:
        return np.concatenate(([first], episode[name]), dtype=np.float64)

    start_x, start_y, start_heading, start_waypoint = (
        float(episode[f"start_{name}"][0]) for name in ("x", "y", "heading", "waypoint")
    )
    x, y = column("x", start_x), column("y", start_y)
    heading = column("heading", start_heading)
    wheels = all_wheels_on_track(track, start_x, start_y, start_heading)
    return EpisodeTrace(
        steps=column("steps", 0).astype(int),
        x=x,
        y=y,
        yaw=np.degrees(np.arctan2(np.sin(heading), np.cos(heading))),
        steer=np.degrees(column("steering_angle", 0)),
        throttle=column("speed", 0),
        action=column("action", NO_ACTION).astype(int),
        reward=column("reward", 0),
        done=column("done", 0).astype(bool),
        all_wheels_on_track=column("all_wheels_on_track", wheels).astype(bool),
        progress=column("progress", 0),
        closest_waypoint=closest_waypoints(
            track, column("waypoint", start_waypoint), x, y, bool(episode["reversed"][0])
        ),
        track_length=np.full(len(x), float(track.length)),
        time=np.concatenate(([episode.time[0] - STEP_TIME], episode.time)),
        status=np.concatenate(([PREPARE], status_names(episode["status"]))),
        pause=np.zeros(len(x)),
        wall_clock=np.concatenate((episode.wall_clock[:1], episode.wall_clock)),
    )
