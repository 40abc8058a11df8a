"""Where a car was in its race: kept with its entry, and shown again."""

from __future__ import annotations

import json
import math
import stat

import pytest
from race_models import drive_of, enter_circling, make_race, write_bundle

from deepracer_sim.console.races.race_board import replay
from deepracer_sim.errors import RaceError
from deepracer_sim.races.driven_line import LINE, DrivenLine

PENALTY = 2.0


def test_a_car_that_circles_stays_at_1_m_and_begins_at_the_line(track, tmp_path):
    race = make_race(tmp_path / "races", track)
    entry = enter_circling(race, tmp_path, "steady")
    line = DrivenLine.load(race.bundle_path(entry))
    assert line.resets == () and line.step == pytest.approx(1 / 15)
    # It steers as the wheels of a car without slip would; its circle is not quite that of the track.
    radii = [math.hypot(x, y) for x, y in zip(line.x, line.y, strict=True)]
    assert sum(radii) / len(radii) == pytest.approx(1000, abs=50) and 800 < min(radii) < max(radii) < 1200
    assert (line.x[0], line.y[0]) == (1000, 0)
    assert len(line.x) - 1 == math.ceil(entry.drive.times[0] / line.step)


def test_a_replay_says_when_laps_were_driven_without_their_penalties(track, tmp_path):
    race = make_race(tmp_path / "races", track, laps=2, max_resets=40)
    enter_circling(race, tmp_path, "straight", angle=0.0)
    enter_circling(race, tmp_path, "steady")
    content = replay(race)
    steady, straight = content["cars"]
    assert (content["penalty"], steady["racer"], straight["racer"]) == (PENALTY, "steady", "straight")
    for car in (steady, straight):
        first, second = car["laps"]
        assert first["begin"] == 0 and first["end"] == second["begin"]
        for lap in car["laps"]:
            assert lap["end"] - lap["begin"] == pytest.approx(lap["time"] - PENALTY * lap["resets"])
    assert len(straight["resets"]) == sum(lap["resets"] for lap in straight["laps"]) > 5
    # It was put back where it had left the road: each reset is a jump of more than a step's way.
    for row in straight["resets"]:
        before, after = ((straight["x"][at], straight["y"][at]) for at in (row, row + 1))
        assert 150 < math.dist(before, after) < 1000
    assert json.loads(json.dumps(content)) is not None


def test_the_fault_that_ends_a_drive_puts_no_car_back(track, tmp_path):
    race = make_race(tmp_path / "races", track, max_resets=2)
    entry = enter_circling(race, tmp_path, "straight", angle=0.0)
    assert len(DrivenLine.load(race.bundle_path(entry)).resets) == 2


def test_an_entry_without_a_line_and_one_with_a_damaged_line_are_named(track, tmp_path):
    race = make_race(tmp_path / "races", track)
    race.add(write_bundle(tmp_path / "old"), "old", "old", drive_of(6.0, laps=1))
    entry = enter_circling(race, tmp_path, "damaged")
    file = race.bundle_path(entry) / LINE
    file.write_text(file.read_text().replace('"y":[', '"y":[1,'))
    with pytest.raises(RaceError, match="is damaged"):
        DrivenLine.load(file.parent)
    assert replay(race)["cars"] == [] and sorted(replay(race)["missing"]) == ["damaged", "old"]


def test_a_secret_race_shows_no_line_before_its_end(tmp_path):
    race = make_race(tmp_path / "races", "unseen", max_resets=100)
    entry = enter_circling(race, tmp_path, "straight", angle=0.0)
    assert stat.S_IMODE((race.bundle_path(entry) / LINE).stat().st_mode) == 0o600
    with pytest.raises(RaceError, match="secret until the end"):
        replay(race)
    race.close()
    assert len(replay(race)["cars"]) == 1
