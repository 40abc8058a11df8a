"""The last step before the wheels: each limit by hand, and all of them under anything that may come."""

from __future__ import annotations

import math

import numpy as np
import pytest

from deepracer_inference.limits import STAND, Command, Frame, Limits, LimitSettings

HERTZ = 15


class Drive:
    """Frames at 15 Hz, each with a picture of its own and handled at once."""

    def __init__(self, cap=1.0, **settings):
        fast = {"steering_rate": 1000.0, "throttle_rate": 1000.0, **settings}
        self.limits, self.time, self.count = Limits(LimitSettings(**fast), cap), 100.0, 0
        self.limits.start(self.time)

    def frame(self, angle=0.5, throttle=0.5, took=0.0, late=0.0, **changes):
        self.time += 1 / HERTZ
        self.count += 1
        stamp = self.time + 1000.0 - late
        frame = Frame(**{"arrived": self.time, "stamp": stamp, "picture": self.count, **changes})
        self.time += took
        return self.limits.drive(Command(angle, throttle), frame, self.time, self.time + 1000.0)


def test_a_good_command_passes():
    verdict = Drive().frame(-0.25, 0.75)
    assert verdict.command == Command(-0.25, 0.75) and verdict.stop is None


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("channel", ["angle", "throttle"])
def test_what_is_not_finite_stops_the_car(bad, channel):
    drive = Drive()
    drive.frame()
    verdict = drive.frame(**{channel: bad})
    assert verdict.command == STAND and "finite" in verdict.stop
    assert drive.frame().stop is None


def test_a_command_is_clamped_and_then_capped():
    assert Drive(cap=1.0).frame(7.0, 7.0).command == Command(1.0, 1.0)
    assert Drive(cap=0.3).frame(-7.0, -7.0).command == Command(-1.0, -0.3)
    assert Drive(cap=0.0).frame(1.0, 1.0).command.throttle == 0.0


@pytest.mark.parametrize("cap", [-0.1, 1.1, math.nan])
def test_a_cap_outside_its_range_is_refused(cap):
    with pytest.raises(ValueError, match="must be 0 to 1"):
        Limits(cap=cap)


def test_a_lower_cap_counts_at_once():
    drive = Drive(cap=1.0, throttle_rate=2.0)
    for _ in range(10):
        last = drive.frame(0.0, 1.0).command.throttle
    assert last == 1.0
    drive.limits.cap = 0.2
    assert drive.frame(0.0, 1.0).command.throttle == 0.2


def test_the_cap_is_low_by_default():
    assert Limits().cap == 0.5


def test_throttle_rises_slowly_and_falls_at_once():
    drive = Drive(throttle_rate=1.5)  # 0.1 a frame
    assert [round(drive.frame(0.0, 0.25).command.throttle, 9) for _ in range(3)] == [0.1, 0.2, 0.25]
    assert drive.frame(0.0, 0.05).command.throttle == 0.05
    # Through 0 at once, then backwards from 0.
    assert drive.frame(0.0, -0.5).command.throttle == pytest.approx(-0.1)


def test_steering_is_slewed_both_ways():
    drive = Drive(steering_rate=7.5)  # 0.5 a frame
    angles = [drive.frame(angle).command.angle for angle in (1.0, 1.0, -1.0, -1.0)]
    assert angles == pytest.approx([0.5, 1.0, 0.5, 0.0])


def test_a_long_pause_allows_no_larger_step():
    drive = Drive(throttle_rate=1.0, max_frame_age=100.0)
    drive.time += 50.0
    assert drive.frame(0.0, 1.0).command.throttle == pytest.approx(0.1)


def test_a_stop_is_at_once_and_the_rise_after_it_from_standing():
    drive = Drive(throttle_rate=1.5)
    for _ in range(5):
        drive.frame(1.0, 1.0)
    assert drive.frame(1.0, math.nan).command == STAND
    assert drive.frame(1.0, 1.0).command.throttle == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("late", "stops"), [(0.0, False), (0.19, False), (0.21, True), (0.5, True), (-0.3, True)]
)
def test_a_frame_that_is_too_old_or_from_the_future_stops_the_car(late, stops):
    assert (Drive().frame(late=late).command == STAND) == stops


def test_a_camera_without_stamps_is_taken_as_it_comes():
    assert Drive().frame(stamp=None).stop is None


def test_without_frames_the_watch_stops_the_car():
    drive = Drive()
    drive.frame()
    assert drive.limits.watch(drive.time + 0.19).command == Command(0.5, 0.5)
    verdict = drive.limits.watch(drive.time + 0.21)
    assert verdict.command == STAND and "no frame" in verdict.stop
    assert drive.frame().stop is None


def test_waiting_for_the_first_frame_has_the_same_limit():
    limits = Limits()
    limits.start(50.0)
    assert limits.watch(50.1).stop is None and limits.watch(50.1).command == STAND
    assert "no frame" in limits.watch(50.3).stop


def test_slow_inference_stops_the_car_when_it_goes_on():
    drive = Drive(inference_budget=0.05, slow_frames=3)
    stops = [drive.frame(took=took).stop for took in (0.06, 0.06, 0.04, 0.06, 0.06, 0.06, 0.06, 0.04)]
    assert [stop is not None for stop in stops] == [False] * 5 + [True, True, False]


def test_a_frame_that_was_worked_on_for_too_long_stops_the_car():
    assert "waited" in Drive().frame(took=0.25, stamp=None).stop


def test_time_that_goes_backwards_stops_the_car_once():
    drive = Drive()
    drive.frame()
    assert "backwards" in drive.frame(late=0.1).stop
    assert drive.frame().stop is None


def test_a_stuck_camera_stops_the_car_until_its_picture_changes():
    drive = Drive(identical_frames=4)
    stops = [drive.frame(picture=picture).stop for picture in "aaaaaaab"]
    assert [stop is not None for stop in stops] == [False] * 3 + [True] * 4 + [False]


def test_identical_frames_may_be_allowed():
    drive = Drive(identical_frames=0)
    assert all(drive.frame(picture="a").stop is None for _ in range(50))


def test_a_car_that_stands_for_another_reason_may_start_although_it_saw_the_same():
    drive = Drive(identical_frames=4)
    drive.limits.emergency = "stopped by hand"
    for _ in range(10):
        assert drive.frame(picture="a").stop == "stopped by hand"
    drive.limits.reset()
    assert drive.frame(picture="a").stop is None


def test_low_confidence_stops_the_car_if_wanted():
    assert Drive().frame(confidence=0.01).stop is None
    drive = Drive(min_confidence=0.4)
    assert [drive.frame(confidence=value).stop is None for value in (0.39, 0.41, None)] == [False, True, True]


def test_an_emergency_stop_lasts_until_it_is_reset():
    drive = Drive()
    drive.frame()
    drive.limits.emergency = "stopped by hand"
    assert drive.limits.watch(drive.time).command == STAND
    for _ in range(5):
        verdict = drive.frame()
        assert verdict.command == STAND and verdict.stop == "stopped by hand"
    drive.limits.reset()
    assert drive.frame().stop is None and drive.limits.watch(drive.time).stop is None


def test_a_command_that_is_repeated_keeps_to_a_lower_cap():
    drive = Drive(cap=1.0)
    drive.frame(0.5, 0.8)
    drive.limits.cap = 0.3
    assert drive.limits.watch(drive.time).command == Command(0.5, 0.3)


def random_number(random):
    """Numbers as a broken policy may give them: of any size, and none at all."""
    kind = random.integers(6)
    if kind == 0:
        return float(random.choice([math.nan, math.inf, -math.inf, 1e308, -1e308, 5e-324, 0.0]))
    return float(random.normal() * 10.0 ** random.integers(-3, 4) if kind == 1 else random.uniform(-1.2, 1.2))


@pytest.mark.parametrize("seed", range(40))
def test_whatever_comes_the_cap_and_the_slew_limits_hold(seed):
    """500 random events a seed: wild commands, times that jump, caps that change, stops and resets."""
    random = np.random.default_rng(seed)
    settings = LimitSettings(
        steering_rate=float(random.uniform(0.5, 40.0)),
        throttle_rate=float(random.uniform(0.5, 10.0)),
        slow_frames=int(random.integers(1, 5)),
        identical_frames=int(random.choice([0, 3, 10])),
        min_confidence=float(random.choice([0.0, 0.3])),
    )
    limits, now, clock = Limits(settings, float(random.uniform())), 10.0, 500.0
    limits.start(now)
    before, before_time, drove = STAND, now, 0
    for _ in range(500):
        event = random.integers(20)
        if event == 0:
            limits.cap = float(random.choice([0.0, 0.1, 0.5, 1.0, random.uniform()]))
        elif event == 1:
            limits.emergency = "by hand"
        elif event == 2:
            limits.reset()
        elif event == 3:
            clock += float(random.normal() * 10.0 ** random.integers(-2, 4))
        elif event == 4:
            # Even a clock that must not go backwards does so here.
            now += float(random.uniform(-0.5, 1.0))
        step = float(random.exponential(0.05))
        now, clock = now + step, clock + step
        is_watch = random.integers(3) == 0
        if is_watch:
            verdict = limits.watch(now)
        else:
            frame = Frame(
                arrived=now - float(random.exponential(0.02)),
                stamp=None if random.integers(4) == 0 else clock - float(random.exponential(0.05)),
                picture=int(random.integers(4)),
                confidence=None if random.integers(3) == 0 else float(random.uniform()),
            )
            wanted = Command(random_number(random), random_number(random))
            verdict = limits.drive(wanted, frame, now, clock)
        command = verdict.command
        assert abs(command.throttle) <= limits.cap and abs(command.angle) <= 1.0
        if verdict.stop is not None:
            assert command == STAND
        else:
            assert not limits.emergency
            seconds = min(max(now - before_time, 0.0), 0.1)
            assert abs(command.angle - before.angle) <= settings.steering_rate * seconds + 1e-9
            assert abs(command.throttle) <= abs(before.throttle) + settings.throttle_rate * seconds + 1e-9
            drove += command != STAND
        before = command
        if not is_watch or verdict.stop:
            # A command that is only repeated does not start the time of the next step.
            before_time = now
    assert drove > 20
