from __future__ import annotations

import json
import os
import shutil
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from disk_limit import full_disk
from onnx_models import network_bytes
from race_models import drive_of, make_race, write_bundle

from deepracer_sim.errors import DeepRacerError, RaceError
from deepracer_sim.file_replacement import replacing
from deepracer_sim.races.leaderboard import Leaderboard
from deepracer_sim.races.leaderboard_page import publish
from deepracer_sim.races.race import Race, race_names
from deepracer_sim.track_library import load_track


@pytest.fixture
def race(track, tmp_path):
    return make_race(tmp_path / "races", track)


def racers(race):
    return [standing.entry.racer for standing in Leaderboard.of(race).standings]


def page_of(race):
    publish(race)
    return "".join(file.read_text() for file in (race.path / "published").iterdir())


@pytest.mark.parametrize(
    "damage",
    [
        lambda file: file.write_bytes(b""),
        lambda file: file.write_bytes(file.read_bytes()[:-20]),
        lambda file: file.write_bytes(b"\xff\xfe"),
        lambda file: file.write_text("[]"),
        lambda file: file.write_text("[" * 100_000),
        lambda file: file.write_bytes(b" " * 2_000_000),
        lambda file: file.write_text(file.read_text().replace('"racer": "b"', '"racer": "b\\u202e"')),
        lambda file: file.write_text(file.read_text().replace('"time": 6', '"time": -6')),
        lambda file: file.write_text(file.read_text().replace('"number": 2', '"number": 1')),
        lambda file: file.write_text(file.read_text().replace("finished", "<script>")),
        lambda file: file.unlink(),
        lambda file: shutil.rmtree(file.parent),
        lambda file: (shutil.rmtree(file.parent), file.parent.write_text("")),
    ],
)
def test_a_damaged_entry_is_left_out_and_named(race, tmp_path, damage):
    bundle = write_bundle(tmp_path / "model")
    for racer in "abc":
        race.add(bundle, racer, racer, drive_of(6.5, laps=1))
    file = race.path / "entries/00002/entry.json"
    damage(file)
    assert racers(race) == ["a", "c"]
    problems = Leaderboard.of(race).problems
    if file.parent.exists():
        assert len(problems) == 1 and problems[0].startswith("entry 2: ")
        assert str(tmp_path) not in problems[0] and "left_out" in page_of(race)
    race.add(bundle, "d", "d", drive_of(6.0, laps=1))
    assert racers(race) == ["d", "a", "c"]


def test_an_entry_with_more_laps_than_the_race_is_left_out(race, tmp_path):
    race.add(write_bundle(tmp_path / "model"), "a", "a", drive_of(1.0, 1.0))
    assert racers(race) == [] and len(Leaderboard.of(race).problems) == 1


def test_a_full_disk_leaves_the_race_as_it_was(race, tmp_path, track):
    bundle = write_bundle(tmp_path / "model")
    race.add(bundle, "a", "a", drive_of(6.5, laps=1))
    publish(race)
    before = {file: file.read_bytes() for file in race.path.rglob("*") if file.is_file()}
    with full_disk(500):
        with pytest.raises(RaceError, match=r"b is not in the race: .* enter again"):
            race.add(bundle, "b", "b", drive_of(6.0, laps=1))
        with pytest.raises(RaceError, match="free some space"):
            publish(race)
        with pytest.raises(DeepRacerError, match="cannot"):
            make_race(tmp_path / "races", track, "other")
    with full_disk(20), pytest.raises(RaceError, match="cup stays open"):
        race.close()
    assert {file: file.read_bytes() for file in race.path.rglob("*") if file.is_file()} == before
    assert race_names(tmp_path / "races") == ["cup"] == os.listdir(tmp_path / "races")


def test_many_entries_at_once_all_arrive(race, tmp_path):
    bundle = write_bundle(tmp_path / "model")

    def add(index):
        own = Race.open(race.path)
        entry = own.add(bundle, f"racer {index}", "model", drive_of(6.0 + index, laps=1))
        publish(own)
        return entry.number

    with ThreadPoolExecutor(8) as pool:
        numbers = list(pool.map(add, range(24)))
    assert sorted(numbers) == list(range(1, 25))
    shown = json.loads((race.path / "published/leaderboard.json").read_text())
    assert [row["racer"] for row in shown["standings"]] == [f"racer {index}" for index in range(24)]


def killed_after(delay, action):
    """Do something again and again in a process that is killed."""
    child = os.fork()
    if child == 0:
        try:
            for count in range(1_000_000):
                action(count)
        finally:
            os._exit(1)
    time.sleep(delay)
    os.kill(child, 9)
    assert os.waitpid(child, 0)[1] == 9


def test_a_kill_leaves_whole_entries_only(race, tmp_path):
    large = network_bytes(shape=("batch", 240, 320, 1), probabilities=(1.0,))  # takes a while to copy
    bundle = write_bundle(tmp_path / "model", onnx=large)
    seen = 0
    for turn in range(20):
        name = f"turn {turn}"
        killed_after(
            0.01 + 0.0037 * turn, lambda count, name=name: race.add(bundle, name, name, drive_of(6.0, laps=1))
        )
        entries, problems = Race.open(race.path).entries()
        assert problems == [] and len(entries) >= seen
        for entry in entries[seen:]:
            assert (race.bundle_path(entry) / "model.onnx").stat().st_size == len(large)
        seen = len(entries)
    race.add(bundle, "last", "last", drive_of(6.0, laps=1))
    assert seen > 5 and not list((race.path / "entries").glob(".*"))


def test_a_kill_leaves_whole_races_only(tmp_path, track):
    load_track(track)
    folder = tmp_path / "races"
    for turn in range(10):
        killed_after(
            0.02 + 0.0071 * turn, lambda count, turn=turn: make_race(folder, track, f"race{turn}_{count}")
        )
        for name in race_names(folder):
            race = Race.open(folder / name)
            assert race.track_name == "circle" and race.track().num_waypoints > 0
    make_race(folder, track, "last")
    assert len(race_names(folder)) > 5 and not list(folder.glob(".*"))


def test_a_kill_leaves_a_race_open_or_closed(tmp_path):
    race = make_race(tmp_path, "unseen")
    keep = {name: (race.path / name).read_bytes() for name in ("race.json", "secret.json")}

    def close(count):
        for name, content in keep.items():
            with replacing(race.path / name) as temporary:
                temporary.write_bytes(content)
        race.close()

    for turn in range(6):
        killed_after(0.05 + 0.013 * turn, close)
        (race.path / "secret.json").write_bytes(keep["secret.json"])
        found = Race.open(race.path)
        if found.is_open:
            found.close()
        assert found.record.revealed.commitment == found.record.commitment
