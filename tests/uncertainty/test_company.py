"""A draw is one function whatever the batch, or draws are not called joint."""

import random
import warnings

import numpy as np
import pytest
import torch
from torch import nn

from askance.maths import Draws
from askance.uncertainty import SplitNet, StochasticNet, ensemble_draws, mc_dropout
from askance.uncertainty.axes import Axis, axes_of
from askance.uncertainty.outside import outside_seeded
from askance.uncertainty.requests import Request
from askance.vocab import ModelError
from tests.uncertainty.networks_by_axis import APART, JOINT

SIZES = (1, 3, 9)
"""Nine images have nine tokens each: where tokens are taken for images, this is where it shows."""


def images(n: int = 11) -> torch.Tensor:
    return 2 * torch.randn(n, 3, 12, 12, generator=torch.Generator().manual_seed(1))


def drawn_at_all_sizes(net: nn.Module) -> tuple[list[Draws], StochasticNet]:
    x = images()
    drawn = StochasticNet(net, x[:5])
    return [drawn.draws(x, k=6, seed=0, batch=size) for size in (len(x), *SIZES)], drawn


@pytest.mark.parametrize("name", JOINT)
def test_a_draw_is_the_same_function_whatever_the_batch(name: str) -> None:
    torch.manual_seed(0)
    net, x = JOINT[name]().eval(), images()
    together, *others = drawn_at_all_sizes(net)[0]
    assert all(draws.joint for draws in (together, *others))
    for draws in others:
        torch.testing.assert_close(draws.log_probs, together.log_probs, atol=1e-4, rtol=0)
    last = mc_dropout(net, x[-1:], k=6, seed=0).log_probs
    torch.testing.assert_close(last, together.log_probs[-1:], atol=1e-4, rtol=0)
    assert (together.log_probs[:, 1:] - together.log_probs[:, :1]).abs().max() > 1e-3


@pytest.mark.parametrize("name", APART)
def test_what_depends_on_the_batch_is_not_called_joint(name: str) -> None:
    torch.manual_seed(0)
    found, drawn = drawn_at_all_sizes(APART[name]().eval())
    gap = max(float((draws.log_probs - found[0].log_probs).abs().max()) for draws in found)
    assert gap > 1e-4  # or there would be nothing to say
    assert not all(draws.joint for draws in found)
    assert drawn.why


def test_why_draws_are_not_joint_is_said() -> None:
    for name, words in (
        ("in two parts", r"asks for numbers \[1, 12\] with 2 images and \[2, 12\] with 3"),
        ("one at a time", "by how many images there are"),
        ("filled up to eight", "other logits beside other images"),
        ("leaky, each its own", "each image has numbers of its own"),
    ):
        drawn = StochasticNet(APART[name]().eval(), images(5))
        pattern = pytest.raises(AssertionError, match=words)
        with pattern:
            raise AssertionError(drawn.why)
    layers = StochasticNet(APART["filled up to eight"]().eval(), images(5)).layers
    assert "not joint" in layers[0].note


def test_images_of_another_size_are_looked_at_anew() -> None:
    """Sixteen tokens in place of nine: what was found for nine says nothing of them."""
    torch.manual_seed(0)
    net = JOINT["encoder, tokens first"]().eval()
    drawn = StochasticNet(net, images(5))
    x = torch.randn(16, 3, 16, 16)
    first = drawn.draws(x, k=3, seed=0, batch=2)
    assert first.joint
    torch.testing.assert_close(drawn.draws(x, k=3, seed=0, batch=16).log_probs, first.log_probs, atol=1e-4, rtol=0)


def test_what_grows_with_the_batch_is_the_axis_of_images() -> None:
    def asked(*shape: int, key: str = "drop", understood: bool = True) -> list[Request]:
        return [Request(key, 0, "op", 0.5, understood, shape)]

    for few, many, axis in (
        ((2, 8), (3, 8), Axis((1, 8), 0)),
        ((49, 2, 8), (49, 3, 8), Axis((49, 1, 8), 1)),
        ((8, 9, 9), (12, 9, 9), Axis((4, 9, 9), 0)),
        ((6, 3), (6, 3), Axis((6, 3))),
        ((), (), Axis(())),
    ):
        found = axes_of(asked(*few), asked(*many), (2, 3))
        assert (found.of, found.why) == ({"drop": axis}, "")
        assert axis.of(2) == few
        assert axis.of(3) == many
    for few, many in (((2, 2), (3, 3)), ((6,), (7,)), ((4,), (7,)), ((2, 8), (3, 8, 1)), ((8,), (9,))):
        found = axes_of(asked(*few), asked(*many), (2, 3))
        assert not found.of
        assert "drop asks for numbers" in found.why
    assert "each image" in axes_of(asked(2, understood=False), asked(3, understood=False), (2, 3)).why
    assert "other asks" in axes_of(asked(2), [*asked(3), *asked(3, key="other")], (2, 3)).why


def test_numbers_of_one_image_are_those_of_all() -> None:
    one = torch.arange(6.0).reshape(2, 3)
    outer, inner = Axis((2, 3), 0).spread(one, 4), Axis((2, 3), 0, inner=True).spread(one, 4)
    assert outer.shape == inner.shape == (8, 3)
    assert torch.equal(outer.unflatten(0, (4, 2))[3], one)
    assert torch.equal(inner.unflatten(0, (2, 4))[:, 3], one)
    assert torch.equal(Axis((2, 1, 3), 1).spread(one[:, None], 4)[:, 2], one)


def test_generators_outside_of_torch_are_left_as_they_were() -> None:
    np.random.seed(3)  # noqa: NPY002
    expected = float(np.random.rand())  # noqa: NPY002
    np.random.seed(3)  # noqa: NPY002
    rows = StochasticNet(JOINT["numpy's random"]().eval(), images(5)).layers
    assert float(np.random.rand()) == expected  # noqa: NPY002
    assert "seeded by the draw" in rows[-1].note
    random.seed(3)
    expected = random.random()
    random.seed(3)
    with outside_seeded("elsewhere"):
        random.random()
    assert random.random() == expected


def test_dropped_by_python_in_training_mode_alone() -> None:
    class Skips(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.out = nn.Linear(4, 3)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.out(x * (2 if self.training and random.random() < 0.5 else 1))

    drawn = StochasticNet(Skips(), torch.randn(5, 4))
    draws = drawn.draws(torch.randn(7, 4), k=10, seed=0, batch=3)
    assert draws.joint
    assert len({tuple(row.tolist()) for row in draws.log_probs[0]}) == 2


def test_members_of_an_ensemble_are_functions_of_an_image() -> None:
    torch.manual_seed(0)
    x = images()
    noisy = JOINT["noise of pixels"]().eval()
    draws = ensemble_draws([noisy], x, batch=4)
    assert draws.joint
    torch.testing.assert_close(ensemble_draws([noisy], x, batch=11).log_probs, draws.log_probs, atol=1e-4, rtol=0)
    assert not ensemble_draws([noisy, APART["normalised by the batch"]().eval()], x).joint


def test_a_trunk_that_is_random_or_looks_at_several_images_is_seen() -> None:
    torch.manual_seed(0)
    x = images()
    head = nn.Sequential(nn.Dropout(0.5), nn.Linear(3, 3))
    noisy = SplitNet(JOINT["noise of pixels"](), head).eval()
    draws = mc_dropout(noisy, x, k=3, seed=0)
    torch.testing.assert_close(
        mc_dropout(noisy, x, k=3, seed=0, batch=3).log_probs, draws.log_probs, atol=1e-4, rtol=0
    )
    assert draws.joint
    beside = SplitNet(
        nn.Sequential(nn.BatchNorm2d(3, track_running_stats=False), nn.Flatten(), nn.Linear(432, 3)), head
    )
    assert not mc_dropout(beside.eval(), x, k=3, seed=0).joint


@pytest.mark.filterwarnings("ignore")
def test_numbers_scaled_by_the_batch_are_not_joint() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        net = torch.ao.quantization.quantize_dynamic(JOINT["Dropout"]().eval(), {nn.Linear})
    drawn = StochasticNet(net, images(5))
    assert not drawn.joint
    assert "quantisation" in drawn.why


def test_a_dropout_that_large_batches_do_not_come_to_is_told_of() -> None:
    """Where all behind it is a plain head, there are no draws of such a batch."""
    layers = nn.Linear(4, 8), nn.Dropout(0.5), nn.Linear(8, 3)

    class Small(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layers = nn.ModuleList(layers)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            hidden = self.layers[0](x)
            return self.layers[2](self.layers[1](hidden) if len(x) < 7 else hidden)

    with pytest.raises(ModelError, match=r"8 of \[4\] with which it does not"):
        mc_dropout(Small(), torch.randn(8, 4), k=2, seed=0)
