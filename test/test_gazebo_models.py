"""The worlds and models for Gazebo, read back from their files.

The track is the built-in oval: its straight starts at (4, 0.7), heads along x and is 0.76 m wide, so that its
borders lie at y = 0.32 and 1.08 with lines of 0.045 m inside them.
"""

from __future__ import annotations

import shutil
import subprocess
import xml.etree.ElementTree as ElementTree
from functools import cache
from itertools import combinations
from pathlib import Path

import cv2
import numpy as np
import pytest
from scripted_world import circle

from deepracer_sim.camera import FAR
from deepracer_sim.errors import GazeboError
from deepracer_sim.gazebo.car_model import CAR_BIT, Fleet
from deepracer_sim.gazebo.installation import Installation, default_prefix, find_root
from deepracer_sim.gazebo.model_folder import file_name, write_files
from deepracer_sim.gazebo.track_model import LARGEST_TEXTURE, model_name, track_files
from deepracer_sim.gazebo.world_file import build
from deepracer_sim.ground import NOMINAL_COLOURS, RESOLUTION, Ground, Material, paint
from deepracer_sim.settings import CameraSettings, CarSettings
from deepracer_sim.starting_grid import start_poses
from deepracer_sim.track import Track
from deepracer_sim.track_library import builtin_names, load_track
from deepracer_sim.world import STEP_TIME


@cache
def painted(name="oval"):
    track = load_track(name)
    return track, paint(track)


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A folder with the oval and three cars."""
    folder = tmp_path_factory.mktemp("gazebo")
    camera = CameraSettings(width=64, height=48, pitch=0.3, height_above_ground=0.11, forward=0.12)
    return build(*painted(), folder, Fleet(3, camera, CarSettings(steering_lag=0.06, braking=4.5)))


def model_of(files, name):
    return ElementTree.fromstring(files[f"{name}/model.sdf"]).find("model")


def numbers(element, path):
    return [float(word) for word in element.findtext(path).split()]


def mesh_vertices(content):
    lines = content.decode().splitlines()
    return np.array([line.split()[1:] for line in lines if line.startswith("v ")], dtype=float)


def contents(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_two_builds_are_alike_and_name_no_place_on_this_machine(tmp_path):
    fleet = Fleet(2)
    worlds = [build(*painted(), tmp_path / name, fleet) for name in ("one", "two")]
    assert worlds[0] == tmp_path / "one/worlds/oval.world"
    first, second = (contents(tmp_path / name) for name in ("one", "two"))
    assert first == second
    assert {Path("worlds/oval.sdf"), Path("models/track_oval/model.config")} < set(first)
    assert not [path for path, content in first.items() if str(tmp_path).encode() in content]


def test_a_build_replaces_an_older_one(tmp_path):
    build(*painted(), tmp_path, Fleet(2))
    world = build(*painted(), tmp_path)
    assert "racecar_2" not in world.read_text()
    assert not list(tmp_path.rglob(".*"))


@pytest.mark.parametrize("name", builtin_names())
def test_every_builtin_track_builds(tmp_path, name):
    track, ground = painted(name)
    world = build(track, ground, tmp_path)
    assert ElementTree.parse(world).findtext("world/include/uri") == f"model://track_{name}"
    corners = mesh_vertices(track_files(track, ground)[f"track_{name}/meshes/ground.obj"])
    reach = track.outer.numpy()
    assert (corners[:, :2].min(0) < reach.min(0) - FAR).all()
    assert (corners[:, :2].max(0) > reach.max(0) + FAR).all()
    assert (corners[:, 2] == 0).all()


def test_cars_go_through_each_other_and_not_through_the_ground(built):
    bits = {
        model.get("name"): {int(each.text) for each in model.iter("collide_bitmask")}
        for model in ElementTree.parse(built).iter("model")
    }
    assert set(bits) == {"racecar_1", "racecar_2", "racecar_3"}
    assert all(len(each) == 1 for each in bits.values())
    for one, other in combinations(bits.values(), 2):
        assert not min(one) & min(other)
    ground = model_of(track_files(*painted()), "track_oval")
    (all_bits,) = (int(each.text) for each in ground.iter("collide_bitmask"))
    assert all(min(each) & all_bits for each in bits.values())


def test_cars_are_hidden_from_cars_cameras_and_from_no_others(built):
    world = ElementTree.parse(built)
    flags = [int(each.findtext("visibility_flags")) for each in world.iter("visual")]
    masks = [int(each.text) for each in world.iter("visibility_mask")]
    assert set(flags) == {CAR_BIT}
    assert len(masks) == 3
    assert not any(mask & CAR_BIT for mask in masks)
    assert model_of(track_files(*painted()), "track_oval").find(".//visibility_flags") is None


@pytest.mark.parametrize("ending", ["world", "sdf"])
def test_cars_stand_spread_along_the_track_in_colours_of_their_own(built, ending):
    models = list(ElementTree.parse(built.with_suffix(f".{ending}")).iter("model"))
    assert [model.get("name") for model in models] == ["racecar_1", "racecar_2", "racecar_3"]
    for model, (x, y, yaw) in zip(models, start_poses(painted()[0], 3).tolist(), strict=True):
        assert numbers(model, "pose") == pytest.approx([x, y, 0, 0, 0, yaw], abs=1e-6)
    shells = {model.findtext("link/visual[@name='shell']/material/diffuse") for model in models}
    assert len(shells) == 3


def test_the_settings_reach_the_world(built):
    world = ElementTree.parse(built).find("world")
    plugin = world.find("plugin")
    assert plugin.get("filename") == "libdeepracer_lockstep.so"
    assert [each.text for each in plugin.iter("car")] == ["racecar_1", "racecar_2", "racecar_3"]
    drive = [numbers(plugin, name) for name in ("steering_lag", "acceleration", "braking")]
    assert drive == [[0.06], [5.7], [4.5]]
    for sensor in world.iter("sensor"):
        assert numbers(sensor, "pose") == [0.12, 0, 0.11, 0, 0.3, 0]
        assert (sensor.findtext(".//width"), sensor.findtext(".//height")) == ("64", "48")


def test_twenty_iterations_are_just_less_than_a_step(built):
    """A camera of 15 Hz has its next picture due after the twentieth, never before."""
    iteration = numbers(ElementTree.parse(built), "world/physics/max_step_size")[0]
    assert 0 < STEP_TIME - 20 * iteration < 1e-7


def test_the_sky_has_the_colour_of_the_embedded_camera(built):
    colour = numbers(ElementTree.parse(built), "world/scene/background")[:3]
    assert np.rint(np.array(colour) * 255).tolist() == NOMINAL_COLOURS[Material.SKY].tolist()


def test_the_new_gazebo_drives_each_car_by_its_own_topics(built):
    world = ElementTree.parse(built.with_suffix(".sdf")).find("world")
    assert {each.get("name").split("::")[-1] for each in world.findall("plugin")} == {
        "Physics",
        "Sensors",
        "UserCommands",
        "SceneBroadcaster",
    }
    for number, model in enumerate(world.iter("model"), 1):
        joints = {joint.get("name") for joint in model.iter("joint")}
        plugin = model.find("plugin")
        assert {each.text for each in plugin if each.tag.endswith("joint")} == joints
        assert plugin.findtext("topic") == f"/racecar_{number}/cmd_vel"
        assert model.findtext("link/sensor/topic") == f"/racecar_{number}/camera/image_raw"
        assert numbers(plugin, "wheel_base") == pytest.approx([0.163974])


def texture_at(x, y):
    """Return the colour that the oval's files show at a point: from the mesh to the texture to its texel."""
    files = track_files(*painted())
    mesh = files["track_oval/meshes/ground.obj"]
    vertices = mesh_vertices(mesh)
    coordinates = [tuple(line.split()[1:]) for line in mesh.decode().splitlines() if line.startswith("vt ")]
    # The mesh's corners at the horizon have the same coordinates as those of the texture, which are nearer.
    near = [index for index, place in enumerate(vertices) if np.abs(place).max() < FAR]
    place_of = {coordinates[index]: vertices[index] for index in near}
    (left, bottom, _), (right, top, _) = place_of["0", "0"], place_of["1", "1"]
    png = files["track_oval/materials/textures/track_oval.png"]
    picture = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR)
    size = (picture.shape[1] * RESOLUTION, picture.shape[0] * RESOLUTION)
    assert (right - left, top - bottom) == pytest.approx(size, abs=1e-5)
    # v counts upwards, the picture's rows downwards.
    return picture[int((top - y) / RESOLUTION), int((x - left) / RESOLUTION), ::-1].tolist()


def test_corners_have_texture_coordinates_of_their_own():
    """What `texture_at` relies on: vertex k goes with texture coordinate k."""
    mesh = track_files(*painted())["track_oval/meshes/ground.obj"].decode().splitlines()
    words = [word for line in mesh if line.startswith("f ") for word in line.split()[1:]]
    assert len(words) == 3 * 3 * 6
    assert all(word.split("/")[0] == word.split("/")[1] for word in words)


@pytest.mark.parametrize(
    ("x", "y", "materials"),
    [
        (4.0, 0.5, [Material.BORDER]),  # the start line
        (5.0, 0.34, [Material.BORDER]),
        (5.0, 1.06, [Material.BORDER]),
        (5.0, 0.5, [Material.ROAD, Material.ROAD_B]),
        (5.0, 0.28, [Material.SURROUNDINGS, Material.SURROUNDINGS_B]),
        (5.0, 2.0, [Material.SURROUNDINGS, Material.SURROUNDINGS_B]),
        (4.09, 0.7, [Material.CENTER_LINE]),
    ],
)
def test_the_texture_lies_where_the_track_does(x, y, materials):
    assert texture_at(x, y) in [NOMINAL_COLOURS[material].tolist() for material in materials]


def test_the_ground_is_as_rough_as_the_tyres():
    friction = model_of(track_files(*painted()), "track_oval").find("link/collision/surface/friction/ode")
    assert (numbers(friction, "mu"), numbers(friction, "mu2")) == ([10], [10])  # more than any tyre has


def test_names_that_are_no_file_names_are_changed():
    assert file_name("random:7") == "random_7"
    assert file_name("my track/2") == "my_track_2"
    track = circle()
    assert model_name(Track("deepracer", track.center, track.inner, track.outer)) != "deepracer"


@pytest.mark.parametrize("num_cars", [0, 17])
def test_too_many_cars_are_refused(tmp_path, num_cars):
    with pytest.raises(GazeboError, match=f"num_cars={num_cars}: Gazebo takes 1 to 16 cars"):
        build(*painted(), tmp_path, Fleet(num_cars))
    assert not contents(tmp_path)


def test_a_track_too_large_for_a_texture_is_refused(tmp_path):
    ground = Ground(
        (np.zeros((8, LARGEST_TEXTURE + 1), np.uint8),), np.zeros((256, 7), np.float32), (0.0, 0.0)
    )
    with pytest.raises(GazeboError, match=r"'circle': its texture has 8193 x 8 texels: must be at most 8192"):
        build(circle(), ground, tmp_path)


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "models").write_text("a file")
    with pytest.raises(GazeboError, match=r"cannot write .*models.*free some space or choose another folder"):
        write_files(tmp_path / "models", {"model.sdf": b""})


BROKEN = '<sdf version="1.7"><world name="default"><model name="car"><link/></model></world></sdf>'


def validity(command, files, environment=None):
    """Ask an SDF parser about files, and about one that is not valid, so that it is known to look."""
    answers = []
    for path in files:
        run = subprocess.run(
            [*command, str(path)], capture_output=True, text=True, env=environment, timeout=60
        )
        answers.append(run.stdout + run.stderr)
    return answers


@pytest.fixture
def sdf_files(built, tmp_path):
    broken = tmp_path / "broken.sdf"
    broken.write_text(BROKEN)
    models = built.parent.parent / "models"
    return [built, built.with_suffix(".sdf"), *sorted(models.glob("*/model.sdf")), broken]


def test_the_new_gazebos_parser_takes_every_file(sdf_files, monkeypatch):
    """Debian: apt-get install ignition-tools libsdformat-dev."""
    program = (
        shutil.which("gz") if shutil.which("gz") and not shutil.which("gzserver") else shutil.which("ign")
    )
    if program is None:
        pytest.skip("no SDF tools: neither `gz` nor `ign` is on the PATH")
    monkeypatch.setenv("SDF_PATH", str(sdf_files[0].parent.parent / "models"))
    *answers, broken = validity([program, "sdf", "-k"], sdf_files)
    if "Invalid" not in broken and "Error" not in broken:
        pytest.skip(f"`{program} sdf` is not installed: {broken.strip()}")
    assert len(answers) == 4
    for answer in answers:
        assert "Valid." in answer
        assert "Error" not in answer
        assert "Warning" not in answer


def test_gazebo_classics_parser_takes_every_file(sdf_files):
    root = find_root(default_prefix())
    if root is None:
        pytest.skip("Gazebo Classic 11 is not installed")
    installation = Installation(root, plugin=Path())
    environment = installation.environment([sdf_files[0].parent.parent / "models"])
    *answers, broken = validity([*installation.command("gz"), "sdf", "-k"], sdf_files, environment)
    assert "Error" in broken
    assert len(answers) == 4
    for answer in answers:
        assert "Check complete" in answer
        assert "Error" not in answer
        assert "Warning" not in answer
