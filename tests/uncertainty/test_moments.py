"""Closed-form moments of dropout against every mask there is, and against many masks."""

import pytest
import torch
from scipy.stats import spearmanr
from torch import Tensor, nn

from askance.acquisition import bald
from askance.uncertainty import DropoutMoments, DropoutPosterior, dropout_moments, moments
from askance.uncertainty.moments import rectified
from askance.vocab import ModelError
from tests.reference.posteriors import moments_of_two_layers, moments_over_all_masks, rectified_by_quadrature


def head_of(*layers: nn.Module, seed: int = 0) -> nn.Sequential:
    """Double, with weights of this seed."""
    head = nn.Sequential(*layers).double()
    generator = torch.Generator().manual_seed(seed)
    for weight in head.parameters():
        nn.init.normal_(weight, generator=generator)
    return head


def features(n: int = 6, d: int = 5) -> Tensor:
    return torch.randn(n, d, generator=torch.Generator().manual_seed(3), dtype=torch.float64)


@pytest.mark.parametrize("p", [0.1, 0.5, 0.8])
def test_equals_the_moments_over_all_masks(p: float):
    head = head_of(nn.Dropout(p), nn.Linear(5, 3))
    got = dropout_moments(head, features())
    for image, g in enumerate(features()):
        mean, covariance = moments_over_all_masks(head[1].weight.detach(), head[1].bias.detach(), g, p)
        torch.testing.assert_close(got.mean[image], mean, atol=1e-12, rtol=0)
        torch.testing.assert_close(got.covariance[image], covariance, atol=1e-11, rtol=0)


def test_layers_before_and_a_missing_bias():
    head = head_of(nn.Linear(5, 4), nn.ReLU(), nn.Dropout(0.3), nn.Identity(), nn.Linear(4, 3, bias=False))
    got = dropout_moments(head.train(), features())
    inputs = head[:2](features()).detach()
    for image, g in enumerate(inputs):
        mean, covariance = moments_over_all_masks(head[4].weight.detach(), torch.zeros(3), g, 0.3)
        torch.testing.assert_close(got.mean[image], mean, atol=1e-12, rtol=0)
        torch.testing.assert_close(got.covariance[image], covariance, atol=1e-11, rtol=0)


def test_many_masks_have_these_moments():
    """Against the sampler, up to what a softmax forgets."""
    head = head_of(nn.Dropout(0.4), nn.Linear(5, 3))
    k = 20_000
    drawn = DropoutPosterior(head, k=k, seed=0)(features()).log_probs
    drawn = drawn - drawn.mean(-1, keepdim=True)
    centre = torch.eye(3, dtype=torch.float64) - 1 / 3
    exact = dropout_moments(head, features())
    spread = centre @ exact.covariance @ centre
    error = drawn - drawn.mean(1, keepdim=True)
    bound = 5 * (spread.diagonal(dim1=-2, dim2=-1) / k).sqrt()
    assert bool(((drawn.mean(1) - exact.mean @ centre).abs() < bound).all())
    measured = error.mT @ error / k
    assert float(((measured - spread).abs().amax((1, 2)) / spread.abs().amax((1, 2))).max()) < 0.05


def test_few_images_at_a_time_give_the_same(monkeypatch: pytest.MonkeyPatch):
    head = head_of(nn.Dropout(0.4), nn.Linear(5, 3))
    whole, drawn = dropout_moments(head, features()), DropoutMoments(head).draws(features(), k=4, seed=0)
    monkeypatch.setattr(moments, "STEP_BYTES", 2 * 8 * 3 * 5)
    assert DropoutMoments(head)._law.step == 2
    torch.testing.assert_close(dropout_moments(head, features()).covariance, whole.covariance)
    torch.testing.assert_close(
        DropoutMoments(head).draws(features(), k=4, seed=0).log_probs, drawn.log_probs, atol=1e-9, rtol=0
    )


def test_draws_have_the_moments():
    head = head_of(nn.Dropout(0.4), nn.Linear(5, 3))
    k = 20_000
    logits = DropoutMoments(head).draws(features(), k=k, seed=0).log_probs
    logits = logits - logits.mean(-1, keepdim=True)
    centre = torch.eye(3, dtype=torch.float64) - 1 / 3
    exact = dropout_moments(head, features())
    spread = centre @ exact.covariance @ centre
    assert float((logits.mean(1) - exact.mean @ centre).abs().max()) < 6 * float((spread.max() / k).sqrt())
    error = logits - logits.mean(1, keepdim=True)
    torch.testing.assert_close(error.mT @ error / k, spread, atol=0.05 * float(spread.max()), rtol=0)


def two_layers(p1: float = 0.25, p2: float = 0.5, *, d: int = 5, h: int = 6, bias: bool = True) -> nn.Sequential:
    return head_of(
        nn.Dropout(p1), nn.Linear(d, h, bias=bias), nn.ReLU(), nn.Dropout(p2), nn.Linear(h, 3, bias=bias)
    )


@pytest.mark.parametrize("mean", [0.0, 0.7, -2.0, 5.0, -9.0])
@pytest.mark.parametrize("variance", [1.0, 0.04, 30.0])
def test_rectified_moments_are_the_integrals(mean: float, variance: float):
    got = rectified(*(torch.tensor([each], dtype=torch.float64) for each in (mean, variance)))
    due = rectified_by_quadrature(mean, variance)
    assert [float(each) for each in got] == pytest.approx(due, abs=1e-9, rel=1e-6)


def test_rectified_moments_at_the_ends():
    mean = torch.tensor([3.0, -3.0, 0.0, 1e9, -1e9], dtype=torch.float64)
    for variance in (0.0, 1e-30):
        got, spread = rectified(mean, torch.full_like(mean, variance))
        torch.testing.assert_close(got, mean.relu(), atol=1e-14, rtol=0)
        assert bool(((spread >= 0) & (spread <= variance)).all())


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("p2", [0.5, 0.0])
def test_two_layers_equal_the_moments_written_out(p2: float, bias: bool):
    head = two_layers(0.3, p2, bias=bias)
    weights = [(head[place].weight.detach(), head[place].bias) for place in (1, 4)]
    got = dropout_moments(head.train(), features())
    for image, z in enumerate(features()):
        mean, covariance = moments_of_two_layers(weights, z, 0.3, p2)
        torch.testing.assert_close(got.mean[image], mean, atol=1e-6, rtol=0)
        torch.testing.assert_close(got.covariance[image], covariance, atol=1e-5, rtol=0)


def test_wide_layers_under_many_masks_have_about_these_moments():
    """Against the sampler: what the two assumptions, Gaussian and independent, cost where layers are wide."""
    head = two_layers(d=300, h=80)
    with torch.no_grad():
        head[1].weight.mul_(300**-0.5)
    x = features(20, 300)
    drawn = DropoutPosterior(head, k=4000, seed=0)(x).log_probs
    drawn = drawn - drawn.mean(-1, keepdim=True)
    centre = torch.eye(3, dtype=torch.float64) - 1 / 3
    got = dropout_moments(head, x)
    spread = (centre @ got.covariance @ centre).diagonal(dim1=-2, dim2=-1)
    assert float(((drawn.mean(1) - got.mean @ centre).abs() / spread.sqrt()).max()) < 0.1
    assert float((drawn.var(1) / spread).log().abs().max()) < 0.3


def test_ranks_images_as_many_masks_do():
    head = two_layers(d=60, h=80)
    with torch.no_grad():
        head[1].weight.mul_(0.15)
        head[4].weight.mul_(0.15)
    x = features(300, 60)
    masks = bald(DropoutPosterior(head, k=2000, seed=0)(x))
    assert spearmanr(masks, bald(DropoutMoments(head).draws(x, k=64, seed=1))).statistic > 0.97


def test_little_dropout_leaves_nothing_to_learn():
    draws = DropoutMoments(two_layers(1e-14, 1e-14)).draws(features(), k=20, seed=0)
    assert float(bald(draws).max()) < 1e-11
    scaled = DropoutMoments(two_layers(0.1, 0.1)).draws(features(), k=20, seed=0)
    assert float(bald(scaled).max()) > 1e-3


def test_the_pool_does_not_matter_to_an_image():
    x = features(300)
    posterior = DropoutMoments(two_layers())
    whole = posterior.draws(x, k=8, seed=0).log_probs
    torch.testing.assert_close(posterior.draws(x[:7], k=8, seed=0).log_probs, whole[:7], atol=1e-12, rtol=0)
    torch.testing.assert_close(
        posterior.draws(x.flip(0), k=8, seed=0).log_probs, whole.flip(0), atol=1e-12, rtol=0
    )


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_narrow_heads_draw_in_float32(dtype: torch.dtype):
    due = DropoutMoments(two_layers()).draws(features(), k=8, seed=0).log_probs
    got = DropoutMoments(two_layers().to(dtype)).draws(features(), k=8, seed=0).log_probs
    assert got.dtype == torch.float32
    torch.testing.assert_close(got.double(), due, atol=1e-4 if dtype == torch.float32 else 0.5, rtol=0)


def test_covariances_of_many_classes_need_no_table_of_products(monkeypatch: pytest.MonkeyPatch):
    due = dropout_moments(two_layers(), features()).covariance
    monkeypatch.setattr(moments, "PRODUCTS", 0)
    torch.testing.assert_close(dropout_moments(two_layers(), features()).covariance, due)


@pytest.mark.parametrize(
    ("layers", "words"),
    [
        ([nn.Linear(5, 3)], "dropout with p > 0"),
        ([nn.Dropout(0.0), nn.Linear(5, 3)], "dropout with p > 0"),
        ([nn.Dropout(0.5), nn.Dropout(0.5), nn.Linear(5, 3)], "right before the last"),
        ([nn.Dropout(0.5), nn.ReLU(), nn.Linear(5, 3)], "right before the last"),
        ([nn.Dropout(0.5), nn.Linear(5, 4), nn.Tanh(), nn.Linear(4, 3)], "right before the last"),
        ([nn.Dropout(0.5), nn.Linear(5, 4), nn.Linear(4, 3)], "right before the last"),
        ([*[nn.Dropout(0.5), nn.Linear(5, 5), nn.ReLU()] * 3, nn.Linear(5, 3)], "right before the last"),
        ([nn.AlphaDropout(0.5), nn.Linear(5, 3)], "right before the last"),
        ([nn.AlphaDropout(0.5), nn.Dropout(0.5), nn.Linear(5, 3)], "right before the last"),
        ([nn.Dropout(1.0), nn.Linear(5, 3)], "right before the last"),
        ([nn.Dropout(0.5), nn.Linear(5, 3), nn.Softmax(1)], "ends with nn.Linear"),
    ],
)
def test_other_heads_are_refused(layers: list[nn.Module], words: str):
    with pytest.raises(ModelError, match=words):
        dropout_moments(nn.Sequential(*layers), torch.zeros(2, 5))
    with pytest.raises(ModelError, match=words):
        DropoutMoments(nn.Sequential(*layers))
