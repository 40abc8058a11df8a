"""A Gymnasium vector environment as stable-baselines3 wants it; needs `pip install stable-baselines3`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gymnasium
import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv
from numpy.typing import NDArray
from stable_baselines3.common.vec_env import VecEnv

from deepracer_sim.errors import SettingError


class StableBaselines3Env(VecEnv):
    """Hands one batched environment to stable-baselines3, which has a vector type of its own.

    The infos are empty except for those of a car whose episode has just ended: what the environment says
    about its end, `terminal_observation`, and `TimeLimit.truncated`.

    Args:
        env: starts ended episodes anew in the same step, as stable-baselines3 expects (`SAME_STEP`).

    Raises:
        SettingError: `env` has another autoreset mode.
    """

    def __init__(self, env: VectorEnv) -> None:
        mode = env.metadata.get("autoreset_mode")
        if mode is not AutoresetMode.SAME_STEP:
            raise SettingError(f"autoreset_mode {mode}: must be {AutoresetMode.SAME_STEP}")
        self.env = env
        self._actions = np.zeros(0, np.int64)
        super().__init__(env.num_envs, env.single_observation_space, env.single_action_space)

    def reset(self) -> NDArray[Any]:
        """Start all episodes; `seed` decides on the draws of this reset and of all that follows."""
        observations, _ = self.env.reset(seed=self._seeds[0])
        self._reset_seeds()
        return observations

    def step_async(self, actions: NDArray[Any]) -> None:
        """Take the actions (num_envs,) of the next step."""
        self._actions = actions

    def step_wait(self) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any], list[dict[str, Any]]]:
        """Drive one step; return observations, rewards, whether each episode ended, and infos."""
        observations, rewards, terminated, truncated, info = self.env.step(self._actions)
        infos: list[dict[str, Any]] = [{} for _ in range(self.num_envs)]
        done = terminated | truncated
        for car in np.flatnonzero(done):
            ending = {name: values[car] for name, values in info["final_info"].items() if name[0] != "_"}
            infos[car] = ending | {
                "terminal_observation": info["final_obs"][car],
                "TimeLimit.truncated": bool(truncated[car] and not terminated[car]),
            }
        return observations, rewards, done, infos

    def close(self) -> None:
        """Let go of the simulator."""
        self.env.close()

    def get_images(self) -> Sequence[NDArray[np.uint8] | None]:
        """Return each car's view, none without a render mode."""
        frames: Any = self.env.render()
        return frames or [None] * self.num_envs

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        """Return an attribute of the one environment, once for each asked car."""
        return [getattr(self.env, attr_name) for _ in self._get_indices(indices)]

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
        """Refuse: the cars share one environment."""
        raise NotImplementedError(f"{attr_name}: the cars share one environment, set it when making that")

    def env_method(
        self, method_name: str, *method_args: Any, indices: Any = None, **method_kwargs: Any
    ) -> list[Any]:
        """Refuse: the cars share one environment."""
        raise NotImplementedError(f"{method_name}: the cars share one environment, call it on `env`")

    def env_is_wrapped(self, wrapper_class: type[gymnasium.Wrapper], indices: Any = None) -> list[bool]:
        """Return False for each asked car: there are no single environments to wrap."""
        return [False for _ in self._get_indices(indices)]
