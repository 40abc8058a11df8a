"""A batched pinhole camera over flat ground: car poses in, pictures out, plain torch on any device.

The camera does not roll, so all pixels of a picture's row see the ground at one depth, and the ground points
of a row are equally spaced on a straight line. Rendering is therefore two multiply-adds and two table
look-ups a pixel: texel to material code, code to colour. Far rows see long thin strips of ground; they are
averaged over several taps along the viewing direction, each from the pyramid level that fits its footprint.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby

import numpy as np
import torch
from torch import Tensor

from deepracer_sim.ground import NOMINAL_COLOURS, RESOLUTION, Ground, Material
from deepracer_sim.settings import CameraSettings, Randomisation

FAR = 100.0
"""Ground farther away than this is painted as sky, metres."""
LUMINANCE = (0.299, 0.587, 0.114)
"""Weights of red, green and blue in a grey picture (ITU-R BT.601, as OpenCV and the car have it)."""
MAX_TAPS = 4
"""Most samples that a pixel is averaged from."""
PITCH_MARGIN = 0.06
"""Randomisation may raise the horizon by this pitch at most, radians."""
NOISE_STRIDE = 977
"""Numbers between the starts of two cars' pixel noise in the bank."""
SKY_CODE = 255


@dataclass(frozen=True)
class Lens:
    """How each car's camera is mounted and what its pictures go through; every tensor has shape (N,).

    Attributes:
        forward: ahead of base_link, metres.
        height: above the ground, metres.
        pitch: downwards, radians.
        yaw: to the left, radians.
        field_of_view: horizontal, radians.
        noise: standard deviation of the pixel noise, 1 = full white.
        blur: share of each pixel taken from its neighbours.
    """

    forward: Tensor
    height: Tensor
    pitch: Tensor
    yaw: Tensor
    field_of_view: Tensor
    noise: Tensor
    blur: Tensor

    @staticmethod
    def nominal(settings: CameraSettings, num_cars: int, device: torch.device | str = "cpu") -> Lens:
        """Return the cameras of `num_cars` cars as they left the factory."""

        def full(value: float) -> Tensor:
            return torch.full((num_cars,), value, device=device)

        return Lens(
            forward=full(settings.forward),
            height=full(settings.height_above_ground),
            pitch=full(settings.pitch),
            yaw=full(0.0),
            field_of_view=full(settings.field_of_view),
            noise=full(0.0),
            blur=full(0.0),
        )

    def randomised(
        self, nominal: Lens, ranges: Randomisation, generator: torch.Generator, mask: Tensor
    ) -> Lens:
        """Return `nominal` plus new draws for the cars in `mask` (N,) and the old lens for the others."""

        def draw(limits: tuple[float, float], base: Tensor, old: Tensor) -> Tensor:
            unit = torch.rand(mask.shape, generator=generator, device=mask.device)
            return torch.where(mask, base + limits[0] + (limits[1] - limits[0]) * unit, old)

        return replace(
            self,
            forward=draw(ranges.camera_forward, nominal.forward, self.forward),
            height=draw(ranges.camera_height, nominal.height, self.height),
            pitch=draw(ranges.camera_pitch, nominal.pitch, self.pitch),
            yaw=draw(ranges.camera_yaw, nominal.yaw, self.yaw),
            field_of_view=draw(ranges.camera_field_of_view, nominal.field_of_view, self.field_of_view),
            noise=draw(ranges.noise, nominal.noise, self.noise),
            blur=draw(ranges.blur, nominal.blur, self.blur),
        )


def nominal_colours(num_cars: int, device: torch.device | str = "cpu") -> Tensor:
    """Return the colour of each material for each car, (N, materials, 3), 0 to 1."""
    return torch.as_tensor(NOMINAL_COLOURS / 255, device=device).expand(num_cars, -1, -1).clone()


def randomised_colours(ranges: Randomisation, generator: torch.Generator, num_cars: int) -> Tensor:
    """Draw each car's materials and the light on them, (N, materials, 3), 0 to 1.

    Gamma, contrast and brightness act on the materials instead of on each pixel, which differs only where
    a pixel mixes materials.
    """
    device = generator.device

    def unit(*shape: int) -> Tensor:
        return torch.rand(num_cars, *shape, generator=generator, device=device)

    def between(limits: tuple[float, float]) -> Tensor:
        return limits[0] + (limits[1] - limits[0]) * unit(1, 1)

    colours = nominal_colours(num_cars, device)
    grain = between(ranges.texture)
    for plain, toned in ((Material.SURROUNDINGS, Material.SURROUNDINGS_B), (Material.ROAD, Material.ROAD_B)):
        colours[:, toned] = colours[:, plain] + grain[:, 0] * (colours[:, toned] - colours[:, plain])
    # The two tones of one surface move together, or the grain would drown the lines.
    shift = (2 * unit(len(Material), 3) - 1) * ranges.colour
    shift[:, Material.SURROUNDINGS_B] = shift[:, Material.SURROUNDINGS]
    shift[:, Material.ROAD_B] = shift[:, Material.ROAD]
    lines = [Material.ROAD, Material.ROAD_B, Material.BORDER, Material.CENTER_LINE]
    shift[:, lines] *= 0.5
    colours = (colours + shift).clamp(0.0, 1.0) ** between(ranges.gamma)
    return ((colours - 0.5) * between(ranges.contrast) + 0.5 + between(ranges.brightness)).clamp(0.0, 1.0)


class Camera:
    """Renders what N cars see.

    Args:
        settings: size, colour and nominal mount.
        grounds: the textures, all cars share them.
        ground_index: (N,) which ground each car stands on.
        device: where to render.
    """

    def __init__(
        self,
        settings: CameraSettings,
        grounds: Sequence[Ground],
        ground_index: Tensor,
        device: torch.device | str = "cpu",
    ) -> None:
        self.settings = settings
        self.device = torch.device(device)
        self.num_cars = len(ground_index)
        self._load_grounds(grounds, ground_index)
        self._lay_out_rows()
        generator = torch.Generator().manual_seed(0)
        self._noise_used = settings.width * settings.height + NOISE_STRIDE * (self.num_cars - 1)
        self._noise = torch.randn(2 * self._noise_used + (1 << 20), generator=generator).to(self.device)
        self.lens = Lens.nominal(settings, self.num_cars, self.device)
        self.set_lens(self.lens)
        self.set_colours(nominal_colours(self.num_cars, self.device))

    def _load_grounds(self, grounds: Sequence[Ground], ground_index: Tensor) -> None:
        """Put the pyramids one after the other in one vector; keep each level's place, size and scale."""
        places, parts, start = [], [], 0
        for ground in grounds:
            rows = []
            for codes in ground.levels:
                rows.append((start, codes.shape[1], codes.shape[0]))
                parts.append(codes.ravel())
                start += codes.size
            places.append(rows)
        index = ground_index.cpu()
        self._sky_texel = start
        parts.append(np.array([SKY_CODE], np.uint8))
        self._texels = torch.from_numpy(np.concatenate(parts)).to(self.device)
        # (N, levels, 3): first texel, columns, rows
        self._places = torch.tensor(places, dtype=torch.int32)[index].to(self.device)
        self._origin = torch.tensor([ground.origin for ground in grounds])[index].to(self.device)
        mixtures = torch.from_numpy(np.stack([ground.mixtures for ground in grounds]))
        self._mixtures = mixtures[index].to(self.device)

    def _lay_out_rows(self) -> None:
        """Choose how many taps each picture row gets and where they lie, from the nominal mount."""
        settings = self.settings
        half = settings.height / 2
        focal = settings.width / 2 / np.tan(settings.field_of_view / 2)
        centers = np.arange(settings.height) + 0.5 - half
        down = np.sin(settings.pitch) + centers / focal * np.cos(settings.pitch)
        taps = np.clip(np.rint(1 / np.maximum(down, 1e-3) / 2), 1, MAX_TAPS).astype(int)
        taps[down < 0] = 1
        # Rows that stay above the horizon for any mount that randomisation may draw are plain sky.
        highest = settings.pitch + PITCH_MARGIN
        steepest = np.sin(highest) + centers / focal * np.cos(highest)
        self._sky_rows = int((steepest <= 0).sum())
        rows = range(self._sky_rows, settings.height)
        # Neighbouring rows with the same number of taps are averaged together: (taps, rows).
        self._blocks = [(count, len(list(group))) for count, group in groupby(int(taps[row]) for row in rows)]
        offsets = [centers[row] + (tap + 0.5) / taps[row] - 0.5 for row in rows for tap in range(taps[row])]
        self._row_offsets = torch.tensor(offsets, dtype=torch.float32, device=self.device)
        self._row_taps = torch.tensor(
            [taps[row] for row in rows for _ in range(taps[row])], device=self.device
        )
        columns = torch.arange(settings.width, dtype=torch.float32, device=self.device)
        self._columns = columns + 0.5 - settings.width / 2

    def set_lens(self, lens: Lens) -> None:
        """Mount the cameras as `lens` says; works out what each row sees."""
        self.lens = lens
        focal = (self.settings.width / 2 / torch.tan(lens.field_of_view / 2))[:, None]
        slope = self._row_offsets / focal
        sine, cosine = torch.sin(lens.pitch)[:, None], torch.cos(lens.pitch)[:, None]
        down, ahead = sine + slope * cosine, cosine - slope * sine
        height = lens.height[:, None]
        seen = down * FAR > height * ahead
        down = torch.where(seen, down, torch.ones_like(down))
        depth = height / down
        # The footprint of a tap: across, and along the view where the row's strip is shared by its taps.
        footprint = depth / focal * torch.rsqrt(down * self._row_taps)
        last = self._places.shape[1] - 1
        level = torch.log2(footprint / RESOLUTION).round().clamp(0, last).long()
        place = self._places.gather(1, level[..., None].expand(-1, -1, 3))
        scale = torch.exp2(-level.float()) / RESOLUTION
        zero = torch.zeros_like(depth)
        self._ahead = depth * ahead
        self._spread = torch.where(seen, depth / focal * scale, zero)
        self._scale = torch.where(seen, scale, zero)
        self._first_texel = torch.where(seen, place[..., 0], self._sky_texel)[..., None]
        self._stride = torch.where(seen, place[..., 1], 0)[..., None]
        self._last_column = (place[..., 1] - 1).float()[..., None]
        self._last_row = (place[..., 2] - 1).float()[..., None]

    def set_colours(self, colours: Tensor) -> None:
        """Give each car its own materials, `colours` (N, materials, 3), 0 to 1."""
        if self.settings.colour == "grey":
            colours = colours @ colours.new_tensor(LUMINANCE)[:, None]
        palette = self._mixtures @ colours * 255
        # One row a channel: (channels, N * codes), so that a picture's codes index it directly.
        self._palette = palette.permute(2, 0, 1).reshape(palette.shape[2], -1).contiguous()
        start = torch.arange(self.num_cars, dtype=torch.int32, device=self.device)[:, None, None]
        self._palette_start = start * palette.shape[1]

    def render(self, x: Tensor, y: Tensor, yaw: Tensor, noise_offset: int = 0) -> Tensor:
        """Return what the cars see.

        Args:
            x, y: base_link, metres, (N,).
            yaw: radians, (N,).
            noise_offset: where in the bank of noise this picture's noise starts.

        Returns:
            (N, height, width, channels) uint8.
        """
        codes, settings = self._codes(x, y, yaw), self.settings
        values = self._palette.index_select(1, codes.view(-1)).view(-1, *codes.shape)
        picture = torch.empty(len(values), self.num_cars, settings.height, settings.width, device=self.device)
        sky = self._palette[:, SKY_CODE :: self._mixtures.shape[1]]
        picture[:, :, : self._sky_rows] = sky[:, :, None, None]
        row, start = self._sky_rows, 0
        for taps, rows in self._blocks:
            block = values[:, :, start : start + rows * taps]
            if taps > 1:
                block = block.unflatten(2, (rows, taps)).mean(3)
            picture[:, :, row : row + rows] = block
            row, start = row + rows, start + rows * taps
        if not self.is_clean:
            for channel, one in enumerate(picture):
                self._degrade(one, noise_offset + channel * self._noise_used)
        return picture.round_().to(torch.uint8).permute(1, 2, 3, 0).contiguous()

    def _codes(self, x: Tensor, y: Tensor, yaw: Tensor) -> Tensor:
        """Return the palette index of every tap, (N, taps, width) int32."""
        lens = self.lens
        x = x + torch.cos(yaw) * lens.forward - self._origin[:, 0]
        y = y + torch.sin(yaw) * lens.forward - self._origin[:, 1]
        sine, cosine = torch.sin(yaw + lens.yaw)[:, None], torch.cos(yaw + lens.yaw)[:, None]
        column = (self._spread * sine)[..., None] * self._columns
        column += ((x[:, None] + self._ahead * cosine) * self._scale)[..., None]
        row = (self._spread * -cosine)[..., None] * self._columns
        row += ((y[:, None] + self._ahead * sine) * self._scale)[..., None]
        column = torch.minimum(column.clamp_(min=0.0), self._last_column).int()
        row = torch.minimum(row.clamp_(min=0.0), self._last_row).int()
        texel = row.mul_(self._stride).add_(column).add_(self._first_texel)
        codes = self._texels.index_select(0, texel.view(-1)).view(texel.shape)
        return codes.int().add_(self._palette_start)

    def _degrade(self, picture: Tensor, noise_offset: int) -> None:
        """Blur one channel (N, height, width), 0 to 255, and add noise to it, in place."""
        weight = 0.5 * self.lens.blur[:, None, None]
        for dim in (1, 2):
            size = picture.shape[dim]
            neighbours = torch.zeros_like(picture)
            neighbours.narrow(dim, 1, size - 2).copy_(picture.narrow(dim, 0, size - 2))
            neighbours.narrow(dim, 1, size - 2).add_(picture.narrow(dim, 2, size - 2))
            inner = picture.narrow(dim, 1, size - 2)
            mixed = torch.lerp(inner, neighbours.narrow(dim, 1, size - 2) * 0.5, weight)
            picture.narrow(dim, 1, size - 2).copy_(mixed)
        start = noise_offset % (len(self._noise) - self._noise_used)
        noise = self._noise.as_strided(picture.shape, (NOISE_STRIDE, picture.shape[2], 1), start)
        picture += noise * (255 * self.lens.noise)[:, None, None]
        picture.clamp_(0, 255)

    is_clean = True
    """No blur and no noise: leave the picture as it is."""
