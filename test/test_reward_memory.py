"""What a reward function remembers, kept and given back."""

from __future__ import annotations

import pytest
import torch

from deepracer_sim import reward_memory
from deepracer_sim.reward_function import compile_source, new_function
from deepracer_sim.reward_memory import changes, memory_of, recall

SOURCE = """
import math
import random

LIMIT = 3.0
count = 0
table = [1.0, (2, "three")]
generator = random.Random(4)


class Car:
    laps = 0

    def __init__(self):
        self.speeds = {"last": None}


car = Car()


def reward_function(params):
    global count
    count += 1
    Car.laps += 10
    car.speeds["last"] = count / 2
    table.append(float("inf"))
    return count + Car.laps + car.speeds["last"] + len(table)
"""


@pytest.fixture
def make():
    code = compile_source(SOURCE, "my_reward.py")
    return lambda: new_function(code, "my_reward.py")


def test_plain_values_are_found_wherever_they_are(make):
    assert memory_of(make()) == {
        "LIMIT": 3.0,
        "count": 0,
        "table": [1.0, (2, "three")],
        "Car.laps": 0,
        "car.speeds": {"last": None},
    }


def test_a_memory_is_a_copy(make):
    function = make()
    before = memory_of(function)
    function({})
    assert before["table"] == [1.0, (2, "three")]
    assert before["car.speeds"] == {"last": None}


def test_only_what_has_changed_is_kept(make):
    function = make()
    before = memory_of(function)
    assert changes(memory_of(function), before) == {}
    function({})
    assert changes(memory_of(function), before) == {
        "count": 1,
        "table": [1.0, (2, "three"), float("inf")],
        "Car.laps": 10,
        "car.speeds": {"last": 0.5},
    }


def test_a_function_goes_on_where_another_one_was(make):
    function, other = make(), make()
    for _ in range(3):
        function({})
    recall(other, memory_of(function))
    assert (
        [other({}) for _ in range(2)]
        == [function({}) for _ in range(2)]
        == [4 + 40 + 2 + 6, 5 + 50 + 2.5 + 7]
    )


def test_what_is_gone_is_left_out(make):
    function = make()
    recall(function, {"Gone.laps": 4, "count": 7})
    assert function({}) == 8 + 10 + 4 + 3


def test_a_memory_survives_a_checkpoint(make, tmp_path):
    function = make()
    function({})
    torch.save(memory_of(function), tmp_path / "memory.pt")
    assert torch.load(tmp_path / "memory.pt", weights_only=True) == memory_of(function)


def test_a_history_that_grows_without_end_is_not_kept(make, monkeypatch):
    monkeypatch.setattr(reward_memory, "MOST_ITEMS", 2)
    function = make()
    assert "table" in memory_of(function)
    function({})
    assert "table" not in memory_of(function)


def test_the_globals_of_other_modules_are_none_of_it():
    assert memory_of(lambda params: 1.0) == {}
    assert memory_of(len) == {}
