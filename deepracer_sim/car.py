"""The car's motion: a single-track model whose axles grip up to a friction limit, then slide.

Each axle may not move sideways; the impulse that keeps it from doing so is found for every substep and
clamped to what friction can give (velocity-level time stepping with Coulomb friction: Stewart & Trinkle,
"An implicit time-stepping scheme for rigid body dynamics with inelastic collisions and Coulomb friction",
1996). The two-axle geometry is the dynamic single-track ("bicycle") model of Rajamani, "Vehicle Dynamics
and Control", chapter 2. Below the limit the car therefore turns on its kinematic circle at any speed;
above it the saturated axle slips, the circle widens and the sideways-pointing front wheels cost speed.

All functions are pure and batched: every tensor has shape (N,) unless said otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import torch
from torch import Tensor

from deepracer_sim.settings import CarSettings, Randomisation
from deepracer_sim.world import CarState

WHEELBASE = 0.163974
"""Distance between the axles, metres (front hinge at +0.082311, rear wheels at -0.081663 of base_link)."""
FRONT_ARM, REAR_ARM = 0.082311, 0.081663
"""Distance of each axle from base_link, metres."""
WHEEL_POINTS = ((FRONT_ARM, 0.079601), (FRONT_ARM, -0.079601), (-REAR_ARM, 0.08105), (-REAR_ARM, -0.08105))
"""Wheel centres in the car frame, metres: front left, front right, rear left, rear right."""
REFERENCE_POINT = 0.14
"""AWS measures x, y and progress this far ahead of base_link, metres."""
MAX_STEERING_ANGLE = 0.523599
"""The servo's end stop, radians (30 degrees)."""
GYRATION_RADIUS_SQUARED = 0.019
"""Yaw inertia over mass, square metres. AWS's chassis (5.0 kg, 0.05865 kg m^2), wheels and hinges have
0.0123; the rest is how much later the same car turns in Gazebo, where four wheels share the friction."""
GRAVITY = 9.81


@dataclass(frozen=True)
class CarMotion:
    """Where the cars are and how they move.

    Attributes:
        x, y: base_link in the world, metres.
        yaw: heading, radians, counter-clockwise, unwrapped.
        forward_speed, lateral_speed: velocity of base_link in the car's frame, m/s, left positive.
        yaw_rate: rad/s.
        steering_angle: angle of the front wheels, radians, left positive.
        front_impulse: sideways impulse of the front axle in the last substep over the car's mass, m/s.
    """

    x: Tensor
    y: Tensor
    yaw: Tensor
    forward_speed: Tensor
    lateral_speed: Tensor
    yaw_rate: Tensor
    steering_angle: Tensor
    front_impulse: Tensor

    @staticmethod
    def at_rest(pose: Tensor) -> CarMotion:
        """Return cars standing still at `pose` (N, 3): x, y in metres, yaw in radians."""
        zero = torch.zeros_like(pose[:, 0])
        return CarMotion(pose[:, 0], pose[:, 1], pose[:, 2], zero, zero, zero, zero, zero)

    def where(self, mask: Tensor, other: CarMotion) -> CarMotion:
        """Return `self` where `mask` (N,) is true and `other` elsewhere."""
        names = [field.name for field in fields(self)]
        return CarMotion(*(torch.where(mask, getattr(self, name), getattr(other, name)) for name in names))


@dataclass(frozen=True)
class CarParameters:
    """What differs from car to car; see `settings.Randomisation` for the meaning and the units."""

    steering_bias: Tensor
    steering_lag: Tensor
    speed_gain: Tensor
    acceleration: Tensor
    braking: Tensor
    friction: Tensor
    slip_angle: Tensor
    grip_balance: Tensor

    @staticmethod
    def nominal(settings: CarSettings, num_cars: int, device: torch.device | str = "cpu") -> CarParameters:
        """Return the parameters of `num_cars` cars as they left the factory."""

        def full(value: float) -> Tensor:
            return torch.full((num_cars,), value, device=device)

        return CarParameters(
            steering_bias=full(0.0),
            steering_lag=full(settings.steering_lag),
            speed_gain=full(1.0),
            acceleration=full(settings.acceleration),
            braking=full(settings.braking),
            friction=full(settings.friction),
            slip_angle=full(settings.slip_angle),
            grip_balance=full(settings.grip_balance),
        )

    def randomised(self, ranges: Randomisation, generator: torch.Generator, mask: Tensor) -> CarParameters:
        """Return new draws for the cars in `mask` (N,) and the old parameters for the others."""

        def draw(limits: tuple[float, float], old: Tensor) -> Tensor:
            low, high = limits
            unit = torch.rand(mask.shape, generator=generator, device=mask.device)
            return torch.where(mask, low + (high - low) * unit, old)

        gain = draw(ranges.motor_gain, self.speed_gain) * draw(
            ranges.wheel_radius, torch.ones_like(self.friction)
        )
        return replace(
            self,
            steering_bias=draw(ranges.steering_bias, self.steering_bias),
            steering_lag=draw(ranges.steering_lag, self.steering_lag),
            speed_gain=torch.where(mask, gain, self.speed_gain),
            acceleration=draw(ranges.acceleration, self.acceleration),
            braking=draw(ranges.braking, self.braking),
            friction=draw(ranges.friction, self.friction),
            slip_angle=draw(ranges.slip_angle, self.slip_angle),
            grip_balance=draw(ranges.grip_balance, self.grip_balance),
        )


Pair = tuple[Tensor, Tensor]
"""The least and the most, front and rear, along and across: (N,) each."""


@dataclass(frozen=True)
class Substep:
    """What the parameters of the cars come to in a substep: constants that need no new look in each.

    Attributes:
        duration: seconds; 1/60 s or less keeps the sliding accurate.
        steering_bias: radians.
        speed_gain: factor on the wanted speed.
        steering_share: of the way to the wanted angle that the servo goes.
        drive: change of speed by the motor, m/s.
        front, rear: impulse that an axle grips up to, over the car's mass, m/s.
        slip: slip angle at the limit over the grip of half the car, s/m.
    """

    duration: float
    steering_bias: Tensor
    speed_gain: Tensor
    steering_share: Tensor
    drive: Pair
    front: Tensor
    rear: Tensor
    slip: Tensor

    @staticmethod
    def of(car: CarParameters, duration: float) -> Substep:
        """Return the constants of cars for substeps of `duration` seconds."""
        grip = 0.5 * GRAVITY * duration * car.friction
        return Substep(
            duration=duration,
            steering_bias=car.steering_bias,
            speed_gain=car.speed_gain,
            steering_share=-torch.expm1(-duration / car.steering_lag),
            drive=(-car.braking * duration, car.acceleration * duration),
            front=grip * (1 + car.grip_balance),
            rear=grip * (1 - car.grip_balance),
            slip=car.slip_angle / grip,
        )


def advance(motion: CarMotion, command: Tensor, car: Substep) -> CarMotion:
    """Move the cars by one substep.

    With few cars the time goes into calling operations, so a product and a sum are one: addcmul(a, b, c,
    value=v) is a + v b c.

    Args:
        motion: the cars before the substep.
        command: (N, 2) wanted steering angle (radians) and speed (m/s).
        car: the parameters of each car over the substep.
    """
    wanted = (command[:, 0] + car.steering_bias).clamp(-MAX_STEERING_ANGLE, MAX_STEERING_ANGLE)
    steering = motion.steering_angle.addcmul(wanted - motion.steering_angle, car.steering_share)
    sine, cosine = steering.sin(), steering.cos()

    # The velocity stays as it is in the world while the car's frame turns under it.
    turn = motion.yaw_rate * car.duration
    along, across = turn.cos(), turn.sin()
    forward = (along * motion.forward_speed).addcmul(across, motion.lateral_speed)
    lateral = (along * motion.lateral_speed).addcmul(across, motion.forward_speed, value=-1)

    # The motor holds the speed of each axle's wheels, against the drag of the steered ones too, as far as it
    # can; each axle gets half of its force.
    target, drag = command[:, 1] * car.speed_gain, sine * motion.front_impulse
    rolling = (cosine * forward).addcmul(sine, lateral.add(motion.yaw_rate, alpha=FRONT_ARM))
    front_drive = 0.5 * (target / cosine - rolling + drag).clamp(*car.drive)
    rear_drive = 0.5 * (target - forward + drag).clamp(*car.drive)

    velocity = (forward, lateral, motion.yaw_rate)
    front, rear = _axle_impulses(velocity, (sine, cosine), (front_drive, rear_drive), car)
    forward = (forward + rear[0]).addcmul(cosine, front[0]).addcmul(sine, front[1], value=-1)
    front_across = (sine * front[0]).addcmul(cosine, front[1])
    lateral = lateral + rear[1] + front_across
    yaw_rate = motion.yaw_rate.add(rear[1], alpha=-REAR_ARM / GYRATION_RADIUS_SQUARED)
    yaw_rate = yaw_rate.add(front_across, alpha=FRONT_ARM / GYRATION_RADIUS_SQUARED)

    middle = motion.yaw.add(yaw_rate, alpha=0.5 * car.duration)
    ahead, aside = middle.cos(), middle.sin()
    return CarMotion(
        x=motion.x.addcmul(forward, ahead, value=car.duration).addcmul(lateral, aside, value=-car.duration),
        y=motion.y.addcmul(forward, aside, value=car.duration).addcmul(lateral, ahead, value=car.duration),
        yaw=motion.yaw.add(yaw_rate, alpha=car.duration),
        forward_speed=forward,
        lateral_speed=lateral,
        yaw_rate=yaw_rate,
        steering_angle=steering,
        front_impulse=front[1],
    )


def _axle_impulses(
    velocity: tuple[Tensor, Tensor, Tensor], steering: Pair, drive: Pair, car: Substep
) -> tuple[Pair, Pair]:
    """Return the impulses of the front and the rear axle's tyres over the car's mass, m/s.

    Those sideways, J, solve A J = -u, where u are the axles' sideways speeds once they are driven. The tyre
    gives way in proportion to its slip angle, reaching the limit at `slip_angle`: a compliance on the
    diagonal of A, taken implicitly, so that it vanishes at low speed and cannot become unstable. What is more
    than an axle's grip is cut to it in its direction, which is that of the slip.

    Args:
        velocity: forward and lateral speed and yaw rate.
        steering: sine and cosine of the front wheels' angle.
        drive: wanted impulses of the front and the rear axle along their wheels.
        car: the parameters.

    Returns:
        For each axle the impulse along its wheels and the one to their left.
    """
    (forward, lateral, yaw_rate), (sine, cosine), (front_drive, rear_drive) = velocity, steering, drive
    compliance = forward.abs() * car.slip
    front_front = (compliance + 1).addcmul(cosine, cosine, value=FRONT_ARM**2 / GYRATION_RADIUS_SQUARED)
    rear_rear = compliance + (1 + REAR_ARM**2 / GYRATION_RADIUS_SQUARED)
    coupling = 1 - FRONT_ARM * REAR_ARM / GYRATION_RADIUS_SQUARED
    front_rear = coupling * cosine

    pull = sine * front_drive
    front_lateral = lateral.add(yaw_rate, alpha=FRONT_ARM).add(
        pull, alpha=FRONT_ARM**2 / GYRATION_RADIUS_SQUARED
    )
    front_slip = (sine * (forward + rear_drive)).addcmul(cosine, front_lateral, value=-1)
    rear_slip = (REAR_ARM * yaw_rate - lateral).add(pull, alpha=-coupling)

    determinant = (front_front * rear_rear).addcmul(front_rear, front_rear, value=-1)
    front = (front_slip * rear_rear).addcmul(front_rear, rear_slip, value=-1) / determinant
    front = _gripped(front_drive, front, car.front)[1]
    rear = rear_slip.addcmul(front_rear, front, value=-1) / rear_rear
    rear_pair = _gripped(rear_drive, rear, car.rear)
    front = front_slip.addcmul(front_rear, rear_pair[1], value=-1) / front_front
    return _gripped(front_drive, front, car.front), rear_pair


def _gripped(along: Tensor, across: Tensor, grip: Tensor) -> Pair:
    """Return an axle's impulses, cut to its friction circle in their direction."""
    share = (grip / torch.hypot(along, across)).clamp_max(1.0)
    return share * along, share * across


def reference_point(car: CarState) -> Tensor:
    """Return the point that AWS measures progress at, (N, 2)."""
    x = car.x + REFERENCE_POINT * torch.cos(car.yaw)
    return torch.stack((x, car.y + REFERENCE_POINT * torch.sin(car.yaw)), 1)


def points_in_world(car: CarState, points: Tensor) -> Tensor:
    """Return points of the car's frame (K, 2) in the world, (N, K, 2)."""
    cosine, sine = torch.cos(car.yaw)[:, None], torch.sin(car.yaw)[:, None]
    x = car.x[:, None] + cosine * points[:, 0] - sine * points[:, 1]
    y = car.y[:, None] + sine * points[:, 0] + cosine * points[:, 1]
    return torch.stack((x, y), 2)
