"""From settings to tracks, actions and environments."""

from __future__ import annotations

import io
import json
import math
from functools import cache

import pytest
import torch

from deepracer_inference.action_space import DiscreteActionSpace
from deepracer_sim.errors import SettingError, TrackError
from deepracer_sim.racing_env import RacingEnv
from deepracer_sim.reward import ProgressReward, PythonReward
from deepracer_sim.settings import (
    ActionSettings,
    CameraSettings,
    EpisodeSettings,
    Randomisation,
    TrainSettings,
)
from deepracer_sim.simulation import Course, load_actions, make_env, make_evaluation_env

SMALL = TrainSettings(camera=CameraSettings(width=32, height=16), randomisation=Randomisation(enabled=False))
AT_LINE = EpisodeSettings(start="line", direction="forward", start_offset=0, start_heading=0)


@cache
def course(*names: str) -> Course:
    return Course.load(names)


def env_of(
    settings: TrainSettings = SMALL, names: tuple[str, ...] = ("oval",), num_cars: int = 4, **more
) -> RacingEnv:
    known = dict(episode=AT_LINE, randomisation=settings.randomisation, seed=0)
    return make_env(settings, course(*names), load_actions(settings.actions), num_cars, **{**known, **more})


def test_a_course_has_a_ground_for_each_track():
    loaded = course("oval", "bowtie")
    assert [track.name for track in loaded.tracks] == ["oval", "bowtie"]
    assert len(loaded.grounds) == 2
    for track, ground in zip(loaded.tracks, loaded.grounds, strict=True):
        low = track.outer.min(0).values
        assert ground.origin == pytest.approx((float(low[0]) - 1, float(low[1]) - 1), abs=1e-4)


def test_an_unknown_track_is_refused():
    with pytest.raises(TrackError, match="nowhere"):
        Course.load(["oval", "nowhere"])


def test_the_default_actions():
    """Five angles from right to left, each with 1 and 2 m/s."""
    table = torch.as_tensor(load_actions(ActionSettings()).table)
    angles = [math.radians(angle) for angle in (-30, -15, 0, 15, 30) for _ in range(2)]
    torch.testing.assert_close(table, torch.tensor([angles, [1.0, 2.0] * 5]).T)


def test_awss_fifteen_actions():
    settings = ActionSettings(max_steering_angle=30, steering_granularity=5, max_speed=3, speed_granularity=3)
    assert load_actions(settings).to_json()[:4] == [
        {"steering_angle": -30, "speed": 1},
        {"steering_angle": -30, "speed": 2},
        {"steering_angle": -30, "speed": 3},
        {"steering_angle": -15, "speed": 1},
    ]
    assert len(load_actions(settings)) == 15


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"steering_granularity": 4}, "steering_granularity=4: must be odd"),
        ({"max_steering_angle": 0.5}, "0.5: must be 1 to 30 degrees"),
        ({"max_speed": 0.5, "speed_granularity": 10}, "speed 0.05 m/s, must be 0.1 to 4"),
    ],
)
def test_a_grid_that_the_car_cannot_drive_is_refused(values, message):
    with pytest.raises(SettingError, match=message):
        load_actions(ActionSettings(**values))


LISTED = [
    {"steering_angle": 20, "speed": 1.4},
    {"steering_angle": -10, "speed": 0.7},
    {"steering_angle": 0, "speed": 3},
]


@pytest.mark.parametrize("content", [LISTED, {"action_space": LISTED, "sensor": ["FRONT_FACING_CAMERA"]}])
def test_awss_files_keep_their_order(tmp_path, content):
    """A list of actions, or a whole model_metadata.json."""
    path = tmp_path / "actions.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    actions = load_actions(ActionSettings(file=path))
    assert isinstance(actions, DiscreteActionSpace)
    assert actions.to_json() == LISTED


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[", "Expecting value"),
        ("[]", "must be a list of entries"),
        ("{}", "no action_space"),
        ('[{"speed": 1}]', "no steering_angle"),
        ('[{"steering_angle": 40, "speed": 1}]', r"40 degrees, must be within \+-30"),
        ('[{"steering_angle": 0, "speed": 9}]', "speed 9 m/s, must be 0.1 to 4"),
        ('"list"', "action"),
        ("3", "action"),
        ("null", "action"),
        (
            '{"action_space": {"steering_angle": {"low": -30, "high": 30}, "speed": {"low": 1, "high": 2}}, '
            '"action_space_type": "continuous"}',
            "continuous action space: training needs a discrete one",
        ),
    ],
)
def test_a_file_without_usable_actions_is_refused_by_name(tmp_path, content, message):
    path = tmp_path / "actions.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(SettingError, match=message) as caught:
        load_actions(ActionSettings(file=path))
    assert str(path) in str(caught.value)


def test_a_missing_file_of_actions_is_refused_by_name(tmp_path):
    with pytest.raises(SettingError, match=r"absent\.json"):
        load_actions(ActionSettings(file=tmp_path / "absent.json"))
    (tmp_path / "bytes.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SettingError, match=r"bytes\.json"):
        load_actions(ActionSettings(file=tmp_path / "bytes.json"))


def test_an_environment_as_the_settings_say():
    env = env_of(SMALL.replaced(actions=ActionSettings(max_speed=3, speed_granularity=3)))
    env.reset()
    assert env.num_cars == 4
    assert env.images().shape == (4, 16, 32, 1)
    assert len(env.actions) == 15
    assert env.settings == AT_LINE
    # The default reward measures against the fastest action: 3 m/s for a fifteenth of a second.
    assert isinstance(env.reward, ProgressReward)
    assert env.reward.full_step == pytest.approx(0.2)
    outcome = env.step(torch.full((4,), 8))
    assert outcome.state.speed.tolist() == [3.0] * 4
    assert outcome.state.steering_angle.tolist() == [0.0] * 4
    assert outcome.status.tolist() == [0] * 4


def test_tracks_are_dealt_out_in_turn():
    env = env_of(names=("oval", "bowtie"), num_cars=5)
    env.reset()
    assert env.track_names == ["oval", "bowtie", "oval", "bowtie", "oval"]
    lengths = [float(track.length) for track in course("oval", "bowtie").tracks]
    assert env.track_length.tolist() == pytest.approx([lengths[car % 2] for car in range(5)])
    images = env.images()
    assert torch.equal(images[0], images[2])
    assert not torch.equal(images[0], images[1])
    assert not bool(env.step(torch.full((5,), 4)).state.is_offtrack.any())


def test_the_users_reward_is_called_with_the_cars_own_track(tmp_path):
    path = tmp_path / "reward.py"
    path.write_text(
        "def reward_function(params):\n"
        "    print('asked')\n"
        "    return params['track_length'] + 100 * params['waypoints'][1][0]\n",
        encoding="utf-8",
    )
    log = io.StringIO()
    env = env_of(SMALL.replaced(reward=path), names=("oval", "bowtie"), num_cars=3, log=log)
    env.reset()
    outcome = env.step(torch.full((3,), 4))
    assert isinstance(env.reward, PythonReward)
    known = [float(track.length + 100 * track.center[1, 0]) for track in course("oval", "bowtie").tracks]
    assert outcome.reward.tolist() == pytest.approx([known[0], known[1], known[0]], abs=1e-3)
    assert log.getvalue().count("asked") == 3


def test_the_seed_decides_starts_and_draws():
    random = EpisodeSettings(start="random")
    settings = SMALL.replaced(randomisation=Randomisation())
    images, places = [], []
    for seed in (1, 1, 2):
        env = env_of(settings, episode=random, seed=seed)
        env.reset()
        images.append(env.images())
        places.append(env.episode.distance)
    assert torch.equal(images[0], images[1])
    assert torch.equal(places[0], places[1])
    assert not torch.equal(images[0], images[2])
    assert not torch.equal(places[0], places[2])


def test_randomisation_is_the_callers():
    on, off = (env_of(randomisation=Randomisation(enabled=enabled)) for enabled in (True, False))
    for env in (on, off):
        env.reset()
    assert not torch.equal(on.images()[0], on.images()[1])
    assert torch.equal(off.images()[0], off.images()[1])


@pytest.mark.parametrize("randomised", [True, False])
def test_an_evaluation_ends_with_a_fault_alone(tmp_path, randomised):
    """Far more laps and steps than any evaluation drives; the user's reward is not called."""
    reward = tmp_path / "reward.py"
    reward.write_text("def reward_function(params):\n    raise ValueError('called')\n", encoding="utf-8")
    settings = SMALL.replaced(
        reward=reward,
        randomisation=Randomisation(noise=(0.03, 0.03)),
        episode=EpisodeSettings(laps=1, max_steps=5),
    )
    actions = load_actions(settings.actions)
    env = make_evaluation_env(settings, course("oval"), actions, 2, randomised=randomised, seed=3)
    assert isinstance(env.reward, ProgressReward)
    everyone = torch.ones(2, dtype=torch.bool)
    env.place(everyone, torch.zeros(2), ~everyone)
    for _ in range(12):
        outcome = env.step(torch.full((2,), 4))
    assert outcome.status.tolist() == [0, 0]
    assert outcome.state.steps.tolist() == [12, 12]
    assert torch.equal(env.images()[0], env.images()[1]) is not randomised
    off = env.step(torch.zeros(2, dtype=torch.long))
    while not bool(off.terminated.any()):  # full right leaves the road within a few steps
        off = env.step(torch.zeros(2, dtype=torch.long))
        assert int(off.state.steps[0]) < 60
    assert bool(off.state.is_offtrack.any())


def test_an_evaluation_starts_on_the_line_in_the_middle_of_the_road():
    actions = load_actions(SMALL.actions)
    env = make_evaluation_env(SMALL, course("oval"), actions, 3, randomised=False, seed=3)
    env.reset()
    start = course("oval").tracks[0].pose_at(torch.zeros(1), torch.tensor([False]), torch.zeros(1))
    state = env.world.state()
    pose = torch.stack((state.x, state.y, state.yaw), 1)
    torch.testing.assert_close(pose, start.expand(3, -1), atol=1e-5, rtol=0)
