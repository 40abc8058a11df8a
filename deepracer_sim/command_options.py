"""From the words of a command line to a call: options made of the settings, errors that list the choices."""

from __future__ import annotations

import contextlib
import difflib
import functools
import inspect
import io
import re
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from typing import Any

import tyro
from annotated_types import Ge, Gt, Le, Lt
from pydantic import ValidationError
from pydantic.fields import FieldInfo
from tyro.constructors import (
    ConstructorRegistry,
    StructConstructorSpec,
    StructFieldSpec,
    StructTypeInfo,
)

from deepracer_sim.errors import SettingError
from deepracer_sim.settings import Settings, TrainSettings, describe

Command = Callable[..., None]

REGISTRY = ConstructorRegistry()
"""Teaches tyro the settings: their ranges in the help, and their errors in one line."""
_IS_CHECKED = ContextVar("is_checked", default=True)
SIGNS = ((Ge, ">="), (Gt, ">"), (Le, "<="), (Lt, "<"))


@REGISTRY.struct_rule
def _settings_rule(info: StructTypeInfo) -> StructConstructorSpec | None:
    if not (isinstance(info.type, type) and issubclass(info.type, Settings)):
        return None
    model = info.type
    groups = [name for name, field in TrainSettings.model_fields.items() if field.annotation is model]

    def make(**values: Any) -> Settings:
        if not _IS_CHECKED.get():
            return model.model_construct(**values)
        try:
            return model(**values)
        except ValidationError as error:
            raise SettingError(".".join((*groups, describe(error)))) from error

    make.__doc__ = model.__doc__
    return StructConstructorSpec(
        make,
        tuple(
            StructFieldSpec(name, field.rebuild_annotation(), getattr(info.default, name), _help(field))
            for name, field in model.model_fields.items()
        ),
    )


def _help(field: FieldInfo) -> str:
    limits = [
        f"{sign} {getattr(entry, kind.__name__.lower()):g}"
        for kind, sign in SIGNS
        for entry in field.metadata
        if isinstance(entry, kind)
    ]
    return f"{field.description or ''}{', ' if limits else ''}{' and '.join(limits)}"


def parse(command: Command, program: str, words: Sequence[str]) -> Callable[[], None]:
    """Return the call that a command line asks for.

    Args:
        command: a function; its arguments become options, settings among them one option a field.
        program: what the user typed before the words.
        words: the rest of the line.

    Raises:
        SettingError: an option is unknown or a value is out of its range.
        SystemExit: help was asked for, or a value cannot be read; tyro has printed it.
    """
    call, unknown = tyro.cli(
        _deferred(command), prog=program, args=words, return_unknown_args=True, registry=REGISTRY
    )
    if unknown:
        names, options = [word for word in unknown if word.startswith("-")] or unknown, option_names(command)
        near = difflib.get_close_matches(names[0].replace("_", "-"), options, cutoff=0.7)
        hint = f"perhaps {' or '.join(near)}" if near else f"its options are {', '.join(options)}"
        raise SettingError(f"{program} does not know {' '.join(names)}: {hint}; {program} --help tells more")
    return call


def arguments_of(command: Command, program: str, words: Sequence[str]) -> dict[str, Any]:
    """Return what a command line gives for a command's arguments, before anything about it is checked.

    For commands whose defaults depend on some of their arguments, and settings on each other.

    Args:
        command: with any defaults.
        program: what the user typed before the words.
        words: the rest of the line.

    Raises:
        SettingError: an option is unknown.
        SystemExit: help was asked for, or a value cannot be read.
    """
    token = _IS_CHECKED.set(False)
    try:
        call: Any = parse(command, program, words)
    finally:
        _IS_CHECKED.reset(token)
    return dict(inspect.signature(command).bind(*call.args, **call.keywords).arguments)


def option_names(command: Command) -> list[str]:
    """Return the options of a command in the order of its help."""
    text = io.StringIO()
    with contextlib.redirect_stdout(text), contextlib.suppress(SystemExit):
        tyro.cli(_deferred(command), prog="", args=["--help"], registry=REGISTRY)
    names = re.findall(r"^\W*(?:\b\w\b.*?, )?(--[a-z][\w.-]*)", text.getvalue(), re.MULTILINE)
    return [name for name in names if name != "--help"]


def format_commands(program: str, about: str, commands: Mapping[str, Command]) -> str:
    """Return the help of a program or group of commands."""
    width = max(map(len, commands))
    lines = [
        f"  {name:{width}}  {(command.__doc__ or '').splitlines()[0]}" for name, command in commands.items()
    ]
    usage = f"usage: {program} COMMAND ..."
    return "\n".join(
        (usage, "", about, "", *lines, "", f"The options of a command: {program} COMMAND --help")
    )


def _deferred(command: Command) -> Callable[..., Callable[[], None]]:
    """Return a function with the arguments of `command` that only remembers them."""

    @functools.wraps(command)
    def remember(*arguments: Any, **options: Any) -> Callable[[], None]:
        return functools.partial(command, *arguments, **options)

    return remember
