"""Who gets in: names of the host, origins, the password; asked of a real console."""

from __future__ import annotations

import http.client
import json
import os
import stat
import subprocess
import sys
from urllib.parse import urlsplit

import pytest

pytest.importorskip("nicegui")

from console_server import served
from deepracer_program import ENVIRONMENT
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from deepracer_sim.console.guard import COOKIE, is_loopback

PASSWORD = "a fine long password"
SOCKET = "/_nicegui_ws/socket.io/?EIO=4&transport=websocket"


def ask(url, path="/", method="GET", body=None, **headers):
    """The status, headers and text of an answer."""
    place = urlsplit(url)
    connection = http.client.HTTPConnection(place.hostname, place.port, timeout=20)
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(method, path, body=body, headers=names)
    answer = connection.getresponse()
    text = answer.read().decode("utf-8", "replace")
    connection.close()
    return answer.status, answer.headers, text


def shake_hands(url, **headers):
    """Open a WebSocket as a browser would; True if it is taken."""
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    origin = names.pop("Origin", None)
    try:
        with connect(url.replace("http", "ws") + SOCKET, origin=origin, additional_headers=names) as socket:
            return socket.recv(timeout=10).startswith("0{")
    except InvalidStatus as refusal:
        assert refusal.response.status_code == 403
        return False


@pytest.fixture(scope="module")
def local(tmp_path_factory):
    """A console for this machine."""
    with served(tmp_path_factory.mktemp("local")) as url:
        yield url


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A user's folder with a password set by the program."""
    home = tmp_path_factory.mktemp("home")
    ended = set_password(home, PASSWORD)
    assert ended.returncode == 0, ended.stderr
    return home


@pytest.fixture(scope="module")
def public(home):
    """A console for all machines."""
    with served(home, "--host", "0.0.0.0", XDG_CONFIG_HOME=str(home)) as url:
        yield url.replace("0.0.0.0", "127.0.0.1")


def set_password(home, password):
    words = [sys.executable, "-m", "deepracer_sim.cli", "console", "--set-password"]
    environment = {**ENVIRONMENT, "XDG_CONFIG_HOME": str(home)}
    return subprocess.run(words, input=password + "\n", env=environment, capture_output=True, text=True)


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost", "LOCALHOST"])
def test_this_machine_under_its_own_names(local, name):
    port = urlsplit(local).port
    status, headers, text = ask(local, Host=f"{name}:{port}")
    assert status == 200 and "Models" in text
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "SAMEORIGIN"
    assert ask(local, Host=name)[0] == 200


@pytest.mark.parametrize("name", ["deepracer.example:80", "localhost.example", "127.0.0.1.example:8080", ""])
def test_another_name_is_refused(local, name):
    """A foreign page may have its own name lead to this machine."""
    status, _, text = ask(local, Host=name)
    assert status == 403 and "Models" not in text


def test_changes_come_from_own_pages_only(local):
    assert ask(local, method="POST", Origin="http://foreign.example")[0] == 403
    assert ask(local, method="POST", Origin="null")[0] == 403
    assert ask(local, method="POST", Origin=local)[0] == 405
    assert ask(local, method="POST", Origin=f"http://localhost:{urlsplit(local).port + 1}")[0] == 403


def test_a_websocket_is_for_own_pages_only(local):
    assert shake_hands(local, Origin=local)
    assert not shake_hands(local, Origin="http://foreign.example")
    assert not shake_hands(local)


def test_a_local_console_asks_for_no_password(local):
    status, headers, _ = ask(local, "/login")
    assert (status, headers["Location"]) == (303, "/")


def test_without_a_password_other_machines_are_refused(tmp_path):
    words = [sys.executable, "-m", "deepracer_sim.cli", "console", "--no-open", "--host", "0.0.0.0"]
    environment = {**ENVIRONMENT, "XDG_CONFIG_HOME": str(tmp_path)}
    ended = subprocess.run([*words, "--port", "0"], env=environment, capture_output=True, text=True)
    assert ended.returncode == 2 and ended.stdout == ""
    assert "--host=0.0.0.0: other machines could use the console: set a password first" in ended.stderr


def test_a_damaged_hash_is_found_at_the_start(tmp_path):
    assert set_password(tmp_path, PASSWORD).returncode == 0
    (file,) = tmp_path.rglob("*.json")
    file.write_text("{}")
    words = [sys.executable, "-m", "deepracer_sim.cli", "console", "--no-open", "--host", "0.0.0.0"]
    environment = {**ENVIRONMENT, "XDG_CONFIG_HOME": str(tmp_path)}
    ended = subprocess.run([*words, "--port", "0"], env=environment, capture_output=True, text=True)
    assert ended.returncode == 2 and f"{file} is damaged: set the password again" in ended.stderr


@pytest.mark.parametrize("password", ["short", "x" * 201])
def test_a_password_has_limits(tmp_path, password):
    ended = set_password(tmp_path, password)
    assert ended.returncode == 2 and "must have from 10 to 200" in ended.stderr
    assert list(tmp_path.rglob("*.json")) == []


def test_only_the_hash_is_kept_and_only_for_the_owner(home):
    (file,) = home.rglob("*.json")
    assert stat.S_IMODE(os.stat(file).st_mode) == 0o600
    content = json.loads(file.read_text())
    assert PASSWORD not in file.read_text() and len(bytes.fromhex(content["salt"])) == 16
    assert set_password(home, PASSWORD).returncode == 0
    assert json.loads(file.read_text())["hash"] != content["hash"]


def test_nothing_without_the_password(public):
    for path in ("/", "/create", "/models/x", "/static/console.css"):
        status, headers, text = ask(public, path)
        assert (status, headers["Location"], text) == (303, "/login", "")
    for path in ("/_nicegui/auto/static/nicegui.js", "/_nicegui_ws/socket.io/?EIO=4&transport=polling"):
        assert ask(public, path)[0] == 403
    assert not shake_hands(public, Origin=public)
    assert not shake_hands(public, Origin=public, Cookie=f"{COOKIE}=made-up")
    assert not shake_hands(public, Origin=public, Cookie='a="; =;;{}')


def test_the_password_opens_a_session_that_logging_out_ends(public):
    status, headers, text = ask(public, "/login", "POST", "password=wrong")
    assert status == 403 and "This is not the password" in text and "Set-Cookie" not in headers
    status, headers, _ = ask(public, "/login", "POST", "password=a+fine+long+password", Origin=public)
    assert (status, headers["Location"]) == (303, "/")
    parts = headers["Set-Cookie"].split("; ")
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(parts)
    cookie = parts[0]
    assert ask(public, "/", Cookie=cookie)[0] == 200
    assert shake_hands(public, Origin=public, Cookie=cookie)
    assert not shake_hands(public, Origin="http://foreign.example", Cookie=cookie)
    assert ask(public, "/logout", Cookie=cookie)[0] == 303
    assert ask(public, "/", Cookie=cookie)[0] == 303


def test_a_login_from_a_foreign_page_is_refused(public):
    status, _, _ = ask(
        public, "/login", "POST", "password=a+fine+long+password", Origin="http://foreign.example"
    )
    assert status == 403


def test_a_huge_login_is_not_read_to_its_end(public):
    assert ask(public, "/login", "POST", "password=" + "x" * 1_000_000)[0] == 403


@pytest.mark.parametrize(
    ("host", "is_own"),
    [
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("192.0.2.7", False),
        ("deepracer.example", False),
    ],
)
def test_loopback(host, is_own):
    assert is_loopback(host) is is_own
