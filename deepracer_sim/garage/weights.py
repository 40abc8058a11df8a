"""The weights that a clone begins with."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from deepracer_sim.clone import load_clone
from deepracer_sim.errors import ModelError
from deepracer_sim.garage.definition import ModelDefinition
from deepracer_sim.garage.stored_model import StoredModel
from deepracer_sim.run_folder import RunFolder

KEPT = ("network", "critic")
"""Of a checkpoint's state; the rest is of its own training."""


def weights_for(model: StoredModel, definition: ModelDefinition) -> bytes | None:
    """Return the content of a checkpoint with a model's weights alone; None if it was never trained.

    Raises:
        ModelError: it has only an ONNX policy.
        RunError: the weights are damaged, or mean something else under the definition.
    """
    if model.best_run is None and model.has_policy:
        raise ModelError(
            f"{model.name} is an ONNX model: it drives, but cannot be trained on. Train anew with its "
            "settings: add --from-scratch"
        )
    if model.best_run is None:
        return None
    checkpoint = RunFolder.open(model.policy_path()).load_best()
    state = {name: checkpoint.state[name] for name in KEPT if name in checkpoint.state}
    content = replace(checkpoint, state=state).to_bytes()
    with TemporaryDirectory(prefix="deepracer_weights_") as folder:
        settings = definition.write_files(Path(folder))
        (Path(folder) / model.name).write_bytes(content)
        load_clone(Path(folder) / model.name, settings)
    return content
