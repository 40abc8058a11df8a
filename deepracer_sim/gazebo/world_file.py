"""World files of a track with cars on it, for Gazebo Classic 11 and for the new Gazebo."""

from __future__ import annotations

import math
from pathlib import Path

from deepracer_sim.car import MAX_STEERING_ANGLE, WHEEL_POINTS, WHEELBASE
from deepracer_sim.errors import GazeboError
from deepracer_sim.gazebo.car_model import MOST_CARS, WHEEL_RADIUS, Fleet, car_files, car_model
from deepracer_sim.gazebo.model_folder import file_name, sdf_document, write_files
from deepracer_sim.gazebo.track_model import model_name, track_files
from deepracer_sim.ground import NOMINAL_COLOURS, RESOLUTION, Ground, Material
from deepracer_sim.starting_grid import car_names, car_namespaces, start_poses
from deepracer_sim.track import Track

ITERATION = 0.003333333
"""Seconds of an iteration of the physics; 20 of them are just less than a step of 1/15 s."""
SOLVER_ITERATIONS = 100
"""With 50 of them a gripping car at 2 m/s turns on a circle that is 6 % too wide."""
IDLE_RATE = 1000
"""Iterations a second at most; the lock-step plugin lifts the limit while it steps."""
SYSTEMS = (
    ("physics", "Physics"),
    ("sensors", "Sensors"),
    ("user-commands", "UserCommands"),
    ("scene-broadcaster", "SceneBroadcaster"),
)
"""What the new Gazebo has to be told to load: file, class."""
ODOMETRY_RATE = 1000
"""Hz at most: after each iteration, so that there is one for the time of every picture."""
MAX_SPEED = 4.0
"""Of AWS's car, m/s."""
ONE_CAR = Fleet()


def build(track: Track, ground: Ground, folder: Path, fleet: Fleet = ONE_CAR) -> Path:
    """Write a world and its models, everything that it needs in one folder.

    Gazebo Classic 11 finds the models with GAZEBO_MODEL_PATH=FOLDER/models. The new Gazebo, from Harmonic on,
    does with GZ_SIM_RESOURCE_PATH=FOLDER/models; its world is NAME.sdf beside NAME.world.

    Args:
        track: unbatched.
        ground: that track, painted.
        folder: to write worlds/ and models/ into.
        fleet: the cars, spread evenly along the track.

    Returns:
        The world for Gazebo Classic, FOLDER/worlds/NAME.world.

    Raises:
        GazeboError: too many cars, too large a track, or the folder cannot be written.
    """
    if not 1 <= fleet.num_cars <= MOST_CARS:
        raise GazeboError(f"num_cars={fleet.num_cars}: Gazebo takes 1 to {MOST_CARS} cars")
    name = file_name(track.name)
    models = {**car_files(fleet.camera), **track_files(track, ground)}
    write_files(folder / "models", models)
    worlds = {f"{name}.world": _classic_world(track, ground, fleet), f"{name}.sdf": _new_world(track, fleet)}
    write_files(folder / "worlds", worlds)
    return folder / "worlds" / f"{name}.world"


def _classic_world(track: Track, ground: Ground, fleet: Fleet) -> bytes:
    """Return the world whose time only the lock-step plugin moves."""
    names = car_names(fleet.num_cars)
    cars = [
        car_model(name, fleet.camera, number, space, pose)
        for number, (name, space, pose) in enumerate(_line_up(track, fleet))
    ]
    drive = {name: getattr(fleet.car, name) for name in ("steering_lag", "acceleration", "braking")}
    plugin = f"""
      <plugin name="lockstep" filename="libdeepracer_lockstep.so">
        {"".join(f"<car>{name}</car>" for name in names)}
        {"".join(f"<{name}>{value:g}</{name}>" for name, value in drive.items())}
      </plugin>"""
    return _world(track, _overview(ground) + "".join(cars) + plugin)


def _new_world(track: Track, fleet: Fleet) -> bytes:
    """Return the world whose cars the new Gazebo's own systems drive; ros_gz carries their topics."""
    systems = [
        f'<plugin filename="gz-sim-{file}-system" name="gz::sim::systems::{name}"/>' for file, name in SYSTEMS
    ]
    cars = [
        car_model(name, fleet.camera, number, space, pose + _systems(space))
        for number, (name, space, pose) in enumerate(_line_up(track, fleet))
    ]
    return _world(track, "".join(systems + cars))


def _line_up(track: Track, fleet: Fleet) -> list[tuple[str, str, str]]:
    """Return each car's name, namespace and <pose>."""
    poses = [
        f"<pose>{x:.6f} {y:.6f} 0 0 0 {yaw:.6f}</pose>"
        for x, y, yaw in start_poses(track, fleet.num_cars).tolist()
    ]
    return list(zip(car_names(fleet.num_cars), car_namespaces(fleet.num_cars), poses, strict=True))


def _world(track: Track, content: str) -> bytes:
    """Return a world with physics, light, a plain sky and ground; nothing throws a shadow."""
    sky = " ".join(f"{value:.6g}" for value in NOMINAL_COLOURS[Material.SKY] / 255)
    return sdf_document(f"""
      <world name="default">
        <physics name="iterations" type="ode">
          <max_step_size>{ITERATION}</max_step_size>
          <real_time_factor>1</real_time_factor>
          <real_time_update_rate>{IDLE_RATE}</real_time_update_rate>
          <ode>
            <solver>
              <type>quick</type>
              <iters>{SOLVER_ITERATIONS}</iters>
              <sor>1.3</sor>
              <friction_model>cone_model</friction_model>
            </solver>
            <constraints>
              <cfm>0</cfm>
              <erp>0.2</erp>
              <contact_max_correcting_vel>100</contact_max_correcting_vel>
              <contact_surface_layer>0</contact_surface_layer>
            </constraints>
          </ode>
        </physics>
        <scene>
          <ambient>0.55 0.55 0.55 1</ambient>
          <background>{sky} 1</background>
          <shadows>false</shadows>
          <grid>false</grid>
        </scene>
        <light name="sun" type="directional">
          <cast_shadows>false</cast_shadows>
          <diffuse>0.7 0.7 0.68 1</diffuse>
          <specular>0.4 0.4 0.4 1</specular>
          <direction>-0.4 0.25 -0.9</direction>
        </light>
        <include><uri>model://{model_name(track)}</uri><name>racetrack</name></include>
        {content}
      </world>""")


def _overview(ground: Ground) -> str:
    """Return where the window of Gazebo Classic looks from: the whole track from its south side."""
    rows, columns = ground.levels[0].shape
    width, depth = columns * RESOLUTION, rows * RESOLUTION
    x, y = ground.origin[0] + width / 2, ground.origin[1] - 0.15 * depth
    pose = f"{x:.3f} {y:.3f} {0.75 * max(width, depth):.3f} 0 0.95 {math.pi / 2:.4f}"
    return f'<gui><camera name="user_camera"><pose>{pose}</pose></camera></gui>'


def _systems(namespace: str) -> str:
    """Return a car's systems for the new Gazebo: steering by geometry_msgs/Twist, and true odometry.

    What the steering system calls odometry counts turns of the wheels, and goes on from there when the car is
    put elsewhere.
    """
    front, rear = WHEEL_POINTS[0], WHEEL_POINTS[2]
    frame = f"{namespace[1:]}/" if namespace else ""
    wheels = "".join(
        f"<{side}_joint>{side}_{axle}_wheel_joint</{side}_joint>"
        for side in ("left", "right")
        for axle in ("rear", "front")
    )
    return f"""
        <plugin filename="gz-sim-ackermann-steering-system" name="gz::sim::systems::AckermannSteering">
          {wheels}
          <left_steering_joint>left_steering_hinge_joint</left_steering_joint>
          <right_steering_joint>right_steering_hinge_joint</right_steering_joint>
          <wheel_base>{WHEELBASE}</wheel_base>
          <wheel_separation>{2 * rear[1]:g}</wheel_separation>
          <kingpin_width>{2 * front[1]:g}</kingpin_width>
          <wheel_radius>{WHEEL_RADIUS:g}</wheel_radius>
          <steering_limit>{MAX_STEERING_ANGLE}</steering_limit>
          <max_velocity>{MAX_SPEED:g}</max_velocity>
          <topic>{namespace}/cmd_vel</topic>
          <odom_topic>{namespace}/wheel_odom</odom_topic>
        </plugin>
        <plugin filename="gz-sim-odometry-publisher-system" name="gz::sim::systems::OdometryPublisher">
          <odom_frame>odom</odom_frame>
          <robot_base_frame>{frame}base_link</robot_base_frame>
          <odom_publish_frequency>{ODOMETRY_RATE}</odom_publish_frequency>
          <odom_topic>{namespace}/odom</odom_topic>
          <tf_topic>{namespace}/tf</tf_topic>
        </plugin>"""
