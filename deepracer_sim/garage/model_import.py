"""Taking a model into the store: an archive of ours, a run folder, an ONNX policy, or what AWS wrote."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Literal

from deepracer_inference.action_space import DiscreteActionSpace
from deepracer_inference.model_bundle import MAX_MODEL_BYTES, ModelBundle, ModelBundleError
from deepracer_sim.errors import DeepRacerError, ModelError, RewardError
from deepracer_sim.file_replacement import LEFTOVERS
from deepracer_sim.garage.aws_artefacts import (
    METADATA,
    Artefacts,
    definition_of,
    is_foreign,
    policy_settings,
    read_json,
)
from deepracer_sim.garage.definition import ModelDefinition, json_bytes, shown, with_files
from deepracer_sim.garage.model_archive import MOST_FILES, SETTINGS_FILE, is_archive, unpack
from deepracer_sim.garage.model_lock import held, is_held
from deepracer_sim.garage.model_name import RULE, suggested_name
from deepracer_sim.garage.model_store import ModelStore
from deepracer_sim.garage.relocation import relocate_runs
from deepracer_sim.garage.run_summary import summary_of
from deepracer_sim.garage.stored_model import (
    POLICY,
    POLICY_FILE,
    RECORD,
    RUNS,
    TRAINING,
    StoredModel,
    TrainingRecord,
    write_record,
)
from deepracer_sim.run_files import CONFIG, LOG
from deepracer_sim.settings import TrainSettings

if TYPE_CHECKING:
    from deepracer_sim.run_folder import RunFolder

CAN_BE_IMPORTED = (
    "a model of `deepracer models download`, a run folder, a folder or .tar.gz with model.onnx and "
    f"{METADATA}, or with AWS's {METADATA}, hyperparameters.json and reward_function.py"
)


def import_model(
    store: ModelStore,
    source: Path,
    name: str | None = None,
    track: Sequence[str] = (),
    settings_only: bool = False,
) -> StoredModel:
    """Make a model of what somebody has kept; its record's notes say what has no place in it.

    Args:
        store: that the model comes into.
        source: folder or archive.
        name: of the model; by default after the source.
        track: to train on, where the source does not say.
        settings_only: leave the networks out, to train anew.

    Raises:
        DeepRacerError: there is no model in the source, it is damaged, or its network is TensorFlow's; the
            store is as it was.
    """
    return _Import(store, source, name, tuple(track), settings_only).run()


@dataclass
class _Import:
    store: ModelStore
    source: Path
    name: str | None
    track: tuple[str, ...]
    settings_only: bool

    def run(self) -> StoredModel:
        if not self.source.exists():
            raise ModelError(
                f"{self.source}: no such file or folder; what can be imported: {CAN_BE_IMPORTED}"
            )
        if self.name is not None:
            self.store.refuse_taken(self.name)
        with self.store.staging() as staging:
            root = self.source.resolve()
            try:
                if not root.is_dir():
                    self._refuse_single_file()
                    root = staging / "unpacked"
                    root.mkdir()
                    unpack(self.source, root)
                return self._from_folder(root, staging)
            except DeepRacerError as error:
                message = str(error).replace(str(root), str(self.source))
                raise type(error)(message.replace(str(staging), str(self.source))) from error

    def _refuse_single_file(self) -> None:
        if is_foreign(self.source.name):
            raise ModelError(f"{self._foreign(self.source)}; import the folder that has its {METADATA}, too")
        if self.source.suffix in (".yaml", ".yml"):
            raise ModelError(
                f"{self.source}: settings make a model: deepracer models create -f {self.source}"
            )
        if not self.source.is_file() or not is_archive(self.source):
            raise ModelError(
                f"{self.source}: no .tar.gz and no folder; what can be imported: {CAN_BE_IMPORTED}"
            )

    def _from_folder(self, root: Path, staging: Path) -> StoredModel:
        files = _files_of(root)
        if (found := _shallowest(files, RECORD)) is not None:
            return self._from_own(found.parent, staging)
        config = _shallowest(files, CONFIG)
        if config is not None and (config.parent / "actions.json").is_file():
            return self._from_run(config.parent, staging)
        return self._from_artefacts(Artefacts.found(files), root)

    def _from_own(self, folder: Path, staging: Path) -> StoredModel:
        name = self._name(folder.name)
        target = staging / name
        if folder.is_relative_to(staging):
            os.rename(folder, target)
        else:
            with held(folder, shared=True):
                _copy(folder, target)
        model = StoredModel.open(target)
        if self.settings_only:
            return self.store.create(name, model.definition)
        (target / SETTINGS_FILE).unlink(missing_ok=True)
        if model.best_run is not None:  # what the archive has as ONNX is one of its checkpoints
            shutil.rmtree(target / POLICY, ignore_errors=True)
        return self._relocated(self.store.publish(target))

    def _from_run(self, folder: Path, staging: Path) -> StoredModel:
        from deepracer_sim.run_folder import RunFolder

        if is_held(folder / LOG):
            raise ModelError(f"{folder} is being trained: wait for its end, or end it")
        run = RunFolder.open(folder)
        settings = run.settings.replaced(track=self.track or run.settings.track)
        definition = ModelDefinition.packed(_with_copies(settings, folder), self.description)
        definition.check(with_reward=False)
        name = self._name(folder.name)
        if self.settings_only:
            return self.store.create(name, definition)

        def fill(model: Path) -> None:
            copy = model / RUNS / "1"
            _copy(folder, copy)
            record = TrainingRecord(run=1, state=_ending(run), iterations=summary_of(copy).iterations)
            write_record(model / TRAINING, record)

        return self._relocated(self.store.create(name, definition, fill=fill))

    def _from_artefacts(self, artefacts: Artefacts, root: Path) -> StoredModel:
        if artefacts.is_empty:
            found = (
                f"no {METADATA} beside {artefacts.foreign[0].name}" if artefacts.foreign else "no model in it"
            )
            raise ModelError(f"{root}: {found}; what can be imported: {CAN_BE_IMPORTED}")
        bundle = None if self.settings_only else _bundle(artefacts)
        if artefacts.foreign and bundle is None and not self.settings_only:
            raise ModelError(self._foreign(artefacts.foreign[0]))
        definition, notes = definition_of(artefacts, self.track, self.description)
        if bundle is not None:
            seen = policy_settings(definition.settings, bundle.width, bundle.height, bundle.channels)
            definition = replace(definition, settings=seen)
        try:
            definition.check()
        except RewardError as error:
            notes.append(f"before it can be trained, its reward function must be mended: {error}")

        def fill(model: Path) -> None:
            if bundle is not None:
                (model / POLICY).mkdir()
                (model / POLICY / POLICY_FILE).write_bytes(bundle.onnx_bytes)
                (model / POLICY / METADATA).write_bytes(json_bytes(bundle.metadata))

        told = tuple(shown(note.replace(str(root), str(self.source))) for note in notes)
        return self.store.create(self._name(root.name), definition, notes=told, fill=fill)

    def _relocated(self, model: StoredModel) -> StoredModel:
        with held(model.path, shared=True):
            relocate_runs(model)
        return model

    @property
    def description(self) -> str:
        return shown(f"imported from {self.source.resolve().name}")

    def _name(self, folder: str) -> str:
        """Return the wanted name, or one after the source's folder."""
        if self.name is None:
            stem = self.source.resolve().name if folder == "unpacked" else folder
            for ending in (".gz", ".tgz", ".tar"):
                stem = stem.removesuffix(ending)
            self.name = suggested_name(stem)
        if self.name is None:
            raise ModelError(f"{self.source}: name the model with --name; a name {RULE}")
        self.store.refuse_taken(self.name)
        return self.name

    def _foreign(self, file: Path) -> str:
        return (
            f"{file.name} is a TensorFlow network, which cannot be run here. Train anew with its settings: "
            f"deepracer models import {self.source} --settings-only, then deepracer models train NAME"
        )


def _files_of(root: Path) -> dict[str, Path]:
    """Find the plain files of a folder; links are not followed."""
    files: dict[str, Path] = {}
    for folder, folders, names in os.walk(root):
        folders.sort()
        for name in sorted(names):
            path = Path(folder) / name
            if path.is_file() and not path.is_symlink():
                files[path.relative_to(root).as_posix()] = path
        if len(files) > MOST_FILES:
            raise ModelError(f"{root}: more than {MOST_FILES} files: name the model's own folder")
    return files


def _shallowest(files: dict[str, Path], name: str) -> Path | None:
    """Return the file of this name that is nearest to the top.

    Raises:
        ModelError: there are several at one depth.
    """
    found = [PurePosixPath(path) for path in files if PurePosixPath(path).name == name]
    depth = min((len(path.parts) for path in found), default=0)
    nearest = [path for path in found if len(path.parts) == depth]
    if len(nearest) > 1:
        names = ", ".join(str(path.parent) for path in nearest[:10])
        raise ModelError(f"there is more than one model: {names}; import the folder of one")
    return files[str(nearest[0])] if nearest else None


def _copy(folder: Path, target: Path) -> None:
    for name, path in _files_of(folder).items():
        if not path.match(LEFTOVERS):
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target / name)


def _with_copies(settings: TrainSettings, run: Path) -> TrainSettings:
    """Return settings that name the copies in a run folder, where it has them."""
    return with_files(settings, lambda path, name: str(run / name) if (run / name).is_file() else path)


def _ending(run: RunFolder) -> Literal["ready", "stopped"]:
    """Tell whether a run's training had come to its end."""
    try:
        state = run.load_last()[0].state
        done = (state["clean_evaluations"], state["iteration"], state["seconds"] / 60)
    except (DeepRacerError, KeyError):
        return "stopped"
    stop = run.settings.stop
    rules = (stop.target_evaluations if stop.target else None, stop.iterations, stop.minutes)
    is_over = any(rule is not None and value >= rule for value, rule in zip(done, rules, strict=True))
    return "ready" if is_over else "stopped"


def _bundle(artefacts: Artefacts) -> ModelBundle | None:
    if artefacts.onnx is None:
        return None
    if artefacts.metadata is None:
        raise ModelError(f"{artefacts.onnx}: what its outputs mean is not said: {METADATA} must be with it")
    try:
        metadata = read_json(artefacts.metadata)
        if artefacts.onnx.stat().st_size > MAX_MODEL_BYTES:
            raise ModelError(f"{artefacts.onnx}: larger than {MAX_MODEL_BYTES} bytes: no model for this car")
        bundle = ModelBundle.from_parts(artefacts.onnx.read_bytes(), metadata)
    except ModelBundleError as error:
        raise ModelError(f"{artefacts.onnx}: {error}") from error
    if not isinstance(bundle.action_space, DiscreteActionSpace):
        raise ModelError(f"{artefacts.onnx} has a continuous action space: only discrete ones can drive here")
    return bundle
