"""What goes on the car: the archive, its installation, and the way there, ssh played by the shell."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile

import onnx_models
import pytest
import yaml

from deepracer_inference.model_bundle import ModelBundle
from deepracer_inference.parameters import SETTINGS
from deepracer_sim.car_archive import FOLDER, parameter_file

SSH = """#!/bin/bash
# The car is a folder; sudo is nobody.
[ "$1" = "-t" ] && shift
echo "ssh $*" >> "$CAR/said"
[ "$1" = "bad@car" ] && exit 255
cd "$CAR" && exec bash -c "sudo() { \\"\\$@\\"; }; $2"
"""
SCP = """#!/bin/bash
echo "scp $*" >> "$CAR/said"
exec cp "${@:1:$#-1}" "$CAR/${!##*:}"
"""


@pytest.fixture
def model(tmp_path):
    ModelBundle.save(tmp_path / "model", onnx_models.network_bytes(), onnx_models.metadata())
    return tmp_path / "model"


@pytest.fixture
def car(tmp_path, monkeypatch):
    """A car that ssh and scp reach."""
    programs, car = tmp_path / "programs", tmp_path / "car"
    for folder in (programs, car):
        folder.mkdir()
    for name, text in (("ssh", SSH), ("scp", SCP)):
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("CAR", str(car))
    monkeypatch.setenv("DEEPRACER_CAR_ROOT", str(car / "root"))
    return car


def test_the_archive_has_all_that_drives_and_nothing_else(deepracer, model, tmp_path):
    code, out, _ = deepracer("car", "pack", model, "--output", tmp_path / "car.tar.gz")
    assert code == 0 and out.strip() == str(tmp_path / "car.tar.gz")
    with tarfile.open(tmp_path / "car.tar.gz") as tar:
        names = {member.name.removeprefix(f"{FOLDER}/") for member in tar}
        tar.extractall(tmp_path / "unpacked", filter="data")
    assert {"run", "install", "parameters.yaml", "model/model.onnx", "deepracer_car.service"} < names
    assert "deepracer_inference/ros/lifecycle.py" in names
    assert not any("deepracer_sim" in name or "pycache" in name for name in names)
    for script in ("run", "install"):
        subprocess.run(["bash", "-n", tmp_path / "unpacked" / FOLDER / script], check=True)
    # What was unpacked drives without this repository.
    program = "import deepracer_inference.driver as d; print(d.__file__)"
    folder = tmp_path / "unpacked" / FOLDER
    said = subprocess.run(
        [sys.executable, "-c", program], cwd=folder, capture_output=True, text=True, check=True
    )
    assert said.stdout.startswith(str(folder))


def test_the_parameter_file_is_what_the_node_has():
    read = yaml.safe_load(parameter_file())["inference_node"]["ros__parameters"]
    assert read == {setting.name: setting.default for setting in SETTINGS if setting.name != "model"}


def test_a_damaged_model_is_not_packed(deepracer, model, tmp_path):
    (model / "model.onnx").write_bytes(b"nothing")
    code, _, err = deepracer("car", "pack", model, "--output", tmp_path / "car.tar.gz")
    assert code == 2 and "onnxruntime cannot open" in err and not (tmp_path / "car.tar.gz").exists()


def test_it_is_installed_on_the_car_and_keeps_the_cars_parameters(deepracer, model, car):
    assert deepracer("car", "deploy", "racer@car", model)[0] == 0
    there = car / "root" / "opt" / FOLDER
    assert (there / "model" / "model.onnx").read_bytes() == (model / "model.onnx").read_bytes()
    unit = (car / "root/etc/systemd/system/deepracer_car.service").read_text()
    assert f"ExecStart=/opt/{FOLDER}/run" in unit
    (there / "parameters.yaml").write_text("mine")
    (there / "deepracer_inference" / "old.py").write_text("")
    assert deepracer("car", "deploy", "racer@car", model)[0] == 0
    assert (there / "parameters.yaml").read_text() == "mine"
    assert not (there / "deepracer_inference" / "old.py").exists()


def test_a_car_that_cannot_be_reached_is_an_error(deepracer, model, car, tmp_path):
    code, _, err = deepracer("car", "deploy", "bad@car", model)
    assert code == 2 and "ssh bad@car" in err and "ended with 255" in err
    (tmp_path / "wheels").mkdir()
    code, _, err = deepracer("car", "deploy", "racer@car", model, "--wheelhouse", tmp_path / "wheels")
    assert code == 2 and "no wheels" in err
