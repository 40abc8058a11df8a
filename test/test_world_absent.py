"""world_node where something is missing or goes wrong: it stays useful and says what is the matter."""

from __future__ import annotations

import pytest

pytest.importorskip("rclpy", reason="ROS 2 is not installed: make ros")

from geometry_msgs.msg import Twist
from nav_msgs.msg import Odometry
from ros_nodes import new_domain, node
from simulation_interfaces import srv
from std_srvs.srv import Empty

OPTIONAL = ("ackermann_msgs", "deepracer_interfaces_pkg", "gazebo_msgs", "simulation_interfaces")


@pytest.fixture
def at_start(tmp_path, monkeypatch):
    """Have every Python that is started from here run some code first."""

    def install(code: str) -> None:
        (tmp_path / "sitecustomize.py").write_text(code)
        monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    return install


def test_message_packages_that_are_not_installed_are_done_without(track, tmp_path, peer, at_start):
    at_start(
        "import sys\n"
        "class Absent:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        f"        if name.split('.')[0] in {OPTIONAL}:\n"
        "            raise ModuleNotFoundError(f'No module named {name!r}', name=name.split('.')[0])\n"
        "sys.meta_path.insert(0, Absent())\n"
    )
    domain = new_domain()
    with node("world_node", domain, tmp_path, track=track, num_cars=2) as process:
        process.wait_for("2 car(s) on")
        for package in OPTIONAL:
            assert process.text().count(f"{package} is not installed: no") == 1, process.text()
        user = peer(domain, process)
        odometry = user.hear(Odometry, "/racecar_2/odom")
        go = Twist()
        go.linear.x = 1.0

        def is_driving() -> bool:
            user.say("/racecar_2/cmd_vel", go)
            user.spin(0.05)
            return bool(odometry) and odometry[-1].twist.twist.linear.x > 0.5

        user.until(is_driving, "driving by cmd_vel")
        user.ask(Empty, "/pause_physics")
        user.ask(Empty, "/reset_world")
        assert process.end() == 0, process.text()


def test_an_error_in_a_service_is_answered_and_not_the_end(track, tmp_path, peer, at_start):
    at_start(
        "import sys\n"
        "if 'world_node' in ' '.join(sys.orig_argv):\n"
        "    from deepracer_sim.ros import simulator\n"
        "    def fail(self, cars, poses):\n"
        "        if poses[0, 0] == 0.5:\n"
        "            raise OSError('the disk is full')\n"
        "        return place(self, cars, poses)\n"
        "    place, simulator.Simulator.place = simulator.Simulator.place, fail\n"
    )
    domain = new_domain()
    with node("world_node", domain, tmp_path, track=track, paused=True) as process:
        process.wait_for("paused")
        user = peer(domain, process)
        request = srv.SetEntityState.Request(entity="racecar")
        request.state.pose.position.x = 0.5
        result = user.ask(srv.SetEntityState, "/world_node/set_entity_state", request).result
        assert (result.result, result.error_message) == (4, "OSError('the disk is full')")
        assert "the disk is full" in process.text()
        request.state.pose.position.x = 0.25
        assert user.ask(srv.SetEntityState, "/world_node/set_entity_state", request).result.result == 1
        assert process.end() == 0, process.text()
