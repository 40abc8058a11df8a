from __future__ import annotations

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AutoresetMode
from gymnasium.wrappers.vector import RecordEpisodeStatistics

import deepracer_sim.gym_env  # noqa: F401 - registers the environment
from deepracer_sim.errors import SettingError, TrackError
from deepracer_sim.gym_vector_env import DeepRacerVectorEnv
from deepracer_sim.track_library import load_track

NAME = "DeepRacer-v0"
TRACK = "oval"
STRAIGHT_SLOW, STRAIGHT_FAST = 4, 5  # of 5 steering angles with 1 and 2 m/s each
RIGHT_FAST = 1
LINE = {"start": "line", "direction": "forward", "start_offset": 0.0, "start_heading": 0.0}
CLEAN = {"enabled": False}
CHECKED = pytest.mark.filterwarnings("error")


def make(**kwargs):
    return gymnasium.make(NAME, **{"track": TRACK, **kwargs})


def make_vec(num_envs, **kwargs):
    return gymnasium.make_vec(NAME, num_envs=num_envs, **{"track": TRACK, **kwargs})


def drive(env, seed, actions):
    """Pictures and infos of an episode, the first ones included."""
    image, info = env.reset(seed=seed)
    images, infos = [image], [info]
    for action in actions:
        image, _, terminated, truncated, info = env.step(action)
        images.append(image)
        infos.append(info)
        if terminated or truncated:
            break
    return np.stack(images), infos


@CHECKED
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"randomisation": CLEAN, "episode": LINE},
        {"camera": {"width": 40, "height": 30, "colour": "rgb"}, "episode": {"start": "round_robin"}},
    ],
)
def test_gymnasiums_checker_has_nothing_to_say(changes):
    check_env(make(**changes).unwrapped)


@CHECKED
def test_stable_baselines3s_checker_has_nothing_to_say():
    checker = pytest.importorskip("stable_baselines3.common.env_checker")
    checker.check_env(make())


@CHECKED
def test_the_module_can_be_named_instead_of_imported():
    assert gymnasium.make(f"deepracer_sim.gym_env:{NAME}", track=TRACK).spec.id == NAME


def test_the_spaces_follow_the_settings():
    env = make(camera={"width": 40, "height": 30, "colour": "rgb"}, actions={"speed_granularity": 3})
    assert env.observation_space == gymnasium.spaces.Box(0, 255, (30, 40, 3), np.uint8)
    assert env.action_space == gymnasium.spaces.Discrete(15)


def test_the_same_seed_gives_the_same_episode_and_another_seed_another():
    actions = [STRAIGHT_SLOW, STRAIGHT_FAST, RIGHT_FAST, 9, STRAIGHT_FAST]
    env = make(episode={"start": "round_robin"})
    first, first_infos = drive(env, 7, actions)
    second, second_infos = drive(env, 7, actions)
    other, _ = drive(env, 8, actions)
    assert len(first) > 3
    np.testing.assert_array_equal(first, second)
    assert first_infos == second_infos
    assert (first[0] != other[0]).any()


def test_two_environments_without_a_seed_differ():
    assert (make().reset()[0] != make().reset()[0]).any()


def test_one_car_is_the_batch_of_one():
    single, batch = make(), make_vec(1)
    image, info = single.reset(seed=3)
    images, infos = batch.reset(seed=3)
    for _ in range(40):
        np.testing.assert_array_equal(image, images[0])
        assert info == {name: infos[name][0] for name in info}
        image, reward, terminated, truncated, info = single.step(RIGHT_FAST)
        images, rewards, terminations, truncations, infos = batch.step(np.array([RIGHT_FAST]))
        assert (reward, terminated, truncated) == (rewards[0], terminations[0], truncations[0])
        if terminated:
            break
    assert info["status"] == "off_track"
    assert reward == -5.0


def test_progress_is_the_way_driven_over_the_length():
    # The oval starts on a straight: what x gains is what the car gains along the centre line.
    env = make(randomisation=CLEAN, episode=LINE)
    _, infos = drive(env, 0, [STRAIGHT_FAST] * 12)
    length = float(load_track(TRACK).length)
    way = np.hypot(infos[-1]["x"] - infos[0]["x"], infos[-1]["y"] - infos[0]["y"])
    assert way > 0.5
    assert infos[-1]["progress"] == pytest.approx(100 * way / length, rel=1e-3)
    assert (infos[0]["progress"], infos[-1]["laps"], infos[-1]["steps"]) == (0.0, 0, 12)
    assert infos[-1]["speed"] == pytest.approx(2.0, rel=0.05)


def test_the_reward_is_the_sum_of_its_terms():
    env = make(randomisation=CLEAN)
    env.reset(seed=0)
    env.step(STRAIGHT_FAST)
    _, reward, _, _, info = env.step(STRAIGHT_FAST)
    assert reward == pytest.approx(info["reward_progress"] + info["reward_off_track"])
    assert reward > 0


@CHECKED
def test_the_batch_speaks_like_gymnasiums_own_vector_environment():
    ours, theirs = make_vec(3), make_vec(3, vectorization_mode="sync")
    assert ours.observation_space == theirs.observation_space
    assert ours.action_space == theirs.action_space
    assert ours.metadata["autoreset_mode"] is theirs.metadata["autoreset_mode"] is AutoresetMode.NEXT_STEP
    actions = np.full(3, STRAIGHT_FAST)
    resets = ours.reset(seed=1), theirs.reset(seed=1)
    steps = ours.step(actions), theirs.step(actions)
    for answer, model in (resets, steps):
        for array, wanted in zip(answer[:-1], model[:-1], strict=True):
            assert (array.shape, array.dtype) == (wanted.shape, wanted.dtype)
        assert {name: (value.shape, value.dtype) for name, value in answer[-1].items()} == {
            name: (value.shape, value.dtype) for name, value in model[-1].items()
        }


@pytest.mark.parametrize("seed", [0, 1])
def test_an_episode_starts_anew_in_the_next_step(seed):
    """With the other mode as the witness: the same cars, one step of waiting an episode apart."""
    now = make_vec(1, autoreset_mode=AutoresetMode.SAME_STEP)
    later = make_vec(1)
    np.testing.assert_array_equal(now.reset(seed=seed)[0], later.reset(seed=seed)[0])
    action, ends = np.array([RIGHT_FAST]), 0
    for _ in range(60):
        _, new_reward, new_end, _, new_info = now.step(action)
        image, reward, end, _, info = later.step(action)
        assert (reward[0], end[0]) == (new_reward[0], new_end[0])
        if not end[0]:
            assert "final_obs" not in new_info
            continue
        ends += 1
        np.testing.assert_array_equal(new_info["final_obs"][0], image[0])
        assert new_info["final_info"]["status"][0] == info["status"][0] == "off_track"
        assert (new_info["status"][0], new_info["steps"][0], new_info["progress"][0]) == ("in_progress", 0, 0)
        assert new_info["reward_off_track"][0] == info["reward_off_track"][0] == -5
        image, reward, end, truncated, info = later.step(action)
        assert (reward[0], end[0], truncated[0], info["steps"][0]) == (0.0, False, False, 0)
        assert [info[f"reward_{term}"][0] for term in ("progress", "off_track")] == [0.0, 0.0]
        for name in ("x", "y", "yaw"):
            assert info[name][0] == pytest.approx(new_info[name][0])
        break
    assert ends == 1


def test_only_the_car_that_ended_starts_anew():
    envs = make_vec(2, randomisation=CLEAN, episode=LINE)
    envs.reset(seed=0)
    actions = np.array([RIGHT_FAST, STRAIGHT_SLOW])
    count, terminated = 0, np.zeros(2, bool)
    while not terminated[0] and count < 60:
        _, _, terminated, _, info = envs.step(actions)
        count += 1
    assert not terminated[1]
    _, rewards, terminated, _, info = envs.step(actions)
    assert info["steps"].tolist() == [0, count + 1]
    assert rewards[0] == 0.0 and rewards[1] > 0.0
    assert not terminated.any()


def test_without_autoreset_a_mask_chooses_the_cars():
    envs = make_vec(2, episode={"max_steps": 2}, autoreset_mode="Disabled")
    envs.reset(seed=0)
    stay = np.full(2, STRAIGHT_SLOW)
    envs.step(stay)
    _, _, _, truncated, info = envs.step(stay)
    assert truncated.tolist() == [True, True]
    assert info["status"].tolist() == ["time_up", "time_up"]
    with pytest.raises(gymnasium.error.ResetNeeded, match=r"cars \[0, 1\]"):
        envs.step(stay)
    _, info = envs.reset(options={"reset_mask": np.array([True, False])})
    assert info["steps"].tolist() == [0, 2]
    assert info["_steps"].tolist() == [True, False]
    with pytest.raises(gymnasium.error.ResetNeeded, match=r"cars \[1\]"):
        envs.step(stay)


def test_gymnasiums_statistics_agree_with_the_episodes():
    envs = RecordEpisodeStatistics(make_vec(2, episode={"max_steps": 3}))
    envs.reset(seed=0)
    rewards = []
    for _ in range(3):
        _, reward, _, truncated, info = envs.step(np.full(2, STRAIGHT_SLOW))
        rewards.append(reward)
    assert truncated.all()
    assert info["episode"]["l"].tolist() == [3, 3]
    np.testing.assert_allclose(info["episode"]["r"], np.sum(rewards, axis=0))


def test_a_kept_picture_does_not_change():
    env = make()
    image, _ = env.reset(seed=0)
    copy = image.copy()
    env.step(STRAIGHT_FAST)
    np.testing.assert_array_equal(image, copy)


def test_several_tracks_are_dealt_out_in_turn():
    envs = make_vec(4, track=("oval", "bowtie"), randomisation=CLEAN, episode=LINE, render_mode="rgb_array")
    images, _ = envs.reset(seed=0)
    frames = envs.render()
    assert [frame.shape for frame in frames] == [(360, 480, 3)] * 4
    for pictures in (images, frames):
        np.testing.assert_array_equal(pictures[0], pictures[2])
        np.testing.assert_array_equal(pictures[1], pictures[3])
        assert (pictures[0] != pictures[1]).any()


def test_rendering_shows_what_the_camera_sees():
    """The view in colour, made grey and small, is nearly the observation of a clean world."""
    env = make(randomisation=CLEAN, render_mode="rgb_array")
    image, _ = env.reset(seed=4)
    frame = env.render()
    assert frame.shape == (360, 480, 3) and frame.dtype == np.uint8
    grey = frame.astype(float) @ (0.299, 0.587, 0.114)
    small = grey[:352, :].reshape(44, 8, 60, 8).mean((1, 3))
    whole = np.asarray(image[:, :, 0], float)
    rows, columns = (np.arange(44) * 48 * 8 // 360), (np.arange(60) * 64 * 8 // 480)
    assert np.corrcoef(small.ravel(), whole[np.ix_(rows, columns)].ravel())[0, 1] > 0.8


def test_render_without_a_mode_warns():
    env = make().unwrapped
    env.reset(seed=0)
    with pytest.warns(UserWarning, match="rgb_array"):
        assert env.render() is None


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"lr": 1e-3}, "lr: the environment has no such setting"),
        ({"actions": {"max_speed": 9}}, r"max_speed=9: must be <= 4"),
        ({"episode": {"start": "pit"}}, "start='pit': must be 'random'"),
        ({"render_mode": "human"}, "render_mode='human': must be None or rgb_array"),
        ({"num_envs": 0}, "num_envs=0: must be at least 1"),
    ],
)
def test_a_wrong_setting_is_refused(kwargs, message):
    with pytest.raises(SettingError, match=message):
        DeepRacerVectorEnv(**{"num_envs": 1, **kwargs})


def test_an_unknown_track_is_refused_with_the_choices():
    with pytest.raises(TrackError, match="oval"):
        make(track="silverstone")


@pytest.mark.parametrize(
    ("actions", "message"),
    [
        ([0, 10], "from 0 to 10: must be 0 to 9"),
        ([-1, 0], "from -1 to 0: must be 0 to 9"),
        ([0], r"shape \(1,\): must be whole numbers of shape \(2,\)"),
        ([0.0, 1.0], "type float64"),
    ],
)
def test_a_wrong_action_is_refused(actions, message):
    envs = make_vec(2)
    envs.reset(seed=0)
    with pytest.raises(SettingError, match=message):
        envs.step(np.array(actions))


def test_a_step_before_the_first_reset_is_refused():
    with pytest.raises(gymnasium.error.ResetNeeded):
        make_vec(2).step(np.zeros(2, int))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"speed": 1}, "speed"),
        ({"reset_mask": np.ones(3, bool)}, r"shape \(3,\)"),
        ({"reset_mask": [1, 0]}, "int"),
    ],
)
def test_a_wrong_reset_option_is_refused(options, message):
    with pytest.raises(SettingError, match=message):
        make_vec(2).reset(options=options)


class TestStableBaselines3:
    @pytest.fixture()
    def adapt(self):
        pytest.importorskip("stable_baselines3")
        from deepracer_sim.stable_baselines3_env import StableBaselines3Env

        return StableBaselines3Env

    def test_an_ended_episode_is_told_as_it_wants_it(self, adapt):
        mode = AutoresetMode.SAME_STEP
        episode = {**LINE, "max_steps": 20}
        vec_env = adapt(make_vec(2, autoreset_mode=mode, randomisation=CLEAN, episode=episode))
        witness = make_vec(2, autoreset_mode=mode, randomisation=CLEAN, episode=episode)
        vec_env.seed(5)
        np.testing.assert_array_equal(vec_env.reset(), witness.reset(seed=5)[0])
        actions = np.array([RIGHT_FAST, STRAIGHT_SLOW])
        endings = {}
        for _ in range(20):
            images, _, done, infos = vec_env.step(actions)
            expected, *_, info = witness.step(actions)
            np.testing.assert_array_equal(images, expected)
            for car in range(2):
                assert ("terminal_observation" in infos[car]) == done[car]
                if done[car]:
                    endings.setdefault(car, infos[car])
                    np.testing.assert_array_equal(infos[car]["terminal_observation"], info["final_obs"][car])
        assert [(endings[car]["status"], endings[car]["TimeLimit.truncated"]) for car in range(2)] == [
            ("off_track", False),
            ("time_up", True),
        ]

    def test_another_autoreset_mode_is_refused(self, adapt):
        with pytest.raises(SettingError, match="SAME_STEP"):
            adapt(make_vec(2))

    def test_its_ppo_runs_unchanged(self, adapt):
        from stable_baselines3 import PPO

        vec_env = adapt(make_vec(4, autoreset_mode=AutoresetMode.SAME_STEP))
        model = PPO("CnnPolicy", vec_env, n_steps=8, batch_size=16, n_epochs=1, seed=0, device="cpu")
        before = model.policy.action_net.weight.detach().clone()
        model.learn(64)
        after = model.policy.action_net.weight.detach()
        assert model.num_timesteps == 64
        assert after.isfinite().all() and (after != before).any()
