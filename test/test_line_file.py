"""Files that grow by whole lines."""

from __future__ import annotations

import pytest
from disk_limit import full_disk

from deepracer_sim.line_file import append_lines, whole_lines


def test_lines_are_added_and_read(tmp_path):
    file = tmp_path / "lines"
    assert whole_lines(file) == []
    append_lines(file, "first\n")
    append_lines(file, "second, ä\x85\nthird\n")
    assert whole_lines(file) == ["first\n", "second, ä\x85\n", "third\n"]


def test_a_half_line_is_left_out(tmp_path):
    file = tmp_path / "lines"
    file.write_text("first\nseco")
    assert whole_lines(file) == ["first\n"]
    file.write_text("fir")
    assert whole_lines(file) == []


def test_a_full_disk_takes_all_lines_or_none(tmp_path):
    file = tmp_path / "lines"
    append_lines(file, "0123456789\n" * 10)
    with full_disk(150), pytest.raises(OSError, match="File too large"):
        append_lines(file, "abcdefghi\n" * 5)
    assert file.read_text() == "0123456789\n" * 10
    append_lines(file, "abcdefghi\n" * 5)
    assert len(whole_lines(file)) == 15
