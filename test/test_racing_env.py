"""AWS's episode rules on tracks where every pose is put by hand.

The square: 4 m, corners at (0, 0) and (4, 4), driven counter-clockwise from (2, 0), borders 0.5 m to each
side, 16 m long. Distances are measured at AWS's reference point, 0.14 m ahead of base_link.
"""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from deepracer_sim.car import REFERENCE_POINT
from deepracer_sim.embedded_world import EmbeddedWorld
from deepracer_sim.ground import paint
from deepracer_sim.racing_env import (
    IMMOBILISED_DISTANCE,
    IMMOBILISED_STEPS,
    REVERSED_STEPS,
    ROUND_ROBIN_ADVANCE,
    Outcome,
    RacingEnv,
    Status,
)
from deepracer_sim.reward import ProgressReward, RewardState
from deepracer_sim.settings import CameraSettings, CarSettings, EpisodeSettings, Randomisation
from deepracer_sim.track import Track
from deepracer_sim.world import STEP_TIME, CarState

SQUARE = [(2, 0), (3, 0), (4, 0), (4, 1), (4, 2), (4, 3), (4, 4), (3, 4),
          (2, 4), (1, 4), (0, 4), (0, 3), (0, 2), (0, 1), (0, 0), (1, 0)]  # fmt: skip
ACTIONS = torch.tensor([(0.0, 1.0), (0.3, 2.0), (0.0, 0.0)])
CENTRE = {"start_offset": 0.0, "start_heading": 0.0, "direction": "forward"}


def square() -> Track:
    def beside(distance: float) -> Tensor:
        def inwards(value: int) -> float:
            return distance * ((value == 0) - (value == 4))

        return torch.tensor([(x + inwards(x), y + inwards(y)) for x, y in SQUARE])

    return Track("square", torch.tensor(SQUARE, dtype=torch.float32), beside(0.5), beside(-0.5))


def circle(radius: float = 2.0) -> Track:
    """From (radius, 0) counter-clockwise, 0.8 m wide."""
    angle = torch.arange(720) * math.tau / 720
    ring = torch.stack((angle.cos(), angle.sin()), 1)
    return Track("circle", radius * ring, (radius - 0.4) * ring, (radius + 0.4) * ring)


class ScriptedWorld:
    """A world whose cars are moved by hand: each step takes the next poses (N, 3) of `path`."""

    def __init__(self, num_cars: int) -> None:
        self.num_cars = num_cars
        self.device = torch.device("cpu")
        self.camera = CameraSettings()
        self.pose = torch.zeros(num_cars, 3)
        self.path: list[Tensor] = []
        self.commands: list[Tensor] = []

    def respawn(self, mask: Tensor, pose: Tensor) -> None:
        self.pose = torch.where(mask[:, None], pose, self.pose)

    def step(self, command: Tensor) -> None:
        self.commands.append(command)
        if self.path:
            self.pose = self.path.pop(0)

    def state(self) -> CarState:
        zero = torch.zeros(self.num_cars)
        return CarState(*self.pose.unbind(1), zero, zero, zero, zero)

    def images(self) -> Tensor:
        return torch.full((self.num_cars, 2, 2, 1), len(self.commands), dtype=torch.uint8)

    def hidden(self) -> Tensor:
        return torch.zeros(self.num_cars, 0)

    def seed(self, seed: int) -> None:
        self.seeded = seed

    def snapshot(self) -> dict[str, Tensor] | None:
        return {"pose": self.pose}

    def restore(self, snapshot: dict[str, Tensor]) -> None:
        self.pose = snapshot["pose"]

    def close(self) -> None:
        pass


class Gain:
    """A reward that can be told from others: metres gained, less a tenth a step."""

    term_names = ("gain", "time")

    def __call__(self, state: RewardState) -> tuple[Tensor, dict[str, Tensor]]:
        time = torch.full_like(state.step_distance, -0.1)
        return state.step_distance + time, {"gain": state.step_distance, "time": time}


def env_of(num_cars: int = 1, tracks: list[Track] | None = None, seed: int = 0, **settings) -> RacingEnv:
    tracks = tracks or [square()]
    index = torch.arange(num_cars) % len(tracks)
    episode = EpisodeSettings(**{**CENTRE, **settings})
    return RacingEnv(ScriptedWorld(num_cars), tracks, index, ACTIONS, Gain(), episode, seed)


def started(env: RacingEnv, distance: float = 0.0, reversed: bool = False) -> RacingEnv:
    """Put all cars at one place."""
    everyone = torch.ones(env.num_cars, dtype=torch.bool)
    env.place(everyone, torch.full((env.num_cars,), distance), everyone & reversed)
    return env


def move(env: RacingEnv, *poses: tuple[float, float, float], action: int = 0) -> Outcome:
    """Step the cars to the given poses, one for each."""
    env.world.path = [torch.tensor(poses)]
    return env.step(torch.full((env.num_cars,), action))


def drive_along(env: RacingEnv, distances: list[float], reversed: bool = False) -> list[Outcome]:
    """Step base_link of all cars to places on the centre line."""
    count = env.num_cars
    backwards, zero = torch.full((count,), reversed), torch.zeros(count)
    outcomes = []
    for distance in distances:
        env.world.path = [env.track.pose_at(torch.full((count,), distance), backwards, zero)]
        outcomes.append(env.step(torch.zeros(count, dtype=torch.long)))
    return outcomes


@pytest.mark.parametrize("reversed", [False, True])
def test_progress_on_a_circle_is_angle_over_two_pi(reversed):
    env = started(env_of(tracks=[circle()], max_steps=1000), reversed=reversed)
    for step in range(1, 90):
        angle = math.radians(4 * step) * (-1 if reversed else 1)
        yaw = angle + math.pi / 2 * (-1 if reversed else 1)
        outcome = move(env, (2 * math.cos(angle), 2 * math.sin(angle), yaw))
        assert float(outcome.state.progress) == pytest.approx(100 * 4 * step / 360, abs=0.02)
        assert float(outcome.state.step_distance) == pytest.approx(2 * math.radians(4), abs=0.005)
        assert int(outcome.status) == Status.IN_PROGRESS
    angle = math.radians(360.1) * (-1 if reversed else 1)
    outcome = move(env, (2 * math.cos(angle), 2 * math.sin(angle), yaw))
    assert int(outcome.status) == Status.LAP_COMPLETE
    assert float(outcome.state.progress) == 100
    assert bool(outcome.truncated)
    assert not bool(outcome.terminated)


def test_a_lap_counts_from_where_the_car_started():
    """Started 5 m into the lap and past the start line: complete at 5 m again, not before."""
    env = started(env_of(), distance=5.0)
    outcomes = drive_along(env, [5.5 + 0.5 * step for step in range(32)])
    assert [int(outcome.status) for outcome in outcomes[:-1]] == [Status.IN_PROGRESS] * 31
    assert int(outcomes[-1].status) == Status.LAP_COMPLETE
    assert float(outcomes[21].state.progress) == pytest.approx(100 * 11 / 16, abs=0.01)  # at 16 m: the line


def test_an_episode_may_have_several_laps():
    env = started(env_of(laps=2))
    outcomes = drive_along(env, [float(step) for step in range(1, 33)])
    assert [int(outcome.status) for outcome in outcomes[:-1]] == [Status.IN_PROGRESS] * 31
    assert int(outcomes[-1].status) == Status.LAP_COMPLETE
    assert float(outcomes[20].state.progress) == 100


def test_driving_back_over_the_start_line_and_forward_again_is_no_lap():
    env = started(env_of(), distance=0.5)
    outcomes = drive_along(env, [0.2, -0.2, -0.5, 0.1, 0.6])
    gains = [float(outcome.state.step_distance) for outcome in outcomes]
    assert gains == pytest.approx([-0.3, -0.4, -0.3, 0.6, 0.5], abs=1e-4)
    assert float(outcomes[-1].state.progress) == pytest.approx(100 * 0.1 / 16, abs=1e-3)
    assert float(outcomes[2].state.progress) == 0  # never below
    assert all(int(outcome.status) == Status.IN_PROGRESS for outcome in outcomes)


def test_against_the_waypoints_progress_grows_too():
    """From x = 3.5 back over the start line at x = 2, away from corners: 0.14 m ahead is straight ahead."""
    env = started(env_of(), distance=14.5, reversed=True)
    assert float(env.episode.distance) == pytest.approx(14.5 + REFERENCE_POINT, abs=1e-5)
    outcomes = drive_along(env, [15.0, 16.0, 17.0], reversed=True)
    assert [float(outcome.state.step_distance) for outcome in outcomes] == pytest.approx(
        [0.5, 1, 1], abs=1e-4
    )
    assert float(env.episode.distance) == pytest.approx(1 + REFERENCE_POINT, abs=1e-4)
    assert bool(outcomes[0].state.reversed)


# On the lower side, driving along +x, the borders are at y = -0.5 and 0.5. The wheels lie 0.0796 m (front)
# and 0.08105 m (rear) to either side of the car.
@pytest.mark.parametrize(
    ("y", "all_on", "is_off"),
    [
        (0.0, True, False),
        (-0.418, True, False),  # outermost: the right rear wheel at -0.49905
        (-0.420, False, False),  # right rear at -0.50105, right front at -0.4996
        (-0.570, False, False),  # both left wheels on the road still
        (-0.5805, False, False),  # left front at -0.5009, left rear at -0.49945: one wheel is enough
        (-0.582, False, True),  # left rear at -0.50095
        (0.418, True, False),
        (0.420, False, False),
        (0.5805, False, False),
        (0.582, False, True),
        (3.0, False, True),
    ],
)
def test_off_track_is_when_no_wheel_is_on_the_road(y, all_on, is_off):
    outcome = move(started(env_of()), (2.5, y, 0.0))
    assert bool(outcome.state.all_wheels_on_track) is all_on
    assert bool(outcome.state.is_offtrack) is is_off
    assert int(outcome.status) == (Status.OFF_TRACK if is_off else Status.IN_PROGRESS)
    assert bool(outcome.terminated) is is_off
    assert not bool(outcome.truncated)


def test_wheels_turn_with_the_car():
    """Across the road at y = -0.43, heading outwards: both front wheels at -0.5123, both rear ones on it."""
    outcome = move(started(env_of()), (2.5, -0.43, -math.pi / 2))
    assert not bool(outcome.state.all_wheels_on_track)
    assert not bool(outcome.state.is_offtrack)
    # Rear wheels 0.0817 m behind: off the road from y = -0.5817.
    assert not bool(move(started(env_of()), (2.5, -0.580, -math.pi / 2)).state.is_offtrack)
    assert bool(move(started(env_of()), (2.5, -0.583, -math.pi / 2)).state.is_offtrack)
    # Heading inwards the front is on the road where the rear was off it.
    assert not bool(move(started(env_of()), (2.5, -0.43, math.pi / 2)).state.all_wheels_on_track)
    assert bool(move(started(env_of()), (2.5, -0.41, math.pi / 2)).state.all_wheels_on_track)


def test_wheels_lie_where_the_car_has_them_at_any_angle():
    """On the circle, whose road ends at 2.4 m, 45 degrees to the left of the way out.

    The right front wheel is 0.0823 cos 45 + 0.0796 sin 45 = 0.1145 m further out than the car, and nearly
    level with it; the left front wheel is as far to the side.
    """
    inside, beyond = (
        move(started(env_of(tracks=[circle()])), (x, 0.0, math.pi / 4)).state for x in (2.2845, 2.2865)
    )
    assert bool(inside.all_wheels_on_track)
    assert not bool(beyond.all_wheels_on_track)
    assert not bool(beyond.is_offtrack)


def test_immobilised_after_fifteen_steps_without_moving():
    env = started(env_of())
    pose = (2.0, 0.0, 0.0)
    statuses = [int(move(env, pose).status) for _ in range(IMMOBILISED_STEPS)]
    assert IMMOBILISED_STEPS == 15
    assert statuses == [Status.IN_PROGRESS] * 14 + [Status.IMMOBILIZED]
    assert bool(move(env, pose).terminated)


def test_the_smallest_motion_that_counts():
    """0.2 mm a step is standing, 0.4 mm is driving; one move starts the count anew."""
    assert IMMOBILISED_DISTANCE == 0.0003

    def end(step: float) -> int:
        env = started(env_of())
        return [int(move(env, (2 + step * (k + 1), 0.0, 0.0)).status) for k in range(20)].count(
            Status.IMMOBILIZED
        )

    assert end(0.0002) == 6  # steps 15 to 20
    assert end(0.0004) == 0
    env = started(env_of())
    # Ten steps of standing, a move in the eleventh, and 15 steps of standing after it.
    statuses = [int(move(env, (2.0 if step < 10 else 2.1, 0.0, 0.0)).status) for step in range(26)]
    assert statuses == [Status.IN_PROGRESS] * 25 + [Status.IMMOBILIZED]


def test_reversed_after_fifteen_steps_of_falling_progress():
    env = started(env_of(), distance=3.0)
    outcomes = drive_along(env, [3.0 - 0.05 * step for step in range(1, 16)])
    assert REVERSED_STEPS == 15
    assert [int(outcome.status) for outcome in outcomes] == [Status.IN_PROGRESS] * 14 + [Status.REVERSED]
    assert bool(outcomes[-1].terminated)


def test_one_step_forward_forgives_the_steps_back():
    env = started(env_of(), distance=5.5)
    back = [5.5 - 0.05 * step for step in range(1, 15)]
    outcomes = drive_along(env, [*back, 5.0, *[5.0 - 0.05 * step for step in range(1, 16)]])
    statuses = [int(outcome.status) for outcome in outcomes]
    assert statuses == [Status.IN_PROGRESS] * 29 + [Status.REVERSED]


def test_a_reversed_car_that_drives_along_the_waypoints_goes_backwards():
    env = started(env_of(), distance=8.0, reversed=True)
    outcomes = drive_along(env, [8.0 - 0.05 * step for step in range(1, 16)], reversed=True)
    assert int(outcomes[-1].status) == Status.REVERSED


def test_time_is_up_after_max_steps():
    env = started(env_of(max_steps=5))
    outcomes = drive_along(env, [0.1 * step for step in range(1, 6)])
    assert [int(outcome.status) for outcome in outcomes] == [Status.IN_PROGRESS] * 4 + [Status.TIME_UP]
    assert bool(outcomes[-1].truncated)
    assert not bool(outcomes[-1].terminated)


def test_which_rule_wins_when_several_apply():
    # Over the line with no wheel on the road: the lap counts.
    env = started(env_of())
    drive_along(env, [4.0, 8.0, 12.0, 15.9])
    assert int(move(env, (2.2, -0.8, 0.0)).status) == Status.LAP_COMPLETE
    # Off the road in the last step: the car's own fault, not the clock's.
    outcome = move(started(env_of(max_steps=1)), (2.5, 2.0, 0.0))
    assert int(outcome.status) == Status.OFF_TRACK
    # Standing beside the road for 15 steps.
    env = started(env_of())
    assert [int(move(env, (2.5, 2.0, 0.0)).status) for _ in range(16)][-1] == Status.OFF_TRACK


def test_what_the_reward_is_told():
    """The second action: 0.3 rad and 2 m/s; 0.3 m along the lower side, 0.1 m to the left."""
    env = started(env_of())
    outcome = move(env, (2.3, 0.1, 0.05), action=1)
    state = outcome.state
    x, y = 2.3 + 0.14 * math.cos(0.05), 0.1 + 0.14 * math.sin(0.05)
    assert state.position[0].tolist() == pytest.approx([x, y], abs=1e-6)
    assert float(state.heading) == pytest.approx(0.05)
    assert float(state.step_distance) == pytest.approx(x - 2.14, abs=1e-5)
    assert float(state.progress) == pytest.approx(100 * (x - 2.14) / 16, abs=1e-4)
    assert float(state.projection.offset) == pytest.approx(y, abs=1e-6)
    assert float(state.projection.distance) == pytest.approx(x - 2, abs=1e-5)
    assert (float(state.speed), float(state.steering_angle)) == pytest.approx((2.0, 0.3))
    assert (int(state.steps), float(state.sim_time)) == (1, pytest.approx(1 / 15))
    assert float(state.track_length) == 16
    assert not bool(state.is_crashed)
    assert env.world.commands[-1].tolist() == [pytest.approx([0.3, 2.0])]
    # The reward and its terms are the reward's.
    assert float(outcome.reward) == pytest.approx(x - 2.14 - 0.1, abs=1e-5)
    assert set(outcome.terms) == {"gain", "time"}
    assert float(outcome.terms["time"]) == pytest.approx(-0.1)
    assert torch.equal(env.projection.offset, state.projection.offset)
    assert int(move(env, (2.4, 0.1, 0.0)).state.steps) == 2


def test_start_at_the_line():
    env = env_of(3, start="line")
    env.reset()
    torch.testing.assert_close(env.world.pose, torch.tensor([[2.0, 0.0, 0.0]] * 3))
    env.reset()
    torch.testing.assert_close(env.world.pose, torch.tensor([[2.0, 0.0, 0.0]] * 3))


def test_round_robin_moves_on_by_a_twentieth_of_the_lap():
    """Four cars begin a quarter of the lap apart: at 0, 4, 8 and 12 m, then 0.8 m further each time."""
    env = env_of(4, start="round_robin")
    assert ROUND_ROBIN_ADVANCE == 0.05
    for episode in range(22):
        env.reset()
        wanted = [(4 * car + 0.8 * episode + REFERENCE_POINT) % 16 for car in range(4)]
        assert env.episode.distance.tolist() == pytest.approx(wanted, abs=2e-3)
    # Only the cars that begin anew move on: a car's place follows its own episodes.
    env = env_of(2, start="round_robin")
    env.reset()
    env.reset(torch.tensor([False, True]))
    env.reset(torch.tensor([False, True]))
    assert env.episode.distance.tolist() == pytest.approx([0.14, 8 + 1.6 + 0.14], abs=1e-3)
    assert env.episode.number.tolist() == [0, 2]


def test_random_starts_are_spread_over_track_and_road():
    count = 4000
    env = env_of(count, start="random", start_offset=0.2, start_heading=0.3, tracks=[circle()])
    env.reset()
    pose = env.world.pose
    place = torch.atan2(pose[:, 1], pose[:, 0]).remainder(math.tau) / math.tau
    assert torch.histc(place, 8, 0, 1).tolist() == pytest.approx([count / 8] * 8, rel=0.2)
    offset = 2 - pose[:, :2].norm(dim=1)  # left of a counter-clockwise driver is inwards
    turn = (pose[:, 2] - math.tau * place - math.pi / 2 + math.pi).remainder(math.tau) - math.pi
    for drawn, limit in ((offset, 0.2), (turn, 0.3)):
        assert float(drawn.abs().max()) <= limit + 0.01
        assert float(drawn.min()) < -0.95 * limit
        assert float(drawn.max()) > 0.95 * limit
        assert abs(float(drawn.mean())) < 0.05 * limit


def test_directions_of_driving():
    forward, backward = env_of(2, direction="forward"), env_of(2, direction="reversed")
    forward.reset()
    backward.reset()
    assert forward.episode.reversed.tolist() == [False, False]
    assert backward.episode.reversed.tolist() == [True, True]
    yaw = env_of(1, direction="reversed", start="line")
    yaw.reset()
    assert abs(float(yaw.world.pose[0, 2])) == pytest.approx(math.pi)
    alternate = env_of(3, direction="alternate")
    seen = []
    for _ in range(4):
        alternate.reset()
        seen.append(alternate.episode.reversed.tolist())
    assert seen == [[False, True, False], [True, False, True]] * 2
    mixed = env_of(1000, direction="random")
    mixed.reset()
    assert float(mixed.episode.reversed.float().mean()) == pytest.approx(0.5, abs=0.06)


def test_the_seed_decides_the_starts():
    poses = []
    for seed in (1, 1, 2):
        env = env_of(5, seed=seed, start="random", start_offset=0.2, start_heading=0.3, direction="random")
        env.reset()
        poses.append(env.world.pose)
    assert torch.equal(poses[0], poses[1])
    assert not torch.equal(poses[0], poses[2])
    env.seed(1)
    assert env.world.seeded == 1
    env.reset()
    assert torch.equal(env.world.pose, poses[0])


def test_reset_begins_anew_for_the_masked_cars_alone():
    env = started(env_of(3, start="line"), distance=4.0)
    drive_along(env, [4.5, 5.0, 5.0, 5.0, 4.9])
    before = env.world.pose.clone()
    env.reset(torch.tensor([False, True, False]))
    episode = env.episode
    assert torch.equal(env.world.pose[[0, 2]], before[[0, 2]])
    assert env.world.pose[1].tolist() == pytest.approx([2, 0, 0], abs=1e-6)
    assert episode.steps.tolist() == [5, 0, 5]
    assert episode.travelled.tolist() == pytest.approx([0.9, 0, 0.9], abs=1e-4)
    assert episode.still_steps.tolist() == [0, 0, 0]
    assert episode.backward_steps.tolist() == [1, 0, 1]
    assert episode.number.tolist() == [0, 1, 0]
    assert env.projection.distance.tolist() == pytest.approx([5.04, 0.14, 5.04], abs=1e-5)
    # The next step is measured from the new place, and no car seems to have jumped.
    env.world.path = [env.world.pose + torch.tensor([0.1, 0.0, 0.0])]
    outcome = env.step(torch.zeros(3, dtype=torch.long))
    assert float(outcome.state.step_distance[1]) == pytest.approx(0.1, abs=1e-5)
    assert outcome.state.steps.tolist() == [6, 1, 6]


def test_resetting_nobody_changes_nothing():
    env = started(env_of(2, start="random"), distance=4.0)
    drive_along(env, [4.5])
    env.reset(torch.tensor([False, False]))
    assert env.episode.steps.tolist() == [1, 1]
    assert env.episode.number.tolist() == [0, 0]


def test_a_step_does_not_reset():
    env = started(env_of())
    assert bool(move(env, (2.5, 2.0, 0.0)).terminated)
    assert env.world.pose[0].tolist() == pytest.approx([2.5, 2.0, 0.0])
    assert int(env.episode.steps) == 1


def test_place_puts_cars_beside_the_centre_line():
    """4.5 m into the lap of the square is (4, 2.5), driving along +y: left is -x."""
    env = env_of()
    one = torch.ones(1, dtype=torch.bool)
    env.place(one, torch.tensor([4.5]), ~one, torch.tensor([0.2]), torch.tensor([0.3]))
    assert env.world.pose[0].tolist() == pytest.approx([3.8, 2.5, math.pi / 2 + 0.3], abs=1e-5)
    env.place(one, torch.tensor([16 - 4.5]), one, torch.tensor([0.2]), torch.tensor([0.3]))
    assert env.world.pose[0].tolist() == pytest.approx([4.2, 2.5, -math.pi / 2 + 0.3], abs=1e-5)


def test_each_car_is_judged_by_its_own_track():
    """Cars 0 and 2 on the square, 1 and 3 on the circle of radius 2 around the origin."""
    env = env_of(4, tracks=[square(), circle()], start="line")
    assert env.track_names == ["square", "circle", "square", "circle"]
    assert env.order_on_track.tolist() == [0, 0, 1, 1]
    assert env.track_length.tolist() == pytest.approx([16, 4 * math.pi] * 2, rel=1e-4)
    env.reset()
    torch.testing.assert_close(env.world.pose[0], torch.tensor([2.0, 0.0, 0.0]))
    torch.testing.assert_close(env.world.pose[1], torch.tensor([2.0, 0.0, math.pi / 2]), atol=0.01, rtol=0)
    # The same two places for a car on either track: on the road of one, beside that of the other.
    on_square, on_circle = (4.0, 1.0, math.pi / 2), (0.0, 2.0, math.pi)
    outcome = move(env, on_square, on_square, on_circle, on_circle)
    assert outcome.status.tolist() == [0, Status.OFF_TRACK, 0, 0]
    outcome = move(env, (2.6, 4.0, math.pi), (-2.0, 0.0, -math.pi / 2), (1.0, 1.0, 0.0), (1.42, 1.42, 0.0))
    assert outcome.status.tolist() == [0, 0, Status.OFF_TRACK, 0]
    # A quarter and a half of the circle; the reference point is atan(0.14 / 2) further.
    assert float(outcome.state.progress[1]) == pytest.approx(50, abs=0.1)
    assert float(outcome.state.progress[0]) == pytest.approx(100 * 7.4 / 16, abs=0.01)


def test_a_restored_environment_goes_on_as_it_would_have():
    env = env_of(2, start="random", direction="random", start_offset=0.1)
    env.reset()
    move(env, (2.5, 0.0, 0.0), (2.6, 0.1, 0.0))
    snapshot = env.snapshot()

    def go_on() -> list:
        outcome = move(env, (2.9, 0.0, 0.0), (3.0, 0.1, 0.0))
        env.reset(torch.tensor([True, False]))
        return [
            *(outcome.reward, outcome.state.steps, outcome.state.progress),
            *(env.world.pose, env.episode.reversed, env.episode.number, env.recent_commands),
            env.projection.distance,
        ]

    first = go_on()
    move(env, (4.0, 2.0, 0.0), (4.0, 2.0, 0.0))
    env.restore(snapshot)
    for one, other in zip(first, go_on(), strict=True):
        assert torch.equal(one, other)


def test_a_world_that_cannot_be_put_back_starts_new_episodes():
    env = env_of(2, start="line")
    env.reset()
    env.world.snapshot = lambda: None
    drive_along(env, [0.5, 1.0])
    snapshot = env.snapshot()
    drive_along(env, [1.5])
    env.restore(snapshot)
    assert env.episode.steps.tolist() == [0, 0]
    torch.testing.assert_close(env.world.pose, torch.tensor([[2.0, 0.0, 0.0]] * 2))


def test_the_last_two_commands_are_kept():
    env = started(env_of())
    assert env.recent_commands.abs().sum() == 0
    move(env, (2.1, 0.0, 0.0), action=1)
    move(env, (2.2, 0.0, 0.0), action=0)
    assert env.recent_commands[:, 0].tolist() == [pytest.approx([0.0, 1.0]), pytest.approx([0.3, 2.0])]
    env.reset()
    assert env.recent_commands.abs().sum() == 0


def test_the_picture_is_the_worlds():
    env = started(env_of())
    move(env, (2.1, 0.0, 0.0))
    assert env.images().tolist() == env.world.images().tolist()


@pytest.mark.parametrize("reversed", [False, True])
def test_a_driver_completes_a_lap_in_the_embedded_world(reversed):
    """Steers towards a point ahead on the centre line; 1 m/s on a circle of 2 m, so 12.6 s and starting."""
    track = circle()
    steering = torch.linspace(-0.5, 0.5, 41)
    actions = torch.stack((steering, torch.ones(41)), 1)
    index = torch.zeros(2, dtype=torch.long)
    camera = CameraSettings(width=16, height=12)
    world = EmbeddedWorld([paint(track)], index, camera, CarSettings(), Randomisation(enabled=False))
    reward = ProgressReward(1.0, STEP_TIME)
    env = RacingEnv(world, [track], index, actions, reward, EpisodeSettings(**CENTRE))
    started(env, reversed=reversed)
    total = 0.0
    for _ in range(250):
        aim = track.pose_at(env.episode.distance + 0.3, env.episode.reversed, torch.zeros(2))
        car = world.state()
        angle = torch.atan2(aim[:, 1] - car.y, aim[:, 0] - car.x) - car.yaw
        wanted = torch.atan2(angle.sin(), angle.cos())
        outcome = env.step((wanted[:, None] - steering).abs().argmin(1))
        total += float(outcome.reward[0])
        if bool(outcome.status.any()):
            break
    assert outcome.status.tolist() == [Status.LAP_COMPLETE] * 2
    # At most 1 / 15 m a step; 3 steps more to get up to speed.
    assert outcome.state.steps.tolist() == pytest.approx([4 * math.pi * 15 + 2] * 2, abs=4)
    # Each step at full speed earns 1, a little less off the centre line.
    assert total == pytest.approx(4 * math.pi * 15, rel=0.05)
