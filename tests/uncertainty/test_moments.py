"""Closed-form moments of dropout against every mask there is, and against many masks."""

import pytest
import torch
from torch import Tensor, nn

from askance.uncertainty import DropoutMoments, DropoutPosterior, dropout_moments, moments
from askance.vocab import ModelError
from tests.reference.posteriors import moments_over_all_masks


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
    assert moments._step(moments.LastLayer.of(head)) == 2
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


@pytest.mark.parametrize(
    ("layers", "words"),
    [
        ([nn.Linear(5, 3)], "dropout with p > 0"),
        ([nn.Dropout(0.0), nn.Linear(5, 3)], "dropout with p > 0"),
        ([nn.Dropout(0.5), nn.Dropout(0.5), nn.Linear(5, 3)], "right before the last"),
        ([nn.Dropout(0.5), nn.ReLU(), nn.Linear(5, 3)], "right before the last"),
        ([nn.Dropout(0.5), nn.Linear(5, 4), nn.ReLU(), nn.Dropout(0.5), nn.Linear(4, 3)], "right before the last"),
        ([nn.Dropout(0.5), nn.Linear(5, 4), nn.ReLU(), nn.Linear(4, 3)], "right before the last"),
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
