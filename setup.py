"""The ROS 2 package deepracer_sim, which is also an ordinary Python package."""

import sys
from glob import glob
from itertools import groupby
from os.path import dirname

from setuptools import find_packages, setup

NAME = "deepracer_sim"
NODES = ["world_node", "training_node", "evaluation_node", "monitor_node"]
CAR_NODES = ["inference_node", "servo_node"]


def shared(pattern):
    """Data files under share/deepracer_sim, in the same folders as here."""
    paths = sorted(glob(pattern, recursive=True), key=lambda path: (dirname(path), path))
    return [(f"share/{NAME}/{folder}", list(files)) for folder, files in groupby(paths, dirname)]


def launchers():
    """What ros2 run and launch start where pip puts programs into bin/; colcon puts them there itself."""
    programs = [f"scripts/{node}" for node in NODES + CAR_NODES]
    return [(f"lib/{NAME}", programs)] if "bdist_wheel" in sys.argv else []


setup(
    name=NAME,
    version="0.1.0",
    description="Train, evaluate and race camera-driven DeepRacer cars on any machine",
    license="Apache-2.0",
    packages=find_packages(include=[NAME, f"{NAME}.*", "deepracer_inference", "deepracer_inference.*"]),
    package_data={
        "deepracer_sim.analysis": ["page/*"],
        "deepracer_sim.console": ["static/*"],
        "deepracer_sim.gazebo": ["plugin/*"],
    },
    data_files=[
        ("share/ament_index/resource_index/packages", [f"resource/{NAME}"]),
        (f"share/{NAME}", ["package.xml"]),
        *shared("worlds/*.yaml"),
        *shared("models/**/*.*"),
        *shared("examples/**/*.py"),
        *shared("launch/*.launch.py"),
        *shared("rviz/*.rviz"),
        *launchers(),
    ],
    # colcon does not look at this: on the car, deepracer_inference alone runs on Python 3.8.
    python_requires=">=3.10",
    install_requires=[
        "gymnasium>=1.0",
        "imageio-ffmpeg>=0.5",
        "matplotlib>=3.5",
        "numpy>=1.24",
        "onnx>=1.16",
        "onnxruntime>=1.18",
        "opencv-python-headless>=4.5",
        "pillow>=10.0",
        "platformdirs>=4.0",
        "pydantic>=2.0",
        "pyyaml>=6.0",
        "tensorboard>=2.14",
        "torch>=2.4",
        "tyro>=1.0",
    ],
    extras_require={
        "analysis": ["jinja2>=3.1", "pandas>=2.2", "plotly>=6.0"],
        "console": ["nicegui>=3.18,<4"],
        "dev": [
            "deepracer-utils>=1.5",
            "mypy",
            "playwright>=1.50",
            "pytest",
            "pytest-xdist",
            "ruff",
            "stable-baselines3>=2.4",
        ],
        # ROS 2 Jazzy where there is none; interfaces/build.py adds the packages that have no wheels.
        "ros": [
            "empy~=3.3",
            "lark-parser~=0.12",
            "ros-diagnostic-msgs~=5.3.6",
            "ros-geometry-msgs~=5.3.6",
            "ros-nav-msgs~=5.3.6",
            "ros-rclpy[fastrtps]~=7.1.6",
            "ros-sensor-msgs~=5.3.6",
            "ros-std-msgs~=5.3.6",
            "ros-std-srvs~=5.3.6",
            "ros-visualization-msgs~=5.3.6",
        ],
        "sweep": ["ray>=2.40"],
        "test": ["pytest"],  # tells colcon test to run pytest
    },
    entry_points={
        "console_scripts": [
            "deepracer = deepracer_sim.cli:main",
            "deepracer-calibrate = deepracer_inference.calibrate:main",
            *(f"{node} = deepracer_sim.ros.{node}:main" for node in NODES),
            *(f"{node} = deepracer_inference.{node}:main" for node in CAR_NODES),
        ]
    },
    zip_safe=False,
)
