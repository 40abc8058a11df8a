from __future__ import annotations

import hashlib
import re

import pytest
from pydantic import ValidationError
from race_models import entry_of

from deepracer_sim.errors import RaceError
from deepracer_sim.races.entry import shown_name
from deepracer_sim.races.leaderboard import ranked
from deepracer_sim.races.rules import RaceRules, points
from deepracer_sim.races.secret_track import SecretTrack


@pytest.mark.parametrize(("rule", "result"), [("best-lap", 9.0), ("average", 10.0), ("total", 30.0)])
def test_what_a_drive_counts_as(rule, result):
    rules = RaceRules(rule=rule, laps=3)
    assert rules.result([11.0, 9.0, 10.0]) == result
    assert rules.result([]) is None
    # Two laps of three: one is enough where the best counts.
    assert rules.result([11.0, 9.0]) == (9.0 if rule == "best-lap" else None)


def test_a_result_is_in_whole_milliseconds():
    assert RaceRules(rule="average", laps=3).result([10.0, 10.0, 10.001]) == 10.0
    assert RaceRules().result([9.00049, 12.0]) == 9.0


def test_places_gaps_and_those_who_did_not_finish():
    entries = [
        entry_of(1, "short", 9.0, distance=1.2),
        entry_of(2, "second", 11.0, 10.5, 10.0),
        entry_of(3, "far", 9.0, 9.0, distance=2.9),
        entry_of(4, "first", 10.0, 10.0, 10.0),
    ]
    board = ranked(entries, RaceRules(rule="total", laps=3))
    assert [(row.place, row.entry.racer, row.result, row.gap) for row in board] == [
        (1, "first", 30.0, 0.0),
        (2, "second", 31.5, 1.5),
        (None, "far", None, None),
        (None, "short", None, None),
    ]
    assert [row.points for row in board] == [970.0, 968.5, 0.0, 0.0]


def test_nobody_leads_where_nobody_finished():
    board = ranked([entry_of(1, "a", 9.0), entry_of(2, "b")], RaceRules(rule="total"))
    assert [(row.place, row.gap) for row in board] == [(None, None), (None, None)]


def test_of_equal_results_fewer_resets_are_ahead_then_the_earlier_one():
    entries = [
        entry_of(1, "late reset", 10.0, resets=1),
        entry_of(2, "clean", 10.0),
        entry_of(3, "clean but later", 10.0004),  # the same millisecond
    ]
    board = ranked(entries, RaceRules())
    assert [row.entry.racer for row in board] == ["clean", "clean but later", "late reset"]
    assert [row.gap for row in board] == [0.0, 0.0, 0.0] and [row.place for row in board] == [1, 2, 3]


def test_the_best_entry_of_a_racer_counts():
    entries = [
        entry_of(1, "a", 10.0),
        entry_of(2, "b", 9.5),
        entry_of(3, "a", 9.0),
        entry_of(4, "a", 12.0),
        entry_of(5, "a"),
    ]
    board = ranked(entries, RaceRules())
    assert [(row.entry.number, row.entries) for row in board] == [(3, 4), (2, 1)]


def test_points_are_a_thousand_less_the_seconds():
    assert points(61.692) == 938.308
    assert points(1000.0) == points(4000.0) == points(None) == 0.0


@pytest.mark.parametrize(
    "change", [{"laps": 0}, {"rule": "worst"}, {"off_track_penalty": -1}, {"max_resets": -1}, {"track": 5}]
)
def test_rules_that_are_none(change):
    with pytest.raises(ValidationError):
        RaceRules(**change)


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        (RaceRules(), "3 laps: the best lap counts; a car that leaves the road is put back up to 20 times"),
        (RaceRules(laps=1, rule="total", max_resets=0), "1 lap: .*; the first fault ends the drive"),
        (
            RaceRules(reversed=True, max_resets=1),
            "3 laps against the waypoints: .* is put back once, for 2 s",
        ),
        (
            RaceRules(rule="average", randomised=True),
            ".*the average of all laps counts.*random, alike for all",
        ),
    ],
)
def test_the_rules_in_words(rules, words):
    assert re.match(words, rules.sentence())


def test_names_are_shown_as_they_can_be_seen():
    assert shown_name("  Zoë \t Müller ") == "Zoë Müller"
    assert shown_name("Ame\u0301lie") == "Amélie"  # one character or two: the same name
    assert shown_name("<b>&\"'") == "<b>&\"'"


@pytest.mark.parametrize(
    "name",
    ["", "   ", "a" * 65, "a\x00b", "a\x1b[31mb", "user\u202etxt", "zero\u200bwidth", "\ud800", "\ufeffx"],
)
def test_names_that_hide_something_are_refused(name):
    with pytest.raises(RaceError, match="1 to 64 characters that can be seen"):
        shown_name(name)


def test_a_commitment_is_what_sha256sum_prints():
    secret = SecretTrack(track="random:42", nonce="0" * 64)
    assert secret.commitment == hashlib.sha256(("random:42 " + "0" * 64).encode()).hexdigest()
    assert SecretTrack.drawn().track != SecretTrack.drawn().track
    assert len({SecretTrack(track="random:42", nonce=f"{nonce:064x}").commitment for nonce in range(9)}) == 9
