"""Write the tables of docs/ros.md by asking the nodes themselves: python -m deepracer_sim.ros.reference."""

from __future__ import annotations

import argparse
import os
import re
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import rclpy
from rcl_interfaces.msg import ParameterDescriptor
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy

from deepracer_sim.ros.evaluation_node import EvaluationNode
from deepracer_sim.ros.monitor_node import MonitorNode
from deepracer_sim.ros.params import LARGEST
from deepracer_sim.ros.simulator_settings import SimulatorSettings, connect
from deepracer_sim.ros.training_node import TrainingNode
from deepracer_sim.ros.world_node import WorldNode
from deepracer_sim.settings import CameraSettings

PAGE = Path("docs/ros.md")
LAPS = {
    "lap": "laps finished so far",
    "lap_time": "of the lap that was just finished, seconds",
    "off_tracks": "how often the car left the road",
    "progress": "of the present lap, percent",
}
DESCRIPTIONS = {
    "/camera/camera_info": "the camera without lens distortion",
    "/camera/image_raw": "what the car sees, rgb8 or mono8",
    "/camera_pkg/video_mjpeg": "what the car sees, as its camera node sends it: bgr8, or a JPEG",
    "/car": "the cars, with lap and reward as a text",
    "/clock": "simulated time",
    "/cmd_vel": "a command: speed, and the turn rate that decides the steering",
    "/ctrl_pkg/servo_msg": "a command as on the car: angle and throttle, -1 to 1",
    "/diagnostics": "pace of the simulator, metrics of the training",
    "/drive": "a command: steering angle and speed",
    "/driver": "who drives the car since when: a later one makes way",
    "/driven_line": "where the cars drove, coloured by speed",
    "/initialpose": "puts the first car there",
    "/joint_states": "steering angle, turn of the wheels",
    "/model_states": "poses and velocities of all cars, as Gazebo Classic has them",
    "/odom": "pose and velocity of the car",
    "/off_track": "whether all wheels are off the road",
    "/sensor_fusion_pkg/sensor_msg": "the same as its sensor fusion passes it on, without a lidar",
    "/simulator": "which simulator is here since when: a later one makes way",
    "/tf": "odom to base_link",
    "/tf_static": "map to odom; base_link to the camera",
    "/track": "road, borders, centre line, waypoints, start positions",
    "/training_node/action": "index of the action that the first car takes",
    "/training_node/model": "folder of the exported model",
    "/training_node/reward": "of the first car's step",
    "/evaluation_node/result": "the table of all laps",
    **{
        f"/{node}/{name}": what for node in ("evaluation_node", "monitor_node") for name, what in LAPS.items()
    },
}
NODES = (WorldNode, TrainingNode, EvaluationNode, MonitorNode)
ARGUMENTS = [
    *("--ros-args", "--log-level", "fatal"),
    *("-p", "training_node:autostart:=false"),
    # It fails at once, but the node is not run on and stays.
    *("-p", "evaluation_node:model:=none"),
]
HIDDEN_DEFAULTS = {"autostart": "true", "model": ""}
"""Of the parameters that are given a value above."""
EVERY_NODES_OWN = ("/rosout", "/parameter_events", "use_sim_time", "start_type_description_service")
EVERY_NODES_SERVICES = re.compile(r"/(describe|get|list|set)_parameter|/get_type_description$")


def main(args: Sequence[str] | None = None) -> int:
    """Write the tables into the page, or with --check tell whether they are what is there."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("page", nargs="?", type=Path, default=PAGE)
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 if it would change")
    options = parser.parse_args(args)
    old = options.page.read_text(encoding="utf-8")
    with graph() as nodes:
        new = filled(old, tables(nodes))
    if new == old:
        return 0
    if options.check:
        print(f"{options.page} is out of date: python -m deepracer_sim.ros.reference", file=sys.stderr)
        return 1
    options.page.write_text(new, encoding="utf-8")
    return 0


@contextmanager
def graph() -> Iterator[list[Node]]:
    """Give the nodes of all programs, a world that is connected to the simulator included; out of reach."""
    os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "OFF"
    rclpy.init(args=ARGUMENTS)
    nodes = [make() for make in NODES]
    thread = threading.Thread(target=_spin, args=(nodes[0],))
    thread.start()
    try:
        world = connect("training_world", SimulatorSettings(), CameraSettings(), 1)
        yield nodes
        world.close()
    finally:
        rclpy.try_shutdown()
        thread.join()
        for node in nodes:
            node.destroy_node()


def _spin(node: Node) -> None:
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    with suppress(ExternalShutdownException):
        executor.spin()


def filled(page: str, contents: dict[str, str]) -> str:
    """Return the page with what is between `<!-- name -->` and `<!-- end -->` replaced.

    Raises:
        ValueError: the page has no such place.
    """
    for name, content in contents.items():
        before, start, rest = page.partition(f"<!-- {name} -->\n")
        _, end, after = rest.partition("<!-- end -->")
        if not end:
            raise ValueError(f"the page has no <!-- {name} --> with an <!-- end --> after it")
        page = f"{before}{start}{content}\n{end}{after}"
    return page


def tables(nodes: Sequence[Node]) -> dict[str, str]:
    """Return what goes between which marks."""
    return {
        "topics": topic_table(nodes[0]),
        "services": service_table(nodes),
        **{f"parameters of {node.get_name()}": parameter_table(node) for node in nodes},
    }


def topic_table(node: Node) -> str:
    """Return all topics of the graph that `node` is in.

    Raises:
        ValueError: one has no description.
    """
    rows = []
    for topic, kinds in sorted(node.get_topic_names_and_types()):
        if topic in EVERY_NODES_OWN:
            continue
        if topic not in DESCRIPTIONS:
            raise ValueError(f"{topic} has no description: add one to DESCRIPTIONS")
        publishers = node.get_publishers_info_by_topic(topic)
        listeners = node.get_subscriptions_info_by_topic(topic)
        rows.append(
            (
                f"`{topic}`",
                kinds[0].replace("/msg/", "/"),
                _names(publishers),
                _names(listeners),
                _quality((publishers or listeners)[0].qos_profile),
                DESCRIPTIONS[topic],
            )
        )
    return _table(("topic", "type", "from", "to", "QoS", "what"), rows)


def service_table(nodes: Sequence[Node]) -> str:
    """Return the services of nodes, without those that every node has."""
    rows = [
        (f"`{service}`", kinds[0].replace("/srv/", "/"), node.get_name())
        for node in nodes
        for service, kinds in node.get_service_names_and_types_by_node(node.get_name(), node.get_namespace())
        if not EVERY_NODES_SERVICES.search(service)
    ]
    return _table(("service", "type", "of"), sorted(rows, key=lambda row: (row[2], row[0])))


def parameter_table(node: Node) -> str:
    """Return the parameters of a node with their defaults."""
    rows = []
    for name in sorted(node.list_parameters([], 0).names):
        if name in EVERY_NODES_OWN:
            continue
        descriptor = node.describe_parameter(name)
        default = HIDDEN_DEFAULTS.get(name, _value(node.get_parameter(name).value))
        rows.append((f"`{name}`", default, _limits(descriptor), descriptor.description))
    return _table(("parameter", "default", "allowed", "what"), rows)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def _names(endpoints: Sequence[Any]) -> str:
    return ", ".join(sorted({endpoint.node_name for endpoint in endpoints}))


def _quality(profile: QoSProfile) -> str:
    words = ["reliable" if profile.reliability == ReliabilityPolicy.RELIABLE else "best effort"]
    if profile.durability == DurabilityPolicy.TRANSIENT_LOCAL:
        words.append("transient local")
    return ", ".join(words)


def _value(value: Any) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (int, float)):
        return f"{value:.10g}"
    return ", ".join(map(_value, value))


def _limits(descriptor: ParameterDescriptor) -> str:
    for limits in (*descriptor.integer_range, *descriptor.floating_point_range):
        low, high = limits.from_value, limits.to_value
        if high == LARGEST:
            return f"from {_value(low)}"
        return f"up to {_value(high)}" if low == -LARGEST else f"{_value(low)} to {_value(high)}"
    return str(descriptor.additional_constraints)


if __name__ == "__main__":
    sys.exit(main())
