"""The same bundle drives the same laps, wherever it comes from."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tarfile
from dataclasses import replace

import pytest
import torch
from deepracer_program import ENVIRONMENT
from race_models import make_race, write_bundle

from deepracer_sim.errors import DeepRacerError, RaceError
from deepracer_sim.garage.model_import import import_model
from deepracer_sim.garage.model_store import ModelStore
from deepracer_sim.races.driving import digest, drive, load_entry
from deepracer_sim.races.entering import enter
from deepracer_sim.races.head_to_head import drive_again

AGAIN = """
import sys
from pathlib import Path
from deepracer_sim.races.driving import drive, judged, load_entry
from deepracer_sim.races.race import Race
for path in sys.argv[1:]:
    race = Race.open(Path(path))
    course = race.course()
    for entry in race.entries()[0]:
        print(judged(drive(load_entry(race.bundle_path(entry)), race.rules, course)).model_dump_json())
"""


def test_two_processes_with_other_threads_drive_the_same_laps(whole, track, tmp_path):
    first = min((whole.path / "checkpoints").glob("iteration_*.pt"))
    races, wanted = [], []
    for randomised in (False, True):
        race = make_race(tmp_path, track, f"cup{randomised}", max_resets=3, randomised=randomised, seed=3)
        races.append(race.path)
        wanted += [enter(race, str(model)).drive for model in (whole.path, first)]
    # Half trained, they leave the road: what is put back, and where, must be the same, too.
    assert sum(drive.resets for drive in wanted) > 3 and len(set(wanted)) > 2
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", AGAIN, *races],
            env={**ENVIRONMENT, "OMP_NUM_THREADS": threads},
            stdout=subprocess.PIPE,
            text=True,
        )
        for threads in ("1", "3")
    ]
    for process in processes:
        assert process.communicate()[0].splitlines() == [drive.model_dump_json() for drive in wanted]


def test_one_thread_drives_and_the_others_come_back(track, tmp_path):
    race = make_race(tmp_path, track)
    model = load_entry(write_bundle(tmp_path / "model"))
    seen = set()

    def spy(images):
        seen.add(torch.get_num_threads())
        return model.policy(images)

    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        drive(replace(model, policy=spy), race.rules, race.course())
        assert seen == {1} and torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)


def test_the_seed_draws_other_cars(whole, track, tmp_path):
    drives = {
        seed: enter(make_race(tmp_path, track, f"cup{seed}", randomised=True, seed=seed), str(whole.path))
        for seed in (3, 4)
    }
    assert drives[3].drive != drives[4].drive and drives[3].sha256 == drives[4].sha256


def test_a_changed_model_or_result_is_not_driven_again_silently(track, tmp_path):
    race = make_race(tmp_path, track)
    entry = enter(race, str(write_bundle(tmp_path / "model")))
    faster = entry.drive.replaced(laps=(entry.drive.laps[0].replaced(time=1.0),))
    with pytest.raises(RaceError, match="drives other laps than when it entered"):
        drive_again(race, entry.replaced(drive=faster), race.course())
    write_bundle(race.bundle_path(entry), speed=1.5)
    with pytest.raises(RaceError, match="its model is not the one that was driven"):
        drive_again(race, entry, race.course())


def test_every_form_of_a_model_is_the_same_entry(whole, track, tmp_path):
    store = tmp_path / "store"
    import_model(ModelStore(store), whole.path, "garaged")
    (tmp_path / "elsewhere").mkdir()
    with tarfile.open(tmp_path / "packed.tar.gz", "w:gz") as tar:
        tar.add(whole.path / "model", "deepracer_car/model")
    race = make_race(tmp_path, track)
    forms = {
        str(whole.path): "run",
        str(whole.path / "model"): "run",
        str(whole.path / "checkpoints/best.pt"): "run",
        str(tmp_path / "packed.tar.gz"): "packed",
        "garaged": "garaged",
    }
    entries = {form: enter(race, form, store=store) for form in forms}
    assert {form: entry.racer for form, entry in entries.items()} == forms
    assert len({entry.sha256 for entry in entries.values()}) == 1
    assert len({entry.drive for entry in entries.values()}) == 1
    assert entries["garaged"].sha256 == digest(whole.path / "model")


def test_a_model_that_the_store_hands_out_can_be_entered(whole, track, tmp_path):
    from deepracer_sim.garage.model_archive import download

    store = ModelStore(tmp_path / "store")
    model = import_model(store, whole.path, "garaged")
    download(model, tmp_path / "garaged.tar.gz")
    race = make_race(tmp_path, track)
    entry = enter(race, str(tmp_path / "garaged.tar.gz"))
    assert entry.racer == "garaged" and entry.sha256 == digest(whole.path / "model")
    bundle = write_bundle(tmp_path / "bundle")
    import_model(store, bundle, "imported", track=[str(track)])
    assert enter(race, "imported", store=store.path).drive == enter(race, str(bundle)).drive


def test_the_model_at_the_top_of_an_archive_is_meant(track, tmp_path):
    race = make_race(tmp_path, track)
    with tarfile.open(tmp_path / "a.tar.gz", "w:gz") as tar:
        for name, speed in (("a/b", 0.9), ("z", 1.0), ("z/b", 1.1)):
            tar.add(write_bundle(tmp_path / str(speed), speed=speed), name)
    assert enter(race, str(tmp_path / "a.tar.gz")).sha256 == digest(tmp_path / "1.0")


def archive_of(tmp_path, *names):
    bundle = write_bundle(tmp_path / "bundle")
    with tarfile.open(tmp_path / "a.tar.gz", "w:gz") as tar:
        for name in names:
            source = bundle / name.rpartition("/")[2]
            tar.add(source if source.exists() else bundle / "model.onnx", name)
    return str(tmp_path / "a.tar.gz")


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["model_metadata.json"], r"has no model\.onnx in it"),
        (["a/model.pb"], "has only a TensorFlow network in it"),
        (["a/model.onnx", "b/model.onnx"], "has several models in it"),
        (["a/model.onnx"], r"model_metadata\.json: cannot be copied"),
        (["../model.onnx", "../model_metadata.json"], "leads out of the folder"),
    ],
)
def test_an_archive_without_one_model_is_refused(track, tmp_path, names, words):
    race = make_race(tmp_path, track)
    with pytest.raises(DeepRacerError, match=words):
        enter(race, archive_of(tmp_path, *names))
    assert race.entries() == ([], [])


def test_a_damaged_archive_is_refused(track, tmp_path):
    race = make_race(tmp_path, track)
    file = tmp_path / "a.tar.gz"
    archive_of(tmp_path, "model.onnx", "model_metadata.json")
    for content in (file.read_bytes()[:200], b"\x1f\x8b no archive", b"text"):
        file.write_bytes(content)
        with pytest.raises(DeepRacerError, match=r"a\.tar\.gz"):
            enter(race, str(file))


def test_only_the_bundle_counts_not_what_lies_beside_it(whole, track, tmp_path):
    """Settings in a run's config.json, such as a camera mounted higher, are no part of an entry."""
    race = make_race(tmp_path, track)
    alone = enter(race, str(whole.path / "model"))
    shutil.copytree(whole.path, tmp_path / "run")
    config = json.loads((tmp_path / "run/config.json").read_text())
    config["camera"]["height_above_ground"] = 0.2
    (tmp_path / "run/config.json").write_text(json.dumps(config))
    # A run's own checkpoint is exported; its model folder is taken as it is.
    assert enter(race, str(tmp_path / "run/model")).drive == alone.drive
