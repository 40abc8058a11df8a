"""The speeds of a car that rolls, measured by a racer who makes mistakes."""

from __future__ import annotations

import pytest
from calibrated_car import Racer, RollingCar, speed_at

from deepracer_inference.speed_series import (
    LONGEST_DRIVE,
    Leg,
    SpeedSeries,
    read_number,
    second_drive,
    steady_speed,
)
from deepracer_inference.throttle import CalibrationError, ThrottleTable

THROTTLES = (0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5)


class Measurement:
    """A series of a racer with a car; `drives` are the throttles and seconds that were driven."""

    def __init__(self, *answers, course=3.0, drive=None, save=None):
        self.car, self.drives, self.saved = RollingCar(), [], []
        self.racer = Racer(lambda: self.car.metres, *answers)
        self._other_drive = drive
        self.series = SpeedSeries(self.racer, self.drive, save or self.saved.append, course)

    def drive(self, throttle, seconds):
        self.drives.append((throttle, seconds))
        if self._other_drive and (result := self._other_drive(len(self.drives))):
            return result
        return self.car.drive(throttle, seconds)

    def run(self, throttles=THROTTLES):
        self.series.run(throttles)
        return self


def test_the_difference_of_two_drives_is_the_steady_speed():
    """0.3 m are lost while it speeds up, or won while it rolls out: 1.2 m/s either way."""
    for constant in (-0.3, 0.3):
        assert steady_speed(Leg(1.0, 1.2 + constant), Leg(2.5, 3.0 + constant)) == 1.2


@pytest.mark.parametrize(
    ("long", "words"),
    [
        (Leg(2.0, 1.0), "1 m in 2.00 s: must be more than the 1 m in 1.00 s"),
        (
            Leg(2.0, 4.1),
            "3.10 m/s steadily, 1.00 m/s in the first drive: must not differ by more than 3 times",
        ),
        (Leg(2.0, 1.3), "0.30 m/s steadily"),
    ],
)
def test_distances_that_do_not_go_together_are_refused(long, words):
    with pytest.raises(ValueError, match=words):
        steady_speed(Leg(1.0, 1.0), long)


def test_the_second_drive_fits_in_the_course():
    """1 m in the first second: at 1.5 m/s at most, the other 2 m last 4/3 s."""
    assert second_drive(Leg(1.0, 1.0), 3.0) == pytest.approx(1.0 + 4 / 3)
    assert second_drive(Leg(1.0, 0.01), 3.0) == LONGEST_DRIVE


@pytest.mark.parametrize(("text", "value"), [("1.25", 1.25), (" 1,25", 1.25), ("3", 3.0), ("0", 0.0)])
def test_a_number_may_have_a_comma(text, value):
    assert read_number(text, 0.0, 3.0) == value


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "must be a number"),
        ("far", "'far': must be a number, such as 1.25"),
        ("nan", "nan: must be 0 to 3"),
        ("inf", "must be 0 to 3"),
        ("-1", "-1: must be 0 to 3"),
        ("125", "125: must be 0 to 3"),
        ("1 2", "must be a number"),
    ],
)
def test_what_is_no_distance_is_refused(text, words):
    with pytest.raises(ValueError, match=words):
        read_number(text, 0.0, 3.0)


@pytest.mark.parametrize("course", [2.0, 3.0, 6.0])
def test_the_cars_speeds_come_out(course):
    done = Measurement(course=course).run()
    table = done.series.table()
    # It stands at 0.15, and a short course ends before the last throttle.
    assert table.throttles[0] == 0.2 and len(table.throttles) >= 3
    for throttle, speed in zip(table.throttles, table.speeds, strict=True):
        assert speed == pytest.approx(speed_at(throttle), rel=0.05, abs=0.01)
    assert "0.15 the car stands: left out" in done.racer.text
    assert done.saved[-1] == table and len(done.saved) == len(table.speeds)


@pytest.mark.parametrize("course", [1.5, 2.0, 3.0, 6.0])
def test_no_drive_is_longer_than_the_course_or_the_limit(course):
    measurement, farthest = Measurement(course=course), []
    for throttle, seconds in measurement.run().drives:
        car = RollingCar()
        car.drive(throttle, seconds)
        farthest.append(car.metres)
        assert seconds <= LONGEST_DRIVE
    assert 0.6 * course < max(farthest) <= course
    assert course > 4 or "a longer course would go on" in measurement.racer.text


def test_a_course_that_even_the_first_drive_might_leave_ends_the_series():
    """0.8 m at 0.3 after 0 m at 0.2: at 0.5 more by 1.5 times 1.6 m."""
    done = Measurement(("Metres from", "0"), ("Metres from", "0.8"), ("Metres from", "1.6")).run(
        [0.2, 0.3, 0.5]
    )
    assert "The first drive could be 3.2 m, the course is 3 m" in done.racer.text
    assert [throttle for throttle, _ in done.drives] == [0.2, 0.3, 0.3]


def test_a_throttle_may_be_skipped_at_any_question():
    before = Measurement(("throttle 0.2", "s")).run([0.2, 0.25])
    assert before.drives[0][0] == 0.25 and before.series.table().throttles == (0.25,)
    after = Measurement(("Metres", "s")).run([0.2, 0.25])
    assert [throttle for throttle, _ in after.drives] == [0.2, 0.25, 0.25]
    assert after.series.table().throttles == (0.25,)


def test_the_racer_may_end_it_and_keeps_what_is_measured():
    done = Measurement(("throttle 0.3", "Q")).run()
    assert done.series.table().throttles == (0.2, 0.25) == done.saved[-1].throttles


def test_nothing_measured_is_no_table():
    done = Measurement(("Enter", "q")).run()
    with pytest.raises(CalibrationError, match="no throttle is measured"):
        done.series.table()
    assert done.saved == []


def test_only_enter_drives():
    """A distance typed at the wrong question does not start the car."""
    done = Measurement(("Enter", "1.2"), ("Enter", "yes"), ("Enter", "q")).run([0.2])
    assert done.drives == [] and "Only Enter drives" in done.racer.text


def test_a_drive_that_was_stopped_does_not_count():
    done = Measurement(drive=lambda number: (0.4, "a key was pressed") if number == 1 else None).run([0.2])
    assert "Stopped after 0.40 s, which does not count: a key was pressed" in done.racer.text
    assert done.drives[:2] == [(0.2, 1.0)] * 2
    assert done.series.points[0].speed == pytest.approx(speed_at(0.2), rel=0.05)


def test_the_seconds_that_it_really_drove_count():

    def late(number):
        throttle, seconds = measurement.drives[-1]
        return measurement.car.drive(throttle, seconds + 0.1 * number)

    measurement = Measurement(drive=late)
    measurement.run([0.3])
    assert measurement.series.points[0].speed == pytest.approx(speed_at(0.3), rel=0.02)


@pytest.mark.parametrize("wrong", ["", "far", "-1", "nan", "125", "6.1"])
def test_a_wrong_entry_is_asked_for_again(wrong):
    done = Measurement(("Metres", wrong)).run([0.2])
    assert len(done.drives) == 2 and "must be" in done.racer.text
    assert done.series.points[0].speed == pytest.approx(speed_at(0.2), rel=0.05)


def test_a_drive_may_be_repeated():
    done = Measurement(("Metres", "r")).run([0.2])
    assert [seconds for _, seconds in done.drives[:2]] == [1.0, 1.0] and len(done.drives) == 3


def test_a_slip_in_the_first_drive_never_lengthens_the_second():
    """Less than at a lower throttle: it is driven again before anything is planned by it."""
    done = Measurement(("throttle 0.35", ""), ("Metres", "0.13")).run([0.3, 0.35])
    assert "0.13 m: must be at least the 0.93 m at a lower throttle" in done.racer.text
    assert [seconds for throttle, seconds in done.drives if throttle == 0.35][:2] == [1.0, 1.0]
    assert len(done.series.points) == 2


def test_a_slip_in_the_throttle_before_can_be_thrown_away():
    """At 0.25 it drives 0.65 m in the first second, not 1.2 m."""
    done = Measurement(("Metres", "1.2"), ("Metres", "2.4"), ("throw", "p")).run([0.25, 0.3])
    assert "0.93 m: must be at least the 1.2 m at a lower throttle" in done.racer.text
    assert done.series.table().throttles == (0.3,) and len(done.drives) == 4


def test_what_was_typed_at_a_throttle_that_is_skipped_is_forgotten():
    done = Measurement(("Metres", "1.6"), ("Enter", "s")).run([0.25, 0.3])
    assert "must be" not in done.racer.text and done.series.table().throttles == (0.3,)


def test_a_slip_in_the_second_drive_is_noticed():
    done = Measurement(("throttle 0.3", ""), ("Metres", "0.80"), ("Metres", "0.08")).run([0.3])
    assert "0.08 m in" in done.racer.text and "Both drives again" in done.racer.text
    assert len(done.drives) == 4
    assert done.series.points[0].speed == pytest.approx(speed_at(0.3), rel=0.05)


def slower(answer):
    """0.2 measured as 0.35 m/s, 0.25 as 0.3: which one is wrong?"""
    return Measurement(
        ("Metres", "0.28"), ("Metres", "1.33"), ("Metres", "0.55"), ("Metres", "1.15"), ("throw", answer)
    ).run([0.2, 0.25])


def test_a_throttle_that_is_not_faster_is_measured_again():
    done = slower("")
    assert "must be more than the 0.35 m/s at 0.2" in done.racer.text
    assert done.series.table().throttles == (0.2, 0.25) and len(done.drives) == 6


def test_or_the_one_before_is_thrown_away():
    done = slower("p")
    assert done.series.table().throttles == (0.25,) and len(done.drives) == 4


def test_or_it_is_left_out():
    assert slower("s").series.table().throttles == (0.2,)


def test_a_file_that_cannot_be_written_does_not_end_the_series():
    tables = []

    def save(table):
        tables.append(table)
        if len(tables) == 1:
            raise CalibrationError("disk full")

    done = Measurement(save=save).run([0.2, 0.25])
    assert "disk full. It is tried again" in done.racer.text
    assert tables[-1] == done.series.table() and len(tables[-1].speeds) == 2


def test_the_table_is_what_the_inference_node_reads(tmp_path):
    path = tmp_path / "throttle.yaml"
    done = Measurement(save=lambda table: table.save(path)).run()
    assert ThrottleTable.load(path) == done.series.table()
