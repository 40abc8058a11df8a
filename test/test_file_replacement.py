from __future__ import annotations

import pytest
from disk_limit import full_disk

from deepracer_sim.errors import RunError, TrackError
from deepracer_sim.file_replacement import LEFTOVERS, replacing


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "graph.png"
    path.write_text("older")
    return path


def names(folder):
    return [file.name for file in folder.iterdir()]


def test_the_new_file_takes_the_place_of_the_older_one_at_the_end(path):
    with replacing(path) as temporary:
        temporary.write_text("newer")
        assert path.read_text() == "older"
        assert temporary.suffix == ".png"  # writers choose the format by it
        assert list(path.parent.glob(LEFTOVERS)) == [temporary]
    assert path.read_text() == "newer"
    assert names(path.parent) == ["graph.png"]


def test_a_name_may_be_new_and_without_an_ending(tmp_path):
    with replacing(str(tmp_path / "report")) as temporary:
        temporary.write_text("new")
        assert list(tmp_path.glob(LEFTOVERS)) == [temporary]
    assert (tmp_path / "report").read_text() == "new"
    assert names(tmp_path) == ["report"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, TrackError])
def test_whatever_ends_the_writing_leaves_the_older_file_alone(path, error):
    with pytest.raises(error, match=r"^half way$"), replacing(path, RunError) as temporary:
        temporary.write_text("half")
        raise error("half way")
    assert path.read_text() == "older"
    assert names(path.parent) == ["graph.png"]


def test_a_full_disk_leaves_the_older_file_alone(path):
    message = r"^cannot write .*/graph\.png: File too large; free some space or choose another folder$"
    with full_disk(10), pytest.raises(RunError, match=message), replacing(path, RunError) as temporary:
        temporary.write_text("too much for this disk")
    assert path.read_text() == "older"
    assert names(path.parent) == ["graph.png"]


@pytest.mark.parametrize(
    ("folder", "error", "reason"),
    [
        ("nowhere", FileNotFoundError, "No such file or directory"),
        ("graph.png", NotADirectoryError, "Not a directory"),
    ],
)
def test_a_folder_that_cannot_be_written_is_named(path, folder, error, reason):
    wanted = path.parent / folder / "new.png"
    with (
        pytest.raises(TrackError, match=f"cannot write {wanted}: {reason};"),
        replacing(wanted, TrackError) as file,
    ):
        file.write_text("new")
    with pytest.raises(error, match=reason), replacing(wanted) as file:
        file.write_text("new")
    assert names(path.parent) == ["graph.png"]


def test_an_error_without_a_number_says_what_it_says(path):
    with pytest.raises(RunError, match=r"graph\.png: the encoder gave up; free"), replacing(path, RunError):
        raise OSError("the encoder gave up")
