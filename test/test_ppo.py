"""One update at a time, with rewards whose effect is known."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from deepracer_sim.network import PolicyNetwork, StateCritic
from deepracer_sim.ppo import PPO, sample_actions
from deepracer_sim.rollout import Rollout
from deepracer_sim.settings import PPOSettings

SHAPE, NUM_ACTIONS = (16, 16, 1), 3


class Constant(nn.Module):
    """A critic that says the same for every car."""

    def __init__(self, value: float = 0.0) -> None:
        super().__init__()
        self.value = nn.Parameter(torch.tensor(value))

    def forward(self, images: Tensor, state: Tensor) -> Tensor:
        return self.value.expand(len(images))


class Watched(nn.Module):
    """A network that remembers the mean of each picture that it was shown, batch by batch."""

    def __init__(self, network: PolicyNetwork) -> None:
        super().__init__()
        self.network = network
        self.seen: list[Tensor] = []

    def forward(self, images: Tensor) -> Tensor:
        self.seen.append(images.float().mean((1, 2, 3)))
        return self.network(images)


def network_of(seed: int = 0, bias: tuple[float, ...] = (0.0, 0.0, 0.0)) -> PolicyNetwork:
    torch.manual_seed(seed)
    network = PolicyNetwork("FAST", SHAPE, NUM_ACTIONS)
    with torch.no_grad():
        network.policy.bias += torch.tensor(bias)
    return network


def random_images(count: int) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.randint(0, 256, (count, *SHAPE), generator=generator, dtype=torch.uint8)


def log_probabilities(network: PolicyNetwork, images: Tensor, actions: Tensor) -> Tensor:
    with torch.no_grad():
        return functional.log_softmax(network(images), 1).gather(1, actions[:, None]).squeeze(1)


def rollout_of(
    network: PolicyNetwork, images: Tensor, actions: Tensor, rewards: Tensor, old: Tensor | None = None
) -> Rollout:
    """One step of each car; every episode ends in it, so an advantage is the reward less the critic's 0."""
    count = len(images)
    return Rollout(
        images=images[None],
        states=torch.zeros(1, count, 2),
        actions=actions[None],
        log_probabilities=(log_probabilities(network, images, actions) if old is None else old)[None],
        values=torch.zeros(2, count),
        rewards=rewards[None].float(),
        terminated=torch.ones(1, count, dtype=torch.bool),
        truncated=torch.zeros(1, count, dtype=torch.bool),
    )


def settings_of(**changed: object) -> PPOSettings:
    return PPOSettings(**{"batch_size": 4096, "num_epochs": 1, "beta_entropy": 0.0, "lr": 1e-3, **changed})


def weights(module: nn.Module) -> Tensor:
    return torch.cat([parameter.detach().flatten() for parameter in module.parameters()]).clone()


def mean_probability(network: PolicyNetwork, images: Tensor) -> Tensor:
    with torch.no_grad():
        return network.probabilities(images).mean(0)


def test_an_update_raises_the_rewarded_action_and_lowers_the_punished_one():
    network, images = network_of(), random_images(240)
    actions = torch.arange(240) % 3
    rewards = torch.tensor([1.0, 0.0, -1.0])[actions]
    before = mean_probability(network, images)
    PPO(network, Constant(), settings_of(num_epochs=3)).update(rollout_of(network, images, actions, rewards))
    after = mean_probability(network, images)
    assert float(after[0] - before[0]) > 0.02
    assert float(after[2] - before[2]) < -0.02


def test_it_learns_what_to_do_in_which_picture():
    """Action 0 is right in a dark picture, action 1 in a bright one."""
    network = network_of()
    ppo = PPO(network, Constant(), settings_of(num_epochs=4, lr=3e-3))
    generator = torch.Generator().manual_seed(0)
    is_bright = torch.arange(200) % 2
    images = (40 + 170 * is_bright).to(torch.uint8)[:, None, None, None].expand(-1, *SHAPE).contiguous()
    for _ in range(12):
        with torch.no_grad():
            actions, _ = sample_actions(network(images), generator)
        ppo.update(rollout_of(network, images, actions, actions == is_bright))
    with torch.no_grad():
        right = network.probabilities(images).gather(1, is_bright[:, None])
    assert float(right.min()) > 0.9


def shifted(network: PolicyNetwork, images: Tensor, actions: Tensor, ratio: Tensor) -> Tensor:
    """Log probabilities of the time of drawing that make the present ratio what is asked for."""
    return log_probabilities(network, images, actions) - ratio.log()


@pytest.mark.parametrize(
    ("good", "bad", "stops"),
    [
        (1.5, 0.5, True),  # already raised and lowered beyond 1.2 and 0.8
        (1.1, 0.9, False),
        (0.5, 1.5, False),  # changed in the wrong direction: it must be put right
    ],
)
def test_clipping_stops_the_gradient(good, bad, stops):
    """Half of the samples have advantage 1 and the ratio `good`, the others -1 and `bad`."""
    network, images = network_of(), random_images(64)
    actions = torch.arange(64) % 2
    rewards = 1.0 - actions
    ratio = torch.where(actions == 0, good, bad)
    rollout = rollout_of(network, images, actions, rewards, shifted(network, images, actions, ratio))
    before = weights(network)
    report = PPO(network, Constant(), settings_of(clip=0.2)).update(rollout)
    assert torch.equal(weights(network), before) is stops
    assert float(report.clipped_share) == (0 if abs(good - 1) < 0.2 else 1)
    # -min(ratio A, clipped A): the good ones give 1.2, 1.1 or 0.5, the bad ones -0.8, -0.9 or -1.5.
    gain = min(good, 1.2) - max(bad, 0.8)
    # 64 samples of +-1 have the standard deviation sqrt(64 / 63).
    assert float(report.policy_loss) == pytest.approx(-gain / 2 / math.sqrt(64 / 63), rel=1e-4)


def test_the_entropy_bonus_raises_the_entropy():
    """All rewards are equal, so nothing but the bonus pulls."""
    images = random_images(64)
    actions = torch.zeros(64, dtype=torch.long)

    def entropy_after(weight: float) -> tuple[float, bool]:
        network = network_of(bias=(2.0, 0.0, 0.0))
        before = weights(network)
        rollout = rollout_of(network, images, actions, torch.ones(64))
        PPO(network, Constant(), settings_of(beta_entropy=weight, num_epochs=5)).update(rollout)
        mean = mean_probability(network, images)
        return float(-(mean * mean.log()).sum()), torch.equal(weights(network), before)

    plain, is_unchanged = entropy_after(0.0)
    raised, _ = entropy_after(0.1)
    assert is_unchanged
    assert raised > plain + 0.01


@pytest.mark.parametrize(("loss_type", "loss"), [("mean squared error", 100.0), ("huber", 9.5)])
def test_the_critics_loss(loss_type, loss):
    """It says 0 where 10 is right: 10^2, or 10 - 1/2 beyond the error of 1 up to which it is e^2 / 2."""
    network, critic, images = network_of(), Constant(), random_images(32)
    rollout = rollout_of(network, images, torch.zeros(32, dtype=torch.long), torch.full((32,), 10.0))
    report = PPO(network, critic, settings_of(loss_type=loss_type)).update(rollout)
    assert float(report.value_loss) == pytest.approx(loss)
    assert float(critic.value.detach()) == pytest.approx(1e-3, rel=0.01)  # Adam's first step is lr long
    assert float(report.policy_loss) == pytest.approx(0, abs=1e-6)


def test_the_critic_is_told_the_states_that_belong_to_the_pictures():
    """The value to learn is the first number of the state."""
    torch.manual_seed(0)
    network, critic, images = network_of(), StateCritic(2), random_images(200)
    rollout = rollout_of(network, images, torch.zeros(200, dtype=torch.long), torch.zeros(200))
    state = torch.rand(1, 200, 2, generator=torch.Generator().manual_seed(2)) * 2 - 1
    rollout = Rollout(**{**vars(rollout), "states": state, "rewards": state[..., 0]})
    ppo = PPO(network, critic, settings_of(batch_size=64, num_epochs=60))
    first = PPO(network_of(), StateCritic(2), settings_of(lr=1e-8)).update(rollout)
    ppo.update(rollout)
    with torch.no_grad():
        error = functional.mse_loss(critic(images, state[0]), state[0, :, 0])
    assert float(error) < 0.02 < float(first.value_loss)


def test_actor_and_critic_do_not_pull_at_each_other():
    """Without advantages and bonus the actor stays, however wrong the critic is."""
    network, images = network_of(), random_images(32)
    before = weights(network)
    rollout = rollout_of(network, images, torch.zeros(32, dtype=torch.long), torch.full((32,), 1000.0))
    PPO(network, Constant(), settings_of(num_epochs=3)).update(rollout)
    assert torch.equal(weights(network), before)


def test_long_gradients_are_cut():
    """Of actor and critic each by itself; what the last step used is still there afterwards."""
    network, images = network_of(), random_images(60)
    torch.manual_seed(0)
    critic = StateCritic(2)
    actions = torch.arange(60) % 3
    rewards = torch.tensor([1000.0, 0.0, 500.0])[actions]

    def norms(limit: float) -> tuple[float, float]:
        rollout = rollout_of(network, images, actions, rewards)
        PPO(network, critic, settings_of(max_gradient_norm=limit, lr=1e-8)).update(rollout)
        lengths = [
            float(torch.cat([p.grad.flatten() for p in module.parameters()]).norm())
            for module in (network, critic)
        ]
        return lengths[0], lengths[1]

    actor, of_critic = norms(1e9)
    assert actor > 0.02
    assert of_critic > 100
    assert norms(0.01) == pytest.approx((0.01, 0.01), rel=1e-3)


@pytest.mark.parametrize(
    ("count", "batch_size", "sizes"),
    # A rest of less than half a batch is shared out among the others.
    [(128, 32, [32] * 4), (100, 32, [34, 33, 33]), (120, 32, [30] * 4), (20, 32, [20]), (40, 16, [20, 20])],
)
def test_every_sample_is_used_once_an_epoch(count, batch_size, sizes):
    network = network_of()
    images = torch.arange(count).to(torch.uint8)[:, None, None, None].expand(-1, *SHAPE).contiguous()
    rollout = rollout_of(network, images, torch.zeros(count, dtype=torch.long), torch.arange(count))
    watched = Watched(network)
    PPO(watched, Constant(), settings_of(batch_size=batch_size, num_epochs=2)).update(rollout)
    assert [len(batch) for batch in watched.seen] == sizes * 2
    epochs = [torch.cat(watched.seen[: len(sizes)]), torch.cat(watched.seen[len(sizes) :])]
    for epoch in epochs:
        assert epoch.sort().values.tolist() == list(range(count))
    assert not torch.equal(*epochs)  # in another order each time


def test_the_same_seed_gives_the_same_weights():
    images = random_images(96)
    actions = torch.arange(96) % 3

    def run(seed: int) -> Tensor:
        network = network_of()
        rollout = rollout_of(network, images, actions, torch.arange(96))
        PPO(network, Constant(), settings_of(batch_size=32, num_epochs=3), seed=seed).update(rollout)
        return weights(network)

    assert torch.equal(run(1), run(1))
    assert not torch.equal(run(1), run(2))


def test_a_first_pass_has_changed_nothing_yet():
    network, images = network_of(bias=(0.3, 0.0, -0.2)), random_images(50)
    actions = torch.arange(50) % 3
    probabilities = mean_probability(network, images)
    report = PPO(network, Constant(), settings_of()).update(
        rollout_of(network, images, actions, torch.arange(50))
    )
    assert float(report.clipped_share) == 0
    assert float(report.divergence) == pytest.approx(0, abs=1e-6)
    assert float(report.policy_loss) == pytest.approx(0, abs=1e-5)  # minus the mean of normalised advantages
    assert float(report.entropy) == pytest.approx(
        float(-(probabilities * probabilities.log()).sum()), abs=0.01
    )


def test_later_passes_report_how_far_the_policy_has_moved():
    """The estimate r - 1 - log r is at least 0 and grows with the distance."""
    images = random_images(60)
    actions = torch.arange(60) % 3
    rewards = torch.tensor([1.0, 0.0, -1.0])[actions]

    def divergence(epochs: int) -> float:
        network = network_of()
        ppo = PPO(network, Constant(), settings_of(num_epochs=epochs, lr=3e-3))
        return float(ppo.update(rollout_of(network, images, actions, rewards)).divergence)

    assert 0 < divergence(2) < divergence(6)


@pytest.mark.parametrize(
    ("samples", "rate"), [(0, 2e-3), (250, 1.5e-3), (500, 1e-3), (900, 2e-4), (1000, 2e-4), (10**6, 2e-4)]
)
def test_the_learning_rate_falls_with_the_samples(samples, rate):
    """From 0.002 in a straight line to 0 at 1000 samples, but never below a tenth."""
    ppo = PPO(network_of(), Constant(), settings_of(lr=2e-3, lr_decay_samples=1000, final_lr_share=0.1))
    ppo.set_progress(samples)
    assert [group["lr"] for group in ppo.optimizer.param_groups] == [pytest.approx(rate)]


def test_a_final_share_of_one_keeps_the_learning_rate():
    ppo = PPO(network_of(), Constant(), settings_of(lr=3e-4, lr_decay_samples=1, final_lr_share=1))
    ppo.set_progress(10**6)
    assert ppo.optimizer.param_groups[0]["lr"] == pytest.approx(3e-4)


def test_actions_are_drawn_as_probable_as_the_network_says():
    """Odds 1 : 2 : 5 in 40,000 draws; chi-squared with 2 degrees of freedom is below 13.8 in 999 of 1000."""
    odds = torch.tensor([1.0, 2.0, 5.0])
    logits = (odds.log() + 3).expand(40_000, -1)
    actions, log_probability = sample_actions(logits, torch.Generator().manual_seed(0))
    wanted = 40_000 * odds / 8
    counts = torch.bincount(actions, minlength=3)
    assert float(((counts - wanted) ** 2 / wanted).sum()) < 13.8
    torch.testing.assert_close(log_probability, (odds / 8).log()[actions])


def test_each_row_has_its_own_distribution():
    logits = torch.tensor([[0.0, -1e4, -1e4], [-1e4, -1e4, 0.0], [0.0, 0.0, -1e4]]).repeat(200, 1)
    actions, log_probability = sample_actions(logits, torch.Generator().manual_seed(0))
    rows = actions.view(200, 3)
    assert bool((rows[:, 0] == 0).all())
    assert bool((rows[:, 1] == 2).all())
    assert set(rows[:, 2].tolist()) == {0, 1}
    assert log_probability[:3].tolist() == pytest.approx([0, 0, math.log(0.5)], abs=1e-6)


def test_the_generator_decides_the_draws():
    logits = torch.zeros(100, 4)
    first, again, other = (
        sample_actions(logits, torch.Generator().manual_seed(seed))[0] for seed in (3, 3, 4)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
