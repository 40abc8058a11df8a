"""The commands of the `deepracer` program that need no training: reward functions and tracks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from deepracer_program import ROOT

EXAMPLES = sorted((ROOT / "examples/rewards").glob("*.py"))


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_the_examples_validate(deepracer, example):
    code, out, _ = deepracer("validate", example)
    assert code == 0
    assert f"{example}: OK on reinvent_2018: 400 calls" in out


def test_a_bad_reward_function_does_not_validate(deepracer, tmp_path):
    (tmp_path / "bad.py").write_text("def reward_function(params):\n    print('hello')\n    return 1 / 0\n")
    code, _, err = deepracer("validate", tmp_path / "bad.py", "--track", "oval")
    assert code == 2
    assert f"{tmp_path}/bad.py:3: ZeroDivisionError: division by zero" in err
    assert "hello" in err


def test_tracks_are_listed_in_a_table(deepracer):
    code, out, _ = deepracer("tracks", "list")
    lines = out.splitlines()
    assert code == 0
    assert lines[0].split("  ")[0] == "name"
    for word in ("title", "length m", "width m", "direction", "smallest radius m"):
        # Numbers stand under the end of their heading, words under its start.
        assert word in lines[0]
    assert [line.split()[0] for line in lines[1:]] == [
        "bowtie",
        "fast_wide",
        "oval",
        "reinvent_2018",
        "technical",
    ]
    reinvent = lines[4]
    assert reinvent[lines[0].index("title") :].startswith("re:Invent 2018 ")
    assert reinvent[: lines[0].index("length m") + len("length m")].endswith(" 17.70")
    assert len({len(line) for line in lines}) == 1


def test_tracks_can_be_drawn_imported_and_generated(deepracer, tmp_path, monkeypatch, track):
    monkeypatch.chdir(tmp_path)
    assert deepracer("tracks", "show", "oval")[:2] == (0, "oval.png\n")
    assert (tmp_path / "oval.png").read_bytes().startswith(b"\x89PNG")

    rows = np.load(track)
    np.save("mine.npy", np.concatenate((rows, rows[-1:], rows[:1])))
    code, out, _ = deepracer("tracks", "import", "mine.npy")
    # 40 chords of a circle of radius 1: 80 sin(pi / 40) = 6.277 m.
    assert out.splitlines()[0].startswith("40 waypoints, 6.28 m long, 0.76 m wide, counter-clockwise")
    assert code == 0
    assert np.load("mine_clean.npy").shape == (41, 6)
    assert deepracer("tracks", "show", "mine_clean.npy", "--output", "mine.svg")[0] == 0

    assert deepracer("tracks", "generate", "--seed", "4")[:2] == (0, "random_4.npy\n")
    assert deepracer("tracks", "generate", "--seed", "4", "--output", "again.npy")[0] == 0
    assert Path("random_4.npy").read_bytes() == Path("again.npy").read_bytes()
    np.save("open.npy", rows[:25])
    code, _, err = deepracer("tracks", "import", "open.npy")
    assert code == 2
    assert "the line is open" in err
    assert not Path("open_clean.npy").exists()
