"""Stay between the two borders, on any line: this leaves the car free to cut its corners."""

SAFE_DISTANCE = 0.05  # metres between the car's reference point and the border


def reward_function(params):
    """Pay 1 while all wheels are on the road and the border is 5 cm away, next to nothing otherwise."""
    distance_from_border = 0.5 * params["track_width"] - params["distance_from_center"]

    if params["all_wheels_on_track"] and distance_from_border >= SAFE_DISTANCE:
        return 1.0
    return 1e-3
