"""The networks: image in, action logits and value out, scaling of the pixels included."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

NetworkName = Literal["FAST", "DEEP_CONVOLUTIONAL_NETWORK_SHALLOW"]


class Patches(nn.Module):
    """A convolution whose stride is its kernel size, as one matrix product; channels last, ReLU."""

    def __init__(self, channels: int, filters: int, size: int) -> None:
        super().__init__()
        self.size = size
        self.linear = nn.Linear(channels * size * size, filters)

    def forward(self, image: Tensor) -> Tensor:
        """Map (B, H, W, channels) to (B, H // size, W // size, filters)."""
        size = self.size
        batch, height, width, channels = image.shape
        rows, columns = height // size, width // size
        patches = image[:, : rows * size, : columns * size]
        patches = patches.reshape(batch, rows, size, columns, size, channels).transpose(2, 3)
        return torch.relu(self.linear(patches.reshape(batch, rows, columns, size * size * channels)))


class FastTrunk(nn.Sequential):
    """Patches of 4, 2 and 2 pixels and a dense layer: what trains fastest on a CPU, about 57,000 weights."""

    def __init__(self, height: int, width: int, channels: int, features: int = 128) -> None:
        filters = 32 * (height // 16) * (width // 16)
        super().__init__(
            Patches(channels, 16, 4),
            Patches(16, 32, 2),
            Patches(32, 32, 2),
            nn.Flatten(),
            nn.Linear(filters, features),
            nn.ReLU(),
        )


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

    def forward(self, image: Tensor) -> Tensor:
        """Map (B, H, W, channels) to (B, features)."""
        return self.dense(self.layers(image.permute(0, 3, 1, 2)))


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
        pixels = self._scaled(images)
        features = self.trunk(pixels)
        seen = features if self.critic_trunk is None else self.critic_trunk(pixels)
        return self.policy(features), self.value(seen).squeeze(1)

    def probabilities(self, images: Tensor) -> Tensor:
        """Map (B, H, W, C) uint8 images to action probabilities (B, A); this is what is exported."""
        return torch.softmax(self.policy(self.trunk(self._scaled(images))), 1)

    @staticmethod
    def _scaled(images: Tensor) -> Tensor:
        return images.float() * (1 / 128) - 0.6
