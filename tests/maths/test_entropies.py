"""Entropies and means over draws: hand values, limits, and no NaN at zero."""

import math

import pytest
import torch

from askance.maths import entropy, log_mean_probs, mean_probs

GENERATOR = torch.Generator().manual_seed(0)
LOG_PROBS = torch.randn(7, 9, 5, generator=GENERATOR, dtype=torch.float64).log_softmax(-1)


@pytest.mark.parametrize(
    ("probs", "due"),
    [
        ([1.0], 0.0),
        ([1.0, 0.0, 0.0], 0.0),
        ([0.5, 0.5], math.log(2)),
        ([0.5, 0.25, 0.25], 1.5 * math.log(2)),
        ([0.1] * 10, math.log(10)),
    ],
)
def test_entropy_is_in_nats(probs: list[float], due: float):
    assert float(entropy(torch.tensor(probs, dtype=torch.float64).log())) == pytest.approx(due, abs=1e-15)


def test_entropy_takes_any_leading_axes():
    assert entropy(LOG_PROBS).shape == (7, 9)
    torch.testing.assert_close(entropy(LOG_PROBS)[3, 4], -(LOG_PROBS[3, 4].exp() * LOG_PROBS[3, 4]).sum())


def test_means_are_over_draws():
    due = LOG_PROBS.exp().mean(1)
    torch.testing.assert_close(mean_probs(LOG_PROBS), due, atol=1e-15, rtol=0)
    torch.testing.assert_close(log_mean_probs(LOG_PROBS), due.log(), atol=1e-14, rtol=0)


def test_a_class_that_no_draw_allows_stays_impossible():
    sure = torch.tensor([[[0.0, -torch.inf, -torch.inf], [-torch.inf, 0.0, -torch.inf]]])
    assert mean_probs(sure).tolist() == [[0.5, 0.5, 0.0]]
    assert log_mean_probs(sure)[0, 2] == -torch.inf
    torch.testing.assert_close(log_mean_probs(sure)[0, :2], torch.full((2,), -math.log(2), dtype=torch.float64))


def test_the_log_mean_does_not_underflow():
    tiny = torch.tensor([[[0.0, -1000.0], [0.0, -1001.0]]])
    due = -1000 + math.log((1 + math.exp(-1)) / 2)
    assert float(log_mean_probs(tiny)[0, 1]) == pytest.approx(due, abs=1e-12)


def test_the_mean_of_narrow_draws_is_normalised():
    mean = mean_probs(LOG_PROBS.half())
    torch.testing.assert_close(mean.sum(-1), torch.ones(7, dtype=torch.float64), atol=1e-15, rtol=0)


@pytest.mark.parametrize("function", [mean_probs, log_mean_probs])
def test_one_unit_alone_gives_the_very_same_numbers(function):
    whole = function(LOG_PROBS)
    assert all(torch.equal(function(LOG_PROBS[i : i + 1])[0], whole[i]) for i in range(7))
    assert function(LOG_PROBS[:0]).shape == (0, 5)
