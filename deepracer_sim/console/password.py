"""The password that protects a console which other machines can reach: only its hash is kept."""

from __future__ import annotations

import getpass
import hashlib
import hmac
import json
import os
import secrets
import sys
from pathlib import Path

from deepracer_sim.errors import SettingError
from deepracer_sim.file_replacement import replacing

SHORTEST, LONGEST = 10, 200
"""Characters."""
COST = {"n": 2**15, "r": 8, "p": 3}
"""Of scrypt, as OWASP's cheat sheet on password storage has it: 32 MiB, some tenths of a second."""
MEMORY = 64 << 20


def password_file() -> Path:
    """Return where the hash is kept."""
    from platformdirs import user_config_path

    return user_config_path("deepracer", appauthor=False) / "console_password.json"


def ask_for_password() -> Path:
    """Ask at the terminal, or read a line from a pipe; return where the hash is now.

    Raises:
        SettingError: it is too short or too long, or not the same twice.
    """
    if sys.stdin.isatty():
        password = getpass.getpass("Password of the console: ")
        if getpass.getpass("Once more: ") != password:
            raise SettingError("these were two different passwords: nothing has changed")
    else:
        password = sys.stdin.readline().rstrip("\n")
    return keep_password(password)


def keep_password(password: str) -> Path:
    """Keep a password's hash; return where.

    Raises:
        SettingError: the password is too short or too long.
    """
    if not SHORTEST <= len(password) <= LONGEST:
        raise SettingError(
            f"a password of {len(password)} characters: must have from {SHORTEST} to {LONGEST}"
        )
    salt = secrets.token_bytes(16)
    content = {**COST, "salt": salt.hex(), "hash": _hash(password, salt, COST).hex()}
    file = password_file()
    file.parent.mkdir(parents=True, exist_ok=True)
    with replacing(file) as temporary:
        temporary.touch(mode=0o600)
        temporary.write_text(json.dumps(content), encoding="utf-8")
    return file


def has_password() -> bool:
    """Tell whether a password was set."""
    return password_file().exists()


def is_password(password: str) -> bool:
    """Tell whether a password is the one that was set.

    Raises:
        SettingError: the file with the hash is damaged.
    """
    file = password_file()
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        salt, expected = bytes.fromhex(content["salt"]), bytes.fromhex(content["hash"])
        cost = {name: int(content[name]) for name in COST}
        found = _hash(password[: LONGEST + 1], salt, cost)
    except (OSError, ValueError, KeyError, TypeError) as error:
        way_out = "set the password again: deepracer console --set-password"
        raise SettingError(f"{file} is damaged: {way_out}") from error
    return hmac.compare_digest(found, expected)


def _hash(password: str, salt: bytes, cost: dict[str, int]) -> bytes:
    return hashlib.scrypt(os.fsencode(password), salt=salt, maxmem=MEMORY, dklen=32, **cost)
