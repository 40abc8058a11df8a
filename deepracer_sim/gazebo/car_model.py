"""The car as an SDF model: AWS's masses, joints and camera, four wheels on a plane, and how it looks.

The model's frame is base_link, the point on the ground between the axles, as everywhere in this package. With
AWS's heights wheels of 0.035 m would float 4 mm above that point; everything is lowered by as much here.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from deepracer_sim.camera import FAR
from deepracer_sim.car import FRONT_ARM, REAR_ARM, WHEEL_POINTS
from deepracer_sim.gazebo import car_mesh
from deepracer_sim.gazebo.model_folder import PLAIN, PLAIN_MATERIAL, model_folder
from deepracer_sim.settings import CameraSettings, CarSettings

# Masses in kg, inertias in kg m^2 from AWS's simulation (deepracer-simapp, deepracer_single_cam.urdf).
# There the shell weighs another 0.3 kg and the camera's links what a wheel does, an obvious placeholder; here
# they weigh nothing, or the car would be heavier in front.
CHASSIS_MASS, CHASSIS_INERTIA = 5.0, (0.010609, 0.050409, 0.05865)
WHEEL_MASS, WHEEL_INERTIA = 0.34055, (2.6046e-4, 4.1226e-4, 2.6046e-4)
HINGE_MASS, HINGE_INERTIA = 0.1, (1e-4, 1e-4, 1e-4)
"""AWS's file has the mass; the inertia is that of the upright which turns with the wheel, roughly."""
JOINT_EFFORT = 10.0
"""N m, as in AWS's file. Its wheels stop at 100 rad/s as well, which is 3.5 m/s; these go on to the 4 m/s."""
HINGE_LIMITS = "<lower>-1.0</lower><upper>1.0</upper><velocity>100</velocity>"
"""Radians and rad/s, as in AWS's file; the servo's end stop is nearer (30 degrees)."""

WHEEL_RADIUS = 0.035
"""What AWS turns m/s into rad/s with. Its mesh has 0.036 m, so its car drives 3 % faster than it was told."""
WHEEL_WIDTH = 0.034
CHASSIS_HEIGHT = WHEEL_RADIUS - 0.01575
"""Of the chassis's centre of mass: AWS has the rear axle 0.01575 m above it."""
HINGE_DROP = 0.01575 - 0.011759
"""The steering hinges lie this far below the wheels' centres."""

FRONT_FRICTION, REAR_FRICTION = 1.05, 1.15
"""Of the tyres. AWS's file has 0.5, with which the car slides at lap speeds that real cars and AWS's own
races reached. A front that lets go first pushes wide, as real cars do; else the tail swings round."""
CONTACT_STIFFNESS, CONTACT_DAMPING = 1e6, 1.0
"""ODE's kp and kd, as in AWS's file."""
CONTACT_DEPTH = 0.0005
"""Metres that wheels sink in: without it they touch the ground in one iteration and not in the next."""

CAMERA_RATE = 15.0
CAMERA_NEAR = 0.02
CAR_BIT, ALL_BITS = 0x10, 0x0FFFFFFF
"""Of what cameras see: the cars have a bit of their own, which a car's camera leaves out."""
MOST_CARS = 16
"""ODE's collision bits: each car has one, so that cars pass through each other and not through the ground."""

COLOURS = (
    (0.90, 0.36, 0.02),
    (0.02, 0.28, 0.72),
    (0.72, 0.04, 0.06),
    (0.03, 0.50, 0.26),
    (0.93, 0.76, 0.05),
    (0.42, 0.10, 0.60),
    (0.02, 0.58, 0.62),
    (0.90, 0.90, 0.88),
)
BLACK, RUBBER, GLASS = (0.04, 0.04, 0.045), (0.03, 0.03, 0.03), (0.03, 0.045, 0.06)
WHITE, SILVER, RED = (0.92, 0.92, 0.90), (0.62, 0.63, 0.66), (0.8, 0.02, 0.02)

AWS_CAMERA = CameraSettings(width=160, height=120, colour="rgb")
"""The picture that AWS's networks get."""


@dataclass(frozen=True)
class Fleet:
    """The cars of a world, all alike but for their colours.

    Attributes:
        num_cars: how many.
        camera: size and mount of each one's camera; Gazebo's pictures are always in colour.
        car: its servo and motor.
    """

    num_cars: int = 1
    camera: CameraSettings = AWS_CAMERA
    car: CarSettings = field(default_factory=CarSettings)


def car_files(camera: CameraSettings = AWS_CAMERA) -> dict[str, bytes]:
    """Return the files of the model `deepracer`, relative to the folder of models."""
    parts = {**car_mesh.body(), "mudguards": car_mesh.mudguards((FRONT_ARM, -REAR_ARM))}
    parts |= {"tyre": car_mesh.tyre(), "rim": car_mesh.rim()}
    meshes = {f"meshes/{name}.obj": car_mesh.obj(mesh) for name, mesh in parts.items()}
    meshes[f"meshes/{PLAIN}"] = PLAIN_MATERIAL
    description = "An AWS DeepRacer car with Ackermann steering, four driven wheels and a camera."
    return model_folder("deepracer", description, car_model("deepracer", camera), meshes)


def car_model(
    name: str, camera: CameraSettings, number: int = 0, namespace: str = "", extra: str = ""
) -> str:
    """Return the <model> of a car.

    Args:
        name: of the model.
        camera: its size and mount.
        number: which car it is; decides its colour and its collision bit.
        namespace: of its camera's topic in the new Gazebo; the classic one names topics itself.
        extra: elements to add, such as its pose and plugins.
    """
    wheels = dict(zip(("left_front", "right_front", "left_rear", "right_rear"), WHEEL_POINTS, strict=True))
    links = [_chassis(camera, number, namespace)]
    for position, (x, y) in wheels.items():
        links.append(_wheel(f"{position}_wheel", (x, y, WHEEL_RADIUS), number))
        if position.endswith("rear"):
            links.append(_joint(f"{position}_wheel_joint", "base_link", f"{position}_wheel", "0 1 0"))
            continue
        hinge = f"{position.removesuffix('_front')}_steering_hinge"
        links.append(_link(hinge, (x, y, WHEEL_RADIUS - HINGE_DROP), HINGE_MASS, HINGE_INERTIA, ""))
        links.append(_joint(f"{hinge}_joint", "base_link", hinge, "0 0 1", HINGE_LIMITS))
        links.append(_joint(f"{position}_wheel_joint", hinge, f"{position}_wheel", "0 1 0"))
    return f'<model name="{name}">{extra}{"".join(links)}</model>'


def _chassis(camera: CameraSettings, number: int, namespace: str) -> str:
    """Return base_link: all that does not move in the car."""
    middle = f"0 0 {CHASSIS_HEIGHT:.6g} 0 0 0"
    collision = _collision("<box><size>0.26 0.1 0.08</size></box>", "0 0 0.075 0 0 0", 0.0, number)
    eye = f"{camera.forward:.6g} 0 {camera.height_above_ground:.6g} 0 {camera.pitch:.6g} 0"
    sensor = f"""
        <sensor name="camera" type="camera">
          <pose>{eye}</pose>
          <topic>{namespace}/camera/image_raw</topic>
          <always_on>true</always_on>
          <update_rate>{CAMERA_RATE:g}</update_rate>
          <visualize>false</visualize>
          <camera name="camera">
            <horizontal_fov>{camera.field_of_view:.6g}</horizontal_fov>
            <image>
              <width>{camera.width}</width>
              <height>{camera.height}</height>
              <format>R8G8B8</format>
            </image>
            <clip><near>{CAMERA_NEAR}</near><far>{FAR:g}</far></clip>
            <visibility_mask>{ALL_BITS & ~CAR_BIT}</visibility_mask>
          </camera>
        </sensor>"""
    content = collision + _body_visuals(camera, number) + sensor
    return _link("base_link", (0, 0, 0), CHASSIS_MASS, CHASSIS_INERTIA, content, middle)


def _wheel(name: str, place: Sequence[float], number: int) -> str:
    """Return a wheel; its link's frame does not lie on its side, so that the axle is y."""
    side = f"0 0 0 {math.pi / 2:.9g} 0 0"
    friction = REAR_FRICTION if place[0] < 0 else FRONT_FRICTION
    content = _collision(_cylinder(WHEEL_RADIUS, WHEEL_WIDTH), side, friction, number)
    content += _visual("tyre", _mesh("tyre"), RUBBER)
    content += _visual("rim", _mesh("rim"), SILVER)
    content += _visual("disc", _cylinder(0.0226, 0.018), BLACK, side)
    return _link(name, place, WHEEL_MASS, WHEEL_INERTIA, content)


def _body_visuals(camera: CameraSettings, number: int) -> str:
    """Return the looks of what does not move."""
    paint = COLOURS[number % len(COLOURS)]
    visuals = [
        _visual("shell", _mesh("shell"), paint),
        _visual("mudguards", _mesh("mudguards"), paint),
        _visual("stripe", _mesh("stripe"), WHITE),
        _visual("windows", _mesh("windows"), GLASS),
        _visual("plate", _box(0.25, 0.096, 0.006), BLACK, "-0.004 0 0.03 0 0 0"),
        _visual("front_axle", _box(0.02, 0.12, 0.008), BLACK, f"{FRONT_ARM} 0 {WHEEL_RADIUS} 0 0 0"),
        _visual("rear_axle", _box(0.02, 0.12, 0.008), BLACK, f"{-REAR_ARM} 0 {WHEEL_RADIUS} 0 0 0"),
        _visual("bumper", _box(0.012, 0.12, 0.012), BLACK, "0.142 0 0.036 0 0 0"),
    ]
    for side, y in (("left", 1), ("right", -1)):
        visuals += [
            _visual(f"{side}_headlight", _box(0.004, 0.012, 0.006), WHITE, f"0.133 {0.02 * y} 0.045 0 0 0"),
            _visual(f"{side}_tail_light", _box(0.004, 0.016, 0.007), RED, f"-0.138 {0.038 * y} 0.08 0 0 0"),
        ]
    return "".join(visuals) + _camera_visuals(camera)


def _camera_visuals(camera: CameraSettings) -> str:
    """Return the camera's housing, behind what it sees, on two struts from the bonnet."""
    x, z = camera.forward - 0.012, camera.height_above_ground
    foot_x, foot_z = 0.095, 0.065
    length, lean = math.hypot(x - foot_x, z - foot_z), math.atan2(x - foot_x, z - foot_z)
    strut = _box(0.006, 0.005, length)
    middle = f"{(x + foot_x) / 2:.6g} {{}} {(z + foot_z) / 2:.6g} 0 {lean:.6g} 0"
    housing = f"{x:.6g} 0 {z:.6g} 0 {camera.pitch:.6g} 0"
    lens = f"{x + 0.009:.6g} 0 {z - 0.002:.6g} 0 {math.pi / 2 + camera.pitch:.6g} 0"
    visuals = [
        _visual("left_strut", strut, BLACK, middle.format(0.012)),
        _visual("right_strut", strut, BLACK, middle.format(-0.012)),
        _visual("housing", _box(0.016, 0.044, 0.018), BLACK, housing),
        _visual("lens", _cylinder(0.006, 0.003), SILVER, lens),
    ]
    return "".join(visuals)


def _link(
    name: str,
    place: Sequence[float],
    mass: float,
    inertia: Sequence[float],
    content: str,
    middle: str = "",
) -> str:
    """Return a <link>; `middle` is the pose of its centre of mass if that is not its origin."""
    x, y, z = place
    ixx, iyy, izz = inertia
    return f"""
      <link name="{name}">
        <pose>{x:.6g} {y:.6g} {z:.6g} 0 0 0</pose>
        <inertial>
          {f"<pose>{middle}</pose>" if middle else ""}
          <mass>{mass}</mass>
          <inertia>
            <ixx>{ixx}</ixx><ixy>0</ixy><ixz>0</ixz><iyy>{iyy}</iyy><iyz>0</iyz><izz>{izz}</izz>
          </inertia>
        </inertial>
        {content}
      </link>"""


def _joint(name: str, parent: str, child: str, axis: str, limits: str = "") -> str:
    return f"""
      <joint name="{name}" type="revolute">
        <parent>{parent}</parent>
        <child>{child}</child>
        <axis>
          <xyz>{axis}</xyz>
          <limit>{limits}<effort>{JOINT_EFFORT:g}</effort></limit>
        </axis>
      </joint>"""


def _collision(geometry: str, pose: str, friction: float, number: int) -> str:
    """Return a <collision> that rests on the ground and goes through other cars.

    Friction is looked at along z, a wheel's axle, and across: directions that turn with the car and not with
    the wheel.
    """
    return f"""
      <collision name="collision">
        <pose>{pose}</pose>
        <geometry>{geometry}</geometry>
        <surface>
          <friction>
            <ode><mu>{friction:g}</mu><mu2>{friction:g}</mu2><fdir1>0 0 1</fdir1></ode>
          </friction>
          <contact>
            <collide_bitmask>{1 << number}</collide_bitmask>
            <ode>
              <kp>{CONTACT_STIFFNESS:g}</kp>
              <kd>{CONTACT_DAMPING:g}</kd>
              <max_vel>0.1</max_vel>
              <min_depth>{CONTACT_DEPTH:g}</min_depth>
            </ode>
          </contact>
        </surface>
      </collision>"""


def _visual(name: str, geometry: str, colour: Sequence[float], pose: str = "") -> str:
    """Return a <visual> that the cars' own cameras do not show."""
    red, green, blue = colour
    return f"""
      <visual name="{name}">
        {f"<pose>{pose}</pose>" if pose else ""}
        <geometry>{geometry}</geometry>
        <material>
          <ambient>{red:g} {green:g} {blue:g} 1</ambient>
          <diffuse>{red:g} {green:g} {blue:g} 1</diffuse>
          <specular>0.3 0.3 0.3 1</specular>
        </material>
        <visibility_flags>{CAR_BIT}</visibility_flags>
      </visual>"""


def _mesh(name: str) -> str:
    return f"<mesh><uri>model://deepracer/meshes/{name}.obj</uri></mesh>"


def _box(x: float, y: float, z: float) -> str:
    return f"<box><size>{x:.6g} {y:.6g} {z:.6g}</size></box>"


def _cylinder(radius: float, length: float) -> str:
    return f"<cylinder><radius>{radius:g}</radius><length>{length:g}</length></cylinder>"
