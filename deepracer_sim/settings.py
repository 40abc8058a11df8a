"""The settings of a run: one model a concern, each field with a default, a range, units and help.

The command line, the JSON in a run folder and the ROS parameters are all made from these models.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from deepracer_sim.errors import SettingError


def _ordered(value: Any) -> Any:
    if isinstance(value, (list, tuple)) and len(value) == 2 and value[0] > value[1]:
        raise ValueError(f"the low end {value[0]} is above the high end {value[1]}")
    return value


Range = Annotated[tuple[float, float], BeforeValidator(_ordered)]
"""Low and high end of a uniform draw."""

Fraction = Annotated[float, Field(ge=0, le=1)]


class Settings(BaseModel):
    """Base of all settings: frozen, no unknown names, one-line errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)

    def __init__(self, **values: Any) -> None:
        """Check `values`; raise `SettingError` that names each refused one and its limit."""
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise SettingError("; ".join(_describe(item) for item in error.errors())) from error

    def replaced(self, **values: Any) -> Any:
        """Return a copy with `values` changed, checked like a new one."""
        return type(self)(**{**{name: getattr(self, name) for name in type(self).model_fields}, **values})


def _describe(item: Any) -> str:
    name = ".".join(str(part) for part in item["loc"])
    message = item["msg"].removeprefix("Value error, ").replace("Input should be", "must be")
    if item["type"] == "missing":
        return f"{name} is missing"
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

    friction: float = Field(1.2, gt=0, le=3, description="tyre friction coefficient")
    slip_angle: float = Field(0.05, ge=0, le=0.5, description="tyre slip angle at the friction limit, radians")
    grip_balance: float = Field(0.04, ge=-0.5, le=0.5, description="grip moved from the rear axle to the front one")
    acceleration: float = Field(5.7, gt=0, le=50, description="strongest acceleration, m/s^2")
    braking: float = Field(3.8, gt=0, le=50, description="strongest braking, m/s^2")
    steering_lag: float = Field(0.047, gt=0, le=1, description="time constant of the steering servo, s")
    latency: float = Field(0.0, ge=0, le=1.5, description="delay from picture to wheels, in steps of 1/15 s")


class Randomisation(Settings):
    """Uniform ranges from which each car is drawn anew at the start of each episode."""

    enabled: bool = Field(True, description="draw cars and pictures from the ranges below")
    brightness: Range = Field((-0.12, 0.12), description="added to the picture, 1 = full white")
    contrast: Range = Field((0.75, 1.25), description="factor around the middle grey")
    gamma: Range = Field((0.8, 1.25), description="exponent")
    noise: Range = Field((0.0, 0.04), description="standard deviation of pixel noise, 1 = full white")
    blur: Range = Field((0.0, 0.6), description="share of each pixel taken from its neighbours")
    camera_height: Range = Field((-0.006, 0.006), description="metres added")
    camera_pitch: Range = Field((-0.03, 0.03), description="radians added")
    camera_yaw: Range = Field((-0.03, 0.03), description="radians added")
    camera_field_of_view: Range = Field((-0.04, 0.04), description="radians added")
    camera_forward: Range = Field((-0.02, 0.02), description="metres added")
    colour: Fraction = Field(0.25, description="how far road, lines and surroundings may change colour")
    texture: Range = Field((0.0, 1.5), description="factor on the grain of road and surroundings")
    latency: Range = Field((0.0, 1.5), description="delay from picture to wheels, in steps of 1/15 s")
    steering_bias: Range = Field((-0.02, 0.02), description="radians added to the wanted angle")
    steering_lag: Range = Field((0.03, 0.07), description="time constant of the servo, s")
    motor_gain: Range = Field((0.93, 1.07), description="factor on the wanted speed")
    wheel_radius: Range = Field((0.97, 1.03), description="factor on the nominal radius, so on speed")
    acceleration: Range = Field((4.0, 8.0), description="strongest acceleration, m/s^2")
    braking: Range = Field((3.0, 6.0), description="strongest braking, m/s^2")
    friction: Range = Field((0.85, 1.35), description="tyre friction coefficient")
    slip_angle: Range = Field((0.02, 0.1), description="tyre slip angle at the friction limit, radians")
    grip_balance: Range = Field((-0.03, 0.07), description="grip moved from the rear axle to the front one")

    @model_validator(mode="after")
    def _positive(self) -> Randomisation:
        floors = {"steering_lag": 0.005, "acceleration": 0.1, "braking": 0.1, "friction": 0.05, "slip_angle": 0.0}
        for name, floor in floors.items():
            if getattr(self, name)[0] < floor:
                raise ValueError(f"{name}={getattr(self, name)}: must start at {floor} or above")
        if not (0 <= self.latency[0] and self.latency[1] <= 2):
            raise ValueError(f"latency={self.latency}: must lie within 0 and 2 steps")
        return self


class EpisodeSettings(Settings):
    """Where episodes start and when they end."""

    start: Literal["random", "round_robin", "line"] = Field(
        "random", description="anywhere, or on by 5 % of the lap each time as in the lab, or at the start line"
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
    discount_factor: float = Field(0.95, ge=0, le=1, description="of a reward one step later")
    loss_type: Literal["huber", "mean squared error"] = Field("mean squared error", description="of the critic")
    exploration_type: Literal["categorical"] = Field("categorical", description="actions are drawn from the policy")
    num_episodes_between_training: int | None = Field(
        None, ge=1, le=1000, description="end a rollout after this many episodes instead of after rollout_steps"
    )
    rollout_steps: int = Field(32, ge=1, le=10_000, description="steps of each car a rollout")
    gae_lambda: float = Field(0.9, ge=0, le=1, description="trace of the advantage estimate")
    clip: float = Field(0.2, gt=0, lt=1, description="largest change of an action's probability ratio")
    value_weight: float = Field(0.5, ge=0, le=10, description="weight of the critic's loss")
    max_gradient_norm: float = Field(0.5, gt=0, description="longer gradients are cut to this")
    final_lr_share: float = Field(0.1, gt=0, le=1, description="the learning rate never falls below this share")


class ActionSettings(Settings):
    """The actions that the car chooses from: every steering angle with every speed, or a list of AWS's."""

    max_steering_angle: float = Field(30.0, gt=0, le=30, description="degrees, to either side")
    steering_granularity: int = Field(5, ge=3, le=15, description="steering angles, an odd number")
    max_speed: float = Field(2.0, ge=0.1, le=4, description="m/s")
    speed_granularity: int = Field(2, ge=1, le=10, description="speeds, evenly spaced up to max_speed")
    file: Path | None = Field(None, description="AWS's JSON instead: a list of actions or a model_metadata.json")


class StopSettings(Settings):
    """When a training ends: at whichever comes first."""

    minutes: float | None = Field(10.0, gt=0, description="wall time")
    iterations: int | None = Field(None, ge=1, description="rollouts, each with its update")
    target: bool = Field(True, description="stop when every lap of the evaluation was clean")


class EvaluationSettings(Settings):
    """How a policy is judged during a training."""

    every: int = Field(8, ge=1, description="iterations between evaluations")
    laps: int = Field(3, ge=1, le=100, description="laps from each start")
    starts: int = Field(8, ge=1, le=64, description="starts along each track, each in both directions")
    randomised: bool = Field(True, description="evaluate on cars and pictures drawn from the same ranges")


class TrainSettings(Settings):
    """Everything that a training depends on."""

    track: tuple[str, ...] = Field(("reinvent_2018",), min_length=1, description="names or files")
    world: Literal["embedded"] = Field("embedded", description="simulator")
    seed: int = Field(0, ge=0, le=2**31 - 1, description="of everything random")
    device: Literal["cpu", "cuda"] = Field("cpu", description="where simulation and learning run")
    threads: int = Field(2, ge=1, le=64, description="CPU threads of the learning")
    num_cars: int = Field(64, ge=1, le=65536, description="cars that collect experience side by side")
    network: Literal["FAST", "DEEP_CONVOLUTIONAL_NETWORK_SHALLOW"] = Field("FAST", description="architecture")
    reward: Path | None = Field(None, description="file with reward_function(params); the default reward if absent")
    actions: ActionSettings = ActionSettings()
    camera: CameraSettings = CameraSettings()
    car: CarSettings = CarSettings()
    randomisation: Randomisation = Randomisation()
    episode: EpisodeSettings = EpisodeSettings()
    ppo: PPOSettings = PPOSettings()
    stop: StopSettings = StopSettings()
    evaluation: EvaluationSettings = EvaluationSettings()
