"""The page on the car: its table of parameters, and the names that it tells people to type."""

from __future__ import annotations

import re
from pathlib import Path

from deepracer_inference.parameters import SETTINGS

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "car.md").read_text()


def row(setting):
    default = f"`{setting.default}`" if setting.default != "" else ""
    numbers = "" if isinstance(setting.default, str) else f"{setting.low:g} to {setting.high:g}"
    span = ", ".join(setting.choices) or numbers
    return f"| `{setting.name}` | {default} | {span} | {setting.change} | {setting.description} |"


def test_the_parameters_are_the_nodes():
    table = PAGE.split("<!-- parameters of inference_node -->\n")[1].split("<!-- end -->")[0]
    assert table.splitlines()[2:] == [row(setting) for setting in SETTINGS]


def test_services_are_the_nodes():
    services = (ROOT / "deepracer_inference" / "ros" / "car_services.py").read_text()
    named = set(re.findall(r"/inference_node/(\w+) \w+/srv", PAGE))
    assert len(named) == 4 and all(f'"~/{name}"' in services for name in named)
