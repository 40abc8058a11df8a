from __future__ import annotations

import pytest

from deepracer_sim.errors import ModelError
from deepracer_sim.garage.model_name import check_name, suggested_name


@pytest.mark.parametrize("name", ["a", "7", "My-first_model2", "x" * 64, "console", "com10"])
def test_names(name):
    assert check_name(name) == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        " ",
        ".",
        "..",
        ".hidden",
        "a.b",
        "a/b",
        "/a",
        "../a",
        "a\\b",
        "-a",
        "_a",
        "a b",
        "a\n",
        "a\0b",
        "\x1b[31mred",
        "größe",
        "a\N{FULLWIDTH LATIN SMALL LETTER A}",
        "٣",  # a digit, but not of 0-9
        "a~b",
        "a:b",
        "a*",
        "$HOME",
        "x" * 65,
        "x" * 100_000,
    ],
)
def test_what_is_no_name(name):
    with pytest.raises(ModelError, match=r"must be 1 to 64 letters a-z, A-Z, digits, - or _") as error:
        check_name(name)
    assert len(str(error.value)) < 1000
    assert "\x1b" not in str(error.value)


@pytest.mark.parametrize("name", ["con", "NUL", "Com1", "lpt9"])
def test_devices_of_windows_are_no_names(name):
    with pytest.raises(ModelError, match="is a device on Windows"):
        check_name(name)


@pytest.mark.parametrize(
    ("text", "name"),
    [("my model.v2", "my-model-v2"), ("größe", "gr-e"), ("..", None), ("con", "con-1"), ("x" * 80, "x" * 64)],
)
def test_a_name_like_a_text(text, name):
    assert suggested_name(text) == name
    if name:
        check_name(name)


def test_a_refusal_names_one_that_may_be_used():
    with pytest.raises(ModelError, match=r"name='a\.b': .*: perhaps a-b"):
        check_name("a.b")
