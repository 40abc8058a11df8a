"""A console as a process of its own, and pages of it in a browser."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from contextlib import contextmanager

from deepracer_program import ENVIRONMENT


@contextmanager
def served(folder, *options, **environment):
    """Start a console on a free port; give its address.

    Args:
        folder: its models are in models/, its races in races/.
        options: of the command.
        environment: further variables.
    """
    words = [sys.executable, "-m", "deepracer_sim.cli", "console", "--no-open", "--port", "0"]
    folders = ["--store", str(folder / "models"), "--races", str(folder / "races")]
    program = subprocess.Popen(
        [*words, *folders, *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**ENVIRONMENT, **environment},
    )
    said = []
    try:
        for line in program.stdout:
            said.append(line)
            if found := re.search(r"http://\S+:\d+", line):
                break
        else:
            raise AssertionError("".join(said))
        yield found.group()
    finally:
        program.send_signal(signal.SIGINT)
        said.append(program.communicate(timeout=20)[0])
    assert "Traceback" not in "".join(said), "".join(said)


@contextmanager
def opened(browser, url, path="/", width=1280, height=800, **context):
    """A page of a console; errors in its scripts are errors at the end.

    Args:
        browser: started, see browser.py.
        url: of the console.
        path: of the page.
        width: of the window, pixels.
        height: of the window.
        context: as for playwright's `new_context`: `color_scheme`, ...
    """
    problems = []
    place = browser.new_context(viewport={"width": width, "height": height}, **context)
    try:
        page = place.new_page()
        page.on("console", lambda message: message.type == "error" and problems.append(message.text))
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on(
            "request",
            lambda request: (
                request.url.startswith(("http", "ws"))
                and request.url.split("://")[1].split("/")[0] != url.split("://")[1]
                and problems.append(request.url)
            ),
        )
        page.goto(url + path)
        page.wait_for_selector(".page-title")
        yield page
    finally:
        place.close()
    assert problems == []
