"""The embedded simulator as Gymnasium environments, under the name `DeepRacer-v0`.

Importing this module registers the name, which is how Gymnasium finds environments of other packages:

    import gymnasium
    import deepracer_sim.gym_env

    env = gymnasium.make("DeepRacer-v0")
    envs = gymnasium.make_vec("DeepRacer-v0", num_envs=64)

`gymnasium.make("deepracer_sim.gym_env:DeepRacer-v0")` needs no import.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gymnasium
import numpy as np
import torch
from gymnasium.error import ResetNeeded
from gymnasium.spaces import Box, Discrete
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray
from pydantic import ValidationError
from torch import Tensor

from deepracer_sim.camera import Camera
from deepracer_sim.errors import SettingError
from deepracer_sim.racing_env import Status
from deepracer_sim.settings import Settings, TrainSettings, describe
from deepracer_sim.simulation import Course, load_actions, make_env
from deepracer_sim.world import STEP_TIME

ENVIRONMENT_ID = "DeepRacer-v0"
ENVIRONMENT_SETTINGS = ("track", "actions", "camera", "car", "randomisation", "episode", "reward", "device")
"""The fields of `TrainSettings` that an environment depends on."""
RENDER_WIDTH = 480
"""Pixels; the height follows from the camera's proportions."""
RENDER_MODES = ["rgb_array"]
RENDER_FPS = round(1 / STEP_TIME)
STATUS_NAMES = np.array([status.name.lower() for status in Status], dtype=object)

Images = NDArray[np.uint8]


class DeepRacerVectorEnv(VectorEnv[Images, NDArray[np.int64], NDArray[Any]]):
    """Many cars that share one batched simulation; what each does and sees is described at `DeepRacerEnv`.

    By default an episode that ended starts anew in the next step: that step ignores the car's action, gives it
    no reward and returns the first picture of the new episode (Gymnasium's `NEXT_STEP`). `SAME_STEP` starts it
    at once, with the last picture in `info["final_obs"]`; `DISABLED` leaves it to `reset` with
    `options={"reset_mask": mask}`.

    Each entry of `info` is an array over the cars, beside a mask under the same name with a leading underscore.

    Args:
        num_envs: cars; several tracks are dealt out to them in turn.
        settings: of a training, whose environment is wanted; the defaults if absent.
        render_mode: "rgb_array" or None.
        autoreset_mode: what happens when an episode has ended.
        changes: fields of `settings` to replace, see `DeepRacerEnv`.

    Raises:
        SettingError: a value is unknown or out of its range.
        TrackError: a track is unknown or not valid.
    """

    metadata: dict[str, Any] = {  # noqa: RUF012  Gymnasium declares it so
        "render_modes": RENDER_MODES,
        "render_fps": RENDER_FPS,
        "autoreset_mode": AutoresetMode.NEXT_STEP,
    }

    def __init__(
        self,
        num_envs: int = 1,
        settings: TrainSettings | None = None,
        render_mode: str | None = None,
        autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
        **changes: Any,
    ) -> None:
        if num_envs < 1:
            raise SettingError(f"num_envs={num_envs}: must be at least 1")
        if render_mode is not None and render_mode not in RENDER_MODES:
            raise SettingError(f"render_mode={render_mode!r}: must be one of {', '.join(RENDER_MODES)}, or None")
        settings = _changed(settings or TrainSettings(), changes)
        actions = load_actions(settings.actions)
        self.settings = settings
        self.num_envs = num_envs
        self.render_mode = render_mode
        self.metadata = {**self.metadata, "autoreset_mode": AutoresetMode(autoreset_mode)}
        self._autoreset_mode = self.metadata["autoreset_mode"]
        camera = settings.camera
        self.single_observation_space = Box(0, 255, (camera.height, camera.width, camera.channels), np.uint8)
        self.single_action_space = Discrete(len(actions))
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self._course = Course.load(settings.track)
        self._views: list[Camera] = []
        self._env = make_env(
            settings, self._course, actions, num_envs, settings.episode, settings.randomisation, settings.seed
        )
        # Cars without an episode: it ended, or none has begun.
        self._is_over = torch.ones(num_envs, dtype=torch.bool, device=self._env.device)
        self._was_reset = False

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Images, dict[str, Any]]:
        """Start new episodes.

        Args:
            seed: restarts all random draws, so that the same seed and actions give the same pictures. The first
                reset without a seed takes one from the operating system.
            options: `reset_mask`, (num_envs,) bool, chooses the cars; the others drive on.
        """
        super().reset(seed=seed)
        mask = self._reset_mask(options)
        if seed is not None or not self._was_reset:
            self._env.seed(int(self.np_random.integers(2**63)))
            # The number of an episode decides on its start where starts go round the track.
            self._env.episode.number = torch.full_like(self._env.episode.number, -1)
        self._was_reset = True
        self._env.reset(mask)
        self._is_over = self._is_over & ~mask
        return self._observe(), self._info(torch.zeros_like(self._env.episode.steps), {}, mask)

    def step(
        self, actions: NDArray[np.int64]
    ) -> tuple[Images, NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_], dict[str, Any]]:
        """Drive one step of 1/15 s with the actions (num_envs,)."""
        is_new = self._is_over
        chosen = self._checked(actions)
        outcome = self._env.step(chosen)
        # The cars whose episode was over have moved with the others, for nothing: they start anew now.
        terminated, truncated = outcome.terminated & ~is_new, outcome.truncated & ~is_new
        self._is_over = terminated | truncated
        if bool(is_new.any()):
            self._env.reset(is_new)
        status = outcome.status.masked_fill(is_new, int(Status.IN_PROGRESS))
        terms = {name: term.masked_fill(is_new, 0.0) for name, term in outcome.terms.items()}
        info = self._info(status, terms, torch.ones_like(is_new))
        if self._autoreset_mode is AutoresetMode.SAME_STEP and bool(self._is_over.any()):
            info = self._start_anew(info)
        reward = outcome.reward.masked_fill(is_new, 0.0).double()
        return self._observe(), *(_array(column) for column in (reward, terminated, truncated)), info

    def _start_anew(self, info: dict[str, Any]) -> dict[str, Any]:
        """Reset the cars whose episode is over; return the info of now, that of before in it as the final one."""
        over = self._is_over
        final_images = np.full(self.num_envs, None, dtype=object)
        last = self._observe()
        for car in np.flatnonzero(_array(over)):
            final_images[car] = last[car]
        self._env.reset(over)
        self._is_over = torch.zeros_like(over)
        terms = {name.removeprefix("_") for name in info if name.startswith("_reward_")}
        new = self._info(torch.zeros_like(self._env.episode.steps), {}, torch.ones_like(over))
        new |= {name: info[name] for term in terms for name in (term, f"_{term}")}
        new |= {"status": np.where(_array(over), new["status"], info["status"])}
        final = {name: _array(over) if name.startswith("_") else value for name, value in info.items()}
        return new | {
            "final_obs": final_images,
            "_final_obs": _array(over),
            "final_info": final,
            "_final_info": _array(over),
        }

    def render(self) -> tuple[Images, ...] | None:  # type: ignore[override]
        """Return each car's view in colour, (height, 480, 3), without randomisation."""
        if self.render_mode is None:
            gymnasium.logger.warn('render() shows nothing: make the environment with render_mode="rgb_array"')
            return None
        if not self._views:
            camera = self.settings.camera
            height = min(960, round(RENDER_WIDTH * camera.height / camera.width))
            camera = camera.replaced(width=RENDER_WIDTH, height=height, colour="rgb")
            self._views = [Camera(camera, [ground], torch.zeros(1).long()) for ground in self._course.grounds]
        car = self._env.world.state()
        poses = torch.stack((car.x, car.y, car.yaw), 1).cpu()[..., None]
        count = len(self._views)
        return tuple(self._views[index % count].render(*pose)[0].numpy() for index, pose in enumerate(poses))

    def close_extras(self, **_: Any) -> None:
        """Let go of the simulator."""
        self._env.world.close()

    def _observe(self) -> Images:
        return _array(self._env.images())

    def _info(self, status: Tensor, terms: Mapping[str, Tensor], mask: Tensor) -> dict[str, Any]:
        """Describe the present state; `mask` (num_envs,) says which cars have it."""
        env = self._env
        car, laps = env.world.state(), env.episode.travelled / env.track_length
        numbers = {
            "progress": (100 * laps).clamp(0, 100),
            "x": car.x,
            "y": car.y,
            "yaw": car.yaw,
            "speed": car.forward_speed,
            **{f"reward_{name}": term for name, term in terms.items()},
        }
        columns = _array(torch.stack([number.double() for number in numbers.values()]))
        counts = _array(torch.stack((status, laps.clamp(min=0).long(), env.episode.steps)))
        info = {
            "status": STATUS_NAMES[counts[0]],
            "laps": counts[1],
            "steps": counts[2],
            **dict(zip(numbers, columns, strict=True)),
        }
        return info | {f"_{name}": _array(mask).copy() for name in info}

    def _checked(self, actions: NDArray[np.int64]) -> Tensor:
        if not self._was_reset:
            raise ResetNeeded("call reset() before step()")
        if self._autoreset_mode is AutoresetMode.DISABLED and bool(self._is_over.any()):
            cars = torch.nonzero(self._is_over).flatten().tolist()
            raise ResetNeeded(f"the episodes of the cars {cars} are over: reset them with a reset_mask first")
        chosen = np.asarray(actions)
        count = int(self.single_action_space.n)
        if chosen.shape != (self.num_envs,) or chosen.dtype.kind not in "iu":
            raise SettingError(
                f"actions {chosen.dtype} {chosen.shape}: must be ({self.num_envs},) whole numbers, one a car"
            )
        if chosen.min() < 0 or chosen.max() >= count:
            raise SettingError(f"actions {chosen.min()} to {chosen.max()}: must be 0 to {count - 1}")
        return torch.as_tensor(chosen.astype(np.int64), device=self._env.device)

    def _reset_mask(self, options: dict[str, Any] | None) -> Tensor:
        unknown = sorted((options or {}).keys() - {"reset_mask"})
        if unknown:
            raise SettingError(f"options {', '.join(unknown)}: no such option of reset, there is only reset_mask")
        mask = (options or {}).get("reset_mask")
        if mask is None:
            return torch.ones_like(self._is_over)
        mask = np.asarray(mask)
        if mask.shape != (self.num_envs,) or mask.dtype != np.bool_:
            raise SettingError(f"reset_mask {mask.dtype} {mask.shape}: must be bool ({self.num_envs},)")
        return torch.as_tensor(mask, device=self._env.device)


class DeepRacerEnv(gymnasium.Env[Images, np.int64]):
    """A 1/18 scale car drives laps on a track, from its camera alone.

    Action: `Discrete(A)`, an index into the action table. By default A is 10: five steering angles from 30 degrees
    to the right to 30 degrees to the left, each with 1 m/s and 2 m/s, the speed changing faster than the angle.
    An action holds for a step of 1/15 s, the time between two pictures; servo, motor and tyres follow with their
    lags and limits.

    Observation: `Box(0, 255, (48, 64, 1), uint8)`, what the camera at the car's front sees: (height, width,
    channels), one grey channel or three of RGB. Its mount, size and colours are settings. Where randomisation is
    enabled (the default), each episode draws another car and another look of the world.

    Reward: for each step, what the car gained along the centre line over what full speed would have gained, cut
    at 1.5, times 1 - (distance from the centre / half of the width)^2 / 2; -1 in its place when the car leaves the
    track. A file with a `reward_function(params)` replaces it.

    Start: at rest, anywhere on the track, in either direction, up to 0.2 m from the centre line and 0.3 rad off
    its heading. The `episode` settings choose other starts, for instance the start line.

    End: terminated when no wheel is on the road any more (off_track), when the car has hardly moved in 15 steps
    (immobilized) or has gone backwards for 15 steps (reversed). Truncated after a lap (lap_complete) or
    300 steps (time_up): the car could have gone on.

    Info: `status` (in_progress or one of the names above), `progress` in percent of a lap and whole `laps` since
    the episode's start, `steps` of the episode, `x`, `y` (metres) and `yaw` (radians) of the point on the ground
    between the axles, `speed` forwards (m/s), and the terms of the reward as `reward_...`.

    Args:
        settings: of a training, whose environment is wanted; the defaults if absent.
        render_mode: "rgb_array": `render` returns the car's view in colour, (360, 480, 3); or None.
        changes: fields of `settings` to replace: track, actions, camera, car, randomisation, episode, reward and
            device. One track may be given as a plain name, and of a group only what differs:
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

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Images, dict[str, Any]]:
        """Start a new episode; see `DeepRacerVectorEnv.reset`."""
        super().reset(seed=seed)
        images, info = self._cars.reset(seed=seed, options=options)
        return images[0], _first(info)

    def step(self, action: np.int64) -> tuple[Images, float, bool, bool, dict[str, Any]]:
        """Drive one step of 1/15 s."""
        images, reward, terminated, truncated, info = self._cars.step(np.asarray([action]))
        return images[0], float(reward[0]), bool(terminated[0]), bool(truncated[0]), _first(info)

    def render(self) -> Images | None:  # type: ignore[override]
        """Return the car's view in colour, without randomisation."""
        frames = self._cars.render()
        return None if frames is None else frames[0]

    def close(self) -> None:
        """Let go of the simulator."""
        self._cars.close()


def _changed(settings: TrainSettings, changes: Mapping[str, Any]) -> TrainSettings:
    """Return the settings with `changes`; a mapping changes only what it names."""
    unknown = sorted(changes.keys() - set(ENVIRONMENT_SETTINGS))
    if unknown:
        raise SettingError(
            f"{', '.join(unknown)}: no such setting of the environment; there are {', '.join(ENVIRONMENT_SETTINGS)}"
        )
    values = {}
    try:
        for name, value in changes.items():
            old = getattr(settings, name)
            if isinstance(old, Settings) and isinstance(value, Mapping):
                value = old.replaced(**value)
            values[name] = (value,) if name == "track" and isinstance(value, str) else value
        return settings.replaced(**values)
    except ValidationError as error:
        raise SettingError(describe(error)) from error


def _array(tensor: Tensor) -> NDArray[Any]:
    return tensor.cpu().numpy()


def _first(info: dict[str, Any]) -> dict[str, Any]:
    """Return the info of the only car as plain Python values."""
    return {name: values.tolist()[0] for name, values in info.items() if not name.startswith("_")}


if ENVIRONMENT_ID not in gymnasium.registry:
    gymnasium.register(
        ENVIRONMENT_ID,
        entry_point="deepracer_sim.gym_env:DeepRacerEnv",
        vector_entry_point="deepracer_sim.gym_env:DeepRacerVectorEnv",
    )
