"""Browsers that leave while a page is loading."""

from __future__ import annotations

import asyncio

import pytest

pytest.importorskip("nicegui")

from deepracer_sim.console.departure import UNANSWERED, Departure


def asked(message, error):
    """Ask an application that fails after it has heard from the browser."""

    async def application(scope, receive, send):
        await receive()
        raise error

    async def receive():
        return {"type": message}

    asyncio.run(Departure(application)({"type": "http"}, receive, None))


def test_who_has_gone_needs_no_answer():
    asked("http.disconnect", RuntimeError(UNANSWERED))


@pytest.mark.parametrize(
    ("message", "error"),
    [
        ("http.request", RuntimeError(UNANSWERED)),
        ("http.disconnect", RuntimeError("something else")),
        ("http.disconnect", ValueError(UNANSWERED)),
    ],
)
def test_other_faults_are_not_hidden(message, error):
    with pytest.raises(type(error), match=str(error)):
        asked(message, error)
