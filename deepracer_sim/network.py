"""The networks: image in, action logits and value out, scaling of the pixels included."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

NetworkName = Literal["FAST", "DEEP_CONVOLUTIONAL_NETWORK_SHALLOW"]


class FastTrunk(nn.Module):
    """Convolutions of 4x4, 2x2 and 2x2 pixels with strides as large, and a dense layer: about 57,000 weights.

    Since no two windows overlap, each layer is one matrix product once the pixels are put in the order
    16x16 block, 8x8 block in it, 4x4 block in that: then a layer's window is a run of neighbouring numbers.
    """

    BLOCK = 16

    def __init__(self, height: int, width: int, channels: int, features: int = 128) -> None:
        super().__init__()
        self.rows, self.columns = height // self.BLOCK, width // self.BLOCK
        self.windows = nn.ModuleList(
            [nn.Linear(channels * 16, 16), nn.Linear(16 * 4, 32), nn.Linear(32 * 4, 32)]
        )
        self.dense = nn.Linear(32 * self.rows * self.columns, features)

    def forward(self, images: Tensor) -> Tensor:
        """Map (B, H, W, C) uint8 to (B, features); what a picture has beyond whole blocks is left out."""
        batch, channels = images.shape[0], images.shape[3]
        whole = images[:, : self.rows * self.BLOCK, : self.columns * self.BLOCK]
        blocks = whole.reshape(batch, self.rows, 2, 2, 4, self.columns, 2, 2, 4, channels)
        # (batch, 16-row, 16-column, 8-row, 8-column, 4-row, 4-column, row, column, channel)
        values = scaled(blocks.permute(0, 1, 5, 2, 6, 3, 7, 4, 8, 9).contiguous())
        for window in self.windows:
            values = torch.relu_(window(values.view(-1, window.in_features)))
        return torch.relu_(self.dense(values.view(batch, self.dense.in_features)))


class ShallowTrunk(nn.Module):
    """AWS's DEEP_CONVOLUTIONAL_NETWORK_SHALLOW: 32 8x8/4, 64 4x4/2, 64 3x3/1, dense 512, ReLU, no padding."""

    def __init__(self, height: int, width: int, channels: int, features: int = 512) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(channels, 32, 8, 4),
            nn.ReLU(),
            nn.Conv2d(32, 64, 4, 2),
            nn.ReLU(),
            nn.Conv2d(64, 64, 3, 1),
            nn.ReLU(),
            nn.Flatten(),
        )
        with torch.no_grad():
            filters = self.layers(torch.zeros(1, channels, height, width)).shape[1]
        self.dense = nn.Sequential(nn.Linear(filters, features), nn.ReLU())

    def forward(self, images: Tensor) -> Tensor:
        """Map (B, H, W, C) uint8 to (B, features)."""
        return self.dense(self.layers(scaled(images.permute(0, 3, 1, 2))))


def scaled(pixels: Tensor) -> Tensor:
    """Map 0..255 to about -0.6..1.4, so that the road is near 0 and the lines are near 1."""
    return pixels.float().mul_(1 / 128).sub_(0.6)


class PolicyNetwork(nn.Module):
    """Actor and critic.

    FAST shares one trunk; AWS's network has one for each, as AWS's training has.

    Args:
        name: "FAST" or "DEEP_CONVOLUTIONAL_NETWORK_SHALLOW".
        image_shape: height, width and channels of the images.
        num_actions: size of the action space.
    """

    def __init__(self, name: NetworkName, image_shape: tuple[int, int, int], num_actions: int) -> None:
        super().__init__()
        self.name = name
        self.image_shape = image_shape
        trunk, features = (FastTrunk, 128) if name == "FAST" else (ShallowTrunk, 512)
        self.trunk = trunk(*image_shape)
        self.critic_trunk = None if name == "FAST" else trunk(*image_shape)
        self.policy = nn.Linear(features, num_actions)
        self.value = nn.Linear(features, 1)
        for module in self.modules():
            if isinstance(module, (nn.Linear, nn.Conv2d)):
                nn.init.orthogonal_(module.weight, 2**0.5)
                nn.init.zeros_(module.bias)
        # Small first logits: every action is tried before the first update.
        nn.init.orthogonal_(self.policy.weight, 0.01)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Map (B, H, W, C) uint8 images to logits (B, A) and values (B,)."""
        features = self.trunk(images)
        seen = features if self.critic_trunk is None else self.critic_trunk(images)
        return self.policy(features), self.value(seen).squeeze(1)

    def probabilities(self, images: Tensor) -> Tensor:
        """Map (B, H, W, C) uint8 images to action probabilities (B, A); this is what is exported."""
        return torch.softmax(self.policy(self.trunk(images)), 1)
