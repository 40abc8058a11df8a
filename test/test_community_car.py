"""The community's car has messages of the stock car's names with other fields: the same node drives it."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

pytest.importorskip("rclpy", reason="ROS 2 is not installed: make ros")

import community_messages
from car_peer import NAME, running_car, save_model
from lifecycle_msgs.srv import ChangeState
from ros_nodes import new_domain, node

pytestmark = [pytest.mark.slow, community_messages.needs_wheels]
OTHERS = '''
"""Its camera and its servo: ten commands that drive, printed."""
import sys, time
import cv2, numpy as np, rclpy
from deepracer_interfaces_pkg.msg import EvoSensorMsg, ServoCtrlMsg
from deepracer_interfaces_pkg.srv import InferenceStateSrv
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import CompressedImage

rclpy.init()
node = rclpy.create_node("others")
heard = []
node.create_subscription(ServoCtrlMsg, "/ctrl_pkg/servo_msg", heard.append, qos_profile_sensor_data)
camera = node.create_publisher(EvoSensorMsg, "/sensor_fusion_pkg/sensor_msg", 1)
client = node.create_client(InferenceStateSrv, "/inference_node/inference_state")
assert client.wait_for_service(20.0)
future = client.call_async(InferenceStateSrv.Request(start=1))
random, end = np.random.default_rng(0), time.monotonic() + 20.0
while len([one for one in heard if one.throttle == 0.5]) < 10 and time.monotonic() < end:
    pixels = random.integers(0, 255, (120, 160, 3), dtype=np.uint8)
    image = CompressedImage(format="jpeg", data=cv2.imencode(".jpg", pixels)[1].tobytes())
    image.header.stamp = node.get_clock().now().to_msg()
    camera.publish(EvoSensorMsg(images=[image]))
    rclpy.spin_once(node, timeout_sec=0.03)
assert future.result().error == 0
print(len(heard), heard[-1].angle, heard[-1].throttle, 0 <= time.time() - heard[-1].source_stamp.sec < 5)
'''


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    return community_messages.build(tmp_path_factory.mktemp("community"))


@pytest.fixture
def community(workspace, monkeypatch):
    """Processes that are started now have the community's messages."""
    community_messages.use(workspace, monkeypatch)


def test_it_is_driven_by_its_own_messages(community, tmp_path):
    domain, model = new_domain(), save_model(tmp_path / "model")
    name = "deepracer_inference.inference_node"
    with node(name, domain, tmp_path, model=model, camera="sensor_msg") as process:
        process.wait_for("ms a picture")
        environment = {**os.environ, "ROS_DOMAIN_ID": str(domain)}
        done = subprocess.run(
            [sys.executable, "-c", OTHERS], env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr + process.text()
        count, angle, throttle, has_stamp = done.stdout.split()
        assert int(count) >= 10 and float(angle) == 1.0 and float(throttle) == 0.5 and has_stamp == "True"


def test_it_does_not_drive_with_the_stock_cars_messages(community, tmp_path):
    """This test's own servo has the stock car's."""
    with running_car(tmp_path) as car:
        car.peer.until(lambda: car.peer.node.count_publishers("/ctrl_pkg/servo_msg") > 0, "the node")
        car.peer.spin(0.5)
        transition = ChangeState.Request()
        transition.transition.id = 3
        assert not car.peer.ask(ChangeState, f"{NAME}/change_state", transition).success
        assert "peer has another deepracer_interfaces_pkg/msg/ServoCtrlMsg" in car.process.text()
        assert car.show(0.4) == []
