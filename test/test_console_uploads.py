"""Models that go out of the console and come in: a real console, in a real browser."""

from __future__ import annotations

import json
import os
import re
import socket
from pathlib import Path

import pytest

pytest.importorskip("nicegui")
pytest.importorskip("playwright")

import browser
from console_server import opened, served
from model_rows import choose, row
from onnx_models import metadata, network_bytes
from playwright.sync_api import expect
from small_runs import circle_track, small_settings

from deepracer_sim.console.models.model_upload import safe_name
from deepracer_sim.console.upload_limit import MOST_BYTES
from deepracer_sim.errors import ModelError
from deepracer_sim.garage.definition import ModelDefinition
from deepracer_sim.garage.model_import import import_model
from deepracer_sim.garage.model_store import ModelStore
from deepracer_sim.garage.model_training import train
from deepracer_sim.garage.stored_model import Status

in_browser = pytest.mark.skipif(browser.program() is None, reason=browser.REASON)
TAGS = "<img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where the console's models, downloads and uploads are."""
    return tmp_path_factory.mktemp("console")


@pytest.fixture(scope="module")
def store(folder, tmp_path_factory, fast):
    """A trained model."""
    models = ModelStore(folder / "models")
    circle = circle_track(tmp_path_factory.mktemp("track"))
    train(models.create("ready", ModelDefinition.packed(small_settings(circle, 3))))
    return models


@pytest.fixture(scope="module")
def url(folder, store):
    (folder / "temporary").mkdir()
    with served(folder, TMPDIR=str(folder / "temporary")) as address:
        yield address


@in_browser
def test_a_downloaded_model_can_be_imported_elsewhere_and_through_the_page(chromium, url, store, tmp_path):
    archive = tmp_path / "ready.tar.gz"
    with opened(chromium, url) as page:
        with page.expect_download(timeout=60_000) as download:
            choose(page, "ready", "Download")
        assert download.value.suggested_filename == "ready.tar.gz"
        download.value.save_as(archive)
    arrived = import_model(ModelStore(tmp_path / "other"), archive)
    assert arrived.status is Status.READY
    assert arrived.definition == store.open("ready").definition

    with opened(chromium, url) as page:
        page.get_by_role("button", name="Import").click()
        dialog = page.get_by_role("dialog")
        dialog.locator("input[type=file]").set_input_files(archive)
        name = dialog.get_by_label("Name")
        expect(name).to_have_value("ready")
        dialog.get_by_role("button", name="Import").click()
        expect(dialog.get_by_text("there is a model 'ready' already")).to_be_visible()
        name.fill("back-again")
        name.press("Enter")
        expect(row(page, "back-again").locator(".chip")).to_have_text("Ready", timeout=60_000)
        expect(dialog).to_have_count(0)
    assert store.open("back-again").completion == store.open("ready").completion
    assert not any((store.path.parent / ".console/uploads").iterdir())


@in_browser
def test_files_of_a_model_are_imported_and_notes_are_shown(chromium, url, store, tmp_path):
    (tmp_path / "model.onnx").write_bytes(network_bytes(shape=("batch", 24, 32, 1)))
    (tmp_path / "model_metadata.json").write_text(json.dumps(metadata()))
    (tmp_path / "hyperparameters.json").write_text(json.dumps({"lr": 0.0003, "sac_alpha": 0.2}))
    with opened(chromium, url) as page:
        page.get_by_role("button", name="Import").click()
        dialog = page.get_by_role("dialog")
        files = dialog.locator("input[type=file]")
        files.set_input_files(tmp_path / "model.onnx")
        expect(dialog.get_by_role("button", name="Import")).to_be_enabled()
        files.set_input_files([tmp_path / "model_metadata.json", tmp_path / "hyperparameters.json"])
        expect(dialog.locator(".q-uploader__file--uploaded")).to_have_count(3)
        dialog.get_by_label("Name").fill("parts")
        dialog.get_by_label("Track to train on").click()
        page.get_by_role("option", name="Bowtie").click()
        dialog.get_by_role("button", name="Import").click()
        expect(row(page, "parts")).to_contain_text("Bowtie", timeout=60_000)
        expect(page.get_by_text("of SAC; training here is PPO")).to_be_visible()
    assert store.open("parts").has_policy


@in_browser
def test_a_damaged_upload_is_refused_in_words(chromium, url, store, tmp_path):
    evil = tmp_path / f"{TAGS}.tar.gz"
    evil.write_bytes(b"\x1f\x8bno archive")
    other = tmp_path / "notes.txt"
    other.write_text("no model")
    part = tmp_path / "model.onnx"
    part.write_bytes(b"")
    with opened(chromium, url) as page:
        page.get_by_role("button", name="Import").click()
        dialog = page.get_by_role("dialog")
        files, alert = dialog.locator("input[type=file]"), dialog.get_by_role("alert")
        files.set_input_files(other)
        expect(alert.filter(has_text="must end in .tar.gz")).to_be_visible()
        files.set_input_files([evil, part])
        expect(alert.filter(has_text="choose one archive")).to_be_visible()
        files.set_input_files(evil)
        expect(dialog.get_by_label("Name")).to_have_value("img-src-x-onerror-alert-1")
        dialog.get_by_role("button", name="Import").click()
        damage = alert.filter(has_text="damaged, or no .tar.gz")
        expect(damage).to_be_visible(timeout=60_000)
        assert damage.inner_text().startswith(f"{TAGS}.tar.gz: ")
        assert page.locator("img").count() == 0
        dialog.get_by_role("button", name="Cancel").click()
        expect(dialog).to_have_count(0)
    assert not store.has("img-src-x-onerror-alert-1")
    assert not any((store.path.parent / ".console/uploads").iterdir())


def upload_request(chromium, url):
    """The path that a page's uploads go to; it works as long as the page is open."""
    with opened(chromium, url) as page:
        page.get_by_role("button", name="Import").click()
        with page.expect_request("**/upload/*") as request:
            page.locator("input[type=file]").set_input_files(
                {"name": "a.tar.gz", "mimeType": "application/gzip", "buffer": b"x"}
            )
        yield request.value.url.removeprefix(url)


def answer_to(url, head, body=()):
    """Send a request bit by bit until it is answered; return the status line and how much was sent."""
    host, port = url.removeprefix("http://").split(":")
    sent = 0
    with socket.create_connection(("127.0.0.1", int(port)), timeout=30) as connection:
        connection.sendall(f"{head}\r\nHost: {host}:{port}\r\nOrigin: {url}\r\n".encode())
        connection.sendall(b"Content-Type: multipart/form-data; boundary=cut\r\n\r\n")
        try:
            for part in body:
                connection.sendall(part)
                sent += len(part)
        except OSError:
            pass  # it was answered, and closed
        return connection.makefile("rb").readline().decode().strip(), sent


def peak_memory():
    """The most memory that the console has had, bytes; its process is the one that the tests have started."""
    children = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split()
    consoles = [pid for pid in children if b"console" in Path(f"/proc/{pid}/cmdline").read_bytes()]
    return max(
        int(re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())[1]) << 10
        for pid in consoles
    )


@in_browser
def test_an_upload_of_200_mb_is_refused_early(chromium, url, folder):
    before = peak_memory()
    for path in upload_request(chromium, url):
        status, _ = answer_to(url, f"POST {path} HTTP/1.1\r\nContent-Length: {200 << 20}")
        assert status == "HTTP/1.1 413 Request Entity Too Large"

        start = b'--cut\r\nContent-Disposition: form-data; name="f"; filename="f.tar.gz"\r\n\r\n'
        part = b"100000\r\n" + bytes(1 << 20) + b"\r\n"
        body = [b"%x\r\n%s\r\n" % (len(start), start), *[part] * 200]
        status, sent = answer_to(url, f"POST {path} HTTP/1.1\r\nTransfer-Encoding: chunked", body)
        assert status.startswith("HTTP/1.1 413")
        assert sent < MOST_BYTES + (40 << 20)  # what lies in buffers on the way
    assert peak_memory() - before < 60 << 20
    kept = [path.stat().st_size for path in (folder / "temporary").rglob("*") if path.is_file()]
    assert sum(kept) < 1 << 20


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("my model (1).tar.gz", "my-model-1.tar.gz"),
        ("../../etc/passwd.tgz", "passwd.tgz"),
        ("model_metadata.json", "model_metadata.json"),
        (".tar", "model.tar"),
        ("\0\n.onnx", "model.onnx"),
    ],
)
def test_names_of_uploads_are_made_safe(name, safe):
    assert safe_name(name) == safe


@pytest.mark.parametrize("name", ["model.exe", "", "tar.gz.zip"])
def test_other_files_are_refused(name):
    with pytest.raises(ModelError, match=r"end in \.tar\.gz"):
        safe_name(name)
