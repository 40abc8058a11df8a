"""What is put on the car: the driving package, a model, and the scripts that install and start them."""

from __future__ import annotations

import io
import shlex
import subprocess
import tarfile
from pathlib import Path

import deepracer_inference
from deepracer_inference.model_bundle import METADATA_FILE, MODEL_FILE, ModelBundle
from deepracer_inference.parameters import SETTINGS
from deepracer_sim.errors import DeepRacerError

FOLDER = "deepracer_car"
"""Of everything in the archive, and under /opt on the car."""
WHEELS = "numpy opencv-python-headless onnxruntime"
"""What the package needs of Python, beside ROS 2."""

ENVIRONMENT = """folder="$(dirname "$(readlink -f "$0")")"
for setup in /opt/ros/*/setup.bash /opt/aws/deepracer/lib/setup.bash; do
    [ -f "$setup" ] && source "$setup"
done
export PYTHONPATH="$folder/site:$folder:$PYTHONPATH"
"""
"""How a program of the archive finds itself and the car's ROS 2."""
RUN = f"""#!/bin/bash
# Start the inference node; it waits, inactive. With --stop: stop the wheels, for a node that was killed.
{ENVIRONMENT}cd "$folder"
exec python3 -m deepracer_inference.inference_node "$@" \\
    --ros-args --params-file parameters.yaml -p model:="$folder/model"
"""
CALIBRATE = f"""#!/bin/bash
# Measure how fast this car drives at each throttle, guided; writes throttle.yaml where it is called.
{ENVIRONMENT}exec python3 -m deepracer_inference.calibrate "$@"
"""
INSTALL = f"""#!/bin/bash
# Put this folder under /opt and start it with the car. A parameters.yaml that is there stays.
set -e
cd "$(dirname "$(readlink -f "$0")")"
target="${{DEEPRACER_CAR_ROOT:-}}/opt/{FOLDER}"
units="${{DEEPRACER_CAR_ROOT:-}}/etc/systemd/system"
mkdir -p "$target" "$units"
rm -rf "$target/deepracer_inference" "$target/model"
cp -r deepracer_inference model run calibrate "$target/"
[ -f "$target/parameters.yaml" ] || cp parameters.yaml "$target/"
if [ -d wheelhouse ]; then
    rm -rf "$target/site"
    python3 -m pip install --no-index --find-links wheelhouse --target "$target/site" {WHEELS}
fi
cp {FOLDER}.service "$units/"
if [ -z "${{DEEPRACER_CAR_ROOT:-}}" ]; then
    systemctl daemon-reload
    systemctl enable {FOLDER}.service
    systemctl restart {FOLDER}.service
fi
echo "installed in $target"
"""
UNIT = f"""[Unit]
Description=Drives the car by its camera; starts inactive
After=network.target

[Service]
ExecStart=/opt/{FOLDER}/run
ExecStopPost=/opt/{FOLDER}/run --stop
Restart=on-failure
RestartSec=1
KillSignal=SIGTERM
TimeoutStopSec=15

[Install]
WantedBy=multi-user.target
"""


class CarArchiveError(DeepRacerError):
    """The archive cannot be made, or does not reach the car."""


def pack(model: Path, archive: Path) -> Path:
    """Write a .tar.gz with everything that drives the car by a model.

    Raises:
        ModelBundleError: the model is missing, damaged or does not fit the car.
    """
    ModelBundle.load(model)
    source = Path(deepracer_inference.__file__).parent
    with tarfile.open(archive, "w:gz") as tar:
        for file in sorted(source.rglob("*.py")):
            _add(tar, f"deepracer_inference/{file.relative_to(source)}", file.read_bytes())
        for name in (MODEL_FILE, METADATA_FILE):
            _add(tar, f"model/{name}", (model / name).read_bytes())
        _add(tar, "run", RUN.encode(), is_program=True)
        _add(tar, "calibrate", CALIBRATE.encode(), is_program=True)
        _add(tar, "install", INSTALL.encode(), is_program=True)
        _add(tar, f"{FOLDER}.service", UNIT.encode())
        _add(tar, "parameters.yaml", parameter_file().encode())
    return archive


def parameter_file() -> str:
    """Return the node's parameters at their defaults as ROS reads them, each with what it means."""
    lines = ["inference_node:", "  ros__parameters:"]
    for setting in SETTINGS:
        # The model is where the archive has it.
        if setting.name != "model":
            value = f'"{setting.default}"' if isinstance(setting.default, str) else setting.default
            lines += [f"    # {setting.description}", f"    {setting.name}: {value}"]
    return "\n".join(lines) + "\n"


def deploy(host: str, archive: Path, wheelhouse: Path | None = None) -> None:
    """Copy an archive to the car by scp and install it there by ssh and sudo.

    Args:
        host: user@address, as ssh takes it.
        archive: of `pack`.
        wheelhouse: folder with wheels that pip is to install on the car, which needs no network then.

    Raises:
        CarArchiveError: no wheels, or ssh or scp failed; their own words are on the screen.
    """
    if wheelhouse is not None and not list(wheelhouse.glob("*.whl")):
        raise CarArchiveError(f"{wheelhouse}: no wheels in it; docs/car.md says how to fetch them")
    _call("ssh", host, f"rm -rf {FOLDER}")
    _call("scp", str(archive), f"{host}:{FOLDER}.tar.gz")
    _call("ssh", host, f"tar xzf {FOLDER}.tar.gz")
    if wheelhouse is not None:
        _call("scp", "-r", str(wheelhouse), f"{host}:{FOLDER}/wheelhouse")
    _call("ssh", "-t", host, f"sudo ./{FOLDER}/install")


def _add(tar: tarfile.TarFile, name: str, content: bytes, is_program: bool = False) -> None:
    info = tarfile.TarInfo(f"{FOLDER}/{name}")
    info.size, info.mode = len(content), 0o755 if is_program else 0o644
    tar.addfile(info, io.BytesIO(content))


def _call(*words: str) -> None:
    try:
        code = subprocess.run(words, check=False).returncode
    except OSError as error:
        raise CarArchiveError(f"{words[0]}: {error.strerror}; install the OpenSSH client") from error
    if code:
        raise CarArchiveError(f"{shlex.join(words)} ended with {code}")
