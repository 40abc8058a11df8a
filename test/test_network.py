"""The networks against layers of `torch.nn` and against counts worked out by hand."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from deepracer_sim.network import FastTrunk, ImageCritic, PolicyNetwork, ShallowTrunk, StateCritic, scaled

SHALLOW = "DEEP_CONVOLUTIONAL_NETWORK_SHALLOW"


def images_of(batch: int, height: int, width: int, channels: int = 1) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (batch, height, width, channels), generator=generator, dtype=torch.uint8)


def count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


@pytest.mark.parametrize("name", ["FAST", SHALLOW])
@pytest.mark.parametrize(
    ("height", "width", "channels"), [(48, 64, 1), (60, 80, 3), (120, 160, 1), (70, 101, 1)]
)
def test_pictures_of_any_size_become_logits_and_values(name, height, width, channels):
    images = images_of(3, height, width, channels)
    actor = PolicyNetwork(name, (height, width, channels), 7)
    critic = ImageCritic(name, (height, width, channels))
    assert actor(images).shape == (3, 7)
    assert critic(images, torch.zeros(3, 0)).shape == (3,)
    assert actor.image_shape == (height, width, channels)


def test_aws_network_has_awss_layers():
    """Without padding a layer makes (size - kernel) / stride + 1 of each side, rounded down:

    120 x 160 -> (112 / 4 + 1) x (152 / 4 + 1) = 29 x 39 -> 13 x 18 -> 11 x 16, times 64 filters = 11264.
    Weights: 32 * 8 * 8 + 32 = 2080; 64 * 32 * 4 * 4 + 64 = 32832; 64 * 64 * 3 * 3 + 64 = 36928;
    11264 * 512 + 512 = 5767680; the actor's head 512 * 15 + 15 = 7695, the critic's 512 + 1 = 513.
    """
    trunk = ShallowTrunk(120, 160, 1)
    layers = [layer for layer in trunk.layers if isinstance(layer, nn.Conv2d)]
    described = [(layer.out_channels, layer.kernel_size, layer.stride, layer.padding) for layer in layers]
    assert described == [
        (32, (8, 8), (4, 4), (0, 0)),
        (64, (4, 4), (2, 2), (0, 0)),
        (64, (3, 3), (1, 1), (0, 0)),
    ]
    assert trunk.layers(torch.zeros(1, 1, 120, 160)).shape == (1, 11264)
    assert [count(layer) for layer in layers] == [2080, 32832, 36928]
    assert count(trunk.dense) == 5767680
    common = 2080 + 32832 + 36928 + 5767680
    assert count(PolicyNetwork(SHALLOW, (120, 160, 1), 15)) == common + 7695 == 5847215
    assert count(ImageCritic(SHALLOW, (120, 160, 1))) == common + 513


def test_the_fast_network_is_small():
    """16 * 16 + 16 = 272, 16 * 4 * 32 + 32 = 2080, 32 * 4 * 32 + 32 = 4128; 3 x 4 blocks of 16 pixels.

    So the dense layer has 12 * 32 * 128 + 128 = 49280.
    """
    assert count(FastTrunk(48, 64, 1)) == 272 + 2080 + 4128 + 49280
    assert count(PolicyNetwork("FAST", (48, 64, 1), 10)) == 55760 + 128 * 10 + 10


@pytest.mark.parametrize(("height", "width", "channels"), [(48, 64, 1), (60, 80, 1), (33, 47, 3)])
def test_the_fast_network_is_a_convolutional_one(height, width, channels):
    """The same weights in `nn.Conv2d` layers with strides as large as their kernels.

    Of 60x80 the upper 12 rows are left out, of 33x47 the upper row, 7 columns on the left and 8 on the right.
    """
    trunk = FastTrunk(height, width, channels)
    for parameter in trunk.parameters():
        nn.init.normal_(parameter, std=0.2)
    layers: list[nn.Module] = []
    windows = (trunk.first, trunk.second, trunk.third)
    for window, size, depth in zip(windows, (4, 2, 2), (channels, 16, 32), strict=True):
        layer = nn.Conv2d(depth, window.out_features, size, size)
        # A window's numbers run along its rows, its columns and then its channels.
        weight = window.weight.view(-1, size, size, depth).permute(0, 3, 1, 2)
        layer.load_state_dict({"weight": weight, "bias": window.bias})
        layers += [layer, nn.ReLU()]
    images = images_of(5, height, width, channels)
    top, left = height % 16, width % 16 // 2
    whole = images[:, top:, left : left + width // 16 * 16]
    seen = nn.Sequential(*layers)(scaled(whole.permute(0, 3, 1, 2)))
    assert seen.shape[2:] == (height // 16, width // 16)
    wanted = torch.relu(trunk.dense(seen.permute(0, 2, 3, 1).flatten(1)))
    torch.testing.assert_close(trunk(images), wanted, rtol=1e-4, atol=1e-3)
    assert float(wanted.detach().std()) > 0.1


@pytest.mark.parametrize("name", ["FAST", SHALLOW])
def test_pixels_are_scaled_inside(name):
    """0 becomes -0.6 and 255 becomes 1.392; a white picture is not the same as a black one."""
    assert scaled(torch.tensor([0, 128, 255], dtype=torch.uint8)).tolist() == pytest.approx(
        [-0.6, 0.4, 1.3921875]
    )
    network = PolicyNetwork(name, (48, 64, 1), 3)
    black, white = (
        torch.zeros(1, 48, 64, 1, dtype=torch.uint8),
        torch.full((1, 48, 64, 1), 255, dtype=torch.uint8),
    )
    assert float((network.trunk(black) - network.trunk(white)).detach().abs().max()) > 0.1


@pytest.mark.parametrize("name", ["FAST", SHALLOW])
def test_a_pass_leaves_the_images_as_they_are(name):
    """Layers work in place; the images are used again in the next epoch."""
    images = images_of(2, 48, 64)
    kept = images.clone()
    network = PolicyNetwork(name, (48, 64, 1), 3)
    first = network(images)
    assert torch.equal(images, kept)
    assert torch.equal(network(images), first)
    floats = torch.tensor([[1.0, 2.0]])
    scaled(floats.to(torch.uint8))
    assert floats.tolist() == [[1.0, 2.0]]


@pytest.mark.parametrize("name", ["FAST", SHALLOW])
def test_probabilities_are_the_softmax_of_the_logits(name):
    network = PolicyNetwork(name, (48, 64, 1), 6)
    nn.init.normal_(network.policy.weight, std=0.5)
    images = images_of(4, 48, 64)
    probabilities = network.probabilities(images)
    torch.testing.assert_close(probabilities.sum(1), torch.ones(4))
    torch.testing.assert_close(probabilities, torch.softmax(network(images), 1))
    assert float(probabilities.detach().std()) > 0.01


@pytest.mark.parametrize("name", ["FAST", SHALLOW])
def test_an_untrained_network_tries_every_action(name):
    probabilities = PolicyNetwork(name, (48, 64, 1), 10).probabilities(images_of(20, 48, 64))
    assert float((probabilities - 0.1).detach().abs().max()) < 0.02


@pytest.mark.parametrize("name", ["FAST", SHALLOW])
def test_every_weight_gets_a_gradient(name):
    network = PolicyNetwork(name, (48, 64, 1), 4)
    critic = ImageCritic(name, (48, 64, 1))
    network(images_of(8, 48, 64)).square().sum().backward()
    critic(images_of(8, 48, 64), torch.zeros(8, 0)).square().sum().backward()
    for module in (network, critic):
        for parameter_name, parameter in module.named_parameters():
            assert float(parameter.grad.abs().sum()) > 0, parameter_name


def test_each_critic_looks_at_what_it_is_told():
    """The one with the state not at the picture, the one with the picture not at the state."""
    images, other_images = images_of(2, 48, 64), images_of(2, 48, 64).flip(1)
    state, other_state = torch.zeros(2, 5), torch.ones(2, 5)
    told, seeing = StateCritic(5), ImageCritic("FAST", (48, 64, 1))
    assert told(images, state).shape == (2,)
    assert torch.equal(told(images, state), told(other_images, state))
    assert not torch.equal(told(images, state), told(images, other_state))
    assert torch.equal(seeing(images, state), seeing(images, other_state))
    assert not torch.equal(seeing(images, state), seeing(other_images, state))
