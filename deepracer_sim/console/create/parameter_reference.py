"""What a reward function is told: the keys of `params`, explained."""

from __future__ import annotations

PARAMETERS: tuple[tuple[str, str, str], ...] = (
    ("x", "number, m", "Where the car is, to the east of the track's origin: a point at its front."),
    ("y", "number, m", "The same, to the north."),
    ("heading", "number, degrees", "Where the car points: 0 is east, 90 north, from -180 to 180."),
    ("speed", "number, m/s", "The speed that the car was told to drive at, from the action space."),
    ("steering_angle", "number, degrees", "How the wheels were told to stand: positive to the left."),
    ("progress", "number, 0 to 100", "Per cent of the lap driven since the episode began."),
    ("steps", "whole number", "Steps of the episode so far, 15 a second; 1 at the first call."),
    (
        "all_wheels_on_track",
        "True or False",
        "Whether all four wheels are between the borders; the lines belong to the road.",
    ),
    ("is_offtrack", "True or False", "Whether no wheel is on the road: the episode ends here."),
    ("distance_from_center", "number, m", "How far the car is from the centre line, to either side."),
    ("is_left_of_center", "True or False", "On which side of the centre line it is, as it drives."),
    ("track_width", "number, m", "How wide the road is here; the border is half of it from the centre."),
    ("track_length", "number, m", "Of the centre line, once round."),
    ("projection_distance", "number, m", "How far along the centre line the car is from the start line."),
    (
        "waypoints",
        "list of (x, y)",
        "The centre line's points in metres, in the direction of driving; the last repeats the first.",
    ),
    ("closest_waypoints", "two whole numbers", "Which of them is behind the car, and which ahead."),
    ("is_reversed", "True or False", "Whether the car drives against the track's own direction."),
    ("is_crashed", "True or False", "Whether it has hit something; never in a time trial."),
    ("sim_time", "number, s", "Time on the simulator's clock since the episode began."),
    ("closest_objects", "two whole numbers", "As on AWS; [0, 0] here, as there are no objects."),
    ("objects_location", "list of (x, y)", "Where objects are; empty here."),
    ("objects_left_of_center", "list", "On which side each object is; empty here."),
    ("object_in_camera", "True or False", "Whether the camera sees an object; False here."),
    ("objects_speed", "list, m/s", "How fast each object is; empty here."),
    ("objects_heading", "list, degrees", "Where each object points; empty here."),
    ("objects_distance_from_center", "list, m", "How far each object is from the centre line; empty here."),
    ("objects_distance", "list, m", "How far along the track each object is; empty here."),
)
"""Name, kind and meaning, the ones that most functions use first."""

INTRODUCTION = """After each step, 15 times a second, your function is asked how good the place is that the
car has come to. It gets one dictionary, `params`, and returns one number: more for what the car should do
again. The car learns to collect as much as it can until the episode ends.

What your function remembers in global variables is kept for each car of its own. `import math` and NumPy are
there; it may neither start programs nor write large files, and has 10 seconds for some hundred calls.
"""


def parameter_text() -> str:
    """Return the reference as Markdown."""
    entries = "\n\n".join(f"**`{name}`** · {kind}  \n{meaning}" for name, kind, meaning in PARAMETERS)
    return f"{INTRODUCTION}\n\n{entries}"
