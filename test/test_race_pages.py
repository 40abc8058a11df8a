from __future__ import annotations

import html
import json
import os
from html.parser import HTMLParser

import pytest
from race_models import drive_of, enter_circling, make_race, write_bundle

from deepracer_sim.errors import RaceError
from deepracer_sim.races.leaderboard_page import publish
from deepracer_sim.races.race import Race
from deepracer_sim.races.season import Season, format_season, publish_season

NASTY = "<script>alert('&\"')</script>"


class Page(HTMLParser):
    """What a browser would find in a page."""

    VOID = ("meta", "br")

    def __init__(self, content):
        super().__init__()
        self.tags, self.attributes, self.rows, self.open = [], [], [], []
        self.title = self.style = ""
        self.feed(content)
        self.close()
        assert self.open == []  # all are closed in order

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "td" in self.open or "th" in self.open:
            self.rows[-1][-1] += data
        elif "style" in self.open:
            self.style += data
        elif "title" in self.open:
            self.title += data


def page_of(race):
    publish(race)
    return Page((race.path / "published/leaderboard.html").read_text(encoding="utf-8"))


@pytest.fixture
def race(track, tmp_path):
    """Three finished under the rule, one did not."""
    race = make_race(tmp_path / "races", track, laps=3, rule="total", season="2026")
    bundle = write_bundle(tmp_path / "model")
    race.add(bundle, NASTY, "fast & good", drive_of(7.0, 6.5, 6.25))
    race.add(bundle, "Лев", "Лев", drive_of(10.0, 7.0, 6.0, resets=1))
    race.add(bundle, "Лев", "worse", drive_of(12.0, 12.0, 12.0))
    race.add(bundle, "gone", "gone", drive_of(7.5, distance=1.25))
    return race


def test_a_page_shows_places_laps_gaps_and_resets(race):
    header, first, second, last = page_of(race).rows
    assert header == ["", "Racer", "Result", "Gap", "Laps", "Resets", "Entries", "Submitted"]
    assert first[:7] == ["1", f"{NASTY}fast & good", "19.750", "", "7.000 6.500 6.250", "0", "1"]
    assert second[:7] == ["2", "Лев", "23.000", "+3.250", "10.000* 7.000 6.000", "1", "2"]
    assert last[:5] == ["-", "gone", "DNF", "", "7.500 off track after 1.25 laps"]


def test_a_page_needs_nothing_else_and_runs_nothing(race):
    page = page_of(race)
    content = (race.path / "published/leaderboard.html").read_text(encoding="utf-8")
    assert page.title == "cup" and "script" not in page.tags and NASTY not in content
    assert html.escape(NASTY) in content
    names = {name for name, _ in page.attributes}
    assert not names & {"src", "href", "action", "style", "onclick", "onload"}
    assert {"http://", "https://", "url(", "@import"}.isdisjoint(
        word for word in ("http://", "https://", "url(", "@import") if word in content
    )
    assert ("content", "default-src 'none'") in [
        (name, value.split(";")[0]) for name, value in page.attributes if name == "content"
    ]
    assert "prefers-color-scheme: dark" in page.style and "light dark" in page.style
    assert "svg" in page.tags


def test_a_page_of_a_race_without_entries(track, tmp_path):
    page = page_of(make_race(tmp_path, track))
    assert page.rows == [] and "svg" in page.tags


def test_the_json_says_the_same(race):
    publish(race)
    content = json.loads((race.path / "published/leaderboard.json").read_text())
    assert content["race"]["rules"]["rule"] == "total" and content["race"]["open"] is True
    first, second, last = content["standings"]
    assert (first["place"], first["racer"], first["result"], first["points"]) == (1, NASTY, 19.75, 980.25)
    assert second["laps"][0] == {"time": 10.0, "resets": 1} and second["entries"] == 2
    assert (last["place"], last["result"], last["gap"], last["points"]) == (None, None, None, 0.0)
    assert (last["ending"], last["distance"]) == ("off_track", 1.25)


# Seasons


@pytest.fixture
def season(track, tmp_path):
    """`a` wins the first race and misses the second, `b` drives both, `c` finishes neither."""
    folder, bundle = tmp_path / "races", write_bundle(tmp_path / "model")
    results = {
        "first": {"a": drive_of(10.0, laps=1), "b": drive_of(12.0, laps=1), "c": drive_of()},
        "second": {"b": drive_of(20.5, laps=1), "c": drive_of()},
    }
    for name, drives in results.items():
        race = make_race(folder, track, name, season="2026")
        for racer, drive in drives.items():
            race.add(bundle, racer, racer, drive)
    make_race(folder, track, "other", season="2025").add(bundle, "a", "a", drive_of(1.0, laps=1))
    make_race(folder, track, "none")
    return folder


def test_a_season_adds_up_points(season):
    found = Season.of(season, "2026")
    rows = [(row.place, row.racer, row.points, row.by_race) for row in found.standings]
    assert rows == [
        (1, "b", 1967.5, (988.0, 979.5)),
        (2, "a", 990.0, (990.0, None)),
        (3, "c", 0.0, (0.0, 0.0)),
    ]
    assert "first*" in format_season(found)
    for race in ("first", "second"):
        Race.open(season / race).close()
    assert "*" not in format_season(Season.of(season, "2026"))


def test_equal_points_share_a_place(track, tmp_path):
    race = make_race(tmp_path / "races", track, season="s")
    for racer, seconds in (("x", 7.0), ("z", 6.0), ("y", 7.0)):
        race.add(write_bundle(tmp_path / "model"), racer, racer, drive_of(seconds, laps=1))
    rows = Season.of(tmp_path / "races", "s").standings
    assert [(row.place, row.racer) for row in rows] == [(1, "z"), (2, "x"), (2, "y")]


def test_a_season_is_published(season):
    page, data = publish_season(season, Season.of(season, "2026"))
    rows = Page(page.read_text()).rows
    assert rows[0] == ["", "Racer", "Points", "first*", "second*"]
    assert rows[2] == ["2", "a", "990.000", "990.000", "-"]
    content = json.loads(data.read_text())
    assert [race["name"] for race in content["races"]] == ["first", "second"]
    assert content["standings"][0] == {"place": 1, "racer": "b", "points": 1967.5, "by_race": [988.0, 979.5]}


def test_a_season_says_what_it_leaves_out(season):
    (season / "second/race.json").write_text("{")
    (season / "first/entries/00001/entry.json").unlink()
    found = Season.of(season, "2026")
    assert [row.racer for row in found.standings] == ["b", "c"]
    assert [problem.split(":")[0] for problem in found.problems] == ["race second", "first, entry 1"]
    assert str(season) not in publish_season(season, found)[0].read_text()


def test_an_unknown_season_names_the_others(season):
    with pytest.raises(RaceError, match="for the season 2027: there is 2025, 2026"):
        Season.of(season, "2027")
    with pytest.raises(RaceError, match="name="):
        Season.of(season, "../2026")


# The program


def test_a_race_from_the_command_line(track, tmp_path, monkeypatch, deepracer):
    monkeypatch.setenv("DEEPRACER_RACES", str(tmp_path / "races"))
    rules = ("--laps", 2, "--rule", "average", "--off-track-penalty", 2.5, "--max-resets", 4, "--season", "s")
    code, printed, _ = deepracer("race", "create", "cup", "--track", track, *rules)
    assert code == 0 and "2 laps: the average of all laps counts" in printed and "for 2.5 s each" in printed
    for racer, speed in (("quick", 1.3), ("quick", 0.9), ("slow", 0.8)):
        bundle = write_bundle(tmp_path / f"{racer}{speed}", speed=speed)
        code, printed, errors = deepracer("race", "enter", "cup", bundle, "--racer", racer)
        assert (code, errors) == (0, "")
        assert ("its entry 1 was better, and still counts" in printed) == (speed == 0.9)
    code, printed, _ = deepracer("race", "leaderboard", "cup")
    lines = printed.splitlines()
    assert [line.split()[:2] for line in lines if line[:5].strip().isdigit()] == [
        ["1", "quick"],
        ["2", "slow"],
    ]
    assert str(tmp_path / "races/cup/published/leaderboard.html") in lines
    assert deepracer("race", "close", "cup")[0] == 0
    code, printed, _ = deepracer("race", "list")
    assert printed.splitlines()[2].split()[:5] == ["cup", "closed", "circle", "2", "average"]
    assert "quick" in deepracer("race", "season", "s")[1]
    code, _, errors = deepracer("race", "enter", "cup", bundle)
    assert (code, errors.splitlines()) == (2, [errors.strip()]) and "is closed since" in errors
    assert "cup" in errors


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("create", "../x"), "name='../x': must be"),
        (("create", "x", "--season", "a/b"), "name='a/b': must be"),
        (("create", "x", "--laps", 0), "laps=0: must be >= 1"),
        (("create", "x", "--track", "nowhere"), "no track 'nowhere'"),
        (("enter", "x", "y"), "no race x in "),
        (("enter", "../races/empty", "y"), "name='../races/empty': must be"),
        (("leaderboard", "a/b"), "name='a/b': must be"),
        (("close", "empty/../empty"), "name='empty/../empty': must be"),
        (("season", "x"), "no race counts for the season x"),
        (("video", "empty"), "empty has no entries yet"),
    ],
)
def test_what_the_program_refuses(track, tmp_path, deepracer, words, complaint):
    make_race(tmp_path / "races", track, "empty")
    code, _, errors = deepracer("race", *words, "--races", tmp_path / "races")
    assert code == 2 and len(errors.splitlines()) == 1
    assert complaint in errors
    assert os.listdir(tmp_path / "races") == ["empty"]


def test_the_list_names_damaged_races(track, tmp_path, deepracer):
    races = tmp_path / "races"
    assert "no races in" in deepracer("race", "list", "--races", races)[1]
    enter_circling(make_race(races, track), tmp_path, "steady")
    make_race(races, track, "broken").path.joinpath("race.json").write_text("{}")
    (races / "cup/entries/00002").mkdir()
    code, printed, _ = deepracer("race", "list", "--races", races)
    assert code == 0 and "steady 6." in printed
    assert "left out: race broken: broken/race.json is damaged: rules: missing" in printed
    assert "left out: race cup, entry 2: entries/00002/entry.json cannot be read" in printed


def test_races_are_beside_the_models(tmp_path, monkeypatch):
    from deepracer_sim.races.commands import races_folder

    monkeypatch.setenv("DEEPRACER_STORE", str(tmp_path / "models"))
    monkeypatch.delenv("DEEPRACER_RACES", raising=False)
    assert races_folder() == tmp_path / "races"
    monkeypatch.setenv("DEEPRACER_RACES", str(tmp_path / "elsewhere"))
    assert races_folder() == tmp_path / "elsewhere"
    assert races_folder(tmp_path / "given") == tmp_path / "given"
