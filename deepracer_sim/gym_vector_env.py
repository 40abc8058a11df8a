"""The embedded simulator as a Gymnasium vector environment: one batch, not copies of a single one."""

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

ENVIRONMENT_SETTINGS = ("track", "actions", "camera", "car", "randomisation", "episode", "reward", "device")
"""The fields of `TrainSettings` that an environment depends on."""
RENDER_MODES = ["rgb_array"]
RENDER_FPS = round(1 / STEP_TIME)
RENDER_WIDTH, HIGHEST_RENDER = 480, 960
"""Pixels; the height follows from the camera's proportions."""
STATUS_NAMES = np.array([status.name.lower() for status in Status], dtype=object)

Images = NDArray[np.uint8]
Info = dict[str, Any]


class DeepRacerVectorEnv(VectorEnv[Images, NDArray[np.int64], NDArray[Any]]):
    """Many cars in one batched simulation; `gym_env.DeepRacerEnv` says what each does, sees and gets.

    By default an episode that ended starts anew in the next step: that step ignores the car's action, gives
    it no reward and returns the first picture of the new episode (Gymnasium's `NEXT_STEP`). `SAME_STEP`
    starts it at once and leaves the last picture in `info["final_obs"]`. `DISABLED` leaves it to `reset` with
    `options={"reset_mask": mask}`.

    Each entry of `info` is an array over the cars, beside a mask under the same name with an underscore
    before it.

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

    metadata: dict[str, Any] = {  # noqa: RUF012 - Gymnasium declares it so
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
        if render_mode not in (None, *RENDER_MODES):
            raise SettingError(f"render_mode={render_mode!r}: must be None or {', '.join(RENDER_MODES)}")
        settings = _changed(settings or TrainSettings(), changes)
        actions = load_actions(settings.actions)
        self.settings = settings
        self.num_envs = num_envs
        self.render_mode = render_mode
        self._autoreset_mode = AutoresetMode(autoreset_mode)
        self.metadata = {**self.metadata, "autoreset_mode": self._autoreset_mode}
        camera = settings.camera
        self.single_observation_space = Box(0, 255, (camera.height, camera.width, camera.channels), np.uint8)
        self.single_action_space = Discrete(len(actions))
        self._num_actions = len(actions)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self._course = Course.load(settings.track)
        self._views: list[Camera] = []
        self._env = make_env(
            settings, self._course, actions, num_envs, settings.episode, settings.randomisation, settings.seed
        )
        self._was_reset = False
        # Cars without an episode: it ended, or none has begun yet.
        self._is_over = torch.ones(num_envs, dtype=torch.bool, device=self._env.device)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Images, Info]:
        """Start new episodes.

        Args:
            seed: restarts all random draws, so that the same seed and actions give the same pictures. The
                first reset without a seed takes one from the operating system.
            options: `reset_mask`, (num_envs,) bool, chooses the cars; the others drive on.
        """
        super().reset(seed=seed)
        mask = self._reset_mask(options)
        if seed is not None or not self._was_reset:
            self._env.seed(int(self.np_random.integers(2**63)))
        self._was_reset = True
        self._env.reset(mask)
        self._is_over = self._is_over & ~mask
        return self._observe(), self._info(torch.zeros_like(self._env.episode.steps), {}, mask)

    def step(
        self, actions: NDArray[np.int64]
    ) -> tuple[Images, NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_], Info]:
        """Drive one step of 1/15 s with the actions (num_envs,)."""
        starting = self._is_over
        outcome = self._env.step(self._checked(actions))
        # Cars whose episode was over have moved with the others, for nothing: now they start anew.
        self._env.reset(starting)
        terminated, truncated = outcome.terminated & ~starting, outcome.truncated & ~starting
        status = outcome.status.masked_fill(starting, int(Status.IN_PROGRESS))
        reward = outcome.reward.masked_fill(starting, 0.0).double()
        terms = {name: term.masked_fill(starting, 0.0) for name, term in outcome.terms.items()}
        self._is_over = over = terminated | truncated
        final: Info = {}
        if self._autoreset_mode is AutoresetMode.SAME_STEP and bool(over.any()):
            final = self._finals(status, terms)
            self._env.reset(over)
            status = status.masked_fill(over, int(Status.IN_PROGRESS))
            self._is_over = torch.zeros_like(over)
        info = self._info(status, terms, torch.ones_like(over)) | final
        return self._observe(), _array(reward), _array(terminated), _array(truncated), info

    def render(self) -> tuple[Images, ...] | None:
        """Return each car's view in colour, (height, 480, 3), without randomisation."""
        if self.render_mode is None:
            gymnasium.logger.warn('render() shows nothing: make the environment with render_mode="rgb_array"')
            return None
        if not self._views:
            camera = self.settings.camera
            height = min(HIGHEST_RENDER, round(RENDER_WIDTH * camera.height / camera.width))
            camera = camera.replaced(width=RENDER_WIDTH, height=height, colour="rgb")
            self._views = [Camera(camera, [ground], torch.zeros(1).long()) for ground in self._course.grounds]
        car = self._env.world.state()
        poses = torch.stack((car.x, car.y, car.yaw), 1).cpu()[..., None]
        count = len(self._views)
        return tuple(_array(self._views[index % count].render(*pose)[0]) for index, pose in enumerate(poses))

    def close_extras(self, **_: Any) -> None:
        """Let go of the simulator."""
        self._env.world.close()

    def _observe(self) -> Images:
        return _array(self._env.images())

    def _finals(self, status: Tensor, terms: Mapping[str, Tensor]) -> Info:
        """Describe the end of the episodes that are over, as Gymnasium wants it."""
        over = _array(self._is_over)
        images = np.full(self.num_envs, None, dtype=object)
        last = self._observe()
        for car in np.flatnonzero(over):
            images[car] = last[car]
        info = self._info(status, terms, self._is_over)
        return {"final_obs": images, "_final_obs": over, "final_info": info, "_final_info": over.copy()}

    def _info(self, status: Tensor, terms: Mapping[str, Tensor], mask: Tensor) -> Info:
        """Describe the present state; `mask` (num_envs,) says for which cars."""
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
        info = {"status": STATUS_NAMES[counts[0]], "laps": counts[1], "steps": counts[2]}
        info |= dict(zip(numbers, columns, strict=True))
        return info | {f"_{name}": _array(mask).copy() for name in info}

    def _checked(self, actions: NDArray[np.int64]) -> Tensor:
        if not self._was_reset:
            raise ResetNeeded("no episode has begun: call reset() before step()")
        if self._autoreset_mode is AutoresetMode.DISABLED and bool(self._is_over.any()):
            cars = torch.nonzero(self._is_over).flatten().tolist()
            raise ResetNeeded(f"the episodes of cars {cars} are over: call reset() before the next step()")
        chosen = np.asarray(actions)
        count = self._num_actions
        if chosen.shape != (self.num_envs,) or chosen.dtype.kind not in "iu":
            wanted = f"whole numbers of shape ({self.num_envs},), one a car"
            raise SettingError(f"actions of type {chosen.dtype} and shape {chosen.shape}: must be {wanted}")
        if chosen.min() < 0 or chosen.max() >= count:
            raise SettingError(f"actions from {chosen.min()} to {chosen.max()}: must be 0 to {count - 1}")
        return torch.as_tensor(chosen.astype(np.int64), device=self._env.device)

    def _reset_mask(self, options: dict[str, Any] | None) -> Tensor:
        unknown = sorted((options or {}).keys() - {"reset_mask"})
        if unknown:
            raise SettingError(f"options {', '.join(unknown)}: reset has no such option, only reset_mask")
        mask = (options or {}).get("reset_mask")
        if mask is None:
            return torch.ones_like(self._is_over)
        mask = np.asarray(mask)
        if mask.shape != (self.num_envs,) or mask.dtype != np.bool_:
            wanted = f"bool of shape ({self.num_envs},)"
            raise SettingError(f"reset_mask of type {mask.dtype} and shape {mask.shape}: must be {wanted}")
        return torch.as_tensor(mask, device=self._env.device)


def _changed(settings: TrainSettings, changes: Mapping[str, Any]) -> TrainSettings:
    """Return the settings with `changes`; a mapping changes only what it names."""
    unknown = sorted(changes.keys() - set(ENVIRONMENT_SETTINGS))
    if unknown:
        choices = ", ".join(ENVIRONMENT_SETTINGS)
        raise SettingError(f"{', '.join(unknown)}: the environment has no such setting, it has {choices}")
    values: dict[str, Any] = {}
    try:
        for name, value in changes.items():
            old = getattr(settings, name)
            if isinstance(old, Settings) and isinstance(value, Mapping):
                values[name] = old.replaced(**value)
            else:
                values[name] = (value,) if name == "track" and isinstance(value, str) else value
        return settings.replaced(**values)
    except ValidationError as error:
        raise SettingError(describe(error)) from error


def _array(tensor: Tensor) -> NDArray[Any]:
    return tensor.cpu().numpy()
