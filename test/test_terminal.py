"""Lines and keys from a pipe; deepracer-calibrate is tested at a real terminal."""

from __future__ import annotations

import io
import os
import signal

import pytest

from deepracer_inference.terminal import ENDINGS, Ended, Terminal


@pytest.fixture
def pipe():
    """A terminal, what is written to it, and what it shows."""
    source, sink = os.pipe()
    screen = io.StringIO()
    with os.fdopen(source, "rb"), os.fdopen(sink, "wb", buffering=0) as keyboard:
        yield Terminal(source, screen), keyboard, screen


def test_a_line_answers_a_question(pipe):
    terminal, keyboard, screen = pipe
    terminal.say("Hello")
    keyboard.write(b" 1.5 \nsecond\n")
    assert [terminal.ask("First"), terminal.ask("Second")] == ["1.5", "second"]
    assert screen.getvalue() == "Hello\nFirst > Second > "


def test_what_is_no_text_is_a_line_too(pipe):
    terminal, keyboard, _ = pipe
    keyboard.write(b"\xff\n")
    assert terminal.ask("?") == "\N{REPLACEMENT CHARACTER}"


def test_an_input_that_ends_answers_nothing(pipe):
    terminal, keyboard, _ = pipe
    keyboard.write(b"half a line")
    keyboard.close()
    with pytest.raises(Ended, match="the input has ended"):
        terminal.ask("?")
    assert terminal.is_pressed(0.0)


def test_a_key_is_noticed_and_is_no_answer(pipe):
    terminal, keyboard, _ = pipe
    with terminal.keys():
        assert not terminal.is_pressed(0.01)
        keyboard.write(b"x")
        assert terminal.is_pressed(0.0)
    assert not terminal.is_pressed(0.0)
    keyboard.write(b"1\n")
    assert terminal.ask("?") == "1"


def test_what_was_typed_before_is_a_key(pipe):
    """Whoever types ahead does not watch the car."""
    terminal, keyboard, _ = pipe
    keyboard.write(b"1\n2\n")
    assert terminal.ask("?") == "1"
    with terminal.keys():
        assert terminal.is_pressed(10.0)
    keyboard.write(b"3\n")
    assert terminal.ask("?") == "3"


@pytest.mark.parametrize("number", ENDINGS)
def test_a_signal_ends_the_answers(pipe, number):
    terminal, keyboard, _ = pipe
    before = {number: signal.getsignal(number) for number in ENDINGS}
    try:
        terminal.catch_signals()
        keyboard.write(b"1\n")
        assert not terminal.end
        os.kill(os.getpid(), number)
        assert terminal.is_pressed(10.0)
        with pytest.raises(Ended, match=number.name):
            terminal.ask("?")
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def test_a_screen_that_is_lost_ends_the_answers():
    source, sink = os.pipe()
    other, keyboard = os.pipe()
    os.close(source)
    with os.fdopen(sink, "w", buffering=1) as screen:
        terminal = Terminal(other, screen)
        terminal.say("Hello")
        with pytest.raises(Ended, match="the terminal is lost"):
            terminal.ask("?")
        # What it could not write must not fail once more at its end.
        os.dup2(keyboard, sink)
    os.close(other)
    os.close(keyboard)
