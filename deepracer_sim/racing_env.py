"""The environment: N cars on their tracks, with AWS's episode rules, above any `World`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from enum import IntEnum
from typing import Any

import torch
from torch import Tensor

from deepracer_sim.car import WHEEL_POINTS, points_in_world, reference_point
from deepracer_sim.reward import Reward, RewardState
from deepracer_sim.settings import EpisodeSettings
from deepracer_sim.track import Projection, Track, stack
from deepracer_sim.world import STEP_TIME, CarState, World, wrapped

IMMOBILISED_STEPS, IMMOBILISED_DISTANCE = 15, 0.0003
"""AWS ends an episode after so many consecutive steps that each move the car by no more than this, metres."""
REVERSED_STEPS = 15
"""AWS ends an episode after this many consecutive steps of falling progress."""
ROUND_ROBIN_ADVANCE = 0.05
"""Share of the lap by which the start moves on after each episode (AWS's ROUND_ROBIN_ADVANCE_DIST)."""


class Status(IntEnum):
    """How an episode stands; the names in lower case are AWS's `episode_status`."""

    IN_PROGRESS = 0
    LAP_COMPLETE = 1
    OFF_TRACK = 2
    IMMOBILIZED = 3
    REVERSED = 4
    TIME_UP = 5


@dataclass(frozen=True)
class Outcome:
    """What a step brought; every tensor has shape (N,).

    Attributes:
        reward: of the step.
        terms: the named parts of the reward.
        status: a `Status` for each car.
        terminated: the episode ended by the car's own fault.
        truncated: the episode ended although the car could have gone on: laps complete or time up.
        state: what the reward function was told.
    """

    reward: Tensor
    terms: dict[str, Tensor]
    status: Tensor
    terminated: Tensor
    truncated: Tensor
    state: RewardState


@dataclass
class Episode:
    """What the rules remember of each car's episode; every tensor has shape (N,)."""

    reversed: Tensor
    distance: Tensor
    travelled: Tensor
    steps: Tensor
    still_steps: Tensor
    backward_steps: Tensor
    number: Tensor


class RacingEnv:
    """N cars that each drive episodes on their track.

    Action: one index into the action table for each car.
    Observation: the camera image, (N, height, width, channels) uint8, from `images`.
    Start: at a distance along the track and in a direction that `EpisodeSettings` choose, at rest.
    End: no wheel on the road (AWS's off track), not moving for 15 steps, going backwards for 15 steps,
    `laps` laps complete, or `max_steps` steps.

    A step does not reset: call `reset` with the mask of the cars that are to start anew.

    Args:
        world: the simulator.
        tracks: the tracks in it.
        track_index: (N,) which track each car drives on.
        action_table: (A, 2) steering angle (radians) and speed (m/s) of each action.
        reward: see `reward.Reward`.
        settings: start and end of episodes.
        seed: of the starts.

    Attributes:
        on_step: called with the actions (N,) and the outcome of each step, for those who watch.
    """

    def __init__(
        self,
        world: World,
        tracks: Sequence[Track],
        track_index: Tensor,
        action_table: Tensor,
        reward: Reward,
        settings: EpisodeSettings,
        seed: int = 0,
    ) -> None:
        self.world = world
        self.num_cars = world.num_cars
        self.device = world.device
        self.settings = settings
        self.reward = reward
        self.on_step: Callable[[Tensor, Outcome], None] = lambda action, outcome: None
        single = len(tracks) == 1
        self.track = (tracks[0] if single else stack(list(tracks), track_index.cpu())).to(self.device)
        self.track_length = self.track.length.expand(self.num_cars)
        self.track_index = track_index
        self.track_names = [tracks[index].name for index in track_index.tolist()]
        # How many cars before this one are on the same track: 0, 1, 2, ... on each track.
        same = track_index[:, None] == track_index
        self.order_on_track = same.tril(-1).sum(1)
        self.actions = action_table.to(self.device)
        self._generator = torch.Generator(self.device).manual_seed(seed)
        self._wheels = torch.tensor(WHEEL_POINTS, device=self.device)

        def zeros(dtype: torch.dtype) -> Tensor:
            return torch.zeros(self.num_cars, dtype=dtype, device=self.device)

        self.episode = Episode(
            reversed=zeros(torch.bool),
            distance=zeros(torch.float32),
            travelled=zeros(torch.float32),
            steps=zeros(torch.long),
            still_steps=zeros(torch.long),
            backward_steps=zeros(torch.long),
            number=zeros(torch.long) - 1,
        )
        self._position = torch.zeros(self.num_cars, 2, device=self.device)
        self.projection = self.track.project(self._position, self.episode.reversed)
        # The last command and the one before, newest first: (2, N, 2).
        self.recent_commands = torch.zeros(2, self.num_cars, 2, device=self.device)

    def reset(self, mask: Tensor | None = None) -> None:
        """Start a new episode for the cars in `mask` (N,), all by default, where the settings say."""
        if mask is None:
            mask = torch.ones(self.num_cars, dtype=torch.bool, device=self.device)
        # A look at the mask saves most of the resets; on a GPU it would cost more than the reset itself.
        if self.device.type == "cpu" and not bool(mask.any()):
            return
        settings, count = self.settings, self.num_cars
        draws = torch.rand(4, count, generator=self._generator, device=self.device)
        number = self.episode.number + 1
        if settings.start == "random":
            distance = draws[0] * self.track_length
        elif settings.start == "round_robin":
            # Every car has its own first place and moves on from there, so all places come up at once.
            share = torch.arange(count, device=self.device) / count + number * ROUND_ROBIN_ADVANCE
            distance = share.remainder(1.0) * self.track_length
        else:
            distance = torch.zeros_like(self.track_length)
        direction = {
            "forward": torch.zeros_like(mask),
            "reversed": torch.ones_like(mask),
            "alternate": (number + torch.arange(count, device=self.device)) % 2 == 1,
            "random": draws[1] < 0.5,
        }[settings.direction]
        offset = (2 * draws[2] - 1) * settings.start_offset
        turn = (2 * draws[3] - 1) * settings.start_heading
        self.place(mask, distance, direction, offset, turn)

    def place(
        self,
        mask: Tensor,
        distance: Tensor,
        reversed: Tensor,
        offset: Tensor | None = None,
        turn: Tensor | None = None,
    ) -> None:
        """Start a new episode for the cars in `mask` at given places; all arguments are (N,).

        Args:
            mask: which cars.
            distance: of base_link from the start line, along the centre line and driving direction, metres.
            reversed: drive against the waypoints.
            offset: to the left of the centre line, metres.
            turn: heading to the left of the centre line's, radians.
        """
        zero = torch.zeros_like(distance)
        pose = self.track.pose_at(distance, reversed, zero if offset is None else offset)
        if turn is not None:
            pose = torch.cat((pose[:, :2], wrapped(pose[:, 2:] + turn[:, None])), 1)
        self.world.respawn(mask, pose)
        episode = self.episode
        episode.reversed = torch.where(mask, reversed, episode.reversed)
        self._position = reference_point(self.world.state())
        self.projection = self.track.project(self._position, episode.reversed)
        self.recent_commands = self.recent_commands.masked_fill(mask[:, None], 0.0)
        episode.distance = torch.where(mask, self.projection.distance, episode.distance)
        for name in ("travelled", "steps", "still_steps", "backward_steps"):
            setattr(episode, name, getattr(episode, name).masked_fill(mask, 0))
        episode.number = episode.number + mask

    def images(self) -> Tensor:
        """Return what the cars see, (N, height, width, channels) uint8."""
        return self.world.images()

    def step(self, action: Tensor) -> Outcome:
        """Drive one step with the actions (N,) and judge it."""
        command = self.actions[action]
        self.world.step(command)
        car, episode = self.world.state(), self.episode
        position = reference_point(car)
        projection = self.track.project(position, episode.reversed)
        gained = projection.distance - episode.distance
        half = 0.5 * self.track_length
        gained = (gained + half).remainder(self.track_length) - half
        moved = (position - self._position).norm(dim=1)
        self._position, self.projection = position, projection
        self.recent_commands = torch.stack((command, self.recent_commands[0]))
        episode.distance = projection.distance
        episode.travelled = episode.travelled + gained
        episode.steps = episode.steps + 1
        episode.still_steps = (episode.still_steps + 1) * (moved <= IMMOBILISED_DISTANCE)
        episode.backward_steps = (episode.backward_steps + 1) * (gained < 0)
        state = self._reward_state(car, position, projection, gained, command)
        status = self._judge(state.is_offtrack)
        reward, terms = self.reward(state)
        truncated = (status == Status.LAP_COMPLETE) | (status == Status.TIME_UP)
        terminated = (status != Status.IN_PROGRESS) & ~truncated
        outcome = Outcome(reward, terms, status, terminated, truncated, state)
        self.on_step(action, outcome)
        return outcome

    def _judge(self, is_offtrack: Tensor) -> Tensor:
        """Return the `Status` of each car; the last rule that applies wins."""
        episode, settings = self.episode, self.settings
        status = torch.zeros_like(episode.steps)
        rules = (
            (episode.steps >= settings.max_steps, Status.TIME_UP),
            (episode.backward_steps >= REVERSED_STEPS, Status.REVERSED),
            (episode.still_steps >= IMMOBILISED_STEPS, Status.IMMOBILIZED),
            (is_offtrack, Status.OFF_TRACK),
            (episode.travelled >= settings.laps * self.track_length, Status.LAP_COMPLETE),
        )
        for applies, result in rules:
            status = status.masked_fill(applies, int(result))
        return status

    def _reward_state(
        self, car: CarState, position: Tensor, projection: Projection, gained: Tensor, command: Tensor
    ) -> RewardState:
        episode = self.episode
        on_road = self.track.is_on_road(points_in_world(car, self._wheels))
        return RewardState(
            position=position,
            heading=car.yaw,
            projection=projection,
            progress=(100 * episode.travelled / self.track_length).clamp(0, 100),
            steps=episode.steps,
            speed=command[:, 1],
            steering_angle=command[:, 0],
            step_distance=gained,
            reversed=episode.reversed,
            all_wheels_on_track=on_road.all(1),
            is_offtrack=~on_road.any(1),
            is_crashed=torch.zeros_like(episode.reversed),
            track_length=self.track_length,
            sim_time=episode.steps * STEP_TIME,
        )

    def seed(self, seed: int) -> None:
        """Restart the random draws of the starts and of the world, and the count of the episodes."""
        self._generator.manual_seed(seed)
        self.world.seed(seed)
        # Where starts go round the track or directions alternate, the number of the episode decides.
        self.episode.number = torch.full_like(self.episode.number, -1)

    def snapshot(self) -> dict[str, Any]:
        """Return what changes from step to step, the world's part included (None if it has none)."""
        return {
            "episode": {field.name: getattr(self.episode, field.name) for field in fields(Episode)},
            "position": self._position,
            "recent_commands": self.recent_commands,
            "generator": self._generator.get_state(),
            "world": self.world.snapshot(),
        }

    def restore(self, snapshot: dict[str, Any]) -> None:
        """Go back to a `snapshot`; a world that could not give its part starts new episodes."""
        self._generator.set_state(snapshot["generator"])
        if snapshot["world"] is None:
            self.reset()
            return
        self.world.restore(snapshot["world"])
        self.episode = Episode(**snapshot["episode"])
        self._position, self.recent_commands = snapshot["position"], snapshot["recent_commands"]
        self.projection = self.track.project(self._position, self.episode.reversed)
