"""The car's looks as meshes: a low body of flat faces with a cabin, and wheels with spokes.

All lengths are in metres. The body is in the frame of base_link; a wheel lies around its own centre, its axle
along y. Each part is a mesh of its own, since the world file gives each part its colour.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from deepracer_sim.gazebo.model_folder import USE_PLAIN

Triangles = NDArray[np.float64]
"""Corners and normals, (K, 3, 2, 3): triangle, corner, position or normal, x y z."""

# x of each cross section, and (y, z) from its sill over shoulder and roof edge to where the stripe begins and
# the middle. The sides stay clear of the front wheels, which reach in to 0.047 m when they are turned.
SECTIONS: tuple[tuple[float, tuple[tuple[float, float], ...]], ...] = (
    (0.134, ((0.026, 0.036), (0.031, 0.047), (0.024, 0.052), (0.009, 0.053), (0.0, 0.053))),
    (0.112, ((0.040, 0.034), (0.044, 0.056), (0.036, 0.066), (0.010, 0.069), (0.0, 0.069))),
    (0.044, ((0.044, 0.034), (0.062, 0.075), (0.050, 0.086), (0.012, 0.090), (0.0, 0.090))),
    (0.004, ((0.060, 0.034), (0.066, 0.078), (0.039, 0.117), (0.012, 0.120), (0.0, 0.120))),
    (-0.050, ((0.060, 0.034), (0.066, 0.080), (0.038, 0.119), (0.012, 0.122), (0.0, 0.122))),
    (-0.096, ((0.052, 0.036), (0.066, 0.084), (0.048, 0.094), (0.012, 0.096), (0.0, 0.096))),
    (-0.138, ((0.046, 0.044), (0.058, 0.082), (0.046, 0.090), (0.012, 0.092), (0.0, 0.092))),
)
STRIPE_PANEL = 3
"""Which panel of a section, counted from the sill, is the stripe."""
WINDOWS = {(2, 2), (2, 3), (3, 1), (4, 2), (4, 3)}
"""(section, panel) of the windscreen, of the side windows and of the rear window."""

ARCH = ((0.045, 0.053), (0.034, 0.071), (0.014, 0.081), (-0.014, 0.081), (-0.034, 0.071), (-0.045, 0.053))
"""A mudguard from the side: x from the wheel's centre, and z."""
ARCH_INNER, ARCH_OUTER, ARCH_THICKNESS = 0.046, 0.098, 0.003

TYRE = ((0.0225, 0.0150), (0.0300, 0.0170), (0.0338, 0.0155), (0.0350, 0.0120))
"""Half of a tyre's profile: radius, and distance from its middle plane."""
RIM = ((0.0190, 0.0110), (0.0205, 0.0158), (0.0228, 0.0152))
HUB = ((0.0, 0.0150), (0.0070, 0.0140), (0.0070, 0.0100))
SPOKE = np.array(
    [[[(x, y, z) for z in (-0.0034, 0.0034)] for y in (-0.0135, 0.0135)] for x in (0.004, 0.020)]
)
SPOKES = 5
SEGMENTS = 32
"""Straight pieces that a circle is made of."""


def body() -> dict[str, Triangles]:
    """Return the meshes of the body: "shell", "stripe" and "windows"."""
    parts: dict[str, list[Triangles]] = {"shell": [], "stripe": [], "windows": []}
    points = [[(x, y, z) for y, z in half] + [(x, -y, z) for y, z in half[-2::-1]] for x, half in SECTIONS]
    panels = len(points[0]) - 1
    for section, (front, rear) in enumerate(pairwise(points)):
        for panel in range(panels):
            side = min(panel, panels - 1 - panel)
            kind = "stripe" if side == STRIPE_PANEL else "shell"
            kind = "windows" if (section, side) in WINDOWS else kind
            parts[kind].append(_face([front[panel], rear[panel], rear[panel + 1], front[panel + 1]]))
        parts["shell"].append(_face([front[0], front[-1], rear[-1], rear[0]]))
    parts["shell"] += [_face(points[0]), _face(points[-1][::-1])]
    return {name: np.concatenate(faces) for name, faces in parts.items()}


def mudguards(axles: Sequence[float]) -> Triangles:
    """Return plates over the wheels of axles at these x."""
    faces = []
    for axle in axles:
        for (x_a, z_a), (x_b, z_b) in pairwise(ARCH):
            for side in (-1, 1):
                edges = [
                    [
                        [(axle + x, side * y, z - depth) for y in (ARCH_INNER, ARCH_OUTER)]
                        for depth in (ARCH_THICKNESS, 0)
                    ]
                    for x, z in ((x_a, z_a), (x_b, z_b))
                ]
                faces.append(_block(np.array(edges)))
    return np.concatenate(faces)


def tyre() -> Triangles:
    """Return a tyre."""
    return _lathe([*TYRE, *((radius, -y) for radius, y in TYRE[::-1])])


def rim() -> Triangles:
    """Return what shines of a wheel on both sides: a lip, spokes and a hub."""
    faces = []
    for side in (-1, 1):
        for profile in (RIM, HUB):
            faces.append(_lathe([(radius, side * y) for radius, y in profile][::side]))
    for spoke in range(SPOKES):
        faces.append(_turned(_block(SPOKE), 2 * math.pi * spoke / SPOKES))
    return np.concatenate(faces)


def obj(triangles: Triangles) -> bytes:
    """Return a mesh as a Wavefront .obj file, lengths to the hundredth of a millimetre."""
    rows = np.round(triangles.reshape(-1, 6), 5) + 0.0  # no -0
    lines, numbers = [USE_PLAIN], []
    for letters, columns in (("v", rows[:, :3]), ("vn", rows[:, 3:])):
        distinct, index = np.unique(columns, axis=0, return_inverse=True)
        lines += [f"{letters} " + " ".join(f"{value:.5g}" for value in row) for row in distinct]
        numbers.append(index.reshape(-1, 3) + 1)
    for corners, normals in zip(*numbers, strict=True):
        lines.append("f " + " ".join(f"{v}//{n}" for v, n in zip(corners, normals, strict=True)))
    return ("\n".join(lines) + "\n").encode()


def _face(corners: Sequence[Sequence[float]]) -> Triangles:
    """Return a flat convex face, its corners counter-clockwise as seen from outside."""
    points = np.array(corners, dtype=float)
    fan = np.stack([np.stack([points[0], b, c]) for b, c in pairwise(points[1:])])
    normal = np.cross(fan[:, 1] - fan[:, 0], fan[:, 2] - fan[:, 0])
    size = np.linalg.norm(normal, axis=1, keepdims=True)
    fan, normal = fan[size[:, 0] > 0], (normal / np.maximum(size, 1e-12))[size[:, 0] > 0]
    return np.stack([fan, np.broadcast_to(normal[:, None], fan.shape)], 2)


def _block(corners: NDArray[np.float64]) -> Triangles:
    """Return a solid with six flat faces, from its corners (2, 2, 2, 3), the two ends of each edge."""
    middle = corners.mean((0, 1, 2))
    faces = []
    for axis in range(3):
        for end in (0, 1):
            quad = np.take(corners, end, axis).reshape(4, 3)[[0, 1, 3, 2]]
            inwards = np.cross(quad[1] - quad[0], quad[2] - quad[0]) @ (quad.mean(0) - middle) < 0
            faces.append(_face(quad[::-1] if inwards else quad))
    return np.concatenate(faces)


def _lathe(profile: Sequence[tuple[float, float]]) -> Triangles:
    """Turn a profile of (radius, y) around y; seen from outside it runs towards smaller y."""
    angles = np.linspace(0, 2 * math.pi, SEGMENTS + 1)
    cosine, sine = np.cos(angles), np.sin(angles)
    faces = []
    for (radius_a, y_a), (radius_b, y_b) in pairwise(profile):
        outwards = np.array([y_a - y_b, radius_b - radius_a])
        outwards /= np.linalg.norm(outwards)
        normal = np.stack([outwards[0] * cosine, np.full_like(cosine, outwards[1]), outwards[0] * sine], 1)
        ring = [
            np.stack([np.stack([radius * cosine, np.full_like(cosine, y), radius * sine], 1), normal], 1)
            for radius, y in ((radius_a, y_a), (radius_b, y_b))
        ]
        a, b, c, d = ring[0][:-1], ring[0][1:], ring[1][1:], ring[1][:-1]
        if radius_a > 0:
            faces.append(np.stack([a, b, c], 1))
        if radius_b > 0:
            faces.append(np.stack([a, c, d], 1))
    return np.concatenate(faces)


def _turned(triangles: Triangles, angle: float) -> Triangles:
    """Return a mesh turned around y."""
    cosine, sine = math.cos(angle), math.sin(angle)
    return triangles @ np.array([[cosine, 0, sine], [0, 1, 0], [-sine, 0, cosine]])
