"""The `deepracer car` subcommands."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import tyro

from deepracer_sim.command_options import Command

ARCHIVE = Path("deepracer_car.tar.gz")


def pack_car(model: tyro.conf.Positional[Path], output: Path = ARCHIVE) -> None:
    """Pack a model with everything that drives the car by it.

    Args:
        model: folder with model.onnx and model_metadata.json, as `deepracer export` writes it.
        output: archive to write.
    """
    from deepracer_sim.car_archive import pack

    print(pack(model, output))


def deploy_car(
    host: tyro.conf.Positional[str], model: tyro.conf.Positional[Path], wheelhouse: Path | None = None
) -> None:
    """Pack a model, copy it to the car and install it there; it starts inactive.

    Args:
        host: user@address of the car, as ssh takes it.
        model: folder with model.onnx and model_metadata.json.
        wheelhouse: folder with wheels of numpy, opencv and onnxruntime for the car's Python.
    """
    from deepracer_sim.car_archive import deploy, pack

    with TemporaryDirectory(prefix="deepracer-car-") as folder:
        deploy(host, pack(model, Path(folder) / ARCHIVE), wheelhouse)
    print(f"{host} has the model, inactive; docs/car.md says how to drive")


COMMANDS: dict[str, Command] = {"pack": pack_car, "deploy": deploy_car}
