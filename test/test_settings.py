"""Settings: what is refused and how the message reads, and the named profiles."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from deepracer_sim.profiles import PROFILES, aws_profile, fast_profile
from deepracer_sim.settings import (
    ActionSettings,
    CameraSettings,
    CarSettings,
    EpisodeSettings,
    EvaluateSettings,
    EvaluationSettings,
    PPOSettings,
    Randomisation,
    Settings,
    StopSettings,
    TrainSettings,
    describe,
)

ALL = [
    ActionSettings, CameraSettings, CarSettings, EpisodeSettings, EvaluateSettings, EvaluationSettings,
    PPOSettings, Randomisation, StopSettings, TrainSettings,
]  # fmt: skip
NAN, INFINITY = float("nan"), float("inf")


def refusal(model: type[Settings], **values: Any) -> str:
    """The one line that the user reads."""
    with pytest.raises(ValidationError) as caught:
        model(**values)
    line = describe(caught.value)
    assert "\n" not in line
    return line


@pytest.mark.parametrize(
    ("model", "values", "message"),
    [
        (PPOSettings, {"discount_factor": 1.5}, "discount_factor=1.5: must be <= 1"),
        (PPOSettings, {"discount_factor": -0.1}, "discount_factor=-0.1: must be >= 0"),
        (PPOSettings, {"clip": 0}, "clip=0: must be > 0"),
        (PPOSettings, {"clip": 1}, "clip=1: must be < 1"),
        (PPOSettings, {"batch_size": 8}, "batch_size=8: must be >= 16"),
        (PPOSettings, {"lr": 1}, "lr=1: must be <= 0.1"),
        (PPOSettings, {"beta_entropy": 2}, "beta_entropy=2: must be <= 1"),
        (PPOSettings, {"num_epochs": 0}, "num_epochs=0: must be >= 1"),
        (PPOSettings, {"loss_type": "l1"}, "loss_type='l1': must be 'huber' or 'mean squared error'"),
        (PPOSettings, {"exploration_type": "none"}, "exploration_type='none': must be 'categorical'"),
        (
            PPOSettings,
            {"num_episodes_between_training": 0},
            "num_episodes_between_training=0: must be >= 1",
        ),
        (CameraSettings, {"width": 8}, "width=8: must be >= 16"),
        (CameraSettings, {"colour": "sepia"}, "colour='sepia': must be 'grey' or 'rgb'"),
        (CarSettings, {"friction": 0}, "friction=0: must be > 0"),
        (CarSettings, {"latency": 2}, "latency=2: must be <= 1.5"),
        (
            ActionSettings,
            {"max_steering_angle": 31},
            "max_steering_angle=31: must be <= 30",
        ),
        (ActionSettings, {"max_speed": 0.05}, "max_speed=0.05: must be >= 0.1"),
        (ActionSettings, {"max_speed": 5}, "max_speed=5: must be <= 4"),
        (EpisodeSettings, {"start": "pit"}, "start='pit': must be 'random', 'round_robin' or 'line'"),
        (EpisodeSettings, {"max_steps": 0}, "max_steps=0: must be >= 1"),
        (StopSettings, {"minutes": 0}, "minutes=0: must be > 0"),
        (EvaluationSettings, {"starts": 65}, "starts=65: must be <= 64"),
        (TrainSettings, {"seed": -1}, "seed=-1: must be >= 0"),
        (TrainSettings, {"device": "tpu"}, "device='tpu': must be 'cpu' or 'cuda'"),
        (Randomisation, {"colour": 1.1}, "colour=1.1: must be <= 1"),
    ],
)
def test_a_refusal_names_setting_value_and_limit(model, values, message):
    assert refusal(model, **values) == message


def test_what_is_not_a_number_is_refused():
    assert refusal(PPOSettings, batch_size="x").startswith("batch_size='x': must be a valid integer")
    assert refusal(PPOSettings, num_epochs=2.5).startswith("num_epochs=2.5: must be a valid integer")
    assert "discount_factor=nan" in refusal(PPOSettings, discount_factor=NAN)
    assert "friction=nan" in refusal(CarSettings, friction=NAN)
    assert "minutes=nan" in refusal(StopSettings, minutes=NAN)


def test_an_unknown_setting_is_named():
    assert refusal(PPOSettings, learning_rate=1e-3) == "learning_rate: no such setting"
    assert refusal(TrainSettings, ppo={"learning_rate": 1e-3}) == "ppo.learning_rate: no such setting"


def test_every_refused_setting_is_named_with_its_place():
    line = refusal(TrainSettings, seed=-1, ppo={"clip": 2}, camera={"width": 1, "hue": 3})
    assert line.split("; ") == [
        "seed=-1: must be >= 0",
        "camera.width=1: must be >= 16",
        "camera.hue: no such setting",
        "ppo.clip=2: must be < 1",
    ]


def test_no_track_is_refused():
    assert refusal(TrainSettings, track=()).startswith("track=()")


@pytest.mark.parametrize("name", [name for name, field in Randomisation.model_fields.items()
                                  if isinstance(field.default, tuple)])  # fmt: skip
def test_a_range_goes_from_low_to_high(name):
    low, high = Randomisation.model_fields[name].default
    middle = (low + high) / 2
    assert getattr(Randomisation(**{name: (middle, middle)}), name) == (middle, middle)
    assert refusal(Randomisation, **{name: (high, low)}) == (
        f"{name}={(high, low)}: the low end {high} is above the high end {low}"
    )
    assert name in refusal(Randomisation, **{name: (low,)})
    assert name in refusal(Randomisation, **{name: (low, middle, high)})


@pytest.mark.parametrize(
    ("name", "limits"),
    [
        ("steering_lag", (0.0, 0.1)),
        ("acceleration", (0.0, 1.0)),
        ("braking", (-1.0, 1.0)),
        ("friction", (0.01, 1.0)),
        ("slip_angle", (-0.1, 0.1)),
        ("latency", (-0.5, 1.0)),
        ("latency", (0.0, 2.5)),
    ],
)
def test_a_range_that_the_car_cannot_be_drawn_from_is_refused(name, limits):
    assert f"{name}={limits}: must" in refusal(Randomisation, **{name: limits})
    # In a run's settings the line names the place, not all of the randomisation.
    assert refusal(TrainSettings, randomisation={name: limits}).startswith(
        f"randomisation.{name}={limits}: must"
    )


@pytest.mark.parametrize(
    ("name", "limits"),
    [
        ("friction", (NAN, 1.0)),
        ("friction", (0.5, NAN)),
        ("acceleration", (4.0, INFINITY)),
        ("noise", (-0.1, 0.1)),
        ("blur", (0.0, 1.5)),
        ("gamma", (-1.0, 1.0)),
        ("contrast", (-1.0, 1.0)),
        ("texture", (-1.0, 1.0)),
        ("motor_gain", (-1.0, 1.0)),
        ("wheel_radius", (0.0, 1.0)),
        ("grip_balance", (-2.0, 2.0)),
        ("camera_height", (-0.2, 0.0)),
        ("camera_pitch", (-1.0, 1.0)),
        ("camera_field_of_view", (-1.2, 0.0)),
    ],
)
def test_a_range_without_meaning_is_refused(name, limits):
    """Not a number; a negative spread; a camera below the ground, or one that the horizon runs away from."""
    assert name in refusal(TrainSettings, randomisation={name: limits})


@pytest.mark.parametrize(
    ("network", "width", "height", "side", "least"),
    [
        ("FAST", 64, 15, "height", 16),
        ("DEEP_CONVOLUTIONAL_NETWORK_SHALLOW", 35, 48, "width", 36),
        ("DEEP_CONVOLUTIONAL_NETWORK_SHALLOW", 64, 35, "height", 36),
    ],
)
def test_a_picture_too_small_for_the_network_is_refused(network, width, height, side, least):
    """FAST looks at whole blocks of 16 pixels.

    AWS's layers make 36 into 8, 3 and 1 pixel; of 35 the third leaves nothing.
    """
    line = refusal(TrainSettings, network=network, camera={"width": width, "height": height})
    assert f"camera.{side}={height if side == 'height' else width}: must be >= {least}" in line
    assert network in line
    TrainSettings(network=network, camera={"width": least, "height": least})


@pytest.mark.parametrize("model", ALL)
def test_every_setting_is_described_and_its_default_is_allowed(model):
    assert model() == model(**model().model_dump())
    for name, field in model.model_fields.items():
        if not (isinstance(field.default, Settings)):
            assert field.description, f"{model.__name__}.{name}"


def test_settings_are_frozen():
    with pytest.raises(ValidationError):
        PPOSettings().lr = 1e-4


def test_replaced_is_a_checked_copy():
    settings = TrainSettings()
    changed = settings.replaced(seed=7, ppo=settings.ppo.replaced(lr=1e-4))
    assert (changed.seed, changed.ppo.lr) == (7, 1e-4)
    assert settings == TrainSettings()
    assert changed.camera == settings.camera
    with pytest.raises(ValidationError):
        settings.replaced(seed=-1)
    with pytest.raises(ValidationError):
        settings.replaced(speed=1)


@pytest.mark.parametrize("name", PROFILES)
def test_settings_survive_a_file(name):
    settings = PROFILES[name]().replaced(
        seed=5,
        track=("oval", "tracks/mine.npy"),
        reward=Path("rewards/mine.py"),
        randomisation=Randomisation(friction=(0.5, 0.75)),
        actions=ActionSettings(file=Path("actions.json")),
    )
    text = settings.model_dump_json()
    assert TrainSettings.model_validate_json(text) == settings
    assert TrainSettings(**json.loads(text)) == settings
    assert json.loads(text)["reward"] == "rewards/mine.py"
    assert json.loads(text)["randomisation"]["friction"] == [0.5, 0.75]


def test_the_profiles():
    assert dict(PROFILES) == {"fast": fast_profile, "aws": aws_profile}
    assert fast_profile() == TrainSettings()


def test_awss_defaults():
    """The values of deepracer-simapp's code, and 20 episodes between trainings."""
    aws = aws_profile()
    ppo = aws.ppo
    assert (ppo.batch_size, ppo.num_epochs, ppo.lr, ppo.beta_entropy) == (64, 10, 3e-4, 0.01)
    assert (ppo.discount_factor, ppo.gae_lambda, ppo.clip) == (0.999, 0.95, 0.2)
    assert ppo.loss_type == "huber"
    assert ppo.exploration_type == "categorical"
    assert ppo.num_episodes_between_training == 20
    assert ppo.final_lr_share == 1  # the rate stays
    assert aws.network == "DEEP_CONVOLUTIONAL_NETWORK_SHALLOW"
    assert aws.critic == "image"
    camera = aws.camera
    assert (camera.width, camera.height, camera.colour, camera.channels) == (160, 120, "grey", 1)
    assert (camera.field_of_view, camera.pitch) == (1.13, 0.2618)
    assert (aws.episode.start, aws.episode.direction) == ("round_robin", "forward")
    assert (aws.episode.start_offset, aws.episode.start_heading) == (0, 0)
    assert not aws.randomisation.enabled
    assert aws.evaluation.starts == 5


def test_rgb_has_three_channels():
    assert CameraSettings(colour="rgb").channels == 3


def test_randomisation_is_on_by_default():
    """Every range of the picture has some width, and the nominal car lies within the ranges of the car."""
    ranges, car = Randomisation(), CarSettings()
    assert ranges.enabled
    for name, field in Randomisation.model_fields.items():
        if isinstance(field.default, tuple):
            assert field.default[0] < field.default[1], name
    for name in (
        "friction",
        "slip_angle",
        "grip_balance",
        "acceleration",
        "braking",
        "steering_lag",
        "latency",
    ):
        low, high = getattr(ranges, name)
        assert low <= getattr(car, name) <= high, name
