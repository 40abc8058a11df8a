"""A closed track as three polylines, and where a car is on it: exact, batched, CPU or GPU."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from dataclasses import InitVar, dataclass, field, fields

import torch
from torch import Tensor

from deepracer_sim.errors import TrackError


@dataclass(frozen=True)
class Projection:
    """Where N cars are along the centre line, everything in their driving direction.

    Attributes:
        distance: metres along the centre line from the start line, 0 to the length, `(N,)`.
        offset: distance from the centre line in metres, positive to the left, `(N,)`.
        heading: direction of the centre line there in radians, -pi..pi, `(N,)`.
        half_width: half the distance between the borders there in metres, `(N,)`.
        closest_waypoints: `(N, 2)` long, the waypoint behind and the one ahead. The next waypoint is the
            first whose distance is greater than the car's, so a car level with a waypoint has it behind:
            AWS's rule (deepracer-simapp, `find_prev_next`). The waypoint after the last is 0. A car that
            drives against the waypoints counts them from the start line in its own direction: its waypoint
            k is row `num_waypoints - k` of the track (row 0 stays 0).
    """

    distance: Tensor
    offset: Tensor
    heading: Tensor
    half_width: Tensor
    closest_waypoints: Tensor


@dataclass(frozen=True, eq=False)
class Track:
    """A closed centre line with its two borders; one track for all cars, or one for each car.

    Polylines are float32, in metres. Row 0 is on the start line, rows follow the waypoints' direction and the
    first row is not repeated at the end. Row k of a border lies beside row k of the centre line. One track
    has polylines `(M, 2)` and serves any number of cars; a stack from `stack` has `(N, M, 2)`, one track for
    each of exactly N cars. A zero-length segment at the end of a polyline is padding and changes nothing.

    Attributes:
        name: what the track is called, for messages and files.
        center: centre line.
        inner: the border that encloses the smaller area.
        outer: the other border.
        padded_from: only for a stack, how many rows each polyline has without its padding, long, `(N,)`.
        num_waypoints: rows without padding, long, `()` or `(N,)`.
        length: of the closed centre polyline in metres, `()` or `(N,)`.
        is_ccw: the waypoints run counter-clockwise, bool, `()` or `(N,)`.
    """

    name: str
    center: Tensor
    inner: Tensor
    outer: Tensor
    padded_from: InitVar[Tensor | None] = None
    num_waypoints: Tensor = field(init=False)
    length: Tensor = field(init=False)
    is_ccw: Tensor = field(init=False)
    _segment_starts: Tensor = field(init=False, repr=False)  # (2, [N,] M): x and y of each segment's start
    _segment_steps: Tensor = field(init=False, repr=False)  # (2, [N,] M): x and y from its start to its end
    _segment_inverse_squares: Tensor = field(init=False, repr=False)  # ([N,] M), 0 for zero length
    _segment_distances: Tensor = field(init=False, repr=False)  # ([N,] M): metres at each segment's start
    _segment_table: Tensor = field(init=False, repr=False)  # ([N *] M, 8): see `_segment_columns`
    _border_points: Tensor = field(init=False, repr=False)  # (2, [N, 1,] 2 M + 2): both borders, each closed
    _border_edges: Tensor = field(init=False, repr=False)  # (2, [N, 1,] 2 M + 1): x at its start, dx / dy

    def __post_init__(self, padded_from: Tensor | None) -> None:
        """Check the shapes and work out what every step of a simulation needs."""
        for label in ("center", "inner", "outer"):
            line = getattr(self, label)
            if line.shape != self.center.shape or line.dim() not in (2, 3) or line.shape[-1] != 2:
                raise TrackError(
                    f"track {self.name!r}: {label} has shape {tuple(line.shape)}: must be (M, 2) or "
                    "(N, M, 2), the same for center, inner and outer"
                )
        rows = torch.full(self.center.shape[:-2], self.center.shape[-2], device=self.center.device)
        self._set("num_waypoints", rows if padded_from is None else padded_from)
        self._measure_segments()
        self._measure_borders()

    def project(self, position: Tensor, reversed: Tensor) -> Projection:
        """Find the nearest point of the centre polyline.

        Exact: every segment is tried in closed form, not only those at the nearest waypoint.

        Args:
            position: x and y in metres, `(N, 2)`.
            reversed: the car drives against the waypoints, bool, `(N,)`.
        """
        starts, steps = self._segment_starts, self._segment_steps
        east = position[:, :1] - starts[0]
        north = position[:, 1:] - starts[1]
        along = torch.addcmul(east * steps[0], north, steps[1])
        along = (along * self._segment_inverse_squares).clamp(0.0, 1.0)
        east = torch.addcmul(east, along, steps[0], value=-1.0)
        north = torch.addcmul(north, along, steps[1], value=-1.0)
        nearest = torch.addcmul(east * east, north, north).argmin(dim=1)

        # Beside a corner the end of one segment and the start of the next are equally near. The later one is
        # taken, so that rounding does not decide which direction the centre line has there.
        along = along.gather(1, nearest[:, None]).squeeze(1)
        at_end = along >= 1.0
        nearest = (nearest + at_end) % self.center.shape[-2]
        along = along.masked_fill(at_end, 0.0)
        return self._describe(position, reversed, nearest, along)

    def pose_at(self, distance: Tensor, reversed: Tensor, offset: Tensor) -> Tensor:
        """Give the poses at distances from the start line, aligned with the centre line.

        Args:
            distance: metres from the start line in the driving direction, any number of laps, `(N,)`.
            reversed: the car drives against the waypoints, bool, `(N,)`.
            offset: metres from the centre line, positive to the left of the driving direction, `(N,)`.

        Returns:
            x, y in metres and yaw in radians, -pi..pi, `(N, 3)`.
        """
        distance = torch.where(reversed, -distance, distance).remainder(self.length)
        found = torch.searchsorted(self._segment_distances, distance[:, None], right=True).squeeze(1) - 1
        start_x, start_y, step_x, step_y, heading, start_distance, _, _ = self._segment_columns(found)
        size = torch.hypot(step_x, step_y)
        along = (distance - start_distance) / size
        offset = torch.where(reversed, -offset, offset) / size
        x = start_x + along * step_x - offset * step_y
        y = start_y + along * step_y + offset * step_x
        return torch.stack((x, y, _turn_round(heading, reversed)), dim=1)

    def is_on_road(self, points: Tensor) -> Tensor:
        """Tell which points lie between the borders.

        Even-odd rule over the edges of both borders together: a ray towards +x from a point on the road
        crosses them an odd number of times.

        Args:
            points: x and y in metres, `(N, K, 2)`: K points of each car.

        Returns:
            bool, `(N, K)`.
        """
        north = points[..., 1:] - self._border_points[1]
        is_above = north >= 0.0
        spans = is_above[..., :-1] ^ is_above[..., 1:]
        crossing = torch.addcmul(self._border_edges[0], north[..., :-1], self._border_edges[1])
        crossings = (spans & (crossing > points[..., :1])).sum(dim=-1, dtype=torch.uint8)
        return (crossings & 1).bool()

    def to(self, device: torch.device | str) -> Track:
        """Return this track with its tensors on a device."""
        moved = copy.copy(self)
        for entry in fields(self):
            value = getattr(self, entry.name)
            if isinstance(value, Tensor):
                moved._set(entry.name, value.to(device))
        return moved

    def _set(self, name: str, value: Tensor) -> None:
        object.__setattr__(self, name, value)  # the class is frozen for everyone else

    def _measure_segments(self) -> None:
        """Fill the tables of the centre line's segments; sums in float64, so that they do not drift."""
        center = self.center.double()
        following = center.roll(-1, dims=-2)
        steps = following - center
        sizes = steps.norm(dim=-1)
        ends = sizes.cumsum(dim=-1)
        headings = torch.atan2(steps[..., 1], steps[..., 0])
        # Padding has no direction of its own: it takes that of the closing segment, which comes after it.
        headings = torch.where(sizes > 0.0, headings, headings[..., -1:])
        half_widths = (self.inner - self.outer).double().norm(dim=-1) / 2.0
        columns = (
            center[..., 0],
            center[..., 1],
            steps[..., 0],
            steps[..., 1],
            headings,
            ends - sizes,
            half_widths,
            half_widths.roll(-1, dims=-1) - half_widths,
        )
        area = (center[..., 0] * following[..., 1] - center[..., 1] * following[..., 0]).sum(dim=-1) / 2.0
        self._set("length", ends[..., -1].float())
        self._set("is_ccw", area > 0.0)
        self._set("_segment_starts", center.movedim(-1, 0).float().contiguous())
        self._set("_segment_steps", steps.movedim(-1, 0).float().contiguous())
        self._set("_segment_inverse_squares", torch.where(sizes > 0.0, sizes**-2.0, 0.0).float())
        self._set("_segment_distances", (ends - sizes).float().contiguous())
        self._set("_segment_table", torch.stack(columns, dim=-1).float().flatten(0, -2))

    def _measure_borders(self) -> None:
        """Fill the edge tables of `is_on_road`: the inner border closed, then the outer border closed."""
        closed = [torch.cat((line, line[..., :1, :]), dim=-2) for line in (self.inner, self.outer)]
        points = torch.cat(closed, dim=-2).double()
        steps = points[..., 1:, :] - points[..., :-1, :]
        slopes = torch.where(steps[..., 1] == 0.0, 0.0, steps[..., 0] / steps[..., 1])
        starts = points[..., :-1, 0].clone()
        # The edge from the end of the inner border to the start of the outer one is none: it is put so far to
        # the left that no ray meets it.
        bridge = self.center.shape[-2]
        starts[..., bridge] = -math.inf
        slopes[..., bridge] = 0.0
        points, edges = points.movedim(-1, 0).float(), torch.stack((starts, slopes)).float()
        if self.center.dim() == 3:
            points, edges = points.unsqueeze(2), edges.unsqueeze(2)
        self._set("_border_points", points.contiguous())
        self._set("_border_edges", edges.contiguous())

    def _segment_columns(self, index: Tensor) -> tuple[Tensor, ...]:
        """Look up segments `(N,)`: start x, y; step x, y; heading; distance; half width; its change."""
        if self.center.dim() == 3:
            index = index + torch.arange(len(index), device=index.device) * self.center.shape[-2]
        return self._segment_table.index_select(0, index).unbind(dim=1)

    def _describe(self, position: Tensor, reversed: Tensor, segment: Tensor, along: Tensor) -> Projection:
        """Work out a projection from the nearest segment and the share of it that is behind, both `(N,)`."""
        columns = self._segment_columns(segment)
        start_x, start_y, step_x, step_y, heading, start_distance, half_width, widening = columns
        east = position[:, 0] - start_x
        north = position[:, 1] - start_y
        offset = torch.hypot(east - along * step_x, north - along * step_y)
        offset = torch.copysign(offset, step_x * north - step_y * east)
        distance = start_distance + along * torch.hypot(step_x, step_y)

        count = self.num_waypoints
        behind = torch.minimum(segment, count - 1)  # padding stands for the last waypoint
        behind = torch.where(reversed, count - 1 - behind + (along <= 0.0), behind)
        waypoints = torch.stack((behind, behind + 1), dim=1) % count.unsqueeze(-1)
        return Projection(
            distance=torch.where(reversed, -distance, distance).remainder(self.length),
            offset=torch.where(reversed, -offset, offset),
            heading=_turn_round(heading, reversed),
            half_width=half_width + along * widening,
            closest_waypoints=waypoints,
        )


def stack(tracks: Sequence[Track], index: Tensor) -> Track:
    """Give every car its own track.

    Args:
        tracks: single tracks, polylines `(M, 2)` with any M, on one device.
        index: which of them each car drives on, long, `(N,)`.

    Returns:
        One track with polylines `(N, largest M, 2)`, padded by repeating each polyline's last point.

    Raises:
        TrackError: no track given, or one of them is a stack itself.
    """
    if not tracks:
        raise TrackError("stack of no tracks: give at least one")
    for track in tracks:
        if track.center.dim() != 2:
            raise TrackError(f"track {track.name!r} is a stack already: only single tracks can be stacked")
    longest = max(len(track.center) for track in tracks)

    def pad(line: Tensor) -> Tensor:
        return torch.cat((line, line[-1:].expand(longest - len(line), 2)))

    lines = {
        label: torch.stack([pad(getattr(track, label)) for track in tracks])[index]
        for label in ("center", "inner", "outer")
    }
    counts = torch.stack([track.num_waypoints for track in tracks])[index]
    return Track(name="+".join(track.name for track in tracks), padded_from=counts, **lines)


def _turn_round(heading: Tensor, reversed: Tensor) -> Tensor:
    """Give the opposite direction, -pi..pi, where `reversed`."""
    opposite = torch.where(heading > 0.0, heading - math.pi, heading + math.pi)
    return torch.where(reversed, opposite, heading)
