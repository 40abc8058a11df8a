"""Settings as ROS parameters: each with description and limits, and nothing wrong gets through."""

from __future__ import annotations

import annotated_types
import pytest

pytest.importorskip("rclpy", reason="ROS 2 is not installed: make ros")

import rclpy
from pydantic import BaseModel
from rclpy.context import Context
from rclpy.node import Node
from rclpy.parameter import Parameter
from ros_nodes import new_domain

from deepracer_sim.errors import SettingError
from deepracer_sim.ros import params
from deepracer_sim.ros.world_settings import WorldSettings
from deepracer_sim.settings import RANGE_LIMITS, TrainSettings


@pytest.fixture(scope="module")
def context(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
        patch.setenv("ROS_LOG_DIR", str(tmp_path_factory.mktemp("log")))
        context = Context()
        rclpy.init(context=context, domain_id=new_domain())
        yield context
        rclpy.shutdown(context=context)


@pytest.fixture
def node_of(context):
    """Make a node that was started with `-p name:=value` for each argument."""
    nodes = []

    def make(*given: str) -> Node:
        arguments = [word for text in given for word in ("-p", text)]
        nodes.append(
            Node(
                "settings",
                context=context,
                cli_args=["--ros-args", *arguments] if given else [],
                start_parameter_services=False,
                enable_rosout=False,
            )
        )
        return nodes[-1]

    yield make
    for node in nodes:
        node.destroy_node()


def settings_of(model: BaseModel, prefix: str = ""):
    """Yield name, field and default of every setting."""
    for name, field in type(model).model_fields.items():
        value = getattr(model, name)
        if isinstance(value, BaseModel):
            yield from settings_of(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", field, value


def limit(field, *kinds):
    return next(
        (
            getattr(item, kind.__name__.lower())
            for item in field.metadata
            for kind in kinds
            if type(item) is kind
        ),
        None,
    )


@pytest.mark.parametrize("model", [TrainSettings(), WorldSettings()], ids=["training", "world"])
def test_every_setting_is_a_parameter_with_its_description_default_and_range(node_of, model):
    node = node_of()
    params.declare(node, model)
    described = 0
    for name, field, value in settings_of(model):
        descriptor, found = node.describe_parameter(name), node.get_parameter(name).value
        assert field.description and descriptor.description == field.description, name
        if isinstance(value, tuple):
            assert tuple(found) == value, name
        else:
            assert found == value, name
        low = limit(field, annotated_types.Ge, annotated_types.Gt)
        high = limit(field, annotated_types.Le, annotated_types.Lt)
        ranges = [*descriptor.integer_range, *descriptor.floating_point_range]
        assert bool(ranges) == (low is not None or high is not None), name
        for found_range in ranges:
            assert found_range.from_value == (-params.LARGEST if low is None else low), name
            assert found_range.to_value == (params.LARGEST if high is None else high), name
            described += 1
        short = name.split(".")[-1]
        if name.startswith("randomisation.") and short in RANGE_LIMITS:
            assert f"within {RANGE_LIMITS[short][0]} and {RANGE_LIMITS[short][1]}" in (
                descriptor.additional_constraints
            )
    assert described > 10
    assert params.read(node, model) == model


def test_choices_are_said(node_of):
    node = node_of()
    params.declare(node, TrainSettings())
    constraints = node.describe_parameter("network").additional_constraints
    assert constraints == "one of: FAST, DEEP_CONVOLUTIONAL_NETWORK_SHALLOW"


@pytest.mark.parametrize(
    ("given", "name", "wanted"),
    [
        ("num_cars:=3", "num_cars", 3),
        ("real_time_factor:=2.5", "real_time_factor", 2.5),
        ("real_time_factor:=2", "real_time_factor", 2.0),  # as people type it
        ("paused:=true", "paused", True),
        ("track:=oval", "track", "oval"),
        ("camera.width:=320", "camera.width", 320),
        ("camera.colour:=grey", "camera.colour", "grey"),
        ("randomisation.blur:=[0.1, 0.2]", "randomisation.blur", (0.1, 0.2)),
        ("randomisation.blur:=[0, 1]", "randomisation.blur", (0.0, 1.0)),
    ],
)
def test_values_given_at_the_start_arrive(node_of, given, name, wanted):
    node = node_of(given)
    params.declare(node, WorldSettings())
    found = params.read(node, WorldSettings())
    for part in name.split("."):
        found = getattr(found, part)
    assert found == wanted and type(found) is type(wanted)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("num_cars:=9", "parameter num_cars=9: must be <= 8"),
        ("num_cars:=0", "parameter num_cars=0: must be >= 1"),
        ("num_cars:=two", "parameter num_cars='two': must be a valid integer"),
        ("num_cars:=2.0", "parameter num_cars=2.0: must be a valid integer"),
        ("num_cars:=true", "parameter num_cars=True: must be a valid integer"),
        ("real_time_factor:=-0.5", "parameter real_time_factor=-0.5: must be >= 0"),
        ("real_time_factor:=fast", "parameter real_time_factor='fast': must be a valid number"),
        ("real_time_factor:=.nan", "parameter real_time_factor=nan: must be a finite number"),
        ("real_time_factor:=.inf", "parameter real_time_factor=inf: must be"),
        ("paused:=maybe", "parameter paused='maybe': must be a valid boolean"),
        ("track:=5", "parameter track=5: must be a valid string"),
        ("camera.width:=8", "parameter camera.width=8: must be >= 16"),
        ("camera.height_above_ground:=0.02", "parameter camera.height_above_ground=0.02: must be > 0.02"),
        ("camera.colour:=blue", "parameter camera.colour='blue': must be 'grey' or 'rgb'"),
        ("randomisation.blur:=[0.5, 0.1]", "randomisation.blur=(0.5, 0.1): the low end 0.5 is above"),
        ("randomisation.blur:=[0.5, 1.5]", "randomisation.blur=(0.5, 1.5): must lie within 0 and 1"),
        ("randomisation.blur:=[0.5]", "parameter randomisation.blur.1: missing"),
        ("randomisation.blur:=0.5", "parameter randomisation.blur=0.5: must be a valid tuple"),
        ("randomisation.blur:=[a, b]", "parameter randomisation.blur.0='a': must be a valid number"),
    ],
)
def test_a_wrong_value_at_the_start_is_named_with_its_limit(node_of, given, words):
    node = node_of(given)
    with pytest.raises(SettingError) as caught:
        params.declare(node, WorldSettings())
    assert words in str(caught.value)


def test_settings_that_do_not_fit_together_are_refused(node_of):
    node = node_of("network:=DEEP_CONVOLUTIONAL_NETWORK_SHALLOW", "camera.height:=20")
    params.declare(node, TrainSettings())
    with pytest.raises(SettingError, match=r"parameter camera.height=20: must be >= 36"):
        params.read(node, TrainSettings())


def test_unknown_names_are_found(node_of):
    node = node_of("num_car:=3", "camera.widht:=64", "num_cars:=2")
    params.declare(node, WorldSettings())
    assert params.unknown(node) == ["camera.widht", "num_car"]
    assert params.unknown(node_of()) == []


def test_what_may_be_absent_may_be_unset_empty_or_given(node_of):
    node = node_of()
    params.declare(node, TrainSettings())
    settings = params.read(node, TrainSettings())
    assert (settings.reward, settings.stop.minutes, settings.stop.iterations) == (None, 10.0, None)

    node = node_of("reward:=rewards/mine.py", "stop.minutes:=''", "stop.iterations:=7")
    params.declare(node, TrainSettings())
    settings = params.read(node, TrainSettings())
    assert (str(settings.reward), settings.stop.minutes) == ("rewards/mine.py", None)
    assert settings.stop.iterations == 7

    node = node_of("stop.iterations:=0")
    with pytest.raises(SettingError, match=r"parameter stop.iterations=0: must be >= 1"):
        params.declare(node, TrainSettings())


def test_several_tracks_are_a_list_of_texts(node_of):
    node = node_of("track:=[oval, bowtie]")
    params.declare(node, TrainSettings())
    assert params.read(node, TrainSettings()).track == ("oval", "bowtie")


def test_names_left_out_keep_their_defaults(node_of):
    node = node_of()
    params.declare(node, TrainSettings(), leave_out=frozenset({"world", "stop.target"}))
    assert not node.has_parameter("world") and not node.has_parameter("stop.target")
    assert params.read(node, TrainSettings()) == TrainSettings()


def test_a_prefix_goes_before_every_name(node_of):
    node = node_of("sim.num_cars:=2")
    params.declare(node, WorldSettings(), prefix="sim.")
    assert params.read(node, WorldSettings(), prefix="sim.").num_cars == 2
    node = node_of("sim.num_cars:=9")
    with pytest.raises(SettingError, match=r"parameter sim.num_cars=9: must be <= 8"):
        params.declare(node, WorldSettings(), prefix="sim.")


def change(node: Node, name: str, value: object) -> tuple[bool, str]:
    result = node.set_parameters([Parameter(name, value=value)])[0]
    return result.successful, result.reason


@pytest.mark.parametrize(
    ("name", "value", "read"),
    [
        ("ppo.lr", 0.001, 0.001),
        ("num_cars", 8, 8),
        ("network", "DEEP_CONVOLUTIONAL_NETWORK_SHALLOW", "DEEP_CONVOLUTIONAL_NETWORK_SHALLOW"),
        ("stop.minutes", 5, 5.0),
        ("stop.minutes", "", None),
        ("stop.iterations", 3, 3),
        ("randomisation.blur", [0.0, 0.1], (0.0, 0.1)),
    ],
)
def test_what_is_right_can_be_set_while_the_node_runs(node_of, name, value, read):
    node = node_of()
    params.declare(node, TrainSettings())
    assert change(node, name, value) == (True, "")
    found = params.read(node, TrainSettings())
    for part in name.split("."):
        found = getattr(found, part)
    assert found == read


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("ppo.lr", 1.0, "ppo.lr out of range"),
        ("ppo.lr", "fast", "Wrong parameter type"),
        ("ppo.lr", float("nan"), "ppo.lr"),
        ("ppo.clip", 1.0, "parameter ppo.clip=1.0: must be < 1"),
        ("num_cars", 0, "num_cars out of range"),
        ("num_cars", 1.5, "Wrong parameter type"),
        ("network", "SLOW", "parameter network='SLOW': must be 'FAST' or"),
        ("stop.minutes", -1.0, "stop.minutes"),
        ("stop.minutes", -1, "parameter stop.minutes=-1: must be > 0"),
        ("stop.minutes", None, "parameter stop.minutes: cannot be deleted"),
        ("randomisation.blur", [0.5, 0.1], "the low end 0.5 is above the high end 0.1"),
        ("randomisation.blur", [0.5, 1.1], "must lie within 0 and 1"),
    ],
)
def test_what_is_wrong_cannot_be_set_while_the_node_runs(node_of, name, value, words):
    node = node_of()
    params.declare(node, TrainSettings())
    successful, reason = change(node, name, value)
    assert not successful and words in reason
    assert params.read(node, TrainSettings()) == TrainSettings()


def test_what_is_read_only_cannot_be_set_at_all(node_of):
    node = node_of("num_cars:=2")
    params.declare(node, WorldSettings(), read_only=True)
    assert change(node, "num_cars", 3) == (False, "Trying to set a read-only parameter: num_cars.")
    assert node.describe_parameter("num_cars").read_only
    assert params.read(node, WorldSettings()).num_cars == 2
