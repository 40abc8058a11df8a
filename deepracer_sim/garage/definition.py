"""What defines a model before it has driven a metre: settings, and the files that they name."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from deepracer_sim.errors import DeepRacerError, ModelError
from deepracer_sim.settings import TrainSettings

REWARD, ACTIONS, TRACKS = "reward_function.py", "actions.json", "tracks"
TRACK_FILES = (".npy", ".yaml", ".yml")
MOST_BYTES = 10_000_000
"""Of a reward function, action space or track."""
LONGEST_TEXT = 1000
"""Characters of a description."""


@dataclass(frozen=True)
class ModelDefinition:
    """A model's settings with the content of every file that they name.

    Attributes:
        settings: of its trainings; reward, action space and tracks of its own are names in `files`.
        description: in the owner's words.
        files: `reward_function.py`, `actions.json`, `tracks/NAME`: no more and no fewer than are named.
        origins: what the owner calls these files, for messages.
    """

    settings: TrainSettings
    description: str = ""
    files: Mapping[str, bytes] = field(default_factory=dict)
    origins: Mapping[str, str] = field(default_factory=dict, compare=False)

    def __post_init__(self) -> None:
        """Refuse files that do not fit, and a description that a terminal should not show."""
        if wrong := set(file_names(self.settings)) ^ set(self.files):
            raise ModelError(f"files: {', '.join(sorted(wrong))}: must be those that the settings name")
        if fault := text_fault(self.description):
            raise ModelError(f"description={self.description[:100]!r}: {fault}")

    @classmethod
    def packed(cls, settings: TrainSettings, description: str = "") -> ModelDefinition:
        """Take in the files that settings name by their paths.

        Raises:
            DeepRacerError: a file cannot be read, or two tracks have one name.
        """
        files: dict[str, bytes] = {}
        origins: dict[str, str] = {}

        def take(path: str, name: str) -> str:
            content = action_list(settings) if name == ACTIONS else _read(Path(path))
            if files.setdefault(name, content) != content:
                raise ModelError(f"{origins[name]} and {path} are different tracks of one name: rename one")
            origins[name] = path
            return name

        return cls(with_files(settings, take), description, files, origins)

    def write_files(self, folder: Path) -> TrainSettings:
        """Write the files to a folder; return the settings with their paths."""
        for name, content in self.files.items():
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_bytes(content)
        return located(self.settings, folder)

    def check(self, with_reward: bool = True) -> None:
        """Try what a training would refuse at its start.

        Args:
            with_reward: run the reward function too, in a process of its own.

        Raises:
            DeepRacerError: a track, the action space or the reward function is not valid; the file has its
                owner's name.
        """
        from deepracer_sim.simulation import Course, load_actions
        from deepracer_sim.track_library import load_track
        from deepracer_sim.training_run import check_reward

        with TemporaryDirectory(prefix="deepracer_model_") as folder:
            settings = self.write_files(Path(folder).resolve())
            try:
                load_actions(settings.actions)
                tracks = tuple(load_track(name) for name in settings.track)
                if with_reward:
                    check_reward(settings, Course(tracks, ()))
            except DeepRacerError as error:
                message = str(error)
                for name in self.files:
                    place = Path(folder).resolve() / name
                    message = message.replace(str(place), self.origins.get(name, name))
                raise type(error)(message) from error


def with_files(settings: TrainSettings, change: Callable[[str, str], str]) -> TrainSettings:
    """Return settings that name other files.

    Args:
        settings: of a training.
        change: from a file's path and its name in a model's folder to the new path.
    """
    reward, actions = settings.reward, settings.actions
    return settings.replaced(
        track=tuple(change(name, _track_name(name)) if _is_file(name) else name for name in settings.track),
        reward=reward and Path(change(str(reward), REWARD)),
        actions=actions.replaced(file=actions.file and Path(change(str(actions.file), ACTIONS))),
    )


def located(settings: TrainSettings, folder: Path) -> TrainSettings:
    """Return settings with the paths that their files have in a model's folder."""
    return with_files(settings, lambda path, name: str(folder / name))


def file_names(settings: TrainSettings) -> list[str]:
    """Name the files of a model's folder that its settings need."""
    names = [_track_name(name) for name in settings.track if _is_file(name)]
    return [
        *names,
        *([REWARD] if settings.reward else []),
        *([ACTIONS] if settings.actions.file else []),
    ]


def _is_file(track: str) -> bool:
    return track.endswith(TRACK_FILES)


def _track_name(path: str) -> str:
    return f"{TRACKS}/{Path(path).name}"


def action_list(settings: TrainSettings) -> bytes:
    """Return the action space as the JSON list that AWS has.

    Raises:
        SettingError: there is no valid one.
    """
    from deepracer_sim.simulation import load_actions

    return json_bytes(load_actions(settings.actions).to_json())


def text_fault(text: str) -> str | None:
    """Return what is wrong with a text that is shown to people; None if nothing is."""
    if len(text) > LONGEST_TEXT:
        return f"must be at most {LONGEST_TEXT} characters"
    is_plain = all(char.isprintable() or char in "\n\t" for char in text)
    return None if is_plain else "must not have control characters"


def shown(text: str) -> str:
    """Return a text as it may be shown: cut, and without control characters."""
    plain = "".join(char if char.isprintable() or char in "\n\t" else "?" for char in text)
    return plain[:LONGEST_TEXT]


def json_bytes(value: Any) -> bytes:
    """Return a JSON file's content."""
    return (json.dumps(value, indent=2) + "\n").encode()


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise ModelError(f"{path}: cannot be read: {error.strerror or error}") from error
    if len(content) > MOST_BYTES:
        raise ModelError(f"{path}: larger than {MOST_BYTES} bytes, the most that a model takes in")
    return content
