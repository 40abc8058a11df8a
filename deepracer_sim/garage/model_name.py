"""What a model may be called: a name that is a folder's on any system, and a word on any command line."""

from __future__ import annotations

import re

from deepracer_sim.errors import ModelError

LONGEST = 64
"""Characters, as in the lab."""
RESERVED = {
    "con",
    "prn",
    "aux",
    "nul",
    *(f"{name}{number}" for name in ("com", "lpt") for number in range(10)),
}
"""Devices on Windows, where an archive may be unpacked."""
RULE = f"must be 1 to {LONGEST} letters a-z, A-Z, digits, - or _, the first one a letter or digit"


def check_name(name: str) -> str:
    """Return the name.

    Raises:
        ModelError: no model may be called so.
    """
    if not (re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]*", name) and len(name) <= LONGEST):
        near = suggested_name(name)
        raise ModelError(f"name={name[:100]!r}: {RULE}{f': perhaps {near}' if near else ''}")
    if name.lower() in RESERVED:
        raise ModelError(f"name={name!r}: is a device on Windows: choose another")
    return name


def suggested_name(text: str) -> str | None:
    """Return the name that is most like a text; None where there is none."""
    found = re.sub(r"[^A-Za-z0-9_-]+", "-", text.strip()).strip("-_")[:LONGEST].rstrip("-_")
    return f"{found}-1" if found.lower() in RESERVED else found or None
