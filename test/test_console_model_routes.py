"""What the console serves of models besides pages: files of fixed names, and the live view's WebSocket."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import urllib.error
import urllib.request

import pytest

pytest.importorskip("nicegui")

from console_server import served
from deepracer_program import ENVIRONMENT
from small_models import definition

from deepracer_sim.garage.model_store import ModelStore
from deepracer_sim.live_file import LIVE, number_of


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """A model that has begun to train."""
    store = ModelStore(tmp_path_factory.mktemp("console") / "models")
    run = store.create("trained", definition()).run_path(1)
    (run / "checkpoints").mkdir(parents=True)
    (run / "checkpoints" / "iteration_00001.pt").write_bytes(b"")
    (run / "config.json").write_text(json.dumps(definition().settings.model_dump(mode="json")))
    columns = "iteration,seconds,evaluation_completion,evaluation_clean_runs,evaluation_lap_time"
    (run / "metrics.csv").write_text(f"{columns}\n1,2,,,\n")
    return store


@pytest.fixture(scope="module")
def url(store):
    with served(store.path.parent) as url:
        yield url


def test_files_are_served_by_their_names_only(url, store):
    def answer(path):
        try:
            with urllib.request.urlopen(url + path, timeout=20) as response:
                return response.status, response.read(), response.headers
        except urllib.error.HTTPError as error:
            return error.code, error.read(), error.headers

    assert answer("/models/absent")[0] == 404
    assert b"no model" in answer("/models/absent")[1]
    assert answer("/models/trained/report")[0] == 404
    run = store.open("trained").run_path(1)
    (run / "report.html").write_text("<h1>report</h1>")
    status, content, headers = answer("/models/trained/report")
    assert (status, content) == (200, b"<h1>report</h1>")
    assert headers["content-security-policy"].startswith("sandbox allow-scripts")
    evaluation = run / "evaluation-20300101000000"
    evaluation.mkdir()
    (evaluation / "evaluation.json").write_text("{}")
    (evaluation / "driven_lines.png").write_bytes(b"picture")
    key = "/models/trained/evaluations/1-20300101000000"
    assert answer(f"{key}/driven_lines.png")[:2] == (200, b"picture")
    (evaluation / "video.mp4").symlink_to(run / "config.json")
    for path in (
        "video.mp4",
        "evaluation.json",
        "..%2Fconfig.json",
        "%2e%2e/config.json",
        "driven_lines.png%00",
    ):
        assert answer(f"{key}/{path}")[0] == 404
    for path in ("%2e%2e", "..%2f..%2fsecret", "%2Fetc%2Fpasswd", "a%00b"):
        assert answer(f"/models/{path}")[0] in (
            200,
            404,
        )  # 200: the list of models, for that is what .. means
        assert b"root:" not in answer(f"/models/{path}")[1]
        assert answer(f"/models/{path}/report")[0] == 404


def within_a_minute(work):
    async def limited():
        return await asyncio.wait_for(work, 60)

    return asyncio.run(limited())


async def watch(url, name, seconds=0.0, origin=None):
    """The states that a browser gets; it may be slow at first."""
    from websockets.asyncio.client import connect

    place = url.replace("http", "ws") + f"/live/{name}"
    async with connect(place, origin=origin or url, max_size=None) as socket:
        await asyncio.sleep(seconds)
        return [number_of(await socket.recv()) for _ in range(5)]


def test_twenty_watch_at_once_and_nobody_else(url, store):
    from websockets.exceptions import ConnectionClosed, InvalidStatus

    file = store.open("trained").run_path(1) / LIVE
    writer = subprocess.Popen([sys.executable, "-c", WRITER, str(file)], env=ENVIRONMENT)
    try:

        async def twenty():
            return await asyncio.gather(
                *(watch(url, "trained", 1.0 if one == 0 else 0.0) for one in range(20))
            )

        slow, *others = within_a_minute(twenty())
        for numbers in (slow, *others):
            assert numbers == sorted(set(numbers))
            assert numbers[-1] - numbers[0] <= 50
        with pytest.raises((ConnectionClosed, InvalidStatus)):
            within_a_minute(watch(url, "trained", origin="http://evil.example"))
        with pytest.raises((ConnectionClosed, InvalidStatus)):
            within_a_minute(watch(url, "absent"))
    finally:
        writer.kill()
        writer.wait()
        file.unlink(missing_ok=True)


WRITER = """
import sys, time
from pathlib import Path
import numpy as np
from deepracer_sim.live_file import LiveFile
live = LiveFile(Path(sys.argv[1]), [0] * 64)
for step in range(10**6):
    live.write((step, 1), np.zeros((64, 4), np.float32), np.zeros((48, 64, 1), np.uint8))
    time.sleep(0.1)
"""
