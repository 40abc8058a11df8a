"""A track as an SDF model: the ground that the embedded camera sees, above an endless plane to drive on."""

from __future__ import annotations

import cv2

from deepracer_sim.camera import FAR
from deepracer_sim.errors import GazeboError
from deepracer_sim.gazebo.model_folder import PLAIN, PLAIN_MATERIAL, USE_PLAIN, file_name, model_folder
from deepracer_sim.ground import RESOLUTION, Ground
from deepracer_sim.track import Track

GROUND_FRICTION = 10.0
"""The lower of two surfaces' friction counts: that is the tyre's."""
LEVEL_BIAS = -1.5
REACH = 4 * FAR
"""Metres that the ground goes on beyond the texture; the corners of a wide picture show more than FAR."""
LARGEST_TEXTURE = 8192
"""Texels along a side; what software rendering and old graphics cards take."""


def model_name(track: Track) -> str:
    """Return the name of a track's model; it differs from that of the car whatever the track is called."""
    return f"track_{file_name(track.name)}"


def track_files(track: Track, ground: Ground) -> dict[str, bytes]:
    """Return the files of a track's model, relative to the folder of models.

    Raises:
        GazeboError: the track is too large for a texture.
    """
    name = model_name(track)
    rows, columns = ground.levels[0].shape
    if max(rows, columns) > LARGEST_TEXTURE:
        metres = LARGEST_TEXTURE * RESOLUTION
        raise GazeboError(
            f"track {track.name!r}: its texture has {columns} x {rows} texels: must be at most "
            f"{LARGEST_TEXTURE} along each side, which is {metres:.0f} m"
        )
    _, texture = cv2.imencode(".png", cv2.cvtColor(ground.painted(), cv2.COLOR_RGB2BGR))
    files = {
        "meshes/ground.obj": _mesh(ground),
        f"meshes/{PLAIN}": PLAIN_MATERIAL,
        "materials/scripts/ground.material": _material(name),
        f"materials/textures/{name}.png": texture.tobytes(),
    }
    return model_folder(name, f"The track {track.name}.", _model(name), files)


def _model(name: str) -> str:
    return f"""
      <model name="{name}">
        <static>true</static>
        <link name="ground">
          <collision name="collision">
            <geometry><plane><normal>0 0 1</normal><size>1000 1000</size></plane></geometry>
            <surface>
              <friction><ode><mu>{GROUND_FRICTION:g}</mu><mu2>{GROUND_FRICTION:g}</mu2></ode></friction>
              <contact><collide_bitmask>65535</collide_bitmask></contact>
            </surface>
          </collision>
          <visual name="visual">
            <cast_shadows>false</cast_shadows>
            <geometry><mesh><uri>model://{name}/meshes/ground.obj</uri></mesh></geometry>
            <material>
              <lighting>false</lighting>
              <script>
                <uri>model://{name}/materials/scripts</uri>
                <uri>model://{name}/materials/textures</uri>
                <name>deepracer/{name}</name>
              </script>
              <ambient>0 0 0 1</ambient>
              <diffuse>0 0 0 1</diffuse>
              <specular>0 0 0 1</specular>
              <emissive>1 1 1 1</emissive>
              <pbr>
                <metal>
                  <emissive_map>model://{name}/materials/textures/{name}.png</emissive_map>
                  <roughness>1</roughness>
                  <metalness>0</metalness>
                </metal>
              </pbr>
            </material>
          </visual>
        </link>
      </model>"""


def _mesh(ground: Ground) -> bytes:
    """Return a mesh of 3 x 3 faces: the texture in the middle, its edge texels drawn out to the horizon."""
    rows, columns = ground.levels[0].shape
    low_x, low_y = ground.origin
    xs = (low_x - REACH, low_x, low_x + columns * RESOLUTION, low_x + columns * RESOLUTION + REACH)
    ys = (low_y - REACH, low_y, low_y + rows * RESOLUTION, low_y + rows * RESOLUTION + REACH)
    lines = [USE_PLAIN, *(f"v {x:.6f} {y:.6f} 0" for y in ys for x in xs)]
    lines += [f"vt {u} {v}" for v in (0, 0, 1, 1) for u in (0, 0, 1, 1)]
    lines.append("vn 0 0 1")
    for row in range(3):
        for column in range(3):
            first = 4 * row + column + 1
            corners = [f"{k}/{k}/1" for k in (first, first + 1, first + 5, first + 4)]
            lines += [
                f"f {corners[0]} {corners[1]} {corners[2]}",
                f"f {corners[0]} {corners[2]} {corners[3]}",
            ]
    return ("\n".join(lines) + "\n").encode()


def _material(name: str) -> bytes:
    """Return OGRE's material script: the texture as it is, whatever the light.

    A pixel far ahead sees a strip that is long and narrow. Trilinear filtering takes the level of the pyramid
    that fits its length, the embedded camera one for the middle of both and several samples; 1.5 levels finer
    is where the two differ least. Anisotropic filtering would be the proper way, but not every driver has it.
    """
    return f"""material deepracer/{name}
{{
  technique
  {{
    pass
    {{
      lighting off
      texture_unit
      {{
        texture {name}.png
        tex_address_mode clamp
        filtering trilinear
        mipmap_bias {LEVEL_BIAS}
      }}
    }}
  }}
}}
""".encode()
