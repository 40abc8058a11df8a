"""Keep to the middle of the road: three bands around the centre line, the inner ones worth more."""


def reward_function(params):
    """Pay 1, 0.5 or 0.1 within a tenth, a quarter or a half of the road's width from the centre line."""
    share_of_width = params["distance_from_center"] / params["track_width"]

    if share_of_width <= 0.1:
        return 1.0
    if share_of_width <= 0.25:
        return 0.5
    if share_of_width <= 0.5:
        return 0.1
    return 1e-3  # outside the borders
