"""From what a racer hands in to the two files that drive: model.onnx and model_metadata.json."""

from __future__ import annotations

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

from deepracer_inference.model_bundle import MAX_METADATA_BYTES, MAX_MODEL_BYTES, METADATA_FILE, MODEL_FILE
from deepracer_sim.errors import RaceError
from deepracer_sim.garage.aws_artefacts import is_foreign
from deepracer_sim.garage.model_archive import export_policy, is_archive, unpack
from deepracer_sim.garage.model_store import ModelStore
from deepracer_sim.run_files import CONFIG

BUNDLE = {MODEL_FILE: MAX_MODEL_BYTES, METADATA_FILE: MAX_METADATA_BYTES}
"""Files of a bundle, and the most bytes that each may have."""
WANTED = (
    f"a model of the store, a folder or .tar.gz with {MODEL_FILE} and {METADATA_FILE}, a run folder or a "
    "checkpoint"
)


def copy_bundle(model: str, folder: Path, store: Path | None = None) -> str:
    """Put a model's bundle into a folder; what is in it is not checked yet.

    Args:
        model: path of one, or the name of a model of the store; see `WANTED`.
        folder: exists.
        store: folder of the models.

    Returns:
        What the model is called.

    Raises:
        DeepRacerError: it is none of these, or damaged.
    """
    path = Path(model)
    if not path.exists():
        return _from_store(model, folder, ModelStore(store))
    path = path.resolve()
    if path.suffix == ".pt":
        _export(path, folder)
        return path.parent.parent.name  # RUN/checkpoints/best.pt
    if path.is_dir():
        _from_folder(path, folder)
        return path.parent.name if path.name == "model" else path.name
    if not is_archive(path):
        raise RaceError(
            f"{model}: {'a TensorFlow network' if is_foreign(model) else 'no model'}; {_advice()}"
        )
    with TemporaryDirectory(prefix="deepracer_race_") as unpacked:
        unpack(path, Path(unpacked))
        _from_folder(_inside(Path(unpacked), path), folder)
    return path.name.split(".")[0]


def _from_store(name: str, folder: Path, store: ModelStore) -> str:
    if not store.has(name):
        raise RaceError(f"{name}: no such model, neither here nor in {store.path}; {_advice()}")
    model = store.open(name)
    policy = model.policy_path()
    if policy.is_dir():
        _from_folder(policy, folder)
    else:
        export_policy(model, folder)
    return name


def _advice() -> str:
    return f"what can be raced: {WANTED}"


def _inside(folder: Path, archive: Path) -> Path:
    """Find the folder with the model in what was unpacked, the one that is nearest to the top."""
    found = sorted((len(file.parts), file.parent) for file in folder.rglob(MODEL_FILE))
    if not found:
        is_tensorflow = any(is_foreign(file.name) for file in folder.rglob("*"))
        what = "only a TensorFlow network" if is_tensorflow else f"no {MODEL_FILE}"
        raise RaceError(f"{archive}: has {what} in it; {_advice()}")
    if len(found) > 1 and found[0][0] == found[1][0]:
        raise RaceError(f"{archive}: has several models in it; hand in one")
    return found[0][1]


def _from_folder(path: Path, folder: Path) -> None:
    if (path / CONFIG).exists():
        _export(path, folder)
    elif (path / MODEL_FILE).exists():
        for name, most in BUNDLE.items():
            _copy(path / name, folder / name, most)
    else:
        raise RaceError(f"{path}: has no {MODEL_FILE} in it; {_advice()}")


def _copy(source: Path, target: Path, most: int) -> None:
    try:
        if source.stat().st_size > most:
            raise RaceError(f"{source}: larger than {most} bytes, the most that a model has")
        shutil.copyfile(source, target)
    except OSError as error:
        raise RaceError(f"{source}: cannot be copied: {error.strerror or error}") from error


def _export(path: Path, folder: Path) -> None:
    """Write the ONNX model of a checkpoint, or of a run's best one."""
    from deepracer_sim.checkpoint import Checkpoint
    from deepracer_sim.run_folder import RunFolder
    from deepracer_sim.training_run import export_checkpoint

    checkpoint = RunFolder.open(path).load_best() if path.is_dir() else Checkpoint.load(path)
    export_checkpoint(checkpoint, folder)
