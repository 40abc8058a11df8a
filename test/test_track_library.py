from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from disk_limit import full_disk

from deepracer_sim import shared_folder, track_shape
from deepracer_sim.errors import TrackError
from deepracer_sim.track import stack
from deepracer_sim.track_library import (
    builtin_names,
    import_track,
    list_tracks,
    load_track,
    save_track,
    track_from_rows,
)

PUBLISHED = os.environ.get("DEEPRACER_PUBLISHED_TRACKS")


def ring(rows=40, clockwise=False, width=0.8):
    """Rows in AWS's layout of a circular road with radius 2 m, the first row repeated at the end."""
    angle = np.linspace(0.0, -2.0 * np.pi if clockwise else 2.0 * np.pi, rows + 1)
    circle = np.stack((np.cos(angle), np.sin(angle)), axis=1)
    return np.concatenate((2.0 * circle, (2.0 - width / 2.0) * circle, (2.0 + width / 2.0) * circle), axis=1)


def lines_of(track):
    return [line.double().numpy() for line in (track.center, track.inner, track.outer)]


def test_builtin_tracks():
    assert builtin_names() == ["bowtie", "fast_wide", "oval", "reinvent_2018", "technical"]


@pytest.mark.parametrize(
    ("name", "width", "ccw", "min_radius", "length"),
    [
        # Two half turns of radius 1.4 and 10 m of straights.
        ("oval", 0.76, True, 1.4, 10.0 + 2.0 * np.pi * 1.4),
        # Two loops of 250 degrees and radius 1.5, four turns of 35 degrees and radius 1, 4 m of straights.
        ("bowtie", 0.76, True, 1.0, 4.0 + np.radians(2 * 250 * 1.5 + 4 * 35 * 1.0)),
        # 540 degrees at 0.65, 180 at 0.7, 180 at 0.6 and the straights.
        ("technical", 0.76, True, 0.6, 12.003 + np.radians(540 * 0.65 + 180 * 0.7 + 180 * 0.6)),
        ("fast_wide", 1.07, False, 1.5, 26.3),
        ("reinvent_2018", 0.76, True, 0.69, 17.71),
    ],
)
def test_builtin_tracks_are_valid(name, width, ccw, min_radius, length):
    track = load_track(name)
    center, inner, outer = lines_of(track)
    assert track.name == name
    assert 100 <= len(center) <= 200
    assert bool(track.is_ccw) is ccw
    assert float(track.length) == pytest.approx(length, rel=5e-3)
    assert track_shape.radii_of(center).min() == pytest.approx(min_radius, rel=0.04)
    torch.testing.assert_close((track.inner - track.outer).norm(dim=1), torch.full((len(center),), width))
    track_shape.check_borders(name, center, inner, outer)
    assert track_shape.area_of(inner) < track_shape.area_of(outer) if ccw else True
    on_road = track.is_on_road(
        track.pose_at(torch.arange(20.0), torch.zeros(20).bool(), torch.zeros(20))[:, None, :2]
    )
    assert on_road.all()


def test_reinvent_2018_is_where_the_published_track_is():
    track = load_track("reinvent_2018")
    pose = track.pose_at(torch.zeros(1), torch.tensor([False]), torch.zeros(1))
    assert pose[0].tolist() == pytest.approx([3.06, 0.68, 0.0], abs=0.01)
    borders = torch.cat((track.inner, track.outer))
    bounds = [*borders.amin(dim=0).tolist(), *borders.amax(dim=0).tolist()]
    assert bounds == pytest.approx([0.33, 0.29, 7.66, 4.88], abs=0.03)
    # End of the main straight, right end, corner to the right, middle of the diagonal, upper left corner,
    # left side and the tightest corner, read off the published picture.
    seen = [(6.2, 0.69), (7.28, 1.72), (4.47, 2.96), (3.88, 3.63), (0.89, 4.14), (1.00, 2.11), (1.34, 0.97)]
    still = torch.zeros(len(seen), dtype=torch.bool)
    assert track.project(torch.tensor(seen), still).offset.abs().max() < 0.03


def test_list_tracks():
    rows = {row.name: row for row in list_tracks()}
    assert list(rows) == builtin_names()
    assert rows["reinvent_2018"].title == "re:Invent 2018"
    assert rows["reinvent_2018"].length == pytest.approx(17.71, rel=5e-3)
    assert rows["fast_wide"].width == pytest.approx(1.07)
    assert rows["fast_wide"].direction == "clockwise"
    assert rows["oval"].direction == "counter-clockwise"
    assert rows["oval"].min_radius == pytest.approx(1.4, abs=0.01)


@pytest.mark.parametrize("name", ["monza", "", "reinvent_2018/", "oval.txt", "OVAL"])
def test_an_unknown_name_lists_the_choices(name):
    with pytest.raises(
        TrackError, match=r"bowtie, fast_wide, oval, reinvent_2018, technical.*\.npy or \.yaml"
    ):
        load_track(name)


def test_installed_worlds_are_found(tmp_path, monkeypatch):
    package = tmp_path / "lib/python3/site-packages/deepracer_sim"
    monkeypatch.setattr(shared_folder, "__file__", str(package / "shared_folder.py"))
    monkeypatch.setattr(shared_folder.sysconfig, "get_path", lambda name: str(tmp_path / "elsewhere"))
    with pytest.raises(TrackError, match="install the package again"):
        builtin_names()
    worlds = tmp_path / "share/deepracer_sim/worlds"
    worlds.mkdir(parents=True)
    (worlds / "loop.yaml").write_text("title: Loop\npoints: [[0, 0], [3, 0], [3, 3], [0, 3]]\n")
    assert builtin_names() == ["loop"]
    assert load_track("loop").name == "loop"


@pytest.mark.parametrize("clockwise", [False, True])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_rows_in_aws_layout(clockwise, dtype):
    track = track_from_rows("ring", ring(clockwise=clockwise).astype(dtype))
    assert track.center.shape == (40, 2)
    assert track.center.dtype == torch.float32
    assert bool(track.is_ccw) is not clockwise
    assert float(track.length) == pytest.approx(40 * 2.0 * 2.0 * np.sin(np.pi / 40), rel=1e-6)
    torch.testing.assert_close(track.inner.norm(dim=1), torch.full((40,), 1.6))


def test_repeated_rows_are_dropped():
    rows = ring()
    repeated = np.concatenate((rows[:1], rows[:8], rows[7:8], rows[7:], rows[-1:]))
    assert torch.equal(track_from_rows("ring", repeated).center, track_from_rows("ring", rows).center)
    assert len(track_from_rows("ring", rows[:-1]).center) == 40  # not repeated at the end at all


def test_swapped_borders_are_put_right():
    rows = ring()
    swapped = rows[:, [0, 1, 4, 5, 2, 3]]
    assert torch.equal(track_from_rows("ring", swapped).inner, track_from_rows("ring", rows).inner)


def test_a_folded_border_gets_a_corner():
    """Around a corner tighter than half the width, published borders may run backwards for a few rows."""
    rows = ring()
    rows[[5, 6], 2:4] = rows[[6, 5], 2:4]
    track = track_from_rows("ring", rows)
    assert track_shape.crossings(track.inner.double().numpy()) == []
    assert len(track.inner) == 40


def figure_eight():
    rows = ring(rows=80)
    angle = np.linspace(0.0, 2.0 * np.pi, 81)
    center = np.stack((4.0 * np.cos(angle), 2.0 * np.sin(2.0 * angle)), axis=1)
    normal = rows[:, :2] / 2.0
    return np.concatenate((center, center - 0.4 * normal, center + 0.4 * normal), axis=1)


def with_value(row, column, value):
    rows = ring()
    rows[row, column] = value
    return rows


def bulging_border():
    rows = ring()
    rows[10, 2:4] = 3.0 * rows[10, 2:4]
    return rows


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (ring()[:, :4], r"shape \(41, 4\): must be \(N, 6\)"),
        (ring()[0], r"shape \(6,\): must be \(N, 6\)"),
        (np.zeros((0, 6)), "0 distinct waypoints: must be 8 to 3000"),
        (np.zeros((50, 6)), "1 distinct waypoints: must be 8 to 3000"),
        (ring(rows=7), "7 distinct waypoints: must be 8 to 3000"),
        (ring(rows=3001), "3001 distinct waypoints: must be 8 to 3000"),
        (ring().astype(str), "must be numbers"),
        (ring().astype(complex), "must be numbers"),
        (ring() > 0.0, "must be numbers"),
        (with_value(3, 4, np.nan), "row 3, column 4 is nan: must be finite"),
        (with_value(40, 0, -np.inf), "row 40, column 0 is -inf: must be finite"),
        (1000.0 * ring(), "2400 m: must be within 1000.0 m of the origin"),
        (ring()[:30], "the line is open, its ends are .* m apart"),
        (np.linspace(ring()[0], ring()[0] + 5.0, 22), "the line is open, its ends are 7.07 m apart"),
        (ring(width=0.1), "borders are 0.100 m apart at waypoint .*: must be at least 0.3 m"),
        (figure_eight(), r"the centre line crosses itself at \(-?0.00, 0.00\)"),
        (bulging_border(), "the centre line crosses the inner border"),
        (ring()[:, [0, 1, 2, 3, 2, 3]], "borders are 0.000 m apart"),
        (ring()[:, [4, 5, 2, 3, 0, 1]], "each must enclose more than the one before"),
    ],
)
def test_rows_that_are_no_closed_track_are_refused(rows, message):
    with pytest.raises(TrackError, match=f"track 'bad': .*{message}"):
        track_from_rows("bad", rows)


def test_files_that_cannot_be_read_are_refused(tmp_path):
    with pytest.raises(TrackError, match=r"gone\.npy cannot be read: .*No such file"):
        load_track(tmp_path / "gone.npy")
    (tmp_path / "folder.npy").mkdir()
    with pytest.raises(TrackError, match=r"folder\.npy cannot be read"):
        import_track(tmp_path / "folder.npy")
    (tmp_path / "empty.npy").touch()
    with pytest.raises(TrackError, match=r"empty\.npy cannot be read"):
        import_track(tmp_path / "empty.npy")
    np.save(tmp_path / "whole.npy", ring())
    (tmp_path / "half.npy").write_bytes((tmp_path / "whole.npy").read_bytes()[:900])
    with pytest.raises(TrackError, match=r"half\.npy cannot be read"):
        import_track(tmp_path / "half.npy")
    np.save(tmp_path / "pickle.npy", np.array([{"not": "numbers"}]), allow_pickle=True)
    with pytest.raises(TrackError, match=r"pickle\.npy cannot be read: .*allow_pickle"):
        import_track(tmp_path / "pickle.npy")
    np.savez(tmp_path / "several.npz", ring=ring())
    (tmp_path / "several.npz").rename(tmp_path / "several.npy")
    with pytest.raises(TrackError, match="holds several arrays"):
        import_track(tmp_path / "several.npy")


def test_a_saved_track_is_the_same_again(tmp_path):
    track = load_track("bowtie")
    path = tmp_path / "mine.npy"
    save_track(track, path)
    assert os.listdir(tmp_path) == ["mine.npy"]
    rows = np.load(path)
    assert rows.shape == (len(track.center) + 1, 6)
    assert rows.dtype == np.float64
    np.testing.assert_array_equal(rows[0], rows[-1])
    again = load_track(str(path))
    assert again.name == "mine"
    for label in ("center", "inner", "outer"):
        assert torch.equal(getattr(again, label), getattr(track, label))


def test_saving_fails_without_damage(tmp_path):
    track = load_track("oval")
    path = tmp_path / "mine.npy"
    save_track(track, path)
    before = path.read_bytes()
    with pytest.raises(TrackError, match=r"must end in \.npy"):
        save_track(track, tmp_path / "mine.txt")
    with pytest.raises(TrackError, match="cannot be written"):
        save_track(track, tmp_path / "no" / "such" / "folder.npy")
    with pytest.raises(TrackError, match="cannot be written"):
        save_track(track, path / "below_a_file.npy")
    with pytest.raises(TrackError, match="stack of tracks"):
        save_track(stack([track], torch.tensor([0])), path)
    with full_disk(1000), pytest.raises(TrackError, match=r"mine\.npy cannot be written: .*File too large"):
        save_track(load_track("bowtie"), path)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["mine.npy"]


SQUARE = "points: [[0, 0], [4, 0], [4, 4], [0, 4]]\n"


def test_a_drawing_of_ones_own(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("title: Mine\nwidth: 1.0\nspacing: 0.2\n" + SQUARE)
    track = load_track(path)
    assert track.name == "mine"
    assert bool(track.is_ccw)
    # The curve goes through its points, and the first is on the start line.
    assert track.center[0].tolist() == [0.0, 0.0]
    found = track.project(torch.tensor([[4.0, 0.0], [4.0, 4.0], [0.0, 4.0]]), torch.zeros(3).bool())
    assert found.offset.abs().max() < 5e-3  # a chord of 0.2 m at a radius of about 2.5 m
    torch.testing.assert_close(
        found.distance / track.length, torch.tensor([0.25, 0.5, 0.75]), atol=1e-3, rtol=0
    )
    torch.testing.assert_close(found.half_width, torch.full((3,), 0.5))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "valid dictionary"),
        ("title: [", "is not YAML"),
        (SQUARE, "title: Field required"),
        ("title: A\ncolour: red\n" + SQUARE, "colour: Extra inputs are not permitted"),
        ("title: A\nwidth: 0.1\n" + SQUARE, "width: Input should be greater than or equal to 0.3"),
        ("title: A\n", "give either `points`, or `segments`"),
        ("title: A\nstart: {x: 0, y: 0, heading: 0}\n" + SQUARE, "give either `points`, or `segments`"),
        ("title: A\npoints: [[0, 0], [4, 0], [4, 4]]\n", "points: .*at least 4 items"),
        ("title: A\npoints: [[0, 0], [4, 0], [4, .nan], [0, 4]]\n", "points.2.1: .*finite"),
        (
            "title: A\npoints: [[0, 0], [4, 0], [4, 4], [0, 0]]\n",
            "point 3 and the one after it are 0.000 m apart",
        ),
        ("title: A\npoints: [[0, 0], [4e3, 0], [4, 4], [0, 4]]\n", "must be within 1000.0 m"),
        ("title: A\npoints: [[0, 0], [4, 4], [4, 0], [0, 4]]\n", "crosses itself"),
        ("title: A\nsegments: [{straight: 1}, {straight: 1, turn: 3}]\n", "segments.1: .*either `straight"),
        (
            "title: A\nsegments: [{straight: 1}, {turn: 180, radius: 1}]\n",
            "2.236 m and 180.00 degrees off their start",
        ),
        ("title: A\nwidth: 5\nsegments: [{turn: 180, radius: 1}, {turn: 180, radius: 1}]\n", "inner border"),
    ],
)
def test_drawings_that_are_refused(tmp_path, text, message):
    path = tmp_path / "bad.yaml"
    path.write_text(text)
    with pytest.raises(TrackError, match=message):
        load_track(path)


def test_a_drawing_that_is_not_there(tmp_path):
    with pytest.raises(TrackError, match=r"gone\.yaml cannot be read: .*No such file"):
        load_track(tmp_path / "gone.yaml")


def distance_between(points, line):
    """Distance from each point to a closed line in metres, `(K,)`."""
    steps = np.roll(line, -1, axis=0) - line
    along = np.clip(((points[:, None] - line) * steps).sum(-1) / (steps**2).sum(-1), 0.0, 1.0)
    return np.linalg.norm(points[:, None] - line - along[..., None] * steps, axis=-1).min(axis=1)


if PUBLISHED:  # a folder with the published .npy files, to compare with; nobody needs it

    @pytest.mark.parametrize("path", sorted(Path(PUBLISHED).glob("*.npy")), ids=lambda path: path.stem)
    def test_published_tracks_load(path):
        if path.stem == "Straight_track":
            with pytest.raises(TrackError, match="the line is open"):
                load_track(path)
        else:
            track = load_track(path)
            rows = np.load(path)
            steps = np.linalg.norm(np.diff(rows[:, :2], axis=0), axis=1)
            assert float(track.length) == pytest.approx(steps.sum(), rel=1e-5)
            assert len(track.center) == (steps > 0.0).sum()

    def test_reinvent_2018_is_within_3_cm_of_the_published_line():
        theirs = np.load(Path(PUBLISHED) / "reinvent_base.npy")[:-1, :2]
        ours = lines_of(load_track("reinvent_2018"))[0]
        assert distance_between(track_shape.resample(ours, 0.01), theirs).max() < 0.03
        assert distance_between(track_shape.resample(theirs, 0.01), ours).max() < 0.03
        assert track_shape.length_of(ours) == pytest.approx(track_shape.length_of(theirs), rel=5e-3)
        assert ours[0] == pytest.approx(theirs[0], abs=0.01)
