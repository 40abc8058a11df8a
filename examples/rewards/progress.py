"""Pay for every percent of the lap, and so for speed: a faster car collects more of them in each step.

The function remembers the last progress in a global variable. Every car has globals of its own, and `steps`
is 1 again in the first step of each episode.
"""

previous_progress = 0.0


def reward_function(params):
    """Pay the percent of a lap gained in this step, more in the middle of the road; take 1 off the road."""
    global previous_progress
    if params["steps"] <= 1:
        previous_progress = 0.0
    gained = params["progress"] - previous_progress
    previous_progress = params["progress"]

    if params["is_offtrack"]:
        return -1.0
    offset = params["distance_from_center"] / (0.5 * params["track_width"])
    return gained * (1.0 - 0.5 * min(offset, 1.0) ** 2)
