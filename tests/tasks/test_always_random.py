"""Networks of one's own that are random in evaluation mode, or cannot be trained."""

import sys

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from askance.networks.model import build
from askance.uncertainty import StochasticNet
from askance.vocab import ModelError
from askance.vocab.config import ModelConfig


class Noisy(nn.Module):
    """Dropout that nothing switches off, before the last layer or on the input."""

    def __init__(self, classes: int, *, first: bool) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 4, 3, stride=2), nn.ReLU(), nn.Flatten())
        self.last, self.first = nn.Linear(4 * 49, classes), first

    def forward(self, x: Tensor) -> Tensor:
        if self.first:
            return self.last(self.body(x + torch.randn_like(x)))
        return self.last(functional.dropout(self.body(x), 0.5))


def noise_first(num_classes: int) -> nn.Module:
    return Noisy(num_classes, first=True)


def dropout_last(num_classes: int) -> nn.Module:
    return Noisy(num_classes, first=False)


def frozen(num_classes: int) -> nn.Module:
    return Noisy(num_classes, first=False).requires_grad_(False)


def exits(num_classes: int) -> nn.Module:
    sys.exit(num_classes)


def lazy(num_classes: int) -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.LazyLinear(8), nn.Dropout(0.5), nn.LazyLinear(num_classes))


def config(factory: object, posterior: str = "mc-dropout") -> ModelConfig:
    return ModelConfig(name=f"{__name__}:{factory.__name__}", size=16, posterior=posterior)  # type: ignore[attr-defined]


@pytest.mark.parametrize("factory", [noise_first, dropout_last])
@pytest.mark.parametrize("posterior", ["mc-dropout", "ensemble"])
def test_a_network_that_is_random_in_evaluation_mode_is_trained_and_picked_with(factory, posterior) -> None:
    net = build(config(factory, posterior), 2, 0)
    x = torch.rand(6, 3, 16, 16)
    with torch.no_grad():
        assert torch.equal(net(x), net(x))  # one function, where it is not being trained
        torch.testing.assert_close(net(x)[4:], net(x[4:]))
        net.train()
        assert not torch.equal(net(x), net(x))
        net.eval()
    draws = StochasticNet(net, x).draws(x, k=3, seed=0)
    assert draws.joint
    assert (draws.log_probs[:, 0] - draws.log_probs[:, 1]).abs().max() > 1e-3


def test_lazy_layers_learn_their_sizes_from_the_seed() -> None:
    first, again, other = (build(config(lazy), 2, seed).state_dict() for seed in (0, 0, 1))
    assert all(torch.equal(tensor, again[name]) for name, tensor in first.items())
    assert any(not torch.equal(tensor, other[name]) for name, tensor in first.items())


def test_what_cannot_be_trained_is_refused_before_an_image_is_read() -> None:
    with pytest.raises(ModelError, match="4 tensors, all frozen"):
        build(config(frozen), 2, 0)
    with pytest.raises(ModelError, match=r"SystemExit: 2 \(.*in exits"):
        build(config(exits), 2, 0)
