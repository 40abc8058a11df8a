"""Models as archives: those that a racer keeps, and those that somebody made to do harm."""

from __future__ import annotations

import gzip
import io
import tarfile

import pytest
from disk_limit import full_disk
from small_models import contents, definition, leftovers
from small_runs import circle_track, small_settings

from deepracer_inference.model_bundle import ModelBundle
from deepracer_sim.errors import ModelError
from deepracer_sim.garage import model_archive
from deepracer_sim.garage.definition import ModelDefinition
from deepracer_sim.garage.definition_file import read_definition
from deepracer_sim.garage.model_archive import download, is_archive, unpack
from deepracer_sim.garage.model_import import import_model
from deepracer_sim.garage.model_lock import held
from deepracer_sim.garage.model_store import ModelStore
from deepracer_sim.garage.model_training import train
from deepracer_sim.garage.stored_model import Status
from deepracer_sim.run_folder import RunFolder

MIB = 1 << 20


@pytest.fixture
def store(tmp_path):
    return ModelStore(tmp_path / "store")


def tar(path, *members, mode="w:gz"):
    """An archive of (name, content) pairs, or of TarInfos."""
    with tarfile.open(path, mode) as archive:
        for member in members:
            if isinstance(member, tuple):
                info = tarfile.TarInfo(member[0])
                info.size = len(member[1])
                archive.addfile(info, io.BytesIO(member[1]))
            else:
                archive.addfile(member)
    return path


def special(name, kind, link=""):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    return info


def test_a_trained_model_goes_to_another_store_whole(track, tmp_path, store, fast):
    """All that it is made of arrives, and it goes on training there, with the first store gone."""
    source = b"def reward_function(params):\n\treturn params['speed']\n"
    (tmp_path / "reward.py").write_bytes(source)
    settings = small_settings(circle_track(tmp_path), 2, reward=tmp_path / "reward.py")
    model = store.create("fast", ModelDefinition.packed(settings, "mine"))
    train(model)
    store.choose("fast", 1)
    archive = tmp_path / "fast.tar.gz"
    assert download(store.open("fast"), archive) == []

    unpack(archive, tmp_path / "unpacked")
    folder = tmp_path / "unpacked/fast"
    assert read_definition(folder / "settings.yaml") == ("fast", model.definition)
    assert len(ModelBundle.load(folder / "model").action_space) == 10
    assert len(list(folder.rglob("model.onnx"))) == 1
    for name in ("metrics.csv", "training-simtrace/0-iteration.csv", "metrics/TrainingMetrics.json"):
        assert (folder / "runs/1" / name).exists()

    before, defined = contents(model.path), model.definition
    (tmp_path / "store").rename(tmp_path / "gone")
    other = ModelStore(tmp_path / "other")
    arrived = import_model(other, archive)
    assert (arrived.name, arrived.status, arrived.definition) == ("fast", Status.READY, defined)
    assert RunFolder.open(arrived.policy_path()).load_best().iteration == 1
    same = {name for name, content in contents(arrived.path).items() if before.get(name) == content}
    missing = {name.split("/")[2] for name in set(before) - same if "/" in name}
    assert missing <= {"config.json", "checkpoints", "weights", "model"}  # they have the new paths
    assert train(arrived, settings.stop.replaced(iterations=3)).iterations()[-1] == 3
    assert leftovers(other) == []


def test_a_model_that_never_trained_has_no_policy(store, tmp_path):
    model = store.create("fast", definition())
    assert download(model, tmp_path / "a.tar.gz") == ["fast was not trained yet: the archive has no model/"]
    with tarfile.open(tmp_path / "a.tar.gz") as archive:
        assert archive.getnames() == ["fast/settings.yaml", "fast/model.json", "fast/reward_function.py"]
    assert import_model(store, tmp_path / "a.tar.gz", "copy").definition == model.definition


def test_what_programs_have_left_half_written_stays_here(store, tmp_path):
    model = store.create("fast", definition())
    (model.path / ".model.1.tmp.json").write_text("")
    download(model, tmp_path / "a.tar.gz")
    with tarfile.open(tmp_path / "a.tar.gz") as archive:
        assert not [name for name in archive.getnames() if ".tmp" in name]


def test_an_archive_that_cannot_be_written_leaves_the_older_one(store, tmp_path):
    model = store.create("fast", definition())
    path = tmp_path / "a.tar.gz"
    path.write_text("older")
    (model.path / "noise").write_bytes(bytes(range(256)) * 100)
    with full_disk(200), pytest.raises(ModelError, match=r"cannot write .*a\.tar\.gz: File too large"):
        download(model, path)
    assert path.read_text() == "older"
    assert {file.name for file in tmp_path.iterdir()} == {"store", path.name}
    with pytest.raises(ModelError, match=r"cannot write .*: No such file or directory; free some space or"):
        download(model, tmp_path / "nowhere/a.tar.gz")


def test_a_model_in_training_is_not_downloaded(store, tmp_path):
    model = store.create("fast", definition())
    with held(model.path), pytest.raises(ModelError, match="fast is in use by another program"):
        download(model, tmp_path / "a.tar.gz")
    with held(model.path, shared=True):
        download(model, tmp_path / "a.tar.gz")


@pytest.mark.parametrize("mode", ["w:gz", "w"])
def test_plain_files_and_folders_are_unpacked(tmp_path, mode):
    """Sizes around a block of 512 bytes, folders named or not, names up to 200 characters."""
    files = {f"a/{size}": bytes([size % 256]) * size for size in (0, 1, 511, 512, 513, 3 * MIB)}
    files["./b/c/d.json"] = b"{}"
    files["x" * 200] = b"1"
    path = tar(tmp_path / "a.tar.gz", special("e", tarfile.DIRTYPE), *files.items(), mode=mode)
    (tmp_path / "out").mkdir()
    unpack(path, tmp_path / "out")
    assert is_archive(path)
    assert {name: (tmp_path / "out" / name).read_bytes() for name in files} == files
    assert (tmp_path / "out/e").is_dir()


BAD = {
    "parent": (("../evil", b""), "leads out of the folder"),
    "inner parent": (("a/../../evil", b""), "leads out of the folder"),
    "absolute": (("/tmp/evil", b""), "leads out of the folder"),
    "windows": (("..\\evil", b""), "leads out of the folder"),
    "symlink": (special("a", tarfile.SYMTYPE, "/etc/passwd"), "is a link, a device or the like"),
    "hard link": (special("a", tarfile.LNKTYPE, "/etc/passwd"), "is a link, a device or the like"),
    "fifo": (special("a", tarfile.FIFOTYPE), "is a link, a device or the like"),
    "character device": (special("a", tarfile.CHRTYPE), "is a link, a device or the like"),
    "block device": (special("a", tarfile.BLKTYPE), "is a link, a device or the like"),
    "parent folder": (special("../evil", tarfile.DIRTYPE), "leads out of the folder"),
    "long": (("x" * 201, b""), "must have at most 200 characters"),
    "control": (("a\x1b[31m", b""), "no control characters"),
    "newline": (("a\nb", b""), "no control characters"),
    "not text": (("a\udcff", b""), "no control characters"),
    "root": (("", b""), "damaged, or no .tar.gz"),
    "itself": ((".", b""), "damaged, or no .tar.gz"),
}


@pytest.mark.parametrize("kind", BAD)
def test_what_would_do_harm_is_refused(tmp_path, store, kind):
    """Also as an import, which leaves the store as it was and nothing beside it."""
    member, message = BAD[kind]
    path = tar(tmp_path / "a.tar.gz", ("good/model.json", b"{}"), member)
    (tmp_path / "out").mkdir()
    store.create("fast", definition())
    before = contents(tmp_path)
    with pytest.raises(ModelError, match=message) as error:
        import_model(store, path)
    assert not [text for text in ("\x1b", ".new-") if text in str(error.value)]
    assert contents(tmp_path) == before
    assert leftovers(store) == []
    with pytest.raises(ModelError, match=message):
        unpack(path, tmp_path / "out")
    assert {path.name for path in tmp_path.iterdir()} == {"a.tar.gz", "out", "store"}


def test_what_is_wrong_with_a_model_is_said_of_the_archive(store, tmp_path):
    path = tar(tmp_path / "a.tar.gz", ("good/model.json", b"{}"))
    with pytest.raises(ModelError, match=r"a\.tar\.gz/good/model\.json cannot be used: created: missing"):
        import_model(store, path)


def test_a_name_twice_or_a_file_as_folder_is_refused(tmp_path):
    for number, names in enumerate((("a", "a"), ("a", "a/b"), ("a/b", "a"))):
        path = tar(tmp_path / f"{number}.tar.gz", *((name, b"1") for name in names))
        (tmp_path / str(number)).mkdir()
        with pytest.raises(ModelError, match=r"damaged, or no \.tar\.gz"):
            unpack(path, tmp_path / str(number))


def test_a_sparse_file_is_refused(tmp_path):
    """Its header promises a terabyte of holes."""
    info = tarfile.TarInfo("hole")
    info.type, info.size = tarfile.GNUTYPE_SPARSE, 512
    header = bytearray(info.tobuf(tarfile.GNU_FORMAT))
    header[483:495] = b"%011o\0" % (1 << 32)
    header[148:156] = b"        "
    header[148:156] = b"%06o\0 " % sum(header)
    (tmp_path / "a.tar").write_bytes(bytes(header) + bytes(512) + bytes(1024))
    with pytest.raises(ModelError, match=r"is a link, a device or the like|damaged"):
        unpack(tmp_path / "a.tar", tmp_path)


def bomb(path, size):
    """A file of zeros."""
    with gzip.open(path, "wb", compresslevel=9) as stream:
        info = tarfile.TarInfo("zeros")
        info.size = size
        stream.write(info.tobuf())
        for _ in range(size // MIB):
            stream.write(bytes(MIB))
        stream.write(bytes(1024))
    return path


def test_what_unpacks_to_far_more_than_it_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(model_archive, "FIRST_BYTES", 4 * MIB)
    path = bomb(tmp_path / "a.tar.gz", 20 * MIB)
    (tmp_path / "out").mkdir()
    with pytest.raises(ModelError, match=r"a\.tar\.gz: unpacks to more than 4194304 bytes: no model"):
        unpack(path, tmp_path / "out")
    assert (tmp_path / "out/zeros").stat().st_size <= 4 * MIB
    monkeypatch.setattr(model_archive, "FIRST_BYTES", 32 * MIB)
    unpack(path, tmp_path)  # within the limits all is well


def test_no_archive_unpacks_to_more_than_a_limit(tmp_path, monkeypatch):
    monkeypatch.setattr(model_archive, "MOST_BYTES", 2 * MIB)
    path = tar(tmp_path / "a.tar", ("a", bytes(3 * MIB)), mode="w")
    with pytest.raises(ModelError, match="unpacks to more than 2097152 bytes"):
        unpack(path, tmp_path)


def test_too_many_files_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(model_archive, "MOST_FILES", 10)
    path = tar(tmp_path / "a.tar.gz", *((f"d/{number}", b"") for number in range(11)))
    (tmp_path / "out").mkdir()
    with pytest.raises(ModelError, match="more than 10 files: no model"):
        unpack(path, tmp_path / "out")


def test_a_header_that_fills_the_memory_is_refused(tmp_path):
    """An extended header of 2 MiB in an archive of 2 kB."""
    info = tarfile.TarInfo("a")
    info.pax_headers = {"comment": "x" * (2 * MIB)}
    with tarfile.open(tmp_path / "a.tar.gz", "w:gz", format=tarfile.PAX_FORMAT) as archive:
        archive.addfile(info)
    with pytest.raises(ModelError, match=r"damaged, or no \.tar\.gz: a part asks for"):
        unpack(tmp_path / "a.tar.gz", tmp_path)


def test_headers_without_end_are_refused(tmp_path):
    info = tarfile.TarInfo("a")
    info.type, info.size = tarfile.XHDTYPE, 0
    (tmp_path / "a.tar").write_bytes(info.tobuf() * 5000 + bytes(1024))
    with pytest.raises(ModelError, match=r"damaged, or no \.tar\.gz"):
        unpack(tmp_path / "a.tar", tmp_path)


def test_damage_anywhere_is_noticed(tmp_path):
    """Each byte of a small archive is lost with all behind it, or turned over; never another error."""
    path = tar(tmp_path / "a.tar.gz", ("a", b"1234" * 100), ("b", b"5"))
    whole = path.read_bytes()
    wanted = {"a": b"1234" * 100, "b": b"5"}
    refused = 0
    for place in range(0, len(whole), 3):
        turned = whole[:place] + bytes([whole[place] ^ 255]) + whole[place + 1 :]
        for number, damaged in enumerate((whole[:place], turned)):
            out = tmp_path / f"{place}-{number}"
            out.mkdir()
            path.write_bytes(damaged)
            try:
                unpack(path, out)
            except ModelError:
                refused += 1
            else:  # in the part of gzip's header that means nothing here
                assert {file.name: file.read_bytes() for file in out.iterdir()} == wanted
    assert refused > 0.8 * 2 * len(whole) / 3
