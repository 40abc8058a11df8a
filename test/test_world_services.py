"""The services of world_node over real DDS: Gazebo Classic's, the standard ones, and what they refuse."""

from __future__ import annotations

import math

import pytest

pytest.importorskip("rclpy", reason="ROS 2 is not installed: make ros")

import torch
from ackermann_msgs.msg import AckermannDriveStamped
from gazebo_msgs import srv as gazebo
from geometry_msgs.msg import Pose
from nav_msgs.msg import Odometry
from simulated_world import PAUSED, PLAYING, SimulatedWorld, numbers, simulated_world
from simulation_interfaces import srv
from simulation_interfaces.msg import EntityCategory
from std_srvs.srv import Empty

from deepracer_sim.ros.conversions import to_nanoseconds, to_pose, to_yaw

OK, UNSUPPORTED, NOT_FOUND, INCORRECT_STATE, FAILED, INVALID_POSE = 1, 0, 2, 3, 4, 101
SECOND = 1_000_000_000
START = 1_000_000
"""Nanoseconds that the clock shows once the cars have been put on the track."""


@pytest.fixture(scope="module")
def running(track, tmp_path_factory):
    with simulated_world(track, tmp_path_factory.mktemp("world")) as world:
        yield world


@pytest.fixture
def world(running) -> SimulatedWorld:
    running.start_anew()
    return running


def state_of(world: SimulatedWorld, name: str = "racecar"):
    answer = world.ask(srv.GetEntityState, entity=name)
    assert answer.result.result == OK, answer.result.error_message
    return answer.state


def time_of(world: SimulatedWorld) -> int:
    return to_nanoseconds(state_of(world).header.stamp)


def place_of(world: SimulatedWorld) -> tuple[float, float, float]:
    pose = state_of(world).pose
    return pose.position.x, pose.position.y, to_yaw(pose.orientation)


def put(world: SimulatedWorld, pose: Pose, entity: str = "racecar", frame: str = "world"):
    request = srv.SetEntityState.Request(entity=entity)
    request.state.pose, request.state.header.frame_id = pose, frame
    return world.peer.ask(srv.SetEntityState, "/world_node/set_entity_state", request).result


def gazebo_put(world: SimulatedWorld, pose: Pose, name: str = "racecar", frame: str = "") -> bool:
    request = gazebo.SetEntityState.Request()
    request.state.name, request.state.pose, request.state.reference_frame = name, pose, frame
    return world.peer.ask(gazebo.SetEntityState, "/set_entity_state", request).success


def simulation_state(world: SimulatedWorld) -> int:
    return world.ask(srv.GetSimulationState).state.state


@pytest.mark.parametrize("steps", [1, 2, 15, 100])
def test_steps_move_the_clock_by_exactly_so_many_fifteenths(world, steps):
    before = time_of(world)
    assert world.step(steps).result == OK
    assert time_of(world) - before == steps * SECOND // 15


@pytest.mark.parametrize("steps", [0, 901, 2**64 - 1])
def test_too_few_or_too_many_steps_are_refused(world, steps):
    result = world.step(steps)
    assert result.result == FAILED
    assert result.error_message == f"steps={steps}: must be 1 to 900"
    assert time_of(world) == START


def test_a_step_while_it_plays_is_refused(world):
    assert world.set_state(PLAYING).result == OK
    result = world.step()
    assert result.result == INCORRECT_STATE and "the simulation is playing" in result.error_message


def test_it_plays_and_pauses_by_the_standard_services(world):
    assert simulation_state(world) == PAUSED
    assert world.set_state(PLAYING).result == OK
    assert simulation_state(world) == PLAYING
    world.peer.until(lambda: time_of(world) > START + SECOND // 5, "time going on")
    assert world.set_state(PAUSED).result == OK
    held = time_of(world)
    world.peer.spin(0.3)
    assert time_of(world) == held


def test_it_plays_and_pauses_by_gazebos_services(world):
    world.peer.ask(Empty, "/unpause_physics")
    assert simulation_state(world) == PLAYING
    world.peer.until(lambda: time_of(world) > START + SECOND // 5, "time going on")
    world.peer.ask(Empty, "/pause_physics")
    world.peer.ask(Empty, "/pause_physics")
    held = time_of(world)
    world.peer.spin(0.3)
    assert time_of(world) == held and simulation_state(world) == PAUSED


def test_the_state_that_it_is_in_already_is_said(world):
    result = world.set_state(PAUSED)
    assert result.result == srv.SetSimulationState.Response.ALREADY_IN_TARGET_STATE
    assert result.error_message == "the state is 2 already"


@pytest.mark.parametrize("state", [4, 5, 77])
def test_a_state_that_is_none_is_refused(world, state):
    result = world.set_state(state)
    assert result.result == UNSUPPORTED
    assert result.error_message == f"state {state}: must be 0 stopped, 1 playing, 2 paused or 3 quitting"


def test_stopped_means_paused_and_back_at_the_start(world):
    assert put(world, to_pose(0.5, 0.5, 0.5)).result == OK
    world.step(10)
    assert world.set_state(0).result == OK
    assert simulation_state(world) == 0
    assert time_of(world) == START
    assert place_of(world) == pytest.approx(numbers(world.twin().state())[:3])
    result = world.step()
    assert result.result == INCORRECT_STATE and "the simulation is stopped" in result.error_message
    assert world.set_state(PAUSED).result == OK
    assert world.step().result == OK


def test_pausing_gazebos_way_ends_being_stopped(world):
    world.set_state(0)
    world.peer.ask(Empty, "/unpause_physics")
    world.peer.ask(Empty, "/pause_physics")
    assert simulation_state(world) == PAUSED


TIME, STATE, SPAWNED = 1, 2, 4


@pytest.mark.parametrize(
    ("scope", "time", "is_home"),
    [
        (0, START, True),
        (255, START, True),
        (TIME, 0, False),
        (STATE, START + START + SECOND + START, True),
        (TIME + STATE, START, True),
        (SPAWNED, START + START + SECOND, False),
    ],
)
def test_a_reset_sets_back_what_it_is_asked_to(world, scope, time, is_home):
    """The clock shows a millisecond for each time that the car was put somewhere, and a second of driving."""
    put(world, to_pose(0.5, -0.5, 0.1))
    world.step(15)
    assert time_of(world) == START + START + SECOND
    assert world.ask(srv.ResetSimulation, scope=scope).result.result == OK
    home = numbers(world.twin().state())[:3]
    assert time_of(world) == time
    assert (place_of(world) == pytest.approx(home)) == is_home


def test_a_reset_of_something_unknown_is_refused(world):
    result = world.ask(srv.ResetSimulation, scope=8).result
    assert result.result == UNSUPPORTED and "scope 8" in result.error_message


def test_gazebos_resets(world):
    home = pytest.approx(numbers(world.twin().state())[:3])
    put(world, to_pose(0.5, -0.5, 0.1))
    world.step(15)
    world.peer.ask(Empty, "/reset_world")
    assert place_of(world) == home and time_of(world) > SECOND
    put(world, to_pose(0.5, -0.5, 0.1))
    world.peer.ask(Empty, "/reset_simulation")
    assert place_of(world) == home and time_of(world) == START


@pytest.mark.parametrize("frame", ["", "world", "map", "odom"])
def test_a_car_is_put_where_it_is_wanted(world, frame):
    assert put(world, to_pose(0.4, -0.3, 2.0), frame=frame).result == OK
    assert place_of(world) == pytest.approx((0.4, -0.3, 2.0))
    assert time_of(world) == START + START
    assert gazebo_put(world, to_pose(-0.2, 0.1, -1.0), frame=frame)
    assert place_of(world) == pytest.approx((-0.2, 0.1, -1.0))


NAN, INF = math.nan, math.inf


@pytest.mark.parametrize("pose", [(NAN, 0.0, 0.0), (0.0, INF, 0.0), (0.0, 0.0, NAN), (1e300, 0.0, 0.0)])
def test_no_place_for_a_car_is_refused(world, pose):
    home = place_of(world)
    result = put(world, to_pose(*pose))
    assert result.result == INVALID_POSE and "within 1000 m from the origin" in result.error_message
    assert not gazebo_put(world, to_pose(*pose))
    assert place_of(world) == home and time_of(world) == START


def test_an_unknown_frame_or_entity_is_refused(world):
    here = to_pose(0.0, 0.0, 0.0)
    result = put(world, here, frame="base_link")
    assert result.result == INVALID_POSE
    assert result.error_message == "frame 'base_link': must be one of world, map, odom"
    result = put(world, here, entity="ghost")
    assert (result.result, result.error_message) == (NOT_FOUND, "no car 'ghost': there are racecar")
    assert not gazebo_put(world, here, frame="base_link")
    assert not gazebo_put(world, here, name="ghost")
    result = world.ask(srv.GetEntityState, entity="ghost").result
    assert (result.result, result.error_message) == (NOT_FOUND, "no car 'ghost': there are racecar")
    ask = gazebo.GetEntityState.Request
    assert not world.peer.ask(gazebo.GetEntityState, "/get_entity_state", ask(name="ghost")).success
    relative = ask(name="racecar", reference_frame="base_link")
    assert not world.peer.ask(gazebo.GetEntityState, "/get_entity_state", relative).success


def test_both_families_tell_the_same_state(world):
    put(world, to_pose(0.4, -0.3, 2.0))
    standard = state_of(world)
    request = gazebo.GetEntityState.Request(name="racecar")
    classic = world.peer.ask(gazebo.GetEntityState, "/get_entity_state", request)
    assert classic.success and classic.state.name == "racecar"
    assert (classic.state.pose, classic.state.twist) == (standard.pose, standard.twist)
    assert classic.header.stamp == standard.header.stamp
    assert classic.header.frame_id == standard.header.frame_id == "world"


def test_names(world):
    answer = world.peer.ask(gazebo.GetModelList, "/get_model_list")
    assert answer.success and list(answer.model_names) == ["racecar"]
    assert list(world.ask(srv.GetEntities).entities) == ["racecar"]


def test_names_are_filtered(world):
    def entities(pattern: str):
        request = srv.GetEntities.Request()
        request.filters.filter = pattern
        return world.peer.ask(srv.GetEntities, "/world_node/get_entities", request)

    assert list(entities("^race").entities) == ["racecar"]
    assert list(entities("truck").entities) == []
    assert entities("truck").result.result == OK
    broken = entities("(").result
    assert broken.result == FAILED and broken.error_message.startswith("filter '('")
    request = srv.GetEntities.Request()
    request.filters.categories = [EntityCategory()]
    assert world.peer.ask(srv.GetEntities, "/world_node/get_entities", request).result.result == UNSUPPORTED


def test_no_command_is_lost_or_late_in_two_thousand_steps(world):
    """Each step is driven by the command that was sent right before it: the state is equal bit for bit."""
    heard = world.peer.hear(Odometry, "/odom")
    twin = world.twin()
    message = AckermannDriveStamped()
    message.drive.speed = 0.0
    for _ in range(100):
        world.peer.say("/drive", message)
        world.step()
        world.peer.spin(0.02)
        message.drive.speed = 0.5
        if heard and heard[-1].twist.twist.linear.x > 0:
            break
    world.start_anew()
    generator = torch.Generator().manual_seed(1)
    commands = torch.rand(2000, 2, generator=generator) * torch.tensor([1.0, 2.0]) - torch.tensor([0.5, 0.0])
    for steering_angle, speed in commands.tolist():
        message.drive.steering_angle, message.drive.speed = steering_angle, speed
        world.peer.say("/drive", message)
        assert world.step().result == OK
        twin.drive(0, steering_angle, speed)
        twin.advance()
    last = lambda: to_nanoseconds(heard[-1].header.stamp)  # noqa: E731
    world.peer.until(lambda: last() == twin.time, f"the state of {twin.time} ns")
    pose, motion = heard[-1].pose.pose.position, heard[-1].twist.twist
    x, y, _, forward, lateral, turn = numbers(twin.state())
    assert (pose.x, pose.y, motion.linear.x, motion.linear.y, motion.angular.z) == (
        x,
        y,
        forward,
        lateral,
        turn,
    )
