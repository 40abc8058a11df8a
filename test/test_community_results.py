"""Results for the community's navigation node: its messages hold JPEGs, and one of them at least."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

pytest.importorskip("rclpy", reason="ROS 2 is not installed: make ros")

import community_messages
from car_peer import save_model
from ros_nodes import new_domain, node

pytestmark = [pytest.mark.slow, community_messages.needs_wheels]
OTHERS = '''
"""Its camera, navigation node and control node: ten results and then, without pictures, ten stops."""
import sys, time
import cv2, numpy as np, rclpy
from deepracer_interfaces_pkg.msg import EvoSensorMsg, InferResultsArray, ServoCtrlMsg
from deepracer_interfaces_pkg.srv import InferenceStateSrv, LoadModelSrv
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import CompressedImage, Image

camera = sys.argv[1]
rclpy.init()
node = rclpy.create_node("others")
results, commands = [], []
node.create_subscription(InferResultsArray, "/inference_pkg/rl_results", results.append, 10)
node.create_subscription(
    ServoCtrlMsg, "/deepracer_navigation_pkg/auto_drive", commands.append, qos_profile_sensor_data
)
node.create_service(LoadModelSrv, "/deepracer_navigation_pkg/load_action_space", lambda asked, answer: answer)
topic = "/camera/image_raw" if camera == "image" else "/sensor_fusion_pkg/sensor_msg"
pictures = node.create_publisher(Image if camera == "image" else EvoSensorMsg, topic, 1)
client = node.create_client(InferenceStateSrv, "/inference_node/inference_state")
assert client.wait_for_service(20.0)
future = client.call_async(InferenceStateSrv.Request(start=1))
random, end = np.random.default_rng(0), time.monotonic() + 20.0
while len(results) < 10 and time.monotonic() < end:
    pixels = random.integers(0, 255, (120, 160, 3), dtype=np.uint8)
    if camera == "image":
        image = Image(height=120, width=160, step=480, encoding="bgr8", data=pixels.tobytes())
    else:
        image = CompressedImage(format="jpeg", data=cv2.imencode(".jpg", pixels)[1].tobytes())
    image.header.stamp = node.get_clock().now().to_msg()
    pictures.publish(image if camera == "image" else EvoSensorMsg(images=[image]))
    rclpy.spin_once(node, timeout_sec=0.03)
assert future.result().error == 0
commands.clear()
while len(commands) < 10 and time.monotonic() < end:
    rclpy.spin_once(node, timeout_sec=0.03)
(picture,) = results[-1].images
age = time.time() - picture.header.stamp.sec
print(len(results[-1].results), len(picture.data) > 1000, picture.format or "none", age < 5)
print({(command.angle, command.throttle) for command in commands}, commands[-1].source_stamp.sec > 0)
'''


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    return community_messages.build(tmp_path_factory.mktemp("community"))


@pytest.mark.parametrize(("camera", "picture"), [("sensor_msg", "True jpeg"), ("image", "False none")])
def test_results_and_stops_in_its_messages(workspace, tmp_path, monkeypatch, camera, picture):
    community_messages.use(workspace, monkeypatch)
    domain, model = new_domain(), save_model(tmp_path / "model")
    settings = {"output": "results", "command_topic": "/deepracer_navigation_pkg/auto_drive"}
    name = "deepracer_inference.inference_node"
    with node(name, domain, tmp_path, model=model, camera=camera, **settings) as process:
        process.wait_for("ms a picture")
        environment = {**os.environ, "ROS_DOMAIN_ID": str(domain)}
        others = [sys.executable, "-c", OTHERS, camera]
        done = subprocess.run(others, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr + process.text()
        results, stops = done.stdout.splitlines()
        assert results == f"3 {picture} True"
        assert stops == "{(0.0, 0.0)} True"
