"""Keep to the middle of the road without swinging about: hard steering costs a fifth of the reward."""

STEERING_THRESHOLD = 15.0  # degrees; choose it to suit the action space


def reward_function(params):
    """Pay by bands around the centre line, less while steering hard."""
    distance = params["distance_from_center"]
    width = params["track_width"]

    if distance <= 0.1 * width:
        reward = 1.0
    elif distance <= 0.25 * width:
        reward = 0.5
    elif distance <= 0.5 * width:
        reward = 0.1
    else:
        reward = 1e-3  # outside the borders

    if abs(params["steering_angle"]) > STEERING_THRESHOLD:
        reward *= 0.8
    return reward
