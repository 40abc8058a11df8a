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
        self.first, self.second, self.third = (
            nn.Linear(channels * 16, 16),
            nn.Linear(4 * 16, 32),
            nn.Linear(4 * 32, 32),
        )
        self.dense = nn.Linear(32 * self.rows * self.columns, features)

    def forward(self, images: Tensor) -> Tensor:
        """Map (B, H, W, C) uint8 to (B, features).

        What a picture has beyond whole blocks is left out: rows at the top, where there is sky, and columns
        at both sides.
        """
        batch, channels = images.shape[0], images.shape[3]
        height, width = self.rows * self.BLOCK, self.columns * self.BLOCK
        left = (images.shape[2] - width) // 2
        whole = images[:, images.shape[1] - height :, left : left + width]
        blocks = whole.reshape(batch, self.rows, 2, 2, 4, self.columns, 2, 2, 4, channels)
        # (batch, 16-row, 16-column, 8-row, 8-column, 4-row, 4-column, row, column, channel)
        values = scaled(blocks.permute(0, 1, 5, 2, 6, 3, 7, 4, 8, 9).contiguous())
        for window in (self.first, self.second, self.third):
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
    """The actor: a picture in, a logit for each action out. This is what drives the car.

    Args:
        name: "FAST" or "DEEP_CONVOLUTIONAL_NETWORK_SHALLOW".
        image_shape: height, width and channels of the images.
        num_actions: size of the action space.
    """

    def __init__(self, name: NetworkName, image_shape: tuple[int, int, int], num_actions: int) -> None:
        super().__init__()
        self.name = name
        self.image_shape = image_shape
        self.trunk, features = _trunk(name, image_shape)
        self.policy = nn.Linear(features, num_actions)
        _initialise(self)
        # Small first logits: every action is tried before the first update.
        nn.init.orthogonal_(self.policy.weight, 0.01)

    def forward(self, images: Tensor) -> Tensor:
        """Map (B, H, W, C) uint8 images to logits (B, A)."""
        return self.policy(self.trunk(images))

    def probabilities(self, images: Tensor) -> Tensor:
        """Map (B, H, W, C) uint8 images to action probabilities (B, A); this is what is exported."""
        return torch.softmax(self(images), 1)


class StateCritic(nn.Module):
    """A critic that is told what the simulator knows; it is needed in training only.

    Pinto et al., "Asymmetric Actor Critic for Image-Based Robot Learning", 2017. A picture shows neither
    speed nor latency nor grip, which decide what comes of an action: told these, the critic leaves much less
    noise in the advantages, and it costs next to nothing beside a network for pictures.

    Args:
        state_size: numbers that describe one car, see `critic_state.CriticState`.
    """

    def __init__(self, state_size: int) -> None:
        super().__init__()
        layers = (nn.Linear(state_size, 128), nn.Tanh(), nn.Linear(128, 128), nn.Tanh(), nn.Linear(128, 1))
        self.layers = nn.Sequential(*layers)

    def forward(self, images: Tensor, state: Tensor) -> Tensor:
        """Map states (B, state_size) to values (B,); the images (B, H, W, C) are not looked at."""
        return self.layers(state).squeeze(1)


class ImageCritic(nn.Module):
    """A critic that sees what the actor sees, with a trunk of its own, as AWS's training has it."""

    def __init__(self, name: NetworkName, image_shape: tuple[int, int, int]) -> None:
        super().__init__()
        self.trunk, features = _trunk(name, image_shape)
        self.value = nn.Linear(features, 1)
        _initialise(self)

    def forward(self, images: Tensor, state: Tensor) -> Tensor:
        """Map (B, H, W, C) uint8 images to values (B,); the state is not looked at."""
        return self.value(self.trunk(images)).squeeze(1)


def _trunk(name: NetworkName, image_shape: tuple[int, int, int]) -> tuple[nn.Module, int]:
    """Return a trunk and the number of its features."""
    return (FastTrunk(*image_shape), 128) if name == "FAST" else (ShallowTrunk(*image_shape), 512)


def _initialise(network: nn.Module) -> None:
    for module in network.modules():
        if isinstance(module, (nn.Linear, nn.Conv2d)):
            nn.init.orthogonal_(module.weight, 2**0.5)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
