"""The arguments of the launch files, and the nodes' parameters that they stand for."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from deepracer_sim.errors import RunError, SettingError
from deepracer_sim.profiles import rollout_steps
from deepracer_sim.settings import TYRES, TrainSettings, describe

Values = Mapping[str, str]
"""What a user gave or left at its default, by name; launch knows nothing but text."""
Parameters = list[Any]
"""Names with values, then perhaps a file with more, as launch's Node takes them."""


@dataclass(frozen=True)
class Argument:
    """An argument of a launch file.

    Attributes:
        default: as text; None for one that must be given.
        description: for `ros2 launch --show-args`.
        choices: all that are allowed, () for any value.
    """

    default: str | None
    description: str
    choices: tuple[str, ...] = ()


def _switch(default: str, description: str) -> Argument:
    return Argument(default, description, ("true", "false"))


ARGUMENTS = {
    "track": Argument("reinvent_2018", "name, file, or random:SEED"),
    "sim": Argument("embedded", "simulator that the cars drive in", ("embedded", "gazebo")),
    "headless": _switch("true", "without Gazebo's window"),
    "num_cars": Argument("1", "1 to 8; several have namespaces, /racecar_1 and so on"),
    "seed": Argument("0", "of everything random"),
    "paused": _switch("false", "start with time standing still"),
    "real_time_factor": Argument(
        "1.0", "simulated seconds a second where time runs freely; 0: as fast as the machine can"
    ),
    "camera_width": Argument("160", "pixels across"),
    "camera_height": Argument("120", "pixels down"),
    "camera_colour": Argument("rgb", "three channels or one", ("rgb", "grey")),
    "randomised": _switch(
        "false", "draw cars and pictures anew each time that a car is placed; not in Gazebo"
    ),
    "interface": Argument(
        "simulation_interfaces",
        "exact steps, or Gazebo Classic's services: time runs freely and stands still for updates",
        ("simulation_interfaces", "gazebo_msgs"),
    ),
    "run": Argument("", "folder of the training; by default a new one under runs/ named by the time"),
    "resume": _switch("false", "go on with the training in the folder run, on its track, by its settings"),
    "reward": Argument("", "file with reward_function(params); the default reward if empty"),
    "max_speed": Argument("2.0", "of the action space, m/s"),
    "minutes": Argument("60.0", "of wall time after which the training ends"),
    "model": Argument(None, "run folder (its best checkpoint), checkpoint, or exported model"),
    "laps": Argument("5", "laps to drive"),
    "world": Argument(None, "NAME.sdf of `deepracer gazebo build`, beside whose folder models/ lies"),
    "params_file": Argument(
        "", "YAML file with further parameters of the nodes; its values go before the arguments'"
    ),
    "rviz": _switch("false", "open RViz, and publish the markers that it shows"),
    "use_sim_time": _switch(
        "true", "RViz and the monitor take their time from /clock; learning goes by no clock"
    ),
}
"""All arguments; each launch file declares some of them."""

LEARNING = {"camera_width": "64", "camera_height": "48", "camera_colour": "grey", "randomised": "true"}
"""Defaults of a training that differ: the picture and the cars that it learns from soonest."""


def declare(*names: str, **defaults: str) -> list[Any]:
    """Return launch's declarations of arguments.

    Args:
        names: of `ARGUMENTS`.
        defaults: by name, where a launch file has another default.
    """
    from launch.actions import DeclareLaunchArgument

    return [
        DeclareLaunchArgument(
            name,
            default_value=defaults.get(name, ARGUMENTS[name].default),
            description=ARGUMENTS[name].description,
            choices=list(ARGUMENTS[name].choices) or None,
        )
        for name in names
    ]


def end_all(event: Any, context: Any) -> Any:
    """End the whole launch when a process of it has ended.

    Raises:
        RuntimeError: the process failed; launch then ends with the exit code 1.
    """
    from launch.actions import Shutdown

    if context.is_shutdown:
        return None
    if event.returncode:
        raise RuntimeError(f"{event.process_name} ended with the exit code {event.returncode}")
    return Shutdown(reason=f"{event.process_name} has ended")


def world_parameters(values: Values) -> Parameters:
    """Return the parameters of `world_node`.

    Where a training is gone on with or its model drives, cars and camera are as they were in it.

    Raises:
        SettingError: a value is of the wrong type or not supported.
        RunError: the settings of the training cannot be read.
    """
    in_gazebo = values["sim"] == "gazebo"
    if not (in_gazebo or _truth(values, "headless")):
        raise SettingError(f"headless:=false: sim:={values['sim']} has no window; rviz:=true shows it")
    settings = _trained(values)
    parameters: dict[str, Any] = {
        **_course(values, settings),
        "simulator": values["sim"],
        "gui": not _truth(values, "headless"),
        "paused": _truth(values, "paused"),
        "real_time_factor": _number(values, "real_time_factor"),
    }
    if settings is None:
        parameters |= _picture(values)
    else:
        if not _resumes(values):
            settings = settings.replaced(
                randomisation=settings.randomisation.evenly(_truth(values, "randomised"))
            )
        for group in ("camera", "car") if in_gazebo else ("camera", "car", "randomisation"):
            for name, value in getattr(settings, group):
                if not (in_gazebo and name in TYRES):
                    parameters[f"{group}.{name}"] = list(value) if isinstance(value, tuple) else value
    return [parameters, *_file(values)]


def training_parameters(values: Values) -> Parameters:
    """Return the parameters of `training_node`; raises as `world_parameters`."""
    course = _course(values, _trained(values))
    parameters = {
        **course,
        "track": [course["track"]],
        **_picture(values),
        **_way_to_simulator(values),
        "run": values["run"],
        "resume": _resumes(values),
        "reward": values["reward"],
        "actions.max_speed": _number(values, "max_speed"),
        "stop.minutes": _number(values, "minutes"),
        "ppo.rollout_steps": rollout_steps(course["num_cars"]),
    }
    return [parameters, *_file(values)]


def evaluation_parameters(values: Values) -> Parameters:
    """Return the parameters of `evaluation_node`; raises as `world_parameters`."""
    parameters = {
        "track": values["track"],
        "cars": _number(values, "num_cars", int),
        "model": values["model"],
        "laps": _number(values, "laps", int),
        **_way_to_simulator(values),
    }
    return [parameters, *_file(values)]


def monitor_parameters(values: Values) -> Parameters:
    """Return the parameters of `monitor_node`; raises as `world_parameters`."""
    course = _course(values, _trained(values))
    parameters = {
        "track": course["track"],
        "num_cars": course["num_cars"],
        "use_sim_time": _truth(values, "use_sim_time"),
    }
    return [parameters, *_file(values)]


def world_file(values: Values) -> str:
    """Return the absolute path of a world for the new Gazebo.

    Raises:
        SettingError: there is no such file.
    """
    file = Path(values["world"]).resolve()
    if file.suffix != ".sdf" or not file.is_file():
        raise SettingError(
            f"world:={values['world']}: no such .sdf file; make one with: deepracer gazebo build"
        )
    return str(file)


def bridges(values: Values) -> list[str]:
    """Return what ros_gz_bridge carries between ROS and the new Gazebo: of each car, and the clock.

    Raises:
        SettingError: the number of cars is none.
    """
    from deepracer_sim.starting_grid import car_namespaces  # it loads PyTorch, which takes seconds

    carried = ["/clock@rosgraph_msgs/msg/Clock[gz.msgs.Clock"]
    for space in car_namespaces(_number(values, "num_cars", int)):
        carried += [
            f"{space}/cmd_vel@geometry_msgs/msg/Twist]gz.msgs.Twist",
            f"{space}/odom@nav_msgs/msg/Odometry[gz.msgs.Odometry",
            f"{space}/camera/image_raw@sensor_msgs/msg/Image[gz.msgs.Image",
        ]
    return carried


def _course(values: Values, settings: TrainSettings | None) -> dict[str, Any]:
    """Return where how many cars drive, and the seed of what is random about them."""
    if settings is not None and _resumes(values):
        return {"track": settings.track[0], "num_cars": settings.num_cars, "seed": settings.seed}
    return {
        "track": values["track"],
        "num_cars": _number(values, "num_cars", int),
        # A monitor has none.
        "seed": _number(values, "seed", int) if "seed" in values else 0,
    }


def _picture(values: Values) -> dict[str, Any]:
    """Return the pictures that a simulator and those who learn from it must agree about."""
    return {
        "camera.width": _number(values, "camera_width", int),
        "camera.height": _number(values, "camera_height", int),
        "camera.colour": values["camera_colour"],
        "randomisation.enabled": _truth(values, "randomised") and values["sim"] == "embedded",
    }


def _way_to_simulator(values: Values) -> dict[str, Any]:
    return {"simulator.interface": values["interface"]}


def _resumes(values: Values) -> bool:
    return values.get("resume") == "true"


def _file(values: Values) -> list[str]:
    """Return the file of further parameters, if there is one; launch only warns of a missing one."""
    file = values["params_file"]
    if file and not Path(file).is_file():
        raise SettingError(f"params_file:={file}: no such file")
    return [file] if file else []


def _truth(values: Values, name: str) -> bool:
    return values[name] == "true"


def _number(values: Values, name: str, kind: type = float) -> Any:
    try:
        return kind(values[name])
    except ValueError as error:
        wanted = "a whole number" if kind is int else "a number"
        raise SettingError(f"{name}:={values[name]}: must be {wanted}") from error


def _trained(values: Values) -> TrainSettings | None:
    """Return the settings of the training that is gone on with or whose model drives.

    None for a new training and for a model that lies in no run folder.
    """
    if _resumes(values):
        return _read(Path(values["run"]) / "config.json")
    if "model" not in values:
        return None
    # A run folder, its exported model, or one of its checkpoints.
    model = Path(values["model"]).resolve()
    files = [folder / "config.json" for folder in (model, *model.parents[:2])]
    return next((_read(file) for file in files if file.is_file()), None)


def _read(file: Path) -> TrainSettings:
    """Read the settings of a run alone: the run itself needs PyTorch, which takes seconds to load."""
    try:
        return TrainSettings(**json.loads(file.read_text(encoding="utf-8")))
    except ValidationError as error:
        raise RunError(f"{file} cannot be used: {describe(error)}") from error
    except (OSError, ValueError, TypeError) as error:
        raise RunError(f"{file} cannot be used: {error}") from error
