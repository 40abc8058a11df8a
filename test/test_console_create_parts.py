"""What the page that makes models is made of, without a browser."""

import json

import pytest

pytest.importorskip("nicegui")

import numpy as np
from disk_limit import full_disk
from small_models import SOURCE
from small_runs import circle_track, small_settings

from deepracer_inference.action_space import DiscreteActionSpace
from deepracer_sim import training_run
from deepracer_sim.console.create.action_space_editor import actions_of, draw_actions, middle_speed
from deepracer_sim.console.create.model_making import (
    ModelPlan,
    changed_meaning,
    lacking,
    make_model,
    read_parent,
)
from deepracer_sim.console.create.parameter_reference import PARAMETERS, parameter_text
from deepracer_sim.console.create.reward_check import check_reward, map_reward
from deepracer_sim.console.create.reward_drawing import LEVELS, HeatScale, draw_reward, scale_of
from deepracer_sim.console.create.reward_examples import reward_examples
from deepracer_sim.console.create.reward_grid import BESIDE, ROAD_LANES
from deepracer_sim.console.create.setting_texts import ABOUT, LABELS, UNITS
from deepracer_sim.console.create.settings_form import field_of, range_text, read_settings, text_of, value_of
from deepracer_sim.console.tracks.track_shapes import shape_of
from deepracer_sim.errors import ModelError
from deepracer_sim.garage.model_store import ModelStore
from deepracer_sim.profiles import for_gazebo
from deepracer_sim.reward_validation import sample_params
from deepracer_sim.settings import ActionSettings, TrainSettings
from deepracer_sim.track_library import load_track

ODD = "must be odd, so that the car can drive straight ahead, and 3 to 15"
OFFSET = "def reward_function(params):\n    side = 1 if params['is_left_of_center'] else -1\n"
LANES = ROAD_LANES + 2 * len(BESIDE)


def test_the_middle_lane_and_the_strip_beside_the_road_are_where_they_are_said_to_be():
    source = OFFSET + "    return side * params['distance_from_center'] / params['track_width']\n"
    found = map_reward(source, "oval", 1.0, 2.0)
    assert found.fault == ""
    assert found.on_road == (False, False, *[True] * ROAD_LANES, False, False)
    rewards = np.array(found.rewards)
    assert rewards.shape == (len(found.corners) - 1, LANES)
    straight = rewards[0]  # the oval begins on a straight, where a lane keeps its distance from the middle
    assert straight[LANES // 2] == pytest.approx(0.0, abs=1e-6)
    assert straight[2] == pytest.approx(0.5 * (1 - 1 / ROAD_LANES), abs=1e-3)  # leftmost lane, its middle
    assert straight[0] == pytest.approx(0.5 + (0.08 + 0.3) / 2 / 0.76, abs=1e-3)
    np.testing.assert_allclose(straight, -straight[::-1], atol=1e-3)
    corners = np.array(found.corners)
    assert corners.shape == (rewards.shape[0] + 1, LANES + 1, 2)
    np.testing.assert_allclose(np.linalg.norm(corners[0, 0] - corners[0, -1]), 0.76 + 2 * 0.3, atol=1e-2)


def test_a_car_drives_along_each_lane_so_that_rewards_for_progress_mean_something():
    example = next(example for example in reward_examples() if example.name == "progress")
    found = map_reward(example.source, "oval", 1.0, 2.0)
    middle = [station[LANES // 2] for station in found.rewards]
    length = float(load_track("oval").length)
    assert np.median(middle) == pytest.approx(100 / round(length * 15), rel=0.02)  # per cent a step at 1 m/s
    assert {station[0] for station in found.rewards} == {-1.0}  # off the road


def test_the_built_in_reward_is_mapped_without_code():
    found = map_reward(None, "oval", 2.0, 2.0)
    assert found.rewards[0][LANES // 2] == pytest.approx(1.0, abs=1e-3)  # full speed in the middle
    assert found.rewards[0][0] == -5.0


def test_a_map_of_a_function_that_fails_at_some_places_says_why():
    source = OFFSET + "    return 1.0 if side < 0 or params['distance_from_center'] < 0.3 else 1 / 0\n"
    found = map_reward(source, "oval", 1.0, 2.0)
    assert found.fault == "line 3: ZeroDivisionError: division by zero"
    assert found.rewards[5][0] is None
    assert found.rewards[5][-1] == 1.0
    assert draw_reward(shape_of("oval"), found).count("<title>1</title>") == 2  # on the road, and beside it


def test_faults_have_the_lines_of_the_source_and_no_path_of_ours():
    check = check_reward(
        "def reward_function(params):\n    x = 1\n    return params['oops'] + x\n", ("oval",)
    )
    (fault,) = check.faults
    assert (fault.line, fault.message) == (3, "KeyError: 'oops'")
    check = check_reward("print(__file__)\ndef reward_function(params):\n    return 1\n", ("oval", "bowtie"))
    assert check.faults == ()
    assert (check.track, check.output, check.minimum, check.maximum) == (
        "bowtie",
        "reward_function.py\n",
        1,
        1,
    )
    (fault,) = check_reward("x = '\ud800'\n", ("oval",)).faults
    assert fault.line == 1
    assert "UTF-8" in fault.message


def test_the_check_stops_at_the_first_track_with_a_fault():
    source = "def reward_function(params):\n    assert params['track_length'] < 19\n    return 1\n"
    check = check_reward(source, ("oval", "technical", "bowtie"))  # 18.8, 22.2 and 19.5 m
    assert check.track == "technical"
    assert check.faults[0].line == 2


def test_colours_rise_from_zero_and_fall_below_it():
    above = HeatScale(0.2, 1.0)
    assert (above.level(0.2), above.level(1.0)) == (1, LEVELS)
    assert above.span(1) == pytest.approx((0.2, 0.24))
    both = HeatScale(-5.0, 1.0)
    assert (both.level(-5.0), both.level(-1e-9), both.level(0.0), both.level(1.0)) == (-LEVELS, -1, 1, LEVELS)
    assert both.span(-LEVELS) == pytest.approx((-5.0, -4.75))
    assert HeatScale(1.0, 1.0).level(1.0) == LEVELS
    assert scale_of(map_reward("def reward_function(params):\n    return None\n", "oval", 1.0, 1.0)) is None


def test_fields_say_what_the_settings_say():
    assert range_text(field_of("ppo.lr")) == "1e-08 to 0.1"
    assert range_text(field_of("ppo.clip")) == "above 0, below 1"
    assert range_text(field_of("actions.max_steering_angle")) == "above 0, at most 30"
    assert range_text(field_of("stop.iterations")) == "at least 1"
    assert range_text(field_of("seed")) == "0 to 2147483647"
    for path in {*LABELS, *UNITS, *ABOUT}:
        assert field_of(path), path


def test_fields_are_read_as_they_are_written():
    base = TrainSettings()
    paths = ("ppo.lr", "ppo.num_epochs", "stop.minutes", "stop.iterations", "stop.target", "network")
    values = {path: text_of(value_of(base, path)) for path in paths}
    assert values == {"ppo.lr": "0.002", "ppo.num_epochs": "4", "stop.minutes": "10", "stop.iterations": "",
                      "stop.target": True, "network": "FAST"}  # fmt: skip
    assert read_settings(base, values) == (base, {})
    values |= {"ppo.lr": " 1e-4 ", "stop.minutes": "", "stop.iterations": "7", "stop.target": False}
    settings, faults = read_settings(base, values)
    assert faults == {}
    assert settings == base.replaced(
        ppo=base.ppo.replaced(lr=1e-4), stop=base.stop.replaced(minutes=None, iterations=7, target=False)
    )


@pytest.mark.parametrize(
    ("path", "text", "message"),
    [
        ("ppo.lr", "0,1", "must be a valid number"),
        ("ppo.lr", "", "must be a valid number"),
        ("ppo.lr", "nan", "must be a finite number"),
        ("ppo.lr", "2", "must be <= 0.1"),
        ("ppo.num_epochs", "2.5", "must be a valid integer"),
        ("stop.minutes", "-1", "must be > 0"),
        ("actions.steering_granularity", "4", ODD),
        ("actions.max_steering_angle", "0.5", "must be 1 to 30 degrees"),
        ("actions.speed_granularity", "11", "must be <= 10"),
        ("camera.width", "8", "must be >= 16"),
        ("track", (), "Tuple should have at least 1 item after validation, not 0"),
    ],
)
def test_a_wrong_value_is_told_of_its_own_field(path, text, message):
    settings, faults = read_settings(TrainSettings(), {path: text})
    assert settings is None
    assert faults == {path: message}


def test_what_does_not_fit_together_is_told_of_the_field_to_change():
    network = "DEEP_CONVOLUTIONAL_NETWORK_SHALLOW"
    _, faults = read_settings(TrainSettings(), {"network": network, "camera.width": "20"})
    assert faults == {"camera.width": f"must be >= 36 for the network {network}"}
    _, faults = read_settings(
        TrainSettings(), {"actions.max_speed": "0.5", "actions.speed_granularity": "10"}
    )
    assert faults == {"actions.speed_granularity": "speed 0.05 m/s, must be 0.1 to 4"}
    _, faults = read_settings(TrainSettings(), {"world": "gazebo"})
    assert list(faults) == ["randomisation.enabled"]


def test_actions_are_drawn_one_point_each(tmp_path):
    space = actions_of(TrainSettings())
    drawing = draw_actions(space)
    assert drawing.count("<circle") == 10
    assert "<title>-30 degrees, 1 m/s</title>" in drawing
    assert middle_speed(space) == 1.0
    assert middle_speed(DiscreteActionSpace.from_grid(30, 3, 3.0, 3)) == 2.0
    file = tmp_path / "actions.json"
    file.write_text(json.dumps([{"steering_angle": 5, "speed": 0.7}]))
    assert len(actions_of(TrainSettings(actions=ActionSettings(file=file)))) == 1


def test_the_reference_has_every_parameter():
    names = set(sample_params(load_track("oval"), 4)[0])
    assert {name for name, _, _ in PARAMETERS} == names
    assert all(f"`{name}`" in parameter_text() for name in names)


def test_the_labs_examples_are_there_and_valid():
    examples = reward_examples()
    assert examples[0].name == "follow_center_line"
    assert {"stay_inside_borders", "prevent_zig_zag"} < {example.name for example in examples}
    for example in examples:
        assert check_reward(example.source, ("oval",)).faults == ()
        assert example.about.endswith(".")


def test_models_are_made_and_cloned_as_planned(tmp_path):
    store = ModelStore(tmp_path)
    track = circle_track(tmp_path)
    settings = small_settings(track, 1)
    source = SOURCE.decode()
    make_model(tmp_path, ModelPlan("one", "mine", settings, source))
    one = store.open("one")
    assert one.settings.replaced(reward=None, track=("x",)) == settings.replaced(track=("x",))
    assert (one.path / "reward_function.py").read_bytes() == SOURCE
    assert one.record.settings.track == ("tracks/circle.npy",)
    with pytest.raises(ModelError, match="there is a model 'one' already"):
        make_model(tmp_path, ModelPlan("ONE", "", settings, None))
    parent = read_parent(store, "one")
    assert (parent.description, parent.source, parent.has_weights) == ("mine", source, False)
    training_run.start(one.settings, one.run_path(1))
    parent = read_parent(store, "one")
    assert parent.has_weights
    make_model(tmp_path, ModelPlan("two", "", parent.settings, None, "one"))
    two = store.open("two")
    assert two.record.parent == "one"
    assert (two.path / "start.pt").exists()
    assert two.settings.reward is None
    make_model(tmp_path, ModelPlan("three", "", parent.settings, None, "one", from_scratch=True))
    assert not (store.open("three").path / "start.pt").exists()


def test_weights_mean_something_else_with_other_actions_pictures_or_networks():
    parent = TrainSettings()
    assert changed_meaning(parent, parent.replaced(num_cars=3, ppo=parent.ppo.replaced(lr=1e-3))) == []
    settings = parent.replaced(
        network="DEEP_CONVOLUTIONAL_NETWORK_SHALLOW",
        actions=parent.actions.replaced(max_speed=3),
        camera=parent.camera.replaced(colour="rgb"),
    )
    assert changed_meaning(parent, settings) == ["network", "camera.colour", "actions.max_speed"]


def test_what_the_machine_lacks_is_told_of_its_setting(monkeypatch, tmp_path):
    assert lacking(TrainSettings()) == {}
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    assert list(lacking(TrainSettings(device="cuda"))) == ["device"]
    monkeypatch.setenv("DEEPRACER_GAZEBO", str(tmp_path))
    assert list(lacking(for_gazebo(TrainSettings()))) == ["world"]


def test_a_full_disk_leaves_no_model(tmp_path):
    with full_disk(100), pytest.raises(ModelError, match="cannot write"):
        make_model(tmp_path, ModelPlan("one", "", TrainSettings(), None))
    assert ModelStore(tmp_path).names() == []
