"""The pages of tracks: a real console, in a real browser."""

from __future__ import annotations

import io
import pickle
import urllib.error
import urllib.request

import numpy as np
import pytest

pytest.importorskip("nicegui")
pytest.importorskip("playwright")

import browser
from console_server import opened, served
from playwright.sync_api import expect
from small_runs import circle_track

from deepracer_sim.console.tracks import kept_tracks
from deepracer_sim.console.tracks.track_drawing_view import _grid
from deepracer_sim.console.tracks.track_shapes import TrackShape, builtin_shape, generated_shape, shape_of
from deepracer_sim.errors import TrackError
from deepracer_sim.track_drawing import builtin_names

in_browser = pytest.mark.skipif(browser.program() is None, reason=browser.REASON)
TRICKS = (
    "../tracks/circle.npy",
    "..%2ftracks%2fcircle.npy",
    "%2e%2e/circle.npy",
    "/etc/passwd",
    "%00",
    "oval%00",
    "circle",
    "",
    "random:7",
    "%3Cscript%3Ealert(1)%3C%2Fscript%3E",
)


class Explosive:
    """What unpickling this would show."""

    def __reduce__(self):
        return print, ("unpickled",)


@pytest.fixture(scope="module")
def tracks(tmp_path_factory):
    """The folder of the console's tracks: a circle of 1 m, and a damaged one."""
    folder = tmp_path_factory.mktemp("console") / "tracks"
    folder.mkdir()
    circle_track(folder)
    (folder / "damaged.npy").write_bytes(b"\x93NUMPY")
    return folder


@pytest.fixture(scope="module")
def url(tracks):
    with served(tracks.parent) as address:
        yield address


def upload(page, name, content):
    """Choose a file in the dialog; return the dialog."""
    page.get_by_role("button", name="Import").click()
    dialog = page.get_by_role("dialog")
    file = {"name": name, "mimeType": "application/octet-stream", "buffer": content}
    dialog.locator("input[type=file]").set_input_files(file)
    return dialog


@in_browser
def test_the_gallery_shows_all_tracks_with_their_figures(chromium, url):
    with opened(chromium, url, "/tracks") as page:
        cards = page.locator(".track-card")
        oval = cards.filter(has_text="Oval")
        expect(oval.locator("dd")).to_have_text(["18.79 m", "0.76 m", "counter-clockwise", "1.40 m"])
        circle = cards.filter(has_text="circle")
        circle.locator("svg").wait_for()
        assert circle.locator("dd").all_inner_texts() == ["6.28 m", "0.76 m", "counter-clockwise", "1.00 m"]
        expect(cards.filter(has_text="damaged")).to_contain_text("cannot be read")
        assert cards.count() == len(builtin_names()) + 2
        assert cards.locator("svg.track").count() == len(builtin_names()) + 1
        page.set_viewport_size({"width": 390, "height": 844})
        page.wait_for_function("document.documentElement.scrollWidth === 390")
        oval.click()
        page.wait_for_url("**/tracks/view?name=oval")


@in_browser
def test_waypoints_have_numbers_that_can_be_hidden(chromium, url):
    with opened(chromium, url, "/tracks/view?name=circle.npy") as page:
        numbers = page.locator(".track-number")
        numbers.first.wait_for()
        assert numbers.all_text_contents() == [str(number) for number in range(0, 40, 5)]
        page.get_by_role("switch", name="Waypoint numbers").click()
        expect(numbers.first).to_be_hidden()
        grid = page.locator(".track-grid").first
        expect(grid).to_be_attached()
        page.get_by_role("switch", name="Grid in metres").click()
        expect(grid).to_be_hidden()
        drawing = page.locator(".track-large svg")
        before = drawing.get_attribute("viewBox").split()
        drawing.hover()
        page.mouse.wheel(0, -500)
        expect(drawing).to_have_class("track is-zoomed")
        assert float(drawing.get_attribute("viewBox").split()[2]) < 0.6 * float(before[2])
        drawing.dblclick()
        expect(drawing).to_have_class("track")
        assert list(map(float, drawing.get_attribute("viewBox").split())) == pytest.approx(
            list(map(float, before)), abs=1e-4
        )
        page.get_by_role("link", name="Train on this track").click()
        page.wait_for_url("**/create?track=circle.npy")


@in_browser
def test_each_seed_has_its_track_and_one_can_be_kept(chromium, url, tracks):
    with opened(chromium, url, "/tracks/generate") as page:
        drawing, road = page.locator(".track-large svg"), page.locator(".track-large .track-road")
        drawing.wait_for()
        length = page.locator(".generator-facts dd").first
        assert length.inner_text() == f"{generated_shape(7, 0.76).length:.2f} m"
        first = road.get_attribute("d")
        page.get_by_label("Seed", exact=True).locator("[tabindex]").focus()
        page.keyboard.press("ArrowRight")
        expect(length).to_have_text(f"{generated_shape(8, 0.76).length:.2f} m")
        assert road.get_attribute("d") != first
        expect(page.get_by_label("Name")).to_have_value("random-8")
        page.get_by_label("Seed as a number").fill("5000")
        expect(length).to_have_text(f"{generated_shape(5000, 0.76).length:.2f} m")
        expect(page.get_by_label("Seed as a number")).to_have_value("5000")
        name = page.get_by_label("Name")
        name.fill("oval")
        page.get_by_role("button", name="Keep this track").click()
        expect(page.get_by_text("there is a track 'oval' already")).to_be_visible()
        name.fill("mine")
        name.press("Enter")
        page.wait_for_url("**/tracks/view?name=mine.npy")
        page.locator(".track-number").first.wait_for()
    assert shape_of(str(tracks / "mine.npy")).length == pytest.approx(
        generated_shape(5000, 0.76).length, abs=1e-3
    )
    (tracks / "mine.npy").unlink()


@in_browser
def test_a_published_file_is_imported_and_deleted(chromium, url, tracks, tmp_path):
    content = circle_track(tmp_path, radius=3.0).read_bytes()
    with opened(chromium, url, "/tracks") as page:
        dialog = upload(page, "My loop <b>.npy", content)
        name = dialog.get_by_label("Name")
        expect(name).to_have_value("My-loop-b")
        assert dialog.locator("dd").first.inner_text() == "18.83 m"  # 80 x 3 m x sin(pi / 40)
        name.fill("circle")
        dialog.get_by_role("button", name="Import").click()
        expect(dialog.get_by_text("there is a track 'circle' already")).to_be_visible()
        name.fill("../loop")
        name.press("Enter")
        expect(dialog.get_by_text("must be 1 to 64 letters")).to_be_visible()
        name.fill("loop")
        name.press("Enter")
        page.wait_for_url("**/tracks/view?name=loop.npy")
        assert sorted(path.name for path in tracks.iterdir()) == ["circle.npy", "damaged.npy", "loop.npy"]
        page.get_by_role("button", name="Delete").click()
        page.get_by_role("dialog").get_by_role("button", name="Delete").click()
        page.wait_for_url("**/tracks")
    assert sorted(path.name for path in tracks.iterdir()) == ["circle.npy", "damaged.npy"]


@in_browser
def test_damaged_files_are_refused_in_words(chromium, url, tracks):
    with opened(chromium, url, "/tracks") as page:
        dialog = upload(page, "bad.npy", b"no track")
        alert = dialog.get_by_role("alert")
        expect(alert).to_contain_text("bad.npy cannot be read")
        assert dialog.get_by_role("button", name="Import").is_disabled()
        big = {"name": "big.npy", "mimeType": "application/octet-stream", "buffer": bytes(1_100_000)}
        dialog.locator("input[type=file]").set_input_files(big)
        expect(alert).to_contain_text("at most 1000 kB, and must end in .npy")
    assert sorted(path.name for path in tracks.iterdir()) == ["circle.npy", "damaged.npy"]


@in_browser
def test_no_path_leads_out_of_the_tracks(url):
    for trick in TRICKS:
        with pytest.raises(urllib.error.HTTPError) as refusal:
            urllib.request.urlopen(f"{url}/tracks/view?name={trick}", timeout=30)
        assert refusal.value.code == 404
        assert b"<script>alert" not in refusal.value.read()
        refusal.value.close()
    for path in (
        "/static/../server.py",
        "/static/..%2fserver.py",
        "/static/%2e%2e/server.py",
        "/tracks/circle.npy",
    ):
        with pytest.raises(urllib.error.HTTPError) as refusal:
            urllib.request.urlopen(url + path, timeout=30)
        assert refusal.value.code == 404
        refusal.value.close()


def saved(rows, **options):
    file = io.BytesIO()
    np.save(file, rows, **options)
    return file.getvalue()


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"", "x.npy cannot be read: No data"),
        (pickle.dumps(Explosive()), r"x.npy cannot be read: This file contains pickled \(object\) data.$"),
        (saved(np.array([Explosive()]), allow_pickle=True), "x.npy cannot be read: Object arrays cannot"),
        (saved(np.zeros((40, 6)))[:-50], "x.npy cannot be read"),
        (saved(np.zeros((40, 5))), r"shape \(40, 5\)"),
        (b"\x93NUMPY" + bytes(1_000_000), "larger than 1000000 bytes"),
    ],
)
def test_no_file_that_is_no_track_is_kept(tmp_path, capsys, content, fault):
    with pytest.raises(TrackError, match=fault) as refusal:
        kept_tracks.keep_upload(content, "x", str(tmp_path))
    assert "/tmp" not in str(refusal.value)
    assert "unpickled" not in capsys.readouterr().out
    assert not list(tmp_path.iterdir())


def test_a_track_never_takes_the_place_of_another_one(tmp_path):
    kept_tracks.keep_generated(1, 0.76, "loop", str(tmp_path))
    first = (tmp_path / "loop.npy").read_bytes()
    for name in ("loop", "LOOP", "Oval"):
        with pytest.raises(TrackError, match="already"):
            kept_tracks.keep_generated(2, 0.76, name, str(tmp_path))
    with pytest.raises(TrackError, match="already"):  # somebody was quicker
        kept_tracks._keep(kept_tracks._read(first, "loop"), "loop", tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["loop.npy"]
    assert (tmp_path / "loop.npy").read_bytes() == first


def test_only_kept_tracks_are_deleted(tmp_path):
    folder = tmp_path / "tracks"
    folder.mkdir()
    files = [tmp_path / "outside.npy", folder / "mine.npy", folder / "other.npy"]
    for file in files:
        file.touch()
    for key in ("../outside.npy", str(files[0]), "oval", "mine", "nothing.npy"):
        with pytest.raises(TrackError, match="there is no track"):
            kept_tracks.forget(folder, key)
    kept_tracks.forget(folder, "mine.npy")
    assert [file.exists() for file in files] == [True, False, True]


@pytest.mark.parametrize("name", builtin_names())
def test_a_built_in_track_looks_the_same_without_torch(name):
    without, loaded = builtin_shape(name), shape_of(name)
    assert without.length == pytest.approx(loaded.length, rel=1e-6)
    assert np.allclose(without.outer, loaded.outer, atol=2e-4)
    assert (without.direction, without.min_radius) == (
        loaded.direction,
        pytest.approx(loaded.min_radius, rel=1e-3),
    )


def test_the_grid_has_a_line_each_metre_and_a_number_each_five():
    """From -0.35 m to 6.35 m and -0.35 m to 1.35 m: 7 lines up, 2 across; 0 m and 5 m at the bottom."""
    corners = ((0.0, 0.0), (6.0, 0.0), (6.0, 1.0), (0.0, 1.0))
    drawn = _grid(TrackShape("x", "x", 1.0, 1.0, "clockwise", 1.0, corners, corners, corners))
    assert drawn.count("<line") == 9
    assert drawn.count("is-wide") == 3
    assert drawn.count("</text>") == 2
