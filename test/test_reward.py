"""AWS's params against values worked out by hand on a square track, the default reward, and Python rewards.

The track: a square of 4 m with corners at (0, 0) and (4, 4), driven counter-clockwise from (2, 0), a waypoint
each metre, borders 0.5 m to each side, so 16 m long and 1 m wide.
"""

from __future__ import annotations

import io
import math
import re
from pathlib import Path

import numpy as np
import pytest
import torch

from deepracer_sim import reward_function
from deepracer_sim.errors import RewardError
from deepracer_sim.reward import ProgressReward, PythonReward, RewardState, Waypoints, aws_params, load_reward
from deepracer_sim.track import Track, stack

SQUARE = [(2, 0), (3, 0), (4, 0), (4, 1), (4, 2), (4, 3), (4, 4), (3, 4),
          (2, 4), (1, 4), (0, 4), (0, 3), (0, 2), (0, 1), (0, 0), (1, 0)]  # fmt: skip
TRIANGLE = [(1, 0), (4, 0), (2, 3), (0, 0)]


def beside(points: list[tuple[int, int]], distance: float) -> torch.Tensor:
    """Move the square's points inwards: those in a corner along both axes, the others along one."""

    def inwards(value: int) -> float:
        return distance * ((value == 0) - (value == 4))

    return torch.tensor([(x + inwards(x), y + inwards(y)) for x, y in points])


def square() -> Track:
    return Track(
        "square", torch.tensor(SQUARE, dtype=torch.float32), beside(SQUARE, 0.5), beside(SQUARE, -0.5)
    )


def states(
    track: Track, position: list[tuple[float, float]], reversed: list[bool] | None = None, **values
) -> RewardState:
    count = len(position)
    place = torch.tensor(position)
    backwards = torch.tensor(reversed or [False] * count)
    no, zero = torch.zeros(count, dtype=torch.bool), torch.zeros(count)
    known = dict(
        position=place, heading=zero, projection=track.project(place, backwards), progress=zero,
        steps=torch.ones(count, dtype=torch.long), speed=zero + 1.0, steering_angle=zero, step_distance=zero,
        reversed=backwards, all_wheels_on_track=~no, is_offtrack=no, is_crashed=no,
        track_length=track.length.expand(count), sim_time=zero,
    )  # fmt: skip
    return RewardState(**{**known, **{name: torch.tensor(value) for name, value in values.items()}})


def params_of(position: tuple[float, float], reversed: bool = False, **values) -> dict:
    track = square()
    return aws_params(states(track, [position], [reversed], **{k: [v] for k, v in values.items()}), track)[0]


def test_params_by_hand():
    params = params_of(
        (2.5, 0.2), heading=math.pi / 2, progress=3.125, steps=4, speed=1.4,
        steering_angle=math.radians(-15.0), sim_time=0.25, all_wheels_on_track=False,
    )  # fmt: skip
    waypoints = params.pop("waypoints")
    assert waypoints == [*SQUARE, SQUARE[0]]  # AWS repeats the first waypoint of a closed track
    expected = {
        "all_wheels_on_track": False, "x": 2.5, "y": 0.2, "heading": 90.0, "distance_from_center": 0.2,
        "projection_distance": 0.5, "progress": 3.125, "steps": 4, "speed": 1.4, "steering_angle": -15.0,
        "track_width": 1.0, "track_length": 16.0, "closest_waypoints": [0, 1], "is_left_of_center": True,
        "is_reversed": False, "closest_objects": [0, 0], "objects_location": [], "objects_left_of_center": [],
        "object_in_camera": False, "objects_speed": [], "objects_heading": [],
        "objects_distance_from_center": [], "objects_distance": [], "is_crashed": False, "is_offtrack": False,
        "sim_time": 0.25,
    }  # fmt: skip
    assert {
        name: pytest.approx(value) if type(value) is float else value for name, value in expected.items()
    } == params
    assert {name: type(value) for name, value in params.items()} == {n: type(v) for n, v in expected.items()}
    assert type(waypoints[0]) is tuple
    assert type(waypoints[0][0]) is float


def test_params_of_the_right_side_and_the_last_segment():
    params = params_of((1.75, -0.3))
    assert params["projection_distance"] == pytest.approx(15.75)
    assert params["distance_from_center"] == pytest.approx(0.3)
    assert params["is_left_of_center"] is False
    assert params["closest_waypoints"] == [15, 16]
    assert params["waypoints"][15:] == [(1, 0), (2, 0)]


def test_params_against_the_waypoints():
    """The same place as by hand above, the other way round: lists and distances start anew at the line."""
    params = params_of((2.5, 0.2), reversed=True)
    assert params["waypoints"] == [SQUARE[0], *SQUARE[:0:-1], SQUARE[0]]
    assert params["projection_distance"] == pytest.approx(15.5)
    assert params["closest_waypoints"] == [15, 16]
    assert params["waypoints"][15] == (3, 0)
    assert params["is_left_of_center"] is False
    assert params["is_reversed"] is True
    start = params_of((1.5, 0.0), reversed=True)
    assert start["closest_waypoints"] == [0, 1]
    assert start["waypoints"][1] == (1, 0)


@pytest.mark.parametrize(("turns", "degrees"), [(0.5, 180.0), (0.75, -90.0), (-0.75, 90.0), (1.25, 90.0)])
def test_heading_is_within_half_a_turn(turns: float, degrees: float):
    assert abs(params_of((2.5, 0.0), heading=turns * 2 * math.pi)["heading"]) == pytest.approx(abs(degrees))
    if degrees != 180.0:
        assert params_of((2.5, 0.0), heading=turns * 2 * math.pi)["heading"] == pytest.approx(degrees)


@pytest.mark.parametrize("speed", [0.1, 0.7, 1.4, 2.8, 3.3333])
def test_commands_are_exactly_those_of_the_action_space(speed: float):
    for degrees in (-30.0, -7.5, 15.0, 30.0):
        params = params_of((2.5, 0.0), speed=speed, steering_angle=math.radians(degrees))
        assert (params["speed"], params["steering_angle"]) == (speed, degrees)


def test_params_are_the_users_to_change():
    track = square()
    state, waypoints = states(track, [(2.5, 0.0), (2.5, 0.0)]), Waypoints(track)
    first, second = aws_params(state, track, waypoints)
    for value in first.values():
        if isinstance(value, list):
            value.clear()
    assert len(second["waypoints"]) == 17
    assert aws_params(state, track, waypoints)[0] == second


def test_padding_of_stacked_tracks_is_no_waypoint():
    corners = torch.tensor(TRIANGLE, dtype=torch.float32)
    triangle = Track("triangle", corners, 0.9 * corners + 0.1, 1.1 * corners - 0.1)
    both = stack([square(), triangle], torch.tensor([1, 0, 1]))
    params = aws_params(states(both, [(2.0, 0.0)] * 3, [False, False, True]), both)
    assert [len(entry["waypoints"]) for entry in params] == [5, 17, 5]
    assert params[0]["waypoints"] == [*TRIANGLE, TRIANGLE[0]]
    assert params[2]["waypoints"] == [(1, 0), (0, 0), (2, 3), (4, 0), (1, 0)]
    assert params[2]["closest_waypoints"] == [3, 4]


def test_progress_reward_by_hand():
    track = square()
    reward = ProgressReward(max_speed=3.0, step_time=0.1)  # 0.3 m in a step at full speed
    state = states(
        track, [(2.5, 0.0), (2.5, 0.25), (2.5, 0.0), (2.5, -0.9)],
        step_distance=[0.075, 0.3, -9.0, 0.3], is_offtrack=[False, False, False, True],
    )  # fmt: skip
    total, terms = reward(state)
    assert tuple(terms) == reward.term_names
    torch.testing.assert_close(terms["progress"], torch.tensor([0.5, 0.875, -(1.5**0.5), 0.0]))
    torch.testing.assert_close(terms["off_track"], torch.tensor([0.0, 0.0, 0.0, -5.0]))
    torch.testing.assert_close(total, torch.tensor([0.5, 0.875, -(1.5**0.5), -5.0]))


def test_python_reward_calls_every_car():
    track = square()
    reward = PythonReward(lambda: lambda params: 10 * params["y"] + params["steps"], track)
    total, terms = reward(states(track, [(2.5, 0.1), (2.5, -0.2), (4.0, 1.0)], steps=[1, 2, 3]))
    torch.testing.assert_close(total, torch.tensor([2.0, 0.0, 13.0]))
    assert terms["reward_function"] is total
    assert tuple(terms) == reward.term_names
    assert total.dtype == torch.float32


def write(folder: Path, source: str) -> Path:
    path = folder / "my_reward.py"
    path.write_text(source)
    return path


def test_each_car_has_its_own_globals(tmp_path: Path):
    path = write(tmp_path, "calls = 0\ndef reward_function(params):\n"
                           "    global calls\n    calls += params['steps']\n    return calls\n")  # fmt: skip
    track = square()
    reward = load_reward(path, track)
    state = states(track, [(2.5, 0.0), (2.5, 0.0)], steps=[1, 10])
    reward(state)
    assert reward(state)[0].tolist() == [2.0, 20.0]


def test_output_goes_to_the_log_only(tmp_path: Path, capfd: pytest.CaptureFixture[str]):
    path = write(tmp_path, "import sys\nprint('loaded')\ndef reward_function(params):\n"
                           "    print('x is', params['x'], file=sys.stderr)\n    return 1\n")  # fmt: skip
    log = io.StringIO()
    track = square()
    reward = load_reward(path, track, log)
    reward(states(track, [(2.5, 0.0), (3.5, 0.0)]))
    assert log.getvalue() == "loaded\nx is 2.5\nx is 3.5\n"
    load_reward(path, track)(states(track, [(2.5, 0.0)]))
    assert capfd.readouterr() == ("", "")


def test_log_is_limited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(reward_function, "LOG_LIMIT", 10)
    log = io.StringIO()
    track = square()
    reward = load_reward(
        write(tmp_path, "def reward_function(params):\n    print('abcdef')\n    return 1\n"), track, log
    )
    for _ in range(5):
        reward(states(track, [(2.5, 0.0)]))
    assert log.getvalue() == "abcdef\nabc\n[over 10 characters printed: no more is kept]\n"


@pytest.mark.parametrize(
    ("body", "line", "message"),
    [
        ("if params['x'] > 3:\n        return 1 / 0\n    return 1", 3, "ZeroDivisionError: division by zero"),
        ("return float('nan') if params['x'] > 3 else 1", 1, "returned nan: must be a finite number"),
        ("return 1e200 * 1e200", 1, "returned inf: must be a finite number"),
        ("return -10 ** 400", 1, "returned -inf: must be a finite number"),
        ("return 100001", 1, "returned 100001: must be within +-100000"),
        ("return", 1, "returned None"),
        ("return '3'", 1, "returned '3', a str; must be a number"),
        ("return [1.0]", 1, "returned [1.0], a list; must be a number"),
        ("import numpy\n    return numpy.ones(1)", 1, "a ndarray; must be a number"),
        ("import sys\n    sys.exit()", 3, "ended the program"),
    ],
)
def test_faults_while_training(tmp_path: Path, body: str, line: int, message: str):
    path = write(tmp_path, f"def reward_function(params):\n    {body}\n")
    track = square()
    with pytest.raises(RewardError, match=re.escape(message)) as raised:
        load_reward(path, track)(states(track, [(2.5, 0.0), (3.5, 0.25)]))
    text = str(raised.value)
    assert text.startswith(f"{path}:{line}: ")
    assert "waypoints=<17 points>" in text
    assert "objects" not in text
    if "3" in body.split("\n")[0]:
        assert ("x=3.5" in text) == ("> 3" in body)  # the params of the car that failed


@pytest.mark.parametrize("value", [True, 1, 1.0, np.float32(1), np.int64(1), np.bool_(True), np.array(1.0)])
def test_numbers_that_are_accepted(value: object):
    track = square()
    assert PythonReward(lambda: lambda params: value, track)(states(track, [(2.5, 0.0)]))[0].tolist() == [1.0]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("x = (", ":1: SyntaxError: '(' was never closed"),
        ("y = 1\nx = 1 / 0", ":2: ZeroDivisionError"),
        (
            "def reward(params): return 1",
            ":1: defines no function reward_function(params); it defines reward",
        ),
        ("\ndef reward_function(): return 1", ":2: reward_function(): must take one argument"),
    ],
)
def test_files_that_do_not_load(tmp_path: Path, source: str, message: str):
    with pytest.raises(RewardError, match=re.escape(message)):
        load_reward(write(tmp_path, source), square())


def test_missing_file(tmp_path: Path):
    with pytest.raises(RewardError, match=r"no\.py: cannot be read: No such file"):
        load_reward(tmp_path / "no.py", square())


EXAMPLES = Path(__file__).parents[1] / "examples" / "rewards"


@pytest.mark.parametrize(
    ("name", "inputs", "expected"),
    [
        ("follow_center_line", {"distance_from_center": 0.1}, 1.0),
        ("follow_center_line", {"distance_from_center": 0.25}, 0.5),
        ("follow_center_line", {"distance_from_center": 0.5}, 0.1),
        ("follow_center_line", {"distance_from_center": 0.51}, 1e-3),
        ("stay_inside_borders", {"distance_from_center": 0.44, "all_wheels_on_track": True}, 1.0),
        ("stay_inside_borders", {"distance_from_center": 0.46, "all_wheels_on_track": True}, 1e-3),
        ("stay_inside_borders", {"distance_from_center": 0.0, "all_wheels_on_track": False}, 1e-3),
        ("prevent_zig_zag", {"distance_from_center": 0.2, "steering_angle": 15.0}, 0.5),
        ("prevent_zig_zag", {"distance_from_center": 0.2, "steering_angle": -20.0}, 0.4),
        ("prevent_zig_zag", {"distance_from_center": 0.6, "steering_angle": 0.0}, 1e-3),
    ],
)
def test_examples_by_hand(name: str, inputs: dict, expected: float):
    path = str(EXAMPLES / f"{name}.py")
    code = reward_function.compile_source(reward_function.read_source(path), path)
    function = reward_function.new_function(code, path)
    assert function({"track_width": 1.0, **inputs}) == pytest.approx(expected)


def test_progress_example_by_hand():
    track = square()
    reward = load_reward(EXAMPLES / "progress.py", track)

    def step(steps: int, progress: list[float], offtrack: bool = False) -> list[float]:
        place = [(2.5, 0.0), (2.5, 0.25)]
        state = states(track, place, steps=[steps] * 2, progress=progress, is_offtrack=[offtrack] * 2)
        return reward(state)[0].tolist()

    assert step(1, [2.0, 2.0]) == [2.0, 1.75]
    assert step(2, [3.0, 4.0]) == [1.0, 1.75]
    assert step(3, [3.0, 4.0], offtrack=True) == [-1.0, -1.0]
    assert step(1, [0.5, 0.0]) == [0.5, 0.0]  # a new episode
