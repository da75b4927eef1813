"""BALD of each class by itself, from draws over classes and nothing."""

import math

import pytest
import torch

from askance.acquisition import bald, bernoulli_bald, score
from askance.maths import Draws, bernoulli_units
from tests.reference.acquisitions import bernoulli_bald as twin


def with_nothing(logits: torch.Tensor) -> Draws:
    """Draws of per-class sigmoids: at most one of them is on."""
    return Draws.from_logits(torch.cat([logits, torch.zeros_like(logits[..., :1])], -1), joint=True)


@pytest.mark.parametrize("scale", [0.1, 3.0, 30.0])
def test_the_logits_of_the_sigmoids_come_back_exactly(scale: float):
    logits = scale * torch.randn(7, 5, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    due = bald(bernoulli_units(logits, joint=True).draws).view(7, 3).sum(1)
    torch.testing.assert_close(bernoulli_bald(with_nothing(logits)), due, atol=1e-11, rtol=0)


def test_equals_its_slow_twin_where_classes_or_nothing_are_impossible():
    probs = torch.tensor(
        [
            [[0.5, 0.5, 0.0], [0.0, 0.5, 0.5], [1.0, 0.0, 0.0]],
            [[0.0, 0.0, 1.0], [0.2, 0.3, 0.5], [0.0, 1.0, 0.0]],
        ],
        dtype=torch.float64,
    )
    draws = Draws.from_probs(probs, joint=True)
    due = torch.tensor([twin(unit) for unit in draws.log_probs.tolist()], dtype=torch.float64)
    torch.testing.assert_close(bernoulli_bald(draws), due, atol=1e-12, rtol=0)


def test_a_box_that_may_be_both_classes_is_in_doubt_of_each():
    """Half of the draws say a bottle that is a can too, half say nothing: two questions of a bit."""
    both = torch.tensor([[[40.0, 40.0], [-40.0, -40.0]]], dtype=torch.float64)
    assert bernoulli_bald(with_nothing(both)).item() == pytest.approx(2 * math.log(2))
    assert bald(with_nothing(both)).item() == pytest.approx(math.log(2))


def test_far_classes_that_all_draws_rule_out_add_nothing():
    few = 2 * torch.randn(4, 6, 2, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    many = torch.cat([few, torch.full((4, 6, 30), -60.0, dtype=torch.float64)], -1)
    torch.testing.assert_close(bernoulli_bald(with_nothing(many)), bernoulli_bald(with_nothing(few)))


def test_nothing_alone_is_no_question():
    assert bernoulli_bald(Draws.from_logits(torch.zeros(3, 2, 1), joint=True)).tolist() == [0.0] * 3


@pytest.mark.parametrize("name", ["bald", "predictive-entropy", "expected-entropy", "margin", "variation-ratios"])
def test_other_scores_take_nothing_as_one_class_more(name: str):
    """A box that is there with p = 1/2 is a toss-up of two; one that surely is nothing is in no doubt."""
    logits = torch.tensor([[[0.0, -90.0]] * 3, [[-90.0, -90.0]] * 3], dtype=torch.float64)
    due = {"predictive-entropy": math.log(2), "expected-entropy": math.log(2), "margin": 1.0}
    half, nothing = score(name, draws=with_nothing(logits)).tolist()
    assert half == pytest.approx({"variation-ratios": 0.5, **due}.get(name, 0.0))
    assert nothing == pytest.approx(0.0)
