"""The message packages: their types are the original ones, and two processes talk with them over DDS."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from importlib import import_module
from pathlib import Path

import pytest

rclpy = pytest.importorskip("rclpy", reason="ROS 2 is not installed: make ros")

from deepracer_interfaces_pkg.msg import InferResults, InferResultsArray, ServoCtrlMsg  # noqa: E402
from deepracer_interfaces_pkg.srv import NavThrottleSrv  # noqa: E402
from gazebo_msgs.msg import ModelStates  # noqa: E402
from gazebo_msgs.srv import SetEntityState  # noqa: E402
from geometry_msgs.msg import Pose, Twist  # noqa: E402
from rclpy.serialization import deserialize_message, serialize_message  # noqa: E402
from sensor_msgs.msg import Image  # noqa: E402

INTERFACES = Path(__file__).resolve().parent.parent / "interfaces"
DEADLINE = 30.0  # seconds; far more than anything here takes

# RIHS01 hashes of the original definitions, made with ROS 2's own generator.
HASHES = {
    "ackermann_msgs": """
        msg/AckermannDrive acf287a224a947dd1b0b87d6d76cdb73f497b0237b8fc73be2173b2ebbb82c99
        msg/AckermannDriveStamped 48ca7612a08d3bb72744fd98b71b7cf2ea24c6ad50fa4e1aa0bbad963c90d8cf
    """,
    "deepracer_interfaces_pkg": """
        msg/CameraMsg 0f486b9741f317a902567da1b7de2e45c50852f770470cf2def6983066191bb9
        msg/EvoSensorMsg 606323d25c3db6f5cf96d12a2bf32ebeaff0df08d6b8d83d7401bafe72f586c9
        msg/InferResults 84eeb5fca07f49baf31ec2aa5886d1683f6b5aa5f61b32035791161641feea17
        msg/InferResultsArray c0570a2c14ed802e28d6a4c2328abdf6dd4879f4e9a7bd69373e005917678742
        msg/ServoCtrlMsg 221246373f8927244e2763082b1d1a2eaa5106391b76c8c9f5b78a90d6bb5de6
        srv/ActiveStateSrv 0a96a33eeb747dfacf098e0d6b1dda99787d1c0a39a27a245ab4e362a35d2066
        srv/EnableStateSrv dfa6956f68ddb59c9f134d16426f761e11fadbd6944b4b6c3184290b3188a3bf
        srv/GetModelLoadingStatusSrv 0fe2e77e0f28c7e905d47d39a8ba1b29eb50bb6f9c0a66468e09d2cc137836af
        srv/InferenceStateSrv da66e25a45a000fd814ae306f63d40993a284f7c031c5a68e75f422b1fef7927
        srv/LoadModelSrv 50429f16367b27eba36e33a660c92d9af3f23455189747e46c267741518055ba
        srv/ModelStateSrv ab62ef2b647161c67f02e0e9ee9dbd386847343da618adadfdd3671ac8497d7e
        srv/NavThrottleSrv ab1e8668319ec80bf36be236ff30220529eea88792d780a7e5600a4ec98ac1de
        srv/VideoStateSrv 81486e7476a8d052d751062271c82b5e822585190b8638d4beadd4263bd7d216
    """,
    "gazebo_msgs": """
        msg/EntityState ac4d02452631059a6720613df2f318d13bf4a69e46cda3d311fabc4553d92e82
        msg/ModelStates 948fbd9d345a298588ea99742362d651a73bdc46637dea1158bcadce859cb6f5
        srv/DeleteEntity 81b2eed68ee3a93de5a70a0915b57c51dbed9518da77ca5f0abc47222f1f44a2
        srv/GetEntityState d017d5e9708e99e2260a85bb9ef20d789ae7fb4d205862baea63ef98ac335006
        srv/GetModelList 7b19089b52e4e5b9db3fd84042f59e90becb14aa2e7bcd3db378994bcea42257
        srv/SetEntityState a7ec3c56a44484ff2b7fbf0449c4bc39366a93d940f335b891f7851b1c46fdc5
        srv/SpawnEntity a01b6c5a00d47ced8923b43e9e24764fcaa176d2eac6d88163cdb50a02f6cfb5
    """,
    "simulation_interfaces": """
        msg/Bounds e8624fe51f0f5548197542697d924c5699ac7198f1e4c68e50c3ca2af73f5b3f
        msg/EntityCategory 43bdf7933fddf75f6970f7a8fe7078524355d821d390b3954bb46ac36c03dfe1
        msg/EntityFilters 8e7b12e8ea062f14c55de4877221fe1b7cd9749665a7ad8a4ab855fc4b148303
        msg/EntityState 2e0464a85eb80a939025075d6c20761eca6a4cb9d6baf2c0ba373467c8b598d0
        msg/Result cf43a306adff3337a0a47143d8f5689933bc70a30478f13b077dc1fe3bc5ad17
        msg/SimulationState bb9f87ccdd98fba113052a512d9801e84ce732d0a2b3c2b0cb281828de36e415
        msg/SimulatorFeatures 8b101c8529bc0ea3dcf056078254768f39832b9ef0adaf93bd5cea96c0de3305
        msg/TagsFilter 5c3efc51e8ed04c266c09cb4691ec95b964cd410558e01d8c83646b038826b45
        srv/DeleteEntity ff7e96a5b83dc8e2bb34b8b034480028b3a24d9f8376b2c0590bac3704be3e28
        srv/GetEntities cb90004c48cd50f37732fb008e22c34c261dd680a723bf0f85d8437ea4498bf7
        srv/GetEntityState 749c91f2a2353d98367b64f2995a0f5842ce92a08ec1ffb3e185540a91557fb5
        srv/GetSimulationState 3362dcebee4b1afebbf9c4beee5c79c1455385aded62092a892d61fde8644f30
        srv/GetSimulatorFeatures abb9439c8cf196722a469fb6c68b44b484f198c2a1356ac38849a29c2a20a794
        srv/ResetSimulation 4ce285d7ff9b8ac70dcc95161f32bf54c05a6f4b13427990e41ab40c36c39646
        srv/SetEntityState ca210e7d2b66629ae133c8e1edf5246e618106d75c78ed0556c0e7a33c59ee5e
        srv/SetSimulationState a868b916dce49974f637ba252141258c4b07b0c06858b88af560e3eb6bfbcb30
        srv/SpawnEntity d4c086345d4194a5fc4c9ae45095736ca4062b5cdac4d06a42dec93d683e03cf
        srv/StepSimulation 913fe0653690ce6bf8f09f316e6a626747012e9fca31e26719910d417aa8565c
    """,
    "tf2_msgs": """
        msg/TFMessage e369d0f05a23ae52508854b66f6aa0437f3449d652e8cbf22d5abe85d020f087
    """,
}
TYPES = [(package, *line.split()) for package, table in HASHES.items() for line in table.strip().splitlines()]


@pytest.fixture
def ros(monkeypatch, tmp_path):
    """ROS 2 with a domain of this run's own, on this machine only."""
    monkeypatch.setenv("ROS_DOMAIN_ID", str(1 + os.getpid() % 100))
    monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    monkeypatch.setenv("ROS_LOG_DIR", str(tmp_path / "log"))
    monkeypatch.setenv("AMENT_PREFIX_PATH", os.environ.get("AMENT_PREFIX_PATH", sys.prefix))


def test_every_definition_has_its_hash_here():
    defined = [path.relative_to(INTERFACES) for path in INTERFACES.glob("*/*/*.[ms][sr][gv]")]
    assert {path.with_suffix("") for path in defined} == {Path(package, name) for package, name, _ in TYPES}


@pytest.mark.parametrize(("package", "name", "wanted"), TYPES, ids=lambda value: value[:32])
def test_a_type_is_the_original(ros, package, name, wanted):
    share = Path(import_module("ament_index_python").get_package_share_directory(package))
    kind = name.split("/")[0]
    if (share / "built-from.sha256").exists():  # not one of apt's
        defined = INTERFACES / package / f"{name}.{kind}"
        assert (share / f"{name}.{kind}").read_text() == defined.read_text(), "has changed: make ros"
    first = json.loads((share / f"{name}.json").read_text())["type_hashes"][0]
    assert first == {"type_name": f"{package}/{name}", "hash_string": f"RIHS01_{wanted}"}


@pytest.mark.parametrize(("package", "name"), [entry[:2] for entry in TYPES])
def test_a_type_survives_the_wire(package, name):
    kind, type_name = name.split("/")
    message_type = getattr(import_module(f"{package}.{kind}"), type_name)
    for part in (message_type,) if kind == "msg" else (message_type.Request, message_type.Response):
        assert deserialize_message(serialize_message(part()), part) == part()


def test_messages_within_messages_survive_the_wire():
    results = [InferResults(class_label=label, class_prob=0.5, x_min=-1.0) for label in (0, 4)]
    image = Image(height=1, width=2, encoding="mono8", step=2, data=bytes([7, 255]))
    answer = InferResultsArray(results=results, images=[image])
    assert deserialize_message(serialize_message(answer), InferResultsArray) == answer
    states = ModelStates(name=["a", "b"], pose=[Pose(), Pose()], twist=[Twist(), Twist()])
    states.twist[1].linear.x = 0.1
    assert deserialize_message(serialize_message(states), ModelStates) == states


def test_constants_and_defaults_which_the_hash_leaves_out():
    from simulation_interfaces.msg import Result, SimulationState
    from simulation_interfaces.srv import ResetSimulation, SetSimulationState, StepSimulation

    assert (Result.RESULT_FEATURE_UNSUPPORTED, Result.RESULT_OK, Result.RESULT_OPERATION_FAILED) == (0, 1, 4)
    assert (SimulationState.STATE_STOPPED, SimulationState.STATE_PLAYING) == (0, 1)
    assert (SimulationState.STATE_PAUSED, SimulationState.STATE_QUITTING) == (2, 3)
    scopes = ResetSimulation.Request
    assert (scopes.SCOPE_TIME, scopes.SCOPE_STATE, scopes.SCOPE_SPAWNED, scopes.SCOPE_ALL) == (1, 2, 4, 255)
    assert SetSimulationState.Response.ALREADY_IN_TARGET_STATE == 101
    assert StepSimulation.Request().steps == 1


def serve():
    """Be the other process: a car whose speed is the throttle that was asked for last."""
    rclpy.init()
    node = rclpy.create_node("car")
    states = node.create_publisher(ModelStates, "model_states", 10)
    pose = Pose()

    def drive(command):
        twist = Twist()
        twist.linear.x, twist.angular.z = command.throttle, command.angle
        states.publish(ModelStates(name=["racecar"], pose=[pose], twist=[twist]))

    def place(request, response):
        response.success = request.state.name == "racecar"
        pose.position.x = request.state.pose.position.x
        return response

    def limit(request, response):
        response.error = 0 if 0.0 <= request.throttle <= 1.0 else 1
        return response

    node.create_subscription(ServoCtrlMsg, "servo_msg", drive, 10)
    node.create_service(SetEntityState, "set_entity_state", place)
    node.create_service(NavThrottleSrv, "navigation_throttle", limit)
    rclpy.spin(node)


def spin_until(node, condition):
    end = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < end, "no answer from the other process"
        rclpy.spin_once(node, timeout_sec=0.1)


@pytest.fixture
def node(ros):
    rclpy.init()
    with subprocess.Popen([sys.executable, __file__]) as process:
        yield rclpy.create_node("driver")
        process.kill()
    rclpy.shutdown()


def call(node, service_type, name, request):
    client = node.create_client(service_type, name)
    assert client.wait_for_service(timeout_sec=DEADLINE)
    answer = client.call_async(request)
    spin_until(node, answer.done)
    return answer.result()


def test_two_processes_talk(node):
    request = SetEntityState.Request()
    request.state.name, request.state.pose.position.x = "racecar", 1.5
    assert call(node, SetEntityState, "set_entity_state", request).success
    assert call(node, NavThrottleSrv, "navigation_throttle", NavThrottleSrv.Request(throttle=0.5)).error == 0
    assert call(node, NavThrottleSrv, "navigation_throttle", NavThrottleSrv.Request(throttle=1.5)).error == 1

    seen = []
    commands = node.create_publisher(ServoCtrlMsg, "servo_msg", 10)
    node.create_subscription(ModelStates, "model_states", seen.append, 10)
    spin_until(node, lambda: commands.get_subscription_count() and node.count_publishers("model_states"))

    def is_driving():
        commands.publish(ServoCtrlMsg(angle=-0.25, throttle=0.75))
        return seen

    spin_until(node, is_driving)
    assert (seen[0].name, seen[0].pose[0].position.x) == (["racecar"], 1.5)
    assert (seen[0].twist[0].linear.x, seen[0].twist[0].angular.z) == (0.75, -0.25)
    # What a process announces is what it was compiled with.
    announced = node.get_publishers_info_by_topic("model_states")[0].topic_type_hash
    assert f"gazebo_msgs msg/ModelStates {announced}".replace("RIHS01_", "") in map(" ".join, TYPES)


if __name__ == "__main__":
    serve()
