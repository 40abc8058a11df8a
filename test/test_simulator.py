"""The simulator behind the ROS node, without ROS: its clock, its placements and commands that go stale."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from scripted_world import circle

from deepracer_sim.embedded_world import EmbeddedWorld
from deepracer_sim.errors import SettingError
from deepracer_sim.ground import paint
from deepracer_sim.ros.simulator import Simulator
from deepracer_sim.settings import CameraSettings, CarSettings, Randomisation

NOMINAL = Randomisation(enabled=False)
MILLISECOND = 1_000_000
START = MILLISECOND  # the cars are put on the track once before time begins


@pytest.fixture(scope="module")
def track():
    return circle()


@pytest.fixture(scope="module")
def ground(track):
    return paint(track)


@pytest.fixture
def simulator_of(track, ground):
    def make(num_cars: int) -> Simulator:
        index = torch.zeros(num_cars, dtype=torch.long)
        camera = CameraSettings(width=16, height=12)
        return Simulator(EmbeddedWorld([ground], index, camera, CarSettings(), NOMINAL), track)

    return make


def advance(simulator: Simulator, frames: int) -> None:
    for _ in range(frames):
        simulator.advance()


def test_the_clock_counts_fifteenths_of_a_second_without_losing_any(simulator_of):
    simulator = simulator_of(1)
    assert simulator.time == START
    times = []
    for _ in range(45):
        simulator.advance()
        times.append(simulator.time)
    assert times[0] == START + 66_666_666  # whole nanoseconds, rounded down
    assert times[1] == START + 133_333_333
    assert [times[14], times[29], times[44]] == [START + second * 1_000_000_000 for second in (1, 2, 3)]


def test_no_two_states_have_the_same_time(simulator_of):
    simulator = simulator_of(1)
    times = [simulator.time]
    for x in (0.1, 0.2):
        simulator.place([0], torch.tensor([[x, 0.0, 0.0]]))
        times.append(simulator.time)
    simulator.advance()
    times.append(simulator.time)
    simulator.reset_cars()
    times.append(simulator.time)
    assert [later - earlier for earlier, later in itertools.pairwise(times)] == [
        MILLISECOND,
        MILLISECOND,
        66_666_666,
        MILLISECOND,
    ]


def test_cars_start_evenly_spread_along_the_track(simulator_of):
    """On a circle of 2 m around the origin, four cars stand a quarter turn apart, each along the circle."""
    state = simulator_of(4).state()
    angles = torch.atan2(state.y, state.x)
    wanted = torch.tensor([0, 0.5, 1, -0.5]) * math.pi
    assert float((torch.remainder(angles - wanted + 1, math.tau) - 1).abs().max()) < 0.02
    assert torch.allclose(torch.hypot(state.x, state.y), torch.tensor(2.0), atol=0.01)
    along = torch.remainder(state.yaw - wanted, math.tau)
    assert torch.allclose(along, torch.tensor(math.pi / 2), atol=0.02)


def test_a_command_drives_its_car_only(simulator_of):
    simulator = simulator_of(2)
    before = simulator.state()
    simulator.drive(1, 0.0, 1.0)
    advance(simulator, 5)
    after = simulator.state()
    assert float(after.forward_speed[0]) == 0.0
    assert float(after.forward_speed[1]) > 0.5
    assert (float(after.x[0]), float(after.y[0])) == (float(before.x[0]), float(before.y[0]))


def test_half_a_second_without_a_command_takes_the_throttle_away(simulator_of):
    """A command holds for 7 frames (0.467 s) after the first one that it drove; in the next it is too old."""
    simulator = simulator_of(1)
    simulator.drive(0, 0.2, 1.0)
    advance(simulator, 8)
    assert simulator.command.tolist() == [[pytest.approx(0.2), 1.0]]
    simulator.advance()
    assert simulator.command.tolist() == [[pytest.approx(0.2), 0.0]]  # the wheels stay turned
    advance(simulator, 15)
    assert float(simulator.state().forward_speed[0]) == pytest.approx(0, abs=1e-3)


def test_each_command_holds_anew(simulator_of):
    simulator = simulator_of(2)
    for _ in range(30):
        simulator.drive(0, 0.0, 1.0)
        simulator.advance()
    assert simulator.command[:, 1].tolist() == [1.0, 0.0]
    assert float(simulator.state().forward_speed[0]) == pytest.approx(1.0, abs=0.1)


def test_a_command_goes_stale_after_the_time_was_set_back(simulator_of):
    simulator = simulator_of(1)
    advance(simulator, 30)
    simulator.drive(0, 0.0, 1.0)
    simulator.reset_time()
    assert simulator.time == 0
    advance(simulator, 8)
    assert float(simulator.command[0, 1]) == 1.0
    simulator.advance()
    assert float(simulator.command[0, 1]) == 0.0


def test_the_distance_travelled_is_speed_times_time(simulator_of):
    simulator = simulator_of(1)
    simulator.place([0], torch.tensor([[0.0, 0.0, 0.0]]))
    for _ in range(30):
        simulator.drive(0, 0.0, 1.0)
        simulator.advance()
    assert float(simulator.travelled[0]) == pytest.approx(float(simulator.state().x[0]), abs=0.05)
    assert float(simulator.travelled[0]) > 1.5


def test_a_car_that_was_put_elsewhere_has_no_command_and_has_not_travelled(simulator_of):
    simulator = simulator_of(2)
    for car in (0, 1):
        simulator.drive(car, 0.1, 1.0)
    advance(simulator, 5)
    simulator.place([1], torch.tensor([[0.5, -0.5, 1.0]]))
    state = simulator.state()
    assert simulator.command.tolist() == [[pytest.approx(0.1), 1.0], [0.0, 0.0]]
    assert float(simulator.travelled[0]) > 0 and float(simulator.travelled[1]) == 0
    assert (float(state.x[1]), float(state.y[1]), float(state.yaw[1])) == pytest.approx((0.5, -0.5, 1.0))
    assert float(state.forward_speed[1]) == 0.0 and float(state.forward_speed[0]) > 0


@pytest.mark.parametrize("pose", [(math.nan, 0, 0), (0, math.inf, 0), (0, 0, math.nan), (1001, 0, 0)])
def test_a_pose_that_is_no_place_is_refused(simulator_of, pose):
    simulator = simulator_of(1)
    simulator.drive(0, 0.0, 1.0)
    before = simulator.state()
    with pytest.raises(SettingError, match="must be finite, within 1000 m"):
        simulator.place([0], torch.tensor([pose]))
    assert simulator.time == START
    assert torch.equal(simulator.state().x, before.x)
    assert float(simulator.command[0, 1]) == 1.0


def test_a_name_that_no_car_has_is_refused(simulator_of):
    simulator = simulator_of(2)
    assert simulator.index("racecar_2") == 1
    with pytest.raises(SettingError, match="no car 'racecar': there are racecar_1, racecar_2"):
        simulator.index("racecar")


def test_off_track_means_that_no_wheel_is_on_the_road(simulator_of):
    """The road of the circle lies between the radii 1.6 and 2.4 m; the car is 0.2 m wide."""
    simulator = simulator_of(4)
    along = math.pi / 2
    poses = [(2.0, 0.0, along), (2.45, 0.0, along), (2.6, 0.0, along), (0.0, 0.0, 0.0)]
    simulator.place(range(4), torch.tensor(poses))
    assert simulator.off_track().tolist() == [False, False, True, True]
