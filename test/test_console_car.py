"""The console's page for the car, with a real inference node over real DDS."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import pytest

pytest.importorskip("nicegui")
pytest.importorskip("playwright")
pytest.importorskip("rclpy", reason="ROS 2 is not installed: make ros")

import browser
from car_peer import NAME, Car, save_model
from console_server import opened, served
from deepracer_interfaces_pkg.srv import InferenceStateSrv
from ros_nodes import new_domain, node
from ros_peer import Peer

pytestmark = pytest.mark.skipif(browser.program() is None, reason=browser.REASON)

HERTZ = 20.0
PATIENCE = 20.0
STOP = "Stop the car"


@pytest.fixture
def domain():
    return new_domain()


@pytest.fixture
def console(tmp_path, domain):
    with served(tmp_path, ROS_DOMAIN_ID=str(domain), ROS_AUTOMATIC_DISCOVERY_RANGE="LOCALHOST") as url:
        yield url


class Road:
    """A car whose camera sends pictures, until it is told to end."""

    def __init__(self, car):
        self.car, self._ended = car, threading.Event()
        self._thread = threading.Thread(target=self._show)
        self._thread.start()

    def _show(self):
        publisher = self.car.peer.node.create_publisher(type(self.car.picture()), self.car.topic, 1)
        while not self._ended.is_set():
            publisher.publish(self.car.picture())
            self.car.peer.spin(1 / HERTZ)

    @property
    def throttle(self):
        return self.car.commands[-1][2] if self.car.commands else None

    def wait_for(self, is_so, what):
        deadline = time.monotonic() + PATIENCE
        while not is_so():
            assert time.monotonic() < deadline, f"{what}: {self.car.commands[-3:]}\n{self.car.process.text()}"
            time.sleep(0.02)

    def wait_until_driving(self):
        self.wait_for(lambda: (self.throttle or 0.0) > 0.2, "it does not drive")

    def wait_until_standing(self):
        self.wait_for(lambda: self.throttle == 0.0, "it does not stop")

    def end(self):
        self._ended.set()
        self._thread.join()
        self.car.close()


@contextmanager
def on_the_road(domain, folder, **parameters):
    """An inference node with its camera."""
    model = save_model(folder / "model")
    with node("deepracer_inference.inference_node", domain, folder, model=model, **parameters) as process:
        road = Road(Car(process, domain))
        try:
            yield road
        finally:
            road.end()


def processes(words, domain):
    """Numbers of the processes of a domain whose command line has all words."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            line, environment = (folder / "cmdline").read_bytes(), (folder / "environ").read_bytes()
        except OSError:
            continue
        is_of_domain = f"ROS_DOMAIN_ID={domain}\0".encode() in environment
        if is_of_domain and all(word.encode() in line for word in words):
            found.append(int(folder.name))
    return found


def start(page):
    """Start the car as a newcomer does."""
    page.get_by_text("Ready: it stands").wait_for()
    page.get_by_role("button", name="Start", exact=True).click()
    page.get_by_text("Throttle cap: 0.50").wait_for()
    page.get_by_role("button", name="Start driving").click()
    page.get_by_role("button", name=STOP).wait_for()


def press_stop(console):
    """Stop without a browser; return the answer and the seconds that it took."""
    begin = time.monotonic()
    request = urllib.request.Request(f"{console}/car/stop", method="POST")
    with urllib.request.urlopen(request) as answer:
        return json.loads(answer.read()), time.monotonic() - begin


def test_a_car_is_found_seen_capped_started_and_stopped_from_another_page(
    chromium, console, domain, tmp_path
):
    assert processes(["car_bridge"], domain) == []
    with opened(chromium, console, "/car") as page:
        page.get_by_text("Not connected").wait_for()
        page.get_by_text(f"ROS_DOMAIN_ID; it is {domain} here").wait_for()
        page.get_by_role("button", name="How to connect a car").click()
        page.get_by_text("docs/car.md").wait_for()
        page.get_by_role("button", name="Close").click()
        assert page.get_by_role("button", name=STOP).is_hidden()
        with on_the_road(domain, tmp_path) as road:
            page.get_by_text("Ready: it stands").wait_for()
            page.wait_for_function("() => document.querySelector('car-camera img').naturalWidth === 48")
            picture = page.locator("car-camera img").get_attribute("src")
            page.wait_for_function(
                "before => document.querySelector('car-camera img').src !== before", arg=picture
            )
            cap = page.locator(".car-cap").first
            page.wait_for_function("() => document.querySelector('cap-slider input').value === '0.5'")
            page.get_by_role("slider").focus()
            for _ in range(10):
                page.keyboard.press("ArrowLeft")
            page.wait_for_function("() => document.querySelector('.car-cap').textContent === '0.40'")
            for _ in range(10):
                page.keyboard.press("ArrowRight")
            page.wait_for_function("() => document.querySelector('.car-cap').textContent === '0.50'")
            assert road.car.commands == []
            start(page)
            road.wait_until_driving()
            page.get_by_text("Driving", exact=True).wait_for()
            assert cap.inner_text() == "0.50"
            with opened(chromium, console, "/races", 390, 844) as other:
                other.get_by_role("button", name=STOP).click()
                other.get_by_text("The car has confirmed: it stands.").wait_for()
                road.wait_until_standing()
                other.get_by_role("button", name=STOP).wait_for(state="hidden")
                assert [command[1:] for command in road.car.commands[-3:]] == [(0.0, 0.0)] * 3
                page.get_by_text("Ready: it stands").wait_for()
                # Here the question was answered before.
                page.get_by_role("button", name="Start", exact=True).click()
                other.get_by_role("button", name=STOP).wait_for()
                road.wait_until_driving()
                other.get_by_role("button", name="Create race").click()
                other.get_by_role("dialog").wait_for()
                other.keyboard.press("Escape")
                other.get_by_text("The car has confirmed: it stands.").wait_for()
                road.wait_until_standing()


def test_a_cap_that_the_car_refuses_is_not_shown_as_its_cap(chromium, console, domain, tmp_path):
    with on_the_road(domain, tmp_path, output="results"), opened(chromium, console, "/car") as page:
        page.get_by_text("Ready: it stands").wait_for()
        page.wait_for_function("() => document.querySelector('.car-cap').textContent === '0.50'")
        page.get_by_role("slider").focus()
        page.keyboard.press("ArrowRight")
        page.get_by_text("The car has refused 0.51").wait_for()
        assert page.locator(".car-cap").first.inner_text() == "0.50"
        page.wait_for_function("() => document.querySelector('cap-slider input').value === '0.5'")


def test_a_node_that_is_killed_or_hangs_while_it_drives_is_told_loudly(chromium, console, domain, tmp_path):
    with opened(chromium, console, "/car") as page, on_the_road(domain, tmp_path) as road:
        start(page)
        road.wait_until_driving()
        road.car.process.process.send_signal(signal.SIGSTOP)
        answer, seconds = press_stop(console)
        assert answer == {"stopped": False, "words": "The car has not answered. Switch it off by hand."}
        assert 1.0 <= seconds < 2.0
        page.get_by_role("alert").get_by_text("Switch it off by hand.").wait_for()
        road.car.process.process.send_signal(signal.SIGCONT)
        # The stop was not forgotten.
        page.get_by_role("button", name=STOP).wait_for(state="hidden")
        page.get_by_text("Switch it off by hand.").wait_for(state="hidden")
        road.wait_until_standing()
        page.get_by_role("button", name="Start", exact=True).click()
        page.get_by_role("button", name=STOP).wait_for()
        road.wait_until_driving()
        with opened(chromium, console, "/tracks") as other:
            road.car.process.process.kill()
            for watcher in (page, other):
                watcher.get_by_role("alert").get_by_text(
                    "The car was driving, and has not answered"
                ).wait_for()
            other.get_by_role("button", name="It is off").click()
            for watcher in (page, other):
                watcher.get_by_role("button", name=STOP).wait_for(state="hidden")
            page.get_by_text("Not connected").wait_for()


def test_a_bridge_that_dies_is_replaced_and_then_stops_the_car(chromium, console, domain, tmp_path):
    with opened(chromium, console, "/car") as page, on_the_road(domain, tmp_path) as road:
        start(page)
        road.wait_until_driving()
        [bridge] = processes(["car_bridge"], domain)
        os.kill(bridge, signal.SIGKILL)
        page.get_by_role("alert").get_by_text("The console has lost the car").wait_for()
        assert press_stop(console)[0]["stopped"] is False
        page.get_by_role("alert").get_by_text("Switch it off by hand.").wait_for()
        # There is a new one in the meantime, which has not forgotten the stop.
        road.wait_until_standing()
        page.get_by_role("button", name=STOP).wait_for(state="hidden")
        page.get_by_text("Switch it off by hand.").wait_for(state="hidden")
        assert processes(["car_bridge"], domain) not in ([], [bridge])


def test_a_console_that_is_killed_leaves_no_car_driving(chromium, console, domain, tmp_path):
    with on_the_road(domain, tmp_path) as road:
        place = chromium.new_context()
        page = place.new_page()
        page.goto(f"{console}/car")
        start(page)
        road.wait_until_driving()
        [server] = processes(["deepracer_sim.cli", "console"], domain)
        os.kill(server, signal.SIGKILL)
        road.wait_until_standing()
        road.wait_for(lambda: processes(["car_bridge"], domain) == [], "the bridge goes on")
        page.keyboard.press("Escape")
        page.get_by_text("The console has not answered. Switch the car off by hand.").wait_for()
        place.close()


def test_a_car_nobody_looks_at_is_stopped_unless_others_have_started_it(chromium, console, domain, tmp_path):
    with on_the_road(domain, tmp_path) as road:
        with opened(chromium, console, "/car") as page:
            start(page)
            road.wait_until_driving()
            page.goto(f"{console}/races")  # from page to page it goes on
            page.get_by_role("button", name=STOP).wait_for()
            assert road.throttle > 0.2
        left = time.monotonic()
        road.wait_until_standing()
        assert 3.0 < time.monotonic() - left < 9.0
        with opened(chromium, console, "/car") as page:
            page.get_by_text("nobody had a page of the console open").wait_for()
        other = Peer(domain, road.car.process)
        try:
            started = other.ask(
                InferenceStateSrv, f"{NAME}/inference_state", InferenceStateSrv.Request(start=1)
            )
            assert started.error == 0
            road.wait_until_driving()
            begin = time.monotonic()
            road.wait_for(lambda: time.monotonic() > begin + 6.0 or road.throttle == 0.0, "")
            assert road.throttle > 0.2
        finally:
            other.close()


def test_without_ros_the_page_says_so(chromium, tmp_path):
    # As if it were not installed: whoever imports it finds nothing.
    (tmp_path / "sitecustomize.py").write_text(
        "import sys\n"
        "class NoRos:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'rclpy':\n"
        "            raise ModuleNotFoundError(\"No module named 'rclpy'\", name=name)\n"
        "sys.meta_path.insert(0, NoRos())\n"
    )
    root = Path(__file__).resolve().parent.parent
    with (
        served(tmp_path, PYTHONPATH=f"{tmp_path}:{root}") as url,
        opened(chromium, url, "/car") as page,
    ):
        page.get_by_text("Not connected").wait_for()
        page.get_by_text("ROS 2 is not installed here (No module named 'rclpy').").wait_for()
        page.get_by_role("button", name="Look again").wait_for()
        assert press_stop(url)[0]["stopped"] is False
