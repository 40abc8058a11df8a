"""The simulated car's picture as the car's own nodes send it, of a running world_node."""

from __future__ import annotations

import pytest

pytest.importorskip("deepracer_interfaces_pkg", reason="the car's messages are not built: make ros")

from deepracer_interfaces_pkg.msg import CameraMsg, EvoSensorMsg
from rclpy.qos import ReliabilityPolicy
from ros_nodes import new_domain, node
from sensor_msgs.msg import Image
from simulated_world import SimulatedWorld, simulated_world

from deepracer_sim.ros.conversions import to_pixels
from deepracer_sim.ros.world_settings import WorldSettings

TOPICS = {"/camera_pkg/video_mjpeg": CameraMsg, "/sensor_fusion_pkg/sensor_msg": EvoSensorMsg}


def heard_of_a_frame(world, namespace=""):
    """The messages of one frame: ROS's own picture, the camera's and the sensor fusion's."""
    topics = {"/camera/image_raw": Image, **TOPICS}
    heard = [world.peer.hear(kind, f"{namespace}{topic}") for topic, kind in topics.items()]
    for _ in range(100):
        # Until the node knows all of its listeners.
        for messages in heard:
            messages.clear()
        world.step()
        world.peer.spin(0.1)
        if all(len(messages) == 1 for messages in heard):
            return [messages[0] for messages in heard]
    pytest.fail("nobody listens")


@pytest.mark.parametrize("colour", ["rgb", "grey"])
def test_a_picture_is_what_the_stock_car_sends(tmp_path, peer, track, colour):
    domain = new_domain()
    with node("world_node", domain, tmp_path, track=track, paused=True, camera__colour=colour) as process:
        world = SimulatedWorld(process, peer(domain, process), WorldSettings())
        picture, camera, fusion = heard_of_a_frame(world)
        assert camera.images == fusion.images and len(fusion.lidar_data) == 0
        (image,) = camera.images
        assert (image.width, image.height, image.step, image.encoding) == (160, 120, 480, "bgr8")
        # The stock car's camera node stamps nothing.
        assert (image.header.stamp.sec, image.header.stamp.nanosec, image.header.frame_id) == (0, 0, "")
        assert picture.header.stamp.nanosec > 0
        found, seen = to_pixels(image), to_pixels(picture)
        assert (found[:, :, ::-1] == seen).all() and found.std() > 10
        for topic in TOPICS:
            (end,) = world.peer.node.get_publishers_info_by_topic(topic)
            assert end.qos_profile.reliability == ReliabilityPolicy.RELIABLE


def test_each_of_several_cars_has_its_own(tmp_path, track):
    with simulated_world(track, tmp_path, num_cars=2) as world:
        pictures = [heard_of_a_frame(world, f"/racecar_{car}")[1].images[0].data for car in (1, 2)]
        assert pictures[0] != pictures[1]
