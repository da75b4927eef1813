"""SWAG against its moments written out from all snapshots."""

import pytest
import torch
from torch import Tensor, nn

from askance.uncertainty import Collector, Swag
from askance.vocab import ModelError
from tests.reference.posteriors import swag_moments


def head() -> nn.Sequential:
    return nn.Sequential(nn.Dropout(0.5), nn.Linear(2, 2), nn.Tanh(), nn.Linear(2, 2, bias=False)).double()


def wander(net: nn.Sequential, steps: int, collector: Collector) -> list[Tensor]:
    """Snapshots of weights on a random walk about a point far from zero, as the collector saw them."""
    generator = torch.Generator().manual_seed(0)
    seen = []
    for _ in range(steps):
        with torch.no_grad():
            for weight in net.parameters():
                weight.copy_(100 + torch.randn(weight.shape, generator=generator, dtype=torch.float64))
        collector.take(net)
        seen.append(torch.cat([weight.detach().flatten() for weight in net.parameters()]).clone())
    return seen


def flat(sample: dict[str, Tensor]) -> Tensor:
    return torch.cat([weight.flatten() for weight in sample.values()])


@pytest.mark.parametrize(("steps", "rank"), [(2, 2), (4, 20), (9, 3), (30, 20)])
def test_the_moments_are_those_of_the_snapshots(steps: int, rank: int):
    net, collector = head(), Collector(rank=rank)
    mean, covariance = swag_moments(wander(net, steps, collector), rank)
    swag = collector.posterior(net)
    torch.testing.assert_close(swag.mean, mean, atol=1e-10, rtol=0)
    r = len(swag.deviations)
    assert r == min(steps, rank)
    rebuilt = (swag.variance.diag() + swag.deviations.T @ swag.deviations / (r - 1)) / 2
    torch.testing.assert_close(rebuilt, covariance, atol=1e-9, rtol=0)


def test_many_samples_have_the_moments():
    net, collector = head(), Collector(rank=3)
    mean, covariance = swag_moments(wander(net, 8, collector), 3)
    swag = collector.posterior(net)
    k = 8_000
    samples = torch.stack([flat(swag.sample(draw, seed=0)) for draw in range(k)])
    bound = 5 * (covariance.diagonal() / k).sqrt()
    assert bool(((samples.mean(0) - mean).abs() < bound).all())
    error = samples - mean
    torch.testing.assert_close(error.T @ error / k, covariance, atol=0.06 * float(covariance.max()), rtol=0)


def test_a_draw_is_the_head_with_the_sampled_weights():
    net, collector = head(), Collector()
    wander(net, 5, collector)
    swag = collector.posterior(net)
    features = torch.randn(7, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64) / 100
    draws = swag.draws(features, k=3, seed=4).log_probs
    for k in range(3):
        net.load_state_dict(swag.sample(k, seed=4))
        torch.testing.assert_close(draws[:, k], net.eval()(features).log_softmax(-1), atol=1e-12, rtol=0)


def test_snapshots_are_copies_and_float32_stays_exact_enough():
    """A variance of 1e-6 about 100 in float32: a difference of squares would have nothing left of it."""
    net, collector = nn.Sequential(nn.Linear(3, 2)), Collector()
    generator = torch.Generator().manual_seed(0)
    snapshots = []
    for _ in range(10):
        with torch.no_grad():
            for weight in net.parameters():
                weight.copy_(100 + 1e-3 * torch.randn(weight.shape, generator=generator))
        collector.take(net)
        snapshots.append(torch.cat([weight.detach().double().flatten() for weight in net.parameters()]))
    due = torch.stack(snapshots).var(0, correction=0)
    torch.testing.assert_close(collector.posterior(net).variance.double(), due, rtol=1e-5, atol=0)


def test_whole_networks_can_be_collected():
    """Whatever has parameters: integers and buffers are left alone."""
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Flatten(), nn.Linear(8, 2))
    collector = Collector()
    collector.take(net)
    collector.take(net)
    swag = collector.posterior(net)
    assert set(swag.sample(0, seed=0)) == {name for name, _ in net.named_parameters()}
    assert len(swag.mean) == sum(weight.numel() for weight in net.parameters())


def test_what_cannot_be_collected_is_refused():
    with pytest.raises(ModelError, match="rank"):
        Collector(rank=1)
    collector = Collector()
    with pytest.raises(ModelError, match="two snapshots"):
        collector.posterior(head())
    collector.take(head())
    with pytest.raises(ModelError, match="two snapshots"):
        collector.posterior(head())
    other = nn.Sequential(nn.Linear(2, 3))
    with pytest.raises(ModelError, match="snapshots before"):
        collector.take(other)
    collector.take(head())
    with pytest.raises(ModelError, match="of the snapshots"):
        collector.posterior(other)
    assert isinstance(collector.posterior(head()), Swag)
