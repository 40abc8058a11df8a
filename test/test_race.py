from __future__ import annotations

import json
import math
import shutil
import stat

import pytest
from race_models import drive_of, enter_circling, make_race, write_bundle

from deepracer_sim.errors import DeepRacerError, RaceError
from deepracer_sim.races.leaderboard import Leaderboard
from deepracer_sim.races.leaderboard_page import publish
from deepracer_sim.races.race import Race
from deepracer_sim.track_library import load_track


@pytest.fixture
def race(track, tmp_path):
    return make_race(tmp_path / "races", track)


def racers(race):
    return [standing.entry.racer for standing in Leaderboard.of(race).standings]


def test_a_car_that_circles_at_1_m_per_s_takes_2_pi_seconds(race, tmp_path):
    entry = enter_circling(race, tmp_path, "steady")
    # It speeds up from rest at 5.7 m/s^2, which costs a tenth of a second.
    assert entry.drive.times == [pytest.approx(2 * math.pi, abs=0.15)]
    assert entry.drive.is_finished and entry.drive.resets == 0
    assert (entry.number, entry.racer, entry.model) == (1, "steady", "steady")
    kept = race.bundle_path(entry)
    assert sorted(file.name for file in kept.iterdir()) == [
        "driven_line.json",
        "entry.json",
        "model.onnx",
        "model_metadata.json",
    ]
    assert Race.open(race.path).entries() == ([entry], [])


def test_a_car_that_leaves_the_road_is_put_back_and_pays(track, tmp_path):
    times = []
    for penalty in (0, 3):
        race = make_race(tmp_path / "races", track, f"cup{penalty}", off_track_penalty=penalty)
        drive = enter_circling(race, tmp_path, "straight", angle=0.0).drive
        assert drive.is_finished and drive.resets == drive.laps[0].resets > 3
        times.append(drive.times[0])
    assert times[1] - times[0] == pytest.approx(3 * drive.resets)


@pytest.mark.parametrize("most", [0, 2])
def test_one_fault_more_than_allowed_ends_the_drive(track, tmp_path, most):
    race = make_race(tmp_path / "races", track, max_resets=most, rule="total")
    drive = enter_circling(race, tmp_path, "straight", angle=0.0).drive
    assert (drive.ending, drive.resets, drive.times) == ("off_track", most, [])
    assert 0 < drive.distance < 1
    [standing] = Leaderboard.of(race).standings
    assert standing.result is None and standing.place is None


def test_entering_again_keeps_all_and_counts_the_best(race, tmp_path):
    for speed in (1.0, 1.4, 0.8):
        enter_circling(race, tmp_path / str(speed), "same", speed)
    enter_circling(race, tmp_path, "other", 1.2)
    first, second = Leaderboard.of(race).standings
    assert (first.entry.racer, first.entry.number, first.entries) == ("same", 2, 3)
    assert (second.entry.racer, second.place, second.entries) == ("other", 2, 1)
    assert second.gap == pytest.approx(second.result - first.result) and second.gap > 0.3
    assert len(race.entries()[0]) == 4


def test_a_closed_race_refuses_entries(race, tmp_path):
    late = Race.open(race.path)  # by another program, which does not know yet
    race.close()
    for stale in (race, late):
        with pytest.raises(RaceError, match="is closed since 2"):
            enter_circling(stale, tmp_path, "late")
    with pytest.raises(RaceError, match="is closed since 2"):
        Race.open(race.path).close()


def test_a_race_that_is_closed_during_a_drive_does_not_take_the_entry(race, tmp_path):
    bundle = write_bundle(tmp_path / "model")
    Race.open(race.path).close()
    with pytest.raises(RaceError, match="is closed"):
        race.add(bundle, "late", "late", drive_of(6.0, laps=1))
    assert race.entries() == ([], [])


# The unseen track


@pytest.fixture
def unseen(tmp_path):
    return make_race(tmp_path / "races", "unseen")


def published(race):
    publish(race)
    return "".join(file.read_text() for file in (race.path / "published").iterdir())


def test_nothing_that_is_handed_out_tells_the_unseen_track(unseen, tmp_path, deepracer):
    bundle = write_bundle(tmp_path / "model", angle=0.0)
    code, printed, errors = deepracer(
        "race", "enter", "cup", bundle, "--racer", "<b>", "--races", tmp_path / "races"
    )
    assert (code, errors) == (0, "")
    secret = json.loads((unseen.path / "secret.json").read_text())
    shown = published(unseen) + printed + (unseen.path / "race.json").read_text()
    shown += "".join(file.read_text() for file in unseen.path.glob("entries/*/*.json"))
    seed = secret["track"].removeprefix("random:")
    length = f"{float(load_track(secret['track']).length):.2f}"
    for word in (seed, secret["nonce"], "generated_", "random:", "<svg", length):
        assert word not in shown
    assert unseen.record.commitment in shown
    for name in ("secret.json", "track.npy"):
        assert stat.S_IMODE((unseen.path / name).stat().st_mode) == 0o600


def test_closing_reveals_the_track_that_was_committed_to(unseen):
    secret = json.loads((unseen.path / "secret.json").read_text())
    promised = unseen.record.commitment
    unseen.close()
    race = Race.open(unseen.path)
    assert race.record.revealed.model_dump() == secret and race.record.revealed.commitment == promised
    assert race.track_name == secret["track"]
    assert float((race.track().center - load_track(secret["track"]).center).abs().max()) < 1e-5
    assert not (unseen.path / "secret.json").exists()
    assert secret["nonce"] in published(race) and "<svg" in published(race)


def test_another_secret_or_track_is_not_revealed(unseen, track):
    kept = (unseen.path / "secret.json").read_bytes()
    (unseen.path / "secret.json").write_text(json.dumps({"track": "random:1", "nonce": "0" * 64}))
    with pytest.raises(RaceError, match="is not what cup has committed to"):
        unseen.close()
    (unseen.path / "secret.json").unlink()
    with pytest.raises(RaceError, match=r"secret\.json cannot be read: No such file"):
        unseen.close()
    (unseen.path / "secret.json").write_bytes(kept)
    shutil.copyfile(track, unseen.path / "track.npy")
    with pytest.raises(RaceError, match=r"track\.npy is not the track random:\d+ that"):
        unseen.close()
    assert Race.open(unseen.path).is_open


# Names and folders


@pytest.mark.parametrize("name", ["a/b", "..", ".hidden", "", "ü", "a" * 65, "a b", "-x", "a.b", "con"])
def test_race_names_that_lead_elsewhere_are_refused(track, tmp_path, name):
    with pytest.raises(RaceError, match="name="):
        make_race(tmp_path / "races", track, season=name)
    if name not in ("a/b", ""):  # these two are other paths
        with pytest.raises(RaceError, match="name="):
            make_race(tmp_path / "races", track, name)
        with pytest.raises(RaceError, match="name="):
            Race.open(tmp_path / "races" / name)
    assert not (tmp_path / "races").exists()


def test_a_race_is_not_made_twice(race, track, tmp_path):
    with pytest.raises(RaceError, match="there is a race cup in "):
        make_race(tmp_path / "races", track)
    with pytest.raises(RaceError, match=r"no race cap in .*: there is cup"):
        Race.open(tmp_path / "races" / "cap")


def test_a_race_keeps_its_track(track, tmp_path):
    own = tmp_path / "mine.npy"
    shutil.copyfile(track, own)
    race = make_race(tmp_path / "races", own)
    own.unlink()
    assert race.track_name == "mine" and race.track().name == "mine"
    enter_circling(race, tmp_path, "steady")
    assert str(tmp_path) not in published(race)


def test_a_missing_or_damaged_track_is_named(race, tmp_path):
    enter_circling(race, tmp_path, "steady")
    (race.path / "track.npy").write_bytes(b"no track")
    with pytest.raises(RaceError, match=r"track\.npy cannot be used: .* put back the file"):
        enter_circling(race, tmp_path, "second")
    (race.path / "track.npy").unlink()
    with pytest.raises(RaceError, match=r"track\.npy is missing: put back the file"):
        enter_circling(race, tmp_path, "second")
    assert "track.npy is missing" in published(race) and racers(race) == ["steady"]


def test_an_unknown_track_makes_no_race(tmp_path):
    with pytest.raises(DeepRacerError, match="no track 'nowhere'"):
        make_race(tmp_path / "races", "nowhere")
    assert not (tmp_path / "races").exists()
