"""The embedded simulator as the Gymnasium environment `DeepRacer-v0`, for one car and for many.

Importing this module registers the name, which is how Gymnasium learns of environments of other packages:

    import gymnasium
    import deepracer_sim.gym_env

    env = gymnasium.make("DeepRacer-v0")
    envs = gymnasium.make_vec("DeepRacer-v0", num_envs=64)

`gymnasium.make("deepracer_sim.gym_env:DeepRacer-v0")` does both.
"""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from gymnasium.vector import AutoresetMode

from deepracer_sim.gym_vector_env import RENDER_FPS, RENDER_MODES, DeepRacerVectorEnv, Images, Info
from deepracer_sim.settings import TrainSettings

ENVIRONMENT_ID = "DeepRacer-v0"


class DeepRacerEnv(gymnasium.Env[Images, np.int64]):
    """A 1/18 scale car drives laps on a track, from its camera alone.

    Action: `Discrete(A)`, an index into the action table. By default A is 10: five steering angles from
    30 degrees to the right to 30 degrees to the left, each with 1 m/s and then with 2 m/s. An action holds
    for a step of 1/15 s, the time between two pictures; servo, motor and tyres follow it with their lags and
    limits.

    Observation: `Box(0, 255, (48, 64, 1), uint8)`, what the camera at the front of the car sees: (height,
    width, channels), one grey channel or three of RGB. Its size, colours and mount are settings. Where
    randomisation is enabled, as it is by default, each episode draws another car and another look of the
    world.

    Reward: for each step the metres gained along the centre line over those of full speed, cut at +-1.5,
    times 1 - (distance from the centre / half of the width)^2 / 2; when the car leaves the track, -1 in place
    of that. A file with a `reward_function(params)` replaces this reward.

    Start: at rest, anywhere on the track, in either direction, up to 0.2 m beside the centre line and turned
    up to 0.3 rad from it. The `episode` settings choose other starts, such as the start line.

    End: terminated when no wheel is on the road any more (off_track), when the car has hardly moved for
    15 steps (immobilized) or has gone backwards for 15 steps (reversed). Truncated after one lap
    (lap_complete) or 300 steps (time_up), for the car could have gone on.

    Info: `status` (in_progress or one of the names above), `progress` in percent of a lap and whole `laps`
    since the start of the episode, its `steps`, `x`, `y` (metres) and `yaw` (radians) of the point on the
    ground between the axles, `speed` forwards (m/s), and after a step the terms of the reward as
    `reward_...`.

    Args:
        settings: of a training, whose environment is wanted; the defaults if absent.
        render_mode: None, or "rgb_array" for `render` to return the car's view in colour, (360, 480, 3).
        changes: fields of `settings` to replace: track, actions, camera, car, randomisation, episode, reward
            and device. One track may be given as a plain name, and of a group only what differs:
            `gymnasium.make("DeepRacer-v0", track="oval", actions={"max_speed": 3})`.

    Raises:
        SettingError: a value is unknown or out of its range.
        TrackError: a track is unknown or not valid.
    """

    metadata: dict[str, Any] = {"render_modes": RENDER_MODES, "render_fps": RENDER_FPS}  # noqa: RUF012

    def __init__(
        self, settings: TrainSettings | None = None, render_mode: str | None = None, **changes: Any
    ) -> None:
        self._cars = DeepRacerVectorEnv(1, settings, render_mode, AutoresetMode.DISABLED, **changes)
        self.render_mode = render_mode
        self.action_space = self._cars.single_action_space
        self.observation_space = self._cars.single_observation_space

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Images, Info]:
        """Start a new episode; the same seed and actions give the same pictures."""
        super().reset(seed=seed)
        images, info = self._cars.reset(seed=seed, options=options)
        return images[0], _first(info)

    def step(self, action: np.int64) -> tuple[Images, float, bool, bool, Info]:
        """Drive one step of 1/15 s."""
        images, reward, terminated, truncated, info = self._cars.step(np.asarray([action]))
        return images[0], float(reward[0]), bool(terminated[0]), bool(truncated[0]), _first(info)

    def render(self) -> Images | None:
        """Return the car's view in colour, without randomisation."""
        frames = self._cars.render()
        return None if frames is None else frames[0]

    def close(self) -> None:
        """Let go of the simulator."""
        self._cars.close()


def _first(info: Info) -> Info:
    """Return the info of the only car as plain Python values."""
    return {name: values.tolist()[0] for name, values in info.items() if not name.startswith("_")}


if ENVIRONMENT_ID not in gymnasium.registry:
    gymnasium.register(
        ENVIRONMENT_ID,
        entry_point="deepracer_sim.gym_env:DeepRacerEnv",
        vector_entry_point="deepracer_sim.gym_vector_env:DeepRacerVectorEnv",
    )
