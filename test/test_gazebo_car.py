"""The car for Gazebo: its model read back from the generated file, and the meshes of its looks."""

from __future__ import annotations

import math
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pytest

from deepracer_sim.camera import FAR
from deepracer_sim.gazebo import car_mesh
from deepracer_sim.gazebo.car_model import car_files

MODELS = Path(__file__).resolve().parent.parent / "models"


def car():
    return ElementTree.fromstring(car_files()["deepracer/model.sdf"]).find("model")


def link(name):
    return car().find(f"link[@name='{name}']")


def numbers(element, path):
    return [float(word) for word in element.findtext(path).split()]


def test_the_committed_car_is_what_the_generator_writes():
    committed = {path.relative_to(MODELS): path.read_bytes() for path in MODELS.rglob("*") if path.is_file()}
    assert committed == {Path(path): content for path, content in car_files().items()}, (
        "models/ is out of date: deepracer gazebo build writes it anew, into gazebo/models"
    )


@pytest.mark.parametrize(
    ("name", "mass", "inertia"),
    [
        ("base_link", 5.0, (0.010609, 0.050409, 0.05865)),
        ("left_rear_wheel", 0.34055, (2.6046e-4, 4.1226e-4, 2.6046e-4)),
        ("right_front_wheel", 0.34055, (2.6046e-4, 4.1226e-4, 2.6046e-4)),
        ("left_steering_hinge", 0.1, (1e-4, 1e-4, 1e-4)),
    ],
)
def test_masses_are_those_of_aws(name, mass, inertia):
    inertial = link(name).find("inertial")
    assert numbers(inertial, "mass") == [mass]
    assert tuple(numbers(inertial, f"inertia/{axis}")[0] for axis in ("ixx", "iyy", "izz")) == inertia


def test_the_car_weighs_what_its_parts_do():
    total = sum(numbers(each, "inertial/mass")[0] for each in car().iter("link"))
    assert total == pytest.approx(5.0 + 4 * 0.34055 + 2 * 0.1)


@pytest.mark.parametrize(
    ("joint", "parent", "axis"),
    [
        ("left_rear_wheel_joint", "base_link", [0, 1, 0]),
        ("right_rear_wheel_joint", "base_link", [0, 1, 0]),
        ("left_front_wheel_joint", "left_steering_hinge", [0, 1, 0]),
        ("right_front_wheel_joint", "right_steering_hinge", [0, 1, 0]),
        ("left_steering_hinge_joint", "base_link", [0, 0, 1]),
        ("right_steering_hinge_joint", "base_link", [0, 0, 1]),
    ],
)
def test_joints_have_the_names_axes_and_limits_of_aws(joint, parent, axis):
    found = car().find(f"joint[@name='{joint}']")
    assert found.findtext("parent") == parent
    assert found.findtext("child") == joint.removesuffix("_joint")
    assert numbers(found, "axis/xyz") == axis
    assert numbers(found, "axis/limit/effort") == [10]
    if "steering" in joint:
        limits = [numbers(found, f"axis/limit/{name}") for name in ("lower", "upper", "velocity")]
        assert limits == [[-1], [1], [100]]


@pytest.mark.parametrize(
    ("wheel", "x", "y"),
    [
        ("left_front", 0.082311, 0.079601),
        ("right_front", 0.082311, -0.079601),
        ("left_rear", -0.081663, 0.08105),
        ("right_rear", -0.081663, -0.08105),
    ],
)
def test_wheels_touch_the_ground_around_base_link(wheel, x, y):
    found = link(f"{wheel}_wheel")
    assert numbers(found, "pose") == [x, y, 0.035, 0, 0, 0]
    collision = found.find("collision")
    assert numbers(collision, "geometry/cylinder/radius") == [0.035]
    # The cylinder's axis is z; turned by a right angle around x it is y, the joint's axis.
    assert numbers(collision, "pose") == pytest.approx([0, 0, 0, math.pi / 2, 0, 0])
    for direction in ("mu", "mu2"):
        friction = numbers(collision, f"surface/friction/ode/{direction}")
        assert friction == [1.05 if wheel.endswith("front") else 1.15]
    contact = collision.find("surface/contact/ode")
    assert (numbers(contact, "kp"), numbers(contact, "kd")) == ([1e6], [1])


def test_the_chassis_slips_and_stays_off_the_ground():
    collision = link("base_link").find("collision")
    height, size = numbers(collision, "pose")[2], numbers(collision, "geometry/box/size")
    assert height - size[2] / 2 >= 0.03
    assert numbers(collision, "surface/friction/ode/mu") == [0]


def test_the_camera_is_that_of_aws():
    sensor = link("base_link").find("sensor")
    assert (sensor.get("name"), sensor.get("type")) == ("camera", "camera")
    assert numbers(sensor, "pose") == [0.1453, 0, 0.127, 0, 0.2618, 0]
    assert numbers(sensor, "update_rate") == [15]
    assert numbers(sensor, "camera/horizontal_fov") == [1.13]
    assert [sensor.findtext(f"camera/image/{part}") for part in ("width", "height", "format")] == [
        "160",
        "120",
        "R8G8B8",
    ]
    assert (numbers(sensor, "camera/clip/near"), numbers(sensor, "camera/clip/far")) == ([0.02], [FAR])


def mesh_vertices(content):
    lines = content.decode().splitlines()
    return np.array([line.split()[1:] for line in lines if line.startswith("v ")], dtype=float)


def test_the_drawn_wheels_are_as_large_as_those_that_roll():
    vertices = mesh_vertices(car_files()["deepracer/meshes/tyre.obj"])
    hundredth_of_a_millimetre = 1e-5
    assert np.hypot(vertices[:, 0], vertices[:, 2]).max() == pytest.approx(
        0.035, abs=hundredth_of_a_millimetre
    )
    assert np.abs(vertices[:, 1]).max() == pytest.approx(0.034 / 2, abs=hundredth_of_a_millimetre)


@pytest.mark.parametrize("part", ["body", "mudguards", "tyre", "rim"])
def test_faces_of_the_meshes_look_outwards(part):
    """Their corners run counter-clockwise around the normals, which light them."""
    mesh = {
        "body": lambda: np.concatenate(list(car_mesh.body().values())),
        "mudguards": lambda: car_mesh.mudguards([0.08]),
        "tyre": car_mesh.tyre,
        "rim": car_mesh.rim,
    }[part]()
    corners, normals = mesh[:, :, 0], mesh[:, :, 1]
    across = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    area = np.linalg.norm(across, axis=1)
    assert area.min() > 0
    assert np.linalg.norm(normals, axis=2) == pytest.approx(np.ones(normals.shape[:2]))
    assert ((across * normals.mean(1)).sum(1) / area > 0.99).all()


def test_the_body_is_closed():
    """Of a closed surface whose faces look outwards the areas times normals add up to nothing."""
    body = np.concatenate(list(car_mesh.body().values()))[:, :, 0]
    across = np.cross(body[:, 1] - body[:, 0], body[:, 2] - body[:, 0]) / 2
    assert across.sum(0) == pytest.approx(np.zeros(3), abs=1e-12)
    volume = np.einsum("ij,ij->", body[:, 0], np.cross(body[:, 1], body[:, 2])) / 6
    assert 0.001 < volume < 0.27 * 0.13 * 0.09


def test_turned_front_wheels_do_not_touch_the_body():
    body = np.concatenate(list(car_mesh.body().values()))[:, :, 0].reshape(-1, 3)
    x, y = 0.082311, 0.079601
    for angle in np.linspace(-0.68, 0.68, 9):
        ahead = (body[:, 0] - x) * math.cos(angle) + (body[:, 1] - y) * math.sin(angle)
        aside = (body[:, 1] - y) * math.cos(angle) - (body[:, 0] - x) * math.sin(angle)
        inside = (np.hypot(ahead, body[:, 2] - 0.035) < 0.035) & (np.abs(aside) < 0.017)
        assert not inside.any()
