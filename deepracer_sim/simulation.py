"""From settings to a running environment: tracks, painted grounds, world, reward."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TextIO

import torch

from deepracer_inference.action_space import DiscreteActionSpace, load_action_space
from deepracer_sim.embedded_world import EmbeddedWorld
from deepracer_sim.errors import SettingError
from deepracer_sim.ground import Ground, paint
from deepracer_sim.racing_env import RacingEnv
from deepracer_sim.reward import ProgressReward, Reward, load_reward
from deepracer_sim.settings import ActionSettings, EpisodeSettings, Randomisation, TrainSettings
from deepracer_sim.track import Track, stack
from deepracer_sim.track_library import load_track
from deepracer_sim.world import STEP_TIME, World


@dataclass(frozen=True)
class Course:
    """Tracks and their painted grounds, in the same order."""

    tracks: tuple[Track, ...]
    grounds: tuple[Ground, ...]

    @staticmethod
    def load(names: Sequence[str]) -> Course:
        """Load and paint tracks.

        Raises:
            TrackError: a name is unknown or a file is no valid track.
        """
        tracks = tuple(load_track(name) for name in names)
        return Course(tracks, tuple(paint(track) for track in tracks))


def load_actions(settings: ActionSettings) -> DiscreteActionSpace:
    """Return the action space.

    Raises:
        SettingError: the file is missing or malformed, or a value is outside the car's limits.
    """
    try:
        if settings.file is None:
            return DiscreteActionSpace.from_grid(
                settings.max_steering_angle,
                settings.steering_granularity,
                settings.max_speed,
                settings.speed_granularity,
            )
        content = json.loads(settings.file.read_text(encoding="utf-8"))
        space = load_action_space({"action_space": content} if isinstance(content, list) else content)
    except (OSError, ValueError) as error:
        place = f"{settings.file}: " if settings.file else ""
        raise SettingError(f"action space: {place}{error}") from error
    if not isinstance(space, DiscreteActionSpace):
        raise SettingError(f"{settings.file} has a continuous action space: training needs a discrete one")
    return space


def make_env(
    settings: TrainSettings,
    course: Course,
    actions: DiscreteActionSpace,
    num_cars: int,
    episode: EpisodeSettings,
    randomisation: Randomisation,
    seed: int,
    log: TextIO | None = None,
    world: World | None = None,
) -> RacingEnv:
    """Return an environment of `num_cars` cars, the tracks dealt out in turn.

    Args:
        settings: of the run: camera, car, reward and device.
        course: the tracks.
        actions: what the cars choose from.
        num_cars: cars altogether.
        episode: start and end of episodes.
        randomisation: ranges for cars and pictures.
        seed: of starts and draws.
        log: where a user's reward function prints to.
        world: simulator of `num_cars` cars; by default an embedded one.
    """
    index = torch.arange(num_cars) % len(course.tracks)
    if world is None:
        world = EmbeddedWorld(
            course.grounds,
            index,
            settings.camera,
            settings.car,
            randomisation,
            seed=seed,
            device=settings.device,
        )
    reward: Reward = ProgressReward(actions.max_speed, STEP_TIME)
    if settings.reward is not None:
        single = len(course.tracks) == 1
        reward = load_reward(
            settings.reward, course.tracks[0] if single else stack(course.tracks, index), log
        )
    table = torch.as_tensor(actions.table)
    return RacingEnv(world, course.tracks, index, table, reward, episode, seed=seed)


def make_evaluation_env(
    settings: TrainSettings,
    course: Course,
    actions: DiscreteActionSpace,
    num_cars: int,
    randomised: bool,
    seed: int,
    world: World | None = None,
) -> RacingEnv:
    """Return an environment whose episodes only a fault ends; its reward is the default one."""
    episode = EpisodeSettings(
        laps=1000, max_steps=100_000, start="line", direction="forward", start_offset=0, start_heading=0
    )
    ranges = settings.randomisation.evenly(randomised)
    return make_env(
        settings.replaced(reward=None), course, actions, num_cars, episode, ranges, seed, world=world
    )
