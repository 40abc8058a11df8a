"""A model's definition as one YAML file, which people write and every model can print."""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from deepracer_sim.errors import ModelError
from deepracer_sim.garage.definition import ACTIONS, REWARD, ModelDefinition, json_bytes, with_files
from deepracer_sim.garage.model_name import check_name
from deepracer_sim.profiles import PROFILES, for_gazebo
from deepracer_sim.settings import TrainSettings, describe

MOST_BYTES = 2_000_000
SOURCE, ACTION_SPACE = "reward_function", "action_space"
"""Keys of what other settings name files for: the reward's source, AWS's list of actions."""


def read_definition(path: Path) -> tuple[str, ModelDefinition]:
    """Read a model's name and definition from a YAML file.

    It has the settings of `TrainSettings`, those that it leaves out at the defaults of its `profile` (fast if
    absent), and may have `name` (the file's if absent), `description`, `reward_function` (the source, in
    place of the path `reward`) and `action_space` (AWS's list, in place of `actions`). Paths are relative to
    the file.

    Raises:
        DeepRacerError: the file, or one that it names, cannot be read, or a setting is unknown or out of its
            range.
    """
    return parse_definition(path, load_yaml(path))


def parse_definition(path: Path, content: dict[str, Any]) -> tuple[str, ModelDefinition]:
    """Return a model's name and definition from what a YAML file holds, see `read_definition`.

    Args:
        path: of the file; others are relative to it.
        content: of the file.

    Raises:
        DeepRacerError: as for `read_definition`.
    """
    content = dict(content)
    name = check_name(_text(path, content, "name", path.stem))
    description = _text(path, content, "description", "")
    source, actions = content.pop(SOURCE, None), content.pop(ACTION_SPACE, None)
    settings = _settings(path, content)
    settings = with_files(settings, lambda file, _: str(path.parent / file))
    for key, value, other, setting in (
        (SOURCE, source, "reward", settings.reward),
        (ACTION_SPACE, actions, "actions.file", settings.actions.file),
    ):
        if value is not None and setting is not None:
            raise ModelError(f"{path}: has both {key} and {other}: leave one out")
    packed = ModelDefinition.packed(settings, description)
    files, origins = dict(packed.files), dict(packed.origins)
    settings = packed.settings
    if source is not None:
        files[REWARD] = _source_bytes(path, source)
        origins[REWARD] = f"{path}, {SOURCE}"
        settings = settings.replaced(reward=Path(REWARD))
    if actions is not None:
        files[ACTIONS] = _action_bytes(path, actions)
        origins[ACTIONS] = f"{path}, {ACTION_SPACE}"
        settings = settings.replaced(actions=settings.actions.replaced(file=Path(ACTIONS)))
    return name, ModelDefinition(settings, description, files, origins)


def format_definition(name: str, definition: ModelDefinition, folder: Path) -> str:
    """Return the YAML that `read_definition` reads.

    Args:
        name: of the model.
        definition: of the model.
        folder: where its files are; tracks of its own are named there, all else is in the YAML itself.

    Raises:
        ModelError: its reward function or action space is damaged.
    """
    placed = with_files(definition.settings, lambda path, _: str(folder / path))
    content = {"name": name, "description": definition.description, **placed.model_dump(mode="json")}
    del content["reward"], content["actions"]["file"]
    try:
        if ACTIONS in definition.files:
            content[ACTION_SPACE] = json.loads(definition.files[ACTIONS])
        if REWARD in definition.files:
            content[SOURCE] = definition.files[REWARD].decode("utf-8")
    except ValueError as error:
        raise ModelError(f"{name}: its reward function or action space is damaged: {error}") from error
    return yaml.dump(content, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)


class _Dumper(yaml.SafeDumper):
    """Writes texts of several lines as they are, and short lists on one line."""

    def ignore_aliases(self, data: Any) -> bool:
        return True

    def analyze_scalar(self, scalar: str) -> Any:
        """Let a source that is indented by tabs stay readable, too."""
        analysis = super().analyze_scalar(scalar.replace("\t", "x"))
        analysis.scalar = scalar
        return analysis


def _text_node(dumper: yaml.SafeDumper, text: str) -> yaml.Node:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


def _list_node(dumper: yaml.SafeDumper, values: list[Any]) -> yaml.Node:
    is_flat = not any(isinstance(value, (list, dict)) for value in values)
    return dumper.represent_sequence("tag:yaml.org,2002:seq", values, flow_style=is_flat)


_Dumper.add_representer(str, _text_node)
_Dumper.add_representer(list, _list_node)


class _Loader(yaml.SafeLoader):
    """Refuses what would be silently lost or grow without end: repeated keys, and aliases."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise yaml.MarkedYAMLError(
                problem="an alias (*): write the value out", problem_mark=self.peek_event().start_mark
            )
        return super().compose_node(parent, index)

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:
        content = super().construct_mapping(node, deep=deep)
        if len(content) != len(node.value):
            raise yaml.MarkedYAMLError(problem="a key appears twice", problem_mark=node.start_mark)
        return content


def load_yaml(path: Path) -> dict[str, Any]:
    """Return the mapping that a YAML file holds.

    Raises:
        ModelError: it cannot be read, or holds something else, a repeated key or an alias.
    """
    try:
        if path.stat().st_size > MOST_BYTES:
            raise ModelError(f"{path}: larger than {MOST_BYTES} bytes: no model's settings")
        content = yaml.load(path.read_text(encoding="utf-8-sig"), _Loader)
    except OSError as error:
        raise ModelError(f"{path}: cannot be read: {error.strerror or error}") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # also bytes that are not UTF-8
        raise ModelError(f"{path}: no valid YAML: {' '.join(str(error).split())}") from error
    if not isinstance(content, dict) or not all(isinstance(key, str) for key in content):
        raise ModelError(f"{path}: must hold settings, a `name: value` on each line")
    return content


def _text(path: Path, content: dict[str, Any], key: str, default: str) -> str:
    value = content.pop(key, default)
    if not isinstance(value, str):
        raise ModelError(f"{path}: {key}={value!r}: must be text; put it in quotes")
    return value


def _settings(path: Path, content: dict[str, Any]) -> TrainSettings:
    profile = content.pop("profile", "fast")
    if profile not in PROFILES:
        raise ModelError(f"{path}: profile={profile!r}: must be one of {', '.join(PROFILES)}")
    defaults = PROFILES[profile]()
    if content.get("world") == "gazebo":
        num_cars = content.get("num_cars")
        defaults = for_gazebo(defaults, num_cars if isinstance(num_cars, int) else None)
    if isinstance(content.get("track"), str):
        content["track"] = [content["track"]]
    values: dict[str, Any] = dict(defaults.model_dump())
    for key, value in content.items():
        is_group = isinstance(value, Mapping) and isinstance(values.get(key), Mapping)
        values[key] = {**values[key], **value} if is_group else value
    try:
        return TrainSettings(**values)
    except ValidationError as error:
        raise ModelError(f"{path}: {describe(error)}{_hint(error)}") from error


def _hint(error: ValidationError) -> str:
    """Name the setting that was perhaps meant by one that there is not."""
    known = {}
    for name, field in TrainSettings.model_fields.items():
        group: Any = field.annotation
        is_group = isinstance(group, type) and issubclass(group, BaseModel)
        known[name] = name
        known.update({key: f"{name}.{key}" for key in group.model_fields} if is_group else {})
    for item in error.errors():
        wrong = str(item["loc"][-1])
        near = difflib.get_close_matches(wrong, known, n=1, cutoff=0.7)
        if item["type"] == "extra_forbidden" and near:
            return f"; perhaps {known[near[0]]}"
    return ""


def _source_bytes(path: Path, source: Any) -> bytes:
    if not isinstance(source, str):
        raise ModelError(f"{path}: {SOURCE}: must be the source as text; begin it with `{SOURCE}: |`")
    try:
        return source.encode("utf-8")
    except UnicodeEncodeError as error:
        raise ModelError(f"{path}: {SOURCE}: {error}") from error


def _action_bytes(path: Path, actions: Any) -> bytes:
    from deepracer_inference.action_space import ActionSpaceError, DiscreteActionSpace

    try:
        return json_bytes(DiscreteActionSpace.from_json(actions).to_json())
    except ActionSpaceError as error:
        raise ModelError(f"{path}: {error}") from error
