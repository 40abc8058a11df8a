"""The settings of a run: one model a concern, each field with a default, a range, units and help.

The command line, the JSON in a run folder and the ROS parameters are all made from these models.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from typing_extensions import Self


def _ordered(value: Any) -> Any:
    if isinstance(value, (list, tuple)) and len(value) == 2 and value[0] > value[1]:
        raise ValueError(f"the low end {value[0]} is above the high end {value[1]}")
    return value


Range = Annotated[tuple[float, float], BeforeValidator(_ordered)]
"""Low and high end of a uniform draw."""

Fraction = Annotated[float, Field(ge=0, le=1)]


class Settings(BaseModel):
    """Base of all settings: frozen, no unknown names."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True, allow_inf_nan=False)

    def replaced(self, **values: Any) -> Self:
        """Return a copy with `values` changed, checked like a new one."""
        return type(self)(**{**{name: getattr(self, name) for name in type(self).model_fields}, **values})


COMPARISONS = {
    "greater than or equal to": ">=",
    "less than or equal to": "<=",
    "greater than": ">",
    "less than": "<",
}


def describe(error: ValidationError) -> str:
    """Return one line that names each refused setting, its value and its limit."""
    return "; ".join(_describe(item) for item in error.errors())


def messages(error: ValidationError) -> dict[str, str]:
    """Return what is wrong with each refused setting, by its name: `group.name`.

    A fault of several settings together begins with the name of the one that should be changed, as in
    `camera.width=32: must be ...`.
    """
    found: dict[str, str] = {}
    for item in error.errors():
        name, message = ".".join(str(part) for part in item["loc"]), _message(item)
        begin, separator, rest = message.partition(": ")
        shared = re.fullmatch(r"([a-z_.]+)=.*", begin) if separator and not name else None
        found.setdefault(shared[1] if shared else name, rest if shared else message)
    return found


def _message(item: Any) -> str:
    message = item["msg"].removeprefix("Value error, ").replace("Input should be", "must be")
    for words, sign in COMPARISONS.items():
        message = message.replace(words, sign)
    return message


def _describe(item: Any) -> str:
    name, message = ".".join(str(part) for part in item["loc"]), _message(item)
    if item["type"] in ("missing", "extra_forbidden"):
        return f"{name}: {'missing' if item['type'] == 'missing' else 'no such setting'}"
    return f"{name}={item['input']!r}: {message}" if name else message


class CameraSettings(Settings):
    """The picture that the policy sees."""

    width: int = Field(64, ge=16, le=1280, description="pixels across")
    height: int = Field(48, ge=12, le=960, description="pixels down")
    colour: Literal["grey", "rgb"] = Field("grey", description="one grey channel, or three")
    field_of_view: float = Field(1.13, ge=0.5, le=2.5, description="horizontal, radians")
    pitch: float = Field(0.2618, ge=0.0, le=1.2, description="downwards from the horizon, radians")
    height_above_ground: float = Field(0.127, gt=0.02, le=1.0, description="metres")
    forward: float = Field(0.1453, ge=-0.5, le=0.5, description="ahead of base_link, metres")

    @property
    def channels(self) -> int:
        """Number of colour channels."""
        return 1 if self.colour == "grey" else 3


class CarSettings(Settings):
    """The car as it left the factory."""

    friction: float = Field(1.07, gt=0, le=3, description="tyre friction coefficient")
    slip_angle: float = Field(
        0.0225, ge=0, le=0.5, description="tyre slip angle at the friction limit, radians"
    )
    grip_balance: float = Field(
        -0.024, ge=-0.5, le=0.5, description="grip moved from the rear axle to the front one"
    )
    acceleration: float = Field(5.7, gt=0, le=50, description="strongest acceleration, m/s^2")
    braking: float = Field(3.8, gt=0, le=50, description="strongest braking, m/s^2")
    steering_lag: float = Field(0.047, gt=0, le=1, description="time constant of the steering servo, s")
    latency: float = Field(0.0, ge=0, le=1.5, description="delay from picture to wheels, in steps of 1/15 s")


TYRES = ("friction", "slip_angle", "grip_balance")
"""What the embedded car is told of its tyres; Gazebo's car has tyres of its own."""
ALL_ALIKE = "Gazebo's cars and pictures are all alike; only the embedded simulator draws them"


def tyre_fault(car: CarSettings) -> str | None:
    """Return what is wrong with a car for Gazebo: tyres other than the default ones; None if nothing is."""
    for name in TYRES:
        value = getattr(car, name)
        if value != CarSettings.model_fields[name].default:
            return f"car.{name}={value}: is of the embedded car; Gazebo's has tyres of its own"
    return None


RANGE_LIMITS = {
    "brightness": (-1, 1),
    "contrast": (0, 10),
    "gamma": (0.1, 10),
    "noise": (0, 1),
    "blur": (0, 1),
    "camera_height": (-0.1, 1),
    "camera_pitch": (-0.06, 0.06),
    "camera_yaw": (-0.5, 0.5),
    "camera_field_of_view": (-0.2, 0.5),
    "camera_forward": (-0.5, 0.5),
    "texture": (0, 10),
    "latency": (0, 2),
    "steering_bias": (-0.5, 0.5),
    "steering_lag": (0.005, 1),
    "motor_gain": (0.1, 10),
    "wheel_radius": (0.1, 10),
    "acceleration": (0.1, 50),
    "braking": (0.1, 50),
    "friction": (0.05, 3),
    "slip_angle": (0, 0.5),
    "grip_balance": (-0.5, 0.5),
}
"""Between what each range must lie, in its own unit."""


class Randomisation(Settings):
    """Uniform ranges from which each car is drawn anew at the start of each episode."""

    enabled: bool = Field(True, description="draw cars and pictures from the ranges below")
    brightness: Range = Field((-0.1, 0.1), description="added to the picture, 1 = full white")
    contrast: Range = Field((0.8, 1.2), description="factor around the middle grey")
    gamma: Range = Field((0.8, 1.25), description="exponent")
    noise: Range = Field((0.0, 0.03), description="standard deviation of pixel noise, 1 = full white")
    blur: Range = Field((0.0, 0.4), description="share of each pixel taken from its neighbours")
    camera_height: Range = Field((-0.006, 0.006), description="metres added")
    camera_pitch: Range = Field((-0.02, 0.02), description="radians added")
    camera_yaw: Range = Field((-0.02, 0.02), description="radians added")
    camera_field_of_view: Range = Field((-0.04, 0.04), description="radians added")
    camera_forward: Range = Field((-0.02, 0.02), description="metres added")
    colour: Fraction = Field(0.15, description="how far road, lines and surroundings may change colour")
    texture: Range = Field((0.0, 1.5), description="factor on the grain of road and surroundings")
    latency: Range = Field((0.0, 1.5), description="delay from picture to wheels, in steps of 1/15 s")
    latency_draws: int = Field(
        2,
        ge=1,
        le=10,
        description="draws of the latency, of which training takes the longest: long ones are hard to learn",
    )
    steering_bias: Range = Field((-0.02, 0.02), description="radians added to the wanted angle")
    steering_lag: Range = Field((0.03, 0.07), description="time constant of the servo, s")
    motor_gain: Range = Field((0.93, 1.07), description="factor on the wanted speed")
    wheel_radius: Range = Field((0.97, 1.03), description="factor on the nominal radius, so on speed")
    acceleration: Range = Field((4.0, 8.0), description="strongest acceleration, m/s^2")
    braking: Range = Field((3.0, 6.0), description="strongest braking, m/s^2")
    friction: Range = Field((0.85, 1.35), description="tyre friction coefficient")
    slip_angle: Range = Field((0.0, 0.12), description="tyre slip angle at the friction limit, radians")
    grip_balance: Range = Field((-0.07, 0.01), description="grip moved from the rear axle to the front one")

    def evenly(self, enabled: bool = True) -> Randomisation:
        """Return the same ranges with an even draw from each, as policies are judged."""
        return self.replaced(enabled=enabled, latency_draws=1)

    @field_validator(*RANGE_LIMITS)
    @classmethod
    def _within(cls, value: tuple[float, float], info: ValidationInfo) -> tuple[float, float]:
        low, high = RANGE_LIMITS[str(info.field_name)]
        if value[0] < low or value[1] > high:
            raise ValueError(f"must lie within {low} and {high}")
        return value


class EpisodeSettings(Settings):
    """Where episodes start and when they end."""

    start: Literal["random", "round_robin", "line"] = Field(
        "random",
        description="anywhere, or on by 5 % of the lap each time as in the lab, or at the start line",
    )
    direction: Literal["forward", "reversed", "alternate", "random"] = Field(
        "random", description="of driving, against the direction of the waypoints"
    )
    start_offset: float = Field(0.2, ge=0, le=2, description="largest distance from the centre line, metres")
    start_heading: float = Field(0.3, ge=0, le=1.5, description="largest angle to the centre line, radians")
    laps: int = Field(1, ge=1, le=1000, description="laps that complete an episode")
    max_steps: int = Field(300, ge=1, le=100_000, description="steps of 1/15 s after which an episode ends")


class PPOSettings(Settings):
    """AWS's hyperparameters under AWS's names, and what AWS fixed in its code."""

    batch_size: int = Field(512, ge=16, le=65536, description="samples a gradient step")
    num_epochs: int = Field(4, ge=1, le=100, description="passes over each rollout")
    lr: float = Field(2e-3, ge=1e-8, le=1e-1, description="learning rate at the start")
    beta_entropy: float = Field(0.01, ge=0, le=1, description="weight of the policy's entropy")
    discount_factor: float = Field(0.99, ge=0, le=1, description="of a reward one step later")
    loss_type: Literal["huber", "mean squared error"] = Field(
        "mean squared error", description="of the critic"
    )
    exploration_type: Literal["categorical"] = Field(
        "categorical", description="actions are drawn from the policy"
    )
    num_episodes_between_training: int | None = Field(
        None,
        ge=1,
        le=1000,
        description="end a rollout after this many episodes instead of after rollout_steps",
    )
    rollout_steps: int = Field(16, ge=1, le=10_000, description="steps of each car a rollout")
    gae_lambda: float = Field(0.9, ge=0, le=1, description="trace of the advantage estimate")
    clip: float = Field(0.2, gt=0, lt=1, description="largest change of an action's probability ratio")
    max_gradient_norm: float = Field(2.0, gt=0, description="longer gradients are cut to this")
    lr_decay_samples: int = Field(
        200_000, ge=1, description="samples over which the learning rate falls to 0"
    )
    final_lr_share: float = Field(0.1, gt=0, le=1, description="but never below this share of lr")


class ActionSettings(Settings):
    """The actions that the car chooses from: every steering angle with every speed, or a list of AWS's."""

    max_steering_angle: float = Field(30.0, gt=0, le=30, description="degrees, to either side")
    steering_granularity: int = Field(5, ge=3, le=15, description="steering angles, an odd number")
    max_speed: float = Field(2.0, ge=0.1, le=4, description="m/s")
    speed_granularity: int = Field(2, ge=1, le=10, description="speeds, evenly spaced up to max_speed")
    file: Path | None = Field(
        None, description="AWS's JSON instead: a list of actions or a model_metadata.json"
    )


class StopSettings(Settings):
    """When a training ends: at whichever comes first."""

    minutes: float | None = Field(10.0, gt=0, description="wall time")
    iterations: int | None = Field(None, ge=1, description="rollouts, each with its update")
    target: bool = Field(True, description="stop when every lap of the evaluations was clean")
    target_evaluations: int = Field(
        2,
        ge=1,
        le=100,
        description="of one policy, each on cars and pictures of its own; the first fault ends them",
    )


class EvaluationSettings(Settings):
    """How a policy is judged during a training."""

    every: int = Field(6, ge=1, description="iterations between evaluations")
    laps: int = Field(3, ge=1, le=100, description="laps from each start")
    starts: int = Field(8, ge=1, le=64, description="starts along each track, each in both directions")
    randomised: bool = Field(True, description="evaluate on cars and pictures drawn from the same ranges")

    @property
    def cars_per_track(self) -> int:
        """Cars that drive on each track."""
        return 2 * self.starts


SMALLEST_PICTURE = {"FAST": 16, "DEEP_CONVOLUTIONAL_NETWORK_SHALLOW": 36}
"""Pixels that a network's layers leave something of."""


class TrainSettings(Settings):
    """Everything that a training depends on."""

    track: tuple[str, ...] = Field(
        ("reinvent_2018",), min_length=1, description="names, files, or random:SEED"
    )
    world: Literal["embedded", "gazebo", "ros"] = Field(
        "embedded", description="simulator: our own, Gazebo, or one behind ROS that training_node talks to"
    )
    seed: int = Field(0, ge=0, le=2**31 - 1, description="of everything random")
    device: Literal["cpu", "cuda"] = Field("cpu", description="where simulation and learning run")
    threads: int = Field(2, ge=1, le=64, description="CPU threads of the learning")
    num_cars: int = Field(256, ge=1, le=65536, description="cars that collect experience side by side")
    network: Literal["FAST", "DEEP_CONVOLUTIONAL_NETWORK_SHALLOW"] = Field("FAST", description="architecture")
    critic: Literal["state", "image"] = Field(
        "state",
        description="what the critic sees in training: the simulator's state, or the picture as on AWS",
    )
    reward: Path | None = Field(
        None, description="file with reward_function(params); the default reward if absent"
    )
    actions: ActionSettings = ActionSettings()
    camera: CameraSettings = CameraSettings()
    car: CarSettings = CarSettings()
    randomisation: Randomisation = Randomisation()
    episode: EpisodeSettings = EpisodeSettings()
    ppo: PPOSettings = PPOSettings()
    stop: StopSettings = StopSettings()
    evaluation: EvaluationSettings = EvaluationSettings()

    @model_validator(mode="after")
    def _large_enough(self) -> TrainSettings:
        least = SMALLEST_PICTURE[self.network]
        for name in ("width", "height"):
            if getattr(self.camera, name) < least:
                raise ValueError(
                    f"camera.{name}={getattr(self.camera, name)}: must be >= {least} for the network "
                    f"{self.network}"
                )
        return self

    @model_validator(mode="after")
    def _possible_in_gazebo(self) -> TrainSettings:
        if self.world != "gazebo":
            return self
        if len(self.track) > 1:
            raise ValueError(f"track={', '.join(self.track)}: Gazebo has one track at a time")
        if self.device != "cpu":
            raise ValueError(f"device={self.device}: with Gazebo, learning runs on the CPU beside it")
        for group, name in (("randomisation", "enabled"), ("evaluation", "randomised")):
            if getattr(getattr(self, group), name):
                raise ValueError(f"{group}.{name}=True: {ALL_ALIKE}")
        return self


class EvaluateSettings(Settings):
    """How a model is evaluated."""

    track: str = Field("reinvent_2018", description="name, file, or random:SEED")
    world: Literal["embedded", "gazebo"] = Field("embedded", description="simulator: our own, or Gazebo")
    laps: int = Field(5, ge=1, le=1000, description="laps to drive")
    cars: int = Field(
        1, ge=1, le=4096, description="1 starts at the line; more spread over track and directions"
    )
    reversed: bool = Field(False, description="drive against the waypoints")
    randomised: bool = Field(False, description="draw car and pictures from the ranges of the training")
    latency: float = Field(
        0.0, ge=0, le=1.5, description="delay from picture to wheels, in steps, if not randomised"
    )
    max_resets: int = Field(
        20, ge=0, description="how often a car is put back on the road; 0: the first fault ends it"
    )
    reset_penalty: float = Field(5.0, ge=0, description="seconds that a reset costs")
    seed: int = Field(0, ge=0, le=2**31 - 1, description="of everything random")
    video: bool = Field(True, description="write a video of the first car")

    @model_validator(mode="after")
    def _possible_in_gazebo(self) -> EvaluateSettings:
        if self.world == "gazebo" and self.randomised:
            raise ValueError(f"randomised=True: {ALL_ALIKE}")
        return self
